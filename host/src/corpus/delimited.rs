//! `.csv` and `.tsv` files with a header.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::{Found, LONGEST_TEXT};

/// The columns asked for; guessed where not given.
pub struct Columns<'a> {
    /// `--text-column`
    pub text: Option<&'a str>,
    /// `--label-column`
    pub label: Label<'a>,
}

/// Where labels come from.
#[derive(Clone, Copy)]
pub enum Label<'a> {
    /// There are none.
    None,
    /// From a column with a usual name.
    Guessed,
    /// From this column.
    Named(&'a str),
}

/// Reads the texts of one file, whatever else is in it.
///
/// # Errors
/// As [`read`].
pub fn read_texts(path: &Path, text: Option<&str>) -> Result<Vec<String>> {
    let found = read(path, &Columns { text, label: Label::None }, false)?;
    Ok(found.into_iter().map(|found| found.text).collect())
}

const TEXT_NAMES: [&str; 6] = ["text", "review", "sentence", "content", "utterance", "message"];
const LABEL_NAMES: [&str; 6] = ["label", "category", "sentiment", "class", "intent", "target"];

/// Reads `train` and, if it is there, `test` of a folder; `None` if it has no such files.
///
/// # Errors
/// As [`read`].
pub fn read_pair(folder: &Path, columns: &Columns<'_>) -> Result<Option<Vec<Found>>> {
    for ending in ["csv", "tsv"] {
        let train = folder.join(format!("train.{ending}"));
        if !train.is_file() {
            continue;
        }
        let mut found = read(&train, columns, false)?;
        let test = folder.join(format!("test.{ending}"));
        if test.is_file() {
            found.extend(read(&test, columns, true)?);
        }
        return Ok(Some(found));
    }
    Ok(None)
}

/// Reads one file.
///
/// # Errors
/// Names the file and the line; lists the columns if the wanted one is not there.
pub fn read(path: &Path, columns: &Columns<'_>, test: bool) -> Result<Vec<Found>> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("{name}: cannot be opened"))?;
    let tab = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tsv"));
    from_reader(BufReader::new(file), &name, tab, columns, test)
}

/// Reads delimited text; `tab` chooses tabs without quoting, otherwise commas with quotes.
///
/// # Errors
/// As [`read`].
pub fn from_reader(
    input: impl BufRead,
    name: &str,
    tab: bool,
    columns: &Columns<'_>,
    test: bool,
) -> Result<Vec<Found>> {
    let guard = LineGuard { inner: input, length: 0, line: 1, name: name.to_owned() };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if tab { b'\t' } else { b',' })
        .quoting(!tab)
        .flexible(true)
        .from_reader(guard);
    let header = reader.byte_headers().map_err(|error| explain(error, name))?.clone();
    let header: Vec<String> = header
        .iter()
        .map(|column| String::from_utf8_lossy(column).trim_start_matches('\u{FEFF}').trim().to_owned())
        .collect();
    ensure!(header.iter().any(|column| !column.is_empty()), "{name}: the corpus is empty");
    let text = column(&header, columns.text, &TEXT_NAMES, "text", name)?;
    let label = match columns.label {
        Label::None => None,
        Label::Guessed => Some(column(&header, None, &LABEL_NAMES, "label", name)?),
        Label::Named(own) => Some(column(&header, Some(own), &LABEL_NAMES, "label", name)?),
    };
    ensure!(
        label != Some(text),
        "{name}: the text and the label cannot be the same column `{}`",
        header[text]
    );
    let mut found = Vec::new();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| explain(error, name))? {
        let line = record.position().map_or(0, csv::Position::line);
        ensure!(
            record.len() == header.len(),
            "{name}: line {line}: {} fields, the header has {}",
            record.len(),
            header.len()
        );
        let field = |at: usize| {
            std::str::from_utf8(&record[at])
                .map_err(|_| anyhow::anyhow!("{name}: line {line}: invalid UTF-8"))
        };
        let text = field(text)?;
        ensure!(text.len() <= LONGEST_TEXT, "{name}: line {line}: longer than {LONGEST_TEXT} bytes");
        let label = label.map(field).transpose()?.map(str::trim);
        ensure!(label != Some(""), "{name}: line {line}: the label is empty");
        let label = label.unwrap_or("");
        found.push(Found { text: text.to_owned(), label: label.to_owned(), rating: None, test });
    }
    ensure!(!found.is_empty(), "{name}: the corpus is empty: there is no line after the header");
    Ok(found)
}

fn column(
    header: &[String],
    wanted: Option<&str>,
    guesses: &[&str],
    what: &str,
    name: &str,
) -> Result<usize> {
    let at = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    let position = match wanted {
        Some(wanted) => at(wanted),
        None => guesses.iter().find_map(|guess| at(guess)),
    };
    let Some(position) = position else {
        let missing = wanted.map_or_else(
            || format!("none of them looks like the {what}: name one with --{what}-column"),
            |own| format!("there is no `{own}`"),
        );
        bail!("{name}: line 1: the columns are {}; {missing}", header.join(", "));
    };
    Ok(position)
}

fn explain(error: csv::Error, name: &str) -> anyhow::Error {
    let line = error.position().map(csv::Position::line);
    match (error.into_kind(), line) {
        (csv::ErrorKind::Io(error), _) if error.kind() == std::io::ErrorKind::InvalidData => {
            anyhow::anyhow!("{error}")
        }
        (csv::ErrorKind::Io(error), _) => anyhow::anyhow!("{name}: cannot be read: {error}"),
        (_, Some(line)) => anyhow::anyhow!("{name}: line {line}: not a delimited file"),
        (_, None) => anyhow::anyhow!("{name}: not a delimited file"),
    }
}

/// Stops at a line that no text can have, before it fills the memory.
struct LineGuard<R> {
    inner: R,
    length: usize,
    line: u64,
    name: String,
}

impl<R: BufRead> Read for LineGuard<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(to)?;
        for piece in to[..count].split_inclusive(|&byte| byte == b'\n') {
            self.length += piece.len();
            if self.length > LONGEST_TEXT {
                let message = format!("{}: line {}: longer than {LONGEST_TEXT} bytes", self.name, self.line);
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, message));
            }
            if piece.ends_with(b"\n") {
                self.length = 0;
                self.line += 1;
            }
        }
        Ok(count)
    }
}
