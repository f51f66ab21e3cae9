//! The boards: data read from `firmware/boards/<board>/board.toml`.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use telltale::Model;

use crate::cost::Coefficients;

/// Bytes of RAM that the stack of a session may take: more than `bench device` has measured on any board.
pub const STACK: u64 = 3072;

/// A board that Telltale runs on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The name of its folder.
    #[serde(skip)]
    pub name: &'static str,
    /// Its common name.
    pub title: String,
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
    /// What has been tested on it or on an emulator, and what that emulator does not model.
    pub evidence: String,
    /// Its memories.
    pub memory: Memory,
    /// The serial port that the session runs on.
    pub serial: Serial,
    /// The engine's memory.
    pub capacity: Capacity,
    /// How a program is flashed; empty for a machine that exists only in an emulator.
    #[serde(default)]
    pub flashing: Flashing,
    /// Its emulation.
    pub runner: Runner,
    /// The board that [`Self::cost`] was measured on, if it was another of the same core.
    pub cost_of: Option<String>,
    /// The cost coefficients of a word.
    #[serde(default)]
    pub cost: Coefficients,
}

/// A board's memories, sizes in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Where the program starts.
    pub flash_address: u64,
    /// Flash for the program, without the model's region.
    pub flash: u64,
    /// Where RAM starts.
    pub ram_address: u64,
    /// RAM.
    pub ram: u64,
    /// Where the model's region starts.
    pub model_address: u64,
    /// The model's region.
    pub model: u64,
    /// Where the chip reads the program's constants, if not where it reads its code.
    pub rodata_address: Option<u64>,
    /// Flash for them.
    #[serde(default)]
    pub rodata: u64,
    /// Where a model is copied at start-up, if the board reads RAM faster than flash.
    pub model_ram_address: Option<u64>,
    /// RAM for it; a larger model stays in flash.
    #[serde(default)]
    pub model_ram: u64,
    /// What the boot loader looks for before the program.
    pub head: Option<Head>,
}

/// Flash for what a chip's boot loader looks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Where it starts.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

impl Memory {
    /// All flash.
    #[must_use]
    pub fn all_flash(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.size) + self.flash + self.rodata + self.model
    }

    /// All RAM.
    #[must_use]
    pub const fn all_ram(&self) -> u64 {
        self.ram + self.model_ram
    }
}

/// The engine's memory that the firmware is compiled with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Bytes.
    pub memory: u64,
    /// Whether a program for one model has room to update all units of a GRU at once, which is faster, above all on
    /// cores with vectors; otherwise it has room for a [block](telltale::engine::cell::BLOCK) of them.
    #[serde(default)]
    pub whole: bool,
}

/// The serial port; the firmware handles its driver's addresses and pins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Serial {
    /// Bits per second.
    pub baud: u32,
}

/// How a program is flashed onto a board.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flashing {
    /// Names of the drive as which it appears.
    #[serde(default)]
    pub drives: Vec<String>,
    /// How the ids begin that the drive's `DETAILS.TXT` may have: DAPLink's numbers of boards.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The ending of the file that its drive, or the command, takes.
    pub file: Option<String>,
    /// The chip's family, if the drive takes UF2.
    pub uf2_family: Option<u32>,
    /// probe-rs's name for the chip.
    pub chip: Option<String>,
    /// A command for other tools, `{file}` being the file.
    pub command: Option<String>,
    /// Bytes of a window of addresses, if the chip maps its flash through several.
    pub window: Option<u32>,
}

impl Flashing {
    /// Whether it can be flashed.
    #[must_use]
    pub const fn can(&self) -> bool {
        !self.drives.is_empty() || self.chip.is_some() || self.command.is_some()
    }

    /// The ways to flash it, for printing; a dash if there is none.
    #[must_use]
    pub fn ways(&self) -> String {
        let drive = self.drives.first().map(|drive| format!("drive {drive}"));
        let probe = self.chip.as_ref().map(|_| "probe-rs".to_owned());
        let command = self.command.as_ref().and_then(|command| command.split(' ').next()).map(str::to_owned);
        let ways: Vec<String> = [drive, probe, command].into_iter().flatten().collect();
        if ways.is_empty() { "–".to_owned() } else { ways.join(", ") }
    }
}

/// How a board is emulated.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// The kind of emulator.
    pub kind: RunnerKind,
    /// What its counter counts, for `bench device`, if it can count.
    pub counts: Option<Unit>,
    /// The clock of the emulated chip's counter, in Hz, if it is not the board's.
    pub clock_hz: Option<u64>,
    /// The program.
    pub program: String,
    /// Its first arguments.
    pub arguments: Vec<String>,
    /// The command that installs it.
    pub install: String,
    /// The index of the board's serial port in QEMU.
    #[serde(default)]
    pub serial: usize,
    /// Of Unicorn: the core.
    pub core: Option<String>,
    /// Of Unicorn: the kind of UART.
    pub uart: Option<String>,
    /// Of Unicorn: registers that read as a value, by address.
    #[serde(default)]
    pub stubs: Vec<(u32, u32)>,
}

/// A kind of emulator, which decides how a program and a model are passed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunnerKind {
    /// QEMU's system emulators: machines.
    Qemu,
    /// A script around `rp2040js`: a chip, whose cycles are counted.
    Rp2040js,
    /// A script around Unicorn: a core with register stubs.
    Unicorn,
}

/// What a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Retired instructions.
    Instructions,
    /// Cycles of the core.
    Cycles,
}

impl Unit {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instr.",
            Self::Cycles => "cycles",
        }
    }
}

impl Board {
    /// Why a program with a model in it cannot be made for the board; `None` if it can.
    #[must_use]
    pub fn obstacle(&self, model: &Model<'_>) -> Option<String> {
        let memory = self.memory_for(model) as u64 + STACK;
        self.flash_obstacle(model).or_else(|| lacking("RAM for engine and stack", memory, self.memory.ram))
    }

    /// Why the firmware for any model cannot use one that is loaded beside it; `None` if it can.
    #[must_use]
    pub fn loading_obstacle(&self, model: &Model<'_>) -> Option<String> {
        let memory = model.requirements().memory_bytes() as u64;
        self.flash_obstacle(model).or_else(|| lacking("RAM for the engine", memory, self.capacity.memory))
    }

    /// Why a model cannot be stored there; `None` if it can.
    #[must_use]
    pub fn flash_obstacle(&self, model: &Model<'_>) -> Option<String> {
        lacking("flash for the model", model.bytes() as u64, self.memory.model)
    }

    /// Bytes of memory that a program for one model has.
    #[must_use]
    pub fn memory_for(&self, model: &Model<'_>) -> usize {
        let requirements = model.requirements();
        if self.capacity.whole { requirements.whole_memory_bytes() } else { requirements.memory_bytes() }
    }
}

/// A board's name and description.
macro_rules! folder {
    ($name:literal) => {
        ($name, include_str!(concat!("../../firmware/boards/", $name, "/board.toml")))
    };
}

/// One line a board: those that people own, then the machines that exist in QEMU alone.
const BOARDS: &[(&str, &str)] = &[
    folder!("microbit"),
    folder!("microbit-v2"),
    folder!("pico"),
    folder!("pico2"),
    folder!("bluepill"),
    folder!("stm32vldiscovery"),
    folder!("nucleo-f4"),
    folder!("nrf52840-dk"),
    folder!("hifive1"),
    folder!("esp32-c3"),
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
    let read = |&(name, text): &(&'static str, &str)| {
        let board: Board = toml::from_str(text).with_context(|| format!("boards/{name}/board.toml"))?;
        Ok(Board { name, ..board })
    };
    let mut boards: Vec<Board> = BOARDS.iter().map(read).collect::<Result<_>>()?;
    let costs: Vec<_> = boards.iter().map(|board| (board.name, board.cost.clone())).collect();
    for board in &mut boards {
        if let Some(other) = &board.cost_of {
            let cost = costs.iter().find(|(name, _)| name == other);
            board.cost = cost.with_context(|| format!("boards/{}: no board {other}", board.name))?.1.clone();
        }
    }
    Ok(boards)
}

/// The board with a name.
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

fn lacking(what: &str, needed: u64, there: u64) -> Option<String> {
    (needed > there).then(|| format!("{what}: needs {needed} bytes, has {there}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantise::tests::small_model;

    #[test]
    fn what_a_board_lacks_is_named() {
        let file = small_model();
        let model = Model::open(&file).expect("opens");
        let mut board = find("microbit").expect("known");
        assert_eq!(board.obstacle(&model), None);
        let needed = model.requirements().memory_bytes();
        assert_eq!(board.loading_obstacle(&model), None);
        board.capacity.memory = needed as u64 - 1;
        let expected = format!("RAM for the engine: needs {needed} bytes, has {}", needed - 1);
        assert_eq!(board.loading_obstacle(&model), Some(expected));
        assert_eq!(board.obstacle(&model), None, "a program made for it has the memory that it needs");
        board.memory.ram = STACK;
        let needed = board.memory_for(&model) as u64 + STACK;
        let expected = format!("RAM for engine and stack: needs {needed} bytes, has {STACK}");
        assert_eq!(board.obstacle(&model), Some(expected));
        board.memory.model = 99;
        let expected = format!("flash for the model: needs {} bytes, has 99", model.bytes());
        assert_eq!(board.obstacle(&model), Some(expected));
    }

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
        let mut names: Vec<&str> = boards.iter().map(|board| board.name).collect();
        names.sort_unstable();
        assert_eq!(folders, names);
        let manifest: toml::Table = include_str!("../../firmware/Cargo.toml").parse().expect("TOML");
        for board in &boards {
            assert!(manifest["features"].get(board.name).is_some(), "{} is no feature", board.name);
        }
        assert!(find("pdp-11").expect_err("unknown").to_string().contains("mps2-an386"));
    }

    /// No memory reaches into another.
    #[test]
    fn memories_lie_apart() {
        for board in all().expect("all descriptions are sound") {
            let Memory { flash_address, flash, ram_address, ram, model_address, model, .. } = board.memory;
            let mut memories = vec![(flash_address, flash), (ram_address, ram), (model_address, model)];
            memories.extend(board.memory.rodata_address.map(|address| (address, board.memory.rodata)));
            memories.extend(board.memory.model_ram_address.map(|address| (address, board.memory.model_ram)));
            memories.extend(board.memory.head.map(|head| (head.address, head.size)));
            memories.sort_unstable();
            for pair in memories.windows(2) {
                assert!(pair[0].1 > 0 && pair[0].0 + pair[0].1 <= pair[1].0, "{}: {pair:x?}", board.name);
            }
            assert_eq!(model_address % 16, 0, "{}: a model is read in place", board.name);
            assert!(board.cost.per_mac > 0.0, "{}: nobody knows what a word costs", board.name);
        }
    }
}
