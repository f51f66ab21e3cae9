//! A training run: epoch by epoch, batch by batch, which can be stopped and resumed anywhere.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use candle_core::Tensor;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::batches::{self, cut};
use super::log::Log;
use super::optimiser::{self, Optimiser};
use super::{Epoch, TrainingExample, TrainingOptions, evaluate, step};
use crate::model::Network;

/// Parameters by name.
type Tensors = BTreeMap<String, Vec<f32>>;

/// Why a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum End {
    /// All epochs are done.
    Complete,
    /// The validation accuracy has not risen for as many epochs as was asked.
    Patience,
    /// The loss or a gradient stopped being a number; the best epoch before is kept.
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch, from 1; `None` for the validation after the last one.
        batch: Option<usize>,
        /// The loss.
        loss: f64,
        /// The gradient's norm; 0 in the validation.
        norm: f64,
    },
}

/// When a run can be looked at and stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing has been done by this process.
    Start,
    /// A batch is done.
    Batch,
    /// An epoch is done and validated.
    Epoch,
    /// The last epoch is done.
    End,
}

/// The sums of an epoch so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    loss: f64,
    right: usize,
    texts: usize,
    words: usize,
    seconds: f64,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    accuracy: f64,
    loss: f64,
    weights: Tensors,
}

/// A run's position, without its weights and the optimiser's moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TrainerState {
    /// Epochs done.
    epoch: usize,
    /// Batches done of the next epoch.
    batch: usize,
    /// Batches done of all epochs.
    steps: usize,
    random: Pcg64,
    /// The generator as it was before it put the epoch's texts in order.
    before_order: Pcg64,
    sums: Sums,
    history: Vec<Epoch>,
    best: Option<Best>,
    since_best: usize,
    end: Option<End>,
}

/// Everything that a run needs to go on as if it had never stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    state: TrainerState,
    weights: Tensors,
    optimiser: optimiser::State,
    average: Average,
}

/// A run of training.
#[derive(Debug)]
pub struct Trainer<'t> {
    network: &'t Network,
    texts: &'t [TrainingExample],
    valid: &'t [TrainingExample],
    options: &'t TrainingOptions,
    /// Words of each text that are read.
    lengths: Vec<usize>,
    optimiser: Optimiser,
    average: Average,
    state: TrainerState,
}

/// Trains to the end; the weights of the epoch with the best validation accuracy, of the last one without validation
/// texts, are left in the network.
///
/// # Errors
/// If there is nothing to train on, or the loss stops being a number.
pub fn train(
    network: &Network,
    texts: &[TrainingExample],
    valid: &[TrainingExample],
    options: &TrainingOptions,
    log: &Log,
) -> Result<Vec<Epoch>> {
    let mut trainer = Trainer::new(network, texts, valid, options)?;
    if let Some(end @ End::Diverged { .. }) = trainer.run(log, &mut |_, _| Ok(ControlFlow::Continue(())))? {
        bail!("{end}");
    }
    Ok(trainer.state.history)
}

impl<'t> Trainer<'t> {
    /// A run that starts with the network's present weights.
    ///
    /// # Errors
    /// If there is nothing to train on.
    pub fn new(
        network: &'t Network,
        texts: &'t [TrainingExample],
        valid: &'t [TrainingExample],
        options: &'t TrainingOptions,
    ) -> Result<Self> {
        ensure!(!texts.is_empty(), "there is no training text");
        ensure!(options.batch > 0 && options.epochs > 0, "--batch and --epochs must be at least 1");
        let lengths = texts.iter().map(|text| cut(&text.ids, options.max_len, options.keep).len()).collect();
        let random = Pcg64::seed_from_u64(options.seed ^ 0x7E11_7A1E);
        Ok(Self {
            network,
            texts,
            valid,
            options,
            lengths,
            optimiser: Optimiser::new(options.rule, options.decay, network.vars()),
            average: Average::new(network, options.average)?,
            state: TrainerState {
                epoch: 0,
                batch: 0,
                steps: 0,
                before_order: random.clone(),
                random,
                sums: Sums::default(),
                history: Vec::new(),
                best: None,
                since_best: 0,
                end: None,
            },
        })
    }

    /// Goes on from a snapshot of a run with the same network, texts and options.
    ///
    /// # Errors
    /// If the snapshot is one of another network.
    pub fn restore(&mut self, snapshot: Snapshot) -> Result<()> {
        load(self.network, &snapshot.weights)?;
        snapshot.average.check(self.network)?;
        self.optimiser.restore(snapshot.optimiser)?;
        self.average = snapshot.average;
        self.state = snapshot.state;
        Ok(())
    }

    /// The run's position.
    ///
    /// # Errors
    /// If the device fails.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let mut weights = Tensors::new();
        for (name, var) in self.network.vars() {
            weights.insert(name.clone(), var.flatten_all()?.to_vec1()?);
        }
        Ok(Snapshot {
            state: self.state.clone(),
            weights,
            optimiser: self.optimiser.state()?,
            average: self.average.clone(),
        })
    }

    /// What is trained.
    #[must_use]
    pub const fn network(&self) -> &Network {
        self.network
    }

    /// What happened in the epochs that are done.
    #[must_use]
    pub fn history(&self) -> &[Epoch] {
        &self.state.history
    }

    /// The run's position, in words: `epoch 3 of 10, batch 7 of 50`.
    #[must_use]
    pub fn position(&self) -> String {
        let TrainerState { epoch, batch, .. } = self.state;
        let batches = self.texts.len().div_ceil(self.options.batch);
        match epoch {
            _ if self.state.end.is_some() => format!("the end, after {epoch} epochs"),
            0 if batch == 0 => "the start".to_owned(),
            _ if batch == 0 => format!("epoch {epoch} of {} done", self.options.epochs),
            _ => format!("epoch {} of {}, batch {batch} of {batches} done", epoch + 1, self.options.epochs),
        }
    }

    /// Trains on. `at` is called at every [`Event`], with the trainer in a state of which a
    /// snapshot can be taken; it may stop the run. Returns how the run has ended, with the best epoch's weights in the
    /// network, or `None` if it was stopped before that: [`Trainer::snapshot`] is where it stands.
    ///
    /// # Errors
    /// If the loss stops being a number before an epoch is done, or what `at` returns.
    pub fn run(
        &mut self,
        log: &Log,
        at: &mut dyn FnMut(&Self, Event) -> Result<ControlFlow<()>>,
    ) -> Result<Option<End>> {
        let mut event = Event::Start;
        loop {
            if at(self, event)?.is_break() {
                return Ok(None);
            }
            if let Some(end) = self.state.end {
                if let Some(best) = &self.state.best {
                    load(self.network, &best.weights)?;
                }
                return Ok(Some(end));
            }
            if self.epoch(log, at)?.is_break() {
                return Ok(None);
            }
            event = if self.state.end.is_some() { Event::End } else { Event::Epoch };
        }
    }

    /// The next epoch, or what is left of it.
    fn epoch(
        &mut self,
        log: &Log,
        at: &mut dyn FnMut(&Self, Event) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let (network, options) = (self.network, self.options);
        let (number, before) = (self.state.epoch + 1, self.state.sums.seconds);
        let started = Instant::now();
        let words: usize = self.lengths.iter().sum();
        log.start(number, options.epochs, words as u64);
        if self.state.batch == 0 {
            self.state.before_order = self.state.random.clone();
        }
        let mut random = self.state.before_order.clone();
        let order = batches::shuffled(&self.lengths, options.batch, &mut random);
        if self.state.batch == 0 {
            self.state.random = random;
        }
        let steps = options.epochs * order.len();
        for batch in order.iter().skip(self.state.batch) {
            let step = step(network, self.texts, batch, options, &mut self.state.random)?;
            let norm = step.gradients.norm()?;
            if !step.loss.is_finite() || !norm.is_finite() {
                self.diverge(Some(self.state.batch + 1), step.loss, norm)?;
                return Ok(ControlFlow::Continue(()));
            }
            let rate = options.rate * options.schedule.factor(self.state.steps, steps);
            let clip = (f64::from(options.clip) / norm).min(1.0) as f32;
            self.optimiser.step(network.vars(), &step.gradients, rate, clip)?;
            self.average.update(network)?;
            self.state.steps += 1;
            self.state.batch += 1;
            let sums = &mut self.state.sums;
            sums.loss += step.loss * batch.len() as f64;
            sums.right += step.right;
            sums.texts += batch.len();
            sums.words += batch.iter().map(|&text| self.lengths[text]).sum::<usize>();
            sums.seconds = before + started.elapsed().as_secs_f64();
            let Sums { loss, right, texts, words, .. } = *sums;
            log.batch(words as u64, loss / texts as f64, right as f64 / texts as f64);
            if at(self, Event::Batch)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let validating = Instant::now();
        let candidate = self.average.swap(network)?;
        let evaluation = evaluate(network, self.valid, options)?;
        let weights = network.weights();
        self.average.swap_back(network, candidate)?;
        let measured = self.valid.is_empty() || evaluation.loss.is_finite();
        let (true, Ok(weights)) = (measured, weights) else {
            self.diverge(None, evaluation.loss, 0.0)?;
            return Ok(ControlFlow::Continue(()));
        };
        let Sums { loss, right, texts, words, seconds } = std::mem::take(&mut self.state.sums);
        let summary = Epoch {
            epoch: number,
            train_loss: loss / texts as f64,
            train_accuracy: right as f64 / texts as f64,
            valid_loss: evaluation.loss,
            valid_accuracy: evaluation.accuracy,
            seconds: seconds + validating.elapsed().as_secs_f64(),
        };
        let state = &mut self.state;
        let (accuracy, loss) = (evaluation.accuracy, evaluation.loss);
        // Without validation texts the last epoch is the one to take.
        let better = self.valid.is_empty()
            || state.best.as_ref().is_none_or(|best| (accuracy, -loss) > (best.accuracy, -best.loss));
        if better {
            state.best = Some(Best { accuracy, loss, weights: weights.into_tensors() });
            state.since_best = 0;
        } else {
            state.since_best += 1;
        }
        log.epoch(&summary, options.epochs, words as f64 / seconds, better);
        state.history.push(summary);
        (state.epoch, state.batch) = (number, 0);
        if options.patience > 0 && state.since_best >= options.patience {
            state.end = Some(End::Patience);
        } else if number == options.epochs {
            state.end = Some(End::Complete);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Ends the run because the loss is not finite; an error if there is nothing to keep.
    fn diverge(&mut self, batch: Option<usize>, loss: f64, norm: f64) -> Result<()> {
        let end = End::Diverged { epoch: self.state.epoch + 1, batch, loss, norm };
        ensure!(
            self.state.best.is_some(),
            "{end}, before any epoch was finished: lower --lr or --weight-decay, or --clip gradients shorter"
        );
        self.state.end = Some(end);
        Ok(())
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Complete => write!(f, "all epochs are done"),
            Self::Patience => write!(f, "the validation accuracy rose no more"),
            Self::Diverged { epoch, batch: Some(batch), loss, norm } if loss.is_finite() => {
                write!(f, "the gradient's norm is {norm} in epoch {epoch}, batch {batch}")
            }
            Self::Diverged { epoch, batch: Some(batch), loss, .. } => {
                write!(f, "the loss is {loss} in epoch {epoch}, batch {batch}")
            }
            Self::Diverged { epoch, batch: None, loss, .. } => {
                write!(f, "the validation loss is {loss} after epoch {epoch}")
            }
        }
    }
}

/// Puts parameters into a network's variables.
fn load(network: &Network, weights: &Tensors) -> Result<()> {
    for (name, var) in network.vars() {
        let values = weights.get(name).with_context(|| format!("the tensor {name} is missing"))?;
        ensure!(
            values.len() == var.elem_count(),
            "{name} has {} numbers, expected {}",
            values.len(),
            var.elem_count()
        );
        var.set(&Tensor::from_slice(values, var.shape(), var.device())?)?;
    }
    Ok(())
}
