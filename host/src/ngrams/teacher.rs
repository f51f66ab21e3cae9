//! The teacher: logistic regression on all n-grams, each weighted by its naive Bayes log-ratio.
//!
//! Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic classification", ACL 2012.
//! Its opinions on unlabelled texts are what a small network learns from (Hinton, Vinyals and Dean,
//! "Distilling the knowledge in a neural network", 2015).

use rayon::prelude::*;

use super::bayes::ratios;
use super::linear::{Fit, Sample, probabilities};
use super::{Lesson, columns, counted, features, indices, keys_of};

/// The longest n-gram, in words.
const ORDER: usize = 3;

/// Texts in which an n-gram must occur to count.
const LEAST_TEXTS: usize = 2;

/// Passes over the texts.
const EPOCHS: usize = 15;

/// Step size.
const RATE: f32 = 0.03;

/// A text of d different n-grams counts each of them this much over √d.
const LENGTH: f32 = 10.0;

/// Opinions are this much sharper than the regression's own, which a falling step size leaves timid.
const SHARPNESS: f32 = 1.3;

/// A classifier of many megabytes.
#[derive(Clone, Debug)]
pub struct Teacher {
    /// Known n-grams, ascending.
    known: Vec<u32>,
    classes: usize,
    /// \[known × K\]
    weights: Vec<f32>,
}

impl Teacher {
    /// Learns from labelled texts of `classes` classes.
    #[must_use]
    pub fn fit(lessons: &[Lesson<'_>], classes: usize, seed: u64) -> Self {
        let texts: Vec<Vec<u32>> = lessons.par_iter().map(|lesson| present(lesson.words)).collect();
        let known: Vec<u32> = counted(&texts, LEAST_TEXTS).into_iter().map(|(key, _)| key).collect();
        let features = features(&texts, &known);
        drop(texts);
        let worth = ratios(&features, lessons, known.len(), classes);
        let samples: Vec<Sample<'_>> = features
            .iter()
            .zip(lessons)
            .map(|(features, lesson)| Sample { features, scale: scale(features), target: lesson.target })
            .collect();
        let fit = Fit {
            count: known.len(),
            columns: columns(classes),
            worth: &worth,
            rate: RATE,
            epochs: EPOCHS,
            seed,
        };
        let weights = fit.run(&samples);
        Self { known, classes, weights }
    }

    /// The probability of each class, from the hashes of a text's words.
    #[must_use]
    pub fn opinion(&self, words: &[u32]) -> Vec<f32> {
        let columns = columns(self.classes);
        let own = indices(&present(words), &self.known);
        let mut sums = vec![0.0; columns];
        for &feature in &own {
            let weights = &self.weights[feature as usize * columns..][..columns];
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
        }
        let scale = SHARPNESS * scale(&own);
        sums.iter_mut().for_each(|sum| *sum *= scale);
        probabilities(&mut sums);
        if let [second] = sums[..] { vec![1.0 - second, second] } else { sums }
    }

    /// How many n-grams it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// The different n-grams of a text, ascending.
fn present(words: &[u32]) -> Vec<u32> {
    let mut keys = keys_of(words, ORDER);
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn scale(features: &[u32]) -> f32 {
    LENGTH / (features.len().max(1) as f32).sqrt()
}
