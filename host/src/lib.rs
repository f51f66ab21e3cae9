//! Telltale on the PC: corpora, training with Candle, quantisation, the boards' toolchain.
//!
//! - [`corpus`]: labelled texts and their splits; [`vocabulary`]: words → ids
//! - [`model`]: networks in f32 and their fused sequences; [`train`]: the loop; [`threads`]: where both run
//! - [`pipeline`]: one run, from a corpus to a finished model
//! - [`quantise`]: f32 → integers → model file; [`engine`]: the integer engine with room for every model
//! - [`evaluate`]: how good a model is, by class and by part, and the contributions of words
//! - [`board`], [`toolchain`] and [`emulator`]: the boards, their firmware, and what runs it here; [`cost`]: what a model costs on them
//! - [`serial`]: the paced line to a board; [`monitor`]: a terminal to it, and its check
//! - [`library`] and [`export`]: the engine in C, and a model as a folder for other tools
//! - [`web`]: the engine as WebAssembly
//! - [`pytorch`]: models to and from PyTorch; [`ngrams`]: the n-grams beside the network; [`logits`]: their sums
//! - [`command`]: the command line; [`console`], [`files`], [`file_kind`] and [`json`]: their output and files; [`program`]: a
//!   board's program; [`aligned`] and [`bytes`]: blocks of bytes
//! - [`stop`]: Ctrl-C; [`exit_reason`]: how the process ends
#![forbid(unsafe_code)]

pub mod aligned;
pub mod board;
pub mod bytes;
pub mod command;
pub mod console;
pub mod corpus;
pub mod cost;
pub mod emulator;
pub mod engine;
pub mod evaluate;
pub mod exit_reason;
pub mod export;
pub mod file_kind;
pub mod files;
pub mod json;
pub mod library;
pub mod logits;
pub mod model;
pub mod monitor;
pub mod ngrams;
pub mod pipeline;
pub mod program;
pub mod pytorch;
pub mod quantise;
pub mod serial;
pub mod stop;
pub mod threads;
pub mod toolchain;
pub mod train;
pub mod vocabulary;
pub mod web;

#[cfg(not(unix))]
compile_error!("the host program runs on Linux and macOS");
