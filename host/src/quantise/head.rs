//! The head's section.

use anyhow::{Context, Result};
use telltale::engine::fixed::UNIT_MAX;
use telltale::engine::head::{SUM_BOUND, SUM_DOWN};

use super::scale::{Columns, Inputs, Map, Noise, SHIFTS};
use crate::bytes::Bytes;
use crate::model::weights::{Ranges, Weights};

/// How much larger than in calibration a hidden unit may grow before it saturates.
const HIDDEN_MARGIN: f64 = 1.5;

/// The finest step of a hidden unit is 2 to minus this.
const FINEST: i32 = 20;

/// Scores have 12 fractional bits.
const SCORE_FRACTION: i32 = 12;

/// An affine map as the model has it.
struct Affine<'w> {
    weights: &'w [f32],
    width: usize,
    bias: Vec<f64>,
}

impl<'w> Affine<'w> {
    fn new(weights: &'w Weights, name: &str, width: usize) -> Self {
        let bias = weights.get(&format!("{name}.bias")).iter().map(|&bias| bias.into()).collect();
        Self { weights: weights.get(&format!("{name}.weight")), width, bias }
    }

    /// In integers, so that rounded sums are in steps of 2^`exponent`.
    fn quantise(&self, inputs: Inputs, exponent: i32) -> Option<Map> {
        let columns = Columns { weights: self.weights, width: self.width, inputs };
        let unit = f64::from(exponent - SUM_DOWN as i32).exp2();
        Map::new(&[columns], &self.bias, |_| unit, SUM_BOUND)
    }

    /// The shifts of the pooled state, the best first.
    fn shifts(&self) -> Vec<u32> {
        let noise = Noise::new(&[vec![(self.weights, self.width, 0)]]);
        let variance = |shift: u32| Some((noise.variance(&[Inputs::of_units(shift)])?, shift));
        let mut shifts: Vec<(f64, u32)> = SHIFTS.filter_map(variance).collect();
        shifts.sort_by(|a, b| a.0.total_cmp(&b.0));
        shifts.into_iter().map(|(_, shift)| shift).collect()
    }
}

/// Quantises the head.
///
/// # Errors
/// If the weights do not fit the fixed-point formats.
pub fn quantise(weights: &Weights, ranges: &Ranges) -> Result<Vec<u8>> {
    let config = &weights.config;
    let too_large = "the head's weights are too large for the fixed-point formats";
    let (shift, limit, maps) = if config.head_hidden == 0 {
        let output = Affine::new(weights, "fc", config.hidden);
        let quantised = |shift| Some((shift, output.quantise(Inputs::of_units(shift), -SCORE_FRACTION)?));
        let (shift, map) = output.shifts().into_iter().find_map(quantised).context(too_large)?;
        (shift, 0, vec![map])
    } else {
        with_hidden(weights, ranges).context(too_large)?
    };
    let mut to = Bytes::default();
    to.u16(config.hidden as u16);
    to.u16(config.head_hidden as u16);
    to.u16(config.classes as u16);
    to.bytes(&[shift as u8, 0]);
    to.u16(limit);
    to.align(16);
    maps.iter().for_each(|map| map.write(&mut to));
    Ok(to.into_vec())
}

/// The pooled shift, the hidden units' limit, and both maps: hidden units are as fine as the second
/// map's sums allow and reach as far as calibration says.
fn with_hidden(weights: &Weights, ranges: &Ranges) -> Option<(u32, u16, Vec<Map>)> {
    let first = Affine::new(weights, "fc1", weights.config.hidden);
    let second = Affine::new(weights, "fc2", weights.config.head_hidden);
    let largest = (f64::from(ranges.head_hidden) * HIDDEN_MARGIN).max(1e-3);
    let shifts = first.shifts();
    (-FINEST..=0).find_map(|exponent| {
        let unit = f64::from(exponent).exp2();
        let limit = (largest / unit).ceil();
        if limit > f64::from(UNIT_MAX) {
            return None;
        }
        let inputs = Inputs { limit: limit as u32, unit, square: (largest / 2.0).powi(2) };
        let output = second.quantise(inputs, -SCORE_FRACTION)?;
        let (shift, hidden) = shifts.iter().find_map(|&shift| {
            let map = first.quantise(Inputs::of_units(shift), exponent)?;
            Some((shift, map))
        })?;
        Some((shift, limit as u16, vec![hidden, output]))
    })
}
