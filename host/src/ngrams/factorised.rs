//! A factorised softmax classifier: each n-gram has a vector of a few numbers, a text is the sum of its n-grams', and a
//! linear map takes it to the classes (Joulin et al., "Bag of tricks for efficient text classification", EACL 2017). Fitted
//! by AdaGrad (Duchi, Hazan and Singer, JMLR 12, 2011) with dropout of whole n-grams.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::matrix::Matrix;
use crate::logits::probabilities;

/// Share of a text's n-grams that a step does not see.
const DROPOUT: f32 = 0.5;

/// Errors below this teach nothing worth a pass over the vectors.
const NEGLIGIBLE: f32 = 1e-4;

/// What sums of squared gradients start from, for vectors and for the map.
const FIRST_SQUARES: [f32; 2] = [1e-4, 1e-2];

/// Vectors, map and biases.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// K, the numbers of a vector.
    pub width: usize,
    /// \[features × K\]
    pub vectors: Vec<f32>,
    /// \[C × K\]
    pub map: Vec<f32>,
    /// \[C\]
    pub bias: Vec<f32>,
}

/// How to fit.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// Passes over the texts.
    pub epochs: usize,
    /// The step size at first; it falls with the root of what is left.
    pub rate: f32,
    /// The seed of order and dropout.
    pub seed: u64,
}

impl Factors {
    /// Small random vectors.
    #[must_use]
    pub fn new(features: usize, width: usize, classes: usize, seed: u64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut numbers = |count: usize, range: f32| -> Vec<f32> {
            (0..count).map(|_| random.random_range(-range..range)).collect()
        };
        let (vectors, map) = (numbers(features * width, 0.1), numbers(classes * width, 1.0));
        Self { width, vectors, map, bias: vec![0.0; classes] }
    }

    /// The same of some of the features.
    #[must_use]
    pub fn select(&self, features: &[usize]) -> Self {
        let vectors = features.iter().flat_map(|&at| self.vector(at)).copied().collect();
        Self { vectors, ..self.clone() }
    }

    /// A feature's \[K\].
    #[must_use]
    pub fn vector(&self, feature: usize) -> &[f32] {
        &self.vectors[feature * self.width..][..self.width]
    }

    /// \[K\] the sum of a row's vectors.
    #[must_use]
    pub fn hidden(&self, rows: &Matrix, at: usize) -> Vec<f32> {
        let mut hidden = vec![0.0; self.width];
        for (feature, value) in rows.row(at) {
            add(&mut hidden, value, self.vector(feature));
        }
        hidden
    }

    /// \[C\] the logits of a sum of vectors \[K\].
    #[must_use]
    pub fn classify(&self, hidden: &[f32]) -> Vec<f32> {
        let rows = self.map.chunks_exact(self.width);
        rows.zip(&self.bias).map(|(row, bias)| bias + dot(row, hidden)).collect()
    }

    /// Learns `targets` \[texts × C\]; `weights` \[texts\] say what each text counts.
    pub fn fit(&mut self, rows: &Matrix, targets: &[&[f32]], weights: &[f32], fit: Fit) {
        let width = self.width;
        let mut vector_squares = vec![FIRST_SQUARES[0]; self.vectors.len() / width.max(1)];
        let mut map_squares = vec![FIRST_SQUARES[1]; self.map.len()];
        let mut bias_squares = vec![FIRST_SQUARES[1]; self.bias.len()];
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let mut random = Pcg64::seed_from_u64(fit.seed);
        let mut seen: Vec<(usize, f32)> = Vec::new();
        let mut hidden = vec![0.0f32; width];
        let mut back = vec![0.0f32; width];
        for epoch in 0..fit.epochs {
            order.shuffle(&mut random);
            let rate = fit.rate * (1.0 - epoch as f32 / fit.epochs as f32).sqrt();
            for &row in &order {
                seen.clear();
                hidden.fill(0.0);
                for (feature, value) in rows.row(row) {
                    if random.random::<f32>() >= DROPOUT {
                        let value = value / (1.0 - DROPOUT);
                        seen.push((feature, value));
                        add(&mut hidden, value, self.vector(feature));
                    }
                }
                let mut errors = self.classify(&hidden);
                probabilities(&mut errors);
                back.fill(0.0);
                for (class, error) in errors.iter_mut().enumerate() {
                    *error = (*error - targets[row][class]) * weights[row];
                    if error.abs() < NEGLIGIBLE {
                        continue;
                    }
                    bias_squares[class] += *error * *error;
                    self.bias[class] -= rate * *error / bias_squares[class].sqrt();
                    let own = class * width..(class + 1) * width;
                    add(&mut back, *error, &self.map[own.clone()]);
                    let map = self.map[own.clone()].iter_mut().zip(&mut map_squares[own]);
                    for ((weight, square), input) in map.zip(&hidden) {
                        let gradient = *error * input;
                        *square += gradient * gradient;
                        *weight -= rate * gradient / square.sqrt();
                    }
                }
                // One step size a vector: the mean of its squares.
                let square = dot(&back, &back) / width as f32;
                for &(feature, value) in &seen {
                    vector_squares[feature] += square * value * value;
                    let step = -rate * value / vector_squares[feature].sqrt();
                    add(&mut self.vectors[feature * width..][..width], step, &back);
                }
            }
        }
    }
}

fn add(to: &mut [f32], factor: f32, from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
