//! What a run starts from: texts, words, a teacher's opinions, the wide part.

use std::time::Instant;

use anyhow::{Result, ensure};
use rayon::prelude::*;
use telltale::engine::text::Options as TextOptions;
use telltale::engine::vocab::Vocabulary;

use super::Args;
use super::plan::{Plan, Preset};
use super::teach;
use crate::console::{self, say};
use crate::corpus::{self, Corpus, Example};
use crate::model::Config;
use crate::ngrams::{Lesson, Selection, Wide};
use crate::train::log::human;
use crate::train::{TrainingExample, balance};
use crate::vocabulary::{Built, Counts, hashes_of};

/// Tokenised splits.
pub struct Texts {
    pub train: Vec<TrainingExample>,
    pub valid: Vec<TrainingExample>,
    pub test: Vec<TrainingExample>,
}

/// The corpus read, the run decided, the words numbered.
pub struct Data {
    pub corpus: Corpus,
    /// Words of the training texts, repetitions included.
    pub words: u64,
    pub text: TextOptions,
    pub plan: Plan,
    /// The vocabulary's words, the most frequent first.
    pub frequent: Vec<(u32, String)>,
    pub vocabulary: Built,
    pub wide: Option<Wide>,
    pub texts: Texts,
}

/// The texts as read, and their words counted.
pub struct Source {
    pub corpus: Corpus,
    pub unlabelled: Vec<String>,
    pub text: TextOptions,
    /// Over the texts to learn from, labelled or not.
    pub counts: Counts,
}

impl Source {
    /// Reads the corpus and the unlabelled texts.
    ///
    /// # Errors
    /// Says what was wrong with them.
    pub fn read(args: &Args) -> Result<Self> {
        let corpus = corpus::load(&args.corpus, args.seed)?;
        corpus.notes.print();
        let tutorial = args.preset.is_some_and(Preset::is_tutorial);
        let text = TextOptions { punctuation: args.shape.punctuation.unwrap_or(!tutorial) };
        let unlabelled = match &args.unlabelled {
            Some(path) => {
                let (texts, notes) = corpus::unlabelled::read(path, &args.corpus)?;
                notes.print();
                texts
            }
            None => Vec::new(),
        };
        let labelled = corpus.train.iter().map(|example| (example.text.as_bytes(), Some(example.label)));
        let others = unlabelled.iter().map(|text| (text.as_bytes(), None));
        let counts = Counts::of(labelled.chain(others), text);
        ensure!(counts.total() > 0, "{}: the training texts contain no words", corpus.name);
        Ok(Self { corpus, unlabelled, text, counts })
    }
}

impl Data {
    /// Reads everything that a run starts from.
    ///
    /// # Errors
    /// Says what was wrong with a corpus or a flag.
    pub fn load(args: &Args) -> Result<Self> {
        let Source { corpus, unlabelled, text, counts } = Source::read(args)?;
        let words = counts.total();
        let plan = Plan::new(args, words, corpus.train.len() + unlabelled.len(), corpus.labels.len())?;
        let frequent = frequent(args, &corpus, &counts, &plan)?;
        let vocabulary = Built::new(&frequent)?;
        let reader = vocabulary.open()?;
        let mut texts = tokenise(&corpus, text, &reader);
        if !unlabelled.is_empty() {
            let classes = corpus.labels.len();
            let others = teach::with_opinions(
                &texts,
                unlabelled.par_iter().map(|own| tokenised(own, 0, text, &reader)).collect(),
                classes,
                plan.teacher,
                args.seed,
                args.teacher_cache.as_deref(),
            )?;
            texts.train.extend(others);
        }
        if args.training.balance.unwrap_or(false) {
            balance(&mut texts.train, corpus.labels.len());
        }
        let wide = match plan.wide {
            0 => None,
            _ => Some(widen(&texts.train, &plan, corpus.labels.len())?),
        };
        for text in [&mut texts.train, &mut texts.valid, &mut texts.test].into_iter().flatten() {
            text.ids = text.hashes.iter().map(|&hash| reader.id(hash)).collect();
            match &wide {
                Some(wide) => text.offsets = wide.logits(&text.hashes),
                None => text.hashes = Vec::new(),
            }
        }
        Ok(Self { corpus, words, text, plan, frequent, vocabulary, wide, texts })
    }

    /// The network's shape.
    pub fn config(&self) -> Config {
        let plan = &self.plan;
        Config {
            cell: plan.cell,
            layers: plan.layers,
            embed: plan.embed,
            hidden: plan.hidden,
            vocab: self.vocabulary.words.len() + 1,
            pooling: plan.pooling,
            head_hidden: plan.head_hidden,
            classes: self.corpus.labels.len(),
        }
    }
}

/// Fewer training texts than these make a word that occurs once worth its row.
const FEW: usize = 40;

/// The words of the vocabulary, the most frequent first. Where a flag does not say how often they must occur, and too
/// few words would be left, all of them are taken.
///
/// # Errors
/// If no word is left; the advice is one that helps.
pub fn frequent(args: &Args, corpus: &Corpus, counts: &Counts, plan: &Plan) -> Result<Vec<(u32, String)>> {
    let usual = counts.most_frequent(plan.vocab, plan.min_freq);
    let is_free = args.shape.min_freq.is_none() && plan.min_freq > 1;
    if is_free && (usual.is_empty() || corpus.train.len() < FEW) {
        let all = counts.most_frequent(plan.vocab, 1);
        if !all.is_empty() {
            let name = &corpus.name;
            console::warn(&format!(
                "{name}: few words occur twice, so that all {} are in the vocabulary",
                all.len()
            ));
            return Ok(all);
        }
    }
    ensure!(
        !usual.is_empty(),
        "--min-freq {}: no word of {} occurs so often{}",
        plan.min_freq,
        corpus.name,
        if counts.most_frequent(1, 1).is_empty() { ", or at all" } else { ": lower it" }
    );
    Ok(usual)
}

/// The words of all labelled texts, as hashes.
fn tokenise(corpus: &Corpus, options: TextOptions, vocabulary: &Vocabulary<'_>) -> Texts {
    let own = |example: &Example| tokenised(&example.text, example.label, options, vocabulary);
    let all = |examples: &[Example]| examples.par_iter().map(own).collect();
    Texts { train: all(&corpus.train), valid: all(&corpus.valid), test: all(&corpus.test) }
}

fn tokenised(text: &str, label: u32, options: TextOptions, vocabulary: &Vocabulary<'_>) -> TrainingExample {
    let hashes = hashes_of(text.as_bytes(), options, vocabulary);
    TrainingExample { hashes, label, ..TrainingExample::default() }
}

/// The wide part of all training texts.
fn widen(texts: &[TrainingExample], plan: &Plan, classes: usize) -> Result<Wide> {
    let started = Instant::now();
    let targets = targets(texts, classes, WIDE_SMOOTHING);
    let selection = Selection { most: plan.wide, order: plan.wide_order, seed: plan.options.seed };
    let wide = Wide::fit(&lessons(texts, &targets), classes, &selection)?;
    say!("wide part: {} n-grams, {}", wide.len(), human(started.elapsed()));
    Ok(wide)
}

/// Probability moved from the true label to all where the wide part learns.
const WIDE_SMOOTHING: f32 = 0.04;

/// What each text should say: the teacher's opinion, or its label with `smoothing`.
pub fn targets(texts: &[TrainingExample], classes: usize, smoothing: f32) -> Vec<Vec<f32>> {
    let target = |text: &TrainingExample| {
        if !text.target.is_empty() {
            return text.target.clone();
        }
        let mut target = vec![smoothing / classes as f32; classes];
        target[text.label as usize] += 1.0 - smoothing;
        target
    };
    texts.iter().map(target).collect()
}

/// Texts and targets as a linear classifier takes them.
pub fn lessons<'t>(texts: &'t [TrainingExample], targets: &'t [Vec<f32>]) -> Vec<Lesson<'t>> {
    texts.iter().zip(targets).map(|(text, target)| Lesson { words: &text.hashes, target }).collect()
}
