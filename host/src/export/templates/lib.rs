//! The model `{{name}}` and the engine that reads it: no_std, no heap, no panic.
//!
//! ```
//! let mut classifier = {{crate}}::Classifier::new()?;
//! let answer = classifier.classify("slow, but superb");
//! println!("{}, {} of {} words unknown", answer.label, answer.unknown, answer.words);
//! # Ok::<(), {{crate}}::OpenError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

use telltale::engine::Aligned;
use telltale::engine::kernel::Layout;
pub use telltale::{Memory, OpenError, OwnedClassifier, Prediction, Probability, Word};

/// The model, laid out for the target's core: a program holds only one of the two files.
pub static MODEL: &[u8] = match Layout::OWN {
    Layout::Pairs => {
        const FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../model.pairs.bin"));
        &FILE.0
    }
    Layout::Quads => {
        const FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../model.quads.bin"));
        &FILE.0
    }
};

/// Bytes of memory that the model needs.
pub const MEMORY: usize = {{memory}};

/// The model's labels, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
{{variants}}
}

impl Label {
    /// All labels, in order.
    pub const ALL: [Self; {{labels}}] = [{{all}}];

    /// The label as in the corpus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
{{texts}}
        }
    }
}

impl core::fmt::Display for Label {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The model's answer to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The label.
    pub label: Label,
    /// Its probability.
    pub probability: Probability,
    /// Words of the text.
    pub words: u32,
    /// Those that are not in the vocabulary.
    pub unknown: u32,
    /// Whether the text is none of the classes, by the model's rule if it has one; label and probability are then those
    /// of the nearest class.
    pub rejected: bool,
}

impl From<telltale::Answer<'_>> for Answer {
    fn from(answer: telltale::Answer<'_>) -> Self {
        let label = Label::ALL.get(answer.class.index()).copied().unwrap_or(Label::ALL[0]);
        let telltale::Answer { probability, words, unknown, rejected, .. } = answer;
        Self { label, probability, words, unknown, rejected }
    }
}

/// Reads texts with the model.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// The engine's handle: traces, saved states, early exit.
    pub inner: OwnedClassifier<Memory<MEMORY>>,
}

impl Classifier {
    /// A classifier at the start of a text.
    ///
    /// # Errors
    /// If this machine does not read the model, which the exported files exclude.
    pub fn new() -> Result<Self, OpenError> {
        OwnedClassifier::new(MODEL, Memory::new()).map(|inner| Self { inner })
    }

    /// Takes the next bytes of the text, cut anywhere; `tell` is called with each word that ends in them.
    pub fn feed(&mut self, bytes: &[u8], tell: impl FnMut(&Word, Prediction)) {
        self.inner.feed(bytes, tell);
    }

    /// Ends the text; the next byte starts a new one.
    pub fn finish(&mut self) -> Answer {
        self.inner.finish().into()
    }

    /// The answer to a whole text.
    pub fn classify(&mut self, text: &str) -> Answer {
        self.inner.classify(text).into()
    }
}

/// The label of one text, the nearest one if the model's rule rejects it; for several texts use a [`Classifier`], which
/// opens the model once.
///
/// # Errors
/// As for [`Classifier::new`].
pub fn classify(text: &str) -> Result<Label, OpenError> {
    Classifier::new().map(|mut classifier| classifier.classify(text).label)
}
