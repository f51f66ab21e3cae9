//! A run's starting point: texts, words, a teacher's soft labels, which n-grams to learn.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use candle_core::Device;
use rayon::prelude::*;
use telltale::engine::text::Options as TextOptions;
use telltale::session::REJECTED;

use super::config::RunConfig;
use super::tags::Tags;
use super::teach;
use super::texts::{Texts, targets, tokenise, tokenised};
use crate::console::{self, human, say, warn};
use crate::corpus::{self, Corpus, CorpusConfig, Example};
use crate::model::weights::Ranges;
use crate::model::{Config, Network};
use crate::ngrams::{Bag, Examples, FEW_CLASSES, MOST_SEPARATE, Method, Ngrams, Recipe, Space, bags, choose};
use crate::quantise;
use crate::train::{TrainingExample, balance};
use crate::vocabulary::{Built, Counts};

/// The corpus read, the run decided, the words numbered.
pub struct Data {
    /// The labelled texts.
    pub corpus: Corpus,
    /// Words of the training texts, repetitions included.
    pub words: u64,
    /// The tokeniser's options.
    pub text: TextOptions,
    /// The run's configuration.
    pub config: RunConfig,
    /// The vocabulary's words, the most frequent first.
    pub frequent: Vec<(u32, String)>,
    /// The vocabulary.
    pub vocabulary: Built,
    /// Which n-grams to learn.
    pub recipe: Option<Recipe>,
    /// Texts without labels, in the order of those after the labelled ones in `texts.train`.
    pub unlabelled: Vec<String>,
    /// The texts as word ids.
    pub texts: Texts,
}

/// The texts as read, and their words counted.
pub struct Source {
    /// The labelled texts.
    pub corpus: Corpus,
    /// Texts without labels.
    pub unlabelled: Vec<String>,
    /// The tokeniser's options.
    pub text: TextOptions,
    /// Over the texts to learn from, labelled or not.
    pub counts: Counts,
}

impl Source {
    /// Reads the corpus and the unlabelled texts; unless `tags` is given, HTML's are read if they help to predict the
    /// class.
    ///
    /// # Errors
    /// If they cannot be read, with the reason.
    pub fn read(
        config: &CorpusConfig,
        unlabelled: Option<&Path>,
        punctuation: bool,
        tags: Option<bool>,
        seed: u64,
    ) -> Result<Self> {
        let corpus = corpus::load(config, seed)?;
        corpus.notes.print();
        let found = Tags::count(&corpus.train, corpus.labels.len());
        let text = TextOptions { punctuation, tags: tags.unwrap_or_else(|| found.tell()) };
        if let Some(line) = found.describe(&corpus.labels, text.tags) {
            say!("{}: {line}", corpus.name);
        }
        let unlabelled = match unlabelled {
            Some(path) => {
                let (texts, notes) = corpus::unlabelled::read(path, config)?;
                notes.print();
                texts
            }
            None => Vec::new(),
        };
        let labelled = corpus.train.iter().map(|example| (example.text.as_bytes(), Some(example.label)));
        let others = unlabelled.iter().map(|text| (text.as_bytes(), None));
        let counts = Counts::of(labelled.chain(others), text);
        ensure!(
            counts.total() > 0,
            "{}: the training texts contain no words, and no symbols that tell the classes apart",
            corpus.name
        );
        Ok(Self { corpus, unlabelled, text, counts })
    }

    /// Texts to learn from, labelled or not.
    #[must_use]
    pub const fn texts_to_learn_from(&self) -> usize {
        self.corpus.train.len() + self.unlabelled.len()
    }
}

impl Data {
    /// Prepares a run's starting point.
    ///
    /// # Errors
    /// If the texts lack something that the configuration requires; the error names the flag.
    pub fn prepare(source: Source, config: RunConfig) -> Result<Self> {
        let Source { corpus, unlabelled, text, counts } = source;
        let (words, seed) = (counts.total(), config.options.seed);
        ensure!(
            config.reject.is_none() || !(corpus.valid.is_empty() || corpus.validates_on_train),
            "--reject: it is calibrated on validation texts, and {} has none: give more texts, or --valid",
            corpus.name
        );
        ensure!(
            config.reject.is_none() || !corpus.labels.iter().any(|label| label.as_bytes() == REJECTED),
            "--reject: {} has a class `?`, which is what a rejected text is answered with (--rename-labels FILE)",
            corpus.name
        );
        let frequent = frequent(&corpus, &counts, &config)?;
        let vocabulary = Built::new(&frequent)?;
        let reader = vocabulary.open()?;
        let mut texts = tokenise(&corpus, text, &reader);
        if !unlabelled.is_empty() {
            let classes = corpus.labels.len();
            let others = teach::with_opinions(
                &texts,
                unlabelled.par_iter().map(|own| tokenised(own, 0, text, &reader)).collect(),
                classes,
                config.teacher,
                seed,
                config.teacher_cache.as_deref(),
            )?;
            texts.train.extend(others);
        }
        if config.balance {
            balance(&mut texts.train, corpus.labels.len());
        }
        let reader = vocabulary.open()?;
        for text in [&mut texts.train, &mut texts.valid, &mut texts.test].into_iter().flatten() {
            text.ids = text.hashes.iter().map(|&hash| reader.id(hash)).collect();
            text.hashes = Vec::new();
        }
        let recipe = None;
        let mut data = Self { corpus, words, text, config, frequent, vocabulary, recipe, unlabelled, texts };
        data.recipe = data.choose_ngrams(seed)?;
        Ok(data)
    }

    /// Which n-grams to learn, tried out on validation texts.
    fn choose_ngrams(&self, seed: u64) -> Result<Option<Recipe>> {
        if self.config.ngrams.most == Some(0) {
            return Ok(None);
        }
        let started = Instant::now();
        let network = self.network_bytes(seed)?;
        let room = self.config.bytes.saturating_sub(network);
        let classes = self.corpus.labels.len();
        let bytes = by_classes(CHOICE_BYTES, classes, classes <= MOST_SEPARATE);
        let learnt = NgramTexts::of(self, &self.texts.train, &self.corpus.train, &self.unlabelled, bytes);
        let tried = NgramTexts::of(self, &self.texts.valid, &self.corpus.valid, &[], bytes);
        let space = Space {
            texts: &learnt.texts,
            targets: &learnt.targets(),
            weights: &learnt.weights,
            valid: (&tried.texts, &tried.targets()),
            options: self.text,
            bytes: room,
            most: self.config.ngrams.most,
            orders: self.config.ngrams.orders,
            seed,
        };
        let choices = match choose(&space, |choice| say!("  tried {choice}")) {
            Err(error) if self.config.ngrams.most.is_none() => {
                warn(&format!("the network reads without n-grams beside it: {error:#}"));
                return Ok(None);
            }
            choices => choices?,
        };
        let Some(best) = choices.first() else {
            warn(&format!(
                "the network alone takes about {network} bytes: of {} there is no room for n-grams beside it (--bytes N)",
                self.config.bytes
            ));
            return Ok(None);
        };
        say!("n-grams: {best}, the best of {}, {}", choices.len(), human(started.elapsed()));
        Ok(Some(best.recipe))
    }

    /// Bytes of the model without n-grams.
    fn network_bytes(&self, seed: u64) -> Result<usize> {
        let weights = Network::new(&self.network_config(), &Device::Cpu, seed)?.weights()?;
        let sections = quantise::quantise(&weights, &Ranges::default(), self.config.bits)?;
        let labels: usize = self.corpus.labels.iter().map(String::len).sum();
        Ok(self.vocabulary.section().len() + sections.bytes() + labels + MANIFEST_BYTES)
    }

    /// N-grams fitted to the training texts, and to the validation texts as well if `all`.
    ///
    /// # Errors
    /// If no n-gram occurs often enough.
    pub fn fit_ngrams(&self, recipe: &Recipe, all: bool, seed: u64) -> Result<Ngrams> {
        // Characters have several n-grams each, words a few for five or six bytes.
        let bytes = if recipe.characters > 0 { FIT_BYTES } else { 3 * FIT_BYTES };
        let separated = matches!(recipe.method, Method::Separate(_));
        let bytes = by_classes(bytes, self.corpus.labels.len(), separated);
        let mut texts = NgramTexts::of(self, &self.texts.train, &self.corpus.train, &self.unlabelled, bytes);
        if all {
            texts.append(NgramTexts::of(self, &self.texts.valid, &self.corpus.valid, &[], bytes));
        }
        if texts.left_out > 0 {
            say!("n-grams: learnt from {} texts, {} left out", texts.texts.len(), texts.left_out);
        }
        let bags = bags(&texts.texts, self.text, recipe.orders());
        let bags: Vec<&Bag> = bags.iter().collect();
        let targets = texts.targets();
        Ngrams::fit(Examples { bags: &bags, targets: &targets, weights: &texts.weights }, recipe, seed)
    }

    /// The network's shape.
    pub fn network_config(&self) -> Config {
        self.config.network(self.vocabulary.words.len(), self.corpus.labels.len())
    }
}

/// Fewer training texts than these make a word that occurs once worth its row.
const RARE_WORDS_BELOW: usize = 40;

/// The words of the vocabulary, the most frequent first. If no flag sets how often they must occur, and too few words
/// would be left, all are taken.
///
/// # Errors
/// If no word is left, with advice.
pub fn frequent(corpus: &Corpus, counts: &Counts, config: &RunConfig) -> Result<Vec<(u32, String)>> {
    let usual = counts.most_frequent(config.vocab, config.min_freq);
    let is_free = config.min_freq_yields && config.min_freq > 1;
    if is_free && (usual.is_empty() || corpus.train.len() < RARE_WORDS_BELOW) {
        let all = counts.most_frequent(config.vocab, 1);
        if !all.is_empty() && all.len() > usual.len() {
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
        config.min_freq,
        corpus.name,
        if counts.most_frequent(1, 1).is_empty() { ", or at all" } else { ": lower it" }
    );
    Ok(usual)
}

/// Bytes of header, manifest and padding, about.
const MANIFEST_BYTES: usize = 900;

/// Bytes of text that n-grams are chosen by, and n-grams of characters learnt from, at most: with more, evenly spaced
/// texts are read.
const CHOICE_BYTES: usize = 12 << 20;
const FIT_BYTES: usize = 48 << 20;

/// `bytes`, or fewer if so many classes are `separated` from the others that it takes long.
fn by_classes(bytes: usize, classes: usize, separated: bool) -> usize {
    if separated { bytes * FEW_CLASSES / classes.max(FEW_CLASSES) } else { bytes }
}

/// Texts that n-grams learn from.
struct NgramTexts<'t> {
    texts: Vec<&'t str>,
    /// \[texts\]\[C\]
    wanted: Vec<Vec<f32>>,
    /// Their weights.
    weights: Vec<f32>,
    /// How many did not fit.
    left_out: usize,
}

impl<'t> NgramTexts<'t> {
    /// Evenly chosen texts of at most `bytes`, those without labels after the others.
    fn of(
        data: &'t Data,
        texts: &[TrainingExample],
        examples: &'t [Example],
        others: &'t [String],
        bytes: usize,
    ) -> Self {
        let all: Vec<&str> = examples
            .iter()
            .map(|example| &example.text[..])
            .chain(others.iter().map(|text| &text[..]))
            .collect();
        let total: usize = all.iter().map(|text| text.len()).sum();
        let step = total.div_ceil(bytes).max(1);
        let learnt = texts.iter().step_by(step);
        let weights = learnt.clone().map(|text| text.weight).collect();
        let wanted = targets(learnt, data.corpus.labels.len());
        let texts: Vec<&str> = all.iter().step_by(step).copied().collect();
        Self { left_out: all.len() - texts.len(), texts, wanted, weights }
    }

    fn append(&mut self, mut other: Self) {
        self.texts.append(&mut other.texts);
        self.wanted.append(&mut other.wanted);
        self.weights.append(&mut other.weights);
        self.left_out += other.left_out;
    }

    fn targets(&self) -> Vec<&[f32]> {
        self.wanted.iter().map(|target| &target[..]).collect()
    }
}
