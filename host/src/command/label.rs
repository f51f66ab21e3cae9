//! `label`: answers for texts without labels.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args as ClapArgs;
use serde::Serialize;
use telltale::Model;

use super::rows::{REJECTED, RowFormat};
use crate::console::{self, say};
use crate::corpus::{CorpusConfig, unlabelled};
use crate::engine::{Answered, answer_all, share_of, ten_thousandths, with_model};
use crate::files::Paths;

/// Labels every text of a file: a row for each, in order, with label, probability and share of known words
///
/// The integer engine reads the texts exactly as a chip would. Columns or members of the output: `label` (`?` for a
/// text that a model from `train --reject` rejects); `probability`, 0 to 1; `known`, the share of the text's words in
/// the vocabulary, 0 to 1 (0 for a text without words, whose label is the model's answer before the first word).
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The texts: a .csv, .tsv, .jsonl, .parquet, or .txt with a text per line; gzip-compressed or not; `-` is standard
    /// input
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// File for the answers: a .csv, .tsv, .jsonl or .ndjson; `-` is standard output, as CSV
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Column with the text, by name or by number from 1
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// The first row is a text, not a header
    #[arg(long)]
    no_header: bool,
    /// Encoding of the texts [default: UTF-8 if valid, otherwise guessed]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
}

/// The engine's answer to a text.
#[derive(Debug, PartialEq, Serialize)]
struct Answer<'m> {
    label: &'m str,
    probability: f64,
    known: f64,
    #[serde(skip)]
    words: u32,
}

/// Runs the verb.
///
/// # Errors
/// If the model or the texts cannot be read, or the answers cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let format = RowFormat::of("--out", &args.out)?;
    Paths::default()
        .read("--model", [&args.model])
        .read("--data", [&args.data])
        .print("--out", [&args.out])
        .check()?;
    with_model(&args.model, |model| {
        let corpus = CorpusConfig {
            text_column: args.text_column.clone(),
            no_header: args.no_header,
            encoding: args.encoding.clone(),
            ..CorpusConfig::of(args.data.to_string_lossy())
        };
        let (texts, notes) = unlabelled::read_rows(&args.data, &corpus)?;
        notes.print();
        let empty = texts.iter().filter(|text| text.trim().is_empty()).count();
        if empty > 0 {
            console::warn(&format!(
                "{empty} of {} rows have no text: they are answered as empty ones",
                texts.len()
            ));
        }
        let answers = answers(model, &texts)?;
        let bytes = format.write(&["label", "probability", "known"], &answers)?;
        if args.out == Path::new("-") {
            console::raw(&bytes);
        } else {
            crate::files::write(&args.out, &bytes)?;
        }
        conclude(&answers);
        Ok(())
    })
}

/// The engine's answers, in order.
fn answers<'m>(model: &Model<'m>, texts: &[String]) -> Result<Vec<Answer<'m>>> {
    let labels: Vec<&str> = model.labels().collect();
    let shown = |own: Answered| Answer {
        label: match own.rejected {
            true => REJECTED,
            false => labels.get(own.class).copied().unwrap_or_default(),
        },
        probability: own.share(),
        words: own.words,
        known: share_of(ten_thousandths(f64::from(own.known) / f64::from(own.words.max(1)))),
    };
    Ok(answer_all(model, texts)?.into_iter().map(shown).collect())
}

/// Prints how many texts got each label, and how many were unknown.
fn conclude(answers: &[Answer<'_>]) {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    answers.iter().for_each(|answer| *counts.entry(answer.label).or_default() += 1);
    let counts: Vec<String> = counts.iter().map(|(label, count)| format!("{label} {count}")).collect();
    say!("{} texts: {}", answers.len(), counts.join(", "));
    let strange = answers.iter().filter(|answer| answer.words > 0 && answer.known < 0.5).count();
    if strange > 0 {
        console::warn(&format!(
            "{strange} of {} texts: the model knows less than half of their words",
            answers.len()
        ));
    }
}
