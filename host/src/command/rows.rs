//! Rows for other programs: CSV, TSV or JSON Lines, by the file's extension.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// The format of a file of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// A header and a row per line, with this delimiter.
    Delimited(u8),
    /// An object per line.
    JsonLines,
}

/// The answer to a text that a model from `train --reject` rejects.
pub const REJECTED: &str = "?";

impl RowFormat {
    /// The format by a file's extension, CSV for `-`.
    ///
    /// # Errors
    /// If no format has this extension; the error names `flag`.
    pub fn of(flag: &str, out: &Path) -> Result<Self> {
        let name = out.to_string_lossy().to_lowercase();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending {
            "tsv" => Ok(Self::Delimited(b'\t')),
            "csv" => Ok(Self::Delimited(b',')),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            _ if out == Path::new("-") || crate::files::is_special(out) => Ok(Self::Delimited(b',')),
            _ => bail!(
                "{flag} {}: a name that ends in .csv, .tsv, .jsonl or .ndjson is expected",
                out.display()
            ),
        }
    }

    /// The rows, whose members have these names, as bytes; the header is written even without rows.
    ///
    /// # Errors
    /// If a row is not a flat structure.
    pub fn write<T: Serialize>(self, names: &[&str], rows: &[T]) -> Result<Vec<u8>> {
        let encode = || -> Result<Vec<u8>> {
            if let Self::Delimited(delimiter) = self {
                let mut to =
                    csv::WriterBuilder::new().delimiter(delimiter).has_headers(false).from_writer(Vec::new());
                to.write_record(names)?;
                rows.iter().try_for_each(|row| to.serialize(row))?;
                return Ok(to.into_inner()?);
            }
            let mut to = Vec::new();
            for row in rows {
                serde_json::to_writer(&mut to, row)?;
                to.push(b'\n');
            }
            Ok(to)
        };
        encode().context("the rows cannot be encoded")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        label: &'static str,
        known: f64,
    }

    #[test]
    fn rows_are_written_by_the_ending() {
        let rows = [Row { label: "a, \"b\"", known: 0.5 }];
        let written = |name: &str| {
            let format = RowFormat::of("--out", Path::new(name)).expect("is known");
            String::from_utf8(format.write(&["label", "known"], &rows).expect("encodes")).expect("UTF-8")
        };
        assert_eq!(written("x.csv"), "label,known\n\"a, \"\"b\"\"\",0.5\n");
        assert_eq!(written("x.TSV"), "label\tknown\n\"a, \"\"b\"\"\"\t0.5\n");
        assert_eq!(written("-"), written("x.csv"));
        let none = RowFormat::Delimited(b',').write::<Row>(&["label", "known"], &[]).expect("encodes");
        assert_eq!(none, b"label,known\n");
        assert_eq!(written("x.jsonl"), "{\"label\":\"a, \\\"b\\\"\",\"known\":0.5}\n");
        assert!(RowFormat::of("--out", Path::new("answers.bin")).is_err());
    }
}
