//! Emulated boards: a program in an emulator, with its serial port as a line or as a pseudo-terminal.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use telltale::engine::kernel::Layout;
use telltale::session::{PLAIN, TRACED};
use tempfile::NamedTempFile;

use crate::board::{Board, Runner, RunnerKind};
use crate::serial::{self, Link, Peer, Terminal, to_stream};
use crate::stop::Stop;
use crate::toolchain::workspace;
use crate::{engine, files};

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
