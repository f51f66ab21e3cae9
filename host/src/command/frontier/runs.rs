//! A run, or the files left by an earlier one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::board;
use crate::command::train::{self, Preset};
use crate::console::say;
use crate::cost::Work;
use crate::engine::with_model;
use crate::exit_reason::ExitReason;

/// The board that stands for a Cortex-M0, and the one for a Cortex-M4.
pub const BOARDS: [&str; 2] = ["microbit", "mps2-an386"];

/// The part of `train`'s report that is needed here.
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
    /// The model file's.
    pub bytes: u64,
    pub float_valid: f64,
    pub float_test: Option<f64>,
    pub quantised_valid: f64,
    pub quantised_test: Option<f64>,
    pub agreement: f64,
    /// Estimated on [`BOARDS`].
    pub instructions_per_word: [f64; 2],
    /// Of the last call that trained the model.
    pub seconds: f64,
}

/// The runs of a folder.
pub struct Runs<'f> {
    folder: &'f Path,
    /// The flags in common.
    base: train::Args,
    /// The digest of the texts.
    texts: String,
}

impl<'f> Runs<'f> {
    /// Runs in `folder`, each like `base` except for preset and seed.
    ///
    /// # Errors
    /// If the corpus cannot be read.
    pub fn new(folder: &'f Path, base: train::Args) -> Result<Self> {
        let texts = base.digest()?;
        Ok(Self { folder, base, texts })
    }

    /// Trains a preset with a seed, unless this has been done.
    ///
    /// # Errors
    /// If training fails, is stopped or diverges.
    pub fn train(&self, preset: Preset, seed: u64, position: &str) -> Result<Trained> {
        let name = format!("{preset}-{seed}");
        let files = Files::new(self.folder, &name);
        let args = train::Args { preset: Some(preset), seed, ..self.base.clone() };
        let record = Record {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            flags: serde_json::to_value(&args)?,
            texts: self.texts.clone(),
        };
        let asked = files.recorded().is_some_and(|recorded| recorded == record);
        if asked && let Ok(trained) = files.read(seed) {
            say!("[{position}] {name}: done before");
            return Ok(trained);
        }
        if !asked {
            files.clear()?;
            let text = serde_json::to_vec_pretty(&record).context("cannot encode the flags")?;
            crate::files::write(&files.flags, &text)?;
        }
        let resumed = files.checkpoint.is_dir();
        say!("[{position}] {name}: {}", if resumed { "going on" } else { "training" });
        if let Err(error) =
            train::run(&args.with_outputs(&files.model, &files.report, &files.checkpoint, resumed))
        {
            return Err(match error.downcast_ref::<ExitReason>() {
                Some(ExitReason::Stopped(_)) => {
                    ExitReason::Stopped(format!("{name}: the same command goes on")).into()
                }
                Some(ExitReason::Diverged(how)) => {
                    files.clear()?;
                    ExitReason::Diverged(format!("{name}: it does not count ({how}); try another --lr"))
                        .into()
                }
                None => error.context(name),
            });
        }
        let trained = files.read(seed).with_context(|| format!("{name}: the run left no whole result"))?;
        if files.checkpoint.is_dir() {
            std::fs::remove_dir_all(&files.checkpoint)
                .with_context(|| format!("cannot remove {}", files.checkpoint.display()))?;
        }
        say!(
            "[{position}] {name}: {} bytes, quantised accuracy {:.2} % on validation, {:.0} s",
            trained.bytes,
            trained.quantised_valid * 100.0,
            trained.seconds
        );
        Ok(trained)
    }
}

/// Identifies a run: by version, flags and texts.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    version: String,
    flags: serde_json::Value,
    texts: String,
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

    /// The recorded run to which the other files belong.
    fn recorded(&self) -> Option<Record> {
        serde_json::from_slice(&std::fs::read(&self.flags).ok()?).ok()
    }

    /// Removes another run's files, its flags first, so that files left by an interruption belong to no run.
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

    /// The run's result, if its report exists and describes this model.
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
