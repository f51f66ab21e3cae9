//! `run`: standard input, word by word, through the same engine and session as on a chip.

use std::io::{BufRead, BufReader, BufWriter, StdinLock, StdoutLock, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use embedded_io::Read as _;
use telltale::session::{ANSWERS, LINES, Line, PARAGRAPHS, PLAIN, Session, TRACED, sanitise};
use telltale::{Classifier, Model};

use super::stdin::check_encoding;
use crate::console::warn;
use crate::corpus::count;
use crate::engine::{memory_for, with_model};
use crate::evaluate::explain::Explanation;

/// Reads texts from standard input, one per line, and prints the answer so far after each word
///
/// A word's line: its index in the text, the word, the label so far, its probability, and `?` if the word is not in the
/// vocabulary. An answer's line: `=`, label, probability, words, unknown words, bytes lost (0 on a PC). Fields are
/// separated by tabs. An empty line is not a text.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Adds each word's id (for an unknown word, the vocabulary's size) and the 64-bit trace hash of the engine's state
    #[arg(long)]
    trace: bool,
    /// Print only the answer to each text
    #[arg(long, conflicts_with = "trace")]
    answers: bool,
    /// Adds two lines to each answer: `+` and the words that contributed most for it, `-` and those against it, each
    /// with its change of the answer's log odds
    #[arg(long, conflicts_with_all = ["trace", "paragraphs"])]
    explain: bool,
    /// A text ends at a blank line instead of at the end of its line
    #[arg(long)]
    paragraphs: bool,
}

/// Words listed for an answer, and against it.
const LOUDEST: usize = 8;

/// Runs the verb.
///
/// # Errors
/// If the model cannot be read or a stream fails; a closed output ends it quietly.
pub fn run(args: &Args) -> Result<()> {
    with_model(&args.model, |model| {
        let mut memory = memory_for(model);
        let mut session = Session::new(Classifier::within(model, &mut memory)?, None);
        let form = match (args.trace, args.answers) {
            (true, _) => TRACED,
            (_, true) => ANSWERS,
            _ => PLAIN,
        };
        let mut streams = Streams::new();
        let controls = [form, if args.paragraphs { PARAGRAPHS } else { LINES }];
        let result = check_encoding(&mut streams.input)
            .and_then(|()| controls.into_iter().try_for_each(|control| session.push(control, &mut streams)))
            .and_then(|()| match args.explain {
                true => explain(model, &mut session, &mut streams),
                false => session.converse(&mut streams),
            })
            .and_then(|()| streams.output.flush());
        // If the output is closed, reading may stop anywhere.
        let broken = if result.is_ok() { streams.broken() } else { 0 };
        if broken > 0 {
            warn(&format!(
                "read as gaps between words: {} in the input that {} no UTF-8 (`iconv -f LATIN1 -t UTF-8` makes Latin-1 \
                 that)",
                count(broken, "place"),
                if broken == 1 { "is" } else { "are" }
            ));
        }
        match result {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            result => result.context("cannot read the input or write the output"),
        }
    })
}

/// The most bytes of a line that is explained: this takes memory for each word.
const EXPLAINED: usize = 1 << 20;

/// Explains the answer to each line.
fn explain(model: &Model<'_>, session: &mut Session<'_>, streams: &mut Streams) -> std::io::Result<()> {
    let (mut line, mut chunk) = (Vec::new(), [0; 1 << 12]);
    loop {
        let count = streams.read(&mut chunk)?;
        // The end of the input ends a line, too.
        let bytes = if count == 0 { &b"\n"[..] } else { &chunk[..count] };
        for &byte in bytes {
            session.push(byte, streams)?;
            if !matches!(byte, b'\n' | b'\r') {
                if line.len() <= EXPLAINED {
                    line.push(byte);
                }
            } else if line.len() > EXPLAINED {
                writeln!(streams.output, "+\ta line of more than {EXPLAINED} bytes is not explained")?;
                line.clear();
            } else if !line.is_empty() {
                let explanation =
                    Explanation::of(model, &String::from_utf8_lossy(&line)).map_err(std::io::Error::other)?;
                let (pro, contra) = explanation.loudest(LOUDEST);
                write!(streams.output, "+\t{pro}\n-\t{contra}\n")?;
                line.clear();
            }
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// Standard input and output as a line that loses nothing.
struct Streams {
    input: BufReader<StdinLock<'static>>,
    output: BufWriter<StdoutLock<'static>>,
    /// The start of a character that the next bytes complete.
    started: Vec<u8>,
    /// Places that are not UTF-8.
    broken: usize,
}

impl Streams {
    fn new() -> Self {
        Self {
            input: BufReader::new(std::io::stdin().lock()),
            output: BufWriter::new(std::io::stdout().lock()),
            started: Vec::new(),
            broken: 0,
        }
    }

    /// Counts the places in the next bytes that are not UTF-8.
    fn check_bytes(&mut self, bytes: &[u8]) {
        self.started.extend_from_slice(bytes);
        let mut at = 0;
        while let Err(error) = std::str::from_utf8(&self.started[at..]) {
            at += error.valid_up_to();
            let Some(length) = error.error_len() else {
                self.started.drain(..at);
                return;
            };
            at += length;
            self.broken += 1;
        }
        self.started.clear();
    }

    /// Places in all the input that are not UTF-8.
    fn broken(&self) -> usize {
        self.broken + usize::from(!self.started.is_empty())
    }
}

impl embedded_io::ErrorType for Streams {
    type Error = std::io::Error;
}

impl embedded_io::Read for Streams {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.input.buffer().is_empty() {
            // The user may be typing: answers are shown before waiting for more.
            self.output.flush()?;
        }
        let from = self.input.fill_buf()?;
        let count = from.len().min(to.len());
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = sanitise(from));
        self.input.consume(count);
        self.check_bytes(&to[..count]);
        Ok(count)
    }
}

impl embedded_io::Write for Streams {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        self.output.write(from)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

impl Line for Streams {}
