//! What a model makes of labelled texts.

use anyhow::{Result, ensure};
use rayon::prelude::*;
use serde::Serialize;
use telltale::{Classifier, Model};

use crate::aligned::AlignedBytes;
use crate::command::eval::Split;
use crate::console::say;
use crate::corpus::{self, CorpusConfig, Example};
use crate::engine::memory_for;
use crate::evaluate::measures::{Bin, Judged, Measures, calibration};

/// Mistakes that a page shows.
const MISTAKES: usize = 20;

/// The most bytes of their texts, so that long ones do not fill the page.
const MISTAKES_BYTES: usize = 100_000;

/// The most bytes of the text that is there to begin with.
const EXAMPLE_BYTES: usize = 400;

/// The integer engine's answers to labelled texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The corpus' name.
    name: String,
    /// Which of its texts.
    split: &'static str,
    examples: usize,
    #[serde(flatten)]
    measures: Measures,
    /// By the answer's probability.
    calibration: Vec<Bin>,
    /// Texts with a wrong answer.
    wrong: usize,
    /// Those of the highest probabilities, the highest first.
    mistakes: Vec<Mistake>,
    #[serde(skip)]
    example: Option<String>,
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
    pub fn of_corpus(model: &Model<'_>, config: &CorpusConfig, split: Split) -> Result<Self> {
        if split == Split::All {
            let all = corpus::load_all(config)?;
            all.notes.print();
            let labels: Vec<&str> = model.labels().collect();
            let texts = all
                .examples
                .iter()
                .map(|(text, label)| Ok((&text[..], corpus::class_of(&config.data, &labels, label)?)));
            return Self::read(model, &config.data, split.name(), &texts.collect::<Result<Vec<_>>>()?);
        }
        let corpus = corpus::load(config, model.manifest()?.provenance.seed)?;
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
        let own: Vec<&str> = model.labels().collect();
        let class = |label: &String| corpus::class_of(name, &own, label);
        let classes = labels.iter().map(class).collect::<Result<Vec<_>>>()?;
        let texts: Vec<(&str, usize)> =
            examples.iter().map(|example| (&example.text[..], classes[example.label as usize])).collect();
        Self::read(model, name, split.name(), &texts)
    }

    fn read(model: &Model<'_>, name: &str, split: &'static str, texts: &[(&str, usize)]) -> Result<Self> {
        ensure!(!texts.is_empty(), "{name}: no {split} texts: choose others with --split");
        let read = |memory: &mut AlignedBytes, &(text, truth): &(&str, usize)| -> Result<Judged> {
            let answer = Classifier::within(model, memory)?.classify(text);
            let probability = f64::from(answer.probability.ten_thousandths()) / 10_000.0;
            Ok(Judged { truth, answer: answer.class.index(), probability })
        };
        let judged: Vec<Judged> =
            texts.par_iter().with_min_len(16).map_init(|| memory_for(model), read).collect::<Result<_>>()?;
        let labels: Vec<String> = model.labels().map(str::to_owned).collect();
        let measures = Measures::of(&judged, &labels);
        let mut wrong: Vec<(&str, &Judged)> = texts
            .iter()
            .zip(&judged)
            .filter(|(_, own)| own.truth != own.answer)
            .map(|((text, _), own)| (*text, own))
            .collect();
        wrong.sort_by(|(_, a), (_, b)| b.probability.total_cmp(&a.probability));
        let mut room = MISTAKES_BYTES;
        let fits = |(text, _): &&(&str, &Judged)| {
            let fits = text.len() <= room;
            room -= if fits { text.len() } else { 0 };
            fits
        };
        let mistake = |&(text, own): &(&str, &Judged)| Mistake {
            text: text.to_owned(),
            truth: own.truth,
            said: own.answer,
            probability: own.probability,
        };
        let mistakes = wrong.iter().filter(fits).take(MISTAKES).map(mistake).collect();
        let mut short = texts.iter().map(|(text, _)| *text).filter(|text| text.len() <= EXAMPLE_BYTES);
        Ok(Self {
            name: name.to_owned(),
            split,
            examples: texts.len(),
            calibration: calibration(&judged),
            measures,
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
            self.measures.accuracy * 100.0
        );
    }
}
