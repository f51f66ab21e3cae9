//! Makes a board's code and linker script of its `board.toml`, and embeds a model if one is given.
//!
//! The board is the feature that is named as a folder of `boards/`, `MODEL` a model file to embed. `MEMORY`
//! is the engine's in bytes, that of `board.toml` if unset: `host` sets it, and the features, for the firmware of
//! one model. `RING` is the receive buffer's size in bytes, that of `board.toml` if unset: tests make it too small.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::Table;

fn main() {
    println!("cargo:rerun-if-env-changed=MODEL");
    println!("cargo:rerun-if-env-changed=MEMORY");
    println!("cargo:rerun-if-env-changed=RING");
    println!("cargo:rustc-check-cfg=cfg(driver, values(any()))");
    println!("cargo:rustc-check-cfg=cfg(serial_interrupt, model_in_ram)");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    if let Err(message) = prepare() {
        eprintln!("error: {message}");
        std::process::exit(1);
    }
}

fn prepare() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let boards = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("boards");
    let board = chosen(&boards)?;
    let folder = boards.join(&board);
    println!("cargo:rerun-if-changed={}", folder.display());
    let path = folder.join("board.toml");
    let in_file = |message: String| format!("{}: {message}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| in_file(error.to_string()))?;
    let description: Table = text.parse().map_err(|error| in_file(format!("{error}")))?;
    let target = variable("TARGET")?;
    let own = description.get("target").and_then(toml::Value::as_str).unwrap_or_default();
    // A core with a floating-point unit also runs code of its other target: `bench_float` is such.
    let float = description.get("float_target").and_then(toml::Value::as_str);
    if own != target && float != Some(&target) {
        return Err(in_file(format!("the target is {own}, and this build is for {target}")));
    }
    let riscv = target.starts_with("riscv");
    write(&out.join("memory.x"), &linker_script(&description, riscv).map_err(in_file)?)?;
    write(&out.join("board.rs"), &board_code(&board, &folder, &description).map_err(in_file)?)?;
    write(&out.join("model.rs"), embed_model(&out)?)?;
    // The linker script of cortex-m-rt asks a device for its interrupts' names: there are none.
    write(&out.join("device.x"), "")?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=--nmagic");
    if riscv {
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    Ok(())
}

/// The folder of `boards/` whose name is a feature of this build.
fn chosen(boards: &Path) -> Result<String, String> {
    let entries = fs::read_dir(boards).map_err(|error| format!("{}: {error}", boards.display()))?;
    let is_feature = |name: &String| {
        env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase().replace('-', "_"))).is_some()
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(is_feature).collect();
    match (names.pop(), names.pop()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(format!("a program is for one board: {one} or {other}?")),
        _ => Err("choose a board, as in `--features mps2-an386`: `cargo run -p host -- boards` lists them"
            .to_owned()),
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}

/// The number of bytes that a variable tells, if it is set.
fn bytes_of(name: &str) -> Result<Option<i64>, String> {
    match env::var(name) {
        Ok(value) if !value.is_empty() => {
            value.parse().map(Some).map_err(|_| format!("{name}={value}: not a number of bytes"))
        }
        _ => Ok(None),
    }
}

/// A number of a table.
fn number(table: &Table, name: &str) -> Result<i64, String> {
    table.get(name).and_then(toml::Value::as_integer).ok_or_else(|| format!("`{name}` must be a number"))
}

fn table<'t>(description: &'t Table, name: &str) -> Result<&'t Table, String> {
    description.get(name).and_then(toml::Value::as_table).ok_or_else(|| format!("no table [{name}]"))
}

/// The memory map, where the model goes, and what the start-up code of the architecture asks for.
fn linker_script(description: &Table, riscv: bool) -> Result<String, String> {
    let memory = table(description, "memory")?;
    let region = |name: &str, lies: &Table, address: &str, size: &str| -> Result<String, String> {
        let (address, size) = (number(lies, address)?, number(lies, size)?);
        Ok(format!("  {name} : ORIGIN = {address:#x}, LENGTH = {size}\n"))
    };
    let mut regions = String::new();
    let mut sections =
        String::from("  .model : ALIGN(16) { KEEP(*(.model)); } > MODEL\n} INSERT AFTER .text;\n");
    for (name, key) in [("FLASH", "flash"), ("MODEL", "model"), ("RAM", "ram")] {
        regions += &region(name, memory, &format!("{key}_address"), key)?;
    }
    // What the chip's boot loader looks for before the program.
    if let Some(head) = memory.get("head") {
        let head = head.as_table().ok_or("`head` must be a table")?;
        regions += &region("HEAD", head, "address", "size")?;
        let before = if riscv { ".text" } else { ".vector_table" };
        let _ = write!(
            sections,
            "SECTIONS\n{{\n  .head ORIGIN(HEAD) : {{ KEEP(*(.head)); }} > HEAD\n}} INSERT BEFORE {before};\n"
        );
    }
    // Where the chip reads data from flash at other addresses than code.
    let split = memory.contains_key("rodata_address");
    if split {
        regions += &region("RODATA", memory, "rodata_address", "rodata")?;
    }
    if memory.contains_key("model_ram_address") {
        println!("cargo:rustc-cfg=model_in_ram");
        regions += &region("MODEL_RAM", memory, "model_ram_address", "model_ram")?;
        sections += "_model_ram_start = ORIGIN(MODEL_RAM);\n_model_ram_end = ORIGIN(MODEL_RAM) + LENGTH(MODEL_RAM);\n";
    }
    let mut script = format!("MEMORY\n{{\n{regions}}}\n");
    let rodata = if split { "RODATA" } else { "FLASH" };
    if riscv {
        for (alias, region) in [
            ("TEXT", "FLASH"),
            ("RODATA", rodata),
            ("DATA", "RAM"),
            ("BSS", "RAM"),
            ("HEAP", "RAM"),
            ("STACK", "RAM"),
        ] {
            let _ = writeln!(script, "REGION_ALIAS(\"REGION_{alias}\", {region});");
        }
    }
    // Such that the end of the initialised data less this is what the program takes.
    let start = if split { "ORIGIN(RODATA) - SIZEOF(.text) - SIZEOF(.init.rust)" } else { "ORIGIN(FLASH)" };
    let head = if memory.contains_key("head") { " - SIZEOF(.head)" } else { "" };
    let _ = writeln!(script, "_flash_start = {start}{head};");
    script += "_model_start = ORIGIN(MODEL);\n\
               _model_end = ORIGIN(MODEL) + LENGTH(MODEL);\n\
               SECTIONS\n{\n";
    Ok(script + &sections)
}

/// The board's module, and what `board.toml` tells it.
fn board_code(name: &str, folder: &Path, description: &Table) -> Result<String, String> {
    let mut code = String::new();
    let memory = match bytes_of("MEMORY")? {
        Some(memory) => memory,
        None => number(table(description, "capacity")?, "memory")?,
    };
    let ring = bytes_of("RING")?;
    let _ = writeln!(code, "/// Bytes of the engine's memory.\npub const MEMORY: usize = {memory};");
    let _ = write!(
        code,
        "/// The board.\npub mod board {{\n#[path = {:?}]\nmod chosen;\npub use chosen::*;\n\
         /// Its name.\npub const NAME: &str = {name:?};\n\
         /// Its serial port, as the table [serial] of `board.toml` describes it.\npub mod serial {{\n",
        folder.join("board.rs"),
    );
    for (name, value) in table(description, "serial")? {
        if name == "drivers" {
            for driver in value.as_array().into_iter().flatten().filter_map(toml::Value::as_str) {
                println!("cargo:rustc-cfg=driver={driver:?}");
            }
        }
        if name == "interrupt" {
            println!("cargo:rustc-cfg=serial_interrupt");
        }
        if let Some(value) = value.as_integer() {
            let value = ring.filter(|_| name == "ring").unwrap_or(value);
            let kind = if name == "base" { "usize" } else { "u32" };
            let _ = writeln!(
                code,
                "/// `{name}`.\n#[allow(dead_code, reason = \"not every driver asks\")]\n\
                 pub const {}: {kind} = {value};",
                name.to_uppercase()
            );
        }
    }
    code += "}\n}\n";
    Ok(code)
}

/// The code that embeds the model that `MODEL` names, laid out for the core; none if it names none.
fn embed_model(out: &Path) -> Result<&'static str, String> {
    let path = match env::var("MODEL") {
        Ok(path) if !path.is_empty() => path,
        _ => return Ok(""),
    };
    println!("cargo:rerun-if-changed={path}");
    let file = fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let image = telltale_build::laid_out(&file, telltale_build::own_layout()?)
        .map_err(|error| format!("MODEL={path}: {error}"))?;
    let to = out.join("model.bin");
    fs::write(&to, image).map_err(|error| format!("{}: {error}", to.display()))?;
    Ok("embed_model!(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/model.bin\")));\n")
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
