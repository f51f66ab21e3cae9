//! A vocabulary as text, and the order of the engine's rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::{Context, Result, ensure};
use telltale::text::{Options, Word};

use crate::vocabulary::{Built, words_of};

/// The words of a vocabulary file that a text can have.
#[derive(Clone, Debug)]
pub struct Words {
    /// Hash and text of each.
    list: Vec<(u32, String)>,
    /// The embedding's row of each.
    rows: Vec<usize>,
    /// The row for unknown words.
    pub unknown: Option<usize>,
    /// The row for padding.
    pub padding: Option<usize>,
    /// How many lines there are.
    pub lines: usize,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// How many words a warning names.
const NAMED: usize = 8;

impl Words {
    /// Reads a vocabulary: one word a line, the line's number is the row. Special rows are those given,
    /// or the lines `<unk>` and `<pad>` (also `[UNK]`, `UNK` and so on).
    ///
    /// A word that the tokeniser never makes gets no row: it would take room for nothing. If the
    /// tokeniser writes it in another way (`Don't` as `dont`), it stands for that word, unless the
    /// vocabulary has it already.
    ///
    /// # Errors
    /// If a line is there twice, a special row is not, or no word is left.
    pub fn read(
        text: &str,
        options: Options,
        unknown: Option<usize>,
        padding: Option<usize>,
    ) -> Result<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let special = |given: Option<usize>, names: [&str; 3], what: &str| {
            if let Some(row) = given {
                ensure!(row < lines.len(), "`{what}` is row {row}, the vocabulary has {} lines", lines.len());
                return Ok(Some(row));
            }
            Ok(lines.iter().position(|line| names.contains(line) || names[0] == line.to_lowercase()))
        };
        let unknown = special(unknown, ["<unk>", "[UNK]", "UNK"], "unknown")?;
        let padding = special(padding, ["<pad>", "[PAD]", "PAD"], "padding")?;
        let mut own = Self {
            list: Vec::new(),
            rows: Vec::new(),
            unknown,
            padding,
            lines: lines.len(),
            warnings: Vec::new(),
        };
        let mut taken: HashMap<u32, usize> = HashMap::new();
        let mut others: Vec<(usize, &str, Word)> = Vec::new();
        let mut impossible = Vec::new();
        for (row, &line) in lines.iter().enumerate() {
            if Some(row) == unknown || Some(row) == padding {
                continue;
            }
            let mut words = Vec::new();
            words_of(line.as_bytes(), options, |word| words.push(*word));
            let [word] = words[..] else {
                impossible.push(format!("`{line}`"));
                continue;
            };
            if word.hash() != Word::hash_of(line.as_bytes()) {
                others.push((row, line, word));
            } else if let Some(before) = taken.insert(word.hash(), row) {
                ensure!(
                    lines[before] != line,
                    "lines {} and {} of the vocabulary are both `{line}`",
                    before + 1,
                    row + 1
                );
                // Two words, one hash: the engine takes the second for the first.
                taken.insert(word.hash(), before);
                impossible.push(format!("`{line}` (the tokeniser's hash is that of `{}`)", lines[before]));
            } else {
                own.push(row, &word);
            }
        }
        let mut renamed = Vec::new();
        for (row, line, word) in others {
            if let Entry::Vacant(slot) = taken.entry(word.hash()) {
                slot.insert(row);
                own.push(row, &word);
                renamed.push(format!("`{line}` as `{}`", word.as_str()));
            } else {
                let own = word.as_str();
                impossible.push(format!("`{line}` (read as `{own}`, which has a row of its own)"));
            }
        }
        own.warn("can never come from a text and get no row", &impossible);
        own.warn("are read in another form", &renamed);
        if unknown.is_none() {
            own.warnings
                .push("the vocabulary has no row for unknown words (`<unk>`): they read as zeros".to_owned());
        }
        ensure!(!own.list.is_empty(), "no line of the vocabulary is a word");
        Ok(own)
    }

    fn push(&mut self, row: usize, word: &Word) {
        self.list.push((word.hash(), word.as_str().to_owned()));
        self.rows.push(row);
    }

    fn warn(&mut self, what: &str, words: &[String]) {
        if words.is_empty() {
            return;
        }
        let more = if words.len() > NAMED { ", …" } else { "" };
        let named = words[..words.len().min(NAMED)].join(", ");
        self.warnings.push(format!("{} words of the vocabulary {what}: {named}{more}", words.len()));
    }

    /// The words in the order of the file, as (hash, text).
    #[must_use]
    pub fn list(&self) -> &[(u32, String)] {
        &self.list
    }

    /// The engine's vocabulary, and `table` with its rows in that order, the row for unknown words last.
    ///
    /// # Errors
    /// If there are too many words.
    pub fn build(&self, table: &[f32], width: usize) -> Result<(Built, Vec<f32>)> {
        let built = Built::new(&self.list)?;
        let reader = built.open()?;
        let mut ordered = vec![0.0; (self.list.len() + 1) * width];
        for ((hash, text), &row) in self.list.iter().zip(&self.rows) {
            let id = reader.id(*hash) as usize;
            let (to, from) = (id * width..(id + 1) * width, row * width..(row + 1) * width);
            let from = table.get(from).with_context(|| format!("`{text}` has no row"))?;
            ordered[to].copy_from_slice(from);
        }
        if let Some(from) = self.row(table, width, self.unknown) {
            ordered[self.list.len() * width..].copy_from_slice(from);
        }
        Ok((built, ordered))
    }

    /// A special row of `table`.
    #[must_use]
    pub fn row<'t>(&self, table: &'t [f32], width: usize, row: Option<usize>) -> Option<&'t [f32]> {
        row.and_then(|row| table.get(row * width..(row + 1) * width))
    }
}
