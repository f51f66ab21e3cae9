//! A network that was trained in PyTorch, read from its three files.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::config::Description;
use super::map::{self, Mapped};
use super::rows::{Rows, Seen};
use super::save::digest_of;
use super::words::Words;
use super::{read_text, weights};
use crate::model::{Config, Weights};
use crate::vocabulary::{Built, hashes_of};

/// The longest vocabulary file that is read, in bytes.
const LONGEST_VOCABULARY: u64 = 64 << 20;

/// Words of the vocabulary that the engine's tokeniser never makes; shares of 1.
#[derive(Clone, Copy, Serialize)]
pub struct Unseen {
    /// Those.
    pub words: u64,
    /// All.
    pub of: u64,
    /// The share of the training's tokens, by the counts in the vocabulary file.
    pub share_of_training: Option<f64>,
    /// The share of the corpus's tokens, as the vocabulary cuts them.
    pub share_of_data: Option<f64>,
}

/// A network as it was read.
pub struct Source {
    /// The configuration.
    pub description: Description,
    /// Which tensor is what.
    pub mapped: Mapped,
    /// The vocabulary as PyTorch's users wrote it.
    pub words: Words,
    /// The engine's vocabulary.
    pub vocabulary: Built,
    /// The network, its embedding in the order of the engine's vocabulary.
    pub weights: Weights,
    /// The embedding's row of padding.
    pub pad: Option<Vec<f32>>,
    /// How files were read, and what was left out of them.
    pub notes: Vec<String>,
}

impl Source {
    /// Reads weights, vocabulary and configuration.
    ///
    /// # Errors
    /// Names the file, and the tensor, word or value that does not fit.
    pub fn read(weights_path: &Path, vocabulary: &Path, config: &Path) -> Result<Self> {
        let mut description = Description::read(config)?;
        let state = weights::read(weights_path, description.state_dict.as_deref())?;
        let tables = |rows: usize| {
            state.tensors.iter().any(|tensor| tensor.shape.len() == 2 && tensor.shape[0] == rows)
        };
        let file = read_text(vocabulary, LONGEST_VOCABULARY)?;
        let words = Rows::read(&file, tables)
            .and_then(|rows| Words::new(rows, description.text(), description.unknown, description.padding))
            .with_context(|| vocabulary.display().to_string())?;
        let mapped = map::map(&state, words.count, &description)
            .with_context(|| weights_path.display().to_string())?;
        let width = mapped.config.embed;
        let table = mapped.tensors.get("embed.weight").map_or(&[][..], Vec::as_slice);
        let (vocabulary, ordered) = words.build(table, width)?;
        let pad = words.row(table, width, words.padding).map(<[f32]>::to_vec);
        let mut tensors = mapped.tensors.clone();
        tensors.insert("embed.weight".to_owned(), ordered);
        let config = Config { vocab: words.list().len() + 1, ..mapped.config.clone() };
        let weights = Weights::new(config, tensors)?;
        let mut notes = Vec::new();
        if !state.key.is_empty() {
            notes.push(format!("the state dict lies under `{}`", state.key));
        }
        if !state.beside.is_empty() {
            notes.push(format!("left out of the file: {}", state.beside.join(", ")));
        }
        notes.extend(words.notes.iter().cloned());
        if let Some(origin) = &description.telltale
            && origin.files
                != digest_of(
                    &std::fs::read(weights_path).with_context(|| weights_path.display().to_string())?,
                    file.replace('\r', "").as_bytes(),
                )
        {
            description.telltale = None;
            notes.push(
                "weights or vocabulary are not those that `train --save` of this version wrote: calibrated anew, and what the \
                 configuration says of the model's accuracy is left out"
                    .to_owned(),
            );
        }
        Ok(Self { description, mapped, words, vocabulary, weights, pad, notes })
    }

    /// The words of a text as the engine reads it.
    ///
    /// # Errors
    /// If the vocabulary is unsound, which it is not.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let reader = self.vocabulary.open()?;
        let options = self.description.text();
        Ok(hashes_of(text.as_bytes(), options, &reader).into_iter().map(|hash| reader.id(hash)).collect())
    }

    /// The words that the engine never sees: of the vocabulary, of the training by its counts, of some texts.
    #[must_use]
    pub fn unseen(&self, texts: Option<&[(String, u32)]>) -> Unseen {
        let Seen { tokens, unseen } = self.words.seen();
        let share = |seen: Seen| seen.unseen as f64 / seen.tokens.max(1) as f64;
        Unseen {
            words: unseen,
            of: tokens,
            share_of_training: self.words.seen_in_training().map(share),
            share_of_data: texts
                .map(|texts| share(self.words.seen_in(texts.iter().map(|(text, _)| &text[..])))),
        }
    }
}
