//! Logistic regression by AdaGrad (Duchi, Hazan and Singer, "Adaptive subgradient methods for online
//! learning and stochastic optimization", JMLR 12, 2011), over sparse features.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use crate::logits::probabilities;

/// Errors below this teach nothing worth a pass over the features.
const NEGLIGIBLE: f32 = 1e-4;

/// What the sums of squared gradients start from.
const FIRST_SQUARE: f32 = 1e-4;

/// A text as the regression sees it.
pub struct Sample<'t> {
    /// The features that the text has; a repeated one counts as often.
    pub features: &'t [u32],
    /// What each of them counts.
    pub scale: f32,
    /// \[C\] the probability of each class.
    pub target: &'t [f32],
}

/// How to fit.
pub struct Fit<'a> {
    /// Features.
    pub count: usize,
    /// K columns of weights.
    pub columns: usize,
    /// \[count × K\] what each feature is worth to each column.
    pub worth: &'a [f32],
    /// The step size, which falls to zero in a straight line.
    pub rate: f32,
    /// Passes over the samples.
    pub epochs: usize,
    /// The seed of the order.
    pub seed: u64,
}

impl Fit<'_> {
    /// The weights \[count × K\], each feature's worth included.
    pub fn run(&self, samples: &[Sample<'_>]) -> Vec<f32> {
        let columns = self.columns;
        let mut weights = vec![0.0f32; self.count * columns];
        let mut squares = vec![FIRST_SQUARE; self.count * columns];
        let mut order: Vec<usize> = (0..samples.len()).collect();
        let mut random = Pcg64::seed_from_u64(self.seed);
        let mut errors = vec![0.0; columns];
        for epoch in 0..self.epochs {
            order.shuffle(&mut random);
            let rate = self.rate * (1.0 - epoch as f32 / self.epochs as f32);
            for &sample in &order {
                let Sample { features, scale, target } = samples[sample];
                errors.fill(0.0);
                for &feature in features {
                    let at = feature as usize * columns;
                    for (column, sum) in errors.iter_mut().enumerate() {
                        *sum += weights[at + column] * self.worth[at + column];
                    }
                }
                errors.iter_mut().for_each(|sum| *sum *= scale);
                probabilities(&mut errors);
                // With two classes, the only column is the second one's.
                let skipped = target.len() - columns;
                errors.iter_mut().zip(&target[skipped..]).for_each(|(error, wanted)| *error -= wanted);
                for (column, &error) in
                    errors.iter().enumerate().filter(|(_, error)| error.abs() >= NEGLIGIBLE)
                {
                    for &feature in features {
                        let at = feature as usize * columns + column;
                        let gradient = error * scale * self.worth[at];
                        squares[at] += gradient * gradient;
                        weights[at] -= rate * gradient / squares[at].sqrt();
                    }
                }
            }
        }
        weights.iter_mut().enumerate().for_each(|(at, weight)| *weight *= self.worth[at]);
        weights
    }
}
