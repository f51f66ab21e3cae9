//! `bench`: the cost of a word, on chips and on this PC, and of a vocabulary.

mod device;
mod eval;
mod fit;
mod measure;
mod synthetic;
mod train;
mod vocab;

use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};

/// Measures what a word costs: instructions on emulated boards, time on this PC, bytes of vocabulary
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    Device(device::Args),
    Eval(eval::Args),
    Train(train::Args),
    Vocab(vocab::Args),
}

/// Runs the verb.
///
/// # Errors
/// If a firmware does not build, the emulator is missing, a network does not fit a board, or a corpus cannot be read.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Device(args) => device::run(args),
        What::Eval(args) => eval::run(args),
        What::Train(args) => train::run(args),
        What::Vocab(args) => vocab::run(args),
    }
}
