//! Labelled texts: readers for every form of CORPUS, and the splits.
//!
//! | CORPUS | what it is |
//! |---|---|
//! | `reviews` | the corpus embedded in the program, see `data/README.md` |
//! | an aclImdb folder or `.tar.gz` | `train/{neg,pos}/<id>_<rating>.txt`, `test/…` if it is there; `unsup` is ignored |
//! | a `.csv` or `.tsv` | with a header; the columns are named or guessed |
//! | a folder with `train.csv` and `test.csv` (or `.tsv`) | both splits |
//! | a folder with a folder per class | each file is a text; `train/` and `test/` above them are splits |

mod acl_imdb;
mod delimited;
mod embedded;
mod folders;
mod generate;
mod split;
pub mod unlabelled;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest text or line that is read, in bytes.
pub const LONGEST_TEXT: usize = 16 << 20;

/// Which corpus, and how it is split.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct CorpusArgs {
    /// Labelled texts: `reviews` (embedded), an aclImdb folder or .tar.gz, a .csv/.tsv with a header, a
    /// folder with train.csv and test.csv, or a folder per class
    #[arg(long, value_name = "CORPUS", default_value = "reviews")]
    pub data: String,
    /// A second corpus that serves as test split
    #[arg(long, value_name = "CORPUS")]
    pub test_data: Option<String>,
    /// The column that holds the text (.csv and .tsv)
    #[arg(long, value_name = "NAME")]
    pub text_column: Option<String>,
    /// The column that holds the label (.csv and .tsv)
    #[arg(long, value_name = "NAME")]
    pub label_column: Option<String>,
    /// Share of the training texts that is set aside for validation
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1)]
    pub valid: f64,
    /// Share that is set aside for the test where the corpus has no test split of its own
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1)]
    pub test: f64,
}

/// A labelled text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// UTF-8.
    pub text: String,
    /// Index of the label.
    pub label: u32,
    /// The rating, where the corpus has one (aclImdb: 1 to 10).
    pub rating: Option<u8>,
}

/// A corpus in three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// What it was called.
    pub name: String,
    /// The labels in order.
    pub labels: Vec<String>,
    /// To learn from.
    pub train: Vec<Example>,
    /// To choose by.
    pub valid: Vec<Example>,
    /// To measure on.
    pub test: Vec<Example>,
    /// SHA-256 over all labels and texts as read.
    pub digest: [u8; 32],
}

/// A text as a reader found it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    text: String,
    label: String,
    rating: Option<u8>,
    test: bool,
}

/// Reads a corpus and splits it.
///
/// # Errors
/// One line that names the file and the line or member that is wrong.
pub fn load(args: &CorpusArgs, seed: u64) -> Result<Corpus> {
    for (flag, share) in [("--valid", args.valid), ("--test", args.test)] {
        ensure!((0.0..=0.8).contains(&share), "{flag} {share}: a fraction from 0 to 0.8 is expected");
    }
    ensure!(args.valid + args.test <= 0.9, "--valid and --test together leave too little to train on");
    let mut found = read(&args.data, args)?;
    if let Some(test) = &args.test_data {
        found.retain(|example| !example.test);
        found.extend(read(test, args)?.into_iter().map(|example| Found { test: true, ..example }));
    }
    let (labels, digest) = label_list(&args.data, &found)?;
    let own_test = found.iter().any(|example| example.test);
    let (test, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|example| example.test);
    let mut test = number(test, &labels);
    // A text that is also in the test split would be known to the judge.
    let known: std::collections::HashSet<String> = test.iter().map(|example| example.text.clone()).collect();
    let mut rest = number(rest, &labels);
    rest.retain(|example| !known.contains(&example.text));
    let share = if own_test { 0.0 } else { args.test };
    let [mut train, valid, split_test] = split::split(rest, labels.len(), args.valid, share, seed);
    test.extend(split_test);
    ensure!(!train.is_empty(), "{}: nothing is left to train on", args.data);
    if args.data == embedded::NAME {
        train.extend(generate::reviews(seed)?);
    }
    Ok(Corpus { name: name_of(&args.data), labels, train, valid, test, digest })
}

/// Reads every labelled text of a corpus, in order, with the labels' own names.
///
/// # Errors
/// As [`load`].
pub fn load_all(args: &CorpusArgs) -> Result<Vec<(String, String)>> {
    let found = read(&args.data, args)?;
    ensure!(!found.is_empty(), "{}: the corpus is empty", args.data);
    Ok(found.into_iter().map(|example| (example.text, example.label)).collect())
}

/// What another column says of every text that [`load_all`] reads, in its order.
///
/// # Errors
/// If the corpus is not a .csv or .tsv, or has no such column.
pub fn load_column(args: &CorpusArgs, column: &str) -> Result<Vec<String>> {
    let lower = args.data.to_lowercase();
    ensure!(
        lower.ends_with(".csv") || lower.ends_with(".tsv"),
        "{}: only a .csv or .tsv has a column `{column}`",
        args.data
    );
    let args = CorpusArgs { label_column: Some(column.to_owned()), ..args.clone() };
    Ok(load_all(&args)?.into_iter().map(|(_, value)| value).collect())
}

/// The last part of a path, for people.
fn name_of(data: &str) -> String {
    Path::new(data).file_name().map_or_else(|| data.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn read(data: &str, args: &CorpusArgs) -> Result<Vec<Found>> {
    if data == embedded::NAME {
        return embedded::read();
    }
    let path = PathBuf::from(data);
    let lower = data.to_lowercase();
    ensure!(
        path.exists(),
        "{data}: no such file or folder (a path or `{}`, the embedded corpus, is expected)",
        embedded::NAME
    );
    let label = args.label_column.as_deref().map_or(delimited::Label::Guessed, delimited::Label::Named);
    let columns = delimited::Columns { text: args.text_column.as_deref(), label };
    if path.is_dir() {
        if let Some(found) = delimited::read_pair(&path, &columns)? {
            return Ok(found);
        }
        return folders::read(&path);
    }
    if lower.ends_with(".tar.gz") || lower.ends_with(".tgz") || lower.ends_with(".tar") {
        return acl_imdb::read_archive(&path);
    }
    if lower.ends_with(".csv") || lower.ends_with(".tsv") {
        return delimited::read(&path, &columns, false);
    }
    bail!("{data}: unknown kind of corpus: a .tar.gz, .csv, .tsv or a folder is expected")
}

/// The labels in order (numbers by value), and the digest of everything.
fn label_list(data: &str, found: &[Found]) -> Result<(Vec<String>, [u8; 32])> {
    ensure!(!found.is_empty(), "{data}: the corpus is empty");
    let mut labels: Vec<&String> = found.iter().map(|example| &example.label).collect();
    labels.sort_unstable();
    labels.dedup();
    let numbers: Option<Vec<i64>> = labels.iter().map(|label| label.parse().ok()).collect();
    if numbers.is_some() {
        labels.sort_by_key(|label| label.parse::<i64>().unwrap_or(0));
    }
    ensure!(
        labels.len() > 1,
        "{data}: only one class (`{}`): at least two are needed to tell apart",
        labels[0]
    );
    ensure!(
        labels.len() <= 1024,
        "{data}: {} classes, 1024 is the most (is that the label column?)",
        labels.len()
    );
    for label in &labels {
        ensure!(
            !label.is_empty() && label.len() <= 64 && !label.contains(['\t', '\n', '\r']),
            "{data}: the label {label:?} is empty, longer than 64 bytes, or has a tab or line break"
        );
    }
    let mut digest = Sha256::new();
    for example in found {
        for part in [&example.label, &example.text] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
    }
    Ok((labels.into_iter().cloned().collect(), digest.finalize().into()))
}

fn number(found: Vec<Found>, labels: &[String]) -> Vec<Example> {
    let index: std::collections::HashMap<&str, u32> = labels.iter().map(String::as_str).zip(0..).collect();
    found
        .into_iter()
        .map(|example| Example {
            label: index[&example.label[..]],
            text: example.text,
            rating: example.rating,
        })
        .collect()
}

/// UTF-8 of a file or member, or an error that names it and the line.
fn utf8(bytes: Vec<u8>, origin: &str) -> Result<String> {
    ensure!(
        bytes.len() <= LONGEST_TEXT,
        "{origin}: a text of {} bytes, {LONGEST_TEXT} is the most",
        bytes.len()
    );
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count() + 1;
        anyhow::anyhow!("{origin}: line {line}: invalid UTF-8 at byte {valid}")
    })
}

#[cfg(test)]
mod tests;
