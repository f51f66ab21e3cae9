//! `bench device`: instructions or cycles per word on emulated boards.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args as ClapArgs;
use serde::Serialize;

use super::fit;
use super::measure::{Bench, Cost, Measurement};
use super::synthetic::{Extras, Shape};
use crate::board;
use crate::command::write_json;
use crate::console::{put, say};

/// Instructions or cycles per word on emulated boards, by phase; stack, RAM and flash
///
/// Runs a network of random weights in the board's emulator. Figures are instructions in QEMU, where one takes a
/// nanosecond, and the core's cycles on the Pico (see the column `unit`); each is exact to 0.1 %. The network has mean
/// pooling and a linear head of two classes; the words looked up are in its vocabulary, and every second one ends
/// n-grams that it knows, if there are enough (`--ngrams`). The cost of a folded row counts as the cell's.
///
/// start-up: milliseconds before a session sends its greeting (checksum and checks of the model, self-test), at one
/// instruction per clock; a real core takes longer.
///
/// stack: bytes, the peak of a whole session (opening the model, self-test, words with traces).
///
/// RAM: bytes of state and scratch in a program for this network.
///
/// code: bytes of .text, vector table and start-up code of the whole `classifier` program without the model: text,
/// vocabulary, model check, network, session, UART driver, start-up. As in firmware built by `emulate --embed` for one
/// model, parts of the engine that the network does not need are left out.
///
/// tables: bytes of .rodata and .data of the same program.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// Board to measure [default: every board whose emulator counts instructions or cycles]
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    extras: Extras,
    /// Also measure the same network in f32 (micromath), on the core's floating-point unit if it has one
    #[arg(long, conflicts_with_all = ["embed_bits", "fold", "ngrams"])]
    float: bool,
    /// Measure programs with all parts of the engine, which read any model, like `emulate` without `--embed`
    #[arg(long)]
    all_parts: bool,
    /// Instead measure networks of several shapes and write the coefficients with which `inspect` estimates
    /// instructions per word to each board's `board.toml`, for the next build of this program
    #[arg(long, conflicts_with_all = ["cell", "layers", "embed", "hidden", "embed_bits", "fold", "ngrams", "ngram_words", "ngram_characters", "float"])]
    fit: bool,
    /// Seconds to wait for an emulated board
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    time_limit: u64,
    /// Results as JSON, an object for one board and a list for all; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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
    measurement: Measurement<Cost>,
}

/// Runs the verb.
///
/// # Errors
/// If no board, or not the given one, could be measured: a firmware does not build, the emulator is missing or hangs,
/// the network does not fit.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default().print("--json", &args.json).check()?;
    let boards = match &args.board {
        Some(name) => vec![board::find(name)?],
        None if args.fit => board::all()?.into_iter().filter(|board| board.cost_of.is_none()).collect(),
        None => board::all()?.into_iter().filter(|board| board.runner.counts.is_some()).collect(),
    };
    let patience = Duration::from_secs(args.time_limit);
    let bench = Bench::new(&args.shape, args.extras, args.float, args.all_parts, patience)?;
    if args.fit {
        let mut fits = Vec::new();
        for board in &boards {
            let own = fit::fit(&bench, board).context(board.name)?;
            fit::print(&own);
            fits.push(own);
        }
        return write_json(args.json.as_ref(), &fits);
    }
    print_header(args.float);
    let mut rows = Vec::new();
    for board in &boards {
        let measurement = match (bench.measure(board), &boards[..]) {
            (Err(error), [_]) => return Err(error.context(board.name)),
            (result, _) => Measurement::from(result),
        };
        let (core, shape) = (board.core.clone(), args.shape.clone());
        let row = Row { board: board.name, core, shape, extras: args.extras, measurement };
        print_row(&row);
        rows.push(row);
    }
    match &rows[..] {
        [row] => write_json(args.json.as_ref(), row)?,
        rows => write_json(args.json.as_ref(), &rows)?,
    }
    let measured = rows.iter().any(|row| matches!(row.measurement, Measurement::Measured(_)));
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
    let cost = match &row.measurement {
        Measurement::Measured(cost) => cost,
        Measurement::Failed { error } => {
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
        phases.ngrams.unwrap_or(0.0),
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
        Some(Measurement::Failed { error }) => say!(" {error}"),
        Some(Measurement::Measured(float)) => say!(
            " {:>12.0} {:>8.2} {:>7.1} {}",
            float.instructions_per_word,
            float.instructions_per_mac,
            float.ratio,
            if float.has_fpu { "by FPU" } else { "in software" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::{FloatCost, Phases};
    use super::*;
    use crate::board::Unit;

    /// What machines read: these keys and no others.
    #[test]
    fn keys_are_as_documented() {
        let phases =
            Phases { look_up: 1.0, ngrams: None, embedding: 1.0, cell: 1.0, pooling: 1.0, head: 1.0 };
        let float =
            FloatCost { instructions_per_word: 1.0, instructions_per_mac: 1.0, ratio: 1.0, has_fpu: true };
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
        let keys = |measurement: Measurement<Cost>| {
            let row = Row {
                board: "b",
                core: "c".to_owned(),
                shape: shape.clone(),
                extras: Extras::NONE,
                measurement,
            };
            let value = serde_json::to_value(row).expect("encodes");
            let mut keys: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
            keys.sort();
            keys.join(" ")
        };
        let plain = "board cell code_bytes core embed embed_bits fold hidden instructions_per_mac \
                     instructions_per_word layers macs phases ram_bytes stack_bytes \
                     startup_instructions startup_ms_at_best table_bytes unit wide wide_characters wide_order";
        assert_eq!(keys(Measurement::Measured(cost.clone())), plain);
        assert_eq!(
            keys(Measurement::Failed { error: "no".to_owned() }),
            "board cell core embed embed_bits error fold hidden layers wide wide_characters wide_order"
        );
        let cost = Cost { float: Some(Measurement::Measured(float)), ..cost };
        assert!(keys(Measurement::Measured(cost)).contains(" float "));
    }
}
