//! What a model makes of labelled texts.

use anyhow::{Result, bail, ensure};
use rayon::prelude::*;
use serde::Serialize;
use telltale::{Classifier, Model};

use crate::aligned::AlignedBytes;
use crate::command::eval::Split;
use crate::console::say;
use crate::corpus::{self, CorpusArgs, Example};
use crate::engine::memory_for;

/// Mistakes that a page shows.
const MISTAKES: usize = 20;

/// The most bytes of their texts, so that long ones do not fill the page.
const MISTAKES_BYTES: usize = 100_000;

/// The most bytes of the text that is there to begin with.
const EXAMPLE_BYTES: usize = 400;

/// Steps of the calibration.
const BINS: usize = 10;

/// The integer engine's answers to labelled texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The corpus' name.
    name: String,
    /// Which of its texts.
    split: &'static str,
    examples: usize,
    accuracy: f64,
    /// Rows are true labels, columns the engine's.
    confusion: Vec<Vec<u64>>,
    /// By the answer's probability.
    calibration: Vec<Bin>,
    /// Texts with a wrong answer.
    wrong: usize,
    /// Those of the highest probabilities, the highest first.
    mistakes: Vec<Mistake>,
    #[serde(skip)]
    example: Option<String>,
}

/// Answers whose probability is from `from` to `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Bin {
    from: f64,
    to: f64,
    texts: usize,
    right: usize,
    /// The mean.
    probability: f64,
}

/// A text with a wrong answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Mistake {
    text: String,
    truth: usize,
    said: usize,
    probability: f64,
}

impl Results {
    /// Reads a split of a corpus, as `train` with the model's seed makes it.
    ///
    /// # Errors
    /// If the corpus cannot be read, the split is empty, or a label is unknown to the model.
    pub fn of_corpus(model: &Model<'_>, args: &CorpusArgs, split: Split) -> Result<Self> {
        if split == Split::All {
            let all = corpus::load_all(args)?;
            all.notes.print();
            let texts = all.examples.iter().map(|(text, label)| Ok((&text[..], class(model, label)?)));
            return Self::read(model, &args.data, split.name(), &texts.collect::<Result<Vec<_>>>()?);
        }
        let corpus = corpus::load(args, model.manifest()?.provenance.seed)?;
        corpus.notes.print();
        let texts = match split {
            Split::Train | Split::All => &corpus.train,
            Split::Valid => &corpus.valid,
            Split::Test => &corpus.test,
        };
        Self::of_examples(model, &corpus.name, split, texts, &corpus.labels)
    }

    /// Reads texts whose labels are numbers among `labels`.
    ///
    /// # Errors
    /// If there are none, or a label is unknown to the model.
    pub fn of_examples(
        model: &Model<'_>,
        name: &str,
        split: Split,
        examples: &[Example],
        labels: &[String],
    ) -> Result<Self> {
        let classes = labels.iter().map(|label| class(model, label)).collect::<Result<Vec<_>>>()?;
        let texts: Vec<(&str, usize)> =
            examples.iter().map(|example| (&example.text[..], classes[example.label as usize])).collect();
        Self::read(model, name, split.name(), &texts)
    }

    fn read(model: &Model<'_>, name: &str, split: &'static str, texts: &[(&str, usize)]) -> Result<Self> {
        ensure!(!texts.is_empty(), "{name}: no {split} texts: choose others with --split");
        let read = |memory: &mut AlignedBytes, (text, _): &(&str, usize)| -> Result<(usize, f64)> {
            let answer = Classifier::within(model, memory)?.classify(text);
            Ok((answer.class.index(), f64::from(answer.probability.ten_thousandths()) / 10_000.0))
        };
        let said: Vec<(usize, f64)> =
            texts.par_iter().with_min_len(16).map_init(|| memory_for(model), read).collect::<Result<_>>()?;
        let labels = model.labels().count();
        let mut confusion = vec![vec![0; labels]; labels];
        let step = 1.0 / BINS as f64;
        let empty = |at: usize| Bin { from: at as f64 * step, to: (at + 1) as f64 * step, ..Bin::default() };
        let mut calibration: Vec<Bin> = (0..BINS).map(empty).collect();
        let mut wrong = Vec::new();
        for (&(text, truth), &(said, probability)) in texts.iter().zip(&said) {
            confusion[truth][said] += 1;
            let bin = &mut calibration[((probability * BINS as f64) as usize).min(BINS - 1)];
            bin.texts += 1;
            bin.right += usize::from(said == truth);
            bin.probability += probability;
            if said != truth {
                wrong.push((text, truth, said, probability));
            }
        }
        calibration.iter_mut().for_each(|bin| bin.probability /= bin.texts.max(1) as f64);
        wrong.sort_by(|a, b| b.3.total_cmp(&a.3));
        let mut room = MISTAKES_BYTES;
        let fits = |(text, ..): &&(&str, usize, usize, f64)| {
            let fits = text.len() <= room;
            room -= if fits { text.len() } else { 0 };
            fits
        };
        let mistakes = wrong.iter().filter(fits).take(MISTAKES).map(|&(text, truth, said, probability)| {
            Mistake { text: text.to_owned(), truth, said, probability }
        });
        let mistakes = mistakes.collect();
        let mut short = texts.iter().map(|(text, _)| *text).filter(|text| text.len() <= EXAMPLE_BYTES);
        Ok(Self {
            name: name.to_owned(),
            split,
            examples: texts.len(),
            accuracy: (texts.len() - wrong.len()) as f64 / texts.len() as f64,
            confusion,
            calibration,
            wrong: wrong.len(),
            mistakes,
            example: short.next().map(str::to_owned),
        })
    }

    /// A short text of them.
    pub fn example(&self) -> Option<&str> {
        self.example.as_deref()
    }

    /// Says how right the answers are.
    pub fn say(&self) {
        say!(
            "{}, {} texts of {}: accuracy {:.2} %",
            self.split,
            self.examples,
            self.name,
            self.accuracy * 100.0
        );
    }
}

/// The class of a label.
fn class(model: &Model<'_>, label: &str) -> Result<usize> {
    let labels: Vec<String> = model.labels().map(str::to_owned).collect();
    match corpus::label_position(&labels, label) {
        Some(class) => Ok(class),
        None => bail!("the label `{label}` is unknown to the model, which knows {}", labels.join(", ")),
    }
}
