//! Writes a model for PyTorch.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use safetensors::tensor::{Dtype, TensorView, serialize};
use sha2::{Digest, Sha256};

use super::config::Description;
use super::{CONFIG, VOCABULARY, WEIGHTS};
use crate::bytes::hex;
use crate::model::Weights;

/// The files that [`save`] writes into a folder.
#[must_use]
pub fn files(folder: &Path) -> [PathBuf; 3] {
    [WEIGHTS, VOCABULARY, CONFIG].map(|name| folder.join(name))
}

/// Makes the folder if need be, and refuses one with files of these names that [`save`] has not written.
///
/// # Errors
/// If it cannot be made, or holds someone else's model.
pub fn check(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let is_own = Description::read(&folder.join(CONFIG)).is_ok_and(|own| own.telltale.is_some());
    for path in files(folder) {
        ensure!(
            is_own || !path.exists(),
            "--save {}: {} is there and not written by `train --save`: name another folder",
            folder.display(),
            path.file_name().unwrap_or_default().display()
        );
    }
    Ok(())
}

/// SHA-256 of the files of weights and vocabulary, in hexadecimal.
pub(super) fn digest_of(weights: &[u8], vocabulary: &[u8]) -> String {
    let mut digest = Sha256::new();
    [weights, vocabulary].iter().for_each(|bytes| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    });
    hex(&digest.finalize())
}

/// Writes the three files into `folder`, which is made if need be. `words` are those of the
/// vocabulary in the order of the embedding's rows; the last row is that of unknown words.
///
/// # Errors
/// If the folder cannot be written.
pub fn save(folder: &Path, weights: &Weights, words: &[String], description: &Description) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let parameters = weights.config.parameters();
    let mut views = Vec::new();
    for (name, shape) in &parameters {
        let bytes = bytemuck::cast_slice(weights.get(name));
        views.push((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = serialize(views, Some(metadata)).context("the parameters cannot be encoded")?;
    crate::files::write(&folder.join(WEIGHTS), &bytes)?;
    let mut text = words.join("\n");
    text.push_str("\n<unk>\n");
    crate::files::write(&folder.join(VOCABULARY), text.as_bytes())?;
    let mut description = description.clone();
    if let Some(origin) = &mut description.telltale {
        origin.files = digest_of(&bytes, text.as_bytes());
    }
    let mut json =
        serde_json::to_string_pretty(&description).context("the configuration cannot be encoded")?;
    json.push('\n');
    crate::files::write(&folder.join(CONFIG), json.as_bytes())
}
