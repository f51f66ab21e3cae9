//! The misread texts as a file: what was answered, and which words decided.

use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use telltale::Model;

use crate::command::rows::Form;
use crate::console::say;
use crate::evaluate::explain::Explanation;
use crate::evaluate::measures::{Judged, misread};

/// Words that are named for an answer, and against it.
const WORDS: usize = 5;

#[derive(Serialize)]
struct Row<'t> {
    label: &'t str,
    answer: &'t str,
    probability: f64,
    words_for: String,
    words_against: String,
    text: &'t str,
}

/// Writes a row for each text that is misread, the surest first.
///
/// # Errors
/// If the file cannot be written.
pub fn write<'t>(
    path: &Path,
    model: &Model<'_>,
    labels: &'t [String],
    examples: &'t [(String, String)],
    judged: &[Judged],
) -> Result<()> {
    let form = Form::of("--errors", path)?;
    let row = |&at: &usize| -> Result<Row<'t>> {
        let (own, text) = (&judged[at], &examples[at].0[..]);
        let explanation = Explanation::of(model, text)?;
        let (words_for, words_against) = explanation.loudest(WORDS);
        Ok(Row {
            label: &labels[own.truth],
            answer: &labels[own.answer],
            probability: f64::from(explanation.probability.ten_thousandths()) / 10_000.0,
            words_for: words_for.to_string(),
            words_against: words_against.to_string(),
            text,
        })
    };
    let rows: Vec<Row<'_>> = misread(judged).par_iter().map(row).collect::<Result<_>>()?;
    crate::files::write(path, &form.write(&rows)?)?;
    say!("wrote {} misread texts to {}", rows.len(), path.display());
    Ok(())
}
