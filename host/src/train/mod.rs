//! Training: batches in, the best epoch's weights out.
//!
//! [`Trainer`] runs the epochs and can be stopped and gone on with at any batch, from a
//! [`course::Snapshot`] that [`checkpoint`] keeps in a folder.

mod average;
pub mod batches;
pub mod checkpoint;
pub mod course;
pub mod log;
pub mod optimiser;
pub mod schedule;
pub mod stop;

use anyhow::Result;
use clap::ValueEnum;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::model::{Batch, Gradients, Network, Pass};
use batches::{Keep, cut, drop_words};
use optimiser::Rule;
use schedule::Schedule;

pub use course::{End, Moment, Outcome, Trainer, train};

/// A batch is cut into this many parts, each on its own thread; fixed, so that the result does not
/// depend on the machine's cores.
pub(crate) const SHARDS: usize = 2;

/// Texts per batch in evaluation: few, so that they stay in the cache.
const EVALUATION_BATCH: usize = 32;

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
pub struct Options {
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

impl Default for Options {
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

impl Options {
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// Word ids.
    pub ids: Vec<u32>,
    /// Index of the label.
    pub label: u32,
    /// \[C\] what a teacher thinks of it; empty for a text that is simply what its label says.
    pub target: Vec<f32>,
    /// \[words × K\] what the [wide part](crate::ngrams::Wide::logits) adds to the logits after each word; empty
    /// without one.
    pub offsets: Vec<f32>,
    /// \[words\] hashes, for an engine with a wide part; empty without one.
    pub hashes: Vec<u32>,
}

impl Text {
    /// A text of these words under this label.
    #[must_use]
    pub fn new(ids: Vec<u32>, label: u32) -> Self {
        Self { ids, label, ..Self::default() }
    }

    fn wanted(&self) -> Wanted<'_> {
        if self.target.is_empty() { Wanted::Label(self.label) } else { Wanted::Opinion(&self.target) }
    }

    /// Adds what the wide part says after the word `at` of those that are read to a row of logits \[C\].
    fn add_offset(&self, at: usize, options: &Options, logits: &mut [f32]) {
        let columns = self.offsets.len() / self.ids.len().max(1);
        let own = cut(&self.offsets, options.max_len * columns, options.keep);
        let own = own.get(at * columns..(at + 1) * columns).unwrap_or(&[]);
        let first = usize::from(columns == 1);
        logits.iter_mut().skip(first).zip(own).for_each(|(logit, offset)| *logit += offset);
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
    texts: &[Text],
    batch: &[usize],
    options: &Options,
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
    texts: &[Text],
    indices: &[usize],
    size: usize,
    options: &Options,
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
    let pass = Pass {
        dropout_embed: options.dropout_embed,
        dropout_head: options.dropout_head,
        bptt: options.bptt,
        every_word,
    };
    if every_word && batch.plan.rows() == 0 {
        return Ok(Step::default());
    }
    let labels: Vec<u32> = batch.order.iter().map(|&at| texts[indices[at]].label).collect();
    let lengths = batch.plan.lengths();
    let scale = 1.0 / size as f32;
    // The weight of each result, the text it belongs to, and the results that are a text's last.
    let (owners, weights, last) = if every_word {
        let owners = batch.plan.texts_of_rows();
        let weights: Vec<f32> = owners.iter().map(|&text| scale / lengths[text as usize] as f32).collect();
        let last = (0..labels.len()).filter(|&text| lengths[text] > 0);
        let last: Vec<usize> = last.map(|text| batch.plan.row(text, lengths[text] - 1)).collect();
        (owners, weights, last)
    } else {
        let all = 0..labels.len();
        (all.clone().map(|text| text as u32).collect(), vec![scale; labels.len()], all.collect())
    };
    let classes = network.config.classes;
    let owner = |row: usize| &texts[indices[batch.order[owners[row] as usize]]];
    let targets = (0..owners.len()).map(|row| (owner(row).wanted(), weights[row]));
    let wanted = wanted(targets, options.smoothing, classes);
    let with_offsets = |mut logits: Vec<f32>| {
        let positions = every_word.then(|| batch.plan.positions());
        for (row, logits) in logits.chunks_exact_mut(classes).enumerate() {
            let read = positions.as_ref().map_or(lengths[owners[row] as usize], |all| all[row] as usize);
            if let Some(last) = read.checked_sub(1) {
                owner(row).add_offset(last, options, logits);
            }
        }
        logits
    };
    let right = |logits: &[f32]| {
        let top = |row: &usize| top(&logits[row * classes..(row + 1) * classes]);
        last.iter().filter(|row| top(row) == labels[owners[**row] as usize] as usize).count()
    };
    if network.device().is_cpu() {
        let run = network.run(&batch, &pass, &mut random)?;
        let logits = with_offsets(run.logits().to_vec());
        let (loss, d_logits) = cross_entropy(&logits, &wanted, classes);
        let right = right(&logits);
        return Ok(Step { loss, right, gradients: run.backward(&d_logits)? });
    }
    let rows = if every_word { batch.plan.rows() } else { labels.len() };
    let offsets = with_offsets(vec![0.0; rows * classes]);
    let (loss, logits, gradients) = network.learn(&batch, &pass, &mut random, &wanted, &offsets)?;
    let right = right(&logits.flatten_all()?.to_vec1::<f32>()?);
    Ok(Step { loss, right, gradients })
}

/// The index of the largest number, the first of several.
pub(crate) fn top(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, at| if logits[at] > logits[best] { at } else { best })
}

/// What a result should say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'t> {
    /// This class, smoothed.
    Label(u32),
    /// A teacher's opinion \[C\], as it is.
    Opinion(&'t [f32]),
}

/// What each result should say, times its weight: \[R×C\].
pub(crate) fn wanted<'t>(
    results: impl ExactSizeIterator<Item = (Wanted<'t>, f32)>,
    smoothing: f32,
    classes: usize,
) -> Vec<f32> {
    let rest = smoothing / classes as f32;
    let mut all = vec![0.0; results.len() * classes];
    for (row, (wanted, weight)) in all.chunks_exact_mut(classes).zip(results) {
        match wanted {
            Wanted::Label(label) => {
                row.fill(weight * rest);
                row[label as usize] += weight * (1.0 - smoothing);
            }
            Wanted::Opinion(shares) => {
                row.iter_mut().zip(shares).for_each(|(wanted, share)| *wanted = weight * share);
            }
        }
    }
    all
}

/// −Σ wanted · log softmax(logits) over all rows, and its gradient; both \[R×C\].
pub(crate) fn cross_entropy(logits: &[f32], wanted: &[f32], classes: usize) -> (f64, Vec<f32>) {
    let mut loss = 0.0;
    let mut gradient = vec![0.0; logits.len()];
    let rows = logits.chunks_exact(classes).zip(wanted.chunks_exact(classes));
    for ((logits, wanted), gradient) in rows.zip(gradient.chunks_exact_mut(classes)) {
        let highest = logits.iter().fold(f32::NEG_INFINITY, |highest, &logit| highest.max(logit));
        let (mut sum, mut weight, mut own) = (0.0, 0.0, 0.0);
        for ((power, &logit), &wanted) in gradient.iter_mut().zip(logits).zip(wanted) {
            *power = (logit - highest).exp();
            sum += *power;
            weight += wanted;
            own += wanted * (logit - highest);
        }
        loss += f64::from(weight * sum.ln() - own);
        let factor = weight / sum;
        gradient.iter_mut().zip(wanted).for_each(|(g, &wanted)| *g = *g * factor - wanted);
    }
    (loss, gradient)
}

/// The logits \[C\] of each text's final prediction; texts are cut as in training.
///
/// # Errors
/// If the device fails.
pub fn final_logits(network: &Network, texts: &[Text], options: &Options) -> Result<Vec<Vec<f32>>> {
    let lengths: Vec<usize> =
        texts.iter().map(|text| cut(&text.ids, options.max_len, options.keep).len()).collect();
    let classes = network.config.classes;
    type Part = Vec<(usize, Vec<f32>)>;
    let size = if network.device().is_cpu() { EVALUATION_BATCH } else { EVALUATION_BATCH_ON_DEVICE };
    let parts: Vec<Result<Part>> = batches::by_length(&lengths, size)
        .into_par_iter()
        .map(|indices| {
            let read: Vec<&[u32]> =
                indices.iter().map(|&text| cut(&texts[text].ids, options.max_len, options.keep)).collect();
            let batch = Batch::new(&read);
            let random = &mut Pcg64::seed_from_u64(0);
            let logits: Vec<f32> = if network.device().is_cpu() {
                network.run(&batch, &Pass::default(), random)?.logits().to_vec()
            } else {
                network.logits(&batch, &Pass::default(), random)?.flatten_all()?.to_vec1()?
            };
            let own = |(&at, logits): (&usize, &[f32])| {
                let mut logits = logits.to_vec();
                if let Some(last) = read[at].len().checked_sub(1) {
                    texts[indices[at]].add_offset(last, options, &mut logits);
                }
                (indices[at], logits)
            };
            Ok(batch.order.iter().zip(logits.chunks_exact(classes)).map(own).collect())
        })
        .collect();
    let mut all = vec![Vec::new(); texts.len()];
    for part in parts {
        part?.into_iter().for_each(|(text, logits)| all[text] = logits);
    }
    Ok(all)
}

/// Evaluates the final predictions; texts are cut as in training.
///
/// # Errors
/// If the device fails.
pub fn evaluate(network: &Network, texts: &[Text], options: &Options) -> Result<Evaluation> {
    let all = final_logits(network, texts, options)?;
    let loss = |(logits, text): (&Vec<f32>, &Text)| {
        // From the highest logit on, so that no power overflows.
        let highest = logits.iter().fold(f32::NEG_INFINITY, |highest, &logit| highest.max(logit));
        let from_highest = |logit: f32| f64::from(logit) - f64::from(highest);
        let powers = logits.iter().map(|&logit| from_highest(logit).exp());
        powers.sum::<f64>().ln() - from_highest(logits[text.label as usize])
    };
    let predictions: Vec<u32> = all.iter().map(|logits| top(logits) as u32).collect();
    let right = predictions.iter().zip(texts).filter(|(prediction, text)| **prediction == text.label).count();
    let count = texts.len().max(1) as f64;
    Ok(Evaluation {
        examples: texts.len(),
        accuracy: right as f64 / count,
        loss: all.iter().zip(texts).map(loss).sum::<f64>() / count,
        predictions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, Device, Tensor, Var};

    #[test]
    fn the_loss_and_its_gradient_are_those_of_candle() {
        let classes = 3;
        let logits = [1.0f32, -2.0, 0.5, 30.0, 0.0, -30.0, 0.1, 0.2, 0.3];
        let results =
            [(Wanted::Label(2), 0.5), (Wanted::Label(0), 0.25), (Wanted::Opinion(&[0.2, 0.5, 0.3]), 0.125)];
        let wanted = wanted(results.into_iter(), 0.1, classes);
        for (row, weight) in wanted.chunks_exact(classes).zip([0.5, 0.25, 0.125]) {
            assert!((row.iter().sum::<f32>() - weight).abs() < 1e-6);
        }
        let (loss, gradient) = cross_entropy(&logits, &wanted, classes);
        let tensor = Tensor::from_slice(&logits, (3, classes), &Device::Cpu).expect("tensor");
        let var = Var::from_tensor(&tensor).expect("var");
        let wanted = Tensor::from_slice(&wanted, (3, classes), &Device::Cpu).expect("tensor");
        let logs = candle_nn::ops::log_softmax(var.as_tensor(), D::Minus1).expect("logs");
        let theirs = (logs * wanted).and_then(|t| t.sum_all()).and_then(|t| t.neg()).expect("loss");
        assert!((loss - f64::from(theirs.to_scalar::<f32>().expect("scalar"))).abs() < 1e-6);
        let store = theirs.backward().expect("backward");
        let theirs = store.get(&var).and_then(|g| g.flatten_all().ok()).and_then(|g| g.to_vec1::<f32>().ok());
        for (a, b) in gradient.iter().zip(theirs.expect("gradient")) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    /// The threads share the work in a fixed way: one or four make the same weights, to the bit.
    #[test]
    fn threads_do_not_change_a_result() {
        let mut random = Pcg64::seed_from_u64(1);
        let texts: Vec<Text> = (0..30)
            .map(|at| {
                let ids = (0..at % 13 + 1).map(|_| random.random_range(0..3000)).collect();
                Text::new(ids, at % 2)
            })
            .collect();
        let config = crate::model::Config {
            cell: crate::model::Cell::Gru,
            layers: 2,
            embed: 7,
            hidden: 20,
            vocab: 3000,
            pooling: crate::model::Pooling::Mean,
            head_hidden: 0,
            classes: 2,
        };
        let options = Options { batch: 8, bptt: Some(5), max_len: 10, average: 0.9, ..Options::usual(2, 1) };
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
