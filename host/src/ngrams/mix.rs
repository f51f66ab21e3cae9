//! How network and n-grams are combined.

use serde::{Deserialize, Serialize};

use crate::evaluate::measures::ConfusionMatrix;
use crate::logits::{negative_log_likelihood, top};

/// What the logits of both count; their sum's probabilities are as sure as they are right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// The network's.
    pub network: f32,
    /// The n-grams'.
    pub ngrams: f32,
}

/// Gains tried: a geometric series.
const LEAST: f32 = 0.02;
const FACTOR: f32 = 1.25;
const STEPS: i32 = 36;

/// The largest gain: where all validation texts are right, ever larger ones would be likelier.
const MOST: f32 = 20.0;

/// The least of the larger gain: below, rounding would leave nothing of either.
const FLOOR: f32 = 0.05;

/// What is tried of the network's likeliest gain.
const SHARES: [f32; 3] = [1.0, 0.5, 0.25];

impl Mix {
    /// What is taken where there are no texts to choose by.
    pub const EVEN: Self = Self { network: 1.0, ngrams: 2.0 };

    /// Gains fitted to texts that neither has learnt from: the likeliest, or with less of the network where that is
    /// right more often, by accuracy and macro-F1.
    #[must_use]
    pub fn fit(network: &[Vec<f32>], ngrams: &[Vec<f32>], labels: &[u32]) -> Self {
        if labels.is_empty() {
            return Self::EVEN;
        }
        let opinions = Opinions { network, ngrams, labels };
        let likeliest = opinions.likeliest();
        let shares = SHARES.map(|share| Self { network: share * likeliest.network, ..likeliest });
        let worths = shares.map(|mix| opinions.worth(mix));
        let most = worths.iter().copied().fold(f64::MIN, f64::max);
        let best = worths.iter().position(|&worth| worth == most).map_or(likeliest, |at| shares[at]);
        opinions.best(best, gains().map(|gain| best.times(gain)))
    }

    const fn times(self, gain: f32) -> Self {
        Self { network: self.network * gain, ngrams: self.ngrams * gain }
    }

    /// \[C\] the sum of both logits.
    #[must_use]
    pub fn logits(self, network: &[f32], ngrams: &[f32]) -> Vec<f32> {
        network.iter().zip(ngrams).map(|(own, other)| self.network * own + self.ngrams * other).collect()
    }
}

fn gains() -> impl Iterator<Item = f32> {
    (0..STEPS).map(|step| LEAST * FACTOR.powi(step))
}

/// Logits \[texts\]\[C\] of both, and the true classes.
struct Opinions<'t> {
    network: &'t [Vec<f32>],
    ngrams: &'t [Vec<f32>],
    labels: &'t [u32],
}

impl Opinions<'_> {
    fn mixed(&self, mix: Mix) -> impl Iterator<Item = (Vec<f32>, usize)> {
        let texts = self.network.iter().zip(self.ngrams).zip(self.labels);
        texts.map(move |((own, other), &label)| (mix.logits(own, other), label as usize))
    }

    /// Cross-entropy, summed up.
    fn loss(&self, mix: Mix) -> f64 {
        self.mixed(mix).map(|(logits, label)| negative_log_likelihood(&logits, label)).sum()
    }

    /// Accuracy and macro-F1, added.
    fn worth(&self, mix: Mix) -> f64 {
        let classes = self.network.first().map_or(0, Vec::len);
        let judged = self.mixed(mix).map(|(logits, label)| (label, top(&logits)));
        let confusion = ConfusionMatrix::of(judged, classes);
        confusion.accuracy() + confusion.macro_f1()
    }

    /// The one of those with the least loss; `mix`, if that is as good, since texts of which nothing is known tell
    /// nothing.
    fn best(&self, mix: Mix, tried: impl Iterator<Item = Mix>) -> Mix {
        let least = tried
            .filter(|mix| (FLOOR..=MOST).contains(&mix.network.max(mix.ngrams)))
            .map(|mix| (self.loss(mix), mix))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        least.filter(|(loss, _)| *loss != self.loss(mix)).map_or(mix, |(_, best)| best)
    }

    /// The gains of the least loss, which is convex in both: going along one and the other ends in its valley.
    fn likeliest(&self) -> Mix {
        let mut mix = Mix::EVEN;
        for _ in 0..8 {
            let before = mix;
            mix = self.best(mix, gains().map(|ngrams| Mix { ngrams, ..mix }));
            mix = self.best(mix, gains().map(|network| Mix { network, ..mix }));
            mix = self.best(mix, gains().map(|gain| mix.times(gain)));
            if mix == before {
                break;
            }
        }
        mix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One side is always right, the other always wrong; then both know half of the texts.
    #[test]
    fn who_is_right_counts() {
        let right: Vec<Vec<f32>> =
            (0..200).map(|n| if n % 2 == 0 { vec![1.0, 0.0] } else { vec![0.0, 1.0] }).collect();
        let noise: Vec<Vec<f32>> =
            (0..200).map(|n| if n % 4 < 2 { vec![1.0, 0.0] } else { vec![0.0, 1.0] }).collect();
        let labels: Vec<u32> = (0..200).map(|n| n % 2).collect();
        let mix = Mix::fit(&right, &noise, &labels);
        assert!(mix.network > 20.0 * mix.ngrams, "{mix:?}");
        let mix = Mix::fit(&noise, &right, &labels);
        assert!(mix.ngrams > 20.0 * mix.network, "{mix:?}");
        assert_eq!(Mix::fit(&[], &[], &[]), Mix::EVEN);
        let silent = vec![vec![0.0, 0.0]; 200];
        assert_eq!(Mix::fit(&silent, &silent, &labels), Mix::EVEN);
    }

    /// A classifier that is always right could be arbitrarily confident.
    #[test]
    fn certainty_has_an_end() {
        let right: Vec<Vec<f32>> =
            (0..200).map(|n| vec![f32::from(u8::from(n % 2 == 0)) * 0.1, 0.05]).collect();
        let labels: Vec<u32> = (0..200).map(|n| n % 2).collect();
        let mix = Mix::fit(&right, &right, &labels);
        assert!(
            mix.network.max(mix.ngrams) <= MOST && mix.network.max(mix.ngrams) > MOST / FACTOR,
            "{mix:?}"
        );
    }

    /// Logits that are right three times of four are worth ln 3.
    #[test]
    fn certainty_is_calibrated() {
        let says: Vec<Vec<f32>> = (0..400).map(|_| vec![1.0, 0.0]).collect();
        let labels: Vec<u32> = (0..400).map(|n| u32::from(n % 4 == 0)).collect();
        let silent = vec![vec![0.0, 0.0]; 400];
        let mix = Mix::fit(&says, &silent, &labels);
        assert!((mix.network / 3f32.ln()).ln().abs() < 0.13, "{mix:?}");
    }
}
