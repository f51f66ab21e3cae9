//! `config.json`: what a PyTorch model's parameters do not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use telltale::engine::format::Metrics;
use telltale::engine::text::Options as TextOptions;

use crate::corpus::check_label;
use crate::model::weights::Ranges;
use crate::model::{Cell, Pooling};
use crate::train::batches::Keep;

/// The most words of a text that a configuration may ask for, and of one that is padded: each pad is read as a word.
const MOST_WORDS: usize = 100_000_000;
const MOST_PADDED: usize = 10_000;

/// The configuration file. Only `labels` is needed; a name that is not listed here is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The labels in the order of the outputs; with one output, its sigmoid is the second label's probability.
    pub labels: Vec<String>,
    /// Whether words of punctuation, other symbols and emoji are read where the vocabulary has them.
    #[serde(default)]
    pub punctuation: bool,
    /// Whether HTML's tags are read as text.
    #[serde(default)]
    pub tags: bool,
    /// The row of the embedding for unknown words; without it the line `<unk>` of the vocabulary, and
    /// without that zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<usize>,
    /// The row of the embedding for padding, which the engine never reads; without it the line `<pad>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<usize>,
    /// What the head sees: the last state, or the mean or maximum of all.
    #[serde(default = "last")]
    pub pooling: Pooling,
    /// The most words of a text that the model was trained to read, 0 for all. The engine reads as
    /// many as it is given; this is for measuring.
    #[serde(default)]
    pub max_len: usize,
    /// Which end of a longer text was kept.
    #[serde(default = "head")]
    pub keep: Keep,
    /// On which side shorter texts were padded up to `max_len` in training: what that is worth is
    /// measured, for the engine reads words only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padded: Option<Side>,
    /// That of an `nn.RNN`: `tanh`, the default and the only one the engine has, since its states are within ±1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonlinearity: Option<String>,
    /// The activation between two linear layers of the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Of a [leaky ReLU](Activation::LeakyRelu).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_slope: Option<f32>,
    /// The keys, separated by dots, under which the state dict lies, where a checkpoint has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dict: Option<String>,
    /// Recurrent modules that are a stack, the lowest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Vec<String>>,
    /// The head's two linear modules in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<[String; 2]>,
    /// Tensors or modules that the network does not use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Must be false: the engine reads forwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bidirectional: Option<bool>,
    /// Must be 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proj_size: Option<usize>,
    /// Of no effect: dropout acts in training only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Checked against the parameters if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
    /// Checked against the parameters if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<usize>,
    /// Checked against the parameters if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embed: Option<usize>,
    /// Checked against the parameters if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
    /// Checked against the parameters if given; 0 for a linear head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_hidden: Option<usize>,
    /// The origin of a model from `train --save`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telltale: Option<Origin>,
    /// The keys that the file has.
    #[serde(skip)]
    pub given: BTreeSet<String>,
}

/// What a head has between its two linear layers. The engine has ReLU; the others are turned into it, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `nn.ReLU`.
    #[default]
    Relu,
    /// `nn.LeakyReLU`: twice the units.
    LeakyRelu,
    /// Nothing: both layers are one.
    None,
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
            Self::None => "none",
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
        })
    }
}

/// A side of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Before the first word.
    Left,
    /// After the last word.
    Right,
}

/// What makes an imported model's file the same as from `train --export`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The corpus's name.
    pub corpus: String,
    /// Its SHA-256, in hexadecimal.
    pub digest: String,
    /// The seed of everything random.
    pub seed: u64,
    /// Examples trained on.
    pub examples: usize,
    /// The text that the chip reads at start.
    pub self_test: String,
    /// Bits of an embedding weight.
    pub embed_bits: u32,
    /// What calibration saw.
    pub ranges: Ranges,
    /// What the model achieved.
    pub metrics: Metrics,
    /// SHA-256 of the weights' and the vocabulary's files, in hexadecimal: all of this is of them alone.
    #[serde(default)]
    pub files: String,
}

const fn last() -> Pooling {
    Pooling::Last
}

const fn head() -> Keep {
    Keep::Head
}

/// The longest configuration that is read.
const LONGEST: u64 = 16 << 20;

impl Description {
    /// PyTorch's default for `nn.LeakyReLU`.
    pub const NEGATIVE_SLOPE: f32 = 0.01;

    /// The tokeniser's options.
    #[must_use]
    pub const fn text(&self) -> TextOptions {
        TextOptions { punctuation: self.punctuation, tags: self.tags }
    }

    /// The labels and, for the rest, the defaults.
    #[must_use]
    pub fn new(labels: Vec<String>) -> Self {
        Self {
            labels,
            punctuation: false,
            tags: false,
            unknown: None,
            padding: None,
            pooling: last(),
            max_len: 0,
            keep: head(),
            padded: None,
            nonlinearity: None,
            activation: None,
            negative_slope: None,
            state_dict: None,
            stack: None,
            head: None,
            ignore: Vec::new(),
            bidirectional: None,
            proj_size: None,
            dropout: None,
            cell: None,
            layers: None,
            embed: None,
            hidden: None,
            head_hidden: None,
            telltale: None,
            given: BTreeSet::new(),
        }
    }

    /// Reads and checks a file. A byte order mark at its start is skipped.
    ///
    /// # Errors
    /// Names the file and what in it cannot be.
    pub fn read(path: &Path) -> Result<Self> {
        let text = super::read_text(path, LONGEST)?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let keys: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(text).context("a JSON object is expected")?;
        // Where nothing is said, the default holds.
        let keys: BTreeMap<String, serde_json::Value> =
            keys.into_iter().filter(|(_, value)| !value.is_null()).collect();
        let said = serde_json::to_value(&keys)?;
        let mut own: Self = serde_json::from_value(said).map_err(|error| {
            // The first key whose value alone cannot be; the library tells its place only.
            let refused = keys.iter().find_map(|(key, value)| {
                let alone = json!({"labels": ["a", "b"], (&key[..]): value});
                let error = serde_json::from_value::<Self>(alone).err()?;
                Some(anyhow!("`{key}`: {error}"))
            });
            refused.unwrap_or_else(|| error.into())
        })?;
        own.given = keys.into_keys().collect();
        own.check()?;
        Ok(own)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.labels.len() > 1, "`labels` has {} labels, two are the least", self.labels.len());
        for (at, label) in self.labels.iter().enumerate() {
            check_label(label).context("`labels`")?;
            if let Some(before) = self.labels[..at].iter().position(|other| other == label) {
                bail!(
                    "`labels` has {label:?} twice, as labels {before} and {at}: each output needs a name of its own"
                );
            }
        }
        if self.bidirectional == Some(true) {
            bail!(
                "`bidirectional`: a bidirectional model must know the end of a text before it reads it; the engine reads forwards only"
            );
        }
        if let Some(size @ 1..) = self.proj_size {
            bail!("`proj_size` {size}: the engine has no projections (proj_size 0 is expected)");
        }
        match self.nonlinearity.as_deref() {
            None | Some("tanh") => {}
            Some("relu") => bail!(
                "`nonlinearity` \"relu\": the engine has \"tanh\" only, because its states are integers within ±1, and those of \"relu\" may grow without limit; train an nn.RNN with tanh, or an nn.GRU"
            ),
            Some(other) => bail!(
                "`nonlinearity` {other:?}: \"tanh\" is expected (nn.RNN knows \"relu\", too, the engine does not)"
            ),
        }
        if let Some(slope) = self.negative_slope {
            ensure!(
                self.activation == Some(Activation::LeakyRelu),
                "`negative_slope` {slope}: only with \"activation\": \"leaky_relu\""
            );
            ensure!(slope.is_finite(), "`negative_slope`: a number within those of f32 is expected");
        }
        let most = if self.padded.is_some() { MOST_PADDED } else { MOST_WORDS };
        ensure!(self.max_len <= most, "`max_len` {}: 0 to {most} words are expected", self.max_len);
        ensure!(
            self.padded.is_none() || self.max_len > 0,
            "`padded` needs `max_len`: up to how many words was a text padded?"
        );
        Ok(())
    }
}
