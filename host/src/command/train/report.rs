//! What a run tells: lines for people, one JSON for machines.

use std::time::Duration;

use candle_core::Device;
use serde::Serialize;
use telltale::engine::format::Metrics;

use crate::console::say;
use crate::model::{Cell, Config};
use crate::train::log::human;
use crate::train::{Epoch, Evaluation};

use super::{Args, Data};

#[derive(Serialize)]
pub struct Report<'a> {
    pub model: ModelReport,
    pub epochs: &'a [Epoch],
    pub valid: &'a Evaluation,
    pub test: Option<&'a Evaluation>,
    pub quantised: QuantisedReport,
    pub blob: BlobReport,
    pub seconds: f64,
}

#[derive(Serialize)]
pub struct ModelReport {
    pub cell: Cell,
    pub layers: usize,
    pub embed: usize,
    pub hidden: usize,
    pub vocab: usize,
    pub parameters: usize,
}

#[derive(Clone, Copy, Serialize)]
pub struct QuantisedReport {
    pub valid_accuracy: f64,
    pub test_accuracy: Option<f64>,
    pub agreement: f64,
}

#[derive(Clone, Copy, Serialize)]
pub struct BlobReport {
    pub bytes: usize,
    pub vocab_bytes: usize,
    pub weight_bytes: usize,
}

/// What is about to be trained, in two lines.
pub fn describe(data: &Data, config: &Config, device: &Device) {
    let corpus = &data.corpus;
    say!(
        "{}: {} classes, {} training, {} validation and {} test texts, {} words",
        corpus.name,
        corpus.labels.len(),
        corpus.train.len(),
        corpus.valid.len(),
        corpus.test.len(),
        data.words,
    );
    say!(
        "{} ×{}, embedding {} → {} units, {} words, head {}, {} epochs at most, on {}",
        config.cell,
        config.layers,
        config.embed,
        config.hidden,
        config.vocab - 1,
        if config.head_hidden == 0 { "linear".to_owned() } else { format!("{} ReLU", config.head_hidden) },
        data.plan.options.epochs,
        if device.is_cpu() { "cpu" } else { "cuda" },
    );
}

/// What the blob says of itself.
pub fn metrics(valid: &Evaluation, test: Option<&Evaluation>, quantised: QuantisedReport) -> Metrics {
    let share = |share: f64| (share * 10_000.0).round() as u16;
    Metrics {
        float_valid: Some(share(valid.accuracy)),
        quantised_valid: Some(share(quantised.valid_accuracy)),
        float_test: test.map(|test| share(test.accuracy)),
        quantised_test: quantised.test_accuracy.map(share),
        agreement: Some(share(quantised.agreement)),
    }
}

/// The last lines of a run.
pub fn conclude(report: &Report<'_>, trained: Duration, args: &Args) {
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let or_none = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    say!();
    say!("{:<12} {:>10} {:>10}", "accuracy", "float", "quantised");
    say!(
        "{:<12} {:>10} {:>10}",
        "validation",
        percent(report.valid.accuracy),
        percent(report.quantised.valid_accuracy)
    );
    let test = report.test.map(|test| test.accuracy);
    say!("{:<12} {:>10} {:>10}", "test", or_none(test), or_none(report.quantised.test_accuracy));
    say!("both agree on {} of the validation texts", percent(report.quantised.agreement));
    say!(
        "{} parameters, blob of {} bytes ({} vocabulary, {} weights)",
        report.model.parameters,
        report.blob.bytes,
        report.blob.vocab_bytes,
        report.blob.weight_bytes
    );
    say!("training took {}, everything {}", human(trained), human(Duration::from_secs_f64(report.seconds)));
    match &args.export {
        Some(path) => say!("wrote {}", path.display()),
        None => say!("nothing was exported: add --export model.bin"),
    }
}
