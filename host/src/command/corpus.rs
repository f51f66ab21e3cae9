//! The flags that select a corpus and how it is read and split.

use std::collections::HashMap;
use std::path::{Path, PathBuf, absolute};

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use serde::{Deserialize, Serialize};
use telltale::Model;

use crate::console::warn;
use crate::corpus::{self, Corpus, CorpusConfig, Example, Split};

/// Which corpus, and how it is split.
#[derive(ClapArgs, Clone, Debug, Default, Serialize, Deserialize)]
pub struct CorpusArgs {
    /// Labelled texts: `reviews` (embedded), a .csv, .tsv, .jsonl or .parquet, fastText's lines, a folder with train,
    /// valid and test files of these kinds, a folder per class, an aclImdb folder or .tar.gz; gzip-compressed or not;
    /// `-` is standard input
    #[arg(long, value_name = "CORPUS", default_value = corpus::EMBEDDED)]
    pub data: String,
    /// A second corpus, used as test split
    #[arg(long, value_name = "CORPUS")]
    pub test_data: Option<String>,
    /// Column with the text, by name or by number from 1
    #[arg(long, value_name = "NAME")]
    pub text_column: Option<String>,
    /// Column with the label, by name or by number from 1
    #[arg(long, value_name = "NAME")]
    pub label_column: Option<String>,
    /// The first row is a text, not a header; columns go by number
    #[arg(long)]
    #[serde(default)]
    pub no_header: bool,
    /// Encoding of files without a byte order mark: utf-8, windows-1252, shift_jis … [default: UTF-8 if valid,
    /// otherwise guessed]
    #[arg(long, value_name = "NAME")]
    #[serde(default)]
    pub encoding: Option<String>,
    /// New names of labels, one per line: old name, comma or tab, new name; labels with the same new name are merged
    #[arg(long, value_name = "FILE")]
    #[serde(default)]
    pub rename_labels: Option<PathBuf>,
    /// Share of the training texts set aside for validation; 0 for none, then the last epoch is used [default: 0.1 if
    /// the corpus has no validation split]
    #[arg(long, value_name = "FRACTION")]
    pub valid: Option<f64>,
    /// Share set aside for the test if the corpus has no test split of its own [default: 0.1]
    #[arg(long, value_name = "FRACTION")]
    pub test: Option<f64>,
}

impl CorpusArgs {
    /// The library's configuration of the corpus.
    #[must_use]
    pub fn config(&self) -> CorpusConfig {
        CorpusConfig {
            data: self.data.clone(),
            test_data: self.test_data.clone(),
            text_column: self.text_column.clone(),
            label_column: self.label_column.clone(),
            no_header: self.no_header,
            encoding: self.encoding.clone(),
            rename_labels: self.rename_labels.clone(),
            valid: self.valid,
            test: self.test,
        }
    }

    /// The files and folders to be read.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        self.config().inputs()
    }

    /// The flag whose texts are standard input, which can be read only once; `unlabelled` texts may be, too.
    #[must_use]
    pub fn stdin_flag(&self, unlabelled: Option<&PathBuf>) -> Option<&'static str> {
        let (data, test) = (Some(Path::new(&self.data)), self.test_data.as_ref().map(Path::new));
        let flags =
            [("--data", data), ("--test-data", test), ("--unlabelled", unlabelled.map(PathBuf::as_path))];
        flags.iter().find(|(_, data)| *data == Some(Path::new(corpus::STDIN))).map(|(flag, _)| *flag)
    }

    /// With absolute paths.
    #[must_use]
    pub fn absolute(&self) -> Self {
        let whole = |path: &Path| absolute(path).unwrap_or_else(|_| path.to_owned());
        let of = |data: &String| match corpus::is_path(data) {
            true => whole(Path::new(data)).display().to_string(),
            false => data.clone(),
        };
        Self {
            data: of(&self.data),
            test_data: self.test_data.as_ref().map(of),
            rename_labels: self.rename_labels.as_deref().map(whole),
            ..self.clone()
        }
    }
}

/// Reads a corpus, prints its notes, and splits it by `seed`, or else like the training of `model`; warns if the
/// `wanted` splits are drawn from other texts, by another seed, or beside more or fewer training texts than in that
/// training.
///
/// # Errors
/// If the corpus cannot be read.
pub fn load_for(
    model: &Model<'_>,
    config: &CorpusConfig,
    seed: Option<u64>,
    wanted: &[Split],
) -> Result<Corpus> {
    let training = model.manifest()?.provenance;
    let seed = seed.unwrap_or(training.seed);
    let corpus = corpus::load(config, seed)?;
    corpus.notes.print();
    let is_same = corpus.digest == training.digest
        && seed == training.seed
        && corpus.train.len() == training.examples as usize;
    if !is_same && training.examples > 0 && corpus.drawn.iter().any(|split| wanted.contains(split)) {
        warn(&format!(
            "{}: these splits are not those of the model's training (other texts, or in another order, another --seed, \
             --valid or --test): texts of them may have been learnt",
            corpus.name
        ));
    }
    Ok(corpus)
}

/// The texts of a split, and their classes in the model's order.
///
/// # Errors
/// If one of their labels is unknown to the model.
pub fn texts_of<'c>(model: &Model<'_>, corpus: &'c Corpus, split: Split) -> Result<Vec<(&'c str, usize)>> {
    let own: Vec<&str> = model.labels().collect();
    let mut classes: HashMap<u32, usize> = HashMap::new();
    let mut texts = Vec::new();
    for Example { text, label } in corpus.texts(split) {
        let class = match classes.get(label) {
            Some(class) => *class,
            None => corpus::class_of(&corpus.name, &own, &corpus.labels[*label as usize])?,
        };
        classes.insert(*label, class);
        texts.push((&text[..], class));
    }
    Ok(texts)
}

/// Which texts of a corpus are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Every text
    All,
    /// The training split
    Train,
    /// The validation split
    Valid,
    /// The test split
    Test,
}

impl Which {
    /// The split; `None` for every text.
    #[must_use]
    pub const fn split(self) -> Option<Split> {
        match self {
            Self::All => None,
            Self::Train => Some(Split::Train),
            Self::Valid => Some(Split::Valid),
            Self::Test => Some(Split::Test),
        }
    }
}
