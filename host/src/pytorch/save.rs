//! Writes a model so that PyTorch can load it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::config::Description;
use super::{CONFIG, VOCABULARY, WEIGHTS};
use crate::model::Weights;

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
    let mut json =
        serde_json::to_string_pretty(description).context("the configuration cannot be encoded")?;
    json.push('\n');
    crate::files::write(&folder.join(CONFIG), json.as_bytes())
}
