//! `monitor`: a terminal to a board, and the proof that it computes what the PC does.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args as ClapArgs;
use telltale::session::{LINES, PLAIN, TRACED};

use super::run::CheckedInput;
use super::write_json;
use crate::console::say;
use crate::engine::with_model;
use crate::monitor::{Greeting, Screen, check, meet};
use crate::serial::{port, to_stream};
use crate::{board, console, files};

/// Talks to a board at a serial port, or proves with --check that it computes what this PC does
///
/// Each line of standard input is a text, and the board's answers come as `run` prints them. On a terminal, labels have
/// colours (none if NO_COLOR is set), probabilities are bars, and unknown words are marked; lines are edited as the terminal
/// edits them, and Ctrl-D ends it. The board holds this program up by XOFF and XON while it is busy.
///
/// --check sends texts, difficult ones included, and compares the trace of every word with this PC's. It ends with a report, or
/// with an error on the first word that differs.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The port, such as /dev/ttyACM0; `emulate --pty` makes one without a board
    #[arg(long, value_name = "PORT")]
    port: PathBuf,
    /// The board, for its speed; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Bits a second [default: the board's, or 115200]
    #[arg(long, value_name = "N")]
    baud: Option<u32>,
    /// Adds the word's id, which is the vocabulary's size for a word that is not in it, and the 64-bit trace hash of the
    /// engine's state
    #[arg(long, conflicts_with = "check")]
    trace: bool,
    /// Compares the board with this PC
    #[arg(long, requires = "model")]
    check: bool,
    /// The model that was flashed, for --check
    #[arg(long, value_name = "FILE", requires = "check")]
    model: Option<PathBuf>,
    /// The report for machines; `-` is standard output
    #[arg(long, value_name = "FILE", requires = "check")]
    json: Option<PathBuf>,
    /// Seconds that the board may be silent where it owes an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    time_limit: u64,
}

/// Runs the verb.
///
/// # Errors
/// If the port cannot be opened, nobody greets there, the board cannot use its model or is another one than --board, or the line
/// fails; with --check on the first difference.
pub fn run(args: &Args) -> Result<()> {
    files::Paths::default().read("--model", &args.model).print("--json", &args.json).check()?;
    let baud = port::baud(args.baud, args.board.as_deref())?;
    let patience = Duration::from_secs(args.time_limit.max(1));
    match &args.model {
        // A model that cannot be read is found out before anything is sent.
        Some(model) => with_model(model, |model| {
            let (mut link, greeting) = greeted(args, baud, patience)?;
            let report = check::check(&mut link, &greeting, model, baud)?;
            say!("{report}");
            write_json(args.json.as_ref(), &report)
        }),
        None => talk(args, baud, patience),
    }
}

fn greeted(args: &Args, baud: u32, patience: Duration) -> Result<(crate::serial::Link, Greeting)> {
    let mut link = port::open(&args.port, baud, patience)?;
    let greeting = meet(&mut link, patience)?;
    console::note(&greeting.line);
    match &args.board {
        Some(name) if board::find(name)?.name != greeting.board => {
            bail!("--board {name}: at this port is {}", greeting.board)
        }
        _ => Ok((link, greeting)),
    }
}

fn talk(args: &Args, baud: u32, patience: Duration) -> Result<()> {
    let (mut link, greeting) = greeted(args, baud, patience)?;
    greeting.running()?;
    let controls = [if args.trace { TRACED } else { PLAIN }, LINES];
    if !stdout().is_terminal() {
        return link.converse(CheckedInput::standard(), &controls, to_stream(&mut stdout().lock()));
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut screen = Screen::new(!plain);
    link.converse(CheckedInput::standard(), &controls, |line| {
        writeln!(stdout().lock(), "{}", screen.show(line))
    })
}
