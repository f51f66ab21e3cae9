//! The misread texts as a file: the answers, and the words that decided.

use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use telltale::Model;

use crate::command::rows::{REJECTED, RowFormat};
use crate::console::say;
use crate::engine::{Answered, answer_all};
use crate::evaluate::explain::Explanation;
use crate::evaluate::measures::{Judged, misread};

/// Words listed for an answer, and against it.
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

/// Writes a row for each misread text, the most confident first; the answer to a rejected one is [`REJECTED`].
///
/// # Errors
/// If the file cannot be written.
pub fn write<'t>(
    path: &Path,
    format: RowFormat,
    model: &Model<'_>,
    labels: &'t [String],
    examples: &'t [(String, String)],
    judged: &[Judged],
) -> Result<()> {
    let wrong = misread(judged);
    let texts: Vec<&str> = wrong.iter().map(|&at| &examples[at].0[..]).collect();
    let answers = answer_all(model, &texts)?;
    let row = |(at, (text, answer)): (&usize, (&&'t str, &Answered))| -> Result<Row<'t>> {
        let explanation = Explanation::of(model, text)?;
        let (words_for, words_against) = explanation.loudest(WORDS);
        Ok(Row {
            label: &labels[judged[*at].truth],
            answer: if answer.rejected { REJECTED } else { &labels[judged[*at].answer][..] },
            probability: answer.share(),
            words_for: words_for.to_string(),
            words_against: words_against.to_string(),
            text,
        })
    };
    let read = texts.par_iter().zip(&answers);
    let rows: Vec<Row<'_>> = wrong.par_iter().zip(read).map(row).collect::<Result<_>>()?;
    let names = ["label", "answer", "probability", "words_for", "words_against", "text"];
    crate::files::write(path, &format.write(&names, &rows)?)?;
    say!("wrote {} misread texts to {}", rows.len(), path.display());
    Ok(())
}
