//! `run`: standard input, word by word, through the engine and the session that chips use.

use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use embedded_io_adapters::std::FromStd;
use telltale::Classifier;
use telltale::session::{PLAIN, Reader, TRACED, sanitise};

use crate::engine::{memory_for, with_model};

/// Reads standard input word by word and prints label and probability after each
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The model, as `train --export` wrote it
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Adds the word's id and the 64-bit trace hash of the engine's state
    #[arg(long)]
    trace: bool,
}

/// Runs the verb.
///
/// # Errors
/// If the model cannot be read or a stream fails; a closed output ends it quietly.
pub fn run(args: &Args) -> Result<()> {
    with_model(&args.model, |model| {
        let mut memory = memory_for(model);
        let mut reader = Reader::new(Classifier::within(model, &mut memory)?);
        let output = BufWriter::new(std::io::stdout().lock());
        match stream(&mut reader, std::io::stdin().lock(), output, args.trace) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            result => result.context("cannot read the input or write the output"),
        }
    })
}

fn stream(
    reader: &mut Reader<'_>,
    mut input: impl Read,
    output: impl Write,
    trace: bool,
) -> std::io::Result<()> {
    let mut output = FromStd::new(output);
    reader.push(if trace { TRACED } else { PLAIN }, &mut output)?;
    let mut bytes = [0; 4096];
    loop {
        let count = input.read(&mut bytes)?;
        if count == 0 {
            break;
        }
        for &byte in &bytes[..count] {
            reader.push(sanitise(byte), &mut output)?;
        }
        // Someone may be typing: what is known is shown at once.
        embedded_io::Write::flush(&mut output)?;
    }
    reader.end(&mut output)?;
    embedded_io::Write::flush(&mut output)
}
