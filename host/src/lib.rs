//! Telltale on the PC: corpora, training with Candle, quantisation, the boards' toolchain.
//!
//! - [`corpus`]: labelled texts and their splits; [`vocabulary`]: words → ids
//! - [`model`]: networks in f32 and their fused sequences; [`train`]: the loop; [`threads`]: where both run
//! - [`pipeline`]: one run, from a corpus to a finished model
//! - [`quantise`]: f32 → integers → model file; [`engine`]: the integer engine with room for every model
//! - [`evaluate`]: how good a model is, by class and by part, and the contributions of words
//! - [`board`] and [`toolchain`]: the boards and their firmware; [`cost`]: what a model costs on them
//! - [`serial`]: the paced line to a board; [`monitor`]: a terminal to it, and its check
//! - [`library`] and [`export`]: the engine in C, and a model as a folder for other tools
//! - [`web`]: the engine as WebAssembly
//! - [`pytorch`]: models to and from PyTorch; [`ngrams`]: the n-grams beside the network; [`logits`]: their sums
//! - [`command`]: the verbs; [`console`], [`files`], [`file_kind`] and [`json`]: their output and files; [`program`]: a
//!   board's program; [`aligned`] and [`bytes`]: blocks of bytes
//! - [`stop`]: Ctrl-C; [`exit_reason`]: how the process ends
#![forbid(unsafe_code)]

pub mod aligned;
pub mod board;
pub mod bytes;
pub mod command;
pub mod console;
pub mod corpus;
pub mod cost;
pub mod engine;
pub mod evaluate;
pub mod exit_reason;
pub mod export;
pub mod file_kind;
pub mod files;
pub mod json;
pub mod library;
pub mod logits;
pub mod model;
pub mod monitor;
pub mod ngrams;
pub mod pipeline;
pub mod program;
pub mod pytorch;
pub mod quantise;
pub mod serial;
pub mod stop;
pub mod threads;
pub mod toolchain;
pub mod train;
pub mod vocabulary;
pub mod web;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Telltale: recurrent text classification on microcontrollers
#[derive(Parser, Debug)]
#[command(name = "host", version, about)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Train(Box<command::train::Args>),
    Fit(Box<command::fit::Args>),
    Frontier(Box<command::frontier::Args>),
    Compare(Box<command::compare::Args>),
    Import(command::import::Args),
    Eval(command::eval::Args),
    Run(command::run::Args),
    EarlyExit(command::early_exit::Args),
    Label(command::label::Args),
    Report(command::report::Args),
    Inspect(command::inspect::Args),
    Image(command::image::Args),
    Export(command::export::Args),
    #[command(visible_alias = "qemu")]
    Emulate(command::emulate::Args),
    Firmware(command::firmware::Args),
    Flash(command::flash::Args),
    Monitor(command::monitor::Args),
    Boards(command::boards::Args),
    Bench(command::bench::Args),
}

/// A file that grows past the limit of the shell (`ulimit -f`) is an error of the write, not the
/// silent end of the process.
pub fn large_files_are_errors() {
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
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
            Verb::Train(args) => command::train::run(args),
            Verb::Fit(args) => command::fit::run(args),
            Verb::Frontier(args) => command::frontier::run(args),
            Verb::Compare(args) => command::compare::run(args),
            Verb::Import(args) => command::import::run(args),
            Verb::Eval(args) => command::eval::run(args),
            Verb::Run(args) => command::run::run(args),
            Verb::EarlyExit(args) => command::early_exit::run(args),
            Verb::Label(args) => command::label::run(args),
            Verb::Report(args) => command::report::run(args),
            Verb::Inspect(args) => command::inspect::run(args),
            Verb::Image(args) => command::image::run(args),
            Verb::Export(args) => command::export::run(args),
            Verb::Emulate(args) => command::emulate::run(args),
            Verb::Firmware(args) => command::firmware::run(args),
            Verb::Flash(args) => command::flash::run(args),
            Verb::Monitor(args) => command::monitor::run(args),
            Verb::Boards(args) => command::boards::run(args),
            Verb::Bench(args) => command::bench::run(args),
        }
    }
}

/// Ends the process with the help that was asked for, or with what is wrong with a flag.
fn leave(error: &clap::Error) -> ! {
    match error.print() {
        Err(full) if full.kind() != std::io::ErrorKind::BrokenPipe => {
            console::tell_unwritten(&full);
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
