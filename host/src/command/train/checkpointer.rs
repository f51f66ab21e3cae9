//! Checkpoints, Ctrl-C, and a fallback for a model whose file cannot be written.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use clap::Args as ClapArgs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Args, report};
use crate::bytes::hex;
use crate::console::say;
use crate::corpus::STDIN;
use crate::exit_reason::ExitReason;
use crate::files;
use crate::model::Network;
use crate::pipeline::{Data, Observer, RunConfig};
use crate::stop::Stop;
use crate::train::checkpoint::{Contents, Run, Store, differences};
use crate::train::{Event, Trainer, TrainingExample};

/// Flags for the form and place of outputs, not for the training: they may differ when a run is resumed.
const FREE: [&str; 8] =
    ["export", "fold", "json", "report", "save", "checkpoint", "checkpoint_minutes", "resume"];

/// Flags for the paths of texts, which may have moved; the [facts](facts) show whether they are the same.
const MOVABLE: [&str; 5] = ["data", "test_data", "unlabelled", "rename_labels", "teacher_cache"];

#[derive(ClapArgs, Clone, Debug, Serialize, Deserialize)]
#[command(next_help_heading = "Checkpoints")]
pub struct CheckpointArgs {
    /// Folder for checkpoints, written after every epoch, every few minutes and on Ctrl-C
    #[arg(long, value_name = "DIR")]
    pub checkpoint: Option<PathBuf>,
    /// Minutes of training between two checkpoints; 0 writes one after every batch
    #[arg(long, value_name = "MINUTES", default_value_t = MINUTES)]
    pub checkpoint_minutes: f64,
    /// Resume from the checkpoint in this folder, with the flags of its run; flags given again must be the same, except
    /// for --export, --fold, --json, --report, --save and those of this section; --data, --test-data, --unlabelled,
    /// --rename-labels and --teacher-cache may give another path to the same texts
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
}

impl CheckpointArgs {
    /// The folders that checkpoints are written to and read from.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.checkpoint.iter().chain(&self.resume).map(PathBuf::as_path)
    }
}

/// Default minutes between two checkpoints.
const MINUTES: f64 = 5.0;

impl Default for CheckpointArgs {
    fn default() -> Self {
        Self { checkpoint: None, checkpoint_minutes: MINUTES, resume: None }
    }
}

/// Writes checkpoints, and decides when to stop.
#[derive(Debug)]
pub struct Checkpointer {
    store: Option<Store>,
    every: Duration,
    last: Instant,
    /// The run's flags, a JSON object.
    flags: String,
    /// Its configuration, a JSON object.
    config: String,
    facts: BTreeMap<String, String>,
    /// The resumed run.
    run: Option<Run>,
    stop: Stop,
}

impl Checkpointer {
    /// Opens the folder for checkpoints. Returns the flags in effect: those given, or for a resumed run the
    /// checkpoint's.
    ///
    /// # Errors
    /// If the folder or the checkpoint cannot be used, or a flag differs from the checkpoint's.
    pub fn begin(args: &Args) -> Result<(Args, Self)> {
        let minutes = args.keeping.checkpoint_minutes;
        ensure!(
            (0.0..=1e6).contains(&minutes),
            "--checkpoint-minutes {minutes}: 0 to 1000000 minutes are possible"
        );
        let (mut args, mut store, mut run) = (args.clone(), None, None);
        if let Some(folder) = &args.keeping.resume {
            let (opened, contents) = Store::open(folder, &mut |warning| crate::console::warn(&warning))?;
            store = Some(opened);
            args = merge(&contents.flags, &args)?;
            run = contents.run;
            args.find_corpus()?;
            if run.is_none() && MOVABLE.iter().any(|name| args.given.contains(*name)) {
                crate::console::warn(
                    "--resume: the run ended before its first batch, so that nothing tells whether these are its texts: it \
                     starts anew with them",
                );
            }
        }
        if let Some(folder) = &args.keeping.checkpoint {
            let same = store.as_ref().is_some_and(|store: &Store| files::is_same(store.folder(), folder));
            if !same {
                store = Some(Store::create(folder)?);
            }
        }
        // Whichever folder the run is resumed from.
        let flags = serde_json::to_string(&args.absolute()).context("cannot encode the flags")?;
        if let (Some(store), None) = (&store, &run) {
            // A run that is stopped before its first batch can be resumed, too.
            store.write(&Contents { flags: flags.clone(), run: None })?;
        }
        let checkpointer = Self {
            store,
            every: Duration::from_secs_f64(args.keeping.checkpoint_minutes * 60.0),
            last: Instant::now(),
            flags,
            config: String::new(),
            facts: BTreeMap::new(),
            run,
            stop: Stop::default(),
        };
        Ok((args, checkpointer))
    }

    /// The configuration in effect: the resolved one, or for a resumed run the checkpoint's, except for the folder of a
    /// teacher's soft labels and the final quantisation of embeddings.
    ///
    /// # Errors
    /// If another version of this program wrote the checkpoint's.
    pub fn settle(&self, resolved: RunConfig) -> Result<RunConfig> {
        Ok(match &self.run {
            Some(run) => RunConfig {
                teacher_cache: resolved.teacher_cache,
                bits: resolved.bits,
                ..serde_json::from_str(&run.config).context(
                    "the checkpoint's configuration was written by another version of this program",
                )?
            },
            None => resolved,
        })
    }

    /// The end of a run that the user has stopped at `position`.
    #[must_use]
    pub fn stopped(&self, position: &str) -> ExitReason {
        ExitReason::Stopped(match &self.store {
            Some(store) => {
                format!("{position}; go on with `host train --resume {}`", store.folder().display())
            }
            None => format!("{position}; nothing is kept (--checkpoint DIR makes a run that can go on)"),
        })
    }

    /// Saves a trained model elsewhere if its file could not be written.
    ///
    /// # Errors
    /// Always: the error that kept it from being written, and where the model is now.
    pub fn rescue(&self, error: Error, blob: &[u8]) -> Result<()> {
        if let Some(store) = &self.store {
            let folder = store.folder().display();
            bail!("{error:#} (training is done and kept: `host train --resume {folder}` exports it)");
        }
        let other = std::env::temp_dir().join(format!("telltale-{}.bin", std::process::id()));
        Err(match crate::quantise::install(blob, &other) {
            Ok(()) => anyhow!("{error:#} (the model was written to {} instead)", other.display()),
            Err(_) => error,
        })
    }
}

/// Describes the run, sets the trainer to the checkpoint's state, listens for Ctrl-C, and writes a checkpoint when one
/// is due.
impl Observer for Checkpointer {
    fn describe(&mut self, data: &Data, network: &Network) {
        report::describe(data, &network.config, network.device());
    }

    fn start(&mut self, data: &Data, trainer: &mut Trainer<'_>) -> Result<()> {
        self.config = serde_json::to_string(&data.config).context("cannot encode the configuration")?;
        self.facts = facts(data, trainer)?;
        if let Some(run) = self.run.take() {
            let different = differences(&run.facts, &self.facts);
            ensure!(
                different.is_empty(),
                "the checkpoint is one of another run, which differs in: {}; give the corpus (--data) and the flags \
                 that the run began with",
                different.join(", ")
            );
            trainer.restore(run.snapshot).context("the checkpoint is one of another run")?;
            say!("going on from {}", run.position);
        }
        self.last = Instant::now();
        self.stop = Stop::listen()?;
        Ok(())
    }

    fn at(&mut self, trainer: &Trainer<'_>, event: Event) -> Result<ControlFlow<()>> {
        let asked = self.stop.asked();
        let due = asked || event != Event::Batch || self.last.elapsed() >= self.every;
        if let (Some(store), true) = (&self.store, due) {
            store.write(&Contents {
                flags: self.flags.clone(),
                run: Some(Run {
                    config: self.config.clone(),
                    facts: self.facts.clone(),
                    position: trainer.position(),
                    snapshot: trainer.snapshot()?,
                }),
            })?;
            self.last = Instant::now();
        }
        Ok(if asked { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn trained(&mut self) {
        // Ctrl-C need not wait any longer.
        self.stop.at_once();
    }
}

impl Args {
    /// Refuses to resume without the texts of the checkpoint's run.
    fn find_corpus(&self) -> Result<()> {
        if let Some(flag) = self.corpus.stdin_flag(self.unlabelled.as_ref()) {
            let is_given = self.given.contains(&flag[2..].replace('-', "_"));
            ensure!(
                is_given,
                "what {flag} read in the checkpoint's run was standard input: give the same bytes by {flag}"
            );
        }
        let mut all = self
            .corpus
            .inputs()
            .into_iter()
            .chain(self.unlabelled.clone().filter(|path| path != Path::new(STDIN)));
        if let Some(path) = all.find(|path| !path.exists()) {
            bail!(
                "{}: the checkpoint's run read it, and it is there no more: say where the same texts are (--data, \
                 --test-data, --unlabelled, --rename-labels)",
                path.display()
            );
        }
        Ok(())
    }
}

/// The checkpoint's flags, overridden by the free ones that were given.
fn merge(flags: &str, given: &Args) -> Result<Args> {
    let damaged = "the checkpoint's flags were written by another version of this program";
    let mut then: Map<String, Value> = serde_json::from_str(flags).context(damaged)?;
    let Value::Object(now) = serde_json::to_value(given).context("cannot encode the flags")? else {
        bail!("the flags are no JSON object");
    };
    let mut different = Vec::new();
    for (name, value) in now {
        if FREE.contains(&&name[..]) || MOVABLE.contains(&&name[..]) {
            // The folders of a resumed run are given anew each time.
            if given.given.contains(&name) || ["checkpoint", "resume"].contains(&&name[..]) {
                then.insert(name, value);
            }
        } else if given.given.contains(&name) && then.get(&name) != Some(&value) {
            let before = then.get(&name).map_or_else(|| "none".to_owned(), text);
            different.push(format!("--{} {} (then {before})", name.replace('_', "-"), text(&value)));
        }
    }
    ensure!(
        different.is_empty(),
        "--resume goes on with the flags of the checkpoint's run, and these differ: {}",
        different.join(", ")
    );
    let mut args: Args = serde_json::from_value(Value::Object(then)).context(damaged)?;
    args.given.clone_from(&given.given);
    Ok(args)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What defines a run beside its configuration: the words as read, the network's shape.
fn facts(data: &Data, trainer: &Trainer<'_>) -> Result<BTreeMap<String, String>> {
    let short = |digest: &[u8]| hex(&digest[..8]);
    let mut texts = Sha256::new();
    for TrainingExample { ids, label, weight, target, .. } in data.texts.train.iter().chain(&data.texts.valid)
    {
        texts.update((ids.len() as u64).to_le_bytes());
        texts.update(label.to_le_bytes());
        texts.update(weight.to_le_bytes());
        texts.update(bytemuck::cast_slice::<u32, u8>(ids));
        texts.update(bytemuck::cast_slice::<f32, u8>(target));
    }
    let network = trainer.network();
    let mut facts = BTreeMap::from([
        ("corpus".to_owned(), short(&data.corpus.digest)),
        ("words".to_owned(), short(&texts.finalize())),
        ("device".to_owned(), if network.device().is_cpu() { "cpu" } else { "cuda" }.to_owned()),
    ]);
    if let Value::Object(shape) = serde_json::to_value(&network.config)? {
        facts.extend(shape.iter().map(|(name, value)| (name.clone(), text(value))));
    }
    Ok(facts)
}
