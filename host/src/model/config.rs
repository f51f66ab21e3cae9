//! The shape of a network.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use telltale::engine::head::MAX_CLASSES;
use telltale::engine::kernel::MAX_WIDTH;
use telltale::engine::model::MAX_LAYERS;

/// Recurrent cells; equations and gate order are PyTorch's, which has no FastGRNN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    /// Elman's cell with tanh.
    Rnn,
    /// Gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
    /// One map for gate and candidate (Kusupati et al., 2018).
    Fastgrnn,
}

impl Cell {
    /// The same cell in the engine.
    #[must_use]
    pub const fn engine(self) -> telltale::engine::cell::Cell {
        match self {
            Self::Rnn => telltale::engine::cell::Cell::Rnn,
            Self::Gru => telltale::engine::cell::Cell::Gru,
            Self::Lstm => telltale::engine::cell::Cell::Lstm,
            Self::Fastgrnn => telltale::engine::cell::Cell::Fastgrnn,
        }
    }

    /// G, the blocks of H rows in each weight matrix.
    #[must_use]
    pub const fn gates(self) -> usize {
        self.engine().gates()
    }

    /// The names of a layer's two biases \[GH\]: those beside W and beside U; b_z and b_h of a FastGRNN.
    #[must_use]
    pub const fn biases(self) -> [&'static str; 2] {
        match self {
            Self::Rnn | Self::Gru | Self::Lstm => ["bias_ih", "bias_hh"],
            Self::Fastgrnn => ["bias_gate", "bias_update"],
        }
    }

    /// The names of a layer's other parameters, one number each, whose sigmoid is used: ζ and ν.
    #[must_use]
    pub const fn factors(self) -> &'static [&'static str] {
        match self {
            Self::Rnn | Self::Gru | Self::Lstm => &[],
            Self::Fastgrnn => &["zeta", "nu"],
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.engine().name())
    }
}

/// How the states of a text become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The last word's state.
    Last,
    /// The mean of all states.
    Mean,
    /// The largest value of each unit.
    Max,
}

impl Pooling {
    /// The same pooling in the engine.
    #[must_use]
    pub const fn engine(self) -> telltale::engine::format::Pooling {
        match self {
            Self::Last => telltale::engine::format::Pooling::Last,
            Self::Mean => telltale::engine::format::Pooling::Mean,
            Self::Max => telltale::engine::format::Pooling::Max,
        }
    }
}

/// The shape of a network: embedding → layers → pooling → head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The recurrent cell of every layer.
    pub cell: Cell,
    /// Recurrent layers, 1 to 4.
    pub layers: usize,
    /// E, the width of an embedding row.
    pub embed: usize,
    /// H, the units of a layer.
    pub hidden: usize,
    /// V, rows of the embedding; the last one stands for unknown words.
    pub vocab: usize,
    /// Pooling over time.
    pub pooling: Pooling,
    /// Units of the head's hidden ReLU layer, 0 for a linear head.
    pub head_hidden: usize,
    /// C, the classes.
    pub classes: usize,
}

impl Config {
    /// Checks that the engine can run such a network.
    ///
    /// # Errors
    /// If a number is out of range; names it and the range.
    pub fn check(&self) -> Result<()> {
        for (number, least, most, what) in [
            (self.layers, 1, MAX_LAYERS, "recurrent layers"),
            (self.embed, 1, MAX_WIDTH, "numbers in an embedding"),
            (self.hidden, 1, MAX_WIDTH, "hidden units"),
            (self.head_hidden, 0, MAX_WIDTH, "hidden units in the head"),
            (self.classes, 2, MAX_CLASSES, "classes"),
        ] {
            ensure!((least..=most).contains(&number), "{number} {what}: {least} to {most} are possible");
        }
        Ok(())
    }

    /// The width of a layer's input: E for the first, H for the others.
    #[must_use]
    pub const fn inputs(&self, layer: usize) -> usize {
        if layer == 0 { self.embed } else { self.hidden }
    }

    /// Names and shapes of all parameters, as PyTorch's `state_dict` would have them; a FastGRNN's biases, ζ and ν
    /// have names of our own.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let rows = self.cell.gates() * self.hidden;
        let mut list = vec![("embed.weight".to_owned(), vec![self.vocab, self.embed])];
        for layer in 0..self.layers {
            list.push((format!("rnn.weight_ih_l{layer}"), vec![rows, self.inputs(layer)]));
            list.push((format!("rnn.weight_hh_l{layer}"), vec![rows, self.hidden]));
            for what in self.cell.biases() {
                list.push((format!("rnn.{what}_l{layer}"), vec![rows]));
            }
            for what in self.cell.factors() {
                list.push((format!("rnn.{what}_l{layer}"), vec![1]));
            }
        }
        let mut linear = |name: &str, outputs: usize, inputs: usize| {
            list.push((format!("{name}.weight"), vec![outputs, inputs]));
            list.push((format!("{name}.bias"), vec![outputs]));
        };
        if self.head_hidden == 0 {
            linear("fc", self.classes, self.hidden);
        } else {
            linear("fc1", self.head_hidden, self.hidden);
            linear("fc2", self.classes, self.head_hidden);
        }
        list
    }
}
