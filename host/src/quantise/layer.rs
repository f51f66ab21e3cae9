//! A recurrent layer's section.

use anyhow::{Context, Result};
use telltale::engine::cell::SUM_FRACTION;

use super::fastgrnn;
use super::scale::{Columns, Inputs, Map, Noise, SHIFTS};
use crate::bytes::Bytes;
use crate::model::config::Cell;
use crate::model::weights::{Ranges, Weights};

/// How much larger than in calibration an LSTM's cell may grow before it saturates.
const CELL_MARGIN: f32 = 1.5;

/// What a layer takes beside its own state.
#[derive(Clone, Copy)]
pub enum Input<'i> {
    /// A vector that has, for each shift, the given form.
    Vector(&'i dyn Fn(u32) -> Inputs),
    /// Sums, at most this, that a folded embedding adds.
    Sums(u32),
}

/// Quantises layer `layer`.
///
/// States are divided by `divisor`: 1 but for a FastGRNN.
///
/// Returns the section and the input's shift: among all pairs of shifts of input and state whose sums
/// stay in range, those with the least expected noise.
///
/// # Errors
/// If the weights do not fit the fixed-point formats.
pub fn quantise(
    weights: &Weights,
    layer: usize,
    input: Input<'_>,
    ranges: &Ranges,
    divisor: f32,
) -> Result<(Vec<u8>, u32)> {
    let config = &weights.config;
    let hidden = config.hidden;
    let (of_input, of_state) = (weights.layer("weight_ih", layer), weights.layer("weight_hh", layer));
    let nothing = Inputs { limit: 0, unit: 1.0, square: 0.0 };
    let (inputs, of_input, added) = match input {
        Input::Vector(_) => (config.inputs(layer), of_input, 0),
        Input::Sums(most) => (0, &[][..], most),
    };
    let input = |shift| match input {
        Input::Vector(form) => form(shift),
        Input::Sums(_) => nothing,
    };
    // Rows of W and U that make sums together; GRU's n keeps them apart.
    let rows = of_state.len() / hidden;
    let both = if config.cell == Cell::Gru { 2 * hidden } else { rows };
    let ((low_input, high_input), (low_state, high_state)) =
        (of_input.split_at(both * inputs), of_state.split_at(both * hidden));
    let noise = Noise::new(&[
        vec![(low_input, inputs, 0), (low_state, hidden, 1)],
        vec![(high_input, inputs, 0)],
        vec![(high_state, hidden, 1)],
    ]);
    let mut choices: Vec<(f64, u32, u32)> = SHIFTS
        .flat_map(|input_shift| SHIFTS.map(move |state_shift| (input_shift, state_shift)))
        .filter_map(|(input_shift, state_shift)| {
            let variance = noise.variance(&[input(input_shift), Inputs::of_units(state_shift)])?;
            Some((variance, input_shift, state_shift))
        })
        .collect();
    choices.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bias = sums_of_biases(weights, layer);
    // Steps of sums, from the first of a map on.
    let units = |first: usize| {
        move |row: usize| (-f64::from(SUM_FRACTION + enlarged(config.cell, hidden, first + row))).exp2()
    };
    let (input_shift, state_shift, maps) = choices
        .iter()
        .find_map(|&(_, input_shift, state_shift)| {
            let input = Columns { weights: of_input, width: inputs, inputs: input(input_shift) };
            let state = Columns { weights: of_state, width: hidden, inputs: Inputs::of_units(state_shift) };
            let together = [input.rows(0, both), state.rows(0, both)];
            let most = if config.cell == Cell::Fastgrnn { fastgrnn::LIMIT } else { 1 << 31 } - added;
            let mut maps = vec![Map::new(&together, &bias[..both], units(0), most)?];
            if both < rows {
                let most = (1 << 30) - added;
                if inputs > 0 {
                    maps.push(Map::new(&[input.rows(both, rows)], &bias[both..rows], units(both), most)?);
                }
                maps.push(Map::new(&[state.rows(both, rows)], &bias[rows..], units(rows), most)?);
            }
            Some((input_shift, state_shift, maps))
        })
        .with_context(|| {
            let of_words =
                weights.get("embed.weight").iter().fold(0.0f32, |most, number| most.max(number.abs()));
            let read =
                if layer == 0 { format!(", or the embedding's, up to {of_words}") } else { String::new() };
            format!("layer {layer}: its weights{read}, are too large for the fixed-point formats")
        })?;
    let cell_format = match config.cell {
        Cell::Lstm => cell_bits(ranges),
        Cell::Rnn | Cell::Gru | Cell::Fastgrnn => 0,
    };
    let own_shift = if layer == 0 { 0 } else { input_shift as u8 };
    let mut to = Bytes::default();
    to.bytes(&[config.cell.engine() as u8, 0, own_shift, state_shift as u8]);
    to.u16(inputs as u16);
    to.u16(hidden as u16);
    to.bytes(&[cell_format, 0, 0, 0]);
    fastgrnn::mix(weights, layer, divisor).into_iter().for_each(|factor| to.u16(factor));
    maps.iter().for_each(|map| map.write(&mut to));
    if config.cell == Cell::Fastgrnn {
        fastgrnn::write_offsets(weights, layer, &mut to)?;
    }
    Ok((to.into_vec(), input_shift))
}

/// The whole bits of an LSTM's cell: it is within ±2 to their power.
pub fn cell_bits(ranges: &Ranges) -> u8 {
    (ranges.cell * CELL_MARGIN).max(1.0).log2().ceil().min(4.0) as u8
}

/// How many bits a sum has beyond a gate's, because it enters tanh or, in GRU, is multiplied by r before.
pub const fn enlarged(cell: Cell, hidden: usize, sum: usize) -> u32 {
    match (cell, sum / hidden) {
        (Cell::Rnn | Cell::Fastgrnn, _) | (Cell::Gru, 2) | (Cell::Lstm, 2) => 1,
        (Cell::Gru, 3) => 2,
        _ => 0,
    }
}

/// The biases of the engine's sums: input's and state's together, but for GRU's n; a FastGRNN's sums have b_h.
fn sums_of_biases(weights: &Weights, layer: usize) -> Vec<f64> {
    let hidden = weights.config.hidden;
    let of = |what: &str| weights.layer(what, layer).iter().map(|&bias| f64::from(bias));
    let [input, state] = weights.config.cell.biases().map(of);
    match weights.config.cell {
        Cell::Rnn | Cell::Lstm => input.zip(state).map(|(input, state)| input + state).collect(),
        Cell::Fastgrnn => state.collect(),
        Cell::Gru => {
            let both = input.clone().zip(state.clone()).map(|(input, state)| input + state).take(2 * hidden);
            both.chain(input.skip(2 * hidden)).chain(state.skip(2 * hidden)).collect()
        }
    }
}
