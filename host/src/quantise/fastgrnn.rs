//! A FastGRNN's states scaled into ±1, and its section beside the map.
//!
//! A network whose states are divided by a number is the same network if ζ and ν are divided by it, too,
//! and the weights that take states are multiplied.

use std::borrow::Cow;

use anyhow::{Result, ensure};
use telltale::engine::cell::SUM_FRACTION;
pub use telltale::engine::cell::fastgrnn::LIMIT;
use telltale::engine::fixed::Unit;

use crate::bytes::Bytes;
use crate::model::config::Cell;
use crate::model::weights::{Ranges, Weights};

/// How much larger than in calibration a state may grow before it saturates.
const MARGIN: f32 = 1.25;

/// What states are divided by: 1 for other cells.
#[must_use]
pub fn divisor(weights: &Weights, ranges: &Ranges) -> f32 {
    if weights.config.cell != Cell::Fastgrnn {
        return 1.0;
    }
    let largest = |layer: usize| weights.mix(layer).iter().sum::<f32>();
    (0..weights.config.layers).map(largest).fold(ranges.state * MARGIN, f32::max)
}

/// The network in which what takes states is multiplied.
///
/// # Errors
/// If a weight grows beyond all numbers.
pub fn divided(weights: &Weights, divisor: f32) -> Result<Cow<'_, Weights>> {
    if weights.config.cell != Cell::Fastgrnn {
        return Ok(Cow::Borrowed(weights));
    }
    let config = weights.config.clone();
    let mut tensors = weights.clone().into_tensors();
    for (name, values) in &mut tensors {
        let takes = match &name[..] {
            "rnn.weight_ih_l0" => false,
            "fc.weight" | "fc1.weight" => true,
            name => name.starts_with("rnn.weight_"),
        };
        if takes {
            values.iter_mut().for_each(|value| *value *= divisor);
        }
    }
    Weights::new(config, tensors).map(Cow::Owned)
}

/// ζ and ν for states divided by `divisor`, in the steps of [`Unit`].
#[must_use]
pub fn mix(weights: &Weights, layer: usize, divisor: f32) -> [u16; 2] {
    let [zeta, nu] = weights.mix(layer).map(|factor| Unit::saturating_from_num(factor / divisor));
    [zeta, nu.min(Unit::MAX - zeta)].map(|factor| factor.to_bits() as u16)
}

/// Writes each unit's offset from the sum of its candidate to that of its gate.
///
/// # Errors
/// If the biases are too far apart.
pub fn write_offsets(weights: &Weights, layer: usize, to: &mut Bytes) -> Result<()> {
    let [gate, candidate] = weights.config.cell.biases().map(|what| weights.layer(what, layer));
    for (gate, candidate) in gate.iter().zip(candidate) {
        let steps = 2.0 * (f64::from(*gate) - f64::from(*candidate)) * f64::from(SUM_FRACTION).exp2();
        ensure!(
            steps.round().abs() < f64::from(LIMIT),
            "layer {layer}: its biases are too far apart for the fixed-point formats"
        );
        to.i32(steps.round() as i32);
    }
    to.align(16);
    Ok(())
}
