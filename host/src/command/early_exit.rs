//! `early-exit`: calibrates when a model may stop reading.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args as ClapArgs;
use serde::Serialize;
use telltale::Model;
use telltale::engine::format::Kind;

use crate::aligned::AlignedBytes;
use crate::command::corpus::{CorpusArgs, load_for, texts_of};
use crate::console::say;
use crate::corpus::Split;
use crate::engine::unusable;
use crate::evaluate::early_exit::{ExitEffect, answers, calibrate, effect};
use crate::quantise::{install, with_section};

/// Calibrates early exit: a model stops reading a text once its answer has been certain for a while
///
/// Finds, on the validation split, the rule (a probability, and for how many words in a row) that skips most words
/// while the given share of texts keeps the answer of the full reading; the test split then measures it on texts that
/// took no part in the choice. The exported model is the same with the rule in it, which chip and PC follow.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    corpus: CorpusArgs,
    /// Seed of the splits [default: the model's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Share of validation texts that must keep the answer of the full reading, 0.5 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.995)]
    agreement: f64,
    /// File for the model with the rule
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    /// On the validation split, those that skip most first; the first one is chosen.
    candidates: Vec<ExitEffect>,
    /// The choice on the validation split.
    valid: ExitEffect,
    /// The choice on the test split, if there is one.
    test: Option<ExitEffect>,
}

/// Runs the verb.
///
/// # Errors
/// If model or corpus cannot be read, their labels differ, no rule agrees enough, or the model cannot be written.
pub fn run(args: &Args) -> Result<()> {
    ensure!(
        (0.5..=1.0).contains(&args.agreement),
        "--agreement {}: a share from 0.5 to 1 is expected",
        args.agreement
    );
    crate::files::Paths::default()
        .read("--model", [&args.model])
        .read("the corpus", args.corpus.inputs())
        .write("--export", &args.export)
        .print("--json", &args.json)
        .check()?;
    let bytes = AlignedBytes::read(&args.model)?;
    let model = Model::open(&bytes).with_context(|| unusable(&args.model, &bytes))?;
    let corpus = load_for(&model, &args.corpus.config(), args.seed, &[Split::Valid, Split::Test])?;
    ensure!(!corpus.valid.is_empty(), "{}: the validation split is empty (--valid)", corpus.name);
    let read = |split| answers(&model, &texts_of(&model, &corpus, split)?);
    let valid = read(Split::Valid)?;
    let candidates = calibrate(&valid, args.agreement);
    let &(rule, on_valid) = candidates
        .first()
        .with_context(|| format!("no rule keeps {} of the answers: lower --agreement", args.agreement))?;
    let test = (!corpus.test.is_empty()).then(|| read(Split::Test)).transpose()?;
    let report = Report {
        candidates: candidates.iter().map(|(_, effect)| *effect).collect(),
        valid: on_valid,
        test: test.map(|answers| effect(&answers, rule)),
    };
    print(&report);
    if args.export.is_none() {
        say!("nothing is written: --export FILE takes the model with this rule");
    }
    if let Some(path) = &args.export {
        install(&with_section(&bytes, Kind::EarlyExit, &rule.section())?, path)?;
    }
    super::write_json(args.json.as_ref(), &report)
}

fn print(report: &Report) {
    say!("{:>11} {:>6} {:>9} {:>10} {:>9}", "probability", "words", "skipped", "agreement", "accuracy");
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    for effect in &report.candidates {
        say!(
            "{:>11.4} {:>6} {:>9} {:>10} {:>9}",
            effect.probability,
            effect.words,
            percent(effect.skipped),
            percent(effect.agreement),
            percent(effect.accuracy)
        );
    }
    say!("\nchosen: {:.4} for {} words in a row", report.valid.probability, report.valid.words);
    for (split, effect) in [("validation", Some(&report.valid)), ("test", report.test.as_ref())] {
        let Some(effect) = effect else { continue };
        say!(
            "{split}: {} of the words are not read; {} of {} texts keep their answer; accuracy {}, of the full \
             reading {}",
            percent(effect.skipped),
            percent(effect.agreement),
            effect.texts,
            percent(effect.accuracy),
            percent(effect.full_accuracy)
        );
    }
}
