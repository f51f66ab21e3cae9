//! `bench device --fit`: the coefficients of [`crate::cost`], from measurements.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use telltale::Model;

use super::measure::Bench;
use super::synthetic::{Extras, SYNTHETIC_CHARACTERS, Shape, blob_of};
use crate::aligned::AlignedBytes;
use crate::board::Board;
use crate::console::say;
use crate::cost::{Coefficients, Work};
use crate::files;
use crate::model::{Cell, Pooling};
use crate::toolchain::{build, workspace};

/// A network: cell, layers, embedding, units, pooling, classes, extras.
type Kind = (Cell, usize, usize, usize, Pooling, usize, Extras);

/// N-grams of up to the given words and characters, and rows of the given bits.
const fn with(ngram_words: u8, ngram_characters: u8, embed_bits: u32) -> Extras {
    let ngrams = if ngram_words > 0 { 500 } else { 0 };
    let ngram_words = if ngram_words > 0 { ngram_words } else { 1 };
    Extras { embed_bits, fold: false, ngrams, ngram_words, ngram_characters }
}

/// The networks to measure, which vary each term by itself.
const NETWORKS: [Kind; 28] = [
    (Cell::Gru, 1, 16, 24, Pooling::Mean, 2, Extras::NONE),
    (Cell::Gru, 1, 32, 64, Pooling::Mean, 2, Extras::NONE),
    (Cell::Gru, 1, 32, 64, Pooling::Last, 2, Extras::NONE),
    (Cell::Gru, 1, 16, 48, Pooling::Mean, 20, Extras::NONE),
    (Cell::Gru, 1, 64, 128, Pooling::Mean, 2, Extras::NONE),
    (Cell::Gru, 2, 24, 40, Pooling::Mean, 2, Extras::NONE),
    (Cell::Lstm, 1, 16, 24, Pooling::Mean, 2, Extras::NONE),
    (Cell::Lstm, 1, 32, 64, Pooling::Mean, 2, Extras::NONE),
    (Cell::Lstm, 1, 96, 64, Pooling::Last, 5, Extras::NONE),
    (Cell::Rnn, 1, 16, 32, Pooling::Mean, 2, Extras::NONE),
    (Cell::Rnn, 1, 96, 64, Pooling::Mean, 2, Extras::NONE),
    (Cell::Rnn, 1, 64, 128, Pooling::Mean, 8, Extras::NONE),
    (Cell::Rnn, 2, 32, 64, Pooling::Last, 2, Extras::NONE),
    (Cell::Fastgrnn, 1, 16, 24, Pooling::Mean, 2, Extras::NONE),
    (Cell::Fastgrnn, 1, 32, 64, Pooling::Mean, 2, Extras::NONE),
    (Cell::Fastgrnn, 1, 64, 128, Pooling::Last, 5, Extras::NONE),
    (Cell::Gru, 1, 16, 24, Pooling::Mean, 2, with(0, 0, 4)),
    (Cell::Gru, 1, 64, 48, Pooling::Mean, 2, with(0, 0, 4)),
    (Cell::Gru, 1, 16, 48, Pooling::Mean, 2, with(2, 0, 4)),
    (Cell::Gru, 1, 16, 24, Pooling::Mean, 2, with(1, 0, 8)),
    (Cell::Gru, 1, 16, 24, Pooling::Mean, 2, with(3, 0, 8)),
    (Cell::Gru, 1, 16, 48, Pooling::Mean, 20, with(2, 0, 8)),
    (Cell::Lstm, 1, 24, 32, Pooling::Mean, 2, with(2, 0, 8)),
    (Cell::Rnn, 1, 32, 32, Pooling::Mean, 2, with(2, 0, 4)),
    (Cell::Rnn, 1, 32, 32, Pooling::Last, 6, with(3, 0, 8)),
    (Cell::Gru, 1, 16, 24, Pooling::Last, 2, with(1, 3, 8)),
    (Cell::Gru, 1, 32, 32, Pooling::Last, 2, with(2, 6, 4)),
    (Cell::Gru, 1, 32, 64, Pooling::Mean, 6, with(2, 4, 8)),
];

/// The coefficients of a board and how well they fit.
#[derive(Debug, Serialize)]
pub struct Fit {
    board: &'static str,
    #[serde(flatten)]
    coefficients: Coefficients,
    networks: usize,
    /// Over the measured networks.
    largest_error: f64,
}

/// Measures networks on a board, fits the coefficients and writes them to its `board.toml`.
pub fn fit(bench: &Bench, board: &Board) -> Result<Fit> {
    if let Some(other) = &board.cost_of {
        bail!("its cost is that of {other}: measure there");
    }
    let program = build(board, "bench", None)?;
    let mut measured = Vec::new();
    for (cell, layers, embed, hidden, pooling, classes, extras) in NETWORKS {
        let blob: AlignedBytes = blob_of(&Shape { cell, layers, embed, hidden }, pooling, classes, extras)?;
        let model = Model::open(&blob)?;
        if board.loading_obstacle(&model).is_none() {
            let work = Work::with_characters(&model, SYNTHETIC_CHARACTERS);
            measured.push((work, bench.ask(board, &program, &blob)?.part("word")?));
        }
    }
    let coefficients = Coefficients::fit(&measured)?;
    let path = workspace()?.join("firmware/boards").join(board.name).join("board.toml");
    let description = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    files::write(&path, coefficients.replace_in(&description)?.as_bytes())
        .context("cannot keep the coefficients")?;
    let largest_error = coefficients.largest_error(&measured);
    Ok(Fit { board: board.name, coefficients, networks: measured.len(), largest_error })
}

/// Prints a board's fit.
pub fn print(fit: &Fit) {
    let own = &fit.coefficients;
    say!(
        "{:<12} {:.3} a MAC, {:.1} a number of the embedding ({:.1} of i4), {:.1} a pooled unit, {:.0} a class, \
         {:.0} an n-gram, {:.0} a column of n-grams and {:.0} to add them, {:.0} a word",
        fit.board,
        own.per_mac,
        own.per_embed,
        own.per_embed_i4,
        own.per_pooled,
        own.per_class,
        own.per_look_up,
        own.per_column,
        own.with_ngrams,
        own.constant
    );
    let units: Vec<String> =
        own.per_unit.iter().map(|(cell, number)| format!("{number:.0} a unit of {cell}")).collect();
    say!(
        "{:<12} {}; off by {:.1} % at most over {} networks",
        "",
        units.join(", "),
        fit.largest_error * 100.0,
        fit.networks
    );
}
