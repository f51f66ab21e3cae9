//! A recurrent layer's section.

use anyhow::{Context, Result};

use super::embedding::Inputs;
use super::scale::{Quantised, quantise_bias, shifted_units, smallest_shift, write_bias};
use crate::bytes::Bytes;
use crate::model::config::Cell;
use crate::model::weights::{Ranges, Weights};

/// Sums have 12 fractional bits and the layer's shift more.
const FRACTION: u32 = 12;

/// How much larger than in calibration an LSTM's cell may grow before it saturates.
const CELL_MARGIN: f32 = 1.5;

/// Quantises layer `layer`; `first` is what the embedding hands to layer 0.
///
/// # Errors
/// If the weights do not fit the fixed-point formats.
pub fn quantise(weights: &Weights, layer: usize, first: Inputs, ranges: &Ranges) -> Result<Vec<u8>> {
    let config = &weights.config;
    let (inputs, hidden) = (config.inputs(layer), config.hidden);
    let (input_weights, state_weights) =
        (weights.layer("weight_ih", layer), weights.layer("weight_hh", layer));
    let too_large = || format!("layer {layer}: its weights are too large for the fixed-point formats");
    let state_shift = smallest_shift(state_weights, hidden, shifted_units).with_context(too_large)?;
    let (input_shift, input_limit, input_unit) = if layer == 0 {
        (0, first.limit, first.unit)
    } else {
        let shift = smallest_shift(input_weights, inputs, shifted_units).with_context(too_large)?;
        let (limit, unit) = shifted_units(shift);
        (shift, limit, unit)
    };
    let (state_limit, state_unit) = shifted_units(state_shift);
    let bias = sums_of_biases(weights, layer);
    let (shift, input, state, bias) = (0..=18)
        .rev()
        .find_map(|shift| {
            let input_fraction = |row| FRACTION + shift + enlarged(config.cell, hidden, row);
            let state_fraction = |row| {
                let sum = if config.cell == Cell::Gru && row >= 2 * hidden { row + hidden } else { row };
                FRACTION + shift + enlarged(config.cell, hidden, sum)
            };
            let input = Quantised::new(input_weights, inputs, input_unit, input_fraction)?;
            let state = Quantised::new(state_weights, hidden, state_unit, state_fraction)?;
            let bias = quantise_bias(&bias, input_fraction)?;
            let safe = bias.iter().enumerate().all(|(row, bias)| {
                let (of_input, of_state) = rows_of_sum(config.cell, hidden, row);
                let reach = of_input.map_or(0, |row| input.reach(row, input_limit))
                    + of_state.map_or(0, |row| state.reach(row, state_limit));
                let most = if config.cell == Cell::Gru && row >= 2 * hidden { 30 } else { 31 };
                reach + u64::from(bias.unsigned_abs()) < 1 << most
            });
            let blocks = input.fits_blocks(input_limit) && state.fits_blocks(state_limit);
            (safe && blocks).then_some((shift, input, state, bias))
        })
        .with_context(too_large)?;
    let cell_format = match config.cell {
        Cell::Lstm => (ranges.cell * CELL_MARGIN).max(1.0).log2().ceil().min(4.0) as u8,
        Cell::Rnn | Cell::Gru => 0,
    };
    let mut to = Bytes::default();
    to.bytes(&[config.cell.engine() as u8, shift as u8, input_shift as u8, state_shift as u8]);
    to.u16(inputs as u16);
    to.u16(hidden as u16);
    to.bytes(&[cell_format, 0, 0, 0, 0, 0, 0, 0]);
    write_bias(&bias, &mut to);
    input.write_scales(&mut to);
    state.write_scales(&mut to);
    to.align(16);
    input.write_lanes(&mut to);
    to.align(16);
    state.write_lanes(&mut to);
    to.align(16);
    Ok(to.into_vec())
}

/// How many bits a sum has beyond a gate's, because it enters tanh or, in GRU, is multiplied by r before.
const fn enlarged(cell: Cell, hidden: usize, sum: usize) -> u32 {
    match (cell, sum / hidden) {
        (Cell::Rnn, _) | (Cell::Gru, 2) | (Cell::Lstm, 2) => 1,
        (Cell::Gru, 3) => 2,
        _ => 0,
    }
}

/// The biases of the engine's sums: input's and state's together, but for GRU's n.
fn sums_of_biases(weights: &Weights, layer: usize) -> Vec<f64> {
    let hidden = weights.config.hidden;
    let input = weights.layer("bias_ih", layer).iter().map(|&bias| f64::from(bias));
    let state = weights.layer("bias_hh", layer).iter().map(|&bias| f64::from(bias));
    match weights.config.cell {
        Cell::Rnn | Cell::Lstm => input.zip(state).map(|(input, state)| input + state).collect(),
        Cell::Gru => {
            let both = input.clone().zip(state.clone()).map(|(input, state)| input + state).take(2 * hidden);
            both.chain(input.skip(2 * hidden)).chain(state.skip(2 * hidden)).collect()
        }
    }
}

/// The rows of W and U that add to a sum.
const fn rows_of_sum(cell: Cell, hidden: usize, sum: usize) -> (Option<usize>, Option<usize>) {
    match cell {
        Cell::Gru if sum >= 3 * hidden => (None, Some(sum - hidden)),
        Cell::Gru if sum >= 2 * hidden => (Some(sum), None),
        _ => (Some(sum), Some(sum)),
    }
}
