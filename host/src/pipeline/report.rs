//! A run's JSON report.

use serde::Serialize;
use telltale::engine::format::Metrics;

use crate::engine::ten_thousandths;
use crate::evaluate::measures::Measures;
use crate::model::Cell;
use crate::train::{Epoch, Evaluation};

/// The JSON of `train`.
#[derive(Serialize)]
pub struct Report<'a> {
    /// The network's shape.
    pub model: ModelReport,
    /// What happened, epoch by epoch.
    pub epochs: &'a [Epoch],
    /// Of no texts if none were set aside; then its shares are null.
    pub valid: &'a Evaluation,
    /// Whether `valid` is of the training texts, for lack of others.
    pub validates_on_train: bool,
    /// The float model on the test texts, if there are any.
    pub test: Option<&'a Evaluation>,
    /// The integer engine.
    pub quantised: &'a QuantisedReport,
    /// Bytes of the model's file.
    pub blob: BlobReport,
    /// Seconds that everything took.
    pub seconds: f64,
}

/// The network's shape.
#[derive(Serialize)]
pub struct ModelReport {
    /// The recurrent cell.
    pub cell: Cell,
    /// Recurrent layers.
    pub layers: usize,
    /// Width of the embedding.
    pub embed: usize,
    /// Units of a layer.
    pub hidden: usize,
    /// Words of the vocabulary.
    pub vocab: usize,
    /// Trained parameters, without n-grams.
    pub parameters: usize,
}

/// What the integer engine achieves.
#[derive(Serialize)]
pub struct QuantisedReport {
    /// Share of right labels on the validation texts.
    pub valid_accuracy: f64,
    /// The same on the test texts.
    pub test_accuracy: Option<f64>,
    /// Share of texts to which the float model gives the same label.
    pub agreement: f64,
    /// Accuracies of the float model's parts, each alone, on the test texts.
    pub alone: Option<PartAccuracy>,
    /// The integer engine on the validation texts, by class.
    pub valid: Option<Measures>,
    /// The same on the test texts.
    pub test: Option<Measures>,
}

/// Shares of right labels of a model's parts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PartAccuracy {
    /// The recurrent network.
    pub network: f64,
    /// The n-grams; `None` if there are none.
    pub ngrams: Option<f64>,
}

/// Bytes of a model's file.
#[derive(Clone, Copy, Serialize)]
pub struct BlobReport {
    /// The whole file.
    pub bytes: usize,
    /// The vocabulary.
    pub vocab_bytes: usize,
    /// All other sections.
    pub weight_bytes: usize,
}

/// The metrics in the model file; validation on training texts does not count.
pub fn metrics(
    valid: Option<&Evaluation>,
    test: Option<&Evaluation>,
    quantised: &QuantisedReport,
) -> Metrics {
    let valid = valid.filter(|valid| valid.examples > 0);
    Metrics {
        float_valid: valid.map(|valid| ten_thousandths(valid.accuracy)),
        quantised_valid: valid.map(|_| ten_thousandths(quantised.valid_accuracy)),
        float_test: test.map(|test| ten_thousandths(test.accuracy)),
        quantised_test: quantised.test_accuracy.map(ten_thousandths),
        agreement: Some(ten_thousandths(quantised.agreement)),
    }
}
