//! What a run prints.

use std::path::Path;
use std::time::Duration;

use candle_core::Device;

use crate::command::measures::print_measures;
use crate::console::{human, say, warn};
use crate::corpus::{Corpus, count, visible_label};
use crate::evaluate::measures::Measures;
use crate::model::Config;
use crate::pipeline::{Data, Report};
use crate::train::TrainingExample;

/// Prints what is about to be trained: rows, classes, words, model.
pub fn describe(data: &Data, config: &Config, device: &Device) {
    let corpus = &data.corpus;
    let left_out = corpus.notes.left_out().map_or_else(String::new, |why| format!("; left out: {why}"));
    say!("{}: {} rows read{left_out}", corpus.name, corpus.rows);
    say!("classes: {}", classes(corpus));
    say!(
        "{}: {} classes, {} training, {} validation and {} test texts, {} words",
        corpus.name,
        corpus.labels.len(),
        corpus.train.len(),
        corpus.set_aside().len(),
        corpus.test.len(),
        data.words,
    );
    words(data);
    say!(
        "{} ×{}, embedding {} → {} units, {} words, head {}, {} epochs at most, on {}",
        config.cell,
        config.layers,
        config.embed,
        config.hidden,
        config.vocab - 1,
        if config.head_hidden == 0 { "linear".to_owned() } else { format!("{} ReLU", config.head_hidden) },
        data.config.options.epochs,
        if device.is_cpu() { "cpu" } else { "cuda" },
    );
}

/// The classes with their numbers of texts, the largest first.
fn classes(corpus: &Corpus) -> String {
    const SHOWN: usize = 20;
    let mut counts: Vec<(usize, &str)> = corpus.labels.iter().map(|label| (0, &label[..])).collect();
    for example in corpus.train.iter().chain(corpus.set_aside()).chain(&corpus.test) {
        counts[example.label as usize].0 += 1;
    }
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let shown: Vec<String> =
        counts.iter().take(SHOWN).map(|(count, label)| format!("{} {count}", visible_label(label))).collect();
    let mut text = shown.join(", ");
    if let (Some((largest, _)), Some((smallest, _))) = (counts.get(SHOWN), counts.last()) {
        text += &format!(" and {} more of {largest} to {smallest} texts", counts.len() - SHOWN);
    }
    text
}

/// Prints how long texts are, and how much of them the vocabulary lacks.
fn words(data: &Data) {
    let unknown = data.vocabulary.words.len() as u32;
    let mut lengths: Vec<usize> = data.texts.train.iter().map(|text| text.ids.len()).collect();
    lengths.sort_unstable();
    let all: usize = lengths.iter().sum();
    let share = |texts: &[TrainingExample]| {
        let ids = || texts.iter().flat_map(|text| &text.ids);
        let strange = ids().filter(|&&id| id == unknown).count();
        format!("{:.1} %", 100.0 * strange as f64 / ids().count().max(1) as f64)
    };
    let judges = [("validation", &data.texts.valid), ("test", &data.texts.test)];
    let others = judges
        .iter()
        .filter(|(_, texts)| !texts.is_empty())
        .map(|(name, texts)| format!(", {} of the {name}'s", share(texts)));
    say!(
        "words a text: {:.1} in the mean, {} at most; not in the vocabulary: {} of the training words{}",
        all as f64 / lengths.len().max(1) as f64,
        lengths.last().copied().unwrap_or(0),
        share(&data.texts.train),
        others.collect::<String>()
    );
    let silent = lengths.iter().take_while(|&&length| length == 0).count();
    if silent > 0 {
        warn(&format!("{} without a word for the network", count(silent, "training text")));
    }
}

/// The last lines of a run.
pub fn conclude(report: &Report<'_>, trained: Duration, export: Option<&Path>) {
    let percent = |share: f64| match share {
        share if share.is_nan() => "–".to_owned(),
        share => format!("{:.2} %", share * 100.0),
    };
    let or_none = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    say!();
    say!("{:<12} {:>10} {:>10}", "accuracy", "float", "quantised");
    say!(
        "{:<12} {:>10} {:>10}",
        if report.validates_on_train { "training" } else { "validation" },
        percent(report.valid.accuracy),
        percent(report.quantised.valid_accuracy)
    );
    let test = report.test.map(|test| test.accuracy);
    say!("{:<12} {:>10} {:>10}", "test", or_none(test), or_none(report.quantised.test_accuracy));
    let judges =
        if report.validates_on_train || report.valid.examples == 0 { "training" } else { "validation" };
    say!("both agree on {} of the {judges} texts", percent(report.quantised.agreement));
    let of = |name: &str, measures: &Measures| {
        say!("\nthe {name} texts, quantised:");
        print_measures(measures);
        say!();
    };
    match (&report.quantised.test, &report.quantised.valid) {
        (Some(test), _) => of("test", test),
        (None, Some(valid)) => of(judges, valid),
        (None, None) => {}
    }
    if report.valid.examples == 0 {
        say!("without validation texts, the last epoch was taken");
    }
    say!(
        "{} parameters, blob of {} bytes ({} vocabulary, {} weights)",
        report.model.parameters,
        report.blob.bytes,
        report.blob.vocab_bytes,
        report.blob.weight_bytes
    );
    say!("training took {}, everything {}", human(trained), human(Duration::from_secs_f64(report.seconds)));
    match export {
        Some(path) => say!("wrote {}", path.display()),
        None => say!("nothing was exported: add --export model.bin"),
    }
}
