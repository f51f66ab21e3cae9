//! `train`: labelled text in, a model for a microcontroller out.

mod finish;
mod plan;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::{Args as ClapArgs, ValueEnum};
use shared::text::Options as TextOptions;

use crate::corpus::{self, Corpus, CorpusArgs, Example};
use crate::model::{Config, Network};
use crate::quantise;
use crate::train::log::Log;
use crate::train::{self, Text};
use crate::vocabulary::{Built, Counts, ids_of};
use plan::{Plan, Preset, ShapeArgs, TrainingArgs};

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

/// Tokenised splits.
struct Texts {
    train: Vec<Text>,
    valid: Vec<Text>,
    test: Vec<Text>,
}

/// The corpus read, the run decided, the words numbered.
struct Data {
    corpus: Corpus,
    /// Words of the training texts, repetitions included.
    words: u64,
    text: TextOptions,
    plan: Plan,
    /// The vocabulary's words, the most frequent first.
    frequent: Vec<(u32, String)>,
    vocabulary: Built,
    texts: Texts,
}

impl Data {
    fn load(args: &Args) -> Result<Self> {
        let corpus = corpus::load(&args.corpus, args.seed)?;
        ensure!(
            !corpus.valid.is_empty(),
            "the validation split is empty: raise --valid or give more than {} texts",
            corpus.train.len()
        );
        let text = TextOptions { punctuation: args.shape.punctuation.unwrap_or(args.preset.is_none()) };
        let counts = Counts::of(corpus.train.iter().map(|example| example.text.as_bytes()), text);
        let words = counts.total();
        ensure!(words > 0, "{}: the training texts contain no words", corpus.name);
        let plan = Plan::new(args, words, corpus.train.len())?;
        let frequent = counts.most_frequent(plan.vocab, plan.min_freq);
        let vocabulary = Built::new(&frequent)?;
        let texts = tokenise(&corpus, &vocabulary, text)?;
        Ok(Self { corpus, words, text, plan, frequent, vocabulary, texts })
    }

    fn config(&self) -> Config {
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
    let data = Data::load(args)?;
    let network = Network::new(&data.config(), &device, args.seed)?;
    report::describe(&data, &network.config, &device);
    let training = Instant::now();
    let (train, valid) = (&data.texts.train, &data.texts.valid);
    let history = train::train(&network, train, valid, &data.plan.options, &Log::new())?;
    let trained = training.elapsed();
    let finished = finish::finish(args, &data, &network)?;
    if let Some(path) = &args.export {
        quantise::install(&finished.blob, path)?;
    }
    let report = finished.report(&network.config, &history, started.elapsed());
    report::conclude(&report, trained, args);
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
