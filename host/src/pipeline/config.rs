//! The complete configuration of a run.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::model::{Cell, Config, Pooling};
use crate::quantise::EmbeddingBits;
use crate::train::TrainingOptions;

/// All choices of a run; a checkpoint stores it, so that a resumed run keeps them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// The recurrent cell.
    pub cell: Cell,
    /// Recurrent layers.
    pub layers: usize,
    /// Width of a word's embedding.
    pub embed: usize,
    /// Units of a recurrent layer.
    pub hidden: usize,
    /// Pooling over time.
    pub pooling: Pooling,
    /// Units of the head's hidden layer, 0 for none.
    pub head_hidden: usize,
    /// The most words of the vocabulary.
    pub vocab: usize,
    /// How often a word must occur to be in it.
    pub min_freq: u64,
    /// Whether all words are taken if too few occur that often.
    pub min_freq_yields: bool,
    /// How embedding rows are quantised.
    pub bits: EmbeddingBits,
    /// Bytes that the model may take.
    pub bytes: usize,
    /// The requested n-grams.
    pub ngrams: NgramConfig,
    /// The teacher for unlabelled texts.
    pub teacher: Teacher,
    /// A folder that keeps its soft labels.
    pub teacher_cache: Option<PathBuf>,
    /// Whether rare classes count as much as frequent ones.
    pub balance: bool,
    /// The share of validation texts that may be rejected.
    pub reject: Option<f64>,
    /// Whether the finished model reads whole texts, however long; otherwise as many words as in training.
    pub reads_whole_texts: bool,
    /// How the network is trained; its seed is that of everything random.
    pub options: TrainingOptions,
}

/// The requested n-grams; `None` is chosen automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NgramConfig {
    /// The most n-grams; `None` for as many as there is room for.
    pub most: Option<usize>,
    /// The most words and characters of an n-gram.
    pub orders: Option<(u8, u8)>,
}

impl RunConfig {
    /// The shape of a network for `words` words, without the unknown one, and `classes` classes.
    #[must_use]
    pub const fn network(&self, words: usize, classes: usize) -> Config {
        Config {
            cell: self.cell,
            layers: self.layers,
            embed: self.embed,
            hidden: self.hidden,
            vocab: words + 1,
            pooling: self.pooling,
            head_hidden: self.head_hidden,
            classes,
        }
    }
}

/// Teacher for unlabelled texts
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Teacher {
    /// Naive-Bayes-weighted logistic regression on n-grams of up to three words
    Ngrams,
    /// The same, and a large recurrent network that has learnt from it: the mean of both
    Both,
}
