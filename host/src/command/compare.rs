//! `compare`: every corpus below a folder, trained with default flags and measured.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::Args as ClapArgs;
use serde::{Deserialize, Serialize};

use super::corpus::CorpusArgs;
use super::train::{self, ShapeArgs, TrainingArgs};
use crate::console::{self, say};
use crate::corpus::{self, CorpusConfig, Split};
use crate::files::Paths;
use crate::pipeline::{self, Data, Outcome, PartAccuracy, Unwatched};

/// Trains every corpus below a folder and measures it on its test split: one table
///
/// A corpus is a folder with a train and a test file. Each is trained as `train` would with the same flags; beside the
/// whole model, its network and its n-grams are measured alone. `tests/peers/peers.py DIR` measures other programs on
/// the same files; `--peers` adds its results.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// Folder of the corpora
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Results of other programs, as written by `tests/peers/peers.py`
    #[arg(long, value_name = "FILE")]
    peers: Option<PathBuf>,
    /// File for the table, as Markdown
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Seed of all runs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    training: TrainingArgs,
}

/// A corpus, trained and measured.
#[derive(Debug, Serialize)]
struct Row {
    corpus: String,
    classes: usize,
    /// Texts that it was trained on, including those for validation.
    training_texts: usize,
    test_texts: usize,
    accuracy: f64,
    macro_f1: f64,
    /// Each part of the model alone.
    alone: PartAccuracy,
    bytes: usize,
    seconds: f64,
    /// Other programs on the same texts.
    peers: Vec<Peer>,
}

/// Another program's result on a corpus.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Peer {
    corpus: String,
    /// Its name.
    peer: String,
    accuracy: f64,
    macro_f1: f64,
    /// Bytes of its model, if they are limited.
    bytes: Option<u64>,
}

/// Runs the verb.
///
/// # Errors
/// If there is no corpus, or one cannot be trained; the others are trained before the error.
pub fn run(args: &Args) -> Result<()> {
    let mut without = Vec::new();
    let folders = corpora(&args.data, &mut without)?;
    Paths::default()
        .read("--peers", &args.peers)
        .read("--data", folders.iter().flat_map(|folder| CorpusConfig::of(folder.to_string_lossy()).inputs()))
        .write("--out", &args.out)
        .print("--json", &args.json)
        .check()?;
    ensure!(
        !folders.is_empty(),
        "--data {}: there is no folder with a train and a test file below it",
        args.data.display()
    );
    if !without.is_empty() {
        say!("not read, for want of a train and a test file: {}", corpus::few(&without));
    }
    let peers = args.peers.as_deref().map(read_peers).transpose()?.unwrap_or_default();
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (number, folder) in folders.iter().enumerate() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        say!("\n[{}/{}] {name}", number + 1, folders.len());
        match measure(args, folder, &name) {
            Ok(row) => {
                let own = peers.iter().filter(|peer| peer.corpus == name).cloned().collect();
                rows.push(Row { peers: own, ..row });
            }
            Err(error) => {
                console::warn(&format!("{name}: {error:#}"));
                failed.push(name);
            }
        }
    }
    let table = table(&rows);
    say!("\n{table}");
    if let Some(path) = &args.out {
        crate::files::write(path, table.as_bytes())?;
    }
    super::write_json(args.json.as_ref(), &rows)?;
    ensure!(failed.is_empty(), "not in the table: {}", failed.join(", "));
    Ok(())
}

/// The folders with a train and a test file, in order; `without` collects folders with no such folder in them.
fn corpora(folder: &Path, without: &mut Vec<String>) -> Result<Vec<PathBuf>> {
    // One whose pieces are incomplete is reported when it is read.
    let broken = |error| if folder.is_dir() { Ok(true) } else { Err(error) };
    if corpus::has_splits(folder).or_else(broken)? {
        return Ok(vec![folder.to_owned()]);
    }
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for path in corpus::children(folder)? {
        let own = if path.is_dir() { corpora(&path, without)? } else { Vec::new() };
        if own.is_empty() {
            others.push(path.display().to_string());
        }
        found.extend(own);
    }
    // A folder without a corpus is reported by the one above it.
    if !found.is_empty() {
        without.extend(others);
    }
    Ok(found)
}

fn read_peers(path: &Path) -> Result<Vec<Peer>> {
    let text =
        crate::files::read(path).with_context(|| format!("--peers: cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("--peers {}: it is not what tests/peers/peers.py writes", path.display()))
}

fn measure(args: &Args, folder: &Path, name: &str) -> Result<Row> {
    let started = Instant::now();
    let corpus = CorpusArgs { data: folder.to_string_lossy().into_owned(), ..CorpusArgs::default() };
    let flags = train::Args {
        seed: args.seed,
        ..train::Args::new(corpus, args.shape.clone(), args.training.clone())
    };
    let source = flags.source()?;
    let config = flags.resolve(&source)?;
    let data = Data::prepare(source, config)?;
    ensure!(
        !data.corpus.test.is_empty() && !data.corpus.drawn.contains(&Split::Test),
        "its test file has no text with a label of the training's, and nothing else is measured"
    );
    let Outcome::Ended(trained) = pipeline::run(&data, &Device::Cpu, &mut Unwatched)? else {
        anyhow::bail!("training was stopped");
    };
    let seconds = started.elapsed().as_secs_f64();
    let quantised = &trained.finished.quantised;
    let (measures, alone) =
        quantised.test.as_ref().zip(quantised.alone).context("the test split is empty")?;
    let texts = data.corpus.test.len();
    say!("{:.2} % of {texts} test texts, {seconds:.0} s", measures.accuracy * 100.0);
    Ok(Row {
        corpus: name.to_owned(),
        classes: data.corpus.labels.len(),
        training_texts: data.corpus.train.len() + data.corpus.set_aside().len(),
        test_texts: texts,
        accuracy: measures.accuracy,
        macro_f1: measures.macro_f1,
        alone,
        bytes: trained.finished.blob.len(),
        seconds,
        peers: Vec::new(),
    })
}

/// The table in Markdown: accuracy / macro-F1 in per cent, and means.
fn table(rows: &[Row]) -> String {
    let mut peers: Vec<&str> = Vec::new();
    for peer in rows.iter().flat_map(|row| &row.peers) {
        if !peers.contains(&&peer.peer[..]) {
            peers.push(&peer.peer);
        }
    }
    let both = |accuracy: f64, macro_f1: f64| format!("{:.2} / {:.2}", accuracy * 100.0, macro_f1 * 100.0);
    let cell = |own: Option<(f64, f64)>| {
        own.map_or_else(|| "–".to_owned(), |(accuracy, macro_f1)| both(accuracy, macro_f1))
    };
    let mut text =
        "| corpus | classes | texts | Telltale | bytes | network alone | n-grams alone |".to_owned();
    peers.iter().for_each(|peer| text += &format!(" {peer} |"));
    text += "\n|---|---:|---:|---:|---:|---:|---:|";
    peers.iter().for_each(|_| text += "---:|");
    text.push('\n');
    for row in rows {
        let ngrams = row.alone.ngrams.map_or_else(|| "–".to_owned(), |own| format!("{:.2}", own * 100.0));
        let _ = write!(
            text,
            "| {} | {} | {} | {} | {} | {:.2} | {ngrams} |",
            row.corpus.replace('|', "\\|"),
            row.classes,
            row.training_texts,
            both(row.accuracy, row.macro_f1),
            row.bytes,
            row.alone.network * 100.0,
        );
        for peer in &peers {
            let own = row.peers.iter().find(|own| own.peer == *peer);
            let _ = write!(text, " {} |", cell(own.map(|own| (own.accuracy, own.macro_f1))));
        }
        text.push('\n');
    }
    let mean = |of: &dyn Fn(&Row) -> Option<f64>| {
        let all: Option<Vec<f64>> = rows.iter().map(of).collect();
        all.filter(|all| !all.is_empty()).map(|all| all.iter().sum::<f64>() / all.len() as f64)
    };
    let own = mean(&|row| Some(row.accuracy)).zip(mean(&|row| Some(row.macro_f1)));
    let _ = write!(text, "| mean | | | {} | | | |", cell(own));
    for peer in &peers {
        let of = |row: &Row| row.peers.iter().find(|own| own.peer == *peer).cloned();
        let means = mean(&|row| Some(of(row)?.accuracy)).zip(mean(&|row| Some(of(row)?.macro_f1)));
        let _ = write!(text, " {} |", cell(means));
    }
    text.push('\n');
    text
}
