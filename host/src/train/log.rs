//! Training's progress: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Epoch;
use crate::console::say;

/// Where progress goes.
#[derive(Debug)]
pub struct Log {
    bar: Option<ProgressBar>,
}

impl Log {
    /// A bar on standard error if that is a terminal, nothing but epoch lines otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self { bar: std::io::stderr().is_terminal().then(ProgressBar::hidden) }
    }

    /// No output at all.
    #[must_use]
    pub const fn silent() -> Self {
        Self { bar: None }
    }

    /// A new epoch of so many words.
    pub fn start(&self, epoch: usize, epochs: usize, words: u64) {
        let Some(bar) = &self.bar else { return };
        let style =
            ProgressStyle::with_template("epoch {prefix} {bar:30} {percent}% {msg} {per_sec} eta {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.set_prefix(format!("{epoch}/{epochs}"));
        bar.set_length(words);
        bar.reset();
    }

    /// A batch is done: words so far, mean loss and accuracy so far.
    pub fn batch(&self, words: u64, loss: f64, accuracy: f64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("loss {loss:.4} accuracy {:.2}% words", accuracy * 100.0));
            bar.set_position(words);
        }
    }

    /// The epoch's line.
    pub fn epoch(&self, epoch: &Epoch, epochs: usize, words_per_second: f64, best: bool) {
        if let Some(bar) = &self.bar {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let valid = if epoch.valid_loss.is_nan() {
            "no validation".to_owned()
        } else {
            format!("valid loss {:.4} accuracy {:.2}%", epoch.valid_loss, epoch.valid_accuracy * 100.0)
        };
        say!(
            "epoch {}/{epochs}: train loss {:.4} accuracy {:.2}%, {valid}, {:.1} s, {:.0} words/s{}",
            epoch.epoch,
            epoch.train_loss,
            epoch.train_accuracy * 100.0,
            epoch.seconds,
            words_per_second,
            if best { " *" } else { "" },
        );
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}
