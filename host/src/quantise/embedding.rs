//! The embedding's section.

use anyhow::{Context, Result};

use super::EmbeddingBits;
use super::scale::smallest_shift;
use crate::bytes::Bytes;
use crate::model::weights::Weights;

/// The activations that the first layer sees: their largest magnitude and the worth of a step.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// The largest |x|.
    pub limit: u32,
    /// What x = 1 means.
    pub unit: f64,
}

/// Multipliers are u8.
const MULTIPLIER_MAX: f64 = 255.0;

/// Quantises the table; tells what the first layer will see.
///
/// # Errors
/// If no shift keeps the first layer's sums in range.
pub fn quantise(weights: &Weights, bits: EmbeddingBits) -> Result<(Vec<u8>, Inputs)> {
    let table = weights.get("embed.weight");
    let width = weights.config.embed;
    let most: f64 = match bits {
        EmbeddingBits::Four => 7.0,
        EmbeddingBits::Eight => 127.0,
    };
    let largest = table.iter().fold(f32::MIN_POSITIVE, |largest, e| largest.max(e.abs()));
    // What one step of (weight · multiplier) is worth.
    let fine = f64::from(largest) / (most * MULTIPLIER_MAX);
    let inputs = |shift: u32| {
        let limit = shared::fixed::round_shift(128 * MULTIPLIER_MAX as i32, shift).unsigned_abs();
        (limit, fine * f64::from(shift).exp2())
    };
    let shift = smallest_shift(weights.layer("weight_ih", 0), width, inputs)
        .context("the first layer's weights do not fit the fixed-point formats")?;
    let mut multipliers = Vec::new();
    let mut rows = Bytes::default();
    for row in table.chunks_exact(width) {
        let own = row.iter().fold(0.0f64, |largest, &e| largest.max(f64::from(e).abs()));
        let multiplier = (own / (most * fine)).ceil().clamp(1.0, MULTIPLIER_MAX);
        multipliers.push(multiplier as u8);
        let quantised = |e: f32| (f64::from(e) / (multiplier * fine)).round().clamp(-most, most) as i8;
        match bits {
            EmbeddingBits::Eight => row.iter().for_each(|&e| rows.bytes(&quantised(e).to_le_bytes())),
            EmbeddingBits::Four => {
                for pair in row.chunks(2) {
                    let nibble = |at: usize| pair.get(at).map_or(0, |&e| quantised(e) as u8 & 15);
                    rows.bytes(&[nibble(0) | nibble(1) << 4]);
                }
            }
        }
    }
    let mut to = Bytes::default();
    to.u32(multipliers.len() as u32);
    to.u16(width as u16);
    to.bytes(&[if bits == EmbeddingBits::Four { 4 } else { 8 }, shift as u8]);
    to.bytes(&multipliers);
    to.align(4);
    to.bytes(&rows.into_vec());
    to.align(4);
    let (limit, unit) = inputs(shift);
    Ok((to.into_vec(), Inputs { limit, unit }))
}
