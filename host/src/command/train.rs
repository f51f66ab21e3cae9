//! `train`: labelled text in, a model for a microcontroller out.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;
use shared::Model;
use shared::blob::Metrics;
use shared::text::Options as TextOptions;

use crate::corpus::{self, Corpus, CorpusArgs, Example};
use crate::engine::classify_all;
use crate::model::{Cell, Config, Network, Pooling};
use crate::quantise::{self, Description, EmbeddingBits};
use crate::train::batches::{Keep, cut};
use crate::train::log::{Log, human};
use crate::train::optimiser::Rule;
use crate::train::schedule::Schedule;
use crate::train::{self, Epoch, Evaluation, Loss, Options, Text};
use crate::vocabulary::{Built, Counts, ids_of};

/// Training texts that calibrate the ranges of activations.
const CALIBRATION_TEXTS: usize = 500;

/// Words of the self-test that the chip reads at start.
const SELF_TEST_WORDS: usize = 12;

/// Trains a recurrent text classifier, quantises it and writes one file for the chip
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    corpus: CorpusArgs,
    /// Where the quantised model goes
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Results for machines; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The seed of splits, weights, order and dropout: same seed, same machine, same file
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where to train: cuda needs a build with `--features cuda`
    #[arg(long, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// A set of defaults; every value of it can be overridden by its flag
    #[arg(long, value_enum)]
    preset: Option<Preset>,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    training: TrainingArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DeviceChoice {
    /// cuda if it is there, otherwise cpu
    Auto,
    Cpu,
    Cuda,
}

/// The two models of the PyTorch tutorial that Telltale grew from
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Preset {
    /// 200 words through an RNNCell, Linear 256, ReLU, Linear
    RnnCell,
    /// Embedding 128, nn.RNN of 256 units, dropout, Linear; Adam 1e-4, batch 100
    RnnLayer,
}

#[derive(ClapArgs, Clone, Debug)]
#[command(next_help_heading = "Model")]
struct ShapeArgs {
    /// Recurrent cell [default: gru]
    #[arg(long, value_enum)]
    cell: Option<Cell>,
    /// Recurrent layers, 1 to 4 [default: 1]
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Width of a word's embedding [default: 16]
    #[arg(long, value_name = "N")]
    embed: Option<usize>,
    /// Units of a recurrent layer [default: 48]
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// Pooling over time [default: last for short texts, mean for others]
    #[arg(long, value_enum)]
    pooling: Option<Pooling>,
    /// Units of a hidden ReLU layer in the head, 0 for a linear head [default: 0]
    #[arg(long, value_name = "N")]
    head_hidden: Option<usize>,
    /// The most words in the vocabulary [default: 10000]
    #[arg(long, value_name = "N")]
    vocab: Option<usize>,
    /// How often a word must occur to be in the vocabulary [default: 2]
    #[arg(long, value_name = "N")]
    min_freq: Option<u64>,
    /// Whether `!` and `?` are words [default: true]
    #[arg(long, value_name = "BOOL")]
    punctuation: Option<bool>,
    /// Bits of an embedding weight on the chip, 4 or 8 [default: 8]
    #[arg(long, value_name = "BITS")]
    embed_bits: Option<u32>,
}

#[derive(ClapArgs, Clone, Debug)]
#[command(next_help_heading = "Training")]
struct TrainingArgs {
    /// The most passes over the training texts [default: by the corpus' size, 4 to 40]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Texts per step [default: 32]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// The highest learning rate [default: 0.005]
    #[arg(long, value_name = "RATE")]
    lr: Option<f32>,
    /// Update rule [default: adamw]
    #[arg(long, value_enum)]
    optimiser: Option<Rule>,
    /// Weight decay [default: 0.01]
    #[arg(long, value_name = "RATE")]
    weight_decay: Option<f32>,
    /// Course of the learning rate [default: cosine]
    #[arg(long, value_enum)]
    schedule: Option<Schedule>,
    /// The largest norm of a step's gradient [default: 1]
    #[arg(long, value_name = "NORM")]
    clip: Option<f32>,
    /// Dropout on embeddings, 0 to 0.9 [default: 0.3]
    #[arg(long, value_name = "SHARE")]
    dropout_embed: Option<f32>,
    /// Dropout before the head, 0 to 0.9 [default: 0.3]
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f32>,
    /// Share of training words replaced by the unknown word, 0 to 0.9 [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    dropout_words: Option<f32>,
    /// Probability moved from the true label to all, 0 to 0.5 [default: 0.05]
    #[arg(long, value_name = "SHARE")]
    smoothing: Option<f32>,
    /// Which predictions are trained: the last, or the one after every word [default: every-word]
    #[arg(long, value_enum)]
    loss: Option<Loss>,
    /// Cut back-propagation through time every N words [default: never]
    #[arg(long, value_name = "N")]
    bptt: Option<usize>,
    /// Epochs without a better validation accuracy before training stops, 0 for never [default: 0]
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// The most words of a text that are read in training, 0 for all [default: 400]
    #[arg(long, value_name = "N")]
    max_len: Option<usize>,
    /// Which end of a longer text is kept [default: tail]
    #[arg(long, value_enum)]
    keep: Option<Keep>,
    /// Decay of the running average of weights that is exported, 0 for none [default: 0.998]
    #[arg(long, value_name = "SHARE")]
    average: Option<f32>,
}

/// All choices of a run, after presets and flags.
struct Plan {
    cell: Cell,
    layers: usize,
    embed: usize,
    hidden: usize,
    pooling: Pooling,
    head_hidden: usize,
    vocab: usize,
    min_freq: u64,
    bits: EmbeddingBits,
    options: Options,
}

/// Words that a default run reads in all: what fits the time that a newcomer waits.
const WORD_BUDGET: f64 = 48e6;

/// Texts with fewer words than this in the mean are short.
const SHORT_TEXT: u64 = 48;

impl Plan {
    fn new(args: &Args, words: u64, texts: usize) -> Result<Self> {
        let base = Self::defaults(args.preset, words, texts, args.seed);
        let (shape, training) = (&args.shape, &args.training);
        let o = base.options;
        let options = Options {
            epochs: training.epochs.unwrap_or(o.epochs),
            batch: training.batch.unwrap_or(o.batch),
            rate: training.lr.unwrap_or(o.rate),
            rule: training.optimiser.unwrap_or(o.rule),
            decay: training.weight_decay.unwrap_or(o.decay),
            schedule: training.schedule.unwrap_or(o.schedule),
            clip: training.clip.unwrap_or(o.clip),
            dropout_embed: training.dropout_embed.unwrap_or(o.dropout_embed),
            dropout_head: training.dropout.unwrap_or(o.dropout_head),
            dropout_words: training.dropout_words.unwrap_or(o.dropout_words),
            smoothing: training.smoothing.unwrap_or(o.smoothing),
            loss: training.loss.unwrap_or(o.loss),
            bptt: training.bptt.or(o.bptt).filter(|&steps| steps > 0),
            patience: training.patience.unwrap_or(o.patience),
            max_len: training.max_len.unwrap_or(o.max_len),
            keep: training.keep.unwrap_or(o.keep),
            average: training.average.unwrap_or(o.average),
            seed: args.seed,
        };
        for (flag, share, most) in [
            ("--dropout-embed", options.dropout_embed, 0.9),
            ("--dropout", options.dropout_head, 0.9),
            ("--dropout-words", options.dropout_words, 0.9),
            ("--smoothing", options.smoothing, 0.5),
            ("--average", options.average, 0.99999),
            ("--lr", options.rate, 10.0),
            ("--weight-decay", options.decay, 10.0),
        ] {
            ensure!((0.0..=most).contains(&share), "{flag} {share}: 0 to {most} is possible");
        }
        ensure!(options.clip > 0.0, "--clip {}: a positive norm is expected", options.clip);
        ensure!(options.epochs > 0, "--epochs 0: at least one is needed");
        ensure!(options.batch > 0, "--batch 0: at least one text is needed");
        let vocab = shape.vocab.unwrap_or(base.vocab);
        ensure!(
            (1..=crate::vocabulary::MAX_WORDS).contains(&vocab),
            "--vocab {vocab}: 1 to {} is possible",
            crate::vocabulary::MAX_WORDS
        );
        Ok(Self {
            cell: shape.cell.unwrap_or(base.cell),
            layers: shape.layers.unwrap_or(base.layers),
            embed: shape.embed.unwrap_or(base.embed),
            hidden: shape.hidden.unwrap_or(base.hidden),
            pooling: shape.pooling.unwrap_or(base.pooling),
            head_hidden: shape.head_hidden.unwrap_or(base.head_hidden),
            vocab,
            min_freq: shape.min_freq.unwrap_or(base.min_freq),
            bits: match shape.embed_bits {
                None | Some(8) => EmbeddingBits::Eight,
                Some(4) => EmbeddingBits::Four,
                Some(bits) => anyhow::bail!("--embed-bits {bits}: 4 or 8 is possible"),
            },
            options,
        })
    }

    fn defaults(preset: Option<Preset>, words: u64, texts: usize, seed: u64) -> Self {
        // After a sentence or two the last state still knows everything; long texts need a mean.
        let short = words < SHORT_TEXT * texts as u64;
        let plain = Self {
            cell: Cell::Gru,
            layers: 1,
            embed: 16,
            hidden: 48,
            pooling: if short { Pooling::Last } else { Pooling::Mean },
            head_hidden: 0,
            vocab: 10_000,
            min_freq: 2,
            bits: EmbeddingBits::Eight,
            options: Options {
                epochs: (WORD_BUDGET / words.max(1) as f64).round().clamp(4.0, 40.0) as usize,
                batch: 32,
                rate: 0.005,
                rule: Rule::AdamW,
                decay: 0.01,
                schedule: Schedule::Cosine,
                clip: 1.0,
                dropout_embed: 0.3,
                dropout_head: 0.3,
                dropout_words: 0.1,
                smoothing: 0.05,
                loss: Loss::EveryWord,
                bptt: None,
                patience: 0,
                max_len: 400,
                keep: Keep::Tail,
                average: 0.998,
                seed,
            },
        };
        let tutorial = |rate, batch, dropout_head| Options {
            epochs: 10,
            batch,
            rate,
            rule: Rule::Adam,
            decay: 0.0,
            schedule: Schedule::Constant,
            dropout_embed: 0.0,
            dropout_head,
            dropout_words: 0.0,
            smoothing: 0.0,
            loss: Loss::Final,
            max_len: 200,
            average: 0.0,
            ..plain.options.clone()
        };
        match preset {
            None => plain,
            Some(Preset::RnnCell) => Self {
                cell: Cell::Rnn,
                embed: 128,
                hidden: 256,
                pooling: Pooling::Last,
                head_hidden: 256,
                options: tutorial(1e-4, 100, 0.0),
                ..plain
            },
            Some(Preset::RnnLayer) => Self {
                cell: Cell::Rnn,
                embed: 128,
                hidden: 256,
                pooling: Pooling::Last,
                options: tutorial(1e-4, 100, 0.5),
                ..plain
            },
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    model: ModelReport,
    epochs: &'a [Epoch],
    valid: &'a Evaluation,
    test: Option<&'a Evaluation>,
    quantised: QuantisedReport,
    blob: BlobReport,
    seconds: f64,
}

#[derive(Serialize)]
struct ModelReport {
    cell: Cell,
    layers: usize,
    embed: usize,
    hidden: usize,
    vocab: usize,
    parameters: usize,
}

#[derive(Clone, Copy, Serialize)]
struct QuantisedReport {
    valid_accuracy: f64,
    test_accuracy: Option<f64>,
    agreement: f64,
}

#[derive(Serialize)]
struct BlobReport {
    bytes: usize,
    vocab_bytes: usize,
    weight_bytes: usize,
}

/// Tokenised splits.
struct Texts {
    train: Vec<Text>,
    valid: Vec<Text>,
    test: Vec<Text>,
}

/// Runs the verb.
///
/// # Errors
/// Says what was wrong with the corpus, a flag or a file.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let device = device(args.device)?;
    if let Some(path) = &args.export {
        // Better now than after the training.
        crate::files::temporary(path)
            .with_context(|| format!("cannot write the model {}", path.display()))?;
    }
    let corpus = corpus::load(&args.corpus, args.seed)?;
    ensure!(
        !corpus.valid.is_empty(),
        "the validation split is empty: raise --valid or give more than {} texts",
        corpus.train.len()
    );
    let punctuation = args.shape.punctuation.unwrap_or(args.preset.is_none());
    let text_options = TextOptions { punctuation };
    let counts = Counts::of(corpus.train.iter().map(|example| example.text.as_bytes()), text_options);
    ensure!(counts.total() > 0, "{}: the training texts contain no words", corpus.name);
    let plan = Plan::new(args, counts.total(), corpus.train.len())?;
    let frequent = counts.most_frequent(plan.vocab, plan.min_freq);
    let vocabulary = Built::new(&frequent)?;
    let texts = tokenise(&corpus, &vocabulary, text_options)?;
    let config = Config {
        cell: plan.cell,
        layers: plan.layers,
        embed: plan.embed,
        hidden: plan.hidden,
        vocab: vocabulary.words.len() + 1,
        pooling: plan.pooling,
        head_hidden: plan.head_hidden,
        classes: corpus.labels.len(),
    };
    let network = Network::new(&config, &device, args.seed)?;
    describe(&corpus, &config, &counts, &plan, &device);
    let training = Instant::now();
    let history = train::train(&network, &texts.train, &texts.valid, &plan.options, &Log::new())?;
    let trained = training.elapsed();
    // From here on every word counts, as on the chip.
    let whole = Options {
        max_len: if args.preset.is_some() { plan.options.max_len } else { 0 },
        ..plan.options.clone()
    };
    let valid = train::evaluate(&network, &texts.valid, &whole)?;
    let test =
        if texts.test.is_empty() { None } else { Some(train::evaluate(&network, &texts.test, &whole)?) };
    let weights = network.weights()?;
    let calibration =
        texts.train.iter().take(CALIBRATION_TEXTS).map(|text| cut(&text.ids, whole.max_len, whole.keep));
    let ranges = quantise::calibrate(&weights, calibration);
    let sections = quantise::quantise(&weights, &ranges, plan.bits)?;
    let mut description = Description {
        labels: corpus.labels.clone(),
        text: text_options,
        pooling: plan.pooling,
        corpus: corpus.name.clone(),
        digest: corpus.digest,
        seed: args.seed,
        examples: corpus.train.len(),
        self_test: self_test(&frequent),
        metrics: Metrics::default(),
    };
    let draft = quantise::write_blob(&description, vocabulary.section(), &sections)?;
    let model = Model::open(&draft)?;
    let quantised = compare(&model, &texts, &valid, &whole)?;
    description.metrics = metrics(&valid, test.as_ref(), quantised);
    let blob = quantise::write_blob(&description, vocabulary.section(), &sections)?;
    if let Some(path) = &args.export {
        quantise::install(&blob, path)?;
    }
    let report = Report {
        model: ModelReport {
            cell: config.cell,
            layers: config.layers,
            embed: config.embed,
            hidden: config.hidden,
            vocab: vocabulary.words.len(),
            parameters: weights.count(),
        },
        epochs: &history,
        valid: &valid,
        test: test.as_ref(),
        quantised,
        blob: BlobReport {
            bytes: blob.len(),
            vocab_bytes: vocabulary.section().len(),
            weight_bytes: sections.embedding.len()
                + sections.layers.iter().map(Vec::len).sum::<usize>()
                + sections.head.len(),
        },
        seconds: started.elapsed().as_secs_f64(),
    };
    conclude(&report, trained, args);
    match &args.json {
        Some(path) => super::write_json(path, &report),
        None => Ok(()),
    }
}

fn device(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto => Ok(Device::cuda_if_available(0).unwrap_or(Device::Cpu)),
        DeviceChoice::Cuda => {
            ensure!(
                cfg!(feature = "cuda"),
                "--device cuda: this build has no CUDA; build it with `cargo run -p host --features cuda -- train …`"
            );
            Device::new_cuda(0).context("--device cuda: no GPU can be used")
        }
    }
}

fn tokenise(corpus: &Corpus, vocabulary: &Built, options: TextOptions) -> Result<Texts> {
    let reader = vocabulary.open()?;
    let all = |examples: &[Example]| {
        let text = |example: &Example| Text {
            ids: ids_of(example.text.as_bytes(), options, &reader),
            label: example.label,
        };
        examples.iter().map(text).collect()
    };
    Ok(Texts { train: all(&corpus.train), valid: all(&corpus.valid), test: all(&corpus.test) })
}

/// Frequent words, spread over the ranks, and one that is unknown.
fn self_test(frequent: &[(u32, String)]) -> String {
    let step = (frequent.len() / SELF_TEST_WORDS).max(1);
    let mut words: Vec<&str> =
        frequent.iter().step_by(step).take(SELF_TEST_WORDS).map(|(_, word)| &word[..]).collect();
    words.push("telltale");
    words.join(" ")
}

fn describe(corpus: &Corpus, config: &Config, counts: &Counts, plan: &Plan, device: &Device) {
    println!(
        "{}: {} classes, {} training, {} validation and {} test texts, {} words",
        corpus.name,
        corpus.labels.len(),
        corpus.train.len(),
        corpus.valid.len(),
        corpus.test.len(),
        counts.total(),
    );
    println!(
        "{} ×{}, embedding {} → {} units, {} words, head {}, {} epochs at most, on {}",
        config.cell,
        config.layers,
        config.embed,
        config.hidden,
        config.vocab - 1,
        if config.head_hidden == 0 { "linear".to_owned() } else { format!("{} ReLU", config.head_hidden) },
        plan.options.epochs,
        if device.is_cpu() { "cpu" } else { "cuda" },
    );
}

/// The integer engine on validation and test, beside the float model's labels.
fn compare(
    model: &Model<'_>,
    texts: &Texts,
    valid: &Evaluation,
    options: &Options,
) -> Result<QuantisedReport> {
    let verdicts = |texts: &[Text]| -> Result<Vec<usize>> {
        let cut: Vec<_> =
            texts.iter().map(|text| (cut(&text.ids, options.max_len, options.keep), text.label)).collect();
        Ok(classify_all(model, &cut)?.into_iter().map(|verdict| verdict.class).collect())
    };
    let accuracy = |classes: &[usize], texts: &[Text]| {
        let right = classes.iter().zip(texts).filter(|(class, text)| **class == text.label as usize).count();
        right as f64 / texts.len() as f64
    };
    let own = verdicts(&texts.valid)?;
    let same = own.iter().zip(&valid.predictions).filter(|(own, float)| **own == **float as usize).count();
    let test_accuracy =
        if texts.test.is_empty() { None } else { Some(accuracy(&verdicts(&texts.test)?, &texts.test)) };
    Ok(QuantisedReport {
        valid_accuracy: accuracy(&own, &texts.valid),
        test_accuracy,
        agreement: same as f64 / own.len() as f64,
    })
}

fn metrics(valid: &Evaluation, test: Option<&Evaluation>, quantised: QuantisedReport) -> Metrics {
    let share = |share: f64| (share * 10_000.0).round() as u16;
    Metrics {
        float_valid: Some(share(valid.accuracy)),
        quantised_valid: Some(share(quantised.valid_accuracy)),
        float_test: test.map(|test| share(test.accuracy)),
        quantised_test: quantised.test_accuracy.map(share),
        agreement: Some(share(quantised.agreement)),
    }
}

fn conclude(report: &Report<'_>, trained: Duration, args: &Args) {
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let or_none = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    println!();
    println!("{:<12} {:>10} {:>10}", "accuracy", "float", "quantised");
    println!(
        "{:<12} {:>10} {:>10}",
        "validation",
        percent(report.valid.accuracy),
        percent(report.quantised.valid_accuracy)
    );
    let test = report.test.map(|test| test.accuracy);
    println!("{:<12} {:>10} {:>10}", "test", or_none(test), or_none(report.quantised.test_accuracy));
    println!("both agree on {} of the validation texts", percent(report.quantised.agreement));
    println!(
        "{} parameters, blob of {} bytes ({} vocabulary, {} weights)",
        report.model.parameters, report.blob.bytes, report.blob.vocab_bytes, report.blob.weight_bytes
    );
    println!(
        "training took {}, everything {}",
        human(trained),
        human(Duration::from_secs_f64(report.seconds))
    );
    match &args.export {
        Some(path) => println!("wrote {}", path.display()),
        None => println!("nothing was exported: add --export model.bin"),
    }
}
