//! `fit`: the largest model that fits a board's memory and speed.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Args as ClapArgs};
use serde::Serialize;
use telltale::Model;

use super::train::{self, Preset, Size};
use crate::board::{self, Board};
use crate::console::{self, say};
use crate::cost::Work;
use crate::pipeline::Drafts;

/// RAM for a session's stack and the buffers of its line, in bytes.
const REST: u64 = board::STACK + (1 << 10);

/// The presets that are tried.
const PRESETS: [Preset; 5] = [Preset::Nano, Preset::Micro, Preset::Small, Preset::Base, Preset::Large];

/// The shares of their words and n-grams that are tried.
const SHARES: [f64; 3] = [0.6, 0.8, 1.0];

/// Picks the largest model that fits a board's memory and speed, explains the choice, and trains the model
///
/// The candidates are the presets nano to large, and the same with fewer words and n-grams. Each is laid out with the
/// corpus's own words before training, so that its bytes, RAM and work are known. All flags of `train` apply to every
/// candidate.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: String,
    /// Flash for firmware and model, in bytes [default: all that the board has for the model]
    #[arg(long, value_name = "BYTES")]
    flash: Option<u64>,
    /// RAM for everything, in bytes [default: all that the board has]
    #[arg(long, value_name = "BYTES")]
    ram: Option<u64>,
    /// Least words per second, at one instruction per clock
    #[arg(long, value_name = "N")]
    words_per_second: Option<f64>,
    /// The candidates as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    candidates: Option<PathBuf>,
    /// Chooses a model without training it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    train: train::Args,
}

impl Args {
    /// Notes which flags were given on the command line.
    pub fn note_given(&mut self, matches: &ArgMatches) {
        self.train.note_given(matches);
    }
}

/// A model that could be trained.
#[derive(Clone, Debug, Serialize)]
struct Candidate {
    preset: String,
    /// Of its words and n-grams.
    share: f64,
    bytes: u64,
    /// State, scratch, stack and buffers.
    ram: u64,
    instructions_per_word: Option<f64>,
    words_per_second: Option<f64>,
    /// What rules it out; empty if nothing does.
    reason: String,
    chosen: bool,
}

/// What a board offers.
struct Room<'b> {
    board: &'b Board,
    /// Bytes for the model.
    model: u64,
    ram: u64,
    words_per_second: Option<f64>,
}

impl<'b> Room<'b> {
    fn of(args: &Args, board: &'b Board) -> Result<Self> {
        let mut model = board.memory.model;
        if let Some(flash) = args.flash {
            let firmware = board.memory.all_flash() - board.memory.model;
            ensure!(flash > firmware, "--flash {flash}: the firmware alone is given {firmware} bytes");
            model = model.min(flash - firmware);
        }
        if let Some(ram) = args.ram {
            ensure!(ram > REST, "--ram {ram}: stack and buffers alone are given {REST} bytes");
        }
        let wanted = args.words_per_second;
        ensure!(
            wanted.is_none_or(|wanted| wanted.is_finite() && wanted > 0.0),
            "--words-per-second: a positive number is expected"
        );
        let ram = args.ram.unwrap_or(board.memory.ram).min(board.memory.ram);
        Ok(Self { board, model, ram, words_per_second: wanted })
    }

    fn judge(&self, model: &Model<'_>, size: Size) -> Candidate {
        let memory = self.board.memory_for(model);
        let bytes = model.bytes() as u64;
        let ram = memory as u64 + REST;
        let instructions = self.board.cost.estimate(&Work::of(model));
        let speed = instructions.map(|instructions| self.board.clock_hz as f64 / instructions);
        let reason = if bytes > self.model {
            format!("flash: needs {bytes}, has {}", self.model)
        } else if ram > self.ram {
            format!("RAM: needs {ram}, has {}", self.ram)
        } else if let Some(reason) = self.board.obstacle(model) {
            reason
        } else {
            match (self.words_per_second, speed) {
                (Some(wanted), Some(speed)) if speed < wanted => format!("words/s: {wanted} are wanted"),
                (Some(_), None) => "words/s: this cell was not measured there".to_owned(),
                _ => String::new(),
            }
        };
        Candidate {
            preset: size.preset.to_string(),
            share: size.share,
            bytes,
            ram,
            instructions_per_word: instructions,
            words_per_second: speed,
            reason,
            chosen: false,
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// If nothing fits, a flag is wrong, or as `train`.
pub fn run(args: &Args) -> Result<()> {
    ensure!(
        !args.train.is_settled(),
        "`fit` picks the preset itself: leave --preset out, and go on with a run by `host train --resume DIR`"
    );
    if let (Some(flag), false) = (args.train.corpus.stdin_flag(args.train.unlabelled.as_ref()), args.dry_run)
    {
        bail!("{flag} -: what it reads is read again to train what fits: write it to a file first");
    }
    let board = board::find(&args.board)?;
    if !args.dry_run {
        args.train.check_save()?;
    }
    let paths = args.train.paths();
    paths.clone().print("--candidates", &args.candidates).check()?;
    if args.dry_run {
        for path in paths.outputs() {
            console::warn(&format!("--dry-run: nothing is trained, and {} not written", path.display()));
        }
    }
    let room = Room::of(args, &board)?;
    let mut drafts = Drafts::new(args.train.source()?);
    let mut candidates = Vec::new();
    for size in PRESETS.iter().flat_map(|&preset| SHARES.map(|share| Size { preset, share })) {
        let config = args.train.sized(size).resolve(drafts.source())?;
        let draft = drafts.draft(&config)?;
        candidates.push((size, room.judge(&Model::open(&draft)?, size)));
    }
    drop(drafts);
    candidates.sort_by_key(|(_, candidate)| candidate.bytes);
    let chosen = candidates.iter().rposition(|(_, candidate)| candidate.reason.is_empty());
    if let Some(at) = chosen {
        candidates[at].1.chosen = true;
    }
    let list: Vec<&Candidate> = candidates.iter().map(|(_, candidate)| candidate).collect();
    show(&room, &list);
    super::write_json(args.candidates.as_ref(), &list)?;
    let (size, _) = &candidates[chosen.with_context(|| {
        let smallest = list.first().map_or("", |candidate| &candidate.reason);
        format!("no model fits {}; even the smallest does not ({smallest})", board.name)
    })?];
    if args.dry_run { Ok(()) } else { train::run(&args.train.sized(*size)) }
}

fn show(room: &Room<'_>, candidates: &[&Candidate]) {
    let board = room.board;
    say!(
        "{}: {} bytes of flash for the model, {} bytes of RAM, {} MHz",
        board.name,
        room.model,
        room.ram,
        board.clock_hz / 1_000_000
    );
    say!("{:<8} {:>6} {:>9} {:>7} {:>9}  verdict", "preset", "words", "bytes", "RAM", "words/s");
    for candidate in candidates {
        let speed = candidate.words_per_second.map_or_else(|| "–".to_owned(), |speed| format!("{speed:.0}"));
        let verdict = match (candidate.chosen, &candidate.reason[..]) {
            (true, _) => "the largest that fits: chosen",
            (false, "") => "fits",
            (false, reason) => reason,
        };
        say!(
            "{:<8} {:>4.0} % {:>9} {:>7} {speed:>9}  {verdict}",
            candidate.preset,
            candidate.share * 100.0,
            candidate.bytes,
            candidate.ram
        );
    }
    say!(
        "Bytes are those of an untrained model with the corpus's words; RAM has {REST} bytes for stack and buffers; \
         words/s are at one instruction per clock, at best."
    );
    say!();
}
