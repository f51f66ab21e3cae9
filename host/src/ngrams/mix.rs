//! How network and n-grams are added up.

use serde::{Deserialize, Serialize};

/// What the logits of both count; their sum's probabilities are as sure as they are right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mix {
    /// The network's.
    pub network: f32,
    /// The n-grams'.
    pub ngrams: f32,
}

/// What is tried: a geometric series.
const LEAST: f32 = 0.02;
const FACTOR: f32 = 1.25;
const STEPS: i32 = 36;

impl Mix {
    /// What is taken where there are no texts to choose by.
    pub const EVEN: Self = Self { network: 1.0, ngrams: 2.0 };

    /// The gains with the least cross-entropy on texts that neither has learnt from.
    #[must_use]
    pub fn fit(network: &[Vec<f32>], ngrams: &[Vec<f32>], labels: &[u32]) -> Self {
        if labels.is_empty() {
            return Self::EVEN;
        }
        let gains: Vec<f32> = (0..STEPS).map(|step| LEAST * FACTOR.powi(step)).collect();
        let loss = |mix: Self| -> f64 {
            let texts = network.iter().zip(ngrams).zip(labels);
            texts.map(|((own, others), &label)| mix.loss(own, others, label as usize)).sum()
        };
        let best = |tried: &mut dyn Iterator<Item = Self>| {
            tried.map(|mix| (loss(mix), mix)).min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, mix)| mix)
        };
        // The loss is convex in both gains: going along one and the other ends in its valley.
        let mut mix = Self::EVEN;
        for _ in 0..8 {
            let before = mix;
            mix = best(&mut gains.iter().map(|&ngrams| Self { ngrams, ..mix })).unwrap_or(mix);
            mix = best(&mut gains.iter().map(|&network| Self { network, ..mix })).unwrap_or(mix);
            mix = best(&mut gains.iter().map(|&gain| mix.times(gain))).unwrap_or(mix);
            if mix == before {
                break;
            }
        }
        mix
    }

    const fn times(self, gain: f32) -> Self {
        Self { network: self.network * gain, ngrams: self.ngrams * gain }
    }

    /// \[C\] the sum of both logits.
    #[must_use]
    pub fn logits(self, network: &[f32], ngrams: &[f32]) -> Vec<f32> {
        network.iter().zip(ngrams).map(|(own, other)| self.network * own + self.ngrams * other).collect()
    }

    fn loss(self, network: &[f32], ngrams: &[f32], label: usize) -> f64 {
        let logits = self.logits(network, ngrams);
        let largest = logits.iter().fold(f32::MIN, |largest, logit| largest.max(*logit));
        let total: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        f64::from(largest + total.ln() - logits[label])
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
