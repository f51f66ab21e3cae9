//! `train`: from labelled texts to a model for a microcontroller.

mod checkpointer;
mod config;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as ClapArgs, ValueEnum};
use serde::{Deserialize, Serialize};
use telltale::Model;

use super::report::{self as page, Results};
use crate::command::corpus::CorpusArgs;
use crate::console;
use crate::corpus::{Split, unlabelled};
use crate::exit_reason::ExitReason;
use crate::files::Paths;
use crate::pipeline::{self, Data, Finished, Outcome};
use crate::pytorch;
use crate::quantise;
use crate::train::checkpoint::Store;
use crate::train::{End, Epoch};
use checkpointer::{CheckpointArgs, Checkpointer};
pub use config::{Preset, ShapeArgs, Size, TrainingArgs};

/// Trains a recurrent text classifier, quantises it and writes one file for the chip
#[derive(ClapArgs, Clone, Debug, Serialize, Deserialize)]
pub struct Args {
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) corpus: CorpusArgs,
    /// Unlabelled texts: a teacher trained on the labelled ones gives them soft labels, from which the model learns,
    /// too. An aclImdb .tar.gz (its `unsup`), a .txt with a text per line, a .csv, .tsv, .jsonl or .parquet,
    /// gzip-compressed or not, or a folder of .txt files
    #[arg(long, value_name = "TEXTS")]
    pub(super) unlabelled: Option<PathBuf>,
    /// Folder that keeps a teacher's soft labels for other runs on the same texts
    #[arg(long, value_name = "DIR")]
    pub(super) teacher_cache: Option<PathBuf>,
    /// File for the quantised model
    #[arg(long, value_name = "FILE")]
    pub(super) export: Option<PathBuf>,
    /// Folder for the float model in PyTorch's form: model.safetensors, vocab.txt, config.json
    #[arg(long, value_name = "DIR")]
    pub(super) save: Option<PathBuf>,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// File for a page about the model, with its curves and its results on the test texts, or on the validation texts
    /// if there are none; see the verb `report`
    #[arg(long, value_name = "FILE")]
    #[serde(default)]
    pub(super) report: Option<PathBuf>,
    /// Seed of splits, weights, order and dropout: same seed, same machine, same file
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Device to train on; cuda needs a build with `--features cuda`
    #[arg(long, value_enum, default_value_t = DeviceChoice::Cpu)]
    pub(super) device: DeviceChoice,
    /// Set of defaults; a flag overrides each
    #[arg(long, value_enum)]
    pub(super) preset: Option<Preset>,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) shape: ShapeArgs,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) training: TrainingArgs,
    #[command(flatten)]
    #[serde(flatten)]
    pub(super) keeping: CheckpointArgs,
    /// The flags given on the command line, by their field names.
    #[arg(skip)]
    #[serde(skip)]
    pub(super) given: BTreeSet<String>,
}

/// Device that trains networks
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// This machine's processor, which is faster for networks small enough for a chip
    #[serde(alias = "Auto", alias = "Cpu")]
    Cpu,
    /// An NVIDIA GPU
    #[serde(alias = "Cuda")]
    Cuda,
}

impl Args {
    /// A run on a corpus with the first seed, which writes nothing.
    #[must_use]
    pub fn new(corpus: CorpusArgs, shape: ShapeArgs, training: TrainingArgs) -> Self {
        Self {
            corpus,
            unlabelled: None,
            teacher_cache: None,
            export: None,
            save: None,
            json: None,
            report: None,
            seed: 1,
            device: DeviceChoice::Cpu,
            preset: None,
            shape,
            training,
            keeping: CheckpointArgs::default(),
            given: BTreeSet::new(),
        }
    }

    /// The same run with a model, a JSON report and checkpoints; it continues from these if `resumed`.
    #[must_use]
    pub fn with_outputs(&self, model: &Path, json: &Path, checkpoints: &Path, resumed: bool) -> Self {
        let folder = Some(checkpoints.to_owned());
        let keeping = match resumed {
            true => CheckpointArgs { resume: folder, ..CheckpointArgs::default() },
            false => CheckpointArgs { checkpoint: folder, ..CheckpointArgs::default() },
        };
        Self { export: Some(model.to_owned()), json: Some(json.to_owned()), keeping, ..self.clone() }
    }

    /// Whether a preset or a checkpoint is given.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.preset.is_some() || self.keeping.resume.is_some()
    }

    /// Checks before the training that all outputs can be written, and overwrite no input.
    fn check_paths(&self) -> Result<()> {
        let idle = [
            ("teacher", "--teacher", self.unlabelled.is_none(), "--unlabelled"),
            ("teacher_cache", "--teacher-cache", self.unlabelled.is_none(), "--unlabelled"),
            ("checkpoint_minutes", "--checkpoint-minutes", self.keeping.checkpoint.is_none(), "--checkpoint"),
        ];
        for (name, flag, is_idle, wanted) in idle {
            ensure!(
                !is_idle || self.keeping.resume.is_some() || !self.given.contains(name),
                "{flag} has no effect without {wanted}"
            );
        }
        self.check_save()?;
        if let Some(folder) = &self.teacher_cache {
            std::fs::create_dir_all(folder)
                .and_then(|()| crate::files::temporary(&folder.join("opinions")))
                .with_context(|| format!("--teacher-cache {}: cannot be written", folder.display()))?;
        }
        self.paths().check()
    }

    /// Makes the folder of --save, if given, and checks that it is writable.
    ///
    /// # Errors
    /// If not.
    pub fn check_save(&self) -> Result<()> {
        self.save.as_deref().map_or(Ok(()), pytorch::save::check)
    }

    /// Reports what PyTorch's files cannot hold.
    fn tell_of_saving(&self) {
        let is_tutorial = matches!(self.preset, Some(Preset::RnnCell | Preset::RnnLayer));
        if self.shape.ngrams.is_none() && !is_tutorial {
            console::warn(
                "--save: the model has no n-grams, since PyTorch has none; without --save it is more accurate",
            );
        }
        if self.training.reject.is_some() {
            console::warn(
                "--save: the rule of --reject is in --export alone: what `import` makes of the folder has none",
            );
        }
    }

    /// The paths that are read and written.
    #[must_use]
    pub fn paths(&self) -> Paths {
        let saved = self.save.iter().flat_map(|folder| pytorch::save::files(folder));
        Paths::default()
            .read("the corpus", self.corpus.inputs())
            .read(
                "--unlabelled",
                self.unlabelled.iter().flat_map(|path| unlabelled::files(path).unwrap_or_default()),
            )
            .read("--checkpoint", self.keeping.folders().flat_map(Store::files))
            .write("--export", &self.export)
            .print("--json", &self.json)
            .write("--report", &self.report)
            .write("--save", saved)
    }

    /// With absolute paths.
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

    /// Notes which flags were given on the command line.
    pub fn note_given(&mut self, matches: &ArgMatches) {
        let given = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        self.given = matches.ids().filter(given).map(|id| id.as_str().to_owned()).collect();
    }
}

/// Runs the verb.
///
/// # Errors
/// If the corpus, a flag or a file is wrong. [`ExitReason`] if the run was stopped or diverged.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let (args, mut checkpointer) = Checkpointer::begin(args)?;
    let device = device(args.device)?;
    args.check_paths()?;
    let source = args.source()?;
    let config = checkpointer.settle(args.resolve(&source)?)?;
    if args.save.is_some() {
        ensure!(
            config.ngrams.most == Some(0),
            "--save: PyTorch has no n-grams: {}",
            if args.keeping.resume.is_some() {
                "the run that this goes on with has some, and cannot be saved"
            } else {
                "leave --ngrams out"
            }
        );
        args.tell_of_saving();
    }
    let data = Data::prepare(source, config)?;
    let trained = match pipeline::run(&data, &device, &mut checkpointer)? {
        Outcome::Stopped(position) => return Err(checkpointer.stopped(&position).into()),
        Outcome::Ended(trained) => trained,
    };
    let finished = &trained.finished;
    if args.given.contains("bytes") && finished.blob.len() > data.config.bytes {
        let why = if data.config.ngrams.most.is_some_and(|most| most > 0) {
            "--ngrams or the preset says how many n-grams there are"
        } else {
            "the network alone is larger (--hidden, --embed and --vocab make it smaller)"
        };
        let (asked, taken) = (data.config.bytes, finished.blob.len());
        console::warn(&format!("--bytes {asked}: the model takes {taken} bytes, since {why}"));
    }
    if let Some(path) = &args.export {
        quantise::install(&finished.blob, path)
            .or_else(|error| checkpointer.rescue(error, &finished.blob))?;
    }
    if let Some(folder) = &args.save {
        pytorch::save::save(folder, &finished.weights, &data.vocabulary.words, &finished.description)?;
    }
    let report = trained.report(started.elapsed());
    report::conclude(&report, trained.took, args.export.as_deref());
    super::write_json(args.json.as_ref(), &report)?;
    if let Some(path) = &args.report {
        write_page(path, finished, &data, &trained.epochs)?;
    }
    match trained.end {
        End::Complete | End::Patience => Ok(()),
        end @ End::Diverged { .. } => {
            Err(ExitReason::Diverged(format!("{end}; the best epoch before was kept")).into())
        }
    }
}

/// Writes the page about a finished model.
fn write_page(path: &Path, finished: &Finished, data: &Data, epochs: &[Epoch]) -> Result<()> {
    let (model, corpus) = (Model::open(&finished.blob)?, &data.corpus);
    let measured = match (&corpus.test[..], &corpus.valid[..]) {
        ([], []) => None,
        ([], _) if corpus.validates_on_train => Some(Split::Train),
        ([], _) => Some(Split::Valid),
        _ => Some(Split::Test),
    };
    let results = measured.map(|split| Results::of_split(&model, corpus, split)).transpose()?;
    let epochs = serde_json::to_value(epochs).context("cannot encode the epochs")?;
    page::write(&model, results, Some(epochs), path)
}

fn device(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda => {
            ensure!(
                cfg!(feature = "cuda"),
                "--device cuda: this build has no CUDA; build it with `cargo run -p host --features cuda -- train …`"
            );
            Device::new_cuda(0).context("--device cuda: no GPU can be used")
        }
    }
}
