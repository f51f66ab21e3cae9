//! The network in f32, to measure fixed point against float on the same core.
//!
//! It is behind the feature `float-reference` and is not used for classification. Exponentials are [`micromath`]'s
//! approximations, so that no C library is needed; a core without a floating-point unit uses the compiler's routines.
//!
//! Letters as in [`cell`](crate::cell): V rows of the embedding, E inputs, H hidden units, G gate
//! blocks, C classes, N units of the head's hidden layer.
//!
//! # Section
//!
//! An optional section of kind [`KIND`] beside the integers of the same network: f32 in PyTorch's
//! order and gate order, no padding.
//!
//! | numbers | content |
//! |---|---|
//! | V·E | embedding |
//! | G·H, G·H | for each layer: biases of input and of state, |
//! | G·H·E, G·H·H | W and U, row by row, |
//! | 2 | and of a FastGRNN, whose biases are b_z and b_h, ζ and ν |
//! | N, N·H | if the head has a hidden layer: its biases and weights |
//! | C, C·H or C·N | biases and weights of the scores |
#![allow(clippy::float_arithmetic)]

use heapless::Vec;
use micromath::F32Ext;

use crate::cell::Cell;
use crate::format::{OpenError, Pooling, SectionReader, Subject, section_bytes};
use crate::model::{MAX_LAYERS, Model};

/// The section's kind.
pub const KIND: u8 = 0xF0;

/// Number of words, with the ids 0, 1, 2, …, after which `host bench device --float` compares scores.
pub const TEST_WORDS: u32 = 16;

/// The section's name in errors.
const NAME: Subject = Subject::FloatReference;

/// `y = bias + W·x`.
#[derive(Clone, Copy, Debug)]
struct Affine<'a> {
    bias: &'a [f32],
    weights: &'a [f32],
}

impl<'a> Affine<'a> {
    /// Adds `bias + W·x` to as many entries of `y` as there are rows in `rows`.
    fn add(&self, rows: core::ops::Range<usize>, x: &[f32], y: &mut [f32]) {
        let weights = self.weights.get(rows.start * x.len()..rows.end * x.len()).unwrap_or(&[]);
        let bias = self.bias.get(rows).unwrap_or(&[]);
        for ((row, bias), y) in weights.chunks_exact(x.len().max(1)).zip(bias).zip(y) {
            *y += bias + row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
        }
    }

    const fn rows(&self) -> usize {
        self.bias.len()
    }
}

#[derive(Clone, Copy, Debug)]
struct Layer<'a> {
    cell: Cell,
    hidden: usize,
    input: Affine<'a>,
    state: Affine<'a>,
    /// FastGRNN: ζ and ν.
    mix: [f32; 2],
}

/// A network's f32 parameters, borrowed from the model file.
#[derive(Clone, Debug)]
pub struct Network<'a> {
    width: usize,
    embedding: &'a [f32],
    layers: Vec<Layer<'a>, MAX_LAYERS>,
    pooling: Pooling,
    head_hidden: Option<Affine<'a>>,
    output: Affine<'a>,
}

/// State and working memory of `NUMBERS` f32.
#[derive(Clone, Debug)]
pub struct Memory<const NUMBERS: usize> {
    numbers: [f32; NUMBERS],
    words: f32,
}

impl<const NUMBERS: usize> Memory<NUMBERS> {
    /// Memory at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { numbers: [0.0; NUMBERS], words: 0.0 }
    }
}

impl<const NUMBERS: usize> Default for Memory<NUMBERS> {
    fn default() -> Self {
        Self::new()
    }
}

/// Splits memory into state, pooled state and sums.
fn split(numbers: &mut [f32], units: usize, pool: usize) -> [&mut [f32]; 3] {
    let (units, rest) = numbers.split_at_mut_checked(units).unwrap_or_default();
    let (pool, sums) = rest.split_at_mut_checked(pool).unwrap_or_default();
    [units, pool, sums]
}

/// The next `count` numbers.
fn numbers<'a>(reader: &mut SectionReader<'a>, count: usize) -> &'a [f32] {
    reader.words(count)
}

impl<'a> Network<'a> {
    /// The f32 twin of `model`, from the optional section of its file.
    ///
    /// # Errors
    /// [`OpenError::Missing`] if the file has no such section, [`OpenError::Content`] if its size is wrong.
    pub fn open(model: &Model<'a>, blob: &'a [u8]) -> Result<Self, OpenError> {
        let section = model.manifest_view().sections().find(|section| section.kind == KIND);
        let mut reader =
            SectionReader::new(section_bytes(blob, &section.ok_or(OpenError::Missing(NAME))?)?, NAME);
        let width = model.embedding().width();
        let embedding = numbers(&mut reader, model.embedding().count() * width);
        let mut layers = Vec::new();
        for layer in model.layers() {
            let (cell, inputs, hidden) = (layer.cell(), layer.inputs(), layer.hidden());
            let rows = cell.gates() * hidden;
            let (of_input, of_state) = (numbers(&mut reader, rows), numbers(&mut reader, rows));
            let input = Affine { bias: of_input, weights: numbers(&mut reader, rows * inputs) };
            let state = Affine { bias: of_state, weights: numbers(&mut reader, rows * hidden) };
            let mix = match cell {
                Cell::Fastgrnn => numbers(&mut reader, 2).first_chunk().copied().unwrap_or_default(),
                _ => [0.0; 2],
            };
            layers
                .push(Layer { cell, hidden, input, state, mix })
                .map_err(|_| OpenError::Content(NAME, MAX_LAYERS as u32 + 1, [1, MAX_LAYERS as u32]))?;
        }
        let head = model.head();
        let mut affine = |rows: usize, columns: usize| -> Affine<'a> {
            Affine { bias: numbers(&mut reader, rows), weights: numbers(&mut reader, rows * columns) }
        };
        let (head_hidden, columns) = match head.hidden() {
            0 => (None, head.inputs()),
            units => (Some(affine(units, head.inputs())), units),
        };
        let output = affine(head.classes(), columns);
        reader.end()?;
        Ok(Self { width, embedding, layers, pooling: model.manifest_view().pooling, head_hidden, output })
    }

    fn units(&self) -> usize {
        self.layers.iter().map(|layer| layer.cell.states() * layer.hidden).sum()
    }

    fn pool(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.hidden)
    }

    /// Checks that the network fits the memory.
    ///
    /// # Errors
    /// [`OpenError::Memory`] otherwise.
    pub fn check<const NUMBERS: usize>(&self, _: &Memory<NUMBERS>) -> Result<(), OpenError> {
        let of_layers = self.layers.iter().map(|layer| layer.cell.sums() * layer.hidden).max().unwrap_or(0);
        let sums = of_layers.max(self.output.rows() + self.head_hidden.map_or(0, |map| map.rows()));
        let [there, needed] = [NUMBERS, self.units() + self.pool() + sums].map(|count| 4 * count as u32);
        if needed > there { Err(OpenError::Memory(there, needed)) } else { Ok(()) }
    }

    /// Reads one word.
    pub fn step<const NUMBERS: usize>(&self, id: u32, memory: &mut Memory<NUMBERS>) {
        let [mut rest, pool, sums] = split(&mut memory.numbers, self.units(), self.pool());
        let row = id as usize * self.width;
        let mut x = self.embedding.get(row..row + self.width).unwrap_or(&[]);
        for layer in &self.layers {
            let Some((units, above)) = rest.split_at_mut_checked(layer.cell.states() * layer.hidden) else {
                return;
            };
            layer.step(x, units, sums);
            x = units.get(..layer.hidden).unwrap_or(&[]);
            rest = above;
        }
        memory.words += 1.0;
        for (pooled, &unit) in pool.iter_mut().zip(x) {
            *pooled = match self.pooling {
                Pooling::Mean => *pooled + (unit - *pooled) / memory.words,
                Pooling::Max if memory.words > 1.0 => pooled.max(unit),
                Pooling::Max | Pooling::Last => unit,
            };
        }
    }

    /// The class scores \[C\] after the words read so far: logits.
    pub fn scores<'m, const NUMBERS: usize>(&self, memory: &'m mut Memory<NUMBERS>) -> &'m [f32] {
        let [_, pooled, sums] = split(&mut memory.numbers, self.units(), self.pool());
        sums.fill(0.0);
        let hidden = self.head_hidden.map_or(0, |map| map.rows());
        let (first, rest) = sums.split_at_mut_checked(hidden).unwrap_or_default();
        let scores = rest.get_mut(..self.output.rows()).unwrap_or(&mut []);
        match &self.head_hidden {
            None => self.output.add(0..self.output.rows(), pooled, scores),
            Some(map) => {
                map.add(0..map.rows(), pooled, first);
                first.iter_mut().for_each(|unit| *unit = unit.max(0.0));
                self.output.add(0..self.output.rows(), first, scores);
            }
        }
        scores
    }
}

impl Layer<'_> {
    /// One word: `x` \[E\], `units` h and, for LSTM, c behind it, `sums` scratch.
    fn step(&self, x: &[f32], units: &mut [f32], sums: &mut [f32]) {
        let rows = self.cell.gates() * self.hidden;
        let sums = sums.get_mut(..self.cell.sums() * self.hidden).unwrap_or(&mut []);
        sums.fill(0.0);
        self.input.add(0..rows, x, sums);
        let (h, c) = units.split_at_mut_checked(self.hidden).unwrap_or_default();
        // The state's contribution to GRU's n is kept apart.
        let together = if self.cell == Cell::Gru { 2 * self.hidden } else { rows };
        self.state.add(0..together, h, sums);
        self.state.add(together..rows, h, sums.get_mut(rows..).unwrap_or(&mut []));
        let mut blocks = sums.chunks_exact(self.hidden);
        let mut block = || blocks.next().unwrap_or(&[]);
        match self.cell {
            Cell::Rnn => h.iter_mut().zip(block()).for_each(|(h, &sum)| *h = tanh(sum)),
            Cell::Fastgrnn => {
                let [zeta, nu] = self.mix;
                let biases = self.input.bias.iter().zip(self.state.bias);
                // Both biases are in the sums: each side subtracts the other's.
                for ((h, &sum), (of_gate, of_candidate)) in h.iter_mut().zip(block()).zip(biases) {
                    let z = sigmoid(sum - of_candidate);
                    *h = (zeta * (1.0 - z) + nu) * tanh(sum - of_gate) + z * *h;
                }
            }
            Cell::Gru => {
                let (r, z, input, state) = (block(), block(), block(), block());
                for ((((h, &r), &z), &input), &state) in h.iter_mut().zip(r).zip(z).zip(input).zip(state) {
                    let n = tanh(input + sigmoid(r) * state);
                    *h = n + sigmoid(z) * (*h - n);
                }
            }
            Cell::Lstm => {
                let (i, f, g, o) = (block(), block(), block(), block());
                for (((((h, c), &i), &f), &g), &o) in h.iter_mut().zip(c).zip(i).zip(f).zip(g).zip(o) {
                    *c = sigmoid(f) * *c + sigmoid(i) * tanh(g);
                    *h = sigmoid(o) * tanh(*c);
                }
            }
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + F32Ext::exp(-x))
}

fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + F32Ext::exp(2.0 * x))
}

/// The first class with the highest score, and its softmax probability.
#[must_use]
pub fn decide(scores: &[f32]) -> (usize, f32) {
    let (mut class, mut best) = (0, f32::MIN);
    for (at, &score) in scores.iter().enumerate() {
        if score > best {
            (class, best) = (at, score);
        }
    }
    (class, 1.0 / scores.iter().map(|&score| F32Ext::exp(score - best)).sum::<f32>().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far the approximated functions may be from the exact ones.
    const TOLERANCE: f32 = 1e-3;

    #[test]
    fn functions_are_close() {
        for step in -2000..=2000 {
            let x = step as f32 / 100.0;
            assert!((tanh(x) - f32::tanh(x)).abs() < TOLERANCE, "tanh {x}");
            assert!((sigmoid(x) - 1.0 / (1.0 + f32::exp(-x))).abs() < TOLERANCE, "sigmoid {x}");
        }
    }

    #[test]
    fn softmax_of_equal_scores_is_even() {
        let (class, probability) = decide(&[2.0, 2.0]);
        assert_eq!(class, 0);
        assert!((probability - 0.5).abs() < TOLERANCE);
        assert_eq!(decide(&[-3.0, 40.0, 1.0]), (1, 1.0));
    }
}
