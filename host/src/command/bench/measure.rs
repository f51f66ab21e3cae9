//! Measures networks in the emulators of boards.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection};
use serde::Serialize;
use telltale::Model;
use telltale::engine::fixed::Score;
use telltale::engine::float_reference::{Memory, Network, TEST_WORDS};

use super::synthetic::{Extras, Shape, blob, blob_with_floats};
use crate::aligned::AlignedBytes;
use crate::board::{Board, Unit};
use crate::emulator::Emulator;
use crate::files;
use crate::model::Pooling;
use crate::toolchain::{build, build_float_bench, build_for};

/// The widest embedding that fits the program on the board (`WIDEST` there).
const WIDEST: usize = 512;

/// Instructions of a word's parts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Phases {
    pub look_up: f64,
    /// Looking up n-grams, if the network has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "wide")]
    pub ngrams: Option<f64>,
    pub embedding: f64,
    pub cell: f64,
    pub pooling: f64,
    pub head: f64,
}

/// What a network costs on a board.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Multiply-accumulates of layers and head.
    pub macs: usize,
    /// What the figures count.
    pub unit: Unit,
    /// The whole step, measured by itself: look-up, n-grams, embedding, cell, pooling, head. Cycles or instructions, by
    /// `unit`.
    pub instructions_per_word: f64,
    pub instructions_per_mac: f64,
    /// Each measured by itself.
    pub phases: Phases,
    /// Opening the model and its self-test: all that precedes a session's greeting.
    pub startup_instructions: f64,
    /// At one instruction per clock, a lower bound.
    pub startup_ms_at_best: f64,
    pub stack_bytes: u64,
    pub ram_bytes: usize,
    pub code_bytes: u64,
    pub table_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub float: Option<Measurement<FloatCost>>,
}

/// The same network in f32.
#[derive(Clone, Debug, Serialize)]
pub struct FloatCost {
    pub instructions_per_word: f64,
    pub instructions_per_mac: f64,
    /// Float instructions per integer instruction.
    pub ratio: f64,
    /// Whether the core's floating-point unit was used.
    #[serde(rename = "unit")]
    pub has_fpu: bool,
}

/// A measurement, or why it failed.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Measurement<T> {
    Measured(T),
    Failed { error: String },
}

impl<T> From<Result<T>> for Measurement<T> {
    fn from(result: Result<T>) -> Self {
        match result {
            Ok(value) => Self::Measured(value),
            Err(error) => Self::Failed { error: format!("{error:#}") },
        }
    }
}

/// The networks to measure, as files and in memory.
pub struct Bench {
    folder: tempfile::TempDir,
    last: AlignedBytes,
    mean: AlignedBytes,
    /// With f32 numbers, if requested.
    float: Option<AlignedBytes>,
    /// Whether the programs have all parts of the engine, not only those that the network needs.
    all_parts: bool,
    patience: Duration,
}

impl Bench {
    pub fn new(
        shape: &Shape,
        extras: Extras,
        float: bool,
        all_parts: bool,
        patience: Duration,
    ) -> Result<Self> {
        ensure!(shape.embed <= WIDEST, "--embed {}: 1 to {WIDEST} can be measured", shape.embed);
        let float = float.then(|| blob_with_floats(shape, Pooling::Mean)).transpose()?;
        Ok(Self {
            folder: tempfile::tempdir().context("no folder for temporary files")?,
            last: blob(shape, Pooling::Last, extras)?,
            mean: blob(shape, Pooling::Mean, extras)?,
            float,
            all_parts,
            patience,
        })
    }

    /// Runs a program on a board with a model. Returns its output.
    pub fn ask(&self, board: &Board, program: &Path, blob: &[u8]) -> Result<Said> {
        let model = Model::open(blob)?;
        let obstacle = if self.all_parts { board.loading_obstacle(&model) } else { board.obstacle(&model) };
        if let Some(obstacle) = obstacle {
            bail!("the network does not fit: {obstacle}");
        }
        let path = self.folder.path().join("bench.bin");
        files::write(&path, blob)?;
        let mut emulator = Emulator::boot_counting(board, program, &path)?;
        emulator.set_patience(self.patience);
        Said::listen(&mut emulator, board)
    }

    /// What the network costs on a board.
    pub fn measure(&self, board: &Board) -> Result<Cost> {
        ensure!(board.runner.counts.is_some(), "the emulator of this board counts nothing");
        let model = Model::open(&self.mean)?;
        let build =
            |bin| if self.all_parts { build(board, bin, None) } else { build_for(board, bin, &model) };
        let program = build("bench")?;
        let (code_bytes, table_bytes) = sizes(&build("classifier")?)?;
        let last = self.ask(board, &program, &self.last)?;
        let mean = self.ask(board, &program, &self.mean)?;
        let (layers, head) = model.macs();
        let macs = layers + head;
        let phases = Phases {
            look_up: mean.part("look_up")?,
            ngrams: model
                .ngrams()
                .map(|_| Ok::<_, anyhow::Error>(mean.part("read")? - mean.part("step")?))
                .transpose()?,
            embedding: mean.part("embedding")?,
            cell: last.part("step")? - last.part("embedding")?,
            pooling: mean.part("step")? - last.part("step")?,
            head: mean.part("head")?,
        };
        let instructions_per_word = mean.part("word")?;
        let startup_instructions = mean.part("startup")?;
        let float = self.float.as_deref().map(|blob| {
            let result = self.measure_float(board, blob);
            Measurement::from(result.map(|instructions| FloatCost {
                instructions_per_word: instructions,
                instructions_per_mac: instructions / macs as f64,
                ratio: instructions / instructions_per_word,
                has_fpu: board.float_target.is_some(),
            }))
        });
        Ok(Cost {
            macs,
            unit: board.runner.counts.unwrap_or(Unit::Instructions),
            instructions_per_word,
            instructions_per_mac: instructions_per_word / macs as f64,
            phases,
            startup_instructions,
            startup_ms_at_best: startup_instructions / board.clock_hz as f64 * 1e3,
            stack_bytes: mean.number("stack")? as u64,
            ram_bytes: board.memory_for(&model),
            code_bytes,
            table_bytes,
            float,
        })
    }

    /// Instructions of a word in f32, after checking that the chip's scores equal this PC's.
    fn measure_float(&self, board: &Board, blob: &[u8]) -> Result<f64> {
        /// The largest difference between scores, in steps of 2⁻¹²: sums are in another order.
        const TOLERANCE: i32 = 41;
        let said = self.ask(board, &build_float_bench(board)?, blob)?;
        let model = Model::open(blob)?;
        let network = Network::open(&model, blob)?;
        let mut memory = Box::new(Memory::<16384>::new());
        network.check(&memory)?;
        (0..TEST_WORDS).for_each(|id| network.step(id, &mut memory));
        let expected: Vec<i32> = network
            .scores(&mut memory)
            .iter()
            .map(|&score| Score::saturating_from_num(score).to_bits())
            .collect();
        let alike = said.scores.len() == expected.len()
            && said.scores.iter().zip(&expected).all(|(own, expected)| (own - expected).abs() <= TOLERANCE);
        ensure!(alike, "the float step gives the scores {:?}, on this PC {expected:?}", said.scores);
        said.part("word")
    }
}

/// A bench program's output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Counts and repeats, by name.
    numbers: BTreeMap<String, (f64, f64)>,
    /// In steps of 2⁻¹².
    scores: Vec<i32>,
    /// Instructions per tick.
    per_tick: f64,
}

impl Said {
    /// Reads lines until `end`.
    fn listen(emulator: &mut Emulator, board: &Board) -> Result<Self> {
        // An instruction takes a nanosecond; RISC-V counts instructions, SysTick the core clock's ticks.
        let per_tick = match board.runner.counts {
            Some(Unit::Instructions) if !board.target.starts_with("riscv") => {
                1e9 / board.runner.clock_hz.unwrap_or(board.clock_hz) as f64
            }
            _ => 1.0,
        };
        let mut said = Self { per_tick, ..Self::default() };
        loop {
            let line = emulator.line()?;
            if line == "end" {
                return Ok(said);
            }
            said.take(&line)?;
        }
    }

    /// Takes a line `<name> <count> <repeats>`; any other is an error message.
    fn take(&mut self, line: &str) -> Result<()> {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[name, count, repeats] = &fields[..] else { bail!("{line}") };
        let (Ok(count), Ok(repeats)) = (count.parse::<f64>(), repeats.parse::<f64>()) else {
            bail!("{line}")
        };
        ensure!(repeats >= 1.0, "{line}");
        match name {
            "score" => self.scores.push(count as i32),
            name => drop(self.numbers.insert(name.to_owned(), (count, repeats))),
        }
        Ok(())
    }

    fn number(&self, name: &str) -> Result<f64> {
        let (count, repeats) =
            self.numbers.get(name).with_context(|| format!("the firmware does not tell {name}"))?;
        Ok(count / repeats)
    }

    /// Instructions of a part, without the cost of repeating it.
    pub fn part(&self, name: &str) -> Result<f64> {
        Ok((self.number(name)? - self.number("idle")?).max(0.0) * self.per_tick)
    }
}

/// Bytes of code and of read-only data in a program.
fn sizes(program: &Path) -> Result<(u64, u64)> {
    let bytes = std::fs::read(program).with_context(|| program.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| program.display().to_string())?;
    let of = |names: &[&str]| {
        file.sections()
            .filter(|section| section.name().is_ok_and(|name| names.contains(&name)))
            .map(|section| section.size())
            .sum()
    };
    Ok((of(&[".text", ".vector_table", ".init"]), of(&[".rodata", ".data"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Result<Said> {
        let mut said = Said { per_tick: 40.0, ..Said::default() };
        lines.iter().try_for_each(|line| said.take(line))?;
        Ok(said)
    }

    #[test]
    fn parts_are_ticks_less_the_loop() {
        let said = said(&["idle 200 1000", "word 20200 1000", "score -5 1", "score 7 1"]).expect("sound");
        assert_eq!(said.part("word").expect("told"), 800.0);
        assert_eq!(said.part("idle").expect("told"), 0.0);
        assert_eq!(said.scores, [-5, 7]);
        assert!(said.part("head").expect_err("untold").to_string().contains("head"));
    }

    #[test]
    fn other_lines_are_errors() {
        for line in ["error: no model", "word 1", "word x 1", "word 1 0", ""] {
            assert_eq!(said(&[line]).expect_err("no count").to_string(), line);
        }
    }
}
