//! `import`: a model trained in PyTorch in, a model for a microcontroller out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::Args as ClapArgs;
use serde::Serialize;
use telltale::Model;
use telltale::blob::Metrics;
use telltale::text::Options as TextOptions;

use crate::console::say;
use crate::corpus::{self, CorpusArgs};
use crate::engine::{Reading, classify_all};
use crate::model::{Config, Network, Weights};
use crate::pytorch::config::{Description, Origin, Side};
use crate::pytorch::words::Words;
use crate::pytorch::{map, state};
use crate::quantise::{self, EmbeddingBits};
use crate::train::batches::cut;
use crate::train::{self, Evaluation, TrainingExample, TrainingOptions};
use crate::vocabulary::{hashes_of, sample};

/// Texts that calibrate the ranges of activations.
const CALIBRATION_TEXTS: usize = 500;

/// Takes a model trained in PyTorch, quantises it and writes one file for the chip
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The state dict: .safetensors, or .pth of torch.save(model.state_dict(), …)
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The vocabulary: one word a line, its number (from 0) is the row of the embedding
    #[arg(long, value_name = "FILE")]
    vocab: PathBuf,
    /// What the weights do not tell, at least {"labels": […]}
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where the quantised model goes
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Labelled texts to calibrate and measure on (see `train --data`)
    #[arg(long, value_name = "CORPUS")]
    data: Option<String>,
    /// The column that holds the text (.csv and .tsv)
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// The column that holds the label (.csv and .tsv)
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
    /// The most texts of the corpus that are measured, evenly spread over it; 0 for all
    #[arg(long, value_name = "N", default_value_t = 2000)]
    texts: usize,
    /// Bits of an embedding weight on the chip, 4 or 8 [default: 8, or those of the saved model]
    #[arg(long, value_name = "BITS")]
    embed_bits: Option<u32>,
    /// Folds the first layer's input weights into the words' rows (see `train --fold`)
    #[arg(long, conflicts_with = "embed_bits")]
    fold: bool,
    /// Results for machines; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    model: Config,
    parameters: usize,
    names: Vec<(String, String)>,
    warnings: Vec<String>,
    measured: Option<Measured>,
    blob_bytes: usize,
}

/// What the float model and the engine make of a corpus; shares of 1.
#[derive(Clone, Copy, Serialize)]
struct Measured {
    texts: usize,
    float_accuracy: f64,
    quantised_accuracy: f64,
    agreement: f64,
    /// The float model on texts padded as in training.
    padded_accuracy: Option<f64>,
    /// Where the engine gives the same label as the float model on padded texts.
    padded_agreement: Option<f64>,
}

/// Runs the verb.
///
/// # Errors
/// Names the tensor, word or value that does not fit, and what was expected.
pub fn run(args: &Args) -> Result<()> {
    for path in args.export.iter().chain(&args.json).filter(|path| *path != Path::new("-")) {
        crate::files::check(path)?;
    }
    let description = Description::read(&args.config)?;
    let text = TextOptions { punctuation: description.punctuation };
    let state = state::read(&args.weights)?;
    let file = std::fs::read_to_string(&args.vocab)
        .with_context(|| format!("cannot read the vocabulary {}", args.vocab.display()))?;
    let words = Words::read(&file, text, description.unknown, description.padding)
        .with_context(|| args.vocab.display().to_string())?;
    let mapped =
        map::map(&state, words.lines, &description).with_context(|| args.weights.display().to_string())?;
    let width = mapped.config.embed;
    let table = mapped.tensors.get("embed.weight").map_or(&[][..], Vec::as_slice);
    let (vocabulary, ordered) = words.build(table, width)?;
    let pad = words.row(table, width, words.padding).map(<[f32]>::to_vec);
    let mut tensors = mapped.tensors.clone();
    tensors.insert("embed.weight".to_owned(), ordered);
    let config = Config { vocab: words.list().len() + 1, ..mapped.config.clone() };
    let weights = Weights::new(config.clone(), tensors)?;

    let reader = vocabulary.open()?;
    let corpus = args.data.as_ref().map(|data| read_corpus(args, data, &description)).transpose()?;
    for warning in &words.warnings {
        eprintln!("warning: {warning}");
    }
    let texts: Option<Vec<TrainingExample>> = corpus.as_ref().map(|(texts, _)| {
        let text_of = |(of, label): &(String, u32)| {
            TrainingExample::new(
                hashes_of(of.as_bytes(), text).into_iter().map(|hash| reader.id(hash)).collect(),
                *label,
            )
        };
        texts.iter().map(text_of).collect()
    });
    let origin = description.telltale.as_ref().filter(|_| texts.is_none());
    let ranges = match (&texts, origin) {
        (Some(texts), _) => {
            let step = (texts.len() / CALIBRATION_TEXTS).max(1);
            let read = texts.iter().step_by(step);
            quantise::calibrate(
                &weights,
                read.map(|text| cut(&text.ids, description.max_len, description.keep)),
            )
        }
        (None, Some(origin)) => origin.ranges,
        (None, None) => {
            // Without texts: the vocabulary itself, word by word and as one text.
            let all: Vec<u32> = (0..config.vocab as u32).collect();
            let all = &all[..all.len().min(2000)];
            quantise::calibrate(&weights, all.chunks(1).chain(std::iter::once(all)))
        }
    };
    let original = description.telltale.as_ref().map(|origin| origin.embed_bits);
    let bits = EmbeddingBits::asked(args.embed_bits.or(original).unwrap_or(8), args.fold)?;
    let sections = quantise::quantise(&weights, &ranges, bits)?;
    let mut about = match origin {
        Some(origin) => of_origin(&description, origin)?,
        None => quantise::Description {
            labels: description.labels.clone(),
            text,
            pooling: description.pooling,
            corpus: "trained in PyTorch".to_owned(),
            digest: [0; 32],
            seed: 0,
            examples: 0,
            self_test: sample(words.list()),
            metrics: Metrics::default(),
        },
    };
    if let Some((_, digest)) = &corpus {
        about.digest = *digest;
    }
    let mut measured = None;
    if let Some(texts) = &texts {
        let draft = quantise::write_blob(&about, vocabulary.section(), &sections)?;
        let own = measure(&weights, &Model::open(&draft)?, texts, &description, pad.as_deref())?;
        about.metrics = metrics(own);
        measured = Some(own);
    }
    let blob = quantise::write_blob(&about, vocabulary.section(), &sections)?;
    if let Some(path) = &args.export {
        quantise::install(&blob, path)?;
    }
    let report = Report {
        model: config,
        parameters: weights.count(),
        names: mapped.names,
        warnings: words.warnings.clone(),
        measured,
        blob_bytes: blob.len(),
    };
    if args.json.as_deref() != Some(Path::new("-")) {
        print(&report, &description, args);
    }
    match &args.json {
        Some(path) => super::write_json(path, &report),
        None => Ok(()),
    }
}

/// Texts with the index of their label in the configuration, evenly spread, and the corpus' digest.
type Labelled = (Vec<(String, u32)>, [u8; 32]);

fn read_corpus(args: &Args, data: &str, description: &Description) -> Result<Labelled> {
    let corpus = CorpusArgs {
        data: data.to_owned(),
        test_data: None,
        text_column: args.text_column.clone(),
        label_column: args.label_column.clone(),
        valid: 0.1,
        test: 0.1,
    };
    let all = corpus::load_all(&corpus)?;
    let digest = corpus::load(&corpus, 0)?.digest;
    let count = if args.texts == 0 { all.len() } else { args.texts.min(all.len()) };
    let mut texts = Vec::with_capacity(count);
    for n in 0..count {
        let (text, label) = &all[n * all.len() / count];
        let index = description.labels.iter().position(|own| own == label).with_context(|| {
            format!(
                "{data}: the label `{label}` is not one of the configuration's: {}",
                description.labels.join(", ")
            )
        })?;
        texts.push((text.clone(), index as u32));
    }
    ensure!(!texts.is_empty(), "{data}: no texts");
    Ok((texts, digest))
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
        text: TextOptions { punctuation: description.punctuation },
        pooling: description.pooling,
        corpus: origin.corpus.clone(),
        digest: digest.context("`telltale.digest` is no SHA-256 in hexadecimal")?,
        seed: origin.seed,
        examples: origin.examples,
        self_test: origin.self_test.clone(),
        metrics: origin.metrics,
    })
}

/// The float model and the engine on the same words; the float model on padded texts, too, if it was
/// trained on such.
fn measure(
    weights: &Weights,
    model: &Model<'_>,
    texts: &[TrainingExample],
    description: &Description,
    pad: Option<&[f32]>,
) -> Result<Measured> {
    let options = TrainingOptions {
        max_len: description.max_len,
        keep: description.keep,
        ..TrainingOptions::default()
    };
    let float = train::evaluate(&Network::from_weights(weights, &Device::Cpu)?, texts, &options)?;
    let read: Vec<Reading<'_>> = texts
        .iter()
        .map(|text| Reading {
            ids: cut(&text.ids, options.max_len, options.keep),
            hashes: &[],
            truth: text.label,
        })
        .collect();
    let own: Vec<u32> = classify_all(model, &read)?.iter().map(|verdict| verdict.class as u32).collect();
    let same = |evaluation: &Evaluation| share(own.iter().zip(&evaluation.predictions).map(|(a, b)| a == b));
    let padded = match description.padded {
        Some(side) => {
            let pad = pad.context("`padded`: which row is the padding? (`padding`, or the line `<pad>`)")?;
            Some(padded(weights, texts, &options, side, pad)?)
        }
        None => None,
    };
    Ok(Measured {
        texts: texts.len(),
        float_accuracy: float.accuracy,
        quantised_accuracy: share(own.iter().zip(texts).map(|(class, text)| *class == text.label)),
        agreement: same(&float),
        padded_accuracy: padded.as_ref().map(|padded| padded.accuracy),
        padded_agreement: padded.as_ref().map(same),
    })
}

fn share(hits: impl ExactSizeIterator<Item = bool>) -> f64 {
    let count = hits.len().max(1);
    hits.filter(|&hit| hit).count() as f64 / count as f64
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
    let share = |share: f64| Some((share * 10_000.0).round() as u16);
    Metrics {
        float_test: share(measured.float_accuracy),
        quantised_test: share(measured.quantised_accuracy),
        agreement: share(measured.agreement),
        ..Metrics::default()
    }
}

fn print(report: &Report, description: &Description, args: &Args) {
    let Config { cell, layers, embed, hidden, vocab, head_hidden, .. } = report.model;
    say!(
        "{cell} ×{layers}, embedding {embed} → {hidden} units, {} words, head {}, {} labels, {} parameters",
        vocab - 1,
        if head_hidden == 0 { "linear".to_owned() } else { format!("{head_hidden} ReLU") },
        description.labels.len(),
        report.parameters
    );
    for (theirs, ours) in &report.names {
        say!("{theirs} → {ours}");
    }
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    match &report.measured {
        Some(measured) => {
            say!(
                "{} texts: float {}, quantised {}, both agree on {}",
                measured.texts,
                percent(measured.float_accuracy),
                percent(measured.quantised_accuracy),
                percent(measured.agreement)
            );
            if let (Some(accuracy), Some(agreement)) = (measured.padded_accuracy, measured.padded_agreement) {
                say!(
                    "padded as in training: float {}, the quantised model (which reads no padding) agrees on {}",
                    percent(accuracy),
                    percent(agreement)
                );
            }
        }
        None => say!("not measured: add --data CORPUS"),
    }
    match &args.export {
        Some(path) => say!("wrote {} ({} bytes)", path.display(), report.blob_bytes),
        None => say!("nothing was exported: add --export model.bin"),
    }
}
