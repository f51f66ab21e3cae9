//! Linear support vector classifiers, one against the rest, by dual coordinate descent with squared hinge loss
//! (Hsieh, Chang, Lin, Keerthi and Sundararajan, "A dual coordinate descent method for large-scale linear
//! SVM", ICML 2008).

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use rayon::prelude::*;

use super::matrix::Matrix;

/// Passes over the texts at most.
const EPOCHS: usize = 60;

/// A pass whose largest projected gradient is below this is the last one.
const TOLERANCE: f32 = 0.02;

/// A row's wish: positive for the class, negative against it, and how much it counts.
type Side = (f32, f32);

/// A weight vector and a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Separator {
    /// \[features\]
    pub weights: Vec<f32>,
    /// Added to every score.
    pub bias: f32,
}

/// How to fit.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// C: what a violated margin costs beside the weights' norm.
    pub cost: f32,
    /// How much more the texts of a rare class count: the power of (texts / classes / texts of the class), 0 to 1.
    pub balance: f32,
    /// The seed of the order of the texts.
    pub seed: u64,
}

impl Fit {
    /// A separator for each of the last `columns` of the classes; `targets` \[texts × C\] are probabilities, a text
    /// without certainty counting for both sides, and `weights` \[texts\] what each text counts.
    #[must_use]
    pub fn run(
        self,
        rows: &Matrix,
        features: usize,
        targets: &[&[f32]],
        weights: &[f32],
        columns: usize,
    ) -> Vec<Separator> {
        let classes = targets.first().map_or(0, |target| target.len());
        let rarity = self.rarity(targets, weights, classes);
        (classes - columns..classes)
            .into_par_iter()
            .map(|class| {
                let others = if columns == 1 { rarity[0] } else { 1.0 };
                let side = |(target, weight): (&&[f32], &f32)| {
                    let lead = 2.0 * target[class] - 1.0;
                    (lead.signum(), lead.abs() * weight * if lead > 0.0 { rarity[class] } else { others })
                };
                let sides: Vec<Side> = targets.iter().zip(weights).map(side).collect();
                self.separate(rows, features, &sides)
            })
            .collect()
    }

    /// \[C\] what a text counts more for being of that class.
    fn rarity(self, targets: &[&[f32]], weights: &[f32], classes: usize) -> Vec<f32> {
        let mut shares = vec![0.0f32; classes];
        for (target, weight) in targets.iter().zip(weights) {
            shares.iter_mut().zip(*target).for_each(|(sum, share)| *sum += share * weight);
        }
        let mean = shares.iter().sum::<f32>() / classes.max(1) as f32;
        shares
            .iter()
            .map(|share| if *share > 0.0 { (mean / share).powf(self.balance) } else { 1.0 })
            .collect()
    }

    fn separate(self, rows: &Matrix, features: usize, sides: &[Side]) -> Separator {
        let mut weights = vec![0.0f32; features];
        let mut bias = 0.0f32;
        let mut dual = vec![0.0f32; sides.len()];
        let mut order: Vec<usize> = (0..sides.len()).filter(|&row| sides[row].1 > 0.0).collect();
        let softness: Vec<f32> = sides.iter().map(|side| 0.5 / (self.cost * side.1.max(1e-6))).collect();
        // Rows have length 1, or 0 where nothing is known; the bias is a feature that is 1 everywhere.
        let squares: Vec<f32> = (0..rows.len())
            .map(|at| rows.row(at).map(|(_, value)| value * value).sum::<f32>() + 1.0)
            .collect();
        let mut random = Pcg64::seed_from_u64(self.seed);
        for _ in 0..EPOCHS {
            order.shuffle(&mut random);
            let mut largest = 0.0f32;
            for &row in &order {
                let (sign, _) = sides[row];
                let score = bias + rows.row(row).map(|(at, value)| weights[at] * value).sum::<f32>();
                let gradient = sign * score - 1.0 + dual[row] * softness[row];
                let projected = if dual[row] > 0.0 { gradient } else { gradient.min(0.0) };
                largest = largest.max(projected.abs());
                let next = (dual[row] - gradient / (squares[row] + softness[row])).max(0.0);
                let step = (next - dual[row]) * sign;
                dual[row] = next;
                if step != 0.0 {
                    rows.row(row).for_each(|(at, value)| weights[at] += step * value);
                    bias += step;
                }
            }
            if largest < TOLERANCE {
                break;
            }
        }
        Separator { weights, bias }
    }
}
