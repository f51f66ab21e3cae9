//! `monitor`: a terminal to a board, and a check that it computes the same as the PC.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args as ClapArgs;
use telltale::session::{LINES, PLAIN, TRACED};

use super::stdin::CheckedInput;
use super::write_json;
use crate::console::say;
use crate::engine::with_model;
use crate::monitor::{Greeting, Screen, check, meet};
use crate::serial::{port, to_stream};
use crate::{board, console, files};

/// Talks to a board over a serial port, or checks with --check that it computes the same as this PC
///
/// Each line of standard input is a text, and the board's answers are printed like `run`'s. On a terminal, labels have
/// colours (none if NO_COLOR is set), probabilities are bars, and unknown words are marked; the terminal itself edits
/// lines, and Ctrl-D ends the session. The board pauses this program with XOFF and XON while it is busy.
///
/// --check sends texts, including difficult ones, and compares the trace of every word with this PC's. It ends with a
/// report, or with an error at the first word that differs.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// Port, such as /dev/ttyACM0; `emulate --pty` makes one without a board
    #[arg(long, value_name = "PORT")]
    port: PathBuf,
    /// Board, for its speed; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Bits per second [default: the board's, or 115200]
    #[arg(long, value_name = "N")]
    baud: Option<u32>,
    /// Adds each word's id (for an unknown word, the vocabulary's size) and the 64-bit trace hash of the engine's state
    #[arg(long, conflicts_with = "check")]
    trace: bool,
    /// Compare the board with this PC
    #[arg(long, requires = "model")]
    check: bool,
    /// The model that was flashed, for --check
    #[arg(long, value_name = "FILE", requires = "check")]
    model: Option<PathBuf>,
    /// The report as JSON; `-` is standard output
    #[arg(long, value_name = "FILE", requires = "check")]
    json: Option<PathBuf>,
    /// Seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    time_limit: u64,
}

/// Runs the verb.
///
/// # Errors
/// If the port cannot be opened, no greeting arrives, the board cannot use its model or is not --board, or the line
/// fails; with --check, at the first difference.
pub fn run(args: &Args) -> Result<()> {
    files::Paths::default().read("--model", &args.model).print("--json", &args.json).check()?;
    let baud = port::baud(args.baud, args.board.as_deref())?;
    let patience = Duration::from_secs(args.time_limit.max(1));
    match &args.model {
        // An unreadable model is reported before anything is sent.
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
