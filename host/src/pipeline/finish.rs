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
    /// The run's JSON report.
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
    let trained = TrainedNetwork::new(data, network)?;
    let valid = trained.split(&texts.valid, &corpus.valid)?;
    let test = trained.split(&texts.test, &corpus.test)?;
    let (mut side, valid_ngrams) = Side::fit(data, &valid)?.unzip();
    let validation = trained.validate(&valid, valid_ngrams.as_deref(), side.as_ref())?;
    if let (Some(recipe), Some(side)) = (&data.recipe, &mut side)
        && !valid.texts.is_empty()
        && !corpus.validates_on_train
    {
        say!(
            "n-grams count {:.2}, the network {:.2}; n-grams learn from the validation texts, too",
            side.mix.ngrams,
            side.mix.network
        );
        side.ngrams = data.fit_ngrams(recipe, true, config.options.seed)?;
    }
    let test_ngrams = test.ngram_logits(side.as_ref(), data)?;
    let is_tested = !test.texts.is_empty();
    let test_float = is_tested.then(|| test.evaluate(test_ngrams.as_deref(), side.as_ref()));
    let sections = trained.sections(side.as_ref())?;
    let TrainedNetwork { read, weights, ranges, mut description, .. } = trained;
    let (mut blob, quantised) =
        quantise::export(&mut description, vocabulary.section(), &sections, |model| {
            let measures = |split: &SplitTexts<'_>, own: &[Verdict]| {
                (!own.is_empty()).then(|| Measures::of(&split.judged(own), &corpus.labels))
            };
            let of_valid = measures(&valid, &validation.quantised);
            let of_test = measures(&test, &test.classify(model, &read)?);
            let quantised = QuantisedReport {
                valid_accuracy: of_valid.as_ref().map_or(f64::NAN, |own| own.accuracy),
                test_accuracy: of_test.as_ref().map(|own| own.accuracy),
                agreement: validation.agreement,
                alone: is_tested.then(|| test.alone(test_ngrams.as_deref())),
                valid: of_valid,
                test: of_test,
            };
            let valid_float = (!corpus.validates_on_train).then_some(&validation.float);
            Ok((metrics(valid_float, test_float.as_ref(), &quantised), quantised))
        })?;
    if let Some(rule) = validation.rejection {
        blob = quantise::with_section(&blob, Kind::Rejection, &rule.section())?;
        tell_rejection(rule);
    }
    let sizes = BlobReport {
        bytes: blob.len(),
        vocab_bytes: vocabulary.section().len(),
        weight_bytes: sections.bytes(),
    };
    Ok(Finished {
        blob,
        description: for_pytorch(&description, &weights, ranges, config.bits, &read),
        valid: validation.float,
        validates_on_train: corpus.validates_on_train,
        test: test_float,
        quantised,
        vocabulary: vocabulary.words.len(),
        parameters: weights.count(),
        sizes,
        weights,
    })
}

/// A trained network, to be quantised.
struct TrainedNetwork<'d> {
    data: &'d Data,
    network: &'d Network,
    /// How texts are read from here on: every word counts, as on the chip.
    read: TrainingOptions,
    weights: Weights,
    ranges: Ranges,
    description: Description,
}

/// What is measured on the validation texts.
struct Validation {
    float: Evaluation,
    quantised: Vec<Verdict>,
    /// Share of texts, or of the training texts if there are no others, to which both give the same label.
    agreement: f64,
    rejection: Option<Rejection>,
}

impl<'d> TrainedNetwork<'d> {
    fn new(data: &'d Data, network: &'d Network) -> Result<Self> {
        let Data { corpus, config, texts, text, frequent, .. } = data;
        let read = TrainingOptions {
            max_len: if config.reads_whole_texts { 0 } else { config.options.max_len },
            ..config.options.clone()
        };
        let weights = network.weights()?;
        let calibration = texts.train.iter().take(CALIBRATION_TEXTS).map(|text| {
            let own = cut(&text.ids, read.max_len, read.keep);
            cut(own, CALIBRATION_WORDS, read.keep)
        });
        let ranges = quantise::calibrate(&weights, calibration);
        let description = describe(corpus, *text, config, frequent);
        Ok(Self { data, network, read, weights, ranges, description })
    }

    /// Some texts, read by the network.
    fn split<'t>(&self, texts: &'t [TrainingExample], examples: &'t [Example]) -> Result<SplitTexts<'t>> {
        Ok(SplitTexts { texts, examples, network: train::final_logits(self.network, texts, &self.read)? })
    }

    /// Network and n-grams in integers.
    fn sections(&self, side: Option<&Side>) -> Result<quantise::Sections> {
        let (weights, bits) = (&self.weights, self.data.config.bits);
        let Some(Side { ngrams, mix }) = side else { return quantise::quantise(weights, &self.ranges, bits) };
        let weights = weights.with_head(mix.network, &ngrams.head_bias(mix.ngrams));
        let ngrams = Some(quantise::ngrams(ngrams, mix.ngrams)?);
        Ok(quantise::Sections { ngrams, ..quantise::quantise(&weights, &self.ranges, bits)? })
    }

    /// Measures on the validation texts, with the n-grams' logits before these learn from them.
    fn validate(
        &self,
        valid: &SplitTexts<'_>,
        ngrams: Option<&[Vec<f32>]>,
        side: Option<&Side>,
    ) -> Result<Validation> {
        let Data { corpus, config, texts, vocabulary, .. } = self.data;
        let draft = quantise::write_blob(&self.description, vocabulary.section(), &self.sections(side)?)?;
        let model = Model::open(&draft)?;
        let agreement = |float: &Evaluation, own: &[Verdict]| {
            share(own.iter().zip(&float.predictions).map(|(own, float)| own.class == *float as usize))
        };
        let rejection =
            config.reject.map(|share| rejection::calibrate(&model, &valid.strings(), share)).transpose()?;
        let float = valid.evaluate(ngrams, side);
        let quantised = valid.classify(&model, &self.read)?;
        let agreement = if valid.texts.is_empty() {
            let count = texts.train.len().min(CALIBRATION_TEXTS).min(corpus.train.len());
            let learnt = self.split(&texts.train[..count], &corpus.train[..count])?;
            let ngrams = learnt.ngram_logits(side, self.data)?;
            agreement(&learnt.evaluate(ngrams.as_deref(), side), &learnt.classify(&model, &self.read)?)
        } else {
            agreement(&float, &quantised)
        };
        Ok(Validation { float, quantised, agreement, rejection })
    }
}

/// A model's description before it is measured; `frequent` are the words of its vocabulary.
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

/// Prints which texts the model rejects.
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

impl Side {
    /// N-grams that have not learnt from the validation texts, weighed against the network on these; and their logits
    /// for them.
    fn fit(data: &Data, valid: &SplitTexts<'_>) -> Result<Option<(Self, Vec<Vec<f32>>)>> {
        let Some(recipe) = &data.recipe else { return Ok(None) };
        let ngrams = data.fit_ngrams(recipe, false, data.config.options.seed)?;
        let own = ngrams.logits(&valid.bags(&ngrams, data))?;
        // Texts that both have learnt are no evidence of their accuracy.
        let mix = if data.corpus.validates_on_train {
            Mix::EVEN
        } else {
            let labels: Vec<u32> = valid.texts.iter().map(|text| text.label).collect();
            Mix::fit(&valid.network, &own, &labels)
        };
        Ok(Some((Self { ngrams, mix }, own)))
    }
}

/// Some of the corpus's texts.
struct SplitTexts<'t> {
    texts: &'t [TrainingExample],
    examples: &'t [Example],
    /// \[texts × C\] the network's logits.
    network: Vec<Vec<f32>>,
}

impl SplitTexts<'_> {
    fn bags(&self, ngrams: &Ngrams, data: &Data) -> Vec<Bag> {
        bags(&self.strings(), data.text, ngrams.orders)
    }

    fn strings(&self) -> Vec<&str> {
        self.examples.iter().map(|example| &example.text[..]).collect()
    }

    /// The n-grams' logits, if there are any.
    fn ngram_logits(&self, side: Option<&Side>, data: &Data) -> Result<Option<Vec<Vec<f32>>>> {
        side.map(|Side { ngrams, .. }| ngrams.logits(&self.bags(ngrams, data))).transpose()
    }

    /// Network and n-grams by themselves, each with a bias of its own: shares of right labels.
    fn alone(&self, ngrams: Option<&[Vec<f32>]>) -> PartAccuracy {
        let accuracy = |logits| train::evaluation(logits, self.texts).accuracy;
        PartAccuracy { network: accuracy(&self.network), ngrams: ngrams.map(accuracy) }
    }

    /// The float model, from the logits of its parts.
    fn evaluate(&self, ngrams: Option<&[Vec<f32>]>, side: Option<&Side>) -> Evaluation {
        let Some((own, Side { mix, .. })) = ngrams.zip(side) else {
            return train::evaluation(&self.network, self.texts);
        };
        let both: Vec<Vec<f32>> =
            self.network.iter().zip(own).map(|(network, own)| mix.logits(network, own)).collect();
        train::evaluation(&both, self.texts)
    }

    /// The integer engine's verdicts.
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
            files: String::new(),
        }),
        ..pytorch::config::Description::new(description.labels.clone())
    }
}
