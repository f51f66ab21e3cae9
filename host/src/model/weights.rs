//! The parameters as plain numbers, and their f32 step.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::config::{Cell, Config, Pooling};

/// A network's parameters in row-major f32, under PyTorch's names.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// The network's shape.
    pub config: Config,
    tensors: BTreeMap<String, Vec<f32>>,
}

/// What the reference saw on the way, for calibration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    /// The largest |c| of any LSTM cell.
    pub cell: f32,
    /// The largest |h| of any layer.
    #[serde(default)]
    pub state: f32,
    /// The largest output of the head's hidden layer.
    pub head_hidden: f32,
}

/// The state of the reference: what the engine keeps, in f32.
#[derive(Clone, Debug)]
pub struct FloatState {
    /// \[layers\]\[H\]
    pub hidden: Vec<Vec<f32>>,
    /// \[layers\]\[H\], LSTM only
    pub cells: Vec<Vec<f32>>,
    /// \[H\]
    pub pooled: Vec<f32>,
    words: f32,
}

impl Weights {
    /// Takes parameters under their names.
    ///
    /// # Errors
    /// If one is missing, has the wrong size for the configuration, or is not finite.
    pub fn new(config: Config, mut tensors: BTreeMap<String, Vec<f32>>) -> Result<Self> {
        config.check()?;
        let mut own = BTreeMap::new();
        for (name, shape) in config.parameters() {
            let values = tensors.remove(&name).with_context(|| format!("the tensor {name} is missing"))?;
            let size: usize = shape.iter().product();
            ensure!(values.len() == size, "{name} has {} numbers, expected {size} ({shape:?})", values.len());
            ensure!(values.iter().all(|value| value.is_finite()), "{name} holds a number that is not finite");
            own.insert(name, values);
        }
        Ok(Self { config, tensors: own })
    }

    /// The same network, its logits times `gain`, and `bias` \[C\] added to them.
    #[must_use]
    pub fn with_head(&self, gain: f32, bias: &[f32]) -> Self {
        let mut own = self.clone();
        let name = if own.config.head_hidden > 0 { "fc2" } else { "fc" };
        if let Some(weight) = own.tensors.get_mut(&format!("{name}.weight")) {
            weight.iter_mut().for_each(|weight| *weight *= gain);
        }
        if let Some(own) = own.tensors.get_mut(&format!("{name}.bias")) {
            own.iter_mut().zip(bias).for_each(|(own, bias)| *own = *own * gain + bias);
        }
        own
    }

    /// A parameter by name; empty if there is none of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> &[f32] {
        self.tensors.get(name).map_or(&[], Vec::as_slice)
    }

    /// A parameter of a layer: `what` is `weight_ih`, `weight_hh`, or one of the cell's
    /// [biases](Cell::biases) and [factors](Cell::factors).
    #[must_use]
    pub fn layer(&self, what: &str, layer: usize) -> &[f32] {
        self.get(&format!("rnn.{what}_l{layer}"))
    }

    /// ζ and ν of a FastGRNN's layer, zeros of others.
    #[must_use]
    pub fn mix(&self, layer: usize) -> [f32; 2] {
        let mut mix = [0.0; 2];
        for (factor, what) in mix.iter_mut().zip(self.config.cell.factors()) {
            *factor = self.layer(what, layer).first().map_or(0.0, |&raw| sigmoid(raw));
        }
        mix
    }

    /// The parameters by name.
    #[must_use]
    pub fn into_tensors(self) -> BTreeMap<String, Vec<f32>> {
        self.tensors
    }

    /// How many numbers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tensors.values().map(Vec::len).sum()
    }

    /// The state at the start of a text.
    #[must_use]
    pub fn start(&self) -> FloatState {
        let Config { layers, hidden, .. } = self.config;
        let zeros = vec![vec![0.0; hidden]; layers];
        FloatState { cells: zeros.clone(), hidden: zeros, pooled: vec![0.0; hidden], words: 0.0 }
    }

    /// Reads one word.
    pub fn step(&self, id: u32, state: &mut FloatState, ranges: &mut Ranges) {
        let width = self.config.embed;
        let mut x = self.get("embed.weight")[id as usize * width..][..width].to_vec();
        for layer in 0..self.config.layers {
            let sums = |weights: &str, bias: &str, x: &[f32]| {
                affine(self.layer(weights, layer), self.layer(bias, layer), x)
            };
            let biases = self.config.cell.biases();
            let input = sums("weight_ih", biases[0], &x);
            let own = sums("weight_hh", biases[1], &state.hidden[layer]);
            let sums = Sums { input: &input, own: &own, biases: biases.map(|what| self.layer(what, layer)) };
            let (h, c) = (&mut state.hidden[layer], &mut state.cells[layer]);
            cell(self.config.cell, &sums, self.mix(layer), h, c);
            let largest =
                |values: &[f32]| values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            ranges.cell = ranges.cell.max(largest(&state.cells[layer]));
            ranges.state = ranges.state.max(largest(&state.hidden[layer]));
            x.clone_from(&state.hidden[layer]);
        }
        state.words += 1.0;
        for (pooled, &unit) in state.pooled.iter_mut().zip(&x) {
            *pooled = match self.config.pooling {
                Pooling::Last => unit,
                Pooling::Mean => *pooled + (unit - *pooled) / state.words,
                Pooling::Max if state.words == 1.0 => unit,
                Pooling::Max => pooled.max(unit),
            };
        }
    }

    /// The logits \[C\] after the words read so far.
    pub fn logits(&self, state: &FloatState, ranges: &mut Ranges) -> Vec<f32> {
        if self.config.head_hidden == 0 {
            return affine(self.get("fc.weight"), self.get("fc.bias"), &state.pooled);
        }
        let mut hidden = affine(self.get("fc1.weight"), self.get("fc1.bias"), &state.pooled);
        for unit in &mut hidden {
            *unit = unit.max(0.0);
            ranges.head_hidden = ranges.head_hidden.max(*unit);
        }
        affine(self.get("fc2.weight"), self.get("fc2.bias"), &hidden)
    }
}

fn affine(weights: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let dot = |row: &[f32]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
    weights.chunks_exact(x.len()).zip(bias).map(|(row, bias)| bias + dot(row)).collect()
}

/// The logistic function.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The input's and the state's products, both with their biases, and these alone.
struct Sums<'s> {
    input: &'s [f32],
    own: &'s [f32],
    biases: [&'s [f32]; 2],
}

/// One layer's update; ζ and ν are those of a FastGRNN.
fn cell(cell: Cell, sums: &Sums<'_>, [zeta, nu]: [f32; 2], h: &mut [f32], c: &mut [f32]) {
    let width = h.len();
    let &Sums { input, own, biases: [of_gate, of_candidate] } = sums;
    for unit in 0..width {
        let both = |gate: usize| input[gate * width + unit] + own[gate * width + unit];
        match cell {
            Cell::Rnn => h[unit] = both(0).tanh(),
            Cell::Gru => {
                let (r, z) = (sigmoid(both(0)), sigmoid(both(1)));
                let n = (input[2 * width + unit] + r * own[2 * width + unit]).tanh();
                h[unit] = (1.0 - z) * n + z * h[unit];
            }
            Cell::Lstm => {
                c[unit] = sigmoid(both(1)) * c[unit] + sigmoid(both(0)) * both(2).tanh();
                h[unit] = sigmoid(both(3)) * c[unit].tanh();
            }
            Cell::Fastgrnn => {
                let z = sigmoid(both(0) - of_candidate[unit]);
                let n = (both(0) - of_gate[unit]).tanh();
                h[unit] = (zeta * (1.0 - z) + nu) * n + z * h[unit];
            }
        }
    }
}
