//! `import`: a model trained in PyTorch in, a model for a microcontroller out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::Args as ClapArgs;
use rayon::prelude::*;
use serde::Serialize;
use telltale::Model;
use telltale::engine::format::Metrics;
use telltale::engine::text::Options as TextOptions;

use crate::console::say;
use crate::corpus::{self, CorpusConfig};
use crate::engine::{Item, Parts, Reading, classify_all};
use crate::model::weights::Ranges;
use crate::model::{Cell, Config, Network, Weights};
use crate::pytorch::check::{self, Agreement, Answer};
use crate::pytorch::config::{Description, Origin, Side};
use crate::pytorch::map::{self, Assumption, Mapped, Row};
use crate::pytorch::rows::{Rows, Seen};
use crate::pytorch::words::Words;
use crate::pytorch::{self, state};
use crate::quantise::{self, EmbeddingBits};
use crate::train::batches::cut;
use crate::train::{self, Evaluation, TrainingExample, TrainingOptions};
use crate::vocabulary::{Built, hashes_of, sample};

/// The longest vocabulary file that is read, in bytes.
const LONGEST_VOCABULARY: u64 = 64 << 20;

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
    /// The column that holds the text
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// The column that holds the label
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
    /// The most texts of the corpus that are measured, evenly spread over it; 0 for all
    #[arg(long, value_name = "N", default_value_t = 2000)]
    texts: usize,
    /// What PyTorch says of some texts, a line each: {"text": …, "logits": […]} (docs/pytorch.md has the script);
    /// measures the agreement with it
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
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
    /// What each tensor was taken as.
    taken: Vec<Row>,
    left_out: Vec<Row>,
    /// What a state dict does not tell.
    assumed: Vec<Assumption>,
    /// How files were read, and what was left out of them.
    notes: Vec<String>,
    warnings: Vec<String>,
    unseen: Unseen,
    saturation: Option<Saturation>,
    measured: Option<Measured>,
    pytorch: Option<Checked>,
    blob_bytes: usize,
}

/// Words of the vocabulary that the engine's tokeniser never makes; shares of 1.
#[derive(Clone, Copy, Serialize)]
struct Unseen {
    words: u64,
    of: u64,
    /// The share of the training's tokens, by the counts in the vocabulary file.
    share_of_training: Option<f64>,
    /// The share of the corpus' tokens, as the vocabulary cuts them.
    share_of_data: Option<f64>,
}

/// States that are not within ±1 by themselves, on the calibration's texts.
#[derive(Clone, Copy, Serialize)]
struct Saturation {
    /// Where the engine's states end.
    limit: f32,
    /// The largest state of the float model.
    largest: f32,
    /// The share of the states beyond the limit.
    share: f64,
}

/// What the float model and the engine make of a corpus; shares of 1.
#[derive(Clone, Copy, Serialize)]
struct Measured {
    texts: usize,
    float_accuracy: f64,
    quantised_accuracy: f64,
    agreement: f64,
    /// Words without a row of their own.
    unknown_words: f64,
    /// The float model on texts padded as in training.
    padded_accuracy: Option<f64>,
    /// Where the engine gives the same label as the float model on padded texts.
    padded_agreement: Option<f64>,
}

/// Agreement with PyTorch's own answers.
#[derive(Clone, Copy, Serialize)]
struct Checked {
    texts: usize,
    /// Of the weights and words as they were read, in floats.
    float: Agreement,
    /// Of the engine.
    quantised: Agreement,
}

impl Checked {
    /// Whether what was read is another network than PyTorch's: rounding does not explain that.
    fn is_another(&self) -> bool {
        self.float.labels_equal < 0.99 || self.float.largest_difference > 0.05
    }
}

/// A network as it was read.
struct Source {
    description: Description,
    mapped: Mapped,
    words: Words,
    vocabulary: Built,
    weights: Weights,
    /// The embedding's row of padding.
    pad: Option<Vec<f32>>,
    notes: Vec<String>,
}

impl Source {
    fn read(args: &Args) -> Result<Self> {
        let description = Description::read(&args.config)?;
        let state = state::read(&args.weights, description.state_dict.as_deref())?;
        let tables = |rows: usize| {
            state.tensors.iter().any(|tensor| tensor.shape.len() == 2 && tensor.shape[0] == rows)
        };
        let file = pytorch::read_text(&args.vocab, LONGEST_VOCABULARY)?;
        let words = Rows::read(&file, tables)
            .and_then(|rows| {
                let text = TextOptions { punctuation: description.punctuation };
                Words::new(rows, text, description.unknown, description.padding)
            })
            .with_context(|| args.vocab.display().to_string())?;
        let mapped = map::map(&state, words.count, &description)
            .with_context(|| args.weights.display().to_string())?;
        let width = mapped.config.embed;
        let table = mapped.tensors.get("embed.weight").map_or(&[][..], Vec::as_slice);
        let (vocabulary, ordered) = words.build(table, width)?;
        let pad = words.row(table, width, words.padding).map(<[f32]>::to_vec);
        let mut tensors = mapped.tensors.clone();
        tensors.insert("embed.weight".to_owned(), ordered);
        let config = Config { vocab: words.list().len() + 1, ..mapped.config.clone() };
        let weights = Weights::new(config, tensors)?;
        let mut notes = Vec::new();
        if !state.key.is_empty() {
            notes.push(format!("the state dict lies under `{}`", state.key));
        }
        if !state.beside.is_empty() {
            notes.push(format!("left out of the file: {}", state.beside.join(", ")));
        }
        notes.extend(words.notes.iter().cloned());
        Ok(Self { description, mapped, words, vocabulary, weights, pad, notes })
    }

    /// The words of a text as the engine reads it.
    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let reader = self.vocabulary.open()?;
        let options = TextOptions { punctuation: self.description.punctuation };
        Ok(hashes_of(text.as_bytes(), options, &reader).into_iter().map(|hash| reader.id(hash)).collect())
    }

    fn unseen(&self, corpus: Option<&[(String, u32)]>) -> Unseen {
        let Seen { tokens, unseen } = self.words.seen();
        let share = |seen: Seen| seen.unseen as f64 / seen.tokens.max(1) as f64;
        Unseen {
            words: unseen,
            of: tokens,
            share_of_training: self.words.seen_in_training().map(share),
            share_of_data: corpus
                .map(|texts| share(self.words.seen_in(texts.iter().map(|(text, _)| &text[..])))),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// Names the tensor, word or value that does not fit, and what was expected.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default()
        .read("--weights", [&args.weights])
        .read("--vocab", [&args.vocab])
        .read("--config", [&args.config])
        .read("--check", &args.check)
        .read("--data", args.data.iter().flat_map(|data| CorpusConfig::of(data).inputs()))
        .write("--export", &args.export)
        .write("--json", &args.json)
        .check()?;
    if args.json.as_deref() == Some(Path::new("-")) {
        crate::console::divert();
    }
    let source = Source::read(args)?;
    let Source { description, weights, vocabulary, words, .. } = &source;
    let corpus = args.data.as_ref().map(|data| read_corpus(args, data, description)).transpose()?;
    let answers = args.check.as_ref().map(|path| check::read(path, description.labels.len())).transpose()?;
    let texts: Option<Vec<TrainingExample>> = match &corpus {
        Some((texts, _)) => Some(
            texts
                .iter()
                .map(|(text, label)| Ok(TrainingExample::new(source.ids(text)?, *label)))
                .collect::<Result<_>>()?,
        ),
        None => None,
    };
    let origin = description.telltale.as_ref().filter(|_| texts.is_none());
    let read = calibration(&source, texts.as_deref());
    let ranges = match origin {
        Some(origin) => origin.ranges,
        None => quantise::calibrate(weights, read.iter().map(Vec::as_slice)),
    };
    let saturation = origin.is_none().then(|| saturation(weights, &ranges, &read)).flatten();
    let original = description.telltale.as_ref().map(|origin| origin.embed_bits);
    let bits = EmbeddingBits::asked(args.embed_bits.or(original).unwrap_or(8), args.fold)?;
    let sections = quantise::quantise(weights, &ranges, bits)?;
    let mut about = match origin {
        Some(origin) => of_origin(description, origin)?,
        None => quantise::Description {
            labels: description.labels.clone(),
            text: TextOptions { punctuation: description.punctuation },
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
        let own = measure(&source, &Model::open(&draft)?, texts)?;
        about.metrics = metrics(own);
        measured = Some(own);
    }
    let blob = quantise::write_blob(&about, vocabulary.section(), &sections)?;
    let pytorch = match &answers {
        Some(answers) => Some(compare(&source, &Model::open(&blob)?, answers)?),
        None => None,
    };
    if let Some(path) = &args.export {
        quantise::install(&blob, path)?;
    }
    let mut warnings = words.warnings.clone();
    warnings.extend(doubts(&source, saturation, pytorch));
    for warning in &warnings {
        crate::console::warn(warning);
    }
    let report = Report {
        model: weights.config.clone(),
        parameters: weights.count(),
        names: source.mapped.names.clone(),
        taken: source.mapped.taken.clone(),
        left_out: source.mapped.left_out.clone(),
        assumed: source.mapped.assumed.clone(),
        notes: source.notes.clone(),
        warnings,
        unseen: source.unseen(corpus.as_ref().map(|(texts, _)| &texts[..])),
        saturation,
        measured,
        pytorch,
        blob_bytes: blob.len(),
    };
    print(&report, description, args);
    match &args.json {
        Some(path) => super::write_json(path, &report),
        None => Ok(()),
    }
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

/// How many states are beyond what the engine's hold.
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

/// What the figures say that a user must know.
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
    if pytorch.is_some_and(|checked| checked.is_another()) {
        doubts.push(
            "the network as read is not PyTorch's: what was assumed is wrong (nonlinearity, activation, pooling, padding, tokeniser), or the words are others"
                .to_owned(),
        );
    }
    doubts
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
    let engine = classify_all(model, &read, Parts::Whole)?;
    let float: Vec<(usize, f64)> = answers
        .par_iter()
        .zip(&ids)
        .map(|(answer, ids)| {
            let (mut state, mut ranges) = (source.weights.start(), Ranges::default());
            ids.iter().for_each(|&id| source.weights.step(id, &mut state, &mut ranges));
            let logits = source.weights.logits(&state, &mut ranges);
            let own = f64::from(logits[answer.label as usize]);
            let total: f64 = logits.iter().map(|&logit| (f64::from(logit) - own).exp()).sum();
            (top(&logits), 1.0 / total)
        })
        .collect();
    let engine = engine.iter().map(|verdict| (verdict.class, (-verdict.loss).exp()));
    Ok(Checked {
        texts: answers.len(),
        float: check::compare(answers, float.into_iter()),
        quantised: check::compare(answers, engine),
    })
}

/// The index of the highest logit, the first of several.
fn top(logits: &[f32]) -> usize {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter().position(|&logit| logit == highest).unwrap_or(0)
}

/// Texts with the index of their label in the configuration, evenly spread, and the corpus' digest.
type Labelled = (Vec<(String, u32)>, [u8; 32]);

fn read_corpus(args: &Args, data: &str, description: &Description) -> Result<Labelled> {
    let corpus = CorpusConfig {
        text_column: args.text_column.clone(),
        label_column: args.label_column.clone(),
        ..CorpusConfig::of(data)
    };
    let corpus::Labelled { examples: all, digest, notes } = corpus::load_all(&corpus)?;
    notes.print();
    let count = if args.texts == 0 { all.len() } else { args.texts.min(all.len()) };
    let mut texts = Vec::with_capacity(count);
    for n in 0..count {
        let (text, label) = &all[n * all.len() / count];
        let index = corpus::label_position(&description.labels, label).with_context(|| {
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
fn measure(source: &Source, model: &Model<'_>, texts: &[TrainingExample]) -> Result<Measured> {
    let Source { weights, description, pad, .. } = source;
    let options = TrainingOptions {
        max_len: description.max_len,
        keep: description.keep,
        ..TrainingOptions::default()
    };
    let float = train::evaluate(&Network::from_weights(weights, &Device::Cpu)?, texts, &options)?;
    let items: Vec<Vec<Item>> =
        texts.iter().map(|text| known(cut(&text.ids, options.max_len, options.keep))).collect();
    let read: Vec<Reading<'_>> =
        items.iter().zip(texts).map(|(items, text)| Reading { items, truth: text.label }).collect();
    let own: Vec<u32> =
        classify_all(model, &read, Parts::Whole)?.iter().map(|verdict| verdict.class as u32).collect();
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
            let ids = texts.iter().flat_map(|text| cut(&text.ids, options.max_len, options.keep));
            let count = ids.clone().count().max(1) as f64;
            ids.filter(|&&id| id == unknown).count() as f64 / count
        },
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
    let rows = report.taken.iter().chain(&report.left_out);
    let width = rows.clone().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let shape = |row: &Row| if row.shape.is_empty() { "-".to_owned() } else { format!("{:?}", row.shape) };
    for row in &report.taken {
        say!("  {:width$}  {:>12}  {}", row.name, shape(row), row.meaning);
    }
    for row in &report.left_out {
        say!("  {:width$}  {:>12}  left out: {}", row.name, shape(row), row.meaning);
    }
    report.notes.iter().for_each(|note| say!("{note}"));
    say!("what a state dict does not tell:");
    for Assumption { what, value, key, configured } in &report.assumed {
        let from = if *configured { "as configured" } else { "assumed" };
        say!("  {what}: {value} ({from}; key \"{key}\")");
    }
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let Unseen { words, of, share_of_training, share_of_data } = report.unseen;
    say!(
        "{words} of {of} words of the vocabulary are never made by the engine's tokeniser{}{}",
        share_of_training.map_or(String::new(), |share| format!(
            ": {} of the training's tokens by the file's counts",
            percent(share)
        )),
        share_of_data.map_or(String::new(), |share| format!(
            ": about {} of the corpus' tokens, cut as the vocabulary cuts them",
            percent(share)
        ))
    );
    if let Some(Saturation { limit, largest, share }) = report.saturation {
        let on = if args.data.is_some() { "the corpus" } else { "the vocabulary read as one text" };
        say!(
            "states when calibrated on {on}: {largest:.2} at most, the engine's end at ±{limit}, {} beyond",
            percent(share)
        );
    }
    match &report.measured {
        Some(measured) => {
            say!(
                "{} texts: float {}, quantised {}, both agree on {}; {} of the words have no row",
                measured.texts,
                percent(measured.float_accuracy),
                percent(measured.quantised_accuracy),
                percent(measured.agreement),
                percent(measured.unknown_words)
            );
            say!(
                "  (both are readings of these weights: that measures the rounding, not whether PyTorch computes the same)"
            );
            if let (Some(accuracy), Some(agreement)) = (measured.padded_accuracy, measured.padded_agreement) {
                say!(
                    "padded as in training: float {}, the quantised model (which reads no padding) agrees on {}",
                    percent(accuracy),
                    percent(agreement)
                );
            }
        }
        None => say!("accuracy: not measured (--data CORPUS)"),
    }
    match &report.pytorch {
        Some(Checked { texts, float, quantised }) => {
            say!("agreement with PyTorch on {texts} texts, by the probability of its label:");
            for (what, own) in [("the model for the chip", quantised), ("the same in floats", float)] {
                say!(
                    "  {what}: {} of the labels equal, differences {:.4} in the mean, {:.4} at most (line {})",
                    percent(own.labels_equal),
                    own.mean_difference,
                    own.largest_difference,
                    own.line
                );
            }
        }
        None => say!("agreement with PyTorch: not measured (--check FILE, see docs/pytorch.md)"),
    }
    match &args.export {
        Some(path) => say!("wrote {} ({} bytes)", path.display(), report.blob_bytes),
        None => say!("nothing was exported: add --export model.bin"),
    }
}
