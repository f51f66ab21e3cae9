//! The order of the engine's rows: a vocabulary's words as the engine reads them.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use telltale::engine::text::{Options, Word};

use super::rows::{Cutter, Entry, Rows, Seen, is_special};
use crate::vocabulary::{Built, words_of};

/// The words of a vocabulary file that a text can have.
#[derive(Clone, Debug)]
pub struct Words {
    /// Hash and text of each.
    list: Vec<(u32, String)>,
    /// The embedding's row of each.
    rows: Vec<usize>,
    /// All words of the file and whether the engine's tokeniser makes them; special ones are not among them.
    all: Vec<(Entry, bool)>,
    /// The row for unknown words.
    pub unknown: Option<usize>,
    /// The row for padding.
    pub padding: Option<usize>,
    /// How many rows the embedding must have.
    pub count: usize,
    /// How the file was read.
    pub notes: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// One in so many rows that are pieces of words makes a vocabulary of pieces.
const PIECES: usize = 10;

/// How many words a warning names.
const NAMED: usize = 8;

/// What spaCy and NLTK cut off English words and the engine does not.
const CLITICS: [&str; 8] = ["n't", "'s", "'m", "'d", "'t", "'re", "'ve", "'ll"];

impl Words {
    /// Takes a vocabulary's rows. Special rows are those given, or the words `<unk>` and `<pad>` (also `[UNK]`,
    /// `UNK` and so on).
    ///
    /// A word that the tokeniser never makes gets no row: it would take room for nothing. If the
    /// tokeniser writes it in another way (`Don't` as `dont`), it stands for that word, unless the
    /// vocabulary has it already.
    ///
    /// # Errors
    /// If a word is there twice, a special row is not, or no word is left.
    pub fn new(rows: Rows, options: Options, unknown: Option<usize>, padding: Option<usize>) -> Result<Self> {
        let count = rows.words.len();
        let special = |given: Option<usize>, names: [&str; 4], what: &str| {
            if let Some(row) = given {
                ensure!(row < count, "`{what}` is row {row}, the vocabulary has {count} rows");
                return Ok(Some(row));
            }
            // In small letters, the last one might be a word.
            let named = |text: &str| text == names[3] || names[..3].contains(&&text.to_lowercase()[..]);
            let is_special = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| named(&entry.text));
            Ok(rows.words.iter().position(is_special))
        };
        let unknown = special(unknown, ["<unk>", "[unk]", "_unk", "UNK"], "unknown")?;
        let padding = special(padding, ["<pad>", "[pad]", "_pad", "PAD"], "padding")?;
        let pieces = rows.words.iter().flatten().filter(|entry| is_piece(&entry.text)).count();
        ensure!(
            pieces == 0 || pieces * PIECES < count,
            "{pieces} of {count} rows of the vocabulary are pieces of words (`##ing` of WordPiece, `Ġthe`, `the@@` and `the</w>` of byte pairs, `▁the` of \
             SentencePiece): the engine reads whole words, so the network has to be trained on words"
        );
        let mut own = Self {
            list: Vec::new(),
            rows: Vec::new(),
            all: Vec::new(),
            unknown,
            padding,
            count,
            notes: rows.notes,
            warnings: Vec::new(),
        };
        let mut lines: HashMap<&str, usize> = HashMap::new();
        for entry in rows.words.iter().flatten().filter(|entry| !entry.text.trim().is_empty()) {
            if let Some(before) = lines.insert(&entry.text, entry.line) {
                let unit = rows.unit;
                bail!(
                    "{unit} {before} and {unit} {} of the vocabulary are both `{}`",
                    entry.line,
                    entry.text
                );
            }
        }
        let mut taken: HashMap<u32, &str> = HashMap::new();
        let mut others: Vec<(usize, &Entry, Word)> = Vec::new();
        let mut impossible = Vec::new();
        let mut unseen = HashSet::new();
        for (row, entry) in rows.words.iter().enumerate() {
            let Some(entry) = entry.as_ref().filter(|_| Some(row) != unknown && Some(row) != padding) else {
                continue;
            };
            let text = &entry.text[..];
            if is_special(text) || is_piece(text) {
                let what = if is_piece(text) { "piece of a word" } else { "special token" };
                impossible.push(format!("`{text}` (a {what})"));
                unseen.insert(row);
                continue;
            }
            if CLITICS.contains(&&text.to_lowercase().replace('’', "'")[..]) {
                impossible.push(format!("`{text}` (read together with the word before)"));
                unseen.insert(row);
                continue;
            }
            let mut words = Vec::new();
            words_of(text.as_bytes(), options, |word| words.push(*word));
            let [word] = words[..] else {
                let mut symbols = 0;
                words_of(text.as_bytes(), Options { punctuation: true, ..options }, |_| symbols += 1);
                let way =
                    if words.is_empty() && symbols == 1 { " (but with \"punctuation\": true)" } else { "" };
                impossible.push(format!("`{text}`{way}"));
                unseen.insert(row);
                continue;
            };
            if word.hash() != Word::hash_of(text.as_bytes()) {
                others.push((row, entry, word));
            } else if let Some(before) = taken.get(&word.hash()) {
                // Two words, one hash: the engine takes the second for the first.
                impossible.push(format!("`{text}` (the tokeniser's hash is that of `{before}`)"));
                unseen.insert(row);
            } else {
                taken.insert(word.hash(), text);
                own.push(row, word.hash(), text);
            }
        }
        let mut renamed = Vec::new();
        for (row, entry, word) in others {
            let text = &entry.text[..];
            if let Slot::Vacant(slot) = taken.entry(word.hash()) {
                slot.insert(text);
                own.push(row, word.hash(), word.as_str());
                renamed.push(format!("`{text}` as `{}`", word.as_str()));
            } else {
                impossible
                    .push(format!("`{text}` (read as `{}`, which has a row of its own)", word.as_str()));
                unseen.insert(row);
            }
        }
        own.warn("can never come from a text and get no row", &impossible);
        own.warn("are read in another form", &renamed);
        if unknown.is_none() {
            own.warnings
                .push("the vocabulary has no row for unknown words, `<unk>` (\"unknown\" in the configuration gives its number): they read as zeros".to_owned());
        }
        ensure!(
            !own.list.is_empty(),
            "no {} of the vocabulary is a word: one word each is expected, the first is {:?}",
            rows.unit,
            rows.words
                .iter()
                .flatten()
                .next()
                .map_or("", |entry| &entry.text)
                .chars()
                .take(40)
                .collect::<String>()
        );
        for (row, entry) in rows.words.into_iter().enumerate() {
            let word = entry.filter(|entry| !entry.text.trim().is_empty() && !is_special(&entry.text));
            own.all.extend(word.map(|entry| (entry, !unseen.contains(&row))));
        }
        Ok(own)
    }

    fn push(&mut self, row: usize, hash: u32, text: &str) {
        self.list.push((hash, text.to_owned()));
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

    /// The vocabulary's words, and how many of them the engine never sees.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let unseen = self.all.iter().filter(|(_, seen)| !seen).count();
        Seen { tokens: self.all.len() as u64, unseen: unseen as u64 }
    }

    /// The same, each word as often as the file says that the training texts have it; `None` where it does not.
    #[must_use]
    pub fn seen_in_training(&self) -> Option<Seen> {
        let mut sum = Seen::default();
        for (entry, seen) in &self.all {
            let count = entry.count?;
            sum.tokens = sum.tokens.saturating_add(count);
            sum.unseen = sum.unseen.saturating_add(if *seen { 0 } else { count });
        }
        Some(sum)
    }

    /// The same, over the tokens of texts as this vocabulary cuts them: an estimate.
    pub fn seen_in<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Seen {
        let cutter = Cutter::new(self.all.iter().map(|(entry, seen)| (&entry.text[..], *seen)));
        let mut sum = Seen::default();
        texts.for_each(|text| cutter.count(text, &mut sum));
        sum
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

/// Whether a word is a piece of one, as WordPiece, byte pairs or SentencePiece mark it.
fn is_piece(text: &str) -> bool {
    let rest = ["##", "Ġ", "▁"].into_iter().find_map(|mark| text.strip_prefix(mark));
    let whole = ["@@", "</w>"].into_iter().find_map(|mark| text.strip_suffix(mark));
    rest.is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
        || whole.is_some_and(|rest| rest.ends_with(char::is_alphanumeric))
}
