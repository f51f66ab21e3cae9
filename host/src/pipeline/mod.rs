//! From a corpus to a finished model: one training run, for any caller.
//!
//! ```text
//! CorpusConfig ─ Source ─┬─ RunConfig ─ Data ─ run ─ Trained
//!                        └─ Drafts (as large and as slow, but untrained)
//! ```
//!
//! A [`Source`] is read first, since a [`RunConfig`] may depend on how many texts and words it has.

mod config;
mod data;
mod draft;
mod finish;
mod report;
mod tags;
mod teach;
mod texts;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::Result;
use candle_core::Device;

pub use config::{NgramConfig, RunConfig, Teacher};
pub use data::{Data, Source};
pub use draft::Drafts;
pub use finish::Finished;
pub use report::{BlobReport, ModelReport, PartAccuracy, QuantisedReport, Report};
pub use texts::Texts;

use crate::exit_reason::ExitReason;
use crate::model::{Config, Network};
use crate::train::log::Log;
use crate::train::{End, Epoch, Event, Trainer};

/// Watches a run, and may stop it.
pub trait Observer {
    /// What is about to be trained.
    fn describe(&mut self, _data: &Data, _network: &Network) {}

    /// The trainer is at its start; the observer may set another state.
    ///
    /// # Errors
    /// End the run.
    fn start(&mut self, _data: &Data, _trainer: &mut Trainer<'_>) -> Result<()> {
        Ok(())
    }

    /// An event of training.
    ///
    /// # Errors
    /// End the run.
    fn at(&mut self, _trainer: &Trainer<'_>, _event: Event) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }

    /// Training is done; what is left takes seconds.
    fn trained(&mut self) {}
}

/// No observer.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Observer for Unwatched {}

/// A run that has ended.
pub struct Trained {
    /// The network's shape.
    pub config: Config,
    /// The model, measured.
    pub finished: Finished,
    /// What happened, epoch by epoch.
    pub epochs: Vec<Epoch>,
    /// Why it ended.
    pub end: End,
    /// What training took.
    pub took: Duration,
}

impl Trained {
    /// The JSON report of a run that took `took` in all.
    #[must_use]
    pub fn report(&self, took: Duration) -> Report<'_> {
        self.finished.report(&self.config, &self.epochs, took)
    }
}

/// The outcome of a run.
pub enum Outcome {
    /// It has ended.
    Ended(Box<Trained>),
    /// The observer stopped it: where, in words.
    Stopped(String),
}

/// Trains a network, fits n-grams beside it, quantises both and measures the result.
///
/// # Errors
/// If the device fails, the observer ends the run, or the weights fit no fixed-point format; [`ExitReason::Diverged`]
/// if that is because training diverged.
pub fn run(data: &Data, device: &Device, observer: &mut dyn Observer) -> Result<Outcome> {
    let options = &data.config.options;
    let network = Network::new(&data.network_config(), device, options.seed)?;
    observer.describe(data, &network);
    let started = Instant::now();
    let mut trainer = Trainer::new(&network, &data.texts.train, &data.texts.valid, options)?;
    observer.start(data, &mut trainer)?;
    let end = trainer.run(&Log::new(), &mut |trainer, event| observer.at(trainer, event))?;
    let Some(end) = end else { return Ok(Outcome::Stopped(trainer.position())) };
    observer.trained();
    let took = started.elapsed();
    let finished = finish::finish(data, &network).map_err(|error| match end {
        End::Complete | End::Patience => error,
        End::Diverged { .. } => {
            ExitReason::Diverged(format!("{end}; the best epoch before cannot be used: {error:#}")).into()
        }
    })?;
    let epochs = trainer.history().to_vec();
    Ok(Outcome::Ended(Box::new(Trained { config: network.config.clone(), finished, epochs, end, took })))
}
