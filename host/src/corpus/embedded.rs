//! The corpus in `data/`, compiled in.

use anyhow::Result;

use super::Found;
use super::delimited::{Columns, Label, from_reader};

/// What it is called on the command line.
pub const NAME: &str = "reviews";

const TRAIN: &str = include_str!("../../../data/train.tsv");
const TEST: &str = include_str!("../../../data/test.tsv");

/// All reviews; those of `data/test.tsv` are the test split.
///
/// # Errors
/// If the files in `data/` are malformed.
pub fn read() -> Result<Vec<Found>> {
    let columns = Columns { text: Some("text"), label: Label::Named("label") };
    let mut found = from_reader(TRAIN.as_bytes(), "data/train.tsv", true, &columns, false)?;
    found.extend(from_reader(TEST.as_bytes(), "data/test.tsv", true, &columns, true)?);
    Ok(found)
}
