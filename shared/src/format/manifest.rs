//! The manifest, encoded by postcard between the header and the sections.

#[cfg(feature = "std")]
use serde::{Deserialize, Serialize};

/// How hidden states become one vector per text; every pooling streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub enum Pooling {
    /// The last word's state.
    Last,
    /// The mean of all states; from the 65,536th word on, each new word has a weight of 1/65,535.
    Mean,
    /// The largest value of each unit.
    Max,
}

impl Pooling {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`crate::vocab::Vocabulary`]
    Vocabulary = 1,
    /// [`crate::embedding::Embedding`]
    Embedding = 2,
    /// [`crate::cell::Layer`], one section per layer, in order
    Layer = 3,
    /// [`crate::head::Head`]
    Head = 4,
    /// [`crate::ngrams::Ngrams`], optional
    Ngrams = 5,
    /// [`crate::early_exit::Rule`], optional
    EarlyExit = 6,
    /// A [folded](crate::embedding::Embedding::is_folded) embedding, in place of an ordinary one
    Folded = 7,
    /// [`crate::rejection::Rejection`], optional
    Rejection = 8,
}

impl Kind {
    /// The kinds that this reader knows.
    pub const KNOWN: core::ops::RangeInclusive<u8> = Self::Vocabulary as u8..=Self::Rejection as u8;
}

/// An entry of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub struct Section {
    /// One of [`Kind`], or a kind of a later writer.
    pub kind: u8,
    /// Whether a reader that does not know the kind must refuse the model file.
    pub required: bool,
    /// Where it starts, from the file's first byte; a multiple of 16.
    pub offset: u32,
    /// Its length in bytes.
    pub length: u32,
}

/// Accuracies in units of 10⁻⁴; `None` if the corpus had no such split.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// Float model, validation split.
    pub float_valid: Option<u16>,
    /// Quantised model, validation split.
    pub quantised_valid: Option<u16>,
    /// Float model, test split.
    pub float_test: Option<u16>,
    /// Quantised model, test split.
    pub quantised_test: Option<u16>,
    /// Share of validation examples to which both give the same label.
    pub agreement: Option<u16>,
}

/// Where a model comes from.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance<'a> {
    /// The writer and its version.
    pub writer: &'a str,
    /// The corpus's name.
    pub corpus: &'a str,
    /// SHA-256 of labels and texts.
    pub digest: &'a [u8],
    /// The seed of everything random.
    pub seed: u64,
    /// Examples trained on.
    pub examples: u32,
    /// Its accuracies.
    pub metrics: Metrics,
}

/// A short text and the trace hash that must follow its last word.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest<'a> {
    /// The words.
    pub text: &'a str,
    /// The trace hash, little endian, of fixed length.
    pub trace: [u8; 8],
}

/// Everything but the numbers of the network.
#[cfg(feature = "std")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest<'a> {
    /// The class labels, in order, separated by line feeds.
    pub labels: &'a str,
    /// The tokeniser's options.
    pub text: crate::text::Options,
    /// Pooling over time.
    pub pooling: Pooling,
    /// Where the model comes from.
    #[serde(borrow)]
    pub provenance: Provenance<'a>,
    /// What the chip checks at start-up.
    pub self_test: SelfTest<'a>,
    /// Where the sections are.
    pub sections: heapless::Vec<Section, { super::MAX_SECTIONS }>,
}
