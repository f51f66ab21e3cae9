//! From trained floats to the file for the chip: measured, quantised, measured again.

use std::time::Duration;

use anyhow::Result;
use rayon::prelude::*;
use telltale::engine::format::{Kind, Metrics};
use telltale::engine::text::Options;
use telltale::{Model, Rejection};

use super::config::RunConfig;
use super::data::Data;
use super::report::{BlobReport, ModelReport, PartAccuracy, QuantisedReport, Report, metrics};
use crate::aligned::AlignedBytes;
use crate::bytes::hex;
use crate::console::{say, warn};
use crate::corpus::{Corpus, Example};
use crate::engine::{Item, ReadWith, Reading, Verdict, classify_all, items};
use crate::evaluate::measures::{Judged, Measures, share};
use crate::evaluate::rejection;
use crate::model::weights::Ranges;
use crate::model::{Cell, Config, Network, Weights};
use crate::ngrams::{Bag, Mix, Ngrams, bags};
use crate::pytorch::{self, config::Activation};
use crate::quantise::{self, CALIBRATION_TEXTS, Description, EmbeddingBits};
use crate::train::batches::cut;
use crate::train::{self, Epoch, Evaluation, TrainingExample, TrainingOptions};
use crate::vocabulary::sample;

/// The most words of a text that calibrates.
const CALIBRATION_WORDS: usize = 20_000;

/// A finished model and what it achieves.
pub struct Finished {
    /// The model's file.
    pub blob: AlignedBytes,
    /// For PyTorch.
    pub weights: Weights,
    /// For PyTorch.
    pub description: pytorch::config::Description,
    valid: Evaluation,
    validates_on_train: bool,
    test: Option<Evaluation>,
    /// What the integer engine achieves.
    pub quantised: QuantisedReport,
    vocabulary: usize,
    parameters: usize,
    sizes: BlobReport,
}

impl Finished {
    /// The run's report for machines.
    pub fn report<'a>(&'a self, config: &Config, epochs: &'a [Epoch], took: Duration) -> Report<'a> {
        Report {
            model: ModelReport {
                cell: config.cell,
                layers: config.layers,
                embed: config.embed,
                hidden: config.hidden,
                vocab: self.vocabulary,
                parameters: self.parameters,
            },
            epochs,
            valid: &self.valid,
            validates_on_train: self.validates_on_train,
            test: self.test.as_ref(),
            quantised: &self.quantised,
            blob: self.sizes,
            seconds: took.as_secs_f64(),
        }
    }
}

/// Measures the float model, quantises it and measures the integer engine; n-grams then learn from the validation
/// texts as well.
///
/// # Errors
/// If the weights do not fit the fixed-point formats.
pub fn finish(data: &Data, network: &Network) -> Result<Finished> {
    let Data { corpus, config, texts, vocabulary, .. } = data;
    let seed = config.options.seed;
    // From here on every word counts, as on the chip.
    let whole = TrainingOptions {
        max_len: if config.reads_whole_texts { 0 } else { config.options.max_len },
        ..config.options.clone()
    };
    let weights = network.weights()?;
    let calibration = texts.train.iter().take(CALIBRATION_TEXTS).map(|text| {
        let read = cut(&text.ids, whole.max_len, whole.keep);
        cut(read, CALIBRATION_WORDS, whole.keep)
    });
    let ranges = quantise::calibrate(&weights, calibration);
    let mut description = describe(corpus, data.text, config, &data.frequent);
    let split = |texts, examples| SplitTexts { texts, examples };
    let (valid, test) = (split(&texts.valid, &corpus.valid), split(&texts.test, &corpus.test));
    let (valid_logits, test_logits) = (
        train::final_logits(network, valid.texts, &whole)?,
        train::final_logits(network, test.texts, &whole)?,
    );
    let sections = |side: Option<&Side>| sections(&weights, &ranges, config.bits, side);
    // What has not learnt from the validation texts is measured on them.
    let (mut side, valid_ngrams) = match &data.recipe {
        None => (None, None),
        Some(recipe) => {
            let ngrams = data.fit_ngrams(recipe, false, seed)?;
            let own = ngrams.logits(&valid.bags(&ngrams, data))?;
            let labels: Vec<u32> = valid.texts.iter().map(|text| text.label).collect();
            // Texts that both have learnt say nothing of what they know.
            let mix =
                if corpus.validates_on_train { Mix::EVEN } else { Mix::fit(&valid_logits, &own, &labels) };
            (Some(Side { ngrams, mix }), Some(own))
        }
    };
    let draft = quantise::write_blob(&description, vocabulary.section(), &sections(side.as_ref())?)?;
    let model = Model::open(&draft)?;
    let rejection = match config.reject {
        Some(share) => Some(rejection::calibrate(&model, &valid.strings(), share)?),
        None => None,
    };
    let valid_float = valid.evaluate(&valid_logits, valid_ngrams.as_deref(), side.as_ref());
    let valid_own = valid.classify(&model, &whole)?;
    let same = |own: &[Verdict], float: &Evaluation| {
        share(own.iter().zip(&float.predictions).map(|(own, float)| own.class == *float as usize))
    };
    let agreement = if valid.texts.is_empty() {
        let count = texts.train.len().min(CALIBRATION_TEXTS).min(corpus.train.len());
        let learnt = split(&texts.train[..count], &corpus.train[..count]);
        let logits = train::final_logits(network, learnt.texts, &whole)?;
        let ngrams = learnt.ngram_logits(side.as_ref(), data)?;
        same(&learnt.classify(&model, &whole)?, &learnt.evaluate(&logits, ngrams.as_deref(), side.as_ref()))
    } else {
        same(&valid_own, &valid_float)
    };
    if let (Some(recipe), Some(side)) = (&data.recipe, &mut side)
        && !valid.texts.is_empty()
        && !corpus.validates_on_train
    {
        say!(
            "n-grams count {:.2}, the network {:.2}; n-grams learn from the validation texts, too",
            side.mix.ngrams,
            side.mix.network
        );
        side.ngrams = data.fit_ngrams(recipe, true, seed)?;
    }
    let test_ngrams = test.ngram_logits(side.as_ref(), data)?;
    let is_tested = !test.texts.is_empty();
    let test_float = is_tested.then(|| test.evaluate(&test_logits, test_ngrams.as_deref(), side.as_ref()));
    let sections = sections(side.as_ref())?;
    let (mut blob, quantised) =
        quantise::export(&mut description, vocabulary.section(), &sections, |model| {
            let measures = |split: &SplitTexts<'_>, own: &[Verdict]| {
                (!own.is_empty()).then(|| Measures::of(&split.judged(own), &corpus.labels))
            };
            let (of_valid, of_test) =
                (measures(&valid, &valid_own), measures(&test, &test.classify(model, &whole)?));
            let quantised = QuantisedReport {
                valid_accuracy: of_valid.as_ref().map_or(f64::NAN, |own| own.accuracy),
                test_accuracy: of_test.as_ref().map(|own| own.accuracy),
                agreement,
                alone: is_tested.then(|| test.alone(&test_logits, test_ngrams.as_deref())),
                valid: of_valid,
                test: of_test,
            };
            let valid_float = (!corpus.validates_on_train).then_some(&valid_float);
            Ok((metrics(valid_float, test_float.as_ref(), &quantised), quantised))
        })?;
    if let Some(rule) = rejection {
        blob = quantise::with_section(&blob, Kind::Rejection, &rule.section())?;
        tell_rejection(rule);
    }
    let sizes = BlobReport {
        bytes: blob.len(),
        vocab_bytes: vocabulary.section().len(),
        weight_bytes: sections.bytes(),
    };
    let (vocabulary, parameters) = (vocabulary.words.len(), weights.count());
    let description = for_pytorch(&description, &weights, ranges, config.bits, &whole);
    let validates_on_train = corpus.validates_on_train;
    let (valid, test) = (valid_float, test_float);
    Ok(Finished {
        blob,
        weights,
        description,
        valid,
        validates_on_train,
        test,
        quantised,
        vocabulary,
        parameters,
        sizes,
    })
}

/// What a model says of itself before it is measured; `frequent` are the words of its vocabulary.
pub(super) fn describe(
    corpus: &Corpus,
    text: Options,
    config: &RunConfig,
    frequent: &[(u32, String)],
) -> Description {
    Description {
        labels: corpus.labels.clone(),
        text,
        pooling: config.pooling,
        corpus: corpus.name.clone(),
        digest: corpus.digest,
        seed: config.options.seed,
        examples: corpus.train.len(),
        self_test: sample(frequent),
        metrics: Metrics::default(),
    }
}

/// Network and n-grams in integers.
fn sections(
    weights: &Weights,
    ranges: &Ranges,
    bits: EmbeddingBits,
    side: Option<&Side>,
) -> Result<quantise::Sections> {
    let Some(Side { ngrams, mix }) = side else { return quantise::quantise(weights, ranges, bits) };
    let weights = weights.with_head(mix.network, &ngrams.head_bias(mix.ngrams));
    let ngrams = Some(quantise::ngrams(ngrams, mix.ngrams)?);
    Ok(quantise::Sections { ngrams, ..quantise::quantise(&weights, ranges, bits)? })
}

/// Which texts the model takes for none of its classes.
fn tell_rejection(rule: Rejection) {
    let [probability, known] = [rule.probability, rule.known].map(|share| f64::from(share) / 100.0);
    say!("rejected: answers of less than {probability:.2} %, texts with less than {known:.2} % known words");
    if probability.max(known) >= 100.0 {
        warn(
            "--reject: the validation texts are all entirely known or sure, so that every other text is rejected: they \
             are too few or too much alike to calibrate by",
        );
    }
}

/// N-grams beside a network.
struct Side {
    ngrams: Ngrams,
    mix: Mix,
}

/// Some of the corpus' texts.
#[derive(Clone, Copy)]
struct SplitTexts<'t> {
    texts: &'t [TrainingExample],
    examples: &'t [Example],
}

impl SplitTexts<'_> {
    fn bags(&self, ngrams: &Ngrams, data: &Data) -> Vec<Bag> {
        bags(&self.strings(), data.text, ngrams.orders)
    }

    fn strings(&self) -> Vec<&str> {
        self.examples.iter().map(|example| &example.text[..]).collect()
    }

    /// What the n-grams say, where there are some.
    fn ngram_logits(&self, side: Option<&Side>, data: &Data) -> Result<Option<Vec<Vec<f32>>>> {
        side.map(|Side { ngrams, .. }| ngrams.logits(&self.bags(ngrams, data))).transpose()
    }

    /// Network and n-grams by themselves, each with a bias of its own: shares of right labels.
    fn alone(&self, network: &[Vec<f32>], ngrams: Option<&[Vec<f32>]>) -> PartAccuracy {
        let accuracy = |logits| train::evaluation(logits, self.texts).accuracy;
        PartAccuracy { network: accuracy(network), ngrams: ngrams.map(accuracy) }
    }

    /// The float model, from the logits of its parts.
    fn evaluate(&self, network: &[Vec<f32>], ngrams: Option<&[Vec<f32>]>, side: Option<&Side>) -> Evaluation {
        let Some((own, Side { mix, .. })) = ngrams.zip(side) else {
            return train::evaluation(network, self.texts);
        };
        let both: Vec<Vec<f32>> =
            network.iter().zip(own).map(|(network, own)| mix.logits(network, own)).collect();
        train::evaluation(&both, self.texts)
    }

    /// What the integer engine says.
    fn classify(&self, model: &Model<'_>, options: &TrainingOptions) -> Result<Vec<Verdict>> {
        let items: Vec<Vec<Item>> =
            self.examples.par_iter().map(|example| items(model, &example.text)).collect();
        let read: Vec<Reading<'_>> = items
            .iter()
            .zip(self.texts)
            .map(|(items, text)| Reading {
                items: cut(items, options.max_len, options.keep),
                truth: text.label,
            })
            .collect();
        classify_all(model, &read, ReadWith::Whole)
    }

    fn judged(&self, verdicts: &[Verdict]) -> Vec<Judged> {
        verdicts.iter().zip(self.texts).map(|(verdict, text)| Judged::of(verdict, text.label)).collect()
    }
}

/// What `train --save` writes beside the parameters.
fn for_pytorch(
    description: &Description,
    weights: &Weights,
    ranges: Ranges,
    bits: EmbeddingBits,
    read: &TrainingOptions,
) -> pytorch::config::Description {
    let config = &weights.config;
    pytorch::config::Description {
        punctuation: description.text.punctuation,
        tags: description.text.tags,
        unknown: Some(config.vocab - 1),
        pooling: config.pooling,
        max_len: read.max_len,
        keep: read.keep,
        nonlinearity: (config.cell == Cell::Rnn).then(|| "tanh".to_owned()),
        activation: (config.head_hidden > 0).then_some(Activation::Relu),
        cell: Some(config.cell),
        layers: Some(config.layers),
        embed: Some(config.embed),
        hidden: Some(config.hidden),
        head_hidden: Some(config.head_hidden),
        telltale: Some(pytorch::config::Origin {
            corpus: description.corpus.clone(),
            digest: hex(&description.digest),
            seed: description.seed,
            examples: description.examples,
            self_test: description.self_test.clone(),
            embed_bits: if bits == EmbeddingBits::Four { 4 } else { 8 },
            ranges,
            metrics: description.metrics,
        }),
        ..pytorch::config::Description::new(description.labels.clone())
    }
}
