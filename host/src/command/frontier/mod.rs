//! `frontier`: accuracy per kilobyte, preset by preset.
//!
//! | in the folder `--out` | contents |
//! |---|---|
//! | `<preset>-<seed>.bin`, `.json` | a model, and `train`'s report on it |
//! | `<preset>-<seed>.flags` | the flags that it was trained with, as JSON |
//! | `<preset>-<seed>.checkpoint` | the checkpoints of an unfinished run |
//! | `teacher` | the teacher's soft labels for unlabelled texts, shared by all runs |
//! | `frontier.md`, `.svg`, `.png` | the table and the picture |

mod picture;
mod runs;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args as ClapArgs;

use super::train::{self, DeviceChoice, Preset, ShapeArgs, TrainingArgs};
use crate::command::corpus::CorpusArgs;
use crate::console::say;
use runs::Runs;
use table::Frontier;

/// Trains every preset with every seed, and writes a table and a picture of accuracy against bytes
///
/// Runs already in the folder for the same flags are not repeated, and an interrupted one continues from its checkpoint
/// if the command is run again with the same flags.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    corpus: CorpusArgs,
    /// Unlabelled texts for a teacher, as for `train`
    #[arg(long, value_name = "TEXTS")]
    unlabelled: Option<PathBuf>,
    /// Presets to train
    #[arg(long, value_enum, value_delimiter = ',', default_value = "nano,micro,small,base,large")]
    presets: Vec<Preset>,
    /// Seeds to train each with
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
    /// Folder for models, table and picture
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Device to train on; cuda needs a build with `--features cuda`
    #[arg(long, value_enum, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    training: TrainingArgs,
}

impl Args {
    /// The runs of the folder.
    fn runs(&self) -> Result<Runs<'_>> {
        let cache = self.unlabelled.as_ref().map(|_| self.out.join("teacher"));
        Runs::new(
            &self.out,
            train::Args {
                unlabelled: self.unlabelled.clone(),
                teacher_cache: cache,
                device: self.device,
                ..train::Args::new(self.corpus.clone(), self.shape.clone(), self.training.clone())
            },
        )
    }
}

/// Runs the verb.
///
/// # Errors
/// If a run fails, as its own line explains, or a file cannot be written.
/// [`ExitReason`](crate::exit_reason::ExitReason) if the user stops it or a run diverges.
pub fn run(args: &Args) -> Result<()> {
    ensure!(!args.presets.is_empty() && !args.seeds.is_empty(), "--presets and --seeds: at least one each");
    if let Some(flag) = args.corpus.stdin_flag(args.unlabelled.as_ref()) {
        bail!("{flag} -: each run reads the texts anew: write them to a file first");
    }
    let mut seeds = args.seeds.clone();
    seeds.sort_unstable();
    ensure!(
        seeds.windows(2).all(|pair| pair[0] != pair[1]),
        "--seeds: one is there twice, which is the same run"
    );
    ensure!(args.corpus.valid != Some(0.0), "--valid 0: the frontier is one of validation accuracies");
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("--out: cannot make the folder {}", args.out.display()))?;
    let own = ["frontier.md", "frontier.svg", "frontier.png"].map(|name| args.out.join(name));
    crate::files::Paths::default()
        .read("the corpus", args.corpus.inputs())
        .write("--out", own)
        .print("--json", &args.json)
        .check()?;
    let runs = args.runs()?;
    let mut frontier = Frontier::new(&args.corpus.data);
    let count = args.presets.len() * args.seeds.len();
    let all = args.presets.iter().flat_map(|&preset| args.seeds.iter().map(move |&seed| (preset, seed)));
    for (number, (preset, seed)) in all.enumerate() {
        let trained = runs.train(preset, seed, &format!("{}/{count}", number + 1))?;
        frontier.add(preset, trained);
    }
    let points = frontier.points();
    let text = table::markdown(&frontier, &points);
    crate::files::write(&args.out.join("frontier.md"), text.as_bytes())?;
    picture::write(&args.out, &frontier.corpus, &points)?;
    super::write_json(args.json.as_ref(), &table::report(&frontier, &points))?;
    say!();
    say!("{}", text.trim_end());
    say!();
    say!("wrote frontier.md, frontier.svg and frontier.png to {}", args.out.display());
    Ok(())
}
