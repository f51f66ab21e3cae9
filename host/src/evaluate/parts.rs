//! The accuracy of a model, and of each of its two parts alone: the recurrent network, which reads words in order, and
//! the n-grams beside it, to which every text is a bag.
//!
//! Both were trained separately; their weights in the sum were fitted on validation texts.

use anyhow::Result;
use serde::Serialize;
use telltale::Model;

use crate::engine::{self, Reading, Verdict, classify_all};

/// The parts' verdicts on the same texts, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Alone {
    /// The network without the n-grams.
    network: Vec<Verdict>,
    /// The n-grams without the network; `None` if the model has none.
    ngrams: Option<Vec<Verdict>>,
}

/// One part on some texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Part {
    /// Share of right labels; of labels with the same score, the first counts, as in the engine.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Share of texts with the whole model's label.
    pub agreement: f64,
    /// Texts for which several labels have the highest score.
    pub ties: usize,
}

/// Both parts on some texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Parts {
    /// The network without the n-grams.
    pub network: Part,
    /// The n-grams without the network; `None` if the model has none.
    #[serde(rename = "wide")]
    pub ngrams: Option<Part>,
}

impl Alone {
    /// Reads texts with each part of a model.
    ///
    /// # Errors
    /// As [`classify_all`].
    pub fn read(model: &Model<'_>, texts: &[Reading<'_>]) -> Result<Self> {
        let network = classify_all(&model.without_ngrams(), texts, engine::ReadWith::Whole)?;
        let ngrams = || classify_all(model, texts, engine::ReadWith::Ngrams);
        Ok(Self { network, ngrams: model.ngrams().map(|_| ngrams()).transpose()? })
    }

    /// The verdicts of the network without the n-grams.
    #[must_use]
    pub fn network(&self) -> &[Verdict] {
        &self.network
    }

    /// The verdicts of the n-grams without the network; `None` if the model has none.
    #[must_use]
    pub fn ngrams(&self) -> Option<&[Verdict]> {
        self.ngrams.as_deref()
    }

    #[cfg(test)]
    pub(crate) const fn of_verdicts(network: Vec<Verdict>, ngrams: Option<Vec<Verdict>>) -> Self {
        Self { network, ngrams }
    }

    /// What the parts made of the texts at `which`, beside the whole model's verdicts on all `texts`.
    #[must_use]
    pub fn of(&self, texts: &[Reading<'_>], whole: &[Verdict], which: &[usize]) -> Parts {
        let part = |own: &[Verdict]| {
            let share = |count: usize| count as f64 / which.len().max(1) as f64;
            Part {
                accuracy: accuracy(texts, own, which),
                loss: which.iter().map(|&at| own[at].loss).sum::<f64>() / which.len().max(1) as f64,
                agreement: share(which.iter().filter(|&&at| own[at].class == whole[at].class).count()),
                ties: which.iter().filter(|&&at| own[at].tie).count(),
            }
        };
        Parts { network: part(&self.network), ngrams: self.ngrams.as_deref().map(part) }
    }
}

/// The share of the texts at `which` whose verdict is the truth.
#[must_use]
pub fn accuracy(texts: &[Reading<'_>], verdicts: &[Verdict], which: &[usize]) -> f64 {
    let right = which.iter().filter(|&&at| verdicts[at].class == texts[at].truth as usize).count();
    right as f64 / which.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(class: usize, tie: bool) -> Verdict {
        Verdict { class, loss: 0.5, probability: 0.5, tie }
    }

    #[test]
    fn parts_are_counted_apart_on_the_chosen_texts() {
        let texts: Vec<Reading<'_>> =
            [0, 1, 1, 0].into_iter().map(|truth| Reading { items: &[], truth }).collect();
        let whole = [0, 1, 1, 1].map(|class| verdict(class, false));
        let alone = Alone {
            network: [0, 1, 0, 1].map(|class| verdict(class, false)).to_vec(),
            ngrams: Some([0, 0, 1, 0].map(|class| verdict(class, class == 0)).to_vec()),
        };
        let all = alone.of(&texts, &whole, &[0, 1, 2, 3]);
        let ngrams = all.ngrams.expect("there is one");
        assert_eq!((all.network.accuracy, all.network.agreement, all.network.ties), (0.5, 0.75, 0));
        assert_eq!((ngrams.accuracy, ngrams.agreement, ngrams.ties, ngrams.loss), (0.75, 0.5, 3, 0.5));
        let some = alone.of(&texts, &whole, &[1, 3]);
        assert_eq!((some.network.accuracy, some.ngrams.expect("there is one").accuracy), (0.5, 0.5));
        assert_eq!((accuracy(&texts, &whole, &[0, 1]), accuracy(&texts, &whole, &[])), (1.0, 0.0));
        assert!(Alone { ngrams: None, ..alone }.of(&texts, &whole, &[0]).ngrams.is_none());
    }
}
