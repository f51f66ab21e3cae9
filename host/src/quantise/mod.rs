//! Post-training quantisation: from f32 weights to a model file.
//!
//! Weights become i8 with one scale per row, chosen so that the row's largest weight is 127 or a little less.
//! Activations become i16 in the steps with the least noise among those for which `telltale`'s proofs hold. What
//! depends on the data (LSTM cells, FastGRNN's states, the head's hidden layer) is calibrated on training text.

mod embedding;
mod fastgrnn;
mod float_reference;
mod fold;
mod head;
mod layer;
mod ngrams;
mod scale;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::model::config::Cell;
use crate::model::weights::{Ranges, Weights};
use layer::Input;

pub use float_reference::float_reference;
pub use ngrams::quantise as ngrams;
pub use writer::{Description, export, install, with_section, write_blob};

/// Texts that calibrate the ranges of activations.
pub const CALIBRATION_TEXTS: usize = 500;

/// What a word's row holds: bits of an embedding weight, or what the first layer makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EmbeddingBits {
    /// −7 to 7, two to a byte.
    Four,
    /// −127 to 127.
    Eight,
    /// [Folded](telltale::engine::embedding#folded): G·H sums in place of E weights, −127 to 127.
    Folded,
}

impl EmbeddingBits {
    /// What the flags `--embed-bits` and `--fold` ask for.
    ///
    /// # Errors
    /// If such a number of bits is not possible.
    pub fn asked(bits: u32, fold: bool) -> Result<Self> {
        match bits {
            _ if fold => Ok(Self::Folded),
            8 => Ok(Self::Eight),
            4 => Ok(Self::Four),
            bits => bail!("--embed-bits {bits}: 4 or 8 is possible"),
        }
    }
}

/// The sections of a network, the vocabulary's aside.
#[derive(Clone, Debug)]
pub struct Sections {
    /// The embedding.
    pub embedding: Vec<u8>,
    /// Whether it is folded.
    pub folded: bool,
    /// Each layer, the lowest first.
    pub layers: Vec<Vec<u8>>,
    /// The head.
    pub head: Vec<u8>,
    /// The [n-grams](ngrams()), if there are some.
    pub ngrams: Option<Vec<u8>>,
    /// What readers may skip: kinds and contents.
    pub optional: Vec<(u8, Vec<u8>)>,
}

impl Sections {
    /// Bytes of all of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts = self.layers.iter().chain([&self.embedding, &self.head]).chain(&self.ngrams);
        parts.map(Vec::len).sum()
    }
}

/// What the network does on some texts, as far as quantisation must know.
#[must_use]
pub fn calibrate<'t>(weights: &Weights, texts: impl Iterator<Item = &'t [u32]>) -> Ranges {
    let mut ranges = Ranges::default();
    if !matches!(weights.config.cell, Cell::Lstm | Cell::Fastgrnn) && weights.config.head_hidden == 0 {
        return ranges;
    }
    for ids in texts {
        let mut state = weights.start();
        for &id in ids {
            weights.step(id, &mut state, &mut ranges);
        }
        weights.logits(&state, &mut ranges);
    }
    ranges
}

/// Where states that are not within ±1 by themselves saturate: an LSTM's cells, a FastGRNN's states.
#[must_use]
pub fn state_limit(weights: &Weights, ranges: &Ranges) -> Option<f32> {
    match weights.config.cell {
        Cell::Lstm => Some(f32::from(1u8 << layer::cell_bits(ranges))),
        Cell::Fastgrnn => Some(fastgrnn::divisor(weights, ranges)),
        Cell::Rnn | Cell::Gru => None,
    }
}

/// Quantises a network.
///
/// # Errors
/// If a weight is too large for the fixed-point formats; the error names the part.
pub fn quantise(weights: &Weights, ranges: &Ranges, bits: EmbeddingBits) -> Result<Sections> {
    let divisor = fastgrnn::divisor(weights, ranges);
    let weights = &*fastgrnn::divided(weights, divisor)?;
    let (table, width) = (weights.get("embed.weight"), weights.config.embed);
    let folded = bits == EmbeddingBits::Folded;
    let (first, embedding) = if folded {
        let (embedding, limit) = fold::quantise(weights)?;
        (layer::quantise(weights, 0, Input::Sums(limit), ranges, divisor)?.0, embedding)
    } else {
        let format = embedding::Format::of(table, bits);
        let input = |shift| format.inputs(shift);
        let (first, shift) = layer::quantise(weights, 0, Input::Vector(&input), ranges, divisor)?;
        (first, embedding::quantise(table, width, format, shift))
    };
    let mut layers = vec![first];
    for layer in 1..weights.config.layers {
        let input = Input::Vector(&scale::Inputs::of_units);
        layers.push(layer::quantise(weights, layer, input, ranges, divisor)?.0);
    }
    Ok(Sections {
        embedding,
        folded,
        layers,
        head: head::quantise(weights, ranges)?,
        ngrams: None,
        optional: Vec::new(),
    })
}
