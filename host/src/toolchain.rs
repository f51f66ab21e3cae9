//! Builds the firmware for a board with this machine's tools, and runs it in an emulator.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use telltale::Model;
use telltale::engine::kernel::Layout;
use telltale::session::{PLAIN, TRACED};
use tempfile::NamedTempFile;

use crate::board::{Board, Runner, RunnerKind};
use crate::serial::{self, Link, Peer, Terminal, to_stream};
use crate::stop::Stop;
use crate::{console, engine, files};

/// The folder of the workspace.
///
/// # Errors
/// If the sources that this program was built from are gone.
pub fn workspace() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default();
    ensure!(
        root.join("firmware/Cargo.toml").is_file(),
        "{}: the firmware's sources are not there; build the host from a checkout of the whole project",
        root.display()
    );
    Ok(root)
}

/// A way to compile for a bare-metal target.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Compiler {
    cargo: OsString,
    rustc: OsString,
    /// Whether core must be built from source.
    build_std: bool,
    linker: Option<PathBuf>,
}

/// What a program prints, if it is there and succeeds.
fn output(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output = clean(&mut Command::new(program)).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether the compiler knows a target; `None` where there is no compiler.
#[must_use]
pub fn is_target(triple: &str) -> Option<bool> {
    output("rustc", &["--print", "target-list"]).map(|list| list.lines().any(|known| known == triple))
}

/// Without what an outer cargo leaves in the environment.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for name in [
        "RUSTC",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "CARGO",
    ] {
        command.env_remove(name);
    }
    command
}

impl Compiler {
    /// The target's own core if it is installed, otherwise one built from source.
    fn find(target: &str) -> Result<Self> {
        let plain = Self { cargo: "cargo".into(), rustc: "rustc".into(), build_std: false, linker: None };
        if let Some(folder) = output(&plain.rustc, &["--print", "target-libdir", "--target", target])
            && has_core(Path::new(&folder))
        {
            return Ok(plain);
        }
        let debian = Self { cargo: "/usr/bin/cargo".into(), rustc: "/usr/bin/rustc".into(), ..plain.clone() };
        for candidate in [plain, debian] {
            let Some(root) = output(&candidate.rustc, &["--print", "sysroot"]) else { continue };
            let sources = Path::new(&root).join("lib/rustlib/src/rust/library/core/Cargo.toml");
            if sources.is_file() && output(&candidate.cargo, &["--version"]).is_some() {
                return Ok(Self { build_std: true, linker: linker(), ..candidate });
            }
        }
        bail!(
            "no Rust core library for {target}: install it with `rustup target add {target}`, or on Debian \
             `apt-get install rustc-web cargo-web rust-web-src lld`"
        )
    }

    /// Cargo, to be given a command and `--target`.
    fn cargo_for(&self, target: &str) -> Command {
        self.command(&self.cargo, target)
    }

    /// One of cargo's programs.
    fn command(&self, program: impl AsRef<OsStr>, target: &str) -> Command {
        let mut command = Command::new(program);
        clean(&mut command);
        if self.build_std {
            command
                .env("CARGO_UNSTABLE_BUILD_STD", "core")
                .env("RUSTC", &self.rustc)
                .env("RUSTC_BOOTSTRAP", "1");
        }
        if let Some(linker) = &self.linker {
            command.env(variable(target, "LINKER"), linker);
        }
        command
    }
}

/// The environment variable of cargo's configuration for a target.
pub(crate) fn variable(target: &str, key: &str) -> String {
    format!("CARGO_TARGET_{}_{key}", target.to_uppercase().replace(['-', '.'], "_"))
}

/// Cargo, to be given a command and `--target`, with what this machine has for a bare-metal target.
///
/// # Errors
/// If no compiler can be found, which names the command to run.
pub fn bare_metal_cargo(target: &str) -> Result<Command> {
    Ok(Compiler::find(target)?.cargo_for(target))
}

fn has_core(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| {
        entries
            .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-")))
    })
}

/// rust-lld of any toolchain, or LLVM's own linker.
fn linker() -> Option<PathBuf> {
    for rustc in ["rustc", "/usr/bin/rustc"] {
        let Some(folder) = output(rustc, &["--print", "target-libdir"]) else { continue };
        let lld = Path::new(&folder).parent()?.join("bin/rust-lld");
        if lld.is_file() {
            return Some(lld);
        }
    }
    ["/usr/bin/ld.lld", "/usr/local/bin/ld.lld"].into_iter().map(PathBuf::from).find(|path| path.is_file())
}

/// What a program that reads one model, or others that need no more, is compiled with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tailored {
    /// Features of the engine, which the firmware has, too.
    features: Vec<&'static str>,
    /// Bytes of the engine's memory.
    memory: usize,
}

impl Tailored {
    fn to(model: &Model<'_>, board: &Board) -> Self {
        Self { features: model.features(), memory: board.memory_for(model) }
    }
}

/// A program of the firmware, to be built for a board.
#[derive(Clone, Debug)]
struct Recipe<'r> {
    board: &'r Board,
    target: &'r str,
    bin: &'r str,
    features: &'r str,
    /// `None`: all features, and the board's memory.
    tailored: Option<Tailored>,
    /// To be embedded.
    model: Option<&'r Path>,
}

/// Builds the firmware's program `bin` for a board; returns the ELF file.
///
/// If `model` is given, it is embedded in the model's region, and the program has only the parts and the
/// memory that it needs; otherwise it has all parts and reads any model that fits the board.
///
/// # Errors
/// If no compiler can be found, which names the command to run, or the build fails, with its output; if
/// `model` is unsound.
pub fn build(board: &Board, bin: &str, model: Option<&Path>) -> Result<PathBuf> {
    console::note(&format!("building the firmware for {} ({}) …", board.name, board.core));
    let tailored =
        model.map(|path| engine::with_model(path, |model| Ok(Tailored::to(model, board)))).transpose()?;
    Recipe { board, target: &board.target, bin, features: "", tailored, model }.build()
}

/// Lints the firmware and the engine for a board's core.
///
/// # Errors
/// If there are warnings, or the compiler for the core has no clippy.
pub fn lint(board: &Board) -> Result<()> {
    let (compiler, root) = (Compiler::find(&board.target)?, workspace()?);
    let cargo = Path::new(&compiler.cargo);
    let mut command = compiler.command(cargo.with_file_name("cargo-clippy"), &board.target);
    command.current_dir(root.join("firmware")).env("CARGO", &compiler.cargo).env_remove("MODEL");
    if let Some(folder) = cargo.parent().filter(|folder| folder.is_absolute()) {
        // cargo-clippy looks for its driver beside itself, and for cargo by name.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).context("PATH")?);
    }
    set_rustflags(&mut command, &board.target, &board.rustflags);
    command.args(["clippy", "--quiet", "--package", "firmware", "--package", "telltale", "--features"]);
    command.args([&format!("firmware/{}", board.name), "--target", &board.target, "--target-dir"]);
    let result = command.arg(root.join("target/lints")).args(["--", "--deny", "warnings"]).output();
    let result = result.context(
        "cannot run cargo-clippy: `rustup component add clippy`, or on Debian `apt-get install rust-web-clippy`",
    )?;
    ensure!(result.status.success(), "{}: {}", board.name, String::from_utf8_lossy(&result.stderr));
    Ok(())
}

/// Builds the firmware's program `bin` for a board with only the parts and the memory that `model` needs,
/// which is not embedded.
///
/// # Errors
/// As [`build`].
pub fn build_for(board: &Board, bin: &str, model: &Model<'_>) -> Result<PathBuf> {
    let tailored = Some(Tailored::to(model, board));
    Recipe { board, target: &board.target, bin, features: "", tailored, model: None }.build()
}

/// Builds the program that measures the float step, for the core's floating-point unit if it has one.
///
/// # Errors
/// As [`build`].
pub fn build_float_bench(board: &Board) -> Result<PathBuf> {
    let target = board.float_target.as_deref().unwrap_or(&board.target);
    Recipe { board, target, bin: "bench_float", features: "float-reference", tailored: None, model: None }
        .build()
}

/// Builds the classifier with a panic in it, which must fail: programs whose panics can be reached are not
/// linked.
///
/// # Errors
/// As [`build`], always.
pub fn build_panicking(board: &Board) -> Result<PathBuf> {
    let features = "deliberate-panic";
    Recipe { board, target: &board.target, bin: "classifier", features, tailored: None, model: None }.build()
}

impl Recipe<'_> {
    fn build(self) -> Result<PathBuf> {
        let Self { board, target, bin, features, ref tailored, model } = self;
        let root = workspace()?;
        let compiler = Compiler::find(target)?;
        let folder = target_folder(&board.rustflags)?;
        let mut command = compiler.cargo_for(target);
        command
            .current_dir(root.join("firmware"))
            .args(["build", "--package", "firmware", "--bin", bin, "--features", board.name])
            .args(["--features", features, "--profile", "firmware", "--target", target, "--target-dir"])
            .arg(&folder);
        if features == "float-reference" {
            // What it is compared with is written by hand: the compiler shall do its best, not its smallest.
            command.args(["--config", "profile.firmware.opt-level=3"]);
        }
        let mut name = format!("{bin}{}{features}", if features.is_empty() { "" } else { "-" });
        command.env_remove("MEMORY");
        if let Some(Tailored { features, memory }) = tailored {
            let features = [&features[..], &["checksum-table"]].concat().join(",");
            command.args(["--no-default-features", "--features", &features]);
            command.env("MEMORY", memory.to_string());
            name += &format!("-{features}-{memory}");
        }
        match model {
            Some(path) => {
                name += &format!("-{:08x}", engine::with_model(path, |model| Ok(model.digest()))?);
                command.env("MODEL", path.canonicalize().with_context(|| path.display().to_string())?)
            }
            None => command.env_remove("MODEL"),
        };
        set_rustflags(&mut command, target, &board.rustflags);
        let what = format!("the firmware for {}", board.name);
        let program = built(command, &folder, &format!("{target}/firmware/{bin}"), &what)?;
        let own = root.join("target/firmware/programs").join(board.name);
        std::fs::create_dir_all(&own).with_context(|| own.display().to_string())?;
        let own = own.join(name);
        files::write(&own, &program)?;
        Ok(own)
    }
}

/// Where cargo builds what is made with some flags: boards and the C library share what does not depend on them, but
/// cargo does not keep apart what flags change.
///
/// # Errors
/// If the sources are not there.
pub fn target_folder(rustflags: &[impl AsRef<str>]) -> Result<PathBuf> {
    let flags: String = rustflags.iter().map(AsRef::as_ref).collect();
    let flags = flags.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    Ok(workspace()?.join(format!("target/firmware{flags}")))
}

/// Hands the compiler's flags for a target to cargo.
pub fn set_rustflags(cargo: &mut Command, target: &str, rustflags: &[impl AsRef<str>]) {
    if !rustflags.is_empty() {
        let flags: Vec<&str> = rustflags.iter().map(AsRef::as_ref).collect();
        cargo.env(variable(target, "RUSTFLAGS"), flags.join(" "));
    }
}

/// Runs a build; the content of the file that it makes in its folder.
///
/// # Errors
/// If it fails, with its output and what was to be built.
pub fn built(mut cargo: Command, folder: &Path, file: &str, what: &str) -> Result<Vec<u8>> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    // One build at a time, until its file has been read.
    let lock = File::create(folder.join("lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.with_context(|| format!("cannot lock {}", folder.display()))?;
    let result = cargo.output().with_context(|| format!("cannot run {:?}", cargo.get_program()))?;
    ensure!(result.status.success(), "{what} does not build:\n{}", String::from_utf8_lossy(&result.stderr));
    let file = folder.join(file);
    std::fs::read(&file).with_context(|| file.display().to_string())
}

/// How long a board may take to send a line that is due, unless set by [`Emulator::set_patience`].
const PATIENCE: Duration = Duration::from_secs(120);

/// The command that runs a program on an emulated board, with its serial port on the standard streams.
fn emulation(board: &Board, program: &Path, model: &[(PathBuf, u64)], extra: &[&str]) -> Result<Command> {
    let Runner { kind, arguments, .. } = &board.runner;
    let mut command = Command::new(interpreter(board)?);
    match kind {
        RunnerKind::Qemu => {
            command.args(arguments).args(extra);
            command.args(["-display", "none", "-monitor", "none", "-chardev", "stdio,id=uart,signal=off"]);
            for _ in 0..board.runner.serial {
                command.args(["-serial", "null"]);
            }
            command.args(["-serial", "chardev:uart", "-kernel"]).arg(program);
            for (model, address) in model {
                let file = model.display().to_string().replace(',', ",,");
                command.args(["-device", &format!("loader,file={file},addr={address:#x},force-raw=on")]);
            }
        }
        RunnerKind::Rp2040js | RunnerKind::Unicorn => {
            let root = workspace()?;
            command.args(arguments.iter().map(|script| root.join(script)));
            if *kind == RunnerKind::Unicorn {
                command.arg(root.join("firmware/boards").join(board.name).join("board.toml"));
            }
            command.arg(program);
            for (model, address) in model {
                let mut place = model.as_os_str().to_owned();
                place.push(format!("@{address:#x}"));
                command.arg(place);
            }
        }
    }
    Ok(command)
}

/// The program that emulates a board.
///
/// # Errors
/// If what it runs is not installed, with the command that does it.
fn interpreter(board: &Board) -> Result<PathBuf> {
    let Runner { kind, program, install, .. } = &board.runner;
    let folder = workspace()?.join("target/emulators");
    let (program, needed) = match kind {
        RunnerKind::Qemu => return Ok(program.into()),
        RunnerKind::Rp2040js => (program.into(), folder.join("node_modules/rp2040js/package.json")),
        RunnerKind::Unicorn => {
            (folder.join("venv/bin").join(program), folder.join("installed/requirements.txt"))
        }
    };
    ensure!(needed.is_file(), "{}'s emulator is not installed: run `{install}`", board.name);
    Ok(program)
}

/// A running emulation.
#[derive(Debug)]
pub struct Emulator {
    link: Link,
    process: Arc<Mutex<Option<Process>>>,
}

/// The process of an emulation, which ends with this.
#[derive(Debug)]
struct Process {
    child: Child,
    /// What the board has been given for its model.
    _images: Vec<NamedTempFile>,
}

/// Files that lie in a board's memory, and where.
type Places = Vec<(PathBuf, u64)>;

/// What a board is given for a model, and where; and the files that were made for that. Of an unsound model it is
/// the file, for the board to say so.
fn images_of(board: &Board, model: &Path) -> Result<(Places, Vec<NamedTempFile>)> {
    let context = || format!("cannot write an image of {}", model.display());
    let bytes = files::read(model).with_context(|| format!("cannot read the model {}", model.display()))?;
    ensure!(
        bytes.len() as u64 <= board.memory.model,
        "{}: {} bytes, the model's region of {} has {}",
        model.display(),
        bytes.len(),
        board.name,
        board.memory.model
    );
    let as_it_is = Layout::of_target(&board.target, &board.rustflags) == Layout::OWN;
    let bytes = if as_it_is { bytes } else { engine::image(model, board).unwrap_or(bytes) };
    // QEMU loads no more at once than the machine has RAM.
    let most = if board.runner.kind == RunnerKind::Qemu { board.memory.ram as usize } else { usize::MAX };
    let mut places = Vec::new();
    let mut files = Vec::new();
    let mut address = board.memory.model_address;
    for part in bytes.chunks(most.max(1)) {
        let mut file = NamedTempFile::new().with_context(context)?;
        file.write_all(part).with_context(context)?;
        places.push((file.path().to_owned(), address));
        files.push(file);
        address += part.len() as u64;
    }
    Ok((places, files))
}

impl Emulator {
    /// Boots a board with a program and the [image](engine::image) of a model in its region.
    ///
    /// # Errors
    /// If the emulator is not installed, which names the command that does it, or the model is larger than the
    /// region.
    pub fn boot(board: &Board, program: &Path, model: Option<&Path>) -> Result<Self> {
        Self::boot_with(board, program, model, &[])
    }

    /// Boots so that time counts instructions: each takes one nanosecond.
    ///
    /// # Errors
    /// As [`Self::boot`].
    pub fn boot_counting(board: &Board, program: &Path, model: &Path) -> Result<Self> {
        Self::boot_with(board, program, Some(model), &["-icount", "shift=0"])
    }

    fn boot_with(board: &Board, program: &Path, model: Option<&Path>, extra: &[&str]) -> Result<Self> {
        let (process, input, output) = Process::start(board, program, model, extra)?;
        let line = serial::line(input, output).context("no line to the emulator")?;
        let process = Arc::new(Mutex::new(Some(process)));
        Ok(Self { link: Link::new(line, Peer::Emulator, PATIENCE), process })
    }

    /// From now on Ctrl-C and SIGTERM end the emulation, and so what waits for it. Returns a flag that is set when one
    /// came.
    ///
    /// # Errors
    /// If the system does not let signals be caught.
    pub fn end_when_asked(&self) -> Result<Stop> {
        const MOMENT: Duration = Duration::from_millis(50);
        let (stop, process) = (Stop::listen()?, self.process.clone());
        let asked = stop.clone();
        std::thread::spawn(move || {
            while !stop.asked() {
                std::thread::sleep(MOMENT);
            }
            end(&process);
        });
        Ok(asked)
    }

    /// How long a board may say nothing where it owes a line.
    pub const fn set_patience(&mut self, patience: Duration) {
        self.link.set_patience(patience);
    }

    /// The board's next line; the first is its greeting, or what is wrong with its model.
    ///
    /// # Errors
    /// If the emulation ends, or is silent for longer than set by [`Self::set_patience`].
    pub fn line(&mut self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.link.line()?).into_owned())
    }

    /// Sends `input` as text and copies the board's lines to `output` until it has sent all.
    ///
    /// The thread that sends waits for `input`; where this fails early, it is left behind.
    ///
    /// # Errors
    /// If the emulation ends or a stream fails.
    pub fn converse(
        &mut self,
        input: impl Read + Send + 'static,
        output: &mut impl Write,
        trace: bool,
    ) -> Result<()> {
        self.link.converse(input, &[if trace { TRACED } else { PLAIN }], to_stream(output))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        end(&self.process);
    }
}

/// Ends an emulation whose process two threads share: the second one waits until it has ended.
fn end(process: &Mutex<Option<Process>>) {
    if let Ok(mut process) = process.lock() {
        *process = None;
    }
}

/// A running emulation whose serial port is a pseudo-terminal.
#[derive(Debug)]
pub struct EmulatedPort {
    port: PathBuf,
    process: Process,
}

impl EmulatedPort {
    /// Boots a board like [`Emulator::boot`].
    ///
    /// # Errors
    /// As there, or if the system has no pseudo-terminal left.
    pub fn boot(board: &Board, program: &Path, model: Option<&Path>) -> Result<Self> {
        let terminal = Terminal::new().context("no pseudo-terminal")?;
        let port = terminal.path().to_owned();
        let (process, input, output) = Process::start(board, program, model, &[])?;
        terminal.carry(input, output).context("no descriptor for the pseudo-terminal")?;
        Ok(Self { port, process })
    }

    /// Where a terminal program finds the board.
    #[must_use]
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// Whether the emulation has ended.
    ///
    /// # Errors
    /// Those of the system.
    pub fn ended(&mut self) -> Result<bool> {
        Ok(self.process.child.try_wait().context("cannot ask for the emulator")?.is_some())
    }
}

impl Process {
    fn start(
        board: &Board,
        program: &Path,
        model: Option<&Path>,
        extra: &[&str],
    ) -> Result<(Self, ChildStdin, ChildStdout)> {
        let (places, images) =
            model.map_or_else(|| Ok(Default::default()), |model| images_of(board, model))?;
        let mut command = emulation(board, program, &places, extra)?;
        let mut child =
            match command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn() {
                Ok(child) => child,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    bail!("{} is not installed: on Debian, `{}`", board.runner.program, board.runner.install)
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot run {}", board.runner.program));
                }
            };
        let streams = child.stdin.take().zip(child.stdout.take());
        let process = Self { child, _images: images };
        let (input, output) = streams.context("the emulator has no streams")?;
        Ok((process, input, output))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: &str = "the emulator ended before the board had answered";

    fn emulator(script: &str) -> Emulator {
        let mut board = crate::board::find("microbit").expect("known");
        board.runner.program = "sh".to_owned();
        board.runner.arguments = vec!["-c".to_owned(), script.to_owned()];
        let mut emulator = Emulator::boot(&board, Path::new("none"), None).expect("sh runs");
        emulator.set_patience(Duration::from_millis(200));
        emulator
    }

    #[test]
    fn a_board_that_hangs_is_given_up() {
        let mut silent = emulator("echo hello; exec sleep 60");
        assert_eq!(silent.line().expect("says hello"), "hello");
        let error = silent.line().expect_err("says nothing more").to_string();
        assert!(error.contains("said nothing for 0.2 s"), "{error}");
    }

    #[test]
    fn an_emulation_that_ends_says_so() {
        let mut ended = emulator("printf half");
        ended.set_patience(Duration::from_secs(20));
        assert_eq!(ended.line().expect_err("half a line").to_string(), ENDED);
        assert_eq!(ended.line().expect_err("nothing").to_string(), ENDED);
        let error = ended.converse(&b"text"[..], &mut Vec::new(), false).expect_err("ended");
        assert_eq!(error.to_string(), ENDED);
    }
}
