//! The head's section.

use anyhow::{Context, Result};
use shared::fixed::UNIT_MAX;

use super::scale::{Quantised, quantise_bias, shifted_units, smallest_shift, write_bias};
use crate::bytes::Bytes;
use crate::model::weights::{Ranges, Weights};

/// How much larger than in calibration a hidden unit may grow before it saturates.
const HIDDEN_MARGIN: f64 = 1.5;

/// Scores have 12 fractional bits.
const SCORE_FRACTION: u32 = 12;

/// An affine map in integers.
struct Affine {
    /// Fractional bits of its sums.
    fraction: u32,
    bias: Vec<i32>,
    matrix: Quantised,
}

impl Affine {
    /// Quantises with as many fractional bits as the sums leave room for, `least` at least.
    fn new(weights: &Weights, name: &str, columns: usize, limit: u32, unit: f64, least: u32) -> Option<Self> {
        let bias: Vec<f64> = weights.get(&format!("{name}.bias")).iter().map(|&bias| bias.into()).collect();
        let matrix = weights.get(&format!("{name}.weight"));
        (least..=30).rev().find_map(|fraction| {
            let matrix = Quantised::new(matrix, columns, unit, |_| fraction)?;
            let bias = quantise_bias(&bias, |_| fraction)?;
            let safe = bias.iter().enumerate().all(|(row, bias)| {
                // A rounding step of up to 2^(fraction − least) comes on top.
                let step = 1 << (fraction - least);
                matrix.reach(row, limit) + u64::from(bias.unsigned_abs()) + step < 1 << 31
            });
            (safe && matrix.fits_blocks(limit)).then_some(Self { fraction, bias, matrix })
        })
    }

    fn write(&self, to: &mut Bytes) {
        write_bias(&self.bias, to);
        self.matrix.write_scales(to);
        to.align(16);
        self.matrix.write_lanes(to);
        to.align(16);
    }
}

/// Quantises the head.
///
/// # Errors
/// If the weights do not fit the fixed-point formats.
pub fn quantise(weights: &Weights, ranges: &Ranges) -> Result<Vec<u8>> {
    let config = &weights.config;
    let too_large = "the head's weights are too large for the fixed-point formats";
    let first = if config.head_hidden == 0 { "fc" } else { "fc1" };
    let first_weights = weights.get(&format!("{first}.weight"));
    let pooled_shift = smallest_shift(first_weights, config.hidden, shifted_units).context(too_large)?;
    let (limit, unit) = shifted_units(pooled_shift);
    let mut to = Bytes::default();
    to.u16(config.hidden as u16);
    to.u16(config.head_hidden as u16);
    to.u16(config.classes as u16);
    if config.head_hidden == 0 {
        let output =
            Affine::new(weights, "fc", config.hidden, limit, unit, SCORE_FRACTION).context(too_large)?;
        to.bytes(&[pooled_shift as u8, 0, 0, 0, (output.fraction - SCORE_FRACTION) as u8, 0]);
        to.align(16);
        output.write(&mut to);
        return Ok(to.into_vec());
    }
    let hidden = Affine::new(weights, "fc1", config.hidden, limit, unit, 0).context(too_large)?;
    // Hidden units: as fine as the second map's blocks allow, as far as calibration says.
    let largest = (f64::from(ranges.head_hidden) * HIDDEN_MARGIN).max(1e-3);
    let second = weights.get("fc2.weight");
    let (shift, limit, unit) = (0..=hidden.fraction)
        .find_map(|shift| {
            let unit = f64::from(hidden.fraction - shift).exp2().recip();
            let limit = (largest / unit).ceil();
            if limit > f64::from(UNIT_MAX) {
                return None;
            }
            let of = |_| (limit as u32, unit);
            (smallest_shift(second, config.head_hidden, of) == Some(0)).then_some((shift, limit as u32, unit))
        })
        .context(too_large)?;
    let output =
        Affine::new(weights, "fc2", config.head_hidden, limit, unit, SCORE_FRACTION).context(too_large)?;
    to.bytes(&[pooled_shift as u8, shift as u8]);
    to.u16(limit as u16);
    to.bytes(&[(output.fraction - SCORE_FRACTION) as u8, 0]);
    to.align(16);
    hidden.write(&mut to);
    output.write(&mut to);
    Ok(to.into_vec())
}
