//! Models that come from PyTorch or go there.
//!
//! A model for PyTorch is a folder of three files; an import reads the same three:
//!
//! | file | what it is |
//! |---|---|
//! | `model.safetensors` (or a `.pth` of `torch.save(model.state_dict(), …)`) | the parameters |
//! | `vocab.txt` | one word a line; the line's number, from 0, is the row of the embedding |
//! | `config.json` | what parameters do not tell: [`config::Description`] |
//!
//! [`state`] reads the parameters, [`map`] finds out which is what, [`words`] puts the embedding's
//! rows into the order of the engine's vocabulary, and [`save`] writes a folder.

pub mod config;
pub mod map;
pub mod save;
pub mod state;
#[cfg(test)]
mod tests;
pub mod words;

/// Names of the files of a saved model.
pub const WEIGHTS: &str = "model.safetensors";
/// One word a line.
pub const VOCABULARY: &str = "vocab.txt";
/// The rest.
pub const CONFIG: &str = "config.json";
