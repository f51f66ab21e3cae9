//! Models from and to PyTorch.
//!
//! A model for PyTorch is a folder of three files; an import reads the same three:
//!
//! | file | contents |
//! |---|---|
//! | `model.safetensors` (or a `.pth` of `torch.save(model.state_dict(), …)`) | the parameters |
//! | `vocab.txt` | one word per line; the line's number, from 0, is the row of the embedding |
//! | `config.json` | what parameters do not hold: [`config::Description`] |
//!
//! [`weights`] reads the parameters, [`map`] identifies them, [`words`] puts the embedding's rows into the order of the
//! engine's vocabulary: all three make a [`source`], which [`import`] quantises. [`save`] writes a folder.

mod archive;
pub mod check;
pub mod config;
pub mod import;
pub mod map;
mod pickle;
pub mod rows;
pub mod save;
pub mod source;
pub mod state;
#[cfg(test)]
mod tests;
mod unsupported;
pub mod weights;
pub mod words;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};

/// Names of the files of a saved model.
pub const WEIGHTS: &str = "model.safetensors";
/// One word a line.
pub const VOCABULARY: &str = "vocab.txt";
/// The rest.
pub const CONFIG: &str = "config.json";

/// A text file of `most` bytes at most, without its byte order mark.
///
/// # Errors
/// If it cannot be read, is longer or is not UTF-8; the error names it and the line.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    let unreadable = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(unreadable)?;
    file.take(most + 1).read_to_end(&mut bytes).with_context(unreadable)?;
    ensure!(bytes.len() as u64 <= most, "{}: longer than {most} bytes", path.display());
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count() + 1;
        anyhow!("{}: line {line}: not UTF-8 (save it as a text file in UTF-8)", path.display())
    })?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}
