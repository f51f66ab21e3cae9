//! A model's answers to labelled texts.

use anyhow::{Result, ensure};
use serde::Serialize;
use telltale::Model;

use crate::command::corpus::{load_for, texts_of};
use crate::console::say;
use crate::corpus::{self, Corpus, CorpusConfig, Split, count};
use crate::engine::answer_all;
use crate::evaluate::measures::{Bin, Judged, Measures, calibration, misread};
use crate::evaluate::rejection::RejectionEffect;

/// The most mistakes on a page.
const MISTAKES: usize = 20;

/// The most bytes of their texts, so that long texts do not fill the page.
const MISTAKES_BYTES: usize = 100_000;

/// The most bytes of the initial text.
const EXAMPLE_BYTES: usize = 400;

/// The integer engine's answers to labelled texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The corpus's name.
    name: String,
    /// Which of its texts.
    split: &'static str,
    examples: usize,
    #[serde(flatten)]
    measures: Measures,
    /// Of a model with a rule of rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<RejectionEffect>,
    /// By the answer's probability.
    calibration: Vec<Bin>,
    /// Texts with a wrong answer.
    wrong: usize,
    /// The most probable of them, in descending order.
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
    /// Reads a split of a corpus, as `train` makes it by the seed, otherwise by that of the model.
    ///
    /// # Errors
    /// If the corpus cannot be read, the split is empty, or a label is unknown to the model.
    pub fn of_corpus(
        model: &Model<'_>,
        config: &CorpusConfig,
        split: Option<Split>,
        seed: Option<u64>,
    ) -> Result<Self> {
        let Some(split) = split else {
            let all = corpus::load_all(config)?;
            all.notes.print();
            let labels: Vec<&str> = model.labels().collect();
            let mut texts = Vec::new();
            for (text, label) in &all.examples {
                // `eval` measures a model that rejects texts on those of no class.
                if model.rejection().is_none() || corpus::label_position(&labels, label).is_some() {
                    texts.push((&text[..], corpus::class_of(&config.data, &labels, label)?));
                }
            }
            let strangers = all.examples.len() - texts.len();
            if strangers > 0 {
                say!(
                    "{}: left out, since the model has no such label: {}",
                    config.data,
                    count(strangers, "text")
                );
            }
            // Without its folder: the page goes to others.
            return Self::read(model, &corpus::name_of(&config.data), "all", &texts);
        };
        Self::of_split(model, &load_for(model, config, seed, &[split])?, split)
    }

    /// Reads the texts of a split.
    ///
    /// # Errors
    /// If there are none, or a label is unknown to the model.
    pub fn of_split(model: &Model<'_>, corpus: &Corpus, split: Split) -> Result<Self> {
        Self::read(model, &corpus.name, split.name(), &texts_of(model, corpus, split)?)
    }

    fn read(model: &Model<'_>, name: &str, split: &'static str, texts: &[(&str, usize)]) -> Result<Self> {
        ensure!(!texts.is_empty(), "{name}: no {split} texts: choose others with --split");
        let read: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
        let answers = answer_all(model, &read)?;
        let judged: Vec<Judged> =
            answers.iter().zip(texts).map(|(own, &(_, truth))| Judged::of_answer(own, truth)).collect();
        let labels: Vec<String> = model.labels().map(str::to_owned).collect();
        let measures = Measures::of(&judged, &labels);
        let wrong: Vec<(&str, &Judged)> =
            misread(&judged).into_iter().map(|at| (texts[at].0, &judged[at])).collect();
        let truths = texts.iter().map(|(_, truth)| *truth);
        let rejection = model.rejection().map(|_| RejectionEffect::of(&answers, truths, &[]));
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
            rejection,
            calibration: calibration(&judged),
            measures,
            wrong: wrong.len(),
            mistakes,
            example: short.next().map(str::to_owned),
        })
    }

    /// One of the short texts.
    pub fn example(&self) -> Option<&str> {
        self.example.as_deref()
    }

    /// Prints how accurate the answers are.
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
