//! From trained floats to the file for the chip: measured, quantised, measured again.

use std::time::Duration;

use anyhow::Result;
use telltale::Model;
use telltale::engine::format::Metrics;

use super::plan::{Plan, Preset};
use super::report::{BlobReport, ModelReport, QuantisedReport, Report, metrics};
use super::{Args, Data, Texts};
use crate::aligned::AlignedBytes;
use crate::engine::{Reading, classify_all};
use crate::model::weights::Ranges;
use crate::model::{Cell, Config, Network, Weights};
use crate::ngrams::Wide;
use crate::pytorch::{self, config::Activation};
use crate::quantise::{self, Description, EmbeddingBits};
use crate::train::batches::cut;
use crate::train::{self, Epoch, Evaluation, TrainingExample, TrainingOptions};
use crate::vocabulary::sample;

/// Training texts that calibrate the ranges of activations.
const CALIBRATION_TEXTS: usize = 500;

/// The most words of each.
const CALIBRATION_WORDS: usize = 20_000;

/// A finished model and what it achieves.
pub struct Finished {
    pub blob: AlignedBytes,
    /// For PyTorch.
    pub weights: Weights,
    /// For PyTorch.
    pub description: pytorch::config::Description,
    valid: Evaluation,
    validates_on_train: bool,
    test: Option<Evaluation>,
    quantised: QuantisedReport,
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
            quantised: self.quantised,
            blob: self.sizes,
            seconds: took.as_secs_f64(),
        }
    }
}

/// Measures the float network, quantises it and measures the integer engine.
///
/// # Errors
/// If the weights do not fit the fixed-point formats.
pub fn finish(args: &Args, data: &Data, network: &Network) -> Result<Finished> {
    let Data { corpus, plan, texts, vocabulary, .. } = data;
    // From here on every word counts, as on the chip.
    let whole = TrainingOptions {
        max_len: if args.preset.is_some_and(Preset::is_tutorial) { plan.options.max_len } else { 0 },
        ..plan.options.clone()
    };
    let valid = train::evaluate(network, &texts.valid, &whole)?;
    let test =
        if texts.test.is_empty() { None } else { Some(train::evaluate(network, &texts.test, &whole)?) };
    let weights = network.weights()?;
    let calibration = texts.train.iter().take(CALIBRATION_TEXTS).map(|text| {
        let read = cut(&text.ids, whole.max_len, whole.keep);
        cut(read, CALIBRATION_WORDS, whole.keep)
    });
    let ranges = quantise::calibrate(&weights, calibration);
    let mut sections = quantise::quantise(&weights, &ranges, plan.bits)?;
    sections.wide = data.wide.as_ref().map(Wide::section).transpose()?;
    let mut description = Description {
        labels: corpus.labels.clone(),
        text: data.text,
        pooling: plan.pooling,
        corpus: corpus.name.clone(),
        digest: corpus.digest,
        seed: args.seed,
        examples: corpus.train.len(),
        self_test: sample(&data.frequent),
        metrics: Metrics::default(),
    };
    let draft = quantise::write_blob(&description, vocabulary.section(), &sections)?;
    let model = Model::open(&draft)?;
    let quantised = compare(&model, network, texts, &valid, &whole)?;
    description.metrics = metrics((!corpus.validates_on_train).then_some(&valid), test.as_ref(), quantised);
    let blob = quantise::write_blob(&description, vocabulary.section(), &sections)?;
    let sizes = BlobReport {
        bytes: blob.len(),
        vocab_bytes: vocabulary.section().len(),
        weight_bytes: sections.embedding.len()
            + sections.layers.iter().map(Vec::len).sum::<usize>()
            + sections.head.len()
            + sections.wide.as_ref().map_or(0, Vec::len),
    };
    let (vocabulary, parameters) = (vocabulary.words.len(), weights.count());
    let description = for_pytorch(&description, &weights, ranges, plan, &whole);
    let validates_on_train = corpus.validates_on_train;
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

/// What `train --save` writes beside the parameters.
fn for_pytorch(
    description: &Description,
    weights: &Weights,
    ranges: Ranges,
    plan: &Plan,
    read: &TrainingOptions,
) -> pytorch::config::Description {
    let config = &weights.config;
    pytorch::config::Description {
        punctuation: description.text.punctuation,
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
            digest: description.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            seed: description.seed,
            examples: description.examples,
            self_test: description.self_test.clone(),
            embed_bits: if plan.bits == EmbeddingBits::Four { 4 } else { 8 },
            ranges,
            metrics: description.metrics,
        }),
        ..pytorch::config::Description::new(description.labels.clone())
    }
}

/// The integer engine on validation and test, beside the float model's labels of the validation texts, or of the
/// training texts if there are none.
fn compare(
    model: &Model<'_>,
    network: &Network,
    texts: &Texts,
    valid: &Evaluation,
    options: &TrainingOptions,
) -> Result<QuantisedReport> {
    let verdicts = |texts: &[TrainingExample]| -> Result<Vec<usize>> {
        let cut: Vec<Reading<'_>> = texts
            .iter()
            .map(|text| Reading {
                ids: cut(&text.ids, options.max_len, options.keep),
                hashes: cut(&text.hashes, options.max_len, options.keep),
                truth: text.label,
            })
            .collect();
        Ok(classify_all(model, &cut)?.into_iter().map(|verdict| verdict.class).collect())
    };
    let share = |own: &[usize], other: &mut dyn Iterator<Item = u32>| {
        own.iter().zip(other).filter(|(class, other)| **class == *other as usize).count() as f64
            / own.len() as f64
    };
    let labels =
        |texts: &[TrainingExample]| texts.iter().map(|text| text.label).collect::<Vec<_>>().into_iter();
    let own = verdicts(&texts.valid)?;
    let agreement = if own.is_empty() {
        let learnt = &texts.train[..texts.train.len().min(CALIBRATION_TEXTS)];
        let float = train::evaluate(network, learnt, options)?;
        share(&verdicts(learnt)?, &mut float.predictions.into_iter())
    } else {
        share(&own, &mut valid.predictions.iter().copied())
    };
    let test = (!texts.test.is_empty()).then(|| verdicts(&texts.test)).transpose()?;
    Ok(QuantisedReport {
        valid_accuracy: share(&own, &mut labels(&texts.valid)),
        test_accuracy: test.map(|own| share(&own, &mut labels(&texts.test))),
        agreement,
    })
}
