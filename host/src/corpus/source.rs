//! One file of texts, of any kind.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use super::delimited::{DELIMITERS, lower_ending};
use super::input::{self, Decoder, numbered};
use super::notes::Notes;
use super::table::{self, Columns, LINE, LabelColumn, Row, Table};
use super::{fasttext, json_lines, parquet};

/// Reads a `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.json`, Parquet, a file of fastText's lines, or, where no labels are
/// wanted, a `.txt` with a text per line; each may be gzip-compressed. The kind of a file with another extension is
/// detected.
///
/// # Errors
/// Names the file and the line.
pub fn read(path: &Path, columns: &Columns<'_>, decoder: &mut Decoder, notes: &mut Notes) -> Result<Table> {
    let name = input::name(path);
    let bytes = input::read(path)?;
    if bytes.starts_with(parquet::MAGIC) {
        return table::from_records(parquet::read(bytes, &name, notes)?, &name, columns, notes);
    }
    let text = decoder.decode(bytes, &name)?;
    ensure!(!text.trim().is_empty(), "{name}: the corpus is empty");
    let ending = lower_ending(&name);
    let is_json = matches!(&ending[..], "jsonl" | "ndjson" | "json") || json_lines::is_one(&text);
    if fasttext::is_one(&text) && !matches!(&ending[..], "csv" | "tsv") {
        let asked = match columns.label {
            // As in another file of the corpus.
            LabelColumn::Perhaps(..) => None,
            LabelColumn::Named(column) => Some(column),
            LabelColumn::None | LabelColumn::Guessed => columns.text,
        };
        if let Some(column) = asked.or(columns.other) {
            bail!("{name}: fastText's lines have no columns, and none that is called `{column}`");
        }
        return Ok(fasttext::read(&text, &name, notes));
    }
    match &ending[..] {
        _ if is_json => table::from_records(json_lines::read(&text, &name, notes)?, &name, columns, notes),
        "txt" if columns.label == LabelColumn::None => {
            let rows =
                numbered(&text).map(|(line, text)| Row { line, text: text.to_owned(), ..Row::default() });
            Ok(Table {
                rows: rows.collect(),
                text: "a text a line".to_owned(),
                label: None,
                unit: LINE,
                columns: Vec::new(),
            })
        }
        "txt" if !text.contains(DELIMITERS.map(char::from)) => {
            bail!(
                "{name}: lines without labels: `__label__x text` or a delimiter between text and label is expected"
            )
        }
        _ => table::from_delimited(&text, &name, columns, notes),
    }
}
