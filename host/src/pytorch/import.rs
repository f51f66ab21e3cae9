//! From a PyTorch network to a file for the chip: calibrated, quantised, and measured if there are texts.

use anyhow::{Context, Result};
use candle_core::Device;
use rayon::prelude::*;
use serde::Serialize;
use telltale::Model;
use telltale::engine::format::Metrics;

use super::check::{self, Agreement, Answer};
use super::config::{Activation, Description, Origin, Side};
use super::map::{Assumption, Row};
use super::source::{Source, Unseen};
use crate::aligned::AlignedBytes;
use crate::engine::{Item, ReadWith, Reading, classify_all, ten_thousandths};
use crate::evaluate::measures::share;
use crate::logits::{negative_log_likelihood, top};
use crate::model::weights::Ranges;
use crate::model::{Cell, Config, Network, Weights};
use crate::quantise::{self, CALIBRATION_TEXTS, EmbeddingBits};
use crate::train::batches::{Keep, cut};
use crate::train::{self, Evaluation, TrainingExample, TrainingOptions};
use crate::vocabulary::sample;

/// Texts to calibrate and measure on.
pub struct CalibrationCorpus {
    /// Each with the index of its label in the configuration.
    pub texts: Vec<(String, u32)>,
    /// Of the corpus that they are from.
    pub digest: [u8; 32],
}

/// How an import interpreted its input, and what it measured.
#[derive(Serialize)]
pub struct Report {
    /// The network's shape.
    pub model: Config,
    /// Numbers of the network.
    pub parameters: usize,
    /// The tensors that were taken, and their names in here.
    pub names: Vec<(String, String)>,
    /// How each tensor was interpreted.
    pub taken: Vec<Row>,
    /// What was left out.
    pub left_out: Vec<Row>,
    /// What a state dict does not hold.
    pub assumed: Vec<Assumption>,
    /// How files were read, and what was left out of them.
    pub notes: Vec<String>,
    /// What a user must know.
    pub warnings: Vec<String>,
    /// Words that the engine never sees.
    pub unseen: Unseen,
    /// Of the calibration, unless the network was calibrated before.
    pub saturation: Option<Saturation>,
    /// On labelled texts.
    pub measured: Option<Measured>,
    /// Beside PyTorch's own answers.
    pub pytorch: Option<Checked>,
    /// Bytes of the model's file.
    pub blob_bytes: usize,
}

/// States of cells that may exceed ±1, on the calibration texts.
#[derive(Clone, Copy, Serialize)]
pub struct Saturation {
    /// The engine's largest state.
    pub limit: f32,
    /// The largest state of the float model.
    pub largest: f32,
    /// The share of the states beyond the limit.
    pub share: f64,
}

/// Results of the float model and the engine on a corpus; shares of 1.
#[derive(Clone, Copy, Serialize)]
pub struct Measured {
    /// How many.
    pub texts: usize,
    /// Right labels of the float model.
    pub float_accuracy: f64,
    /// Right labels of the engine.
    pub quantised_accuracy: f64,
    /// Texts to which both give the same label.
    pub agreement: f64,
    /// Words without a row of their own.
    pub unknown_words: f64,
    /// The float model on texts padded as in training.
    pub padded_accuracy: Option<f64>,
    /// Texts to which the engine gives the same label as the float model on padded texts.
    pub padded_agreement: Option<f64>,
}

/// Agreement with PyTorch's own answers.
#[derive(Clone, Copy, Serialize)]
pub struct Checked {
    /// How many.
    pub texts: usize,
    /// Of the weights and words as they were read, in floats.
    pub float: Agreement,
    /// Of the engine.
    pub quantised: Agreement,
}

impl Checked {
    /// Whether the network as read differs from PyTorch's by more than rounding.
    fn is_another(&self) -> bool {
        self.float.labels_equal < 0.99 || self.float.largest_difference > 0.05
    }
}

/// Quantises a network. Returns the model's file, and a report.
///
/// # Errors
/// If the weights fit no fixed-point format, or the configuration requires padding that the network does not have.
pub fn import(
    source: &Source,
    corpus: Option<&CalibrationCorpus>,
    answers: Option<&[Answer]>,
    bits: EmbeddingBits,
) -> Result<(AlignedBytes, Report)> {
    let Source { description, weights, vocabulary, words, .. } = source;
    let examples = |corpus: &CalibrationCorpus| {
        let example = |(text, label): &(String, u32)| Ok(TrainingExample::new(source.ids(text)?, *label));
        corpus.texts.iter().map(example).collect::<Result<Vec<_>>>()
    };
    let texts = corpus.map(examples).transpose()?;
    let origin = description.telltale.as_ref().filter(|_| texts.is_none());
    let read = calibration(source, texts.as_deref());
    let ranges = match origin {
        Some(origin) => origin.ranges,
        None => quantise::calibrate(weights, read.iter().map(Vec::as_slice)),
    };
    let saturation = origin.is_none().then(|| saturation(weights, &ranges, &read)).flatten();
    let sections = quantise::quantise(weights, &ranges, bits)?;
    let mut about = match origin {
        Some(origin) => of_origin(description, origin)?,
        None => quantise::Description {
            labels: description.labels.clone(),
            text: description.text(),
            pooling: description.pooling,
            corpus: "trained in PyTorch".to_owned(),
            digest: [0; 32],
            seed: 0,
            examples: 0,
            self_test: sample(words.list()),
            metrics: Metrics::default(),
        },
    };
    if let Some(CalibrationCorpus { digest, .. }) = corpus {
        about.digest = *digest;
    }
    let earlier = about.metrics;
    let (blob, measured) = quantise::export(&mut about, vocabulary.section(), &sections, |model| {
        let measured = texts.as_deref().map(|texts| measure(source, model, texts)).transpose()?;
        Ok((measured.map_or(earlier, metrics), measured))
    })?;
    let pytorch = match answers {
        Some(answers) => Some(compare(source, &Model::open(&blob)?, answers)?),
        None => None,
    };
    let mut warnings = words.warnings.clone();
    warnings.extend(texts.as_deref().and_then(|texts| cuts(description, texts)));
    warnings.extend(doubts(source, saturation, pytorch));
    let report = Report {
        model: weights.config.clone(),
        parameters: weights.count(),
        names: source.mapped.names.clone(),
        taken: source.mapped.taken.clone(),
        left_out: source.mapped.left_out.clone(),
        assumed: source.mapped.assumed.clone(),
        notes: source.notes.clone(),
        warnings,
        unseen: source.unseen(corpus.map(|corpus| &corpus.texts[..])),
        saturation,
        measured,
        pytorch,
        blob_bytes: blob.len(),
    };
    Ok((blob, report))
}

/// The texts that calibrate; without a corpus the vocabulary itself, word by word and as one text.
fn calibration(source: &Source, texts: Option<&[TrainingExample]>) -> Vec<Vec<u32>> {
    let Description { max_len, keep, .. } = source.description;
    match texts {
        Some(texts) => {
            let step = (texts.len() / CALIBRATION_TEXTS).max(1);
            texts.iter().step_by(step).map(|text| cut(&text.ids, max_len, keep).to_vec()).collect()
        }
        None => {
            let all: Vec<u32> = (0..source.weights.config.vocab as u32).take(2000).collect();
            all.chunks(1).map(<[u32]>::to_vec).chain([all.clone()]).collect()
        }
    }
}

/// How many states are beyond the engine's limit.
fn saturation(weights: &Weights, ranges: &Ranges, texts: &[Vec<u32>]) -> Option<Saturation> {
    let limit = quantise::state_limit(weights, ranges)?;
    let largest = if weights.config.cell == Cell::Lstm { ranges.cell } else { ranges.state };
    if largest < limit {
        return Some(Saturation { limit, largest, share: 0.0 });
    }
    let (mut states, mut beyond) = (0usize, 0usize);
    for ids in texts {
        let mut state = weights.start();
        for &id in ids {
            weights.step(id, &mut state, &mut Ranges::default());
            states += state.cells.iter().map(Vec::len).sum::<usize>();
            beyond += state.cells.iter().flatten().filter(|cell| cell.abs() >= limit).count();
        }
    }
    Some(Saturation { limit, largest, share: beyond as f64 / states.max(1) as f64 })
}

/// Warnings for the user from the figures.
fn doubts(source: &Source, saturation: Option<Saturation>, pytorch: Option<Checked>) -> Vec<String> {
    let guessed = |own: &&Assumption| !own.configured && ["nonlinearity", "activation"].contains(&own.key);
    let guess = |own: &Assumption| {
        format!(
            "{}: {} is assumed, weights do not tell (\"{}\" in the configuration)",
            own.what, own.value, own.key
        )
    };
    let mut doubts: Vec<String> = source.mapped.assumed.iter().filter(guessed).map(guess).collect();
    if let Some(Saturation { limit, largest, share }) = saturation.filter(|own| own.share > 0.0) {
        doubts.push(format!(
            "{:.2} % of the LSTM's cell states in calibration are beyond the engine's ±{limit} and saturate there (the largest is {largest:.1}): a cell that counts words further than that is cut",
            share * 100.0
        ));
    }
    let activation = source.description.activation.filter(|own| *own != Activation::None);
    if source.weights.config.head_hidden == 0 && activation.is_some() {
        doubts.push("`activation` of the configuration is of two linear layers, and there is one".to_owned());
    }
    if pytorch.is_some_and(|checked| checked.is_another()) {
        doubts.push(
            "the network as read is not PyTorch's: what was assumed is wrong (nonlinearity, activation, pooling, padding, tokeniser), or the words are others"
                .to_owned(),
        );
    }
    doubts
}

/// A warning about texts that PyTorch's model does not read whole.
fn cuts(&Description { max_len, keep, .. }: &Description, texts: &[TrainingExample]) -> Option<String> {
    let cut = texts.iter().filter(|text| cut(&text.ids, max_len, keep).len() < text.ids.len()).count();
    (cut > 0).then(|| {
        format!(
            "{cut} of {} texts have more than {max_len} words (`max_len`): PyTorch's model is measured on {} of them, the engine, as \
             on a chip, on all",
            texts.len(),
            match keep {
                Keep::Head => format!("the first {max_len}"),
                Keep::Tail => format!("the last {max_len}"),
            }
        )
    })
}

/// Words that have been looked up.
fn known(ids: &[u32]) -> Vec<Item> {
    ids.iter().map(|&id| Item::Known(id)).collect()
}

/// The engine and the weights as read beside PyTorch's answers: on whole texts, as a chip reads them.
fn compare(source: &Source, model: &Model<'_>, answers: &[Answer]) -> Result<Checked> {
    let ids: Vec<Vec<u32>> = answers.iter().map(|answer| source.ids(&answer.text)).collect::<Result<_>>()?;
    let items: Vec<Vec<Item>> = ids.iter().map(|ids| known(ids)).collect();
    let read: Vec<Reading<'_>> =
        answers.iter().zip(&items).map(|(answer, items)| Reading { items, truth: answer.label }).collect();
    let engine = classify_all(model, &read, ReadWith::Whole)?;
    let float: Vec<(usize, f64)> = answers
        .par_iter()
        .zip(&ids)
        .map(|(answer, ids)| {
            let (mut state, mut ranges) = (source.weights.start(), Ranges::default());
            ids.iter().for_each(|&id| source.weights.step(id, &mut state, &mut ranges));
            let logits = source.weights.logits(&state, &mut ranges);
            (top(&logits), (-negative_log_likelihood(&logits, answer.label as usize)).exp())
        })
        .collect();
    let engine = engine.iter().map(|verdict| (verdict.class, (-verdict.loss).exp()));
    Ok(Checked {
        texts: answers.len(),
        float: check::compare(answers, float.into_iter()),
        quantised: check::compare(answers, engine),
    })
}

fn of_origin(description: &Description, origin: &Origin) -> Result<quantise::Description> {
    let digest: Option<Vec<u8>> = (0..32)
        .map(|byte| {
            origin.digest.get(2 * byte..2 * byte + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok())
        })
        .collect();
    let digest = digest.and_then(|bytes| bytes.try_into().ok());
    Ok(quantise::Description {
        labels: description.labels.clone(),
        text: description.text(),
        pooling: description.pooling,
        corpus: origin.corpus.clone(),
        digest: digest.context("`telltale.digest` is no SHA-256 in hexadecimal")?,
        seed: origin.seed,
        examples: origin.examples,
        self_test: origin.self_test.clone(),
        metrics: origin.metrics,
    })
}

/// The float model on the part of each text that it reads, the engine on all of it, as on a chip; the float model also
/// on padded texts, if it was trained on them.
fn measure(source: &Source, model: &Model<'_>, texts: &[TrainingExample]) -> Result<Measured> {
    let Source { weights, description, pad, .. } = source;
    let options = TrainingOptions {
        max_len: description.max_len,
        keep: description.keep,
        ..TrainingOptions::default()
    };
    let float = train::evaluate(&Network::from_weights(weights, &Device::Cpu)?, texts, &options)?;
    let items: Vec<Vec<Item>> = texts.iter().map(|text| known(&text.ids)).collect();
    let read: Vec<Reading<'_>> =
        items.iter().zip(texts).map(|(items, text)| Reading { items, truth: text.label }).collect();
    let own: Vec<u32> =
        classify_all(model, &read, ReadWith::Whole)?.iter().map(|verdict| verdict.class as u32).collect();
    let same = |evaluation: &Evaluation| share(own.iter().zip(&evaluation.predictions).map(|(a, b)| a == b));
    let padded = match description.padded {
        Some(side) => {
            let pad = pad
                .as_deref()
                .context("`padded`: which row is the padding? (`padding`, or the line `<pad>`)")?;
            Some(padded(weights, texts, &options, side, pad)?)
        }
        None => None,
    };
    Ok(Measured {
        texts: texts.len(),
        float_accuracy: float.accuracy,
        quantised_accuracy: share(own.iter().zip(texts).map(|(class, text)| *class == text.label)),
        agreement: same(&float),
        unknown_words: {
            let unknown = weights.config.vocab as u32 - 1;
            let ids = texts.iter().flat_map(|text| &text.ids);
            let count = ids.clone().count().max(1) as f64;
            ids.filter(|&&id| id == unknown).count() as f64 / count
        },
        padded_accuracy: padded.as_ref().map(|padded| padded.accuracy),
        padded_agreement: padded.as_ref().map(same),
    })
}

/// The float model on texts that are padded to their full length.
fn padded(
    weights: &Weights,
    texts: &[TrainingExample],
    options: &TrainingOptions,
    side: Side,
    pad: &[f32],
) -> Result<Evaluation> {
    let config = Config { vocab: weights.config.vocab + 1, ..weights.config.clone() };
    let mut tensors = weights.clone().into_tensors();
    tensors.entry("embed.weight".to_owned()).or_default().extend(pad);
    let network = Network::from_weights(&Weights::new(config, tensors)?, &Device::Cpu)?;
    let id = weights.config.vocab as u32;
    let texts: Vec<TrainingExample> = texts
        .iter()
        .map(|text| {
            let read = cut(&text.ids, options.max_len, options.keep);
            let pads = vec![id; options.max_len - read.len()];
            let ids = match side {
                Side::Left => [&pads, read].concat(),
                Side::Right => [read, &pads].concat(),
            };
            TrainingExample::new(ids, text.label)
        })
        .collect();
    train::evaluate(&network, &texts, options)
}

fn metrics(measured: Measured) -> Metrics {
    Metrics {
        float_test: Some(ten_thousandths(measured.float_accuracy)),
        quantised_test: Some(ten_thousandths(measured.quantised_accuracy)),
        agreement: Some(ten_thousandths(measured.agreement)),
        ..Metrics::default()
    }
}
