//! Builds the firmware for a board with this machine's tools.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use telltale::Model;

use crate::board::Board;
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
struct BuildOptions<'r> {
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
    let tailored =
        model.map(|path| engine::with_model(path, |model| Ok(Tailored::to(model, board)))).transpose()?;
    BuildOptions { board, target: &board.target, bin, features: "", tailored, model }.build()
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
    BuildOptions { board, target: &board.target, bin, features: "", tailored, model: None }.build()
}

/// Builds the program that measures the float step, for the core's floating-point unit if it has one.
///
/// # Errors
/// As [`build`].
pub fn build_float_bench(board: &Board) -> Result<PathBuf> {
    let target = board.float_target.as_deref().unwrap_or(&board.target);
    BuildOptions {
        board,
        target,
        bin: "bench_float",
        features: "float-reference",
        tailored: None,
        model: None,
    }
    .build()
}

/// Builds the classifier with a panic in it, which must fail: programs whose panics can be reached are not
/// linked.
///
/// # Errors
/// As [`build`], always.
pub fn build_panicking(board: &Board) -> Result<PathBuf> {
    let features = "deliberate-panic";
    BuildOptions { board, target: &board.target, bin: "classifier", features, tailored: None, model: None }
        .build()
}

impl BuildOptions<'_> {
    fn build(self) -> Result<PathBuf> {
        let Self { board, target, bin, features, ref tailored, model } = self;
        console::note(&format!("building the firmware for {} ({}) …", board.name, board.core));
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
