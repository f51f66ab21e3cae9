//! `config.json`: what a PyTorch model's parameters do not tell.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use telltale::blob::Metrics;

use crate::model::weights::Ranges;
use crate::model::{Cell, Pooling};
use crate::train::batches::Keep;

/// The configuration file. Only `labels` is needed; a name that is not listed here is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The labels in the order of the outputs; a head of one output (a sigmoid) tells the second of two.
    pub labels: Vec<String>,
    /// Whether `!` and `?` are words.
    #[serde(default)]
    pub punctuation: bool,
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
    /// `tanh`, which is the only one the engine has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonlinearity: Option<String>,
    /// The activation between two linear layers of the head: `relu`, the only one the engine has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<String>,
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
    /// Where a model that `train --save` wrote comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telltale: Option<Origin>,
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

/// What makes the blob of an import the same as the one that `train --export` wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The corpus' name.
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
}

const fn last() -> Pooling {
    Pooling::Last
}

const fn head() -> Keep {
    Keep::Head
}

impl Description {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Names the file and what in it cannot be.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let own: Self = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        own.check().with_context(|| path.display().to_string())?;
        Ok(own)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.labels.len() > 1, "`labels` has {} labels, two are the least", self.labels.len());
        for label in &self.labels {
            ensure!(
                !label.is_empty() && label.len() <= 64 && !label.contains(['\t', '\n', '\r']),
                "the label {label:?} is empty, longer than 64 bytes, or has a tab or line break"
            );
        }
        if self.bidirectional == Some(true) {
            bail!(
                "`bidirectional`: a bidirectional model must know the end of a text before it reads it; the engine reads forwards only"
            );
        }
        if let Some(size @ 1..) = self.proj_size {
            bail!("`proj_size` {size}: the engine has no projections (proj_size 0 is expected)");
        }
        if let Some(other) = self.nonlinearity.as_deref().filter(|&name| name != "tanh") {
            bail!("`nonlinearity` {other:?}: the engine has \"tanh\" only");
        }
        if let Some(other) = self.activation.as_deref().filter(|&name| name != "relu") {
            bail!("`activation` {other:?}: the engine has \"relu\" only");
        }
        ensure!(
            self.padded.is_none() || self.max_len > 0,
            "`padded` needs `max_len`: up to how many words was a text padded?"
        );
        Ok(())
    }
}
