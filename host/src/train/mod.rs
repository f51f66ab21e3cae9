//! Training: from batches to the best epoch's weights.
//!
//! [`Trainer`] runs the epochs and can be stopped and resumed at any batch, from a [`trainer::Snapshot`] that
//! [`checkpoint`] keeps in a folder.

mod average;
pub mod batches;
pub mod checkpoint;
pub mod log;
pub(crate) mod loss;
pub mod optimiser;
pub mod schedule;
pub mod trainer;

use anyhow::Result;
use clap::ValueEnum;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::logits::{negative_log_likelihood, top};
use crate::model::weights::Ranges;
use crate::model::{Batch, ForwardOptions, Gradients, Network};
use batches::{Keep, cut, drop_words};
use loss::{Target, cross_entropy, weighted_targets};
use optimiser::Rule;
use schedule::Schedule;

pub use trainer::{End, Event, Trainer, train};

/// A batch is cut into this many parts, each on its own thread; fixed, so that the result does not
/// depend on the machine's cores.
pub(crate) const SHARDS: usize = 2;

/// Texts per batch in evaluation: few, so that they stay in the cache.
const EVALUATION_BATCH: usize = 32;

/// Words per batch in evaluation, so that memory follows the corpus and not its longest text: a text of more is read
/// word by word.
const EVALUATION_WORDS: usize = 1 << 16;

/// The same on a GPU, where a step takes as long for few texts as for many.
const EVALUATION_BATCH_ON_DEVICE: usize = 512;

/// Which predictions are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The one after the last word.
    Final,
    /// The one after each word; a text's words share its weight equally.
    EveryWord,
}

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingOptions {
    /// Passes over the training texts.
    pub epochs: usize,
    /// Texts per step.
    pub batch: usize,
    /// The highest learning rate.
    pub rate: f32,
    /// The update rule.
    pub rule: Rule,
    /// Weight decay.
    pub decay: f32,
    /// The learning rate's course.
    pub schedule: Schedule,
    /// The largest norm of a step's gradient.
    pub clip: f32,
    /// Dropout on embeddings.
    pub dropout_embed: f32,
    /// Dropout before the head.
    pub dropout_head: f32,
    /// Share of words replaced by the unknown word.
    pub dropout_words: f32,
    /// Probability mass moved from the true label to all labels.
    pub smoothing: f32,
    /// Which predictions are trained.
    pub loss: Loss,
    /// Steps after which back-propagation through time is cut.
    pub bptt: Option<usize>,
    /// Epochs without a better validation accuracy before training stops; 0 means never.
    pub patience: usize,
    /// The most words of a text that are read; 0 means all.
    pub max_len: usize,
    /// Which end of a longer text is kept.
    pub keep: Keep,
    /// Decay of the running average of weights that is evaluated and exported; 0 means the weights themselves.
    pub average: f32,
    /// The seed of order and dropout.
    pub seed: u64,
}

impl Default for TrainingOptions {
    /// One plain epoch: Adam at a constant 0.001, no dropout, no average, whole texts.
    fn default() -> Self {
        Self {
            epochs: 1,
            batch: 32,
            rate: 0.001,
            rule: Rule::Adam,
            decay: 0.0,
            schedule: Schedule::Constant,
            clip: 1.0,
            dropout_embed: 0.0,
            dropout_head: 0.0,
            dropout_words: 0.0,
            smoothing: 0.0,
            loss: Loss::Final,
            bptt: None,
            patience: 0,
            max_len: 0,
            keep: Keep::Tail,
            average: 0.0,
            seed: 1,
        }
    }
}

impl TrainingOptions {
    /// How a network is trained unless something else is asked for.
    #[must_use]
    pub const fn usual(epochs: usize, seed: u64) -> Self {
        Self {
            epochs,
            batch: 32,
            rate: 0.005,
            rule: Rule::AdamW,
            decay: 0.01,
            schedule: Schedule::Cosine,
            clip: 1.0,
            dropout_embed: 0.3,
            dropout_head: 0.3,
            dropout_words: 0.1,
            smoothing: 0.05,
            loss: Loss::EveryWord,
            bptt: None,
            patience: 0,
            max_len: 400,
            keep: Keep::Tail,
            average: 0.998,
            seed,
        }
    }
}

/// A tokenised text with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingExample {
    /// Word ids.
    pub ids: Vec<u32>,
    /// Index of the label.
    pub label: u32,
    /// Its weight in the training loss, normally 1.
    pub weight: f32,
    /// \[C\] a teacher's soft label; empty for a text with only its own label.
    pub target: Vec<f32>,
    /// \[words\] hashes, for a teacher; empty once words have ids.
    pub hashes: Vec<u32>,
}

impl Default for TrainingExample {
    fn default() -> Self {
        Self { ids: Vec::new(), label: 0, weight: 1.0, target: Vec::new(), hashes: Vec::new() }
    }
}

/// Weights examples by the inverse frequency of their labels: every class of `classes` that occurs weighs the same in
/// all, and the mean weight is 1.
pub fn balance(examples: &mut [TrainingExample], classes: usize) {
    let mut counts = vec![0u32; classes];
    examples.iter().for_each(|example| counts[example.label as usize] += 1);
    let occurring = counts.iter().filter(|&&count| count > 0).count();
    let share = examples.len() as f32 / occurring.max(1) as f32;
    for example in examples {
        example.weight = share / counts[example.label as usize] as f32;
    }
}

impl TrainingExample {
    /// A text of these words under this label.
    #[must_use]
    pub fn new(ids: Vec<u32>, label: u32) -> Self {
        Self { ids, label, ..Self::default() }
    }

    fn target(&self) -> Target<'_> {
        if self.target.is_empty() { Target::Label(self.label) } else { Target::Soft(&self.target) }
    }
}

/// What happened in an epoch; accuracies are shares of 1, losses in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Mean training loss (as trained, with dropout and smoothing).
    pub train_loss: f64,
    /// Training accuracy (as trained).
    pub train_accuracy: f64,
    /// Validation loss of the final predictions.
    pub valid_loss: f64,
    /// Validation accuracy.
    pub valid_accuracy: f64,
    /// Duration.
    pub seconds: f64,
}

/// What a float network makes of some texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// How many texts.
    pub examples: usize,
    /// Share of right labels.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// The label of each text.
    #[serde(skip)]
    pub predictions: Vec<u32>,
}

/// The sums of one step.
#[derive(Default)]
struct Step {
    loss: f64,
    right: usize,
    gradients: Gradients,
}

/// One batch, forward and backward, on all shards; on a GPU in one piece.
fn step(
    network: &Network,
    texts: &[TrainingExample],
    batch: &[usize],
    options: &TrainingOptions,
    random: &mut Pcg64,
) -> Result<Step> {
    let count = if network.device().is_cpu() { SHARDS } else { 1 };
    // Neighbours are alike in length: dealing them out gives every shard the same work.
    let shards: Vec<(Vec<usize>, u64)> = (0..count)
        .map(|shard| (batch.iter().skip(shard).step_by(count).copied().collect(), random.random()))
        .collect();
    let parts: Vec<Result<Step>> = shards
        .into_par_iter()
        .map(|(indices, seed)| shard(network, texts, &indices, batch.len(), options, seed))
        .collect();
    let mut total = Step::default();
    for part in parts {
        let part = part?;
        total.loss += part.loss;
        total.right += part.right;
        total.gradients.add(part.gradients)?;
    }
    Ok(total)
}

/// A part of a batch of `size` texts: its share of the loss, and that share's gradients.
fn shard(
    network: &Network,
    texts: &[TrainingExample],
    indices: &[usize],
    size: usize,
    options: &TrainingOptions,
    seed: u64,
) -> Result<Step> {
    if indices.is_empty() {
        return Ok(Step::default());
    }
    let mut random = Pcg64::seed_from_u64(seed);
    let unknown = network.config.vocab as u32 - 1;
    let read: Vec<Vec<u32>> = indices
        .iter()
        .map(|&text| {
            let ids = cut(&texts[text].ids, options.max_len, options.keep);
            drop_words(ids, options.dropout_words, unknown, &mut random)
        })
        .collect();
    let batch = Batch::new(&read.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let every_word = options.loss == Loss::EveryWord;
    let forward = ForwardOptions {
        dropout_embed: options.dropout_embed,
        dropout_head: options.dropout_head,
        bptt: options.bptt,
        every_word,
    };
    if every_word && batch.packed.rows() == 0 {
        return Ok(Step::default());
    }
    let examples: Vec<&TrainingExample> = batch.order.iter().map(|&at| &texts[indices[at]]).collect();
    let lengths = batch.packed.lengths();
    // Of each prediction the text it belongs to, and the predictions that are a text's last.
    let (owners, last) = if every_word {
        let last = (0..examples.len()).filter(|&text| lengths[text] > 0);
        (batch.packed.texts_of_rows(), last.map(|text| batch.packed.row(text, lengths[text] - 1)).collect())
    } else {
        ((0..examples.len() as u32).collect(), (0..examples.len()).collect::<Vec<_>>())
    };
    let classes = network.config.classes;
    let targets = owners.iter().map(|&text| {
        let (example, predictions) =
            (examples[text as usize], if every_word { lengths[text as usize] } else { 1 });
        (example.target(), example.weight / size as f32 / predictions as f32)
    });
    let targets = weighted_targets(targets, options.smoothing, classes);
    let pass = network.forward(&batch, &forward, &mut random)?;
    let loss = cross_entropy(&pass.logits, targets)?;
    let values: Vec<f32> = pass.logits.flatten_all()?.to_vec1()?;
    let is_right = |row: &&usize| {
        top(&values[**row * classes..][..classes]) == examples[owners[**row] as usize].label as usize
    };
    let right = last.iter().filter(is_right).count();
    Ok(Step { loss: f64::from(loss.to_scalar::<f32>()?), right, gradients: pass.backward(&loss)? })
}

/// The logits \[C\] of each text's final prediction; texts are cut as in training.
///
/// # Errors
/// If the device fails.
pub fn final_logits(
    network: &Network,
    texts: &[TrainingExample],
    options: &TrainingOptions,
) -> Result<Vec<Vec<f32>>> {
    let lengths: Vec<usize> =
        texts.iter().map(|text| cut(&text.ids, options.max_len, options.keep).len()).collect();
    let classes = network.config.classes;
    type Part = Vec<(usize, Vec<f32>)>;
    let size = if network.device().is_cpu() { EVALUATION_BATCH } else { EVALUATION_BATCH_ON_DEVICE };
    let is_long = lengths.iter().any(|&length| length > EVALUATION_WORDS);
    let weights = is_long.then(|| network.weights()).transpose()?;
    let parts: Vec<Result<Part>> = batches::by_length(&lengths, size, EVALUATION_WORDS)
        .into_par_iter()
        .map(|indices| {
            let read: Vec<&[u32]> =
                indices.iter().map(|&text| cut(&texts[text].ids, options.max_len, options.keep)).collect();
            let batch = Batch::new(&read);
            let random = &mut Pcg64::seed_from_u64(0);
            let logits: Vec<f32> = if let (Some(weights), [long]) = (&weights, &read[..])
                && long.len() > EVALUATION_WORDS
            {
                let (mut state, mut ranges) = (weights.start(), Ranges::default());
                long.iter().for_each(|&id| weights.step(id, &mut state, &mut ranges));
                weights.logits(&state, &mut ranges)
            } else {
                let pass = network.forward(&batch, &ForwardOptions::default(), random)?;
                pass.logits.flatten_all()?.to_vec1()?
            };
            let own = |(&at, logits): (&usize, &[f32])| (indices[at], logits.to_vec());
            Ok(batch.order.iter().zip(logits.chunks_exact(classes)).map(own).collect())
        })
        .collect();
    let mut all = vec![Vec::new(); texts.len()];
    for part in parts {
        part?.into_iter().for_each(|(text, logits)| all[text] = logits);
    }
    Ok(all)
}

/// Evaluates the final predictions; texts are cut as in training. Of no texts, accuracy and loss are no numbers.
///
/// # Errors
/// If the device fails.
pub fn evaluate(
    network: &Network,
    texts: &[TrainingExample],
    options: &TrainingOptions,
) -> Result<Evaluation> {
    Ok(evaluation(&final_logits(network, texts, options)?, texts))
}

/// What logits \[texts\]\[C\] are worth.
#[must_use]
pub fn evaluation(all: &[Vec<f32>], texts: &[TrainingExample]) -> Evaluation {
    let loss =
        |(logits, text): (&Vec<f32>, &TrainingExample)| negative_log_likelihood(logits, text.label as usize);
    let predictions: Vec<u32> = all.iter().map(|logits| top(logits) as u32).collect();
    let right = predictions.iter().zip(texts).filter(|(prediction, text)| **prediction == text.label).count();
    let count = texts.len() as f64;
    Evaluation {
        examples: texts.len(),
        accuracy: right as f64 / count,
        loss: all.iter().zip(texts).map(loss).sum::<f64>() / count,
        predictions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn balanced_classes_weigh_the_same() {
        let mut examples: Vec<TrainingExample> =
            [0, 0, 0, 2, 0, 0, 0, 2].map(|label| TrainingExample::new(vec![1], label)).to_vec();
        balance(&mut examples, 3);
        let weight = |label| -> f32 {
            examples.iter().filter(|example| example.label == label).map(|example| example.weight).sum()
        };
        assert!((weight(0) - 4.0).abs() < 1e-6 && (weight(2) - 4.0).abs() < 1e-6);
    }

    /// A text of weight 3 counts as three of weight 1.
    #[test]
    fn weights_scale_the_loss_and_its_gradient() {
        let config = tiny(crate::model::Cell::Gru);
        let network = Network::new(&config, &Device::Cpu, 1).expect("builds");
        let options = TrainingOptions { loss: Loss::EveryWord, ..TrainingOptions::default() };
        let plain = [TrainingExample::new(vec![1, 2, 3], 1), TrainingExample::new(vec![4], 0)];
        let heavy = [TrainingExample { weight: 3.0, ..plain[0].clone() }, plain[1].clone()];
        let loss = |texts: &[TrainingExample], batch: &[usize]| {
            let random = &mut Pcg64::seed_from_u64(1);
            let step = step(&network, texts, batch, &options, random).expect("steps");
            (step.loss * batch.len() as f64, step.gradients.norm().expect("a norm") * batch.len() as f64)
        };
        let (a, b) = (loss(&plain, &[0, 0, 0, 1]), loss(&heavy, &[0, 1]));
        assert!((a.0 - b.0).abs() < 1e-5 && (a.1 - b.1).abs() < 1e-5, "{a:?} {b:?}");
        assert!((loss(&heavy, &[0]).0 - 3.0 * loss(&plain, &[0]).0).abs() < 1e-5);
    }

    fn tiny(cell: crate::model::Cell) -> crate::model::Config {
        crate::model::Config {
            cell,
            layers: 2,
            embed: 7,
            hidden: 20,
            vocab: 3000,
            pooling: crate::model::Pooling::Mean,
            head_hidden: 0,
            classes: 2,
        }
    }

    /// The threads share the work in a fixed way: one or four make the same weights, to the bit.
    #[test]
    fn threads_do_not_change_a_result() {
        let mut random = Pcg64::seed_from_u64(1);
        let texts: Vec<TrainingExample> = (0..30)
            .map(|at| {
                let ids = (0..at % 13 + 1).map(|_| random.random_range(0..3000)).collect();
                TrainingExample::new(ids, at % 2)
            })
            .collect();
        let config = tiny(crate::model::Cell::Gru);
        let options = TrainingOptions {
            batch: 8,
            bptt: Some(5),
            max_len: 10,
            average: 0.9,
            ..TrainingOptions::usual(2, 1)
        };
        let trained = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let network = Network::new(&config, &Device::Cpu, 1).expect("builds");
            let history = pool.install(|| train(&network, &texts, &texts, &options, &log::Log::silent()));
            let losses: Vec<f64> = history.expect("trains").iter().map(|epoch| epoch.train_loss).collect();
            (losses, network.weights().expect("finite"))
        };
        assert!(trained(1) == trained(4));
    }
}
