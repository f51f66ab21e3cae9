//! `eval`: the integer engine over a labelled corpus.

mod errors;
mod pairs;
mod print;
mod shuffle;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args as ClapArgs;
use serde::Serialize;
use telltale::Model;
use telltale::engine::early_exit::Rule;

use crate::command::corpus::{CorpusArgs, Which, load_for};
use crate::command::rows::RowFormat;
use crate::console::{say, warn};
use crate::corpus::{self, Example};
use crate::engine::{self, Item, Reading, classify_all, items, with_model};
use crate::evaluate::early_exit::{ExitEffect, answers, effect};
use crate::evaluate::measures::{Judged, Measures};
use crate::evaluate::parts::{Alone, Parts, accuracy};
use crate::evaluate::rejection::{self, RejectionEffect};
use pairs::{Pairs, Solved};
use shuffle::Shuffle;

/// Reads a labelled corpus with the integer engine, exactly as a chip would
///
/// Texts with labels that the model does not have are an error; with a model that rejects texts (`train --reject`),
/// they are texts of no class, and the shares of them and of the others that are rejected are reported.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    corpus: CorpusArgs,
    /// Texts to read: all, or one of the splits that `train` makes
    #[arg(long, value_enum, default_value_t = Which::All)]
    split: Which,
    /// Also report the effect of early exit: a text counts as decided once a class has had this probability, 0.5 to 1,
    /// for --patience words in a row [default: the model's own rule, if it has one]
    #[arg(long, value_name = "PROBABILITY")]
    early_exit: Option<f64>,
    /// Words in a row for --early-exit
    #[arg(long, value_name = "N", default_value_t = 8, requires = "early_exit")]
    patience: u16,
    /// Also report the accuracy of each part of the model alone: the recurrent network, and the n-grams beside it
    #[arg(long)]
    parts: bool,
    /// Also report the accuracy for each value of a column (of one file, with --split all)
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// Also report the share of groups solved, with every text right; texts with the same value in this column are a
    /// group (of one file, with --split all). A model that gives both texts of a pair the same label solves none
    #[arg(long, value_name = "COLUMN")]
    pairs: Option<String>,
    /// Read the words of each text in random order, the same for the same SEED (1 if none is given), to measure the
    /// value of word order; not with --early-exit or --errors
    #[arg(long, value_name = "SEED", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["early_exit", "errors"])]
    shuffle: Option<u64>,
    /// File (.csv, .tsv or .jsonl) for the misread texts: true label, answer, its probability, the words that
    /// contributed most for and against the answer (with their change of its log odds), text
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Seed of the splits [default: the model's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    examples: usize,
    #[serde(flatten)]
    measures: Measures,
    loss: f64,
    labels: Vec<String>,
    words: usize,
    seconds: f64,
    /// The effect of early exit, by the flags' rule or the model's own; all else is by the model's own, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    early_exit: Option<ExitEffect>,
    /// The effect of the model's rejection rule; all else is of the nearest classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<RejectionEffect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Parts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<By>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Pairs>,
    /// The seed of the words' order.
    #[serde(skip_serializing_if = "Option::is_none")]
    shuffle: Option<u64>,
}

/// The texts by a column's values.
#[derive(Serialize)]
struct By {
    column: String,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    value: String,
    examples: usize,
    accuracy: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Parts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Solved>,
}

/// Runs the verb.
///
/// # Errors
/// If the model or the corpus cannot be read, or their labels differ.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default()
        .read("--model", [&args.model])
        .read("the corpus", args.corpus.inputs())
        .print("--json", &args.json)
        .write("--errors", &args.errors)
        .check()?;
    let rule = rule(args)?;
    let errors = args.errors.as_deref().map(|path| RowFormat::of("--errors", path)).transpose()?;
    with_model(&args.model, |model| {
        let report = evaluate(model, args, rule, errors)?;
        print::print(&report);
        super::write_json(args.json.as_ref(), &report)
    })
}

fn examples(model: &Model<'_>, args: &Args) -> Result<Vec<(String, String)>> {
    let Some(split) = args.split.split() else {
        ensure!(
            args.seed.is_none(),
            "--seed says how `train` splits a corpus, and all of it is read: name a --split"
        );
        let all = corpus::load_all(&args.corpus.config())?;
        all.notes.print();
        return Ok(all.examples);
    };
    let corpus = load_for(model, &args.corpus.config(), args.seed, &[split])?;
    let texts = corpus.texts(split);
    ensure!(!texts.is_empty(), "{}: that split is empty", corpus.name);
    let named = |example: &Example| (example.text.clone(), corpus.labels[example.label as usize].clone());
    Ok(texts.iter().map(named).collect())
}

fn evaluate(model: &Model<'_>, args: &Args, rule: Option<Rule>, errors: Option<RowFormat>) -> Result<Report> {
    let labels: Vec<String> = model.labels().map(str::to_owned).collect();
    let mut examples = examples(model, args)?;
    // A model that can reject texts is also measured on those of no class.
    let mut strangers = Vec::new();
    if model.rejection().is_some() && args.by.is_none() && args.pairs.is_none() {
        let is_known = |(_, label): &(String, String)| corpus::label_position(&labels, label).is_some();
        (examples, strangers) = examples.into_iter().partition(is_known);
        tell_strangers(&args.corpus.data, &labels, &strangers, examples.is_empty())?;
    }
    let by = groups(args, "--by", args.by.as_deref())?;
    let pairs = groups(args, "--pairs", args.pairs.as_deref())?;
    let started = Instant::now();
    let mut shuffle = args.shuffle.map(Shuffle::new);
    let mut texts = Vec::new();
    for (text, label) in &examples {
        let label =
            corpus::class_of(&args.corpus.data, &labels, label).map_err(|error| match model.rejection() {
                Some(_) => error.context("--by and --pairs take texts of the model's classes alone"),
                None => error,
            })?;
        let items = match &mut shuffle {
            Some(shuffle) => items(model, &shuffle.text(text)),
            None => items(model, text),
        };
        texts.push((items, label as u32));
    }
    let ids = texts.iter().flat_map(|(items, _)| items).filter_map(Item::word);
    let (words, known) = ids
        .fold((0, 0), |(words, known), id| (words + 1, known + usize::from(id < model.vocabulary().len())));
    if 5 * known < words {
        warn(&format!("the model knows {known} of the texts' {words} words"));
    }
    let readings: Vec<Reading<'_>> =
        texts.iter().map(|(items, truth)| Reading { items, truth: *truth }).collect();
    let verdicts = classify_all(model, &readings, engine::ReadWith::Whole)?;
    let seconds = started.elapsed().as_secs_f64();
    let early_exit = match rule.or(model.early_exit()).filter(|_| args.shuffle.is_none()) {
        None => None,
        Some(rule) => Some(effect(&answers(model, &with_classes(&examples, &texts))?, rule)),
    };
    let rejection = match model.rejection() {
        None => None,
        Some(_) => {
            let strangers: Vec<&str> = strangers.iter().map(|(text, _)| &text[..]).collect();
            Some(rejection::effect(model, &with_classes(&examples, &texts), &strangers)?)
        }
    };
    let alone = if args.parts { Some(Alone::read(model, &readings)?) } else { None };
    let parts = |which: &[usize]| alone.as_ref().map(|alone| alone.of(&readings, &verdicts, which));
    let solved = |pairs: &Groups, which: &[usize]| {
        Solved::count(&readings, &verdicts, alone.as_ref(), &pairs::within(&pairs.1, which), labels.len())
    };
    let by = by.map(|(column, groups)| By {
        column,
        groups: groups
            .into_iter()
            .map(|(value, which)| Group {
                value,
                examples: which.len(),
                accuracy: accuracy(&readings, &verdicts, &which),
                parts: parts(&which),
                pairs: pairs.as_ref().map(|pairs| solved(pairs, &which)),
            })
            .collect(),
    });
    let all: Vec<usize> = (0..verdicts.len()).collect();
    let pairs = pairs.map(|pairs| Pairs { all: solved(&pairs, &all), column: pairs.0 });
    let judged: Vec<Judged> =
        verdicts.iter().zip(&texts).map(|(verdict, (.., label))| Judged::of(verdict, *label)).collect();
    if let Some((path, format)) = args.errors.as_ref().zip(errors) {
        errors::write(path, format, model, &labels, &examples, &judged)?;
    }
    Ok(Report {
        examples: verdicts.len(),
        measures: Measures::of(&judged, &labels),
        loss: verdicts.iter().map(|verdict| verdict.loss).sum::<f64>() / verdicts.len().max(1) as f64,
        labels,
        words,
        seconds,
        early_exit,
        rejection,
        parts: parts(&all),
        by,
        pairs,
        shuffle: args.shuffle,
    })
}

/// Prints which labels are taken for those of texts of no class.
///
/// # Errors
/// If all are.
fn tell_strangers(data: &str, labels: &[String], strangers: &[(String, String)], all: bool) -> Result<()> {
    let mut counts = BTreeMap::<&str, usize>::new();
    strangers.iter().for_each(|(_, label)| *counts.entry(label).or_default() += 1);
    let told: Vec<String> = counts.iter().map(|(label, count)| format!("`{label}` {count}")).collect();
    ensure!(
        !all,
        "{data}: no text has a label that the model knows, which are {}; there are {} (`label` counts how many are rejected)",
        labels.join(", "),
        corpus::few(&told)
    );
    if !told.is_empty() {
        say!(
            "{data}: labels that the model does not know, taken for texts of no class: {}",
            corpus::few(&told)
        );
    }
    for label in counts.keys() {
        if let Some(own) = corpus::label_alike(labels, label) {
            warn(&format!(
                "{data}: the label `{label}` differs from the model's `{own}` by case, space or spelling alone, and is taken \
                 for a text of no class (--rename-labels FILE)"
            ));
        }
    }
    Ok(())
}

/// Texts with their true classes.
fn with_classes<'t>(examples: &'t [(String, String)], texts: &[(Vec<Item>, u32)]) -> Vec<(&'t str, usize)> {
    examples.iter().zip(texts).map(|((text, _), (_, class))| (&text[..], *class as usize)).collect()
}

/// A column, and the positions of the texts with each of its values.
type Groups = (String, BTreeMap<String, Vec<usize>>);

/// The texts by a column that `flag` names.
fn groups(args: &Args, flag: &str, column: Option<&str>) -> Result<Option<Groups>> {
    let Some(column) = column else { return Ok(None) };
    ensure!(args.split == Which::All, "{flag} {column}: leave --split out: the whole file is read");
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for (at, value) in corpus::load_column(&args.corpus.config(), column)?.into_iter().enumerate() {
        groups.entry(value).or_default().push(at);
    }
    Ok(Some((column.to_owned(), groups)))
}

/// The rule of the flags.
fn rule(args: &Args) -> Result<Option<Rule>> {
    let Some(probability) = args.early_exit else { return Ok(None) };
    ensure!(
        (0.5..=1.0).contains(&probability) && args.patience > 0,
        "--early-exit {probability} --patience {}: a probability from 0.5 to 1 and at least one word are expected",
        args.patience
    );
    Ok(Some(Rule { probability: engine::ten_thousandths(probability), words: args.patience }))
}
