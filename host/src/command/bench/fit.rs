//! `bench device --fit`: the coefficients of [`crate::cost`], from measurements.

use anyhow::{Context, Result};
use serde::Serialize;
use shared::Model;

use super::device::Bench;
use super::synthetic::{Shape, blob_of};
use crate::aligned::AlignedBytes;
use crate::board::Board;
use crate::console::say;
use crate::cost::{Coefficients, Work, obstacle};
use crate::files;
use crate::model::{Cell, Pooling};
use crate::toolchain::{build, workspace};

/// The networks to measure: cell, layers, embedding, units, pooling, classes. They vary each term by itself.
const NETWORKS: [(Cell, usize, usize, usize, Pooling, usize); 16] = [
    (Cell::Gru, 1, 16, 24, Pooling::Mean, 2),
    (Cell::Gru, 1, 32, 64, Pooling::Mean, 2),
    (Cell::Gru, 1, 32, 64, Pooling::Last, 2),
    (Cell::Gru, 1, 16, 48, Pooling::Mean, 20),
    (Cell::Gru, 1, 64, 128, Pooling::Mean, 2),
    (Cell::Gru, 2, 24, 40, Pooling::Mean, 2),
    (Cell::Lstm, 1, 16, 24, Pooling::Mean, 2),
    (Cell::Lstm, 1, 32, 64, Pooling::Mean, 2),
    (Cell::Lstm, 1, 96, 64, Pooling::Last, 5),
    (Cell::Rnn, 1, 16, 32, Pooling::Mean, 2),
    (Cell::Rnn, 1, 96, 64, Pooling::Mean, 2),
    (Cell::Rnn, 1, 64, 128, Pooling::Mean, 8),
    (Cell::Rnn, 2, 32, 64, Pooling::Last, 2),
    (Cell::Fastgrnn, 1, 16, 24, Pooling::Mean, 2),
    (Cell::Fastgrnn, 1, 32, 64, Pooling::Mean, 2),
    (Cell::Fastgrnn, 1, 64, 128, Pooling::Last, 5),
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

/// Measures networks on a board, fits the coefficients and writes them to the board's `cost.toml`.
pub fn fit(bench: &Bench, board: &Board) -> Result<Fit> {
    let program = build(board, "bench", None)?;
    let mut measured = Vec::new();
    for (cell, layers, embed, hidden, pooling, classes) in NETWORKS {
        let blob: AlignedBytes = blob_of(&Shape { cell, layers, embed, hidden }, pooling, classes)?;
        let model = Model::open(&blob)?;
        if obstacle(&model, board).is_none() {
            measured.push((Work::of(&model), bench.ask(board, &program, &blob)?.part("word")?));
        }
    }
    let coefficients = Coefficients::fit(&measured)?;
    let path = workspace()?.join("firmware/boards").join(board.name).join("cost.toml");
    files::write(&path, coefficients.to_toml()?.as_bytes()).context("cannot keep the coefficients")?;
    let largest_error = coefficients.largest_error(&measured);
    Ok(Fit { board: board.name, coefficients, networks: measured.len(), largest_error })
}

/// Prints a board's fit.
pub fn print(fit: &Fit) {
    let own = &fit.coefficients;
    say!(
        "{:<12} {:.3} a MAC, {:.1} a number of the embedding, {:.1} a pooled unit, {:.0} a class, {:.0} a word",
        fit.board,
        own.per_mac,
        own.per_embed,
        own.per_pooled,
        own.per_class,
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
