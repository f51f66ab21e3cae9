//! Telltale's engine, for chip and PC alike: no_std, no heap, no floats, no unsafe outside the kernels.
//!
//! A model from `host train --export model.bin` reads texts word by word:
//!
//! ```no_run
//! use telltale::{Classifier, Memory, Model};
//! # const SENTIMENT_MEMORY: usize = 1088;
//! # static SENTIMENT: &[u8] = &[];
//!
//! # const _: &str = stringify!(
//! telltale::include_model!(static SENTIMENT = "model.bin");
//! # );
//!
//! # fn main() -> Result<(), telltale::OpenError> {
//! let model = Model::open(SENTIMENT)?;
//! let mut memory = Memory::<{ SENTIMENT_MEMORY }>::new();
//! let mut classifier = Classifier::new(&model, &mut memory)?;
//! classifier.feed(b"not a bad film ", |word, prediction| {
//!     println!("{}: {} {}", word.as_str(), model.label(prediction.class), prediction.probability);
//! });
//! let answer = classifier.finish();
//! println!("{}, {} of {} words unknown", answer.label, answer.unknown, answer.words);
//! assert_eq!(classifier.classify("terrible").label, "neg");
//! # Ok(())
//! # }
//! ```
//!
//! - [`include_model!`], [`Model`], [`Memory`]: a file in the program, checked once, then borrowed
//! - [`Classifier`], [`OwnedClassifier`]: feed bytes, get a [`Prediction`] after every word and an [`Answer`] at the
//!   end; a text can be saved and restored after any byte, so that one chip follows many
//! - [`session`]: the protocol of a serial line
//! - [`engine`]: all internals, without a stability promise
//!
//! # Features
//!
//! To be small, a reader may be compiled without what its models do not need:
//!
//! | feature | reads |
//! |---|---|
//! | `rnn`, `gru`, `lstm`, `fastgrnn` | layers of that [cell](engine::cell) |
//! | `layers` | more than one layer |
//! | `mean`, `max` | that [pooling](engine::pooling); `last` is always included |
//! | `hidden` | a [head](engine::head) with a hidden layer |
//! | `classes` | more than two classes |
//! | `ngrams` | [n-grams](engine::ngrams) beside the network |
//! | `characters` | n-grams of characters |
//! | `projection` | n-grams whose sums a map takes to the classes |
//! | `early-exit` | a rule of [early exit](engine::early_exit) |
//! | `rejection` | a rule of [rejection](engine::rejection) |
//! | `i4` | an [embedding](engine::embedding) of 4 bits |
//! | `fold` | a [folded](engine::embedding#folded) embedding |
//!
//! All of them are on by default (`full`). Opening a model that needs a disabled one fails with
//! [`OpenError::FeatureDisabled`]; a model that opens yields the same integers whatever else is compiled in.
//! `host inspect` prints the features that a model needs. `checksum-table`, on by default, opens a model in a fraction of
//! the time for 1 kB of flash.
#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![deny(unsafe_code)]
// Code used only by disabled features is linted with all features.
#![cfg_attr(not(feature = "full"), allow(dead_code, unused_imports, unused_variables, unused_mut))]
#![cfg_attr(not(test), deny(clippy::float_arithmetic))]

mod classifier;
mod include;
mod memory;
mod prediction;
mod reading;
mod saved;
mod sentence;

#[doc(hidden)]
pub mod activation;
#[doc(hidden)]
pub mod cell;
#[doc(hidden)]
pub mod early_exit;
#[doc(hidden)]
pub mod embedding;
#[doc(hidden)]
pub mod fixed;
#[cfg(feature = "float-reference")]
#[doc(hidden)]
pub mod float_reference;
#[doc(hidden)]
pub mod format;
#[doc(hidden)]
pub mod head;
#[cfg(feature = "std")]
#[doc(hidden)]
pub mod image;
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod ngrams;
#[doc(hidden)]
pub mod pooling;
#[doc(hidden)]
pub mod rejection;
pub mod session;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod vector;
#[doc(hidden)]
pub mod vocab;

pub use classifier::{Classifier, OwnedClassifier};
pub use early_exit::Rule as EarlyExit;
pub use format::OpenError;
pub use memory::Memory;
pub use model::Model;
pub use prediction::{Answer, Class, Prediction, Probability};
pub use rejection::Rejection;
pub use saved::StateError;
pub use text::Word;

/// The internals, for Telltale's own programs and for reference. They may change with any version.
///
/// The path of a text, one module each:
///
/// ```text
/// bytes ─ text ─ word ─ vocab ─ id ─ embedding ─ cell (×layers) ─ pooling ─ head ─ scores
///                                        └ kernel, activation, vector, fixed ┘
/// ```
///
/// - [`text`](engine::text): bytes → words, streaming; [`vocab`](engine::vocab): word → id, in place
/// - [`format`](engine::format): the one file that holds a model, and its specification
/// - [`fixed`](engine::fixed), [`activation`](engine::activation), [`vector`](engine::vector),
///   [`kernel`](engine::kernel): formats and rounding, tanh and sigmoid, vectors, products
/// - [`embedding`](engine::embedding), [`cell`](engine::cell), [`pooling`](engine::pooling), [`head`](engine::head):
///   the layers of a network; [`model`](engine::model): all of it
/// - [`ngrams`](engine::ngrams): n-grams that add to the scores, beside the network
/// - [`early_exit`](engine::early_exit): when the rest of a text need not be read;
///   [`rejection`](engine::rejection): when it is none of the classes
/// - `image`, on a PC: a model laid out for another core
/// - `float_reference`, behind the feature of that name: the step in f32, to compare with
pub mod engine {
    #[cfg(feature = "float-reference")]
    #[doc(inline)]
    pub use crate::float_reference;
    #[cfg(feature = "std")]
    #[doc(inline)]
    pub use crate::image;
    pub use crate::include::{Aligned, memory_of};
    pub use crate::prediction::decide;
    #[doc(inline)]
    pub use crate::{
        activation, cell, early_exit, embedding, fixed, format, head, kernel, model, ngrams, pooling,
        rejection, text, vector, vocab,
    };
    #[doc(hidden)]
    pub use pastey::paste;
}
