//! The section of a [folded](telltale::engine::embedding#folded) embedding.

use anyhow::{Result, ensure};
use telltale::engine::cell::SUM_FRACTION;
use telltale::engine::fixed::MAX_SHIFT;

use super::embedding::{self, Format};
use super::layer::enlarged;
use crate::model::config::Cell;
use crate::model::weights::Weights;

/// The section, and the most that a row adds to a sum.
///
/// # Errors
/// If the first layer's weights are too large for the fixed-point formats.
pub fn quantise(weights: &Weights) -> Result<(Vec<u8>, u32)> {
    let sums = sums(weights);
    let (format, shift) = Format::folded(&sums);
    ensure!(
        shift <= MAX_SHIFT,
        "layer 0: its weights are too large for the fixed-point formats to be folded"
    );
    let width = weights.config.cell.gates() * weights.config.hidden;
    Ok((embedding::quantise(&sums, width, format, shift), format.inputs(0).limit << shift))
}

/// What W makes of each word \[V × G·H\], in steps of sums; with the input's bias where a GRU's n keeps it apart.
fn sums(weights: &Weights) -> Vec<f32> {
    let config = &weights.config;
    let map = weights.layer("weight_ih", 0);
    let bias = weights.layer(config.cell.biases()[0], 0);
    let sum = |row: usize, word: &[f32]| {
        let apart = config.cell == Cell::Gru && row >= 2 * config.hidden;
        let products =
            word.iter().zip(&map[row * config.embed..]).map(|(e, w)| f64::from(*e) * f64::from(*w));
        let sum = products.sum::<f64>() + if apart { f64::from(bias[row]) } else { 0.0 };
        (sum * f64::from(SUM_FRACTION + enlarged(config.cell, config.hidden, row)).exp2()) as f32
    };
    let rows = config.cell.gates() * config.hidden;
    let words = weights.get("embed.weight").chunks_exact(config.embed);
    words.flat_map(|word| (0..rows).map(move |row| sum(row, word))).collect()
}
