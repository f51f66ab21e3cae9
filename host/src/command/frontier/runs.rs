//! One run: `train` in a process of its own, or what an earlier call has left.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::board;
use crate::command::train::Preset;
use crate::cost::Work;
use crate::engine::with_model;
use crate::exit_reason::ExitReason;
use crate::train::stop::{STOPPED, Stop};

/// How long a run that is asked to stop may take for its checkpoint.
const GRACE: Duration = Duration::from_secs(30);

/// How often a run is looked after.
const GLANCE: Duration = Duration::from_millis(50);

/// The board that stands for a Cortex-M0, and the one for a Cortex-M4.
pub const BOARDS: [&str; 2] = ["microbit", "mps2-an386"];

/// What `train` reports, as far as it matters here.
#[derive(Deserialize)]
struct Report {
    valid: Float,
    test: Option<Float>,
    quantised: Quantised,
    blob: Blob,
    seconds: f64,
}

#[derive(Deserialize)]
struct Float {
    accuracy: f64,
}

#[derive(Deserialize)]
struct Quantised {
    valid_accuracy: f64,
    test_accuracy: Option<f64>,
    agreement: f64,
}

#[derive(Deserialize)]
struct Blob {
    bytes: u64,
}

/// A finished run.
#[derive(Clone, Debug, Serialize)]
pub struct Trained {
    pub seed: u64,
    /// The whole blob.
    pub bytes: u64,
    pub float_valid: f64,
    pub float_test: Option<f64>,
    pub quantised_valid: f64,
    pub quantised_test: Option<f64>,
    pub agreement: f64,
    /// Estimated on [`BOARDS`].
    pub instructions_per_word: [f64; 2],
    /// Of the last process that trained it.
    pub seconds: f64,
}

/// The runs of a folder.
pub struct Runs<'f> {
    folder: &'f Path,
    passed: Vec<OsString>,
    stop: Stop,
    /// Whether standard output is taken.
    quiet: bool,
}

impl<'f> Runs<'f> {
    /// Runs in `folder`, each with the flags `passed`; `taught` if they have a teacher.
    ///
    /// # Errors
    /// If the system does not let signals be caught.
    pub fn new(folder: &'f Path, mut passed: Vec<OsString>, taught: bool, quiet: bool) -> Result<Self> {
        if taught {
            passed.extend(["--teacher-cache".into(), folder.join("teacher").into()]);
        }
        Ok(Self { folder, passed, stop: Stop::listen()?, quiet })
    }

    /// Trains a preset with a seed, unless that is done.
    ///
    /// # Errors
    /// If training fails, is stopped or diverges.
    pub fn train(&self, preset: Preset, seed: u64, position: &str) -> Result<Trained> {
        let name = format!("{preset}-{seed}");
        let files = Files::new(self.folder, &name);
        let flags = self.flags(preset, seed);
        let asked = files.recorded().is_some_and(|recorded| recorded == record(&flags));
        if asked && let Ok(trained) = files.read(seed) {
            self.line(&format!("[{position}] {name}: done before"));
            return Ok(trained);
        }
        if !asked {
            files.clear()?;
            let text = serde_json::to_vec_pretty(&record(&flags)).context("cannot encode the flags")?;
            crate::files::write(&files.flags, &text)?;
        }
        let resumed = files.checkpoint.is_dir();
        self.line(&format!("[{position}] {name}: {}", if resumed { "going on" } else { "training" }));
        let status = self.wait(self.start(&files, flags, resumed)?)?;
        match status.code() {
            Some(0) => {}
            _ if self.stop.asked() => return Err(stopped(&name)),
            Some(code) if code == i32::from(STOPPED) => return Err(stopped(&name)),
            Some(3) => {
                files.clear()?;
                return Err(
                    ExitReason::Diverged(format!("{name}: it does not count; try another --lr")).into()
                );
            }
            _ => bail!("{name}: `host train` ended with {status}; its own line says why"),
        }
        let trained = files.read(seed).with_context(|| format!("{name}: the run left no whole result"))?;
        if files.checkpoint.is_dir() {
            std::fs::remove_dir_all(&files.checkpoint)
                .with_context(|| format!("cannot remove {}", files.checkpoint.display()))?;
        }
        self.line(&format!(
            "[{position}] {name}: {} bytes, quantised accuracy {:.2} % on validation, {:.0} s",
            trained.bytes,
            trained.quantised_valid * 100.0,
            trained.seconds
        ));
        Ok(trained)
    }

    /// What decides over a run's result.
    fn flags(&self, preset: Preset, seed: u64) -> Vec<OsString> {
        let mut flags: Vec<OsString> =
            ["--preset".into(), preset.to_string().into(), "--seed".into(), seed.to_string().into()].into();
        flags.extend(self.passed.iter().cloned());
        flags
    }

    fn start(&self, files: &Files, flags: Vec<OsString>, resumed: bool) -> Result<Child> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.arg("train").args(flags);
        command.arg(if resumed { "--resume" } else { "--checkpoint" }).arg(&files.checkpoint);
        command.arg("--export").arg(&files.model).arg("--json").arg(&files.report);
        command.stdin(Stdio::null());
        if self.quiet {
            command.stdout(std::io::stderr());
        }
        command.spawn().context("cannot start `host train`")
    }

    /// Waits for a run. One that does not hear what this process heard, and does not end, is ended.
    fn wait(&self, mut child: Child) -> Result<ExitStatus> {
        let mut asked: Option<Instant> = None;
        loop {
            if let Some(status) = child.try_wait().context("cannot wait for `host train`")? {
                return Ok(status);
            }
            if self.stop.asked() && asked.get_or_insert_with(Instant::now).elapsed() > GRACE {
                child.kill().context("cannot end `host train`")?;
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn line(&self, text: &str) {
        if self.quiet { eprintln!("{text}") } else { crate::console::line(format_args!("{text}")) }
    }
}

fn stopped(name: &str) -> anyhow::Error {
    ExitReason::Stopped(format!("{name}: the same command goes on")).into()
}

/// As it is kept: flags, and the program's version.
fn record(flags: &[OsString]) -> Vec<String> {
    let version = format!("telltale {}", env!("CARGO_PKG_VERSION"));
    std::iter::once(version).chain(flags.iter().map(|flag| flag.to_string_lossy().into_owned())).collect()
}

/// A run's files.
struct Files {
    flags: PathBuf,
    model: PathBuf,
    report: PathBuf,
    checkpoint: PathBuf,
}

impl Files {
    fn new(folder: &Path, name: &str) -> Self {
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        Self {
            flags: file("flags"),
            model: file("bin"),
            report: file("json"),
            checkpoint: file("checkpoint"),
        }
    }

    /// The flags of the run that the other files are of.
    fn recorded(&self) -> Option<Vec<String>> {
        serde_json::from_slice(&std::fs::read(&self.flags).ok()?).ok()
    }

    /// Removes what another run has left, its flags first: what is left then is nobody's.
    fn clear(&self) -> Result<()> {
        for path in [&self.flags, &self.model, &self.report] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        if self.checkpoint.is_dir() {
            std::fs::remove_dir_all(&self.checkpoint)
                .with_context(|| format!("cannot remove {}", self.checkpoint.display()))?;
        }
        Ok(())
    }

    /// The run's result, if its report is there and the model is the one it speaks of.
    fn read(&self, seed: u64) -> Result<Trained> {
        let path = self.report.display();
        let text = std::fs::read(&self.report).with_context(|| format!("cannot read {path}"))?;
        let report: Report =
            serde_json::from_slice(&text).with_context(|| format!("{path} is no report of `train`"))?;
        with_model(&self.model, |model| {
            anyhow::ensure!(
                model.bytes() as u64 == report.blob.bytes,
                "{}: {} bytes, but {path} speaks of {}",
                self.model.display(),
                model.bytes(),
                report.blob.bytes
            );
            let work = Work::of(model);
            let mut instructions_per_word = [0.0; BOARDS.len()];
            for (own, name) in instructions_per_word.iter_mut().zip(BOARDS) {
                let estimate = board::find(name)?.cost.estimate(&work);
                *own = estimate.with_context(|| format!("{name}: this cell was not measured there"))?;
            }
            Ok(Trained {
                seed,
                bytes: report.blob.bytes,
                float_valid: report.valid.accuracy,
                float_test: report.test.as_ref().map(|test| test.accuracy),
                quantised_valid: report.quantised.valid_accuracy,
                quantised_test: report.quantised.test_accuracy,
                agreement: report.quantised.agreement,
                instructions_per_word,
                seconds: report.seconds,
            })
        })
    }
}
