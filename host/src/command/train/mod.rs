//! `train`: labelled text in, a model for a microcontroller out.

mod finish;
mod keeper;
mod plan;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs, ValueEnum};
use serde::{Deserialize, Serialize};
use shared::text::Options as TextOptions;

use crate::corpus::{self, Corpus, CorpusArgs, Example};
use crate::ending::Ending;
use crate::model::{Config, Network};
use crate::quantise;
use crate::train::log::Log;
use crate::train::{End, Outcome, Text, Trainer};
use crate::vocabulary::{Built, Counts, ids_of};
use keeper::{Keeper, KeepingArgs};
use plan::{Plan, Preset, ShapeArgs, TrainingArgs};

/// Trains a recurrent text classifier, quantises it and writes one file for the chip
#[derive(ClapArgs, Clone, Debug, Serialize, Deserialize)]
pub struct Args {
    #[command(flatten)]
    #[serde(flatten)]
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
    #[serde(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    #[serde(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    #[serde(flatten)]
    keeping: KeepingArgs,
    /// The flags that stand on the command line, by their names in here.
    #[arg(skip)]
    #[serde(skip)]
    given: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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

impl Args {
    /// Notes which flags stand on the command line.
    pub fn note_given(&mut self, matches: &ArgMatches) {
        let given = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        self.given = matches.ids().filter(given).map(|id| id.as_str().to_owned()).collect();
    }
}

/// Runs the verb.
///
/// # Errors
/// Says what was wrong with the corpus, a flag or a file. [`Ending`] if the run was stopped or diverged.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let (args, mut keeper) = Keeper::begin(args)?;
    let device = device(args.device)?;
    for path in args.export.iter().chain(&args.json).filter(|path| *path != Path::new("-")) {
        // Better now than after the training.
        crate::files::check(path)?;
    }
    let data = Data::load(&args)?;
    let network = Network::new(&data.config(), &device, args.seed)?;
    report::describe(&data, &network.config, &device);
    let training = Instant::now();
    let options = &data.plan.options;
    let mut trainer = Trainer::new(&network, &data.texts.train, &data.texts.valid, options)?;
    keeper.start(&data, &mut trainer)?;
    let outcome = trainer.run(&Log::new(), &mut |trainer, moment| keeper.at(trainer, moment))?;
    let Outcome::Ended(end) = outcome else {
        return Err(keeper.stopped(&trainer.position()).into());
    };
    keeper.trained();
    let trained = training.elapsed();
    let finished = finish::finish(&args, &data, &network)?;
    if let Some(path) = &args.export {
        quantise::install(&finished.blob, path).or_else(|error| keeper.rescue(error, &finished.blob))?;
    }
    let report = finished.report(&network.config, trainer.history(), started.elapsed());
    report::conclude(&report, trained, &args);
    if let Some(path) = &args.json {
        super::write_json(path, &report)?;
    }
    match end {
        End::Complete | End::Patience => Ok(()),
        End::Diverged { .. } => {
            Err(Ending::Diverged(format!("{end}; the best epoch before was kept")).into())
        }
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
