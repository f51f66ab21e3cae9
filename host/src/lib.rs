//! Telltale on the PC.
#![forbid(unsafe_code)]

pub mod aligned;
pub mod bytes;
pub mod engine;
pub mod files;
pub mod model;
pub mod quantise;
pub mod train;
pub mod vocabulary;
