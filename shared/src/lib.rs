//! Telltale's engine, for chip and PC alike: no_std, no heap, no floats, no unsafe outside the kernels.
//!
//! The path of a text, one module each:
//!
//! ```text
//! bytes ─ text ─ word ─ vocab ─ id ─ embedding ─ cell (×layers) ─ pooling ─ head ─ scores
//!                                        └ matvec, activation, vector, fixed ┘
//! ```
//!
//! - [`text`]: bytes → words, streaming; [`vocab`]: word → id, in place
//! - [`blob`]: the one file that holds a model; checked once, then borrowed
//! - [`fixed`], [`activation`], [`vector`], [`matvec`]: formats and rounding, tanh and sigmoid, vectors, products
//! - [`embedding`], [`cell`], [`pooling`], [`head`]: the parts of a network; [`model`]: all of it
//! - [`wide`]: n-grams that add to the scores, beside the network
//! - [`early_exit`]: when the rest of a text need not be read
//! - [`classifier`]: feed bytes, get an opinion after every word
//! - [`session`]: what a serial line says
//! - [`parts`]: what a reader may be compiled without, to be small
//! - `image`, on a PC: what goes onto a chip
//! - `float_reference`, behind the feature of that name: the step in f32, to compare with
//!
//! A reader needs the blob's bytes and a few hundred bytes of RAM whose sizes are compiled in:
//!
//! ```no_run
//! use telltale::{Classifier, Memory, Model};
//!
//! # fn read(blob: &[u8]) -> Result<(), telltale::blob::Error> {
//! let model = Model::open(blob)?;
//! let mut memory = Memory::<64, 64, 128, 256>::new(); // a GRU layer of 64 inputs and 64 units
//! let mut classifier = Classifier::new(&model, &mut memory)?;
//! classifier.feed(b"not a bad film ", &mut |word, opinion| {
//!     let label = String::from_utf8_lossy(model.label(opinion.class));
//!     println!("{}: {label} {}", word.as_str(), opinion.probability);
//! });
//! # Ok(())
//! # }
//! ```
#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::float_arithmetic))]

pub mod activation;
pub mod blob;
pub mod cell;
pub mod classifier;
pub mod early_exit;
pub mod embedding;
pub mod fixed;
#[cfg(feature = "float-reference")]
pub mod float_reference;
pub mod head;
#[cfg(feature = "std")]
pub mod image;
pub mod matvec;
pub mod model;
pub mod parts;
pub mod pooling;
pub mod session;
pub mod text;
pub mod vector;
pub mod vocab;
pub mod wide;

pub use classifier::{Classifier, Memory, Opinion};
pub use model::{Model, Scratch, State};
