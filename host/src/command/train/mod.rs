//! `train`: labelled text in, a model for a microcontroller out.

mod checkpointer;
mod data;
mod draft;
mod finish;
mod plan;
mod report;
mod teach;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs, ValueEnum};
use serde::{Deserialize, Serialize};
use telltale::Model;

use super::eval::Split;
use super::report::{self as page, Results};
use crate::corpus::CorpusArgs;
use crate::exit_reason::ExitReason;
use crate::files::Paths;
use crate::model::Network;
use crate::pytorch;
use crate::quantise;
use crate::train::log::Log;
use crate::train::{End, Epoch, Outcome, Trainer};
use checkpointer::{CheckpointArgs, Checkpointer};
use data::Data;
pub use draft::{Drafts, Size};
use finish::Finished;
use plan::Plan;
pub use plan::{Preset, ShapeArgs, TrainingArgs};

/// Trains a recurrent text classifier, quantises it and writes one file for the chip
#[derive(ClapArgs, Clone, Debug, Serialize, Deserialize)]
pub struct Args {
    #[command(flatten)]
    #[serde(flatten)]
    corpus: CorpusArgs,
    /// Texts without labels: a teacher that has learnt the labelled ones tells what it thinks of them, and the
    /// model learns from that, too. An aclImdb .tar.gz (its `unsup`), a .txt with a text a line, a .csv, .tsv or
    /// .jsonl, or a folder of .txt files
    #[arg(long, value_name = "TEXTS")]
    unlabelled: Option<PathBuf>,
    /// Where a teacher's opinions are kept for other runs on the same texts
    #[arg(long, value_name = "DIR")]
    teacher_cache: Option<PathBuf>,
    /// Where the quantised model goes
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// A folder for the float model as PyTorch loads it: model.safetensors, vocab.txt, config.json
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Results for machines; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A page about the model, with its curves and what it makes of the test texts, or of the validation texts where
    /// there are none; see the verb `report`
    #[arg(long, value_name = "FILE")]
    #[serde(default)]
    report: Option<PathBuf>,
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
    keeping: CheckpointArgs,
    /// The flags that stand on the command line, by their names in here.
    #[arg(skip)]
    #[serde(skip)]
    given: BTreeSet<String>,
}

/// Where networks are trained
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub enum DeviceChoice {
    /// cuda if it is there, otherwise cpu
    Auto,
    /// This machine's processor
    Cpu,
    /// An NVIDIA GPU
    Cuda,
}

impl Args {
    /// Whether one of the presets, or a checkpoint, is asked for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.preset.is_some() || self.keeping.resume.is_some()
    }

    /// The same run with a preset, its words and n-grams being `share` of the preset's unless a flag says
    /// how many they are.
    #[must_use]
    pub fn sized(&self, size: Size) -> Self {
        let mut args = Self { preset: Some(size.preset), ..self.clone() };
        if size.share < 1.0 {
            let (vocab, ngrams) = Plan::entries(size.preset);
            let part = |count: usize| Some((count as f64 * size.share).round() as usize);
            args.shape.vocab = args.shape.vocab.or_else(|| part(vocab));
            args.shape.ngrams = args.shape.ngrams.or_else(|| part(ngrams));
        }
        args
    }

    /// Finds out before the training that all that it gives can be written, and is nothing that it reads.
    fn check_paths(&self) -> Result<()> {
        if self.json.as_deref() == Some(Path::new("-")) {
            crate::console::divert();
        }
        if let Some(folder) = &self.save {
            pytorch::save::check(folder)?;
        }
        if let Some(folder) = &self.teacher_cache {
            std::fs::create_dir_all(folder)
                .and_then(|()| crate::files::temporary(&folder.join("opinions")))
                .with_context(|| format!("--teacher-cache {}: cannot be written", folder.display()))?;
        }
        self.paths().check()
    }

    /// What is read and what is written.
    #[must_use]
    pub fn paths(&self) -> Paths {
        let saved = self.save.iter().flat_map(|folder| pytorch::save::files(folder));
        Paths::default()
            .read("the corpus", self.corpus.inputs())
            .read("--unlabelled", &self.unlabelled)
            .write("--export", &self.export)
            .write("--json", &self.json)
            .write("--report", &self.report)
            .write("--save", saved)
    }

    /// With paths that hold from any folder.
    fn absolute(&self) -> Self {
        let of = |path: &Option<PathBuf>| {
            let path = path.as_ref()?;
            let is_stream = path == Path::new("-");
            Some(std::path::absolute(path).ok().filter(|_| !is_stream).unwrap_or_else(|| path.clone()))
        };
        Self {
            corpus: self.corpus.absolute(),
            unlabelled: of(&self.unlabelled),
            teacher_cache: of(&self.teacher_cache),
            export: of(&self.export),
            save: of(&self.save),
            json: of(&self.json),
            report: of(&self.report),
            ..self.clone()
        }
    }

    /// Notes which flags stand on the command line.
    pub fn note_given(&mut self, matches: &ArgMatches) {
        let given = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        self.given = matches.ids().filter(given).map(|id| id.as_str().to_owned()).collect();
    }
}

/// Runs the verb.
///
/// # Errors
/// Says what was wrong with the corpus, a flag or a file. [`ExitReason`] if the run was stopped or diverged.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let (args, mut checkpointer) = Checkpointer::begin(args)?;
    let device = device(args.device)?;
    args.check_paths()?;
    let data = Data::load(&args)?;
    ensure!(
        args.save.is_none() || data.recipe.is_none(),
        "--save: PyTorch has no n-grams: leave --ngrams out"
    );
    let network = Network::new(&data.config(), &device, args.seed)?;
    report::describe(&data, &network.config, &device);
    let training = Instant::now();
    let options = &data.plan.options;
    let mut trainer = Trainer::new(&network, &data.texts.train, &data.texts.valid, options)?;
    checkpointer.start(&data, &mut trainer)?;
    let outcome = trainer.run(&Log::new(), &mut |trainer, event| checkpointer.at(trainer, event))?;
    let Outcome::Ended(end) = outcome else {
        return Err(checkpointer.stopped(&trainer.position()).into());
    };
    checkpointer.trained();
    let trained = training.elapsed();
    let finished = finish::finish(&args, &data, &network).map_err(|error| match end {
        End::Complete | End::Patience => error,
        End::Diverged { .. } => {
            ExitReason::Diverged(format!("{end}; the best epoch before cannot be used: {error:#}")).into()
        }
    })?;
    if let Some(path) = &args.export {
        quantise::install(&finished.blob, path)
            .or_else(|error| checkpointer.rescue(error, &finished.blob))?;
    }
    if let Some(folder) = &args.save {
        pytorch::save::save(folder, &finished.weights, &data.vocabulary.words, &finished.description)?;
    }
    let report = finished.report(&network.config, trainer.history(), started.elapsed());
    report::conclude(&report, trained, &args);
    if let Some(path) = &args.json {
        super::write_json(path, &report)?;
    }
    if let Some(path) = &args.report {
        write_page(path, &finished, &data, trainer.history())?;
    }
    match end {
        End::Complete | End::Patience => Ok(()),
        End::Diverged { .. } => {
            Err(ExitReason::Diverged(format!("{end}; the best epoch before was kept")).into())
        }
    }
}

/// Writes the page about a finished model.
fn write_page(path: &Path, finished: &Finished, data: &Data, epochs: &[Epoch]) -> Result<()> {
    let (model, corpus) = (Model::open(&finished.blob)?, &data.corpus);
    let measured = match (&corpus.test[..], &corpus.valid[..]) {
        ([], []) => None,
        ([], _) if corpus.validates_on_train => Some((Split::Train, &corpus.valid)),
        ([], _) => Some((Split::Valid, &corpus.valid)),
        _ => Some((Split::Test, &corpus.test)),
    };
    let results = measured
        .map(|(split, texts)| Results::of_examples(&model, &corpus.name, split, texts, &corpus.labels))
        .transpose()?;
    let epochs = serde_json::to_value(epochs).context("cannot encode the epochs")?;
    page::write(&model, results, Some(epochs), path)
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
