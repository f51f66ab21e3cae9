//! The boards: data read from `board.toml` and `cost.toml` in `firmware/boards/<board>`.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use telltale::Model;

use crate::cost::Coefficients;

/// A board that Telltale runs on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The name of its folder.
    #[serde(skip)]
    pub name: &'static str,
    /// The Rust target triple.
    pub target: String,
    /// The processor core.
    pub core: String,
    /// The target whose code uses the core's floating-point unit, if it has one: for `bench device --float`.
    pub float_target: Option<String>,
    /// Core clock in Hz.
    pub clock_hz: u64,
    /// Extra flags for the compiler.
    #[serde(default)]
    pub rustflags: Vec<String>,
    /// What a user of the real board should know.
    pub remark: String,
    /// Its memories.
    pub memory: Memory,
    /// The engine's memory.
    pub capacity: Capacity,
    /// Its emulation.
    pub qemu: Qemu,
    /// What a word's work costs there, from `cost.toml`.
    #[serde(skip)]
    pub cost: Coefficients,
}

/// A board's memories, sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Flash for the program, the model's region not included.
    pub flash: u64,
    /// RAM.
    pub ram: u64,
    /// Where the model's region starts.
    pub model_address: u64,
    /// The model's region.
    pub model: u64,
}

/// The engine's memory that the firmware is compiled with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Bytes.
    pub memory: u64,
    /// Whether a program for one model has room to update all units of a GRU at once, which is faster, most of all
    /// on cores with vectors; if not, for a [block](telltale::engine::cell::BLOCK) of them.
    #[serde(default)]
    pub whole: bool,
}

/// How QEMU emulates a board.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qemu {
    /// The program.
    pub program: String,
    /// Its arguments, machine first.
    pub arguments: Vec<String>,
    /// Debian's package that holds it.
    pub package: String,
}

impl Board {
    /// Bytes of memory that a program for one model has.
    #[must_use]
    pub fn memory_for(&self, model: &Model<'_>) -> usize {
        let requirements = model.requirements();
        if self.capacity.whole { requirements.whole_memory_bytes() } else { requirements.memory_bytes() }
    }
}

/// The files in a board's folder.
macro_rules! folder {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../firmware/boards/", $name, "/board.toml")),
            include_str!(concat!("../../firmware/boards/", $name, "/cost.toml")),
        )
    };
}

/// One line a board.
const BOARDS: [(&str, &str, &str); 7] = [
    folder!("microbit"),
    folder!("mps2-an385"),
    folder!("mps2-an386"),
    folder!("mps2-an500"),
    folder!("mps2-an505"),
    folder!("mps3-an547"),
    folder!("riscv-virt"),
];

/// All boards.
///
/// # Errors
/// If a description is malformed, which a test excludes.
pub fn all() -> Result<Vec<Board>> {
    BOARDS
        .iter()
        .map(|&(name, text, cost)| {
            let board: Board = toml::from_str(text).with_context(|| format!("boards/{name}/board.toml"))?;
            let cost = toml::from_str(cost).with_context(|| format!("boards/{name}/cost.toml"))?;
            Ok(Board { name, cost, ..board })
        })
        .collect()
}

/// The board of that name.
///
/// # Errors
/// If there is none; the error lists the names.
pub fn find(name: &str) -> Result<Board> {
    let boards = all()?;
    match boards.iter().find(|board| board.name == name) {
        Some(board) => Ok(board.clone()),
        None => {
            let names: Vec<_> = boards.iter().map(|board| board.name).collect();
            bail!("--board {name}: no such board; there are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_is_a_board() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware/boards");
        let mut folders: Vec<String> = std::fs::read_dir(folder)
            .expect("there are boards")
            .map(|entry| entry.expect("readable").file_name().into_string().expect("ASCII"))
            .filter(|name| name != "drivers")
            .collect();
        folders.sort();
        let boards = all().expect("all descriptions are sound");
        assert!(folders.iter().eq(boards.iter().map(|board| board.name)));
        assert!(find("pdp-11").expect_err("unknown").to_string().contains("mps2-an386"));
    }

    /// The linker's map and the description tell the same sizes.
    #[test]
    fn memory_maps_are_as_described() {
        for board in all().expect("all descriptions are sound") {
            let path = format!("{}/../firmware/boards/{}/memory.x", env!("CARGO_MANIFEST_DIR"), board.name);
            let map = std::fs::read_to_string(path).expect("every board has a map");
            let region = |name: &str| {
                let line = map.lines().find(|line| line.trim_start().starts_with(name)).expect("is mapped");
                let (origin, length) = line.split_once(", LENGTH = ").expect("has a length");
                let origin = origin.rsplit_once("0x").map(|(_, digits)| u64::from_str_radix(digits, 16));
                let length = length.strip_suffix('K').map(str::parse::<u64>);
                (
                    origin.expect("hexadecimal").expect("hexadecimal"),
                    length.expect("in K").expect("a number") << 10,
                )
            };
            let memory = &board.memory;
            assert_eq!(region("FLASH").1, memory.flash, "{}", board.name);
            assert_eq!(region("RAM").1, memory.ram, "{}", board.name);
            assert_eq!(region("MODEL"), (memory.model_address, memory.model), "{}", board.name);
        }
    }
}
