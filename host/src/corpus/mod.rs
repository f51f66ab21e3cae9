//! Labelled texts: readers for every form of CORPUS, and the splits.
//!
//! | CORPUS | contents |
//! |---|---|
//! | `reviews` | the corpus embedded in the program, see `data/README.md` |
//! | `-` | standard input, whose kind is detected |
//! | a `.csv` or `.tsv` | separated by comma, tab, semicolon or pipe; columns are named, usual, or detected |
//! | a `.jsonl`, `.ndjson` or `.json` | an object per line, or an array of objects |
//! | a `.parquet` | with the names of classes, if it has them |
//! | fastText's lines | `__label__x text` |
//! | a folder with `train`, `valid` (`validation`, `dev`, `val`) and `test` files of these kinds | the splits |
//! | a folder with a folder per class | each file is a text; `train/`, `valid/` and `test/` above them are splits |
//! | an aclImdb folder or `.tar.gz` | `train/{neg,pos}/<id>_<rating>.txt`, `test/…` if it is there; `unsup` is ignored |
//!
//! Files may be gzip-compressed. Text is UTF-8, UTF-16, or in the encoding that [`input::Decoder`] guesses. [`Notes`]
//! list what was guessed, merged and left out.

mod acl_imdb;
mod delimited;
mod embedded;
mod fasttext;
mod folders;
mod generate;
mod input;
mod json_lines;
mod labels;
mod notes;
mod parquet;
mod source;
mod split;
mod splits;
mod table;
pub mod unlabelled;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use telltale::engine::text::Options;

pub use embedded::{NAME as EMBEDDED, test_texts as review_texts};
use input::Decoder;
pub use input::{GZIP, STDIN, numbered, utf_16};
pub use labels::{
    alike as label_alike, check as check_label, class_of, position as label_position,
    visible as visible_label,
};
pub use notes::{Note, Notes, count, few};
use table::{Columns, LabelColumn, Row};

use crate::vocabulary::words_of;

/// The longest text or line that is read, in bytes.
pub const LONGEST_TEXT: usize = 16 << 20;

/// The default share of texts set aside for validation, and for the test.
const SHARE: f64 = 0.1;

/// Fewer texts than this are not split, unless by a flag.
const SPLIT_FROM: usize = 40;

/// Which corpus, and how it is read and split.
#[derive(Clone, Debug)]
pub struct CorpusConfig {
    /// A path, or a name that is [not a path](is_path).
    pub data: String,
    /// A second corpus, used as test split.
    pub test_data: Option<String>,
    /// The column that holds the text, by name or by number from 1; otherwise detected.
    pub text_column: Option<String>,
    /// The column that holds the label, likewise.
    pub label_column: Option<String>,
    /// Whether the first row is a text.
    pub no_header: bool,
    /// The encoding of files without a byte order mark; otherwise detected.
    pub encoding: Option<String>,
    /// A file with new names of labels.
    pub rename_labels: Option<PathBuf>,
    /// Share of the training texts that is set aside for validation, 0 for none; otherwise a tenth, if the corpus has
    /// no validation split and enough texts.
    pub valid: Option<f64>,
    /// Share that is set aside for the test, likewise.
    pub test: Option<f64>,
}

/// Whether a folder has a file to train on and one to measure on.
///
/// # Errors
/// If it cannot be listed.
pub fn has_splits(folder: &Path) -> Result<bool> {
    splits::has_both(folder)
}

/// What is in a folder, by name, without what operating systems leave there.
///
/// # Errors
/// If it cannot be listed.
pub fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    splits::children(folder, &mut 0)
}

/// Whether a corpus is called by its path: neither the embedded one nor standard input.
#[must_use]
pub fn is_path(data: &str) -> bool {
    data != embedded::NAME && data != input::STDIN
}

impl CorpusConfig {
    /// A corpus without settings: all are detected.
    #[must_use]
    pub fn of(data: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            test_data: None,
            text_column: None,
            label_column: None,
            no_header: false,
            encoding: None,
            rename_labels: None,
            valid: None,
            test: None,
        }
    }

    /// The files and folders that are read.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = self.rename_labels.iter().cloned().collect();
        for data in std::iter::once(&self.data).chain(&self.test_data) {
            if !is_path(data) {
                continue;
            }
            let path = PathBuf::from(data);
            let files = splits::files(&path).unwrap_or_default();
            if files.is_empty() {
                all.push(path)
            } else {
                all.extend(files.into_iter().map(|(_, file)| file))
            }
        }
        all
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            text: self.text_column.as_deref(),
            label: self.label_column.as_deref().map_or(LabelColumn::Guessed, LabelColumn::Named),
            no_header: self.no_header,
            ..Columns::default()
        }
    }

    fn decoder(&self) -> Result<Decoder> {
        Ok(Decoder::new(input::encoding(self.encoding.as_deref())?))
    }
}

/// A labelled text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// UTF-8.
    pub text: String,
    /// Index of the label.
    pub label: u32,
}

/// A corpus in three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// Its name.
    pub name: String,
    /// The labels in order.
    pub labels: Vec<String>,
    /// To learn from.
    pub train: Vec<Example>,
    /// For validation; empty if nothing was set aside.
    pub valid: Vec<Example>,
    /// For the test; may be empty.
    pub test: Vec<Example>,
    /// Whether `valid` are the training texts themselves, for lack of others.
    pub validates_on_train: bool,
    /// The splits that are drawn at random from the training texts, by a share.
    pub drawn: Vec<Split>,
    /// SHA-256 over all labels and texts as read.
    pub digest: [u8; 32],
    /// Rows that the files have, whether they are used or not.
    pub rows: usize,
    /// What was guessed, merged and left out.
    pub notes: Notes,
}

/// Every labelled text of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Texts and labels in order.
    pub examples: Vec<(String, String)>,
    /// SHA-256 over all labels and texts.
    pub digest: [u8; 32],
    /// What was guessed, merged and left out.
    pub notes: Notes,
}

/// A part of a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// The training texts.
    Train,
    /// The validation texts.
    Valid,
    /// The test texts.
    Test,
}

impl Split {
    /// The name of the split.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Valid => "validation",
            Self::Test => "test",
        }
    }
}

/// The texts of a validation split that are not those of the training.
const fn set_aside(valid: &[Example], validates_on_train: bool) -> &[Example] {
    if validates_on_train { &[] } else { valid }
}

impl Corpus {
    /// The validation texts, unless they are the training texts.
    #[must_use]
    pub fn set_aside(&self) -> &[Example] {
        set_aside(&self.valid, self.validates_on_train)
    }

    /// The texts of a split.
    #[must_use]
    pub fn texts(&self, split: Split) -> &[Example] {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }
}

/// A text as a reader found it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    text: String,
    label: String,
    split: Split,
}

impl Found {
    fn new(row: Row, split: Split) -> Self {
        Self { text: row.text, label: row.label, split }
    }
}

/// Reads a corpus and splits it.
///
/// # Errors
/// One line that names the file and the line or member that is wrong.
pub fn load(config: &CorpusConfig, seed: u64) -> Result<Corpus> {
    let (valid, test) = (config.valid.unwrap_or(SHARE), config.test.unwrap_or(SHARE));
    for (flag, share) in [("--valid", valid), ("--test", test)] {
        ensure!((0.0..=0.8).contains(&share), "{flag} {share}: a fraction from 0 to 0.8 is expected");
    }
    ensure!(valid + test <= 0.9, "--valid and --test together leave too little to train on");
    let (corpus, notes) = Notes::gather(|notes| load_with(config, seed, notes))?;
    Ok(Corpus { notes, ..corpus })
}

fn load_with(config: &CorpusConfig, seed: u64, notes: &mut Notes) -> Result<Corpus> {
    let mut found = read(config, notes)?;
    if let Some(test) = &config.test_data {
        ensure!(
            config.data != input::STDIN || test != input::STDIN,
            "--data - --test-data -: standard input is one corpus, not two"
        );
        let all = found.len();
        found.retain(|example| example.split != Split::Test);
        let why = "of its own test split, since --test-data brings another";
        notes.leave_out(all - found.len(), why, &format!(" ({})", name_of(&config.data)));
        let own = CorpusConfig { data: test.clone(), ..config.clone() };
        found.extend(read(&own, notes)?.into_iter().map(|example| Found { split: Split::Test, ..example }));
    }
    let united = prepare_labels(config, &mut found, notes)?;
    let rows = found.len() + notes.count_left_out();
    let learnt = found.iter().filter(|example| example.split == Split::Train).map(|example| &example.label);
    let labels = labels::list(&config.data, learnt, united, notes)?;
    let digest = digest_of(&found);
    let name = name_of(&config.data);
    let sifted = sift(found, &labels, config, notes)?;
    let (own_valid, own_test) = (!sifted.valid.is_empty(), !sifted.test.is_empty());
    let few = sifted.train.len() < SPLIT_FROM;
    let mut share = |split: Split, own: bool, flag: &str, asked: Option<f64>| match asked {
        // A test share of 0 is met already.
        Some(share) if own && (share > 0.0 || split == Split::Valid) => {
            let split = split.name();
            notes.warn(format!("{flag} {share} has no effect: the corpus has a {split} split of its own"));
            0.0
        }
        _ if own => 0.0,
        None if few => 0.0,
        asked => asked.unwrap_or(SHARE),
    };
    let shares = (
        share(Split::Valid, own_valid, "--valid", config.valid),
        share(Split::Test, own_test, "--test", config.test),
    );
    let drawn = [(Split::Valid, shares.0), (Split::Test, shares.1)];
    let drawn = drawn.iter().filter(|(_, share)| *share > 0.0).map(|(split, _)| *split).collect();
    let [mut train, split_valid, split_test] =
        split::split(sifted.train, labels.len(), shares.0, shares.1, seed);
    let (mut valid, mut test) = (sifted.valid, sifted.test);
    valid.extend(split_valid);
    test.extend(split_test);
    let validates_on_train = valid.is_empty() && config.valid != Some(0.0);
    if validates_on_train {
        valid.clone_from(&train);
        let different = train.iter().map(|example| &example.text).collect::<HashSet<_>>().len();
        let of_them =
            if different < train.len() { format!(", {different} of them different,") } else { String::new() };
        let why = if few { "too few" } else { "too few of a class" };
        notes.warn(format!(
            "{name}: {} to learn from{of_them} are {why} to set any aside: the validation is on the training texts, and says \
             nothing about others (--valid and --test set texts aside, --test-data brings others)",
            count(train.len(), "text")
        ));
    }
    tell_of_likeness(
        &train,
        &[(Split::Valid, set_aside(&valid, validates_on_train)), (Split::Test, &test)],
        notes,
    );
    tell_of_classes(&labels, &train, set_aside(&valid, validates_on_train), notes);
    if config.data == embedded::NAME {
        train.extend(generate::reviews(seed)?);
    }
    Ok(Corpus {
        name,
        labels,
        train,
        valid,
        test,
        validates_on_train,
        drawn,
        digest,
        rows,
        notes: Notes::default(),
    })
}

/// Reads every labelled text of a corpus, in order, with the labels' own names.
///
/// # Errors
/// As for [`load`].
pub fn load_all(config: &CorpusConfig) -> Result<Labelled> {
    ensure!(
        config.test_data.is_none() && config.valid.is_none() && config.test.is_none(),
        "--test-data, --valid and --test say how `train` splits a corpus, and all of it is read: name a --split"
    );
    let (found, notes) = Notes::gather(|notes| {
        let mut found = read(config, notes)?;
        prepare_labels(config, &mut found, notes)?;
        ensure!(!found.is_empty(), "{}: {}", config.data, labels::NONE);
        let empty = found.iter().filter(|example| example.text.trim().is_empty()).count();
        if empty > 0 {
            notes.warn(format!("{} without a text: read as they are", count(empty, "row")));
        }
        Ok(found)
    })?;
    let digest = digest_of(&found);
    let examples = found.into_iter().map(|example| (example.text, example.label)).collect();
    Ok(Labelled { examples, digest, notes })
}

/// The values of another column for every text that [`load_all`] reads, in its order.
///
/// # Errors
/// If the corpus is not one file with columns, or has no such column.
pub fn load_column(config: &CorpusConfig, column: &str) -> Result<Vec<String>> {
    let path = Path::new(&config.data);
    ensure!(
        config.data != embedded::NAME && path.is_file() && !acl_imdb::is_archive(path),
        "{}: only a .csv, .tsv, .jsonl or .parquet has a column `{column}`",
        config.data
    );
    let columns = Columns { other: Some(column), ..config.columns() };
    let table = source::read(path, &columns, &mut config.decoder()?, &mut Notes::default())?;
    Ok(table.rows.into_iter().filter(|row| !row.label.is_empty()).map(|row| row.other).collect())
}

/// A corpus's short name: the last part of its path.
#[must_use]
pub fn name_of(data: &str) -> String {
    match Path::new(data).file_name() {
        _ if data == input::STDIN => "standard input".to_owned(),
        Some(name) => name.to_string_lossy().into_owned(),
        None => data.to_owned(),
    }
}

/// Every row of a corpus that has a label.
fn read(config: &CorpusConfig, notes: &mut Notes) -> Result<Vec<Found>> {
    let data = &config.data;
    if data == embedded::NAME {
        return embedded::read();
    }
    let path = Path::new(data);
    ensure!(
        data == input::STDIN || path.exists(),
        "{data}: no such file or folder (a path, `-` or `{}`, the embedded corpus, is expected)",
        embedded::NAME
    );
    let mut decoder = config.decoder()?;
    let found = read_path(path, config, &mut decoder, notes);
    decoder.tell(notes);
    let (mut found, without_label) = found?;
    let rows = found.len();
    found.retain(|example| !example.label.is_empty());
    notes.leave_out(rows - found.len(), "without a label", &without_label);
    Ok(found)
}

/// Every row of a file or folder, and where the first one without a label is.
fn read_path(
    path: &Path,
    config: &CorpusConfig,
    decoder: &mut Decoder,
    notes: &mut Notes,
) -> Result<(Vec<Found>, String)> {
    let nowhere = String::new();
    if path.is_dir() {
        let found = match splits::read(path, &config.columns(), decoder, notes)? {
            Some(found) => found,
            None => folders::read(path, decoder, notes)?,
        };
        return Ok((found, nowhere));
    }
    if acl_imdb::is_archive(path) {
        return Ok((acl_imdb::read_archive(path, decoder)?, nowhere));
    }
    let data = &config.data;
    let table = source::read(path, &config.columns(), decoder, notes)?;
    ensure!(table.rows.iter().any(|row| !row.label.is_empty()), "{data}: {}", labels::NONE);
    let first = table.rows.iter().find(|row| row.label.is_empty());
    let first = first.map_or(nowhere, |row| format!(" ({data}: {} {} is the first)", table.unit, row.line));
    Ok((table.rows.into_iter().map(|row| Found::new(row, Split::Train)).collect(), first))
}

/// Renames labels and merges those that are equal numbers. Returns whether there were any.
fn prepare_labels(config: &CorpusConfig, found: &mut [Found], notes: &mut Notes) -> Result<bool> {
    if let Some(path) = &config.rename_labels {
        labels::Names::read(path)?.apply(found.iter_mut().map(|example| &mut example.label), notes);
    }
    Ok(labels::unite_numbers(found.iter_mut().map(|example| &mut example.label), notes))
}

/// Texts by the files that they come from.
struct Splits {
    train: Vec<Example>,
    valid: Vec<Example>,
    test: Vec<Example>,
}

/// Leaves out texts that cannot be used, and counts them.
fn sift(found: Vec<Found>, labels: &[String], config: &CorpusConfig, notes: &mut Notes) -> Result<Splits> {
    tell_of_splits(&found, labels, config, notes);
    let index: HashMap<&str, u32> = labels.iter().map(String::as_str).zip(0..).collect();
    let mut sifted = Splits { train: Vec::new(), valid: Vec::new(), test: Vec::new() };
    let (mut empty, mut strange) = (0, 0);
    for Found { text, label, split } in found {
        let Some(&label) = index.get(&label[..]) else {
            strange += 1;
            continue;
        };
        if text.trim().is_empty() {
            empty += 1;
            continue;
        }
        let part = match split {
            Split::Train => &mut sifted.train,
            Split::Valid => &mut sifted.valid,
            Split::Test => &mut sifted.test,
        };
        part.push(Example { text, label });
    }
    notes.leave_out(strange, "with labels that the training texts never have", "");
    notes.leave_out(empty, "without a text", "");
    // Test texts must not be trained on, nor be used for validation.
    let before = sifted.train.len();
    let mut without = |texts: &mut Vec<Example>, known: &[Example], why| {
        let known: HashSet<&str> = known.iter().map(|example| &example.text[..]).collect();
        let rows = texts.len();
        texts.retain(|example| !known.contains(&example.text[..]));
        notes.leave_out(rows - texts.len(), why, "");
    };
    without(&mut sifted.valid, &sifted.test, "of the validation that also stand in the test");
    without(&mut sifted.train, &sifted.test, "that also stand in the test");
    without(&mut sifted.train, &sifted.valid, "that also stand in the validation");
    ensure!(
        !sifted.train.is_empty(),
        "{}: nothing is left to train on: {}",
        config.data,
        if before > 0 {
            format!(
                "all {} also stand in the test or validation split (is it the same file?)",
                count(before, "training text")
            )
        } else {
            "no training row has a text (are the columns swapped?)".to_owned()
        }
    );
    tell_of_repetitions(&sifted.train, notes);
    Ok(sifted)
}

/// Reports labels that only some of the splits have.
fn tell_of_splits(found: &[Found], labels: &[String], config: &CorpusConfig, notes: &mut Notes) {
    let own: HashSet<&String> = labels.iter().collect();
    let files = splits::files(Path::new(&config.data)).unwrap_or_default();
    let file = |split: Split, otherwise: &str| match (&config.test_data, split) {
        (Some(data), Split::Test) => name_of(data),
        _ => files
            .iter()
            .find(|(own, _)| *own == split)
            .map_or_else(|| otherwise.to_owned(), |(_, path)| name_of(&path.to_string_lossy())),
    };
    let learnt = match &config.test_data {
        Some(_) if files.is_empty() => name_of(&config.data),
        _ => file(Split::Train, "the training split"),
    };
    for (split, what) in [(Split::Valid, "the validation split"), (Split::Test, "the test split")] {
        let theirs = || found.iter().filter(|example| example.split == split);
        let mut strange: Vec<&String> =
            theirs().map(|example| &example.label).filter(|label| !own.contains(label)).collect();
        if theirs().next().is_none() {
            continue;
        }
        let rows = strange.len();
        strange.sort_unstable();
        strange.dedup();
        let file = file(split, what);
        if rows > 0 {
            let alike = strange.iter().find_map(|label| Some((label, labels::alike(labels, label)?)));
            let hint = match alike {
                Some((label, own)) => format!(
                    "; `{label}` differs from `{own}` by case, space or spelling alone (--rename-labels FILE makes them one)"
                ),
                None if rows == theirs().count() => ", all of its rows: its labels look withheld".to_owned(),
                None => String::new(),
            };
            notes.warn(format!(
                "{file} has labels that {learnt} never has: {} ({}{hint})",
                notes::few(&strange),
                count(rows, "row")
            ));
        }
        let seen: HashSet<&String> = theirs().map(|example| &example.label).collect();
        let missing: Vec<&String> = labels.iter().filter(|label| !seen.contains(label)).collect();
        if !missing.is_empty() && missing.len() < labels.len() {
            notes.warn(format!(
                "{file} has no text of {}: {}",
                count(missing.len(), "class"),
                notes::few(&missing)
            ));
        }
    }
}

/// Reports texts that occur more than once, and those that do so with several labels.
fn tell_of_repetitions(train: &[Example], notes: &mut Notes) {
    let mut seen: HashMap<&str, (u32, bool)> = HashMap::new();
    for example in train {
        let (label, contradicted) = seen.entry(&example.text).or_insert((example.label, false));
        *contradicted |= *label != example.label;
    }
    let repeated = train.len() - seen.len();
    if repeated > 0 {
        let verb = if repeated == 1 { "repeats" } else { "repeat" };
        notes.say(format!("{} {verb} a text that is there already", count(repeated, "row")));
    }
    let mut contradicted: Vec<&str> = seen.iter().filter(|(_, own)| own.1).map(|(text, _)| *text).collect();
    contradicted.sort_unstable();
    if let Some(first) = contradicted.first() {
        let start = crate::console::one_line(&first.chars().take(40).collect::<String>());
        notes.warn(format!(
            "{} with contradictory labels: the same text stands under several (one begins `{start}`)",
            count(contradicted.len(), "text")
        ));
    }
}

/// Counts texts of other splits with the words of a training text: right answers to them are little evidence.
fn tell_of_likeness(train: &[Example], splits: &[(Split, &[Example])], notes: &mut Notes) {
    let words = |example: &Example| {
        let mut hasher = DefaultHasher::new();
        let mut count = 0usize;
        words_of(example.text.as_bytes(), Options::default(), |word| {
            hasher.write_u32(word.hash());
            count += 1;
        });
        (count > 0).then(|| hasher.finish())
    };
    let learnt: HashSet<u64> = train.par_iter().filter_map(words).collect();
    for (split, texts) in splits {
        let like = texts.par_iter().filter_map(words).filter(|own| learnt.contains(own)).count();
        if like > 0 {
            let verb = if like == 1 { "has" } else { "have" };
            notes.say(format!(
                "{} of {} {verb} the words of a training text, with other case, spaces or punctuation",
                like,
                count(texts.len(), &format!("{} text", split.name()))
            ));
        }
    }
}

/// Reports classes with too few texts.
fn tell_of_classes(labels: &[String], train: &[Example], valid: &[Example], notes: &mut Notes) {
    let count_of = |examples: &[Example]| {
        let mut counts = vec![0usize; labels.len()];
        examples.iter().for_each(|example| counts[example.label as usize] += 1);
        counts
    };
    let of = |counts: &[usize], wanted: usize| -> Vec<&String> {
        labels.iter().zip(counts).filter(|(_, own)| **own == wanted).map(|(label, _)| label).collect()
    };
    let trained = count_of(train);
    for (wanted, what) in [(0, "no training text"), (1, "one training text only")] {
        let which = of(&trained, wanted);
        if !which.is_empty() {
            notes.warn(format!("{} with {what}: {}", count(which.len(), "class"), notes::few(&which)));
        }
    }
    if !valid.is_empty() {
        let which = of(&count_of(valid), 0);
        if !which.is_empty() {
            notes.warn(format!(
                "{} without a validation text: {}",
                count(which.len(), "class"),
                notes::few(&which)
            ));
        }
    }
    let (most, least) = (trained.iter().max(), trained.iter().filter(|&&own| own > 0).min());
    if let (Some(&most), Some(&least)) = (most, least)
        && most >= 20 * least
    {
        let large = labels.iter().zip(&trained).find(|(_, own)| **own == most).map_or("", |(label, _)| label);
        notes.warn(format!(
            "classes of unequal size: {most} training texts of `{large}`, {least} of the smallest class: accuracy alone \
             tells little"
        ));
    }
}

fn digest_of(found: &[Found]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for example in found {
        for part in [&example.label, &example.text] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests;
