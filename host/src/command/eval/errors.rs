//! The misread texts as a file: what was answered, and which words decided.

use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use telltale::Model;

use crate::command::rows::Form;
use crate::console::say;
use crate::evaluate::explain::Explanation;
use crate::evaluate::measures::Judged;

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
pub fn write(
    path: &Path,
    model: &Model<'_>,
    labels: &[String],
    examples: &[(String, String)],
    judged: &[Judged],
) -> Result<()> {
    let form = Form::of("--errors", path)?;
    let mut wrong: Vec<(&Judged, &str)> = judged
        .iter()
        .zip(examples)
        .filter(|(own, _)| own.truth != own.answer)
        .map(|(own, (text, _))| (own, &text[..]))
        .collect();
    wrong.sort_by(|(a, _), (b, _)| b.probability.total_cmp(&a.probability));
    let explain = |(_, text): &(&Judged, &str)| -> Result<(String, String)> {
        let explanation = Explanation::of(model, text)?;
        let (pro, contra) = explanation.loudest(WORDS);
        Ok((pro.to_string(), contra.to_string()))
    };
    let words: Vec<(String, String)> = wrong.par_iter().map(explain).collect::<Result<_>>()?;
    let rows: Vec<Row<'_>> = wrong
        .iter()
        .zip(words)
        .map(|((own, text), (words_for, words_against))| Row {
            label: &labels[own.truth],
            answer: &labels[own.answer],
            probability: (own.probability * 10_000.0).round() / 10_000.0,
            words_for,
            words_against,
            text,
        })
        .collect();
    crate::files::write(path, &form.write(&rows)?)?;
    say!("wrote {} misread texts to {}", rows.len(), path.display());
    Ok(())
}
