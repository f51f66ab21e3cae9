//! Delimited text: the delimiter, the meaning of quotes, and the records.

use std::borrow::Cow;
use std::ops::Range;

use anyhow::{Result, bail};

use super::input::lines;
use super::notes::Notes;

/// The characters that separate fields somewhere in the world.
pub const DELIMITERS: [u8; 6] = [b',', b'\t', b';', b'|', b'^', b'~'];

/// Bytes of a file from which its dialect is detected.
const SAMPLE: usize = 1 << 20;

/// How a file separates its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// One of [`DELIMITERS`], or that of a `sep=` line.
    pub delimiter: u8,
    /// Whether `"` encloses fields.
    pub quotes: bool,
    /// Whether a quote within a field stands behind a backslash, instead of twice.
    pub escapes: bool,
}

impl Dialect {
    /// The character for people.
    fn name(self) -> String {
        match self.delimiter {
            b',' => "comma".into(),
            b'\t' => "tab".into(),
            b';' => "semicolon".into(),
            b'|' => "pipe".into(),
            other => format!("`{}`", char::from(other)),
        }
    }
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line it starts on, from 1; its number where rows are no lines.
    pub line: usize,
    /// Its fields, without their quotes.
    pub fields: Vec<String>,
}

/// All rows of a file, its header among them. `name` tells the usual delimiter by its ending; `known` tells
/// whether a header has names that are looked for.
///
/// # Errors
/// Names the line of a quote that does not close where a field ends.
pub fn read(
    text: &str,
    name: &str,
    known: &dyn Fn(&[String]) -> usize,
    notes: &mut Notes,
) -> Result<Vec<Record>> {
    let usual = if lower_ending(name) == "tsv" { b'\t' } else { b',' };
    let (said, skipped) = separator_line(text);
    let delimiter = said.unwrap_or_else(|| sniff(&text[skipped..], usual, known));
    let body = &*without_blanks(&text[skipped..], delimiter);
    let shift = lines(&text[..skipped]);
    let mut dialect = Dialect { delimiter, quotes: true, escapes: false };
    if quotes_are_escaped(body, dialect) {
        dialect.escapes = true;
        notes.say(format!("{name}: quotes within fields stand behind a backslash"));
    }
    if delimiter == b'\t' {
        dialect.quotes = tabs_are_quoted(body, dialect.escapes);
        if !dialect.quotes && body.contains('"') {
            notes.say(format!("{name}: quotes are taken for characters, they enclose no fields"));
        }
    }
    if delimiter != usual {
        notes.say(format!("{name}: fields are separated by {}", dialect.name()));
    }
    let records = Raw::all(body, dialect);
    if dialect.quotes {
        check_quotes(body, dialect, &records, name, shift)?;
    }
    let mut line = Lines { text: body, at: 0, line: 1 + shift };
    Ok(records
        .into_iter()
        .map(|record| Record { line: line.of(record.place.start), fields: record.fields })
        .collect())
}

/// The ending of a name, lower-cased, that of a packed file being the one before `.gz`.
pub fn lower_ending(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_owned())
}

/// What a first line `sep=;` says, as spreadsheets write it, and where the rows start.
fn separator_line(text: &str) -> (Option<u8>, usize) {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    let own = line.trim_matches('"');
    let said = own.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).map(|_| &own.as_bytes()[4..]);
    match said {
        Some(&[delimiter]) => {
            let rest = &text[line.len()..];
            (Some(delimiter), line.len() + if rest.starts_with("\r\n") { 2 } else { rest.len().min(1) })
        }
        _ => (None, 0),
    }
}

/// The delimiter that makes most sense of a file: by known names in the header, then by rows as wide as the header,
/// then the usual one.
fn sniff(text: &str, usual: u8, known: &dyn Fn(&[String]) -> usize) -> u8 {
    let sample = sample(text);
    let rank = |delimiter: u8| {
        let dialect = Dialect { delimiter, quotes: true, escapes: false };
        let records = Raw::all(&without_blanks(sample, delimiter), dialect);
        let header = records.first().map_or(&[][..], |record| &record.fields);
        let rows = records.len().saturating_sub(1);
        let same = records.iter().skip(1).filter(|record| record.fields.len() == header.len()).count();
        let wide = header.len() > 1;
        let named: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let share = if wide { same * 10 / rows.max(1) } else { 0 };
        (if wide { known(&named) } else { 0 }, share, delimiter == usual)
    };
    // The first of several that are alike.
    let there = DELIMITERS.into_iter().rev().filter(|delimiter| sample.as_bytes().contains(delimiter));
    let best = there.map(|delimiter| (rank(delimiter), delimiter)).max_by_key(|(rank, _)| *rank);
    best.filter(|((named, share, _), _)| named + share > 0).map_or(usual, |(_, delimiter)| delimiter)
}

/// The first whole lines of a text.
fn sample(text: &str) -> &str {
    if text.len() <= SAMPLE {
        return text;
    }
    let bytes = &text.as_bytes()[..SAMPLE];
    let end = bytes.iter().rposition(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(0);
    &text[..end]
}

/// The text without the blanks between a delimiter and the quote that opens a field, as `"a", "b"` has them; as it is,
/// if one of these quotes encloses no whole field of one line.
fn without_blanks(text: &str, delimiter: u8) -> Cow<'_, str> {
    if !text.contains(" \"") {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let (mut kept, mut from) = (String::new(), 0);
    for Quoted { start, open, close } in
        quoted_fields(bytes, Dialect { delimiter, quotes: true, escapes: false }, true)
    {
        if open == start {
            continue;
        }
        let whole = close.filter(|close| {
            let encloses = bytes.get(close + 1).is_none_or(|&next| ends(next, delimiter));
            encloses && !bytes[open..*close].iter().any(|&byte| is_break(byte))
        });
        if whole.is_none() {
            return Cow::Borrowed(text);
        }
        kept += &text[from..start];
        from = open;
    }
    kept += &text[from..];
    Cow::Owned(kept)
}

const fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Whether a byte outside of quotes ends a field.
const fn ends(byte: u8, delimiter: u8) -> bool {
    byte == delimiter || is_break(byte)
}

/// A field that a quote opens.
struct Quoted {
    start: usize,
    /// Where the quote opens, behind blanks if there are some.
    open: usize,
    /// Where it closes, unless it never does.
    close: Option<usize>,
}

/// The fields that a quote opens, in order; with `blanks`, those that have blanks before it, too.
fn quoted_fields(bytes: &[u8], dialect: Dialect, blanks: bool) -> impl Iterator<Item = Quoted> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            let skipped = bytes[at..].iter().take_while(|&&byte| blanks && byte == b' ').count();
            let open = start + skipped;
            let is_quoted = bytes.get(open) == Some(&b'"');
            let close = if is_quoted { closing(bytes, open, dialect.escapes) } else { None };
            if is_quoted {
                at = close.map_or(bytes.len(), |close| close + 1);
            }
            let rest = bytes[at..].iter();
            at += rest.take_while(|&&byte| !ends(byte, dialect.delimiter)).count() + 1;
            if is_quoted {
                return Some(Quoted { start, open, close });
            }
        }
        None
    })
}

/// Where the quote closes that opens at `open`.
fn closing(bytes: &[u8], open: usize, escapes: bool) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'\\', Some(_)) if escapes => at += 2,
            (b'"', Some(b'"')) if !escapes => at += 2,
            (b'"', _) => return Some(at),
            _ => at += 1,
        }
    }
}

/// Whether fields are whole only if a backslash takes the quote behind it for a character.
fn quotes_are_escaped(text: &str, dialect: Dialect) -> bool {
    let is_whole = |dialect: Dialect| are_whole(&Raw::all(text, dialect), text, dialect);
    text.contains("\\\"") && !is_whole(dialect) && is_whole(Dialect { escapes: true, ..dialect })
}

/// Whether every quote that opens a field closes where that ends.
fn are_whole(records: &[Raw], text: &str, dialect: Dialect) -> bool {
    records.iter().all(|record| fault(&text[record.place.clone()], dialect, true).is_none())
}

/// Whether quotes enclose fields of a text with tabs: pandas writes them so, most others take them for characters.
fn tabs_are_quoted(text: &str, escapes: bool) -> bool {
    if !text.contains('"') {
        return false;
    }
    let quoted = Dialect { delimiter: b'\t', quotes: true, escapes };
    let records = Raw::all(text, quoted);
    if !are_whole(&records, text, quoted) {
        return false;
    }
    let spans = records
        .iter()
        .any(|record| text[record.place.clone()].trim_end_matches(['\r', '\n']).contains(['\r', '\n']));
    // Quotes that join lines which are whole rows already are none.
    let plain = Raw::all(text, Dialect { quotes: false, ..quoted });
    let width = plain.first().map_or(0, |record| record.fields.len());
    !spans || plain.iter().any(|record| record.fields.len() != width)
}

/// A row and the bytes it was read from.
struct Raw {
    place: Range<usize>,
    fields: Vec<String>,
}

impl Raw {
    fn all(text: &str, dialect: Dialect) -> Vec<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .quoting(dialect.quotes)
            .escape(dialect.escapes.then_some(b'\\'))
            .double_quote(!dialect.escapes)
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut all = Vec::new();
        let mut record = csv::StringRecord::new();
        // Text in memory, of rows of any width: there is nothing that could fail.
        while reader.read_record(&mut record).is_ok_and(|is_one| is_one) {
            let from = record.position().map_or(0, csv::Position::byte) as usize;
            // The reader places a row before the line breaks that it skips.
            let skipped =
                text.as_bytes()[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let place = from + skipped..reader.position().byte() as usize;
            all.push(Self { place, fields: record.iter().map(str::to_owned).collect() });
        }
        all
    }
}

/// Tells the line of ascending places in a text.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, place: usize) -> usize {
        self.line += lines(&self.text[self.at..place]);
        // A place is never between CR and LF.
        self.at = place;
        self.line
    }
}

/// A quote that opens a field in one line, and closes in another one but not where that field ends, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    /// Where it opens, in the row.
    open: usize,
    /// Where it closes, unless it never does.
    close: Option<usize>,
}

/// The first such quote of a row; `strict` also finds those that close in the same line.
fn fault(raw: &str, dialect: Dialect, strict: bool) -> Option<Fault> {
    let bytes = raw.as_bytes();
    quoted_fields(bytes, dialect, false).find_map(|Quoted { open, close, .. }| {
        let Some(end) = close else { return Some(Fault { open, close }) };
        let across = bytes[open..end].iter().any(|&byte| is_break(byte));
        let goes_on = bytes.get(end + 1).is_some_and(|&next| !ends(next, dialect.delimiter));
        ((across || strict) && goes_on).then_some(Fault { open, close })
    })
}

/// The first or the last field.
fn end_of(fields: &[impl AsRef<str>], last: bool) -> Option<&str> {
    if last { fields.last() } else { fields.first() }.map(AsRef::as_ref)
}

/// Refuses a file in which a quote swallows rows.
fn check_quotes(text: &str, dialect: Dialect, records: &[Raw], name: &str, shift: usize) -> Result<()> {
    let width = records.first().map_or(0, |record| record.fields.len());
    let line_of = |place: usize| lines(&text[..place]) + 1 + shift;
    for (number, record) in records.iter().enumerate() {
        let raw = &text[record.place.clone()];
        let whole = raw.trim_end_matches(['\r', '\n']);
        let is_last = number + 1 == records.len() && whole.contains('"');
        if !is_last && !whole.contains(['\r', '\n']) {
            continue;
        }
        let before = super::notes::count(number.saturating_sub(1), "row");
        if let Some(Fault { open, close }) = fault(raw, dialect, false) {
            let line = line_of(record.place.start + open);
            let what = close.map_or_else(
                || "never closes".to_owned(),
                |close| {
                    format!(
                        "meets the next one in line {}, within a field",
                        line_of(record.place.start + close)
                    )
                },
            );
            bail!(
                "{name}: line {line}: the quote that opens here {what} ({before} before it); close it, or write it \
                 twice and enclose the field"
            );
        }
        // Two stray quotes may look like one field; then whole rows are in it.
        let all: Vec<String> = whole
            .split(['\r', '\n'])
            .filter(|line| !line.is_empty())
            .map(|line| line.replace('"', ""))
            .collect();
        // Of two lines, none is within the quotes alone.
        let inner = if all.len() == 2 { 0..2 } else { 1..all.len().saturating_sub(1) };
        let inner = all.get(inner).unwrap_or_default();
        // Other rows have the values of one column of theirs, the first or the last.
        let is_row = |line: &String, last: bool| {
            let fields: Vec<&str> = line.split(char::from(dialect.delimiter)).collect();
            let value = end_of(&fields, last).filter(|value| !value.is_empty());
            let mut others = records.iter().enumerate().take(1000).filter(|(other, _)| *other != number);
            let is_like = value.is_some() && others.any(|(_, record)| end_of(&record.fields, last) == value);
            fields.len() == width && width > 1 && is_like
        };
        if !inner.is_empty() && [false, true].iter().any(|&last| inner.iter().all(|line| is_row(line, last)))
        {
            let first = whole.find('"').unwrap_or(0);
            bail!(
                "{name}: line {}: the quote that opens here closes {} later, and what it encloses are whole rows: \
                 close it, or write it twice and enclose the field",
                line_of(record.place.start + first),
                super::notes::count(all.len() - 1, "line")
            );
        }
    }
    Ok(())
}
