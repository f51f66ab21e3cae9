//! Picks the board: its memory map for the linker, its driver for the code, a model if one is embedded.
//!
//! `BOARD` names a folder of `boards/` (mps2-an386 if unset), `MODEL` a model file to embed.
//! `MEMORY` is the engine's in bytes, that of `board.toml` if unset: `host` sets it, and the features, for the
//! firmware of one model.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-env-changed=BOARD");
    println!("cargo:rerun-if-env-changed=MODEL");
    println!("cargo:rerun-if-env-changed=MEMORY");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    if let Err(message) = prepare() {
        eprintln!("error: {message}");
        std::process::exit(1);
    }
}

fn prepare() -> Result<(), String> {
    let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
    let out = PathBuf::from(variable("OUT_DIR")?);
    let boards = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("boards");
    let board = env::var("BOARD").unwrap_or_else(|_| "mps2-an386".to_owned());
    let folder = boards.join(&board);
    println!("cargo:rerun-if-changed={}", folder.display());
    let description = fs::read_to_string(folder.join("board.toml"))
        .map_err(|_| format!("BOARD={board}: no such board; `cargo run -p host -- boards` lists them"))?;
    let target = variable("TARGET")?;
    if !description.contains(&format!("target = \"{target}\"")) {
        return Err(format!(
            "BOARD={board} is not built for {target}: see target in {}",
            folder.join("board.toml").display()
        ));
    }
    let map = folder.join("memory.x");
    fs::copy(&map, out.join("memory.x")).map_err(|error| format!("{}: {error}", map.display()))?;
    let mut source = format!("#[path = {:?}]\npub mod chosen;\n", folder.join("board.rs"));
    let memory: usize = match env::var("MEMORY") {
        Ok(value) if !value.is_empty() => {
            value.parse().map_err(|_| format!("MEMORY={value}: not a number of bytes"))?
        }
        _ => memory(&description).ok_or(format!("{board}/board.toml: no `memory` in [capacity]"))?,
    };
    source += &format!("/// Bytes of the engine's memory.\npub const MEMORY: usize = {memory};\n");
    write(&out.join("board.rs"), &source)?;
    let model = match env::var("MODEL") {
        Ok(path) if !path.is_empty() => {
            println!("cargo:rerun-if-changed={path}");
            let file = fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
            let image = telltale_build::laid_out(&file, telltale_build::own_layout()?)
                .map_err(|error| format!("MODEL={path}: {error}"))?;
            let to = out.join("model.bin");
            fs::write(&to, image).map_err(|error| format!("{}: {error}", to.display()))?;
            "embed_model!(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/model.bin\")));\n"
        }
        _ => "",
    };
    write(&out.join("model.rs"), model)?;
    // The linker script of cortex-m-rt asks a device for its interrupts' names: there are none.
    write(&out.join("device.x"), "")?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=--nmagic");
    if target.starts_with("riscv") {
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    Ok(())
}

/// The engine's memory: the number of the line `memory = bytes`.
fn memory(description: &str) -> Option<usize> {
    let mut lines = description.lines();
    let line = lines.find(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == "memory"))?;
    line.split_once('=')?.1.trim().parse().ok()
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
