//! Rows with a text and a label, from records with columns: which column is which, and what is left out.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::{Result, bail, ensure};

use super::LONGEST_TEXT;
use super::delimited::{self, Record};
use super::input::numbered;
use super::notes::{Notes, count, few};
use super::splits::split_of;
use crate::console::{one_line, shortened};

/// The columns asked for; guessed where not given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns<'a> {
    /// `--text-column`
    pub text: Option<&'a str>,
    /// Where labels come from.
    pub label: LabelColumn<'a>,
    /// A column that is read beside them.
    pub other: Option<&'a str>,
    /// `--no-header`
    pub no_header: bool,
    /// Whether a row that cannot be read is an error.
    pub every_row: bool,
}

/// Where labels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelColumn<'a> {
    /// There are none.
    None,
    /// From a column with a usual name, or with the values of labels.
    #[default]
    Guessed,
    /// From this column.
    Named(&'a str),
    /// From this column, as in another file, if it is there; otherwise from one with a usual name that is none of the
    /// other file's columns, if these are told.
    Perhaps(&'a str, Option<&'a [String]>),
}

/// A text of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The line it starts on, from 1.
    pub line: usize,
    pub text: String,
    /// Trimmed; empty if there is none.
    pub label: String,
    /// What the other column says of it.
    pub other: String,
}

/// The texts of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub rows: Vec<Row>,
    /// The column of the texts, by name or number.
    pub text: String,
    /// The column of the labels, unless the file has none.
    pub label: Option<String>,
    /// What a row's `line` counts.
    pub unit: &'static str,
    /// The names of all columns, if they have some.
    pub columns: Vec<String>,
}

/// The rows of a file that has names for columns, but no header.
pub struct Records {
    pub header: Vec<String>,
    pub rows: Vec<Record>,
    /// What a record's `line` counts: lines, or rows where those are no lines.
    pub unit: &'static str,
}

/// What rows are counted in that are lines, and in that are none.
pub const LINE: &str = "line";
pub const ROW: &str = "row";

const TEXT_NAMES: [&str; 17] = [
    "text",
    "review",
    "sentence",
    "content",
    "utterance",
    "message",
    "comment",
    "tweet",
    "document",
    "question",
    "query",
    "description",
    "body",
    "headline",
    "comment_text",
    "review_text",
    "title",
];
const LABEL_NAMES: [&str; 13] = [
    "label",
    "category",
    "sentiment",
    "class",
    "intent",
    "target",
    "labels",
    "topic",
    "tag",
    "emotion",
    "language",
    "polarity",
    "rating",
];

/// The way out where what was taken for a header may be a row.
const NO_HEADER: &str = " (if that is a row and no header: --no-header)";

/// Rows from which a column is detected, spread over the file.
const SAMPLE: usize = 2000;

/// Reads delimited text.
///
/// # Errors
/// Names the file and the line; lists the columns if the wanted one is not there.
pub fn from_delimited(text: &str, name: &str, columns: &Columns<'_>, notes: &mut Notes) -> Result<Table> {
    let asked = |own: &str| {
        columns.text == Some(own)
            || columns.label == LabelColumn::Named(own)
            || matches!(columns.label, LabelColumn::Perhaps(label, _) if label == own)
    };
    let known = |header: &[String]| {
        header.iter().filter(|own| asked(own) || is_text_name(own) || is_one_of(own, &LABEL_NAMES)).count()
    };
    let mut records = delimited::read(text, name, &known, notes)?;
    ensure!(
        records.iter().any(|record| record.fields.iter().any(|field| !field.trim().is_empty())),
        "{name}: the corpus is empty"
    );
    let mut first = records[0].fields.iter().map(|field| field.trim().to_owned()).collect::<Vec<_>>();
    if !columns.no_header && known(&first) > 0 && name_rows(&mut records) {
        notes.say(format!("{name}: the header has no name for the first column, which names the rows"));
        first.insert(0, String::new());
    }
    // A usual name that stands alone in the first row, and again in its own column, is a value there; unless all of the
    // row comes again, as where files were joined.
    let comes_again = |(column, own): (usize, &String)| {
        let is_value = |row: &Record| row.fields.get(column).is_some_and(|field| field.trim() == own);
        known(std::slice::from_ref(own)) > 0
            && records[1..]
                .iter()
                .any(|row| is_value(row) && row.fields.len() == first.len() && !is_same(row, &records[0]))
    };
    // A file beside one without a header may have one all the same.
    let is_headless =
        columns.no_header && !(matches!(columns.label, LabelColumn::Perhaps(..)) && known(&first) > 1);
    let choice = if is_headless {
        Choice::by_number(&records, columns, name)?
    } else if known(&first) > 1
        || known(&first) > 0 && !(first.len() > 1 && first.iter().enumerate().any(comes_again))
    {
        Choice::by_name(&first, &records[1..], columns, name, NO_HEADER, notes)?
    } else {
        Choice::of_unknown(&first, &records, columns, name, notes)?
    };
    if choice.width == 1 && !text.contains('"') {
        let blank = numbered(text).filter(|(_, line)| line.is_empty()).count();
        if blank > 0 {
            notes.say(format!("{name}: {}, which are no rows", count(blank, "blank line")));
        }
    }
    if choice.header.is_some() {
        let header = records.remove(0);
        let all = records.len();
        // If every row is to be answered, such a row is, too.
        records.retain(|record| columns.every_row || !is_same(record, &header));
        notes.leave_out(all - records.len(), "like the header", &format!(" ({name})"));
        ensure!(!records.is_empty(), "{name}: the corpus is empty: there is no line after the header");
    }
    choice.rows(records, LINE, name, notes)
}

/// Whether a row is the header again, as where files were joined; each of them may begin with a byte order mark.
fn is_same(row: &Record, header: &Record) -> bool {
    // Behind the mark, quotes are characters of the field.
    fn name(field: &str) -> &str {
        field.trim_start_matches('\u{FEFF}').trim_matches('"').trim()
    }
    row.fields.len() == header.fields.len()
        && row.fields.iter().zip(&header.fields).all(|(a, b)| name(a) == name(b))
}

/// Gives the header an empty name for the rows' names where it is one field short of all rows: `write.table` of R
/// writes none.
fn name_rows(records: &mut [Record]) -> bool {
    let [header, rows @ ..] = records else { return false };
    let width = header.fields.len() + 1;
    // Numbers, or words with one: what stands before a comma within a text is neither.
    let is_name =
        |name: &str| name.ends_with(|c: char| c.is_ascii_digit()) && !name.contains(char::is_whitespace);
    let names: HashSet<&str> =
        rows.iter().map(|row| &row.fields[0][..]).filter(|name| is_name(name)).collect();
    let is_short = !rows.is_empty()
        && names.len() == rows.len()
        && rows.iter().all(|row| row.fields.len() == width)
        && rows.iter().any(|row| !row.fields[width - 1].trim().is_empty());
    if is_short {
        header.fields.insert(0, String::new());
    }
    is_short
}

/// Takes the names of columns and the records of a file of another form.
///
/// # Errors
/// As [`from_delimited`].
pub fn from_records(
    Records { header, rows, unit }: Records,
    name: &str,
    columns: &Columns<'_>,
    notes: &mut Notes,
) -> Result<Table> {
    let choice = Choice::by_name(&header, &rows, columns, name, "", notes)?;
    let is_nested = |text: &String| text.starts_with("{\"") || text.starts_with("[{\"");
    let nested = rows.iter().filter(|row| row.fields.get(choice.text).is_some_and(is_nested)).count();
    if nested > 0 {
        notes.warn(format!(
            "{name}: column `{}` holds JSON objects in {}, whose keys are read as words",
            one_line(&header[choice.text]),
            count(nested, "row")
        ));
    }
    choice.rows(rows, unit, name, notes)
}

/// Whether that is a usual name for a column of texts.
pub fn is_text_name(name: &str) -> bool {
    is_one_of(name, &TEXT_NAMES)
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Which column is which.
struct Choice {
    /// The names of the columns, if the file has them.
    header: Option<Vec<String>>,
    width: usize,
    text: usize,
    label: Option<usize>,
    other: Option<usize>,
    every_row: bool,
}

impl Choice {
    /// By the names in a header; what has no usual name, by its content. `way_out` ends the error where that fails.
    fn by_name(
        header: &[String],
        rows: &[Record],
        columns: &Columns<'_>,
        name: &str,
        way_out: &str,
        notes: &mut Notes,
    ) -> Result<Self> {
        let at = |wanted: &str| -> Result<Option<usize>> {
            let mut all = (0..header.len()).filter(|&at| header[at].eq_ignore_ascii_case(wanted));
            let (first, second) = (all.next(), all.next());
            if let (Some(first), Some(second)) = (first, second) {
                bail!(
                    "{name}: columns {} and {} are both called `{wanted}`{}: rename one, or choose by number \
                     (--text-column and --label-column take numbers)",
                    first + 1,
                    second + 1,
                    if header[first] == header[second] { "" } else { ", but for the case" }
                );
            }
            Ok(first.or_else(|| number(wanted, header.len())))
        };
        let wanted = |own: &str| -> Result<usize> {
            let Some(at) = at(own)? else {
                bail!("{name}: the columns are {}; there is no `{own}`", preview(header));
            };
            Ok(at)
        };
        let usual = |names: &[&str]| -> Result<Option<usize>> {
            for own in names {
                if let Some(at) = at(own)? {
                    return Ok(Some(at));
                }
            }
            Ok(None)
        };
        let label = match columns.label {
            LabelColumn::None => None,
            LabelColumn::Guessed => usual(&LABEL_NAMES)?,
            LabelColumn::Named(own) => Some(wanted(own)?),
            LabelColumn::Perhaps(own, others) => match (at(own)?, others) {
                (None, Some(others)) => {
                    let is_new = |name: &&str| !others.iter().any(|other| other.eq_ignore_ascii_case(name));
                    let found = usual(&LABEL_NAMES.into_iter().filter(is_new).collect::<Vec<_>>())?;
                    if let Some(found) = found {
                        let found = one_line(&header[found]);
                        notes.say(format!(
                            "{name}: the labels are in column `{found}`: there is no `{}`",
                            one_line(own)
                        ));
                    }
                    found
                }
                (there, _) => there,
            },
        };
        let text = match columns.text {
            Some(own) => Some(wanted(own)?),
            None => usual(&TEXT_NAMES)?.filter(|&at| Some(at) != label),
        };
        let content = Content::of(rows, header.len());
        let text = match text.or_else(|| if header.len() == 1 { Some(0) } else { content.text(label) }) {
            Some(text) => text,
            None => bail!("{}", unknown(header, "text", name, way_out)),
        };
        let label = match (columns.label, label) {
            (LabelColumn::Guessed, None) => match content.label(text) {
                Some(label) => Some(label),
                None => bail!("{}", unknown(header, "label", name, way_out)),
            },
            (_, label) => label,
        };
        ensure!(
            label != Some(text),
            "{name}: the text and the label cannot be the same column `{}`",
            one_line(&header[text])
        );
        if columns.text.is_none() && !is_text_name(&header[text]) && header.len() > 1 {
            notes.say(format!(
                "{name}: the texts are in column `{}` by its content (--text-column)",
                one_line(&header[text])
            ));
        }
        if let (LabelColumn::Guessed, Some(label)) = (columns.label, label)
            && !is_one_of(&header[label], &LABEL_NAMES)
        {
            notes.say(format!(
                "{name}: the labels are in column `{}` by its content (--label-column)",
                one_line(&header[label])
            ));
        }
        let other = columns.other.map(wanted).transpose()?;
        let is_read = |at: usize| at == text || [label, other].contains(&Some(at));
        let unread: Vec<String> = (0..header.len())
            .filter(|&at| !is_read(at) && !header[at].is_empty())
            .map(|at| format!("`{}`", one_line(&header[at])))
            .collect();
        let says_splits = |at: &usize| {
            let values = content.values(*at);
            !is_read(*at) && values.len() > 1 && values.iter().all(|value| split_of(value).is_some())
        };
        if let Some(at) = (0..header.len()).find(says_splits) {
            notes.warn(format!(
                "{name}: column `{}` seems to say which split a row is of, and is not read: write each split into a file of \
                 its own, train.csv and test.csv in a folder",
                one_line(&header[at])
            ));
        }
        // Of files of one folder, the first one tells.
        if columns.text.is_none() && !unread.is_empty() {
            notes.say(format!(
                "{name}: the text is column `{}`; not read: {}",
                one_line(&header[text]),
                few(&unread)
            ));
        }
        let every_row = columns.every_row;
        Ok(Self { header: Some(header.to_vec()), width: header.len(), text, label, other, every_row })
    }

    /// Of a file without a header.
    fn by_number(records: &[Record], columns: &Columns<'_>, name: &str) -> Result<Self> {
        let width = records[0].fields.len();
        let first = || preview(&records[0].fields);
        let wanted = |own: &str| match number(own, width) {
            Some(at) => Ok(at),
            None => bail!(
                "{name}: there is no column `{own}`: without a header they are called 1 to {width}; the first row is {}",
                first()
            ),
        };
        let content = Content::of(records, width);
        let named = match columns.label {
            LabelColumn::Named(own) => Some(wanted(own)?),
            LabelColumn::Perhaps(own, _) => number(own, width),
            LabelColumn::None | LabelColumn::Guessed => None,
        };
        let text = match columns.text {
            Some(own) => wanted(own)?,
            None => match content.text(named).or((width == 1).then_some(0)) {
                Some(at) => at,
                None => bail!(
                    "{name}: which column is the text? Name one by its number, --text-column 1 to {width}; the first row is {}",
                    first()
                ),
            },
        };
        let label = match columns.label {
            LabelColumn::Guessed => match content.label(text).or_else(|| (width == 2).then(|| 1 - text)) {
                Some(at) => Some(at),
                None => bail!(
                    "{name}: which column is the label? Name one by its number, --label-column 1 to {width}; the first row is {}",
                    first()
                ),
            },
            _ => named,
        };
        ensure!(label != Some(text), "{name}: the text and the label cannot be the same column {}", text + 1);
        let other = columns.other.map(wanted).transpose()?;
        Ok(Self { header: None, width, text, label, other, every_row: columns.every_row })
    }

    /// Of a file whose first row has no name that is looked for: a header of other names, or none at all.
    fn of_unknown(
        first: &[String],
        records: &[Record],
        columns: &Columns<'_>,
        name: &str,
        notes: &mut Notes,
    ) -> Result<Self> {
        let content = Content::of(&records[1..], first.len());
        let numbered = Columns { no_header: true, ..*columns };
        let is_label = |label: usize| content.values(label).contains(&first[label][..]);
        // A number above numbers is no name, and nor is a sentence.
        let is_number = |field: &str| field.parse::<f64>().is_ok();
        let numbers = |column: usize| {
            is_number(&first[column]) && content.values(column).iter().all(|value| is_number(value))
        };
        // A table without names, as pandas writes it: 0, 1, … above a column of other values.
        let names = first.iter().skip(usize::from(first[0].is_empty()));
        let is_counted = (0..).zip(names).all(|(at, own): (usize, _)| *own == at.to_string())
            && !(0..first.len()).all(numbers);
        let headless = match (columns.label, first.len()) {
            (_, 2..) if is_counted => false,
            (LabelColumn::None, 1) => true,
            _ if records.len() > 2 && (0..first.len()).any(numbers) => true,
            (LabelColumn::None, _) => first.iter().any(|field| field.split_whitespace().count() > 3),
            (LabelColumn::Named(own) | LabelColumn::Perhaps(own, _), width) => {
                number(own, width).is_some_and(is_label)
            }
            _ => content.text(None).and_then(|text| content.label(text)).is_some_and(is_label),
        };
        let by_number = |own: Option<&str>| own.is_some_and(|own| number(own, first.len()).is_some());
        let label = match columns.label {
            LabelColumn::Named(own) => Some(own),
            LabelColumn::None | LabelColumn::Guessed | LabelColumn::Perhaps(..) => None,
        };
        if !headless && (by_number(columns.text) || by_number(label)) {
            notes.say(format!("{name}: the first row is taken for a header: {}{NO_HEADER}", preview(first)));
        }
        if !headless {
            return Self::by_name(first, &records[1..], columns, name, NO_HEADER, notes);
        }
        let choice = Self::by_number(records, &numbered, name)?;
        let label =
            choice.label.map_or_else(String::new, |label| format!(", the label in column {}", label + 1));
        let is_read = |at: &usize| [Some(choice.text), choice.label, choice.other].contains(&Some(*at));
        let unread: Vec<String> =
            (0..choice.width).filter(|at| !is_read(at)).map(|at| format!("column {}", at + 1)).collect();
        let unread = if unread.is_empty() { String::new() } else { format!("; not read: {}", few(&unread)) };
        notes.say(format!(
            "{name}: no header, the first row is {}; the text is in column {}{label}{unread} (--no-header says so, \
             --text-column and --label-column take numbers{})",
            preview(first),
            choice.text + 1,
            if first.len() == 1 { ", or the name if that is one" } else { "" }
        ));
        Ok(choice)
    }

    /// The rows, less those of another width and those without a label.
    fn rows(self, records: Vec<Record>, unit: &'static str, name: &str, notes: &mut Notes) -> Result<Table> {
        let all = records.len();
        let (mut rows, mut other_width, mut trimmed) = (Vec::with_capacity(all), Vec::new(), 0);
        for mut record in records {
            let extra = record.fields.iter().skip(self.width).all(String::is_empty);
            if record.fields.len() < self.width || !extra {
                other_width.push((record.line, record.fields.len()));
                continue;
            }
            let mut take = |at: usize| std::mem::take(&mut record.fields[at]);
            let label = self.label.map(&mut take).unwrap_or_default();
            let other = match (self.other, self.label) {
                (Some(at), own) if own == Some(at) => label.clone(),
                (at, _) => at.map(&mut take).unwrap_or_default(),
            };
            let text = if self.other == Some(self.text) { other.clone() } else { take(self.text) };
            ensure!(
                text.len() <= LONGEST_TEXT,
                "{name}: {unit} {}: longer than {LONGEST_TEXT} bytes",
                record.line
            );
            let named = label.trim();
            trimmed += usize::from(named.len() < label.len() && !named.is_empty());
            rows.push(Row { line: record.line, text, label: named.to_owned(), other });
        }
        if trimmed > 0 {
            notes.say(format!("{name}: blanks around the label are left out, in {}", count(trimmed, "row")));
        }
        if let Some((line, fields)) = other_width.first() {
            let what = format!("line {line}: {fields} fields, the header has {}", self.width);
            let what = if self.header.is_some() { what } else { what.replace("the header", "the first row") };
            ensure!(
                other_width.len() * 2 <= all,
                "{name}: {what}, and so it is with {} of {} (a text with the delimiter in it must stand in quotes)",
                other_width.len(),
                count(all, "row")
            );
            ensure!(!self.every_row, "{name}: {what}");
            notes.leave_out(other_width.len(), "of another width", &format!(" ({name}: {what})"));
        }
        let column =
            |at: usize| self.header.as_ref().map_or_else(|| (at + 1).to_string(), |names| names[at].clone());
        let (text, label) = (column(self.text), self.label.map(column));
        Ok(Table { rows, text, label, unit, columns: self.header.unwrap_or_default() })
    }
}

/// A column by its number, from 1.
fn number(name: &str, width: usize) -> Option<usize> {
    name.parse::<usize>().ok().filter(|number| (1..=width).contains(number)).map(|number| number - 1)
}

fn unknown(header: &[String], what: &str, name: &str, way_out: &str) -> String {
    if let [only] = header
        && way_out == NO_HEADER
        && !is_text_name(only)
        && !is_one_of(only, &LABEL_NAMES)
    {
        return format!(
            "{name}: no delimiter between columns was found: the first row is {}; a comma, tab, semicolon, `|`, `^` or `~` is \
             expected, or a first line `sep=` with another one",
            one_line(&shortened(only))
        );
    }
    format!(
        "{name}: the columns are {}; none of them looks like the {what}: name one with --{what}-column{way_out}",
        preview(header)
    )
}

/// A row for people, long fields cut.
fn preview(fields: &[String]) -> String {
    let cut = |field: &String| one_line(&shortened(field));
    fields.iter().take(12).map(cut).collect::<Vec<_>>().join(", ")
}

/// What columns hold.
struct Content<'r> {
    rows: Vec<&'r Record>,
    width: usize,
}

impl<'r> Content<'r> {
    fn of(rows: &'r [Record], width: usize) -> Self {
        let step = rows.len() / SAMPLE + 1;
        Self { rows: rows.iter().step_by(step).filter(|row| row.fields.len() == width).collect(), width }
    }

    fn values(&self, column: usize) -> HashSet<&'r str> {
        self.rows.iter().map(|row| row.fields[column].trim()).collect()
    }

    /// The column whose fields are by far the longest.
    fn text(&self, label: Option<usize>) -> Option<usize> {
        let length =
            |column: usize| -> usize { self.rows.iter().map(|row| row.fields[column].chars().count()).sum() };
        let mut columns: Vec<(usize, usize)> = self
            .columns()
            .filter(|&column| Some(column) != label)
            .map(|column| (length(column), column))
            .collect();
        columns.sort_unstable();
        let (longest, column) = columns.pop()?;
        let second = columns.last().map_or(0, |&(length, _)| length);
        (longest >= 8 * self.rows.len().max(1) && longest * 2 >= second * 3).then_some(column)
    }

    /// The one column beside the texts in which few values come back again and again.
    fn label(&self, text: usize) -> Option<usize> {
        let is_label = |&column: &usize| {
            let values = self.values(column);
            column != text && !values.contains("") && (2..=self.rows.len() / 2).contains(&values.len())
        };
        let mut all = self.columns().filter(is_label);
        all.next().filter(|_| all.next().is_none())
    }

    const fn columns(&self) -> Range<usize> {
        0..self.width
    }
}
