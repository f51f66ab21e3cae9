//! The command line: its verbs, a module each.

pub mod bench;
pub mod boards;
pub mod compare;
pub mod corpus;
pub mod early_exit;
pub mod emulate;
pub mod eval;
pub mod export;
pub mod firmware;
pub mod fit;
pub mod flash;
pub mod frontier;
pub mod image;
pub mod import;
pub mod inspect;
pub mod label;
mod measures;
pub mod monitor;
pub mod report;
mod rows;
pub mod run;
mod stdin;
pub mod train;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Serialize;

/// Telltale: recurrent text classification on microcontrollers
#[derive(Parser, Debug)]
#[command(name = "host", version, about)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Train(Box<train::Args>),
    Fit(Box<fit::Args>),
    Frontier(Box<frontier::Args>),
    Compare(Box<compare::Args>),
    Import(import::Args),
    Eval(eval::Args),
    Run(run::Args),
    EarlyExit(early_exit::Args),
    Label(label::Args),
    Report(report::Args),
    Inspect(inspect::Args),
    Image(image::Args),
    Export(export::Args),
    #[command(visible_alias = "qemu")]
    Emulate(emulate::Args),
    Firmware(firmware::Args),
    Flash(flash::Args),
    Monitor(monitor::Args),
    Boards(boards::Args),
    Bench(bench::Args),
}

impl Cli {
    /// Reads the process's arguments; ends the process if they are wrong or request help.
    #[must_use]
    pub fn read() -> Self {
        let matches = taking_negative_numbers(Self::command()).try_get_matches();
        let matches = matches.unwrap_or_else(|error| leave(&error));
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| leave(&error));
        match (&mut cli.verb, matches.subcommand()) {
            (Verb::Train(args), Some((_, own))) => args.note_given(own),
            (Verb::Fit(args), Some((_, own))) => args.note_given(own),
            _ => {}
        }
        cli
    }

    /// Runs the verb.
    ///
    /// # Errors
    /// One line: what was wrong, what was expected, what to do.
    pub fn run(&self) -> Result<()> {
        match &self.verb {
            Verb::Train(args) => train::run(args),
            Verb::Fit(args) => fit::run(args),
            Verb::Frontier(args) => frontier::run(args),
            Verb::Compare(args) => compare::run(args),
            Verb::Import(args) => import::run(args),
            Verb::Eval(args) => eval::run(args),
            Verb::Run(args) => run::run(args),
            Verb::EarlyExit(args) => early_exit::run(args),
            Verb::Label(args) => label::run(args),
            Verb::Report(args) => report::run(args),
            Verb::Inspect(args) => inspect::run(args),
            Verb::Image(args) => image::run(args),
            Verb::Export(args) => export::run(args),
            Verb::Emulate(args) => emulate::run(args),
            Verb::Firmware(args) => firmware::run(args),
            Verb::Flash(args) => flash::run(args),
            Verb::Monitor(args) => monitor::run(args),
            Verb::Boards(args) => boards::run(args),
            Verb::Bench(args) => bench::run(args),
        }
    }
}

/// Ends the process with the help that was asked for, or with what is wrong with a flag.
fn leave(error: &clap::Error) -> ! {
    match error.print() {
        Err(full) if full.kind() != std::io::ErrorKind::BrokenPipe => {
            crate::console::tell_unwritten(&full);
            std::process::exit(1)
        }
        _ => std::process::exit(error.exit_code()),
    }
}

/// So that `--lr -1` is as wrong as `--lr=-1`, and not an unknown flag `-1`.
fn taking_negative_numbers(command: clap::Command) -> clap::Command {
    let takes_one = |arg: clap::Arg| {
        let takes = arg.get_action().takes_values();
        arg.allow_negative_numbers(takes)
    };
    command.mut_args(takes_one).mut_subcommands(taking_negative_numbers)
}

/// Writes a value as JSON to a flag's file, if it is given, or to standard output for `-`; a closed pipe is no error.
///
/// Control characters of terminals are escaped, as JSON allows.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(to: Option<&PathBuf>, value: &impl Serialize) -> Result<()> {
    let Some(to) = to else { return Ok(()) };
    let mut text = serde_json::to_string_pretty(value).context("cannot encode the JSON")?;
    if text.contains(crate::console::is_obeyed) {
        let shown = |c: char| {
            if crate::console::is_obeyed(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() }
        };
        text = text.chars().map(shown).collect();
    }
    text.push('\n');
    if to == Path::new("-") {
        crate::console::raw(text.as_bytes());
        return Ok(());
    }
    crate::files::write(to, text.as_bytes())
}
