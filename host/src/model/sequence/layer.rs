//! A recurrent layer over whole sequences, forward and back through time.
//!
//! Letters: N rows (all words of the batch, by time, see [`PackedSequence`]), I inputs, H units, G gates.
//! All rows are padded to [`padded`] widths; the padding of states and gradients stays zero.
//!
//! Forward, a tile of a few texts times one vector of units runs over the inputs and the states in
//! one go, and the cell's update happens while the sums are still in registers. Backward goes in
//! chunks of steps from the last to the first: step by step the cell's derivatives and the product
//! with U, then the gradients of the weights and of the inputs as one product for the chunk.

use std::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::buffer::Buffer;
use super::fastgrnn::Fastgrnn;
use super::gru::Gru;
use super::lstm::Lstm;
use super::packed::PackedSequence;
use super::product::{PackedMatrix, Rows, multiply, multiply_transposed};
use super::recurrence::Recurrence;
use super::rnn::Rnn;
use super::simd::{LANES, padded, vectors, vectors_mut};
use crate::model::config::Cell;

/// Rows that a chunk of the backward pass has at most, unless one step alone has more.
const CHUNK_ROWS: usize = 128;

/// A layer's parameters, gates stacked as in PyTorch.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// I.
    pub inputs: usize,
    /// H.
    pub width: usize,
    /// W \[GH×I\].
    pub weight_ih: &'a [f32],
    /// U \[GH×H\].
    pub weight_hh: &'a [f32],
    /// \[GH\].
    pub bias_ih: &'a [f32],
    /// \[GH\].
    pub bias_hh: &'a [f32],
    /// ζ and ν of a FastGRNN, whose b_z and b_h are the two biases; zeros of others.
    pub mix: [f32; 2],
}

/// Gradients in the shapes of [`Parameters`].
#[derive(Clone, Debug)]
pub struct LayerGradients {
    /// \[GH×I\]
    pub weight_ih: Vec<f32>,
    /// \[GH×H\]
    pub weight_hh: Vec<f32>,
    /// \[GH\]
    pub bias_ih: Vec<f32>,
    /// \[GH\]
    pub bias_hh: Vec<f32>,
    /// Of ζ and ν, zeros where there are none.
    pub mix: [f32; 2],
}

/// K: padded vectors of H that a row keeps for the way back.
#[must_use]
pub const fn saved(cell: Cell) -> usize {
    match cell {
        Cell::Rnn => 0,
        Cell::Fastgrnn => 2,
        Cell::Gru => 4,
        Cell::Lstm => 5,
    }
}

/// Runs a pass with a cell's arithmetic, on this processor's vectors.
macro_rules! dispatch {
    ($cell:expr, $pass:ident { $($field:ident),* }) => {{
        let arch = pulp::Arch::new();
        match $cell {
            Cell::Rnn => arch.dispatch($pass { cell: PhantomData::<Rnn>, $($field),* }),
            Cell::Gru => arch.dispatch($pass { cell: PhantomData::<Gru>, $($field),* }),
            Cell::Lstm => arch.dispatch($pass { cell: PhantomData::<Lstm>, $($field),* }),
            Cell::Fastgrnn => arch.dispatch($pass { cell: PhantomData::<Fastgrnn>, $($field),* }),
        }
    }};
}

/// x \[N×padded I\] → h \[N×padded H\] and what is saved \[N×K×padded H\].
pub fn forward(
    cell: Cell,
    packed: &PackedSequence,
    parameters: &Parameters<'_>,
    x: &[f32],
    h: &mut [f32],
    saved: &mut [f32],
) {
    dispatch!(cell, Forward { packed, parameters, x, h, saved })
}

/// From dL/dh \[N×padded H\] to dL/dx \[N×padded I\] and the parameters' gradients; with `bptt`,
/// gradients do not cross multiples of that many steps.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    cell: Cell,
    packed: &PackedSequence,
    bptt: Option<usize>,
    parameters: &Parameters<'_>,
    x: &[f32],
    h: &[f32],
    saved: &[f32],
    dh: &[f32],
    dx: &mut [f32],
) -> LayerGradients {
    dispatch!(cell, Backward { packed, bptt, parameters, x, h, saved, dh, dx })
}

struct Forward<'a, C, const G: usize, const A: usize, const K: usize, const D: usize> {
    cell: PhantomData<C>,
    packed: &'a PackedSequence,
    parameters: &'a Parameters<'a>,
    x: &'a [f32],
    h: &'a mut [f32],
    saved: &'a mut [f32],
}

/// One step as a tile sees it: rows are the step's texts.
struct Step<'a, S: Simd> {
    /// \[texts×padded I\]
    x: &'a [f32],
    /// \[texts×padded H\] before
    states: &'a [f32],
    /// \[texts×K×H vectors\] before
    carried: &'a [S::f32s],
    /// \[texts×H vectors\]
    h: &'a mut [S::f32s],
    /// \[texts×K×H vectors\]
    saved: &'a mut [S::f32s],
}

/// The weights of one vector of units, side by side.
struct Panel<'a, S: Simd, const G: usize, const A: usize> {
    /// Which vector of units.
    block: usize,
    /// Vectors of H.
    count: usize,
    /// \[I\]
    input: &'a [[S::f32s; G]],
    /// \[H\]
    state: &'a [[S::f32s; G]],
    bias: [S::f32s; A],
    mix: [f32; 2],
}

impl<C, const G: usize, const A: usize, const K: usize, const D: usize> WithSimd
    for Forward<'_, C, G, A, K, D>
where
    C: Recurrence<G, A, K, D>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { packed, parameters, x, h, saved, .. } = self;
        let (wide_x, wide) = (padded(parameters.inputs), padded(parameters.width));
        let count = wide / S::F32_LANES;
        let inputs = panels::<S, G>(parameters.weight_ih, parameters.width, parameters.inputs);
        let states = panels::<S, G>(parameters.weight_hh, parameters.width, parameters.width);
        let (inputs, _) = vectors::<S>(&inputs).as_chunks::<G>();
        let (states, _) = vectors::<S>(&states).as_chunks::<G>();
        let bias = sums_of_biases::<C, G, A, K, D>(parameters);
        let bias = vectors::<S>(&bias);
        let zeros = Buffer::zeros(packed.texts() * wide * K.max(1));
        for step in 0..packed.steps() {
            let rows = packed.step(step);
            let texts = rows.len();
            let (past, now) = h.split_at_mut(rows.start * wide);
            let (saved_past, saved_now) = saved.split_at_mut(rows.start * wide * K);
            let (before, carried) = match step.checked_sub(1).map(|step| packed.step(step).start) {
                Some(start) => (&past[start * wide..], &saved_past[start * wide * K..]),
                None => (&zeros[..], &zeros[..]),
            };
            let mut step = Step::<S> {
                x: &x[rows.start * wide_x..rows.end * wide_x],
                states: before,
                carried: vectors::<S>(carried),
                h: vectors_mut::<S>(&mut now[..texts * wide]),
                saved: vectors_mut::<S>(&mut saved_now[..texts * wide * K]),
            };
            for block in 0..count {
                let panel = Panel::<S, G, A> {
                    block,
                    count,
                    input: &inputs[block * parameters.inputs..(block + 1) * parameters.inputs],
                    state: &states[block * parameters.width..(block + 1) * parameters.width],
                    bias: std::array::from_fn(|sum| bias[sum * count + block]),
                    mix: parameters.mix,
                };
                let mut at = 0;
                if G == 1 {
                    while at + 8 <= texts {
                        tile::<S, C, G, A, K, D, 8>(simd, &panel, &mut step, wide_x, wide, at);
                        at += 8;
                    }
                }
                if S::REGISTER_COUNT >= 32 {
                    while at + 4 <= texts {
                        tile::<S, C, G, A, K, D, 4>(simd, &panel, &mut step, wide_x, wide, at);
                        at += 4;
                    }
                }
                while at + 2 <= texts {
                    tile::<S, C, G, A, K, D, 2>(simd, &panel, &mut step, wide_x, wide, at);
                    at += 2;
                }
                if at < texts {
                    tile::<S, C, G, A, K, D, 1>(simd, &panel, &mut step, wide_x, wide, at);
                }
            }
        }
    }
}

/// One vector of units of `R` texts from `at` on.
#[inline(always)]
fn tile<S, C, const G: usize, const A: usize, const K: usize, const D: usize, const R: usize>(
    simd: S,
    panel: &Panel<'_, S, G, A>,
    step: &mut Step<'_, S>,
    wide_x: usize,
    wide: usize,
    at: usize,
) where
    S: Simd,
    C: Recurrence<G, A, K, D>,
{
    let mut sums = [panel.bias; R];
    add::<S, G, A, R>(simd, panel.input, &step.x[at * wide_x..], wide_x, C::INPUT, &mut sums);
    add::<S, G, A, R>(simd, panel.state, &step.states[at * wide..], wide, C::STATE, &mut sums);
    let states = vectors::<S>(step.states);
    for (r, sums) in sums.into_iter().enumerate() {
        let own = (at + r) * panel.count + panel.block;
        let own_saved = (at + r) * panel.count * K + panel.block;
        let carried = if K == 0 { simd.splat_f32s(0.0) } else { step.carried[own_saved] };
        let (h, saved) = C::forward(simd, sums, panel.mix, states[own], carried);
        step.h[own] = h;
        for (vector, saved) in saved.into_iter().enumerate() {
            step.saved[own_saved + vector * panel.count] = saved;
        }
    }
}

/// Adds the products of `R` rows with a panel to the sums `to`.
#[inline(always)]
fn add<S: Simd, const G: usize, const A: usize, const R: usize>(
    simd: S,
    panel: &[[S::f32s; G]],
    rows: &[f32],
    stride: usize,
    to: [usize; G],
    sums: &mut [[S::f32s; A]; R],
) {
    let rows: [&[f32]; R] = std::array::from_fn(|r| &rows[r * stride..][..panel.len()]);
    let mut own = *sums;
    for k in 0..panel.len() {
        for r in 0..R {
            let factor = simd.splat_f32s(rows[r][k]);
            for gate in 0..G {
                own[r][to[gate]] = simd.mul_add_f32s(panel[k][gate], factor, own[r][to[gate]]);
            }
        }
    }
    *sums = own;
}

/// A matrix \[GH×k\] as a panel \[k×G vectors\] for each vector of units.
#[inline(always)]
fn panels<S: Simd, const G: usize>(matrix: &[f32], width: usize, k: usize) -> Vec<f32> {
    let mut panels = Vec::with_capacity(padded(width) * G * k);
    for block in (0..padded(width)).step_by(S::F32_LANES) {
        for at in 0..k {
            for gate in 0..G {
                let unit =
                    |unit: usize| if unit < width { matrix[(gate * width + unit) * k + at] } else { 0.0 };
                panels.extend((block..block + S::F32_LANES).map(unit));
            }
        }
    }
    panels
}

/// \[A×padded H\] what each sum begins with.
fn sums_of_biases<C, const G: usize, const A: usize, const K: usize, const D: usize>(
    parameters: &Parameters<'_>,
) -> Vec<f32>
where
    C: Recurrence<G, A, K, D>,
{
    let (width, wide) = (parameters.width, padded(parameters.width));
    let mut sums = vec![0.0; A * wide];
    for (bias, to) in [(parameters.bias_ih, C::INPUT_BIAS), (parameters.bias_hh, C::STATE_BIAS)] {
        for (bias, to) in bias.chunks_exact(width).zip(to) {
            sums[to * wide..].iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
        }
    }
    sums
}

struct Backward<'a, C, const G: usize, const A: usize, const K: usize, const D: usize> {
    cell: PhantomData<C>,
    packed: &'a PackedSequence,
    bptt: Option<usize>,
    parameters: &'a Parameters<'a>,
    x: &'a [f32],
    h: &'a [f32],
    saved: &'a [f32],
    dh: &'a [f32],
    dx: &'a mut [f32],
}

/// Where the gradients of a product lie among a row's `D` vectors, and the gates in that order.
#[derive(Clone, Copy)]
struct Side<const G: usize> {
    from: usize,
    gates: [usize; G],
}

impl<const G: usize> Side<G> {
    fn new(places: [usize; G]) -> Self {
        let mut gates: [usize; G] = std::array::from_fn(|gate| gate);
        gates.sort_by_key(|&gate| places[gate]);
        Self { from: places[gates[0]], gates }
    }

    /// The matrix \[GH×n\] with its rows in this order and both sides padded.
    #[inline(always)]
    fn packed<S: Simd>(&self, simd: S, matrix: &[f32], width: usize, n: usize) -> PackedMatrix {
        let wide = padded(width);
        PackedMatrix::new(simd, G * wide, padded(n), |row, column| {
            let (gate, unit) = (self.gates[row / wide], row % wide);
            if unit < width && column < n { matrix[(gate * width + unit) * n + column] } else { 0.0 }
        })
    }

    /// The other way: from rows in this order, padded, to the matrix \[GH×n\].
    fn unpacked(&self, sums: &[f32], width: usize, n: usize) -> Vec<f32> {
        let mut matrix = vec![0.0; G * width * n];
        for (at, &gate) in self.gates.iter().enumerate() {
            for unit in 0..width {
                let row = (at * padded(width) + unit) * padded(n);
                matrix[(gate * width + unit) * n..][..n].copy_from_slice(&sums[row..row + n]);
            }
        }
        matrix
    }
}

impl<C, const G: usize, const A: usize, const K: usize, const D: usize> WithSimd
    for Backward<'_, C, G, A, K, D>
where
    C: Recurrence<G, A, K, D>,
{
    type Output = LayerGradients;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> LayerGradients {
        let Backward { packed, bptt, parameters, x, h, saved, dh: dh_out, dx, .. } = self;
        let Parameters { inputs, width, weight_ih, weight_hh, mix, .. } = *parameters;
        let (wide_x, wide) = (padded(inputs), padded(width));
        let count = wide / S::F32_LANES;
        let (input, state) = (Side::new(C::D_INPUT), Side::new(C::D_STATE));
        let packed_w = input.packed(simd, weight_ih, width, inputs);
        let packed_u = state.packed(simd, weight_hh, width, width);
        // An odd number of cache lines, so that rows do not meet in the same few sets of the cache.
        let stride = D * wide + LANES;
        let most = chunks(packed).map(|steps| rows_of(packed, &steps).len()).max().unwrap_or(0);
        let mut d = Buffer::zeros(most * stride);
        let mut past = Buffer::new(most * wide);
        let mut d_w = Buffer::zeros(G * wide * wide_x);
        let mut d_u = Buffer::zeros(G * wide * wide);
        let mut d_bias = Buffer::zeros(D * wide);
        let mut dh = Buffer::zeros(packed.texts() * wide);
        let mut dc = Buffer::zeros(packed.texts() * wide);
        let zero = simd.splat_f32s(0.0);
        let (all_h, all_saved, all_dh) = (vectors::<S>(h), vectors::<S>(saved), vectors::<S>(dh_out));
        for steps in chunks(packed) {
            let chunk = rows_of(packed, &steps);
            for step in steps.rev() {
                let rows = packed.step(step);
                let local = rows.start - chunk.start;
                let before = step.checked_sub(1).map(|step| packed.step(step).start);
                let own_past = &mut past[local * wide..(local + rows.len()) * wide];
                match before {
                    Some(start) => own_past.copy_from_slice(&h[start * wide..(start + rows.len()) * wide]),
                    None => own_past.fill(0.0),
                }
                let own_past = vectors::<S>(own_past);
                let own_d = &mut d[local * stride..(local + rows.len()) * stride];
                {
                    let own_d = vectors_mut::<S>(own_d);
                    let (dh, dc) = (vectors_mut::<S>(&mut dh), vectors_mut::<S>(&mut dc));
                    let d_bias = vectors_mut::<S>(&mut d_bias);
                    for block in 0..count {
                        let mut biases: [S::f32s; D] = std::array::from_fn(|sum| d_bias[sum * count + block]);
                        for (at, row) in rows.clone().enumerate() {
                            let own = at * count + block;
                            let carried = match before {
                                Some(start) if K > 0 => all_saved[(start + at) * count * K + block],
                                _ => zero,
                            };
                            let back = C::backward(
                                simd,
                                std::array::from_fn(|vector| all_saved[(row * K + vector) * count + block]),
                                mix,
                                own_past[own],
                                carried,
                                all_h[row * count + block],
                                simd.add_f32s(dh[own], all_dh[row * count + block]),
                                dc[own],
                            );
                            (dh[own], dc[own]) = (back.dh, back.dc);
                            let from = at * (stride / S::F32_LANES) + block;
                            for sum in 0..D {
                                own_d[from + sum * count] = back.sums[sum];
                                biases[sum] = simd.add_f32s(biases[sum], back.sums[sum]);
                            }
                        }
                        for sum in 0..D {
                            d_bias[sum * count + block] = biases[sum];
                        }
                    }
                }
                let (dh, dc) = (&mut dh[..rows.len() * wide], &mut dc[..rows.len() * wide]);
                if step == 0 || bptt.is_some_and(|limit| step.is_multiple_of(limit)) {
                    dh.fill(0.0);
                    dc.fill(0.0);
                } else {
                    let own = Rows { values: own_d, stride, from: state.from * wide };
                    multiply(simd, own, &packed_u, dh, true);
                }
            }
            let values = &d[..chunk.len() * stride];
            let own = Rows { values, stride, from: state.from * wide };
            multiply_transposed(simd, own, G * wide, &past[..chunk.len() * wide], wide, &mut d_u);
            let own = Rows { values, stride, from: input.from * wide };
            let own_x = chunk.start * wide_x..chunk.end * wide_x;
            multiply_transposed(simd, own, G * wide, &x[own_x.clone()], wide_x, &mut d_w);
            multiply(simd, own, &packed_w, &mut dx[own_x], false);
        }
        let biases = |places: [usize; G]| {
            places.iter().flat_map(|place| &d_bias[place * wide..][..width]).copied().collect()
        };
        LayerGradients {
            weight_ih: input.unpacked(&d_w, width, inputs),
            weight_hh: state.unpacked(&d_u, width, width),
            bias_ih: biases(C::D_INPUT_BIAS),
            bias_hh: biases(C::D_STATE_BIAS),
            mix: C::D_MIX.unwrap_or_default().map(|place| match C::D_MIX {
                Some(_) => d_bias[place * wide..][..width].iter().sum(),
                None => 0.0,
            }),
        }
    }
}

/// The steps of each chunk, the last chunk first.
fn chunks(packed: &PackedSequence) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut end = packed.steps();
    std::iter::from_fn(move || {
        let mut start = end.checked_sub(1)?;
        while start > 0 && rows_of(packed, &(start - 1..end)).len() <= CHUNK_ROWS {
            start -= 1;
        }
        let steps = start..end;
        end = start;
        Some(steps)
    })
}

/// The rows of some steps.
fn rows_of(packed: &PackedSequence, steps: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    packed.step(steps.start).start..packed.step(steps.end - 1).end
}
