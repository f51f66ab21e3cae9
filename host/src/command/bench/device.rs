//! `bench device`: instructions or cycles per word on emulated boards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args as ClapArgs;
use object::{Object, ObjectSection};
use serde::Serialize;
use telltale::Model;
use telltale::engine::float_reference::{Memory, Network, TEST_WORDS};

use super::fit;
use super::synthetic::{Extras, Shape, blob, blob_with_floats};
use crate::aligned::AlignedBytes;
use crate::board::{self, Board, Unit};
use crate::command::write_json;
use crate::console::{put, say};
use crate::files;
use crate::model::Pooling;
use crate::toolchain::{Emulator, build, build_float_bench, build_for};

/// Instructions or cycles per word on emulated boards, by phase; stack, RAM and flash
///
/// A network of random weights is run in the board's emulator. Figures are instructions in QEMU, where one takes a nanosecond,
/// and the core's cycles on the Pico, as the column `unit` says; each is exact to 0.1 %. The network has mean pooling and a linear head of two
/// classes; the words looked up are in its vocabulary, and every second one ends n-grams that its wide part
/// knows, if it has one and that is large enough. What a folded row takes is the cell's.
///
/// start-up: milliseconds before a session says hello (checksum and checks of the model, self-test), at one instruction a
/// clock, so that a real core takes longer.
///
/// stack: bytes, the peak of a whole session (opening the model, self-test, words with traces).
///
/// RAM: bytes of state and scratch that a program for this network has.
///
/// code: bytes of .text, vector table and start-up code of the whole `classifier` program, the model not
/// included: text, vocabulary, blob check, network, session, UART driver, start-up. As in the firmware that
/// `emulate --embed` builds for one model, parts of the engine that the network does not need are left out.
///
/// tables: bytes of .rodata and .data of the same program.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; all whose emulators count if it is not given
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    extras: Extras,
    /// Also measures the same network in f32 (micromath), on the core's floating-point unit if it has one
    #[arg(long, conflicts_with_all = ["embed_bits", "fold", "wide"])]
    float: bool,
    /// Measures programs with all parts of the engine, which read any model, as `emulate` without `--embed` does
    #[arg(long)]
    all_parts: bool,
    /// Instead measures networks of several shapes and writes the coefficients by which `inspect` estimates
    /// instructions per word to each board's `board.toml`, for the next build of this program
    #[arg(long, conflicts_with_all = ["cell", "layers", "embed", "hidden", "embed_bits", "fold", "wide", "wide_order", "wide_characters", "float"])]
    fit: bool,
    /// Seconds that an emulated board may take before it is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    time_limit: u64,
    /// Results for machines, an object for one board and a list for all; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Instructions of a word's parts.
#[derive(Clone, Copy, Debug, Serialize)]
struct Phases {
    look_up: f64,
    /// Looking up n-grams, of a network with a wide part.
    #[serde(skip_serializing_if = "Option::is_none")]
    wide: Option<f64>,
    embedding: f64,
    cell: f64,
    pooling: f64,
    head: f64,
}

/// What a network costs on a board.
#[derive(Clone, Debug, Serialize)]
struct Cost {
    /// Multiply-accumulates of layers and head.
    macs: usize,
    /// What the figures count.
    unit: Unit,
    /// The whole step, measured by itself: look-up, n-grams, embedding, cell, pooling, head. Cycles where `unit` says so.
    instructions_per_word: f64,
    instructions_per_mac: f64,
    /// Each measured by itself.
    phases: Phases,
    /// Opening the model and its self-test: what a session does before it says hello.
    startup_instructions: f64,
    /// At one instruction a clock, which is the least.
    startup_ms_at_best: f64,
    stack_bytes: u64,
    ram_bytes: usize,
    code_bytes: u64,
    table_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    float: Option<Outcome<FloatCost>>,
}

/// The same network in f32.
#[derive(Clone, Debug, Serialize)]
struct FloatCost {
    instructions_per_word: f64,
    instructions_per_mac: f64,
    /// Float instructions for each integer one.
    ratio: f64,
    /// Whether the core's floating-point unit did it.
    unit: bool,
}

/// A measurement or why there is none.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Outcome<T> {
    Measured(T),
    Failed { error: String },
}

impl<T> From<Result<T>> for Outcome<T> {
    fn from(result: Result<T>) -> Self {
        match result {
            Ok(value) => Self::Measured(value),
            Err(error) => Self::Failed { error: format!("{error:#}") },
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    board: &'static str,
    core: String,
    #[serde(flatten)]
    shape: Shape,
    #[serde(flatten)]
    extras: Extras,
    #[serde(flatten)]
    outcome: Outcome<Cost>,
}

/// Runs the verb.
///
/// # Errors
/// If no board could be measured, or the one asked for could not: a firmware does not build, QEMU is missing or
/// hangs, the network does not fit.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default().write("--json", &args.json).check()?;
    let boards = match &args.board {
        Some(name) => vec![board::find(name)?],
        None if args.fit => board::all()?.into_iter().filter(|board| board.cost_of.is_none()).collect(),
        None => board::all()?.into_iter().filter(|board| board.runner.counts.is_some()).collect(),
    };
    let bench = Bench::new(args)?;
    let quiet = args.json.as_deref() == Some(Path::new("-"));
    if args.fit {
        let mut fits = Vec::new();
        for board in &boards {
            let own = fit::fit(&bench, board).context(board.name)?;
            if !quiet {
                fit::print(&own);
            }
            fits.push(own);
        }
        return args.json.as_ref().map_or(Ok(()), |path| write_json(path, &fits));
    }
    if !quiet {
        print_header(args.float);
    }
    let mut rows = Vec::new();
    for board in &boards {
        let outcome = match (bench.measure(board), &boards[..]) {
            (Err(error), [_]) => return Err(error.context(board.name)),
            (result, _) => Outcome::from(result),
        };
        let (core, shape) = (board.core.clone(), args.shape.clone());
        let row = Row { board: board.name, core, shape, extras: args.extras, outcome };
        if !quiet {
            print_row(&row);
        }
        rows.push(row);
    }
    if let Some(path) = &args.json {
        match &rows[..] {
            [row] => write_json(path, row)?,
            rows => write_json(path, &rows)?,
        }
    }
    let measured = rows.iter().any(|row| matches!(row.outcome, Outcome::Measured(_)));
    ensure!(measured, "no board could be measured");
    Ok(())
}

fn print_header(float: bool) {
    put!(
        "{:<12} {:<11} {:>8} {:<6} {:>12} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>7} {:>8} {:>6} {:>6} {:>6} {:>7}",
        "board",
        "core",
        "MACs",
        "unit",
        "per word",
        "per MAC",
        "look-up",
        "n-grams",
        "embedding",
        "cell",
        "pooling",
        "head",
        "start-up",
        "stack",
        "RAM",
        "code",
        "tables"
    );
    say!(
        "{}",
        if float { format!(" {:>12} {:>8} {:>7}", "float/word", "per MAC", "times") } else { String::new() }
    );
}

fn print_row(row: &Row) {
    let cost = match &row.outcome {
        Outcome::Measured(cost) => cost,
        Outcome::Failed { error } => {
            say!("{:<12} {:<11} {error}", row.board, row.core);
            return;
        }
    };
    let phases = &cost.phases;
    put!(
        "{:<12} {:<11} {:>8} {:<6} {:>12.0} {:>8.3} {:>8.0} {:>8.0} {:>9.0} {:>9.0} {:>8.0} {:>7.0} {:>5.0} ms {:>6} {:>6} {:>6} {:>7}",
        row.board,
        row.core,
        cost.macs,
        cost.unit.name(),
        cost.instructions_per_word,
        cost.instructions_per_mac,
        phases.look_up,
        phases.wide.unwrap_or(0.0),
        phases.embedding,
        phases.cell,
        phases.pooling,
        phases.head,
        cost.startup_ms_at_best,
        cost.stack_bytes,
        cost.ram_bytes,
        cost.code_bytes,
        cost.table_bytes
    );
    match &cost.float {
        None => say!(),
        Some(Outcome::Failed { error }) => say!(" {error}"),
        Some(Outcome::Measured(float)) => say!(
            " {:>12.0} {:>8.2} {:>7.1} {}",
            float.instructions_per_word,
            float.instructions_per_mac,
            float.ratio,
            if float.unit { "by FPU" } else { "in software" }
        ),
    }
}

/// The networks to measure, as files and in memory.
pub struct Bench {
    folder: tempfile::TempDir,
    last: AlignedBytes,
    mean: AlignedBytes,
    /// With f32 numbers, if they are asked for.
    float: Option<AlignedBytes>,
    /// Whether the programs have all parts of the engine, not only those that the network needs.
    all_parts: bool,
    patience: Duration,
}

impl Bench {
    fn new(args: &Args) -> Result<Self> {
        let float = args.float.then(|| blob_with_floats(&args.shape, Pooling::Mean)).transpose()?;
        Ok(Self {
            folder: tempfile::tempdir().context("no folder for temporary files")?,
            last: blob(&args.shape, Pooling::Last, args.extras)?,
            mean: blob(&args.shape, Pooling::Mean, args.extras)?,
            float,
            all_parts: args.all_parts,
            patience: Duration::from_secs(args.time_limit),
        })
    }

    /// Runs a program on a board with a model; what it says.
    pub fn ask(&self, board: &Board, program: &Path, blob: &[u8]) -> Result<Said> {
        if let Some(obstacle) = board.obstacle(&Model::open(blob)?) {
            bail!("the network does not fit: {obstacle}");
        }
        let path = self.folder.path().join("bench.bin");
        files::write(&path, blob)?;
        let mut emulator = Emulator::boot_counting(board, program, &path)?;
        emulator.set_patience(self.patience);
        Said::listen(&mut emulator, board)
    }

    fn measure(&self, board: &Board) -> Result<Cost> {
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
            wide: model
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
            Outcome::from(result.map(|instructions| FloatCost {
                instructions_per_word: instructions,
                instructions_per_mac: instructions / macs as f64,
                ratio: instructions / instructions_per_word,
                unit: board.float_target.is_some(),
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

    /// Instructions of a word in f32, once the chip's scores have proved to be those of this PC.
    fn measure_float(&self, board: &Board, blob: &[u8]) -> Result<f64> {
        /// How far scores may be apart, in steps of 2⁻¹²: the order of sums differs.
        const TOLERANCE: i32 = 41;
        let said = self.ask(board, &build_float_bench(board)?, blob)?;
        let model = Model::open(blob)?;
        let network = Network::open(&model, blob)?;
        let mut memory = Box::new(Memory::<16384>::new());
        network.check(&memory)?;
        (0..TEST_WORDS).for_each(|id| network.step(id, &mut memory));
        let expected: Vec<i32> =
            network.scores(&mut memory).iter().map(|score| (score * 4096.0) as i32).collect();
        let alike = said.scores.len() == expected.len()
            && said.scores.iter().zip(&expected).all(|(own, expected)| (own - expected).abs() <= TOLERANCE);
        ensure!(alike, "the float step gives the scores {:?}, on this PC {expected:?}", said.scores);
        said.part("word")
    }
}

/// What a bench program says.
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

    /// Takes a line `<name> <count> <repeats>`; any other tells what is wrong.
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

    /// Instructions of a part, what repeating it costs not included.
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

    /// What machines read: these keys and no others.
    #[test]
    fn keys_are_as_documented() {
        let phases = Phases { look_up: 1.0, wide: None, embedding: 1.0, cell: 1.0, pooling: 1.0, head: 1.0 };
        let float =
            FloatCost { instructions_per_word: 1.0, instructions_per_mac: 1.0, ratio: 1.0, unit: true };
        let cost = Cost {
            macs: 1,
            unit: Unit::Instructions,
            instructions_per_word: 1.0,
            instructions_per_mac: 1.0,
            phases,
            startup_instructions: 1.0,
            startup_ms_at_best: 1.0,
            stack_bytes: 1,
            ram_bytes: 1,
            code_bytes: 1,
            table_bytes: 1,
            float: None,
        };
        let shape = Shape { cell: crate::model::Cell::Gru, layers: 1, embed: 32, hidden: 64 };
        let keys = |outcome: Outcome<Cost>| {
            let row =
                Row { board: "b", core: "c".to_owned(), shape: shape.clone(), extras: Extras::NONE, outcome };
            let value = serde_json::to_value(row).expect("encodes");
            let mut keys: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
            keys.sort();
            keys.join(" ")
        };
        let plain = "board cell code_bytes core embed embed_bits fold hidden instructions_per_mac \
                     instructions_per_word layers macs phases ram_bytes stack_bytes \
                     startup_instructions startup_ms_at_best table_bytes unit wide wide_characters wide_order";
        assert_eq!(keys(Outcome::Measured(cost.clone())), plain);
        assert_eq!(
            keys(Outcome::Failed { error: "no".to_owned() }),
            "board cell core embed embed_bits error fold hidden layers wide wide_characters wide_order"
        );
        let cost = Cost { float: Some(Outcome::Measured(float)), ..cost };
        assert!(keys(Outcome::Measured(cost)).contains(" float "));
    }
}
