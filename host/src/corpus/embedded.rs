//! The corpus in `data/`, compiled in.

use anyhow::Result;

use super::notes::Notes;
use super::table::{Columns, LabelColumn, from_delimited};
use super::{Found, Split};

/// What it is called on the command line.
pub const NAME: &str = "reviews";

const TRAIN: &str = include_str!("../../../data/train.tsv");
const TEST: &str = include_str!("../../../data/test.tsv");

/// The texts of the test split, as they stand in its file.
pub fn test_texts() -> impl Iterator<Item = &'static str> {
    TEST.lines().skip(1).filter_map(|line| line.split_once('\t').map(|(_, text)| text))
}

/// All reviews; those of `data/test.tsv` are the test split.
///
/// # Errors
/// If the files in `data/` are malformed.
pub fn read() -> Result<Vec<Found>> {
    let columns = Columns { text: Some("text"), label: LabelColumn::Named("label"), ..Columns::default() };
    let mut found = Vec::new();
    for (text, name, split) in [(TRAIN, "data/train.tsv", Split::Train), (TEST, "data/test.tsv", Split::Test)]
    {
        let table = from_delimited(text, name, &columns, &mut Notes::default())?;
        found.extend(table.rows.into_iter().map(|row| Found::new(row, split)));
    }
    Ok(found)
}
