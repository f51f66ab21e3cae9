//! Builds the firmware for a board with what this machine has, and runs it in QEMU.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use shared::session::{END, PLAIN, TRACED, sanitise};

use crate::board::Board;

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

/// Without what an outer cargo leaves in the environment.
fn clean(command: &mut Command) -> &mut Command {
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

/// Builds the firmware's program `bin` for a board; returns the ELF file.
///
/// `model` is embedded in the model's region if it is given.
///
/// # Errors
/// If no compiler can be found, which names the command to run, or the build fails, with its output.
pub fn build(board: &Board, bin: &str, model: Option<&Path>) -> Result<PathBuf> {
    let root = workspace()?;
    let compiler = Compiler::find(&board.target)?;
    // A program with a model in it is another program.
    let kind = if model.is_some() { "target/firmware-with-model" } else { "target/firmware" };
    let folder = root.join(kind).join(board.name);
    let mut command = Command::new(&compiler.cargo);
    clean(&mut command)
        .current_dir(root.join("firmware"))
        .args([
            "build",
            "--package",
            "firmware",
            "--bin",
            bin,
            "--profile",
            "firmware",
            "--target",
            &board.target,
        ])
        .arg("--target-dir")
        .arg(&folder)
        .env("BOARD", board.name);
    match model {
        Some(path) => command.env("MODEL", path.canonicalize().with_context(|| path.display().to_string())?),
        None => command.env_remove("MODEL"),
    };
    let variable = format!("CARGO_TARGET_{}", board.target.to_uppercase().replace(['-', '.'], "_"));
    if !board.rustflags.is_empty() {
        command.env(format!("{variable}_RUSTFLAGS"), board.rustflags.join(" "));
    }
    if compiler.build_std {
        command.args(["-Z", "build-std=core"]).env("RUSTC", &compiler.rustc).env("RUSTC_BOOTSTRAP", "1");
    }
    if let Some(linker) = &compiler.linker {
        command.env(format!("{variable}_LINKER"), linker);
    }
    let result = command.output().with_context(|| format!("cannot run {}", compiler.cargo.display()))?;
    ensure!(
        result.status.success(),
        "the firmware for {} does not build:\n{}",
        board.name,
        String::from_utf8_lossy(&result.stderr)
    );
    Ok(folder.join(&board.target).join("firmware").join(bin))
}

/// A running emulation.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Emulator {
    /// Boots a board with a program and a model in its region.
    ///
    /// # Errors
    /// If QEMU is not installed, which names the package, or the model is larger than the region.
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
        let mut command = Command::new(&board.qemu.program);
        command.args(&board.qemu.arguments).args(extra);
        command.args(["-display", "none", "-monitor", "none", "-chardev", "stdio,id=uart,signal=off"]);
        command.args(["-serial", "chardev:uart", "-kernel"]).arg(program);
        if let Some(model) = model {
            let size = std::fs::metadata(model)
                .with_context(|| format!("cannot read the model {}", model.display()))?
                .len();
            ensure!(
                size <= board.memory.model,
                "{}: {size} bytes, the model's region of {} has {}",
                model.display(),
                board.name,
                board.memory.model
            );
            let file = model.display().to_string().replace(',', ",,");
            command.args([
                "-device",
                &format!("loader,file={file},addr={:#x},force-raw=on", board.memory.model_address),
            ]);
        }
        let mut child =
            match command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn() {
                Ok(child) => child,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                    "{} is not installed: on Debian, `apt-get install {}`",
                    board.qemu.program,
                    board.qemu.package
                ),
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot run {}", board.qemu.program));
                }
            };
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("QEMU has no output")?);
        Ok(Self { child, input, output })
    }

    fn raw_line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        self.output.read_until(b'\n', &mut line).context("cannot read from QEMU")?;
        ensure!(line.ends_with(b"\n"), "QEMU ended before the board had answered");
        line.pop();
        Ok(line)
    }

    /// The board's next line; the first is who it is, or what is wrong with its model.
    ///
    /// # Errors
    /// If the emulation ends.
    pub fn line(&mut self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.raw_line()?).into_owned())
    }

    /// Sends `input` as text and copies the board's lines to `output` until it has said all.
    ///
    /// The thread that sends waits for `input`; where this fails early, it is left behind.
    ///
    /// # Errors
    /// If the emulation ends or a stream fails.
    pub fn converse(
        &mut self,
        mut input: impl Read + Send + 'static,
        output: &mut impl Write,
        trace: bool,
    ) -> Result<()> {
        let mut to = self.input.take().context("the emulation has been closed")?;
        let sender = std::thread::spawn(move || -> std::io::Result<ChildStdin> {
            to.write_all(&[if trace { TRACED } else { PLAIN }])?;
            let mut bytes = [0; 4096];
            let read = loop {
                match input.read(&mut bytes) {
                    Ok(0) => break Ok(()),
                    Err(error) => break Err(error),
                    Ok(count) => {
                        bytes[..count].iter_mut().for_each(|byte| *byte = sanitise(*byte));
                        to.write_all(&bytes[..count])?;
                        to.flush()?;
                    }
                }
            };
            // The board says the end in any case, and with it the one who reads it comes back.
            to.write_all(&[END])?;
            to.flush()?;
            read.map(|()| to)
        });
        loop {
            let mut line = self.raw_line()?;
            if line == [END] {
                break;
            }
            line.push(b'\n');
            match output.write_all(&line).and_then(|()| output.flush()) {
                // Nobody listens any more: that is no failure.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                result => result.context("cannot write the output")?,
            }
        }
        match sender.join() {
            Ok(sent) => self.input = Some(sent.context("cannot read the input or send it to the board")?),
            Err(_) => bail!("the thread that sends the text failed"),
        }
        Ok(())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
