//! A vocabulary file: the word of each row of the embedding.
//!
//! | file | row |
//! |---|---|
//! | one word per line | the line, from 0 |
//! | `index<TAB>word` or `word<TAB>index` on every line | the index |
//! | `word<TAB>count` or `word count` on every line (fairseq) | the line, from 0 |
//! | JSON: `["word", …]` or `{"word": index, …}` | its place, or the index |
//!
//! A leading byte order mark is skipped; lines end in LF, CRLF or CR; trailing blank lines are left out.

use std::collections::HashMap;
use std::iter::once;

use anyhow::{Result, bail, ensure};

use crate::json::Numbers;

/// A word of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the file has it.
    pub text: String,
    /// Its line, or its entry in JSON, from 1.
    pub line: usize,
    /// How often it occurs in the training texts, if the file has counts.
    pub count: Option<u64>,
}

/// A vocabulary file as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The word of each row; `None` where the file has no word for it.
    pub words: Vec<Option<Entry>>,
    /// What an entry's `line` counts.
    pub unit: &'static str,
    /// How the file was read, unless it has one word a line, and what was left out of it.
    pub notes: Vec<String>,
}

/// The special words that fairseq's dictionaries leave out.
const FAIRSEQ: [&str; 4] = ["<s>", "<pad>", "</s>", "<unk>"];

/// How many rows more than lines a file with indices may have.
const GAPS: usize = 1000;

impl Rows {
    /// Reads a file; `fits` returns whether an embedding can have a number of rows.
    ///
    /// # Errors
    /// Names the line that is not like the others or is there twice.
    pub fn read(text: &str, fits: impl Fn(usize) -> bool) -> Result<Self> {
        let mut own = Self { unit: "line", ..Self::default() };
        if let Some(rows) = json(text)? {
            own.unit = "entry";
            own.notes.push(format!("the vocabulary is JSON: {} words", rows.len()));
            own.place(rows)?;
            return Ok(own);
        }
        let ends = if text.contains('\n') { '\n' } else { '\r' };
        let mut lines: Vec<(usize, &str)> =
            text.split(ends).enumerate().map(|(at, line)| (at + 1, line.trim_end_matches('\r'))).collect();
        // What follows the last line's end is no line.
        lines.pop_if(|(_, line)| line.is_empty());
        let blank = lines.iter().rev().take_while(|(_, line)| line.trim().is_empty()).count();
        if blank > 0 && (fits(lines.len() - blank) || !fits(lines.len())) {
            lines.truncate(lines.len() - blank);
            own.notes.push(format!(
                "the vocabulary ends in blank lines, which are left out: {blank}, from line {} on",
                lines.len() + 1
            ));
        }
        let filled: Vec<(usize, &str)> = lines.iter().copied().filter(|(_, line)| !line.is_empty()).collect();
        let is_counted = |first: usize| {
            filled.len() > 1
                && filled.iter().zip(first..).all(|((_, line), at)| line.trim() == at.to_string())
        };
        ensure!(
            !is_counted(0) && !is_counted(1),
            "the vocabulary's lines are the numbers {} to {}: a word a line is expected, or an index and a word",
            filled[0].1.trim(),
            filled[filled.len() - 1].1.trim()
        );
        let entry = |(line, text): (usize, &str), count| Some(Entry { text: text.to_owned(), line, count });
        match Columns::of(&filled)? {
            Columns::One => own.words = lines.iter().map(|&line| entry(line, None)).collect(),
            Columns::Index(rows) => {
                own.notes.push("the vocabulary's lines are an index and a word".to_owned());
                own.place(rows)?;
            }
            Columns::Count(rows) => {
                own.notes.push(
                    "the vocabulary's lines are a word and how often it occurs; the row is the line's number"
                        .to_owned(),
                );
                let words = rows.into_iter().map(|(line, text, count)| entry((line, text), Some(count)));
                if fits(filled.len() + FAIRSEQ.len()) && !fits(filled.len()) {
                    own.notes.push(format!(
                        "fairseq's dictionary leaves out {}: they are rows 0 to 3",
                        FAIRSEQ.join(", ")
                    ));
                    own.words = FAIRSEQ.iter().map(|text| entry((0, text), None)).collect();
                }
                own.words.extend(words);
            }
        }
        let blank: Vec<String> = own
            .words
            .iter()
            .flatten()
            .filter(|entry| entry.text.trim().is_empty())
            .map(|entry| entry.line.to_string())
            .collect();
        if !blank.is_empty() {
            let named = blank[..blank.len().min(8)].join(", ");
            own.notes.push(format!(
                "{} lines of the vocabulary are blank and count as rows: {named}",
                blank.len()
            ));
        }
        Ok(own)
    }

    /// Puts words into the rows that they name.
    fn place<'t>(&mut self, rows: Vec<(usize, impl Into<String> + 't, usize)>) -> Result<()> {
        let most = rows.len() + GAPS;
        for (line, text, row) in rows {
            ensure!(
                row < most,
                "{} {line} of the vocabulary: index {row}, and there are {} words only",
                self.unit,
                most - GAPS
            );
            if self.words.len() <= row {
                self.words.resize(row + 1, None);
            }
            let text = text.into();
            if let Some(before) = &self.words[row] {
                let unit = self.unit;
                bail!(
                    "{unit} {} and {unit} {line} of the vocabulary have the index {row} both: `{}` and `{text}`",
                    before.line,
                    before.text
                );
            }
            self.words[row] = Some(Entry { text, line, count: None });
        }
        let empty: Vec<String> = (0..self.words.len())
            .filter(|&row| self.words[row].is_none())
            .map(|row| row.to_string())
            .collect();
        if !empty.is_empty() {
            let named = empty[..empty.len().min(8)].join(", ");
            self.notes.push(format!(
                "{} rows of the embedding have no word in the vocabulary: {named}",
                empty.len()
            ));
        }
        Ok(())
    }
}

/// The lines of a file by what they hold.
enum Columns<'t> {
    One,
    /// (line, word, row)
    Index(Vec<(usize, &'t str, usize)>),
    /// (line, word, count)
    Count(Vec<(usize, &'t str, u64)>),
}

impl<'t> Columns<'t> {
    /// `lines` without blank ones.
    fn of(lines: &[(usize, &'t str)]) -> Result<Self> {
        let tabbed = lines.iter().filter(|(_, line)| line.contains('\t')).count();
        if tabbed * 2 <= lines.len() {
            // fairseq: a number behind a space, on every line.
            let split = |&(line, text): &(usize, &'t str)| {
                let (word, number) = text.rsplit_once(' ')?;
                Some((line, word, number.parse().ok()?))
            };
            let counts: Option<Vec<(usize, &str, u64)>> = lines.iter().map(split).collect();
            return match counts.filter(|counts| !counts.is_empty()) {
                Some(numbered) => Self::by_numbers(numbered),
                None => Ok(Self::One),
            };
        }
        let mut pairs = Vec::with_capacity(lines.len());
        for &(line, text) in lines {
            let fields: Vec<&str> = text.split('\t').collect();
            let &[first, second] = &fields[..] else {
                bail!(
                    "line {line} of the vocabulary: `{text}` has {} columns, other lines have two (index and word, or word and index)",
                    fields.len()
                );
            };
            pairs.push((line, first, second));
        }
        let number = |field: &str| field.trim().parse::<u64>().ok();
        let (first, second): (Vec<_>, Vec<_>) =
            pairs.iter().map(|&(_, first, second)| (number(first), number(second))).unzip();
        let all = |column: &[Option<u64>]| column.iter().all(Option::is_some);
        let words = |column: usize| {
            let word = move |&(line, first, second): &(usize, &'t str, &'t str)| {
                let (number, word) = if column == 0 { (first, second) } else { (second, first) };
                Some((line, word, number.trim().parse().ok()?))
            };
            pairs.iter().filter_map(word).collect::<Vec<_>>()
        };
        match (all(&first), all(&second)) {
            (true, true) => bail!(
                "both columns of the vocabulary are numbers: which is the index, and which the word? Give one word a line"
            ),
            (true, false) => Ok(Self::Index(
                words(0).into_iter().map(|(line, word, row)| (line, word, row as usize)).collect(),
            )),
            (false, true) => Self::by_numbers(words(1)),
            (false, false) => {
                let numbers =
                    |column: &[Option<u64>]| column.iter().filter(|number| number.is_some()).count();
                let column = if numbers(&first) > numbers(&second) { &first } else { &second };
                let at = column.iter().position(Option::is_none).unwrap_or(0);
                let (line, first, second) = pairs[at];
                bail!(
                    "line {line} of the vocabulary: `{first}<TAB>{second}` has no number, other lines have an index and a word"
                )
            }
        }
    }

    /// Words with a number behind them: an index or a count?
    fn by_numbers(rows: Vec<(usize, &'t str, u64)>) -> Result<Self> {
        let numbers: Vec<u64> = rows.iter().map(|row| row.2).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        let consecutive = sorted.windows(2).all(|pair| pair[1] == pair[0] + 1)
            && sorted.first().is_some_and(|&first| first < 2);
        let (ascending, descending) = (
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            numbers.windows(2).all(|pair| pair[0] >= pair[1]),
        );
        let twice = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        ensure!(
            !(consecutive && descending && numbers.len() > 1),
            "line {} of the vocabulary: {} and so on downwards could be indices or counts: give one word a line, in the order of the rows",
            rows[0].0,
            numbers[0]
        );
        if consecutive || ascending && !descending {
            let rows = rows.into_iter().map(|(line, word, row)| (line, word, row as usize)).collect();
            return Ok(Self::Index(rows));
        }
        // Special words may stand before the others, and indices are no larger than their number.
        let counts = rows.iter().skip_while(|row| is_special(row.1)).map(|row| row.2).collect::<Vec<_>>();
        let descending = descending || counts.windows(2).all(|pair| pair[0] >= pair[1]);
        let largest = numbers.iter().max().copied().unwrap_or(0);
        ensure!(
            descending || twice && largest > 2 * rows.len() as u64,
            "line {} of the vocabulary: the numbers are neither different indices nor counts from the most frequent word on: {}give one word a line, in the order of the rows",
            rows[0].0,
            if twice { "some come twice; " } else { "" }
        );
        Ok(Self::Count(rows))
    }
}

/// Whether a word is a tokeniser's own mark, such as `<bos>` or `[CLS]`.
pub(super) fn is_special(text: &str) -> bool {
    let inner = |open, close| text.strip_prefix(open).and_then(|text: &str| text.strip_suffix(close));
    let named = |inner: &str| inner.len() > 1 && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    inner('<', '>').is_some_and(|inner| named(inner.trim_start_matches('/')) || ["s", "/s"].contains(&inner))
        || inner('[', ']')
            .is_some_and(|inner| named(inner) && !inner.contains(|c: char| c.is_ascii_lowercase()))
}

/// The words of a JSON file, as (line, word, row); lines are counted by entries.
fn json(text: &str) -> Result<Option<Vec<(usize, String, usize)>>> {
    let start = text.trim_start();
    if start.starts_with('[')
        && let Ok(words) = serde_json::from_str::<Vec<String>>(start)
    {
        return Ok(Some(words.into_iter().enumerate().map(|(row, word)| (row + 1, word, row)).collect()));
    }
    if start.starts_with('{')
        && let Ok(Numbers(words)) = serde_json::from_str(start)
    {
        return Ok(Some((1..).zip(words).map(|(entry, (word, row))| (entry, word, row)).collect()));
    }
    ensure!(
        serde_json::from_str::<serde_json::Value>(start).is_err() || !start.starts_with(['[', '{']),
        "the vocabulary is JSON, but neither [\"word\", …] nor {{\"word\": index, …}} with an index from 0 for each word"
    );
    Ok(None)
}

/// Tokens of texts as a vocabulary's own words cut them, and how many of them the engine never sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// All tokens.
    pub tokens: u64,
    /// Tokens whose word the engine's tokeniser never makes.
    pub unseen: u64,
}

/// Cuts texts into a vocabulary's words, as near to the unknown tokeniser that made them as the words tell.
#[derive(Clone, Debug)]
pub struct Cutter<'w> {
    /// Whether the engine sees each word.
    words: HashMap<&'w str, bool>,
    /// Characters of the longest.
    longest: usize,
    cased: bool,
}

impl<'w> Cutter<'w> {
    /// Of words and whether the engine sees them.
    pub fn new(words: impl Iterator<Item = (&'w str, bool)>) -> Self {
        let words: HashMap<&str, bool> = words.collect();
        let longest = words.keys().map(|word| word.chars().count()).max().unwrap_or(0);
        let cased = words.keys().any(|word| word.chars().any(char::is_uppercase));
        Self { words, longest, cased }
    }

    /// Counts a text's tokens: between white space, the longest words that end where a run of letters and
    /// digits does, or before an `n't`; what is none counts as an unknown token that is seen.
    pub fn count(&self, text: &str, seen: &mut Seen) {
        let text = if self.cased { text.to_owned() } else { text.to_lowercase() };
        for chunk in text.split_whitespace() {
            let mut rest = chunk;
            while !rest.is_empty() {
                let (length, known) = self.first(rest);
                seen.tokens += 1;
                seen.unseen += u64::from(!known);
                rest = &rest[length..];
            }
        }
    }

    /// The length of the first token, and whether the engine sees it.
    fn first(&self, rest: &str) -> (usize, bool) {
        let ends = rest.char_indices().skip(1).map(|(at, _)| at).chain([rest.len()]);
        let cut = |&at: &usize| {
            let (left, right) = (rest[..at].chars().next_back(), rest[at..].chars().next());
            let inside = left.is_some_and(char::is_alphanumeric) && right.is_some_and(char::is_alphanumeric);
            !inside || ["n't", "n’t"].contains(&&rest[at..])
        };
        let mut ends = ends.filter(cut);
        let first = ends.next().unwrap_or(rest.len());
        let near: Vec<usize> = once(first).chain(ends).take_while(|&at| at <= 4 * self.longest).collect();
        let found = near.iter().rev().find_map(|&at| Some((at, *self.words.get(&rest[..at])?)));
        found.unwrap_or((first, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words by row, `-` where there is none.
    fn read(text: &str, rows: usize) -> Vec<String> {
        let rows = Rows::read(text, |count| count == rows).expect("reads");
        rows.words.into_iter().map(|entry| entry.map_or("-".to_owned(), |entry| entry.text)).collect()
    }

    fn refused(text: &str) -> String {
        Rows::read(text, |_| true).expect_err("must not be read").to_string()
    }

    #[test]
    fn every_form_of_a_vocabulary_gives_the_same_rows() {
        let expected = ["<unk>", "good", "film"];
        for text in [
            "<unk>\ngood\nfilm\n",
            "<unk>\r\ngood\r\nfilm",
            "<unk>\rgood\rfilm\r",
            "<unk>\ngood\nfilm\n\n \n",
            "0\t<unk>\n1\tgood\n2\tfilm\n",
            "2\tfilm\n0\t<unk>\n1\tgood\n\n",
            "film\t2\n<unk>\t0\ngood\t1\n",
            "<unk>\t90\ngood\t12\nfilm\t12\n",
            "<unk> 90\ngood 12\nfilm 3\n",
            "[\"<unk>\", \"good\", \"film\"]",
            "{\"film\": 2, \"<unk>\": 0, \"good\": 1}",
        ] {
            assert_eq!(read(text, 3), expected, "{text:?}");
        }
        assert_eq!(read("<unk>\t0\n<pad>\t0\ngood\t50\nfilm\t30\n", 4), ["<unk>", "<pad>", "good", "film"]);
        assert_eq!(read("good\t9\nfilm\t70\nbad\t9\n", 3), ["good", "film", "bad"]);
        assert_eq!(read("1\tgood\n2\tfilm\n", 3), ["-", "good", "film"]);
        assert_eq!(read("good\t1\nfilm\t2\n", 3), ["-", "good", "film"]);
        assert_eq!(read("good 9\nfilm 5\n", 6), ["<s>", "<pad>", "</s>", "<unk>", "good", "film"]);
        // An empty line is a row where only then there are as many rows as in the embedding.
        assert_eq!(read("good\nfilm\n\n", 3), ["good", "film", ""]);
        assert_eq!(read("good\n\nfilm\n", 3), ["good", "", "film"]);
        assert_eq!(read("new york\nfilm noir 9\n", 2), ["new york", "film noir 9"]);
    }

    #[test]
    fn counts_are_kept() {
        let rows = Rows::read("good\t7\nfilm\t7\n", |_| true).expect("reads");
        assert_eq!(rows.words[1], Some(Entry { text: "film".to_owned(), line: 2, count: Some(7) }));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, reason) in [
            ("0\tgood\n0\tfilm\n", "line 1 and line 2"),
            ("0\tgood\n1\tfilm\textra\n", "line 2"),
            ("0\tgood\nfilm\n2\tbad\n", "line 2"),
            ("index\tword\n0\tgood\n1\tbad\n", "line 1"),
            ("0\tgood\n5000000000\tfilm\n", "line 2"),
            ("0\t1\n1\t0\n", "both columns"),
            ("good\t3\nbad\t2\nfilm\t1\n", "line 1"),
            ("good\t9\nbad\t2\nfilm\t5\n", "line 1"),
            ("good\t0\nbad\t1\nfilm\t1\nplot\t2\n", "some come twice"),
            ("good\t9\nbad\t7\nfilm\t8\n", "neither different indices nor counts"),
        ] {
            let error = refused(text);
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    #[test]
    fn texts_are_cut_into_the_vocabularys_words() {
        let words =
            [("do", true), ("n't", false), ("u.s.", false), ("film", true), (".", false), ("good", true)];
        let mut seen = Seen::default();
        Cutter::new(words.into_iter()).count("Don't film the U.S. filmmaker. Good", &mut seen);
        // do n't | film | the | u.s. | filmmaker . | good
        assert_eq!(seen, Seen { tokens: 8, unseen: 3 });
    }
}
