//! The teacher: logistic regression on all n-grams, each weighted by its naive Bayes log-ratio.
//!
//! Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic classification", ACL 2012. A small
//! network learns from its soft labels for unlabelled texts (Hinton, Vinyals and Dean, "Distilling the knowledge in a
//! neural network", 2015).

use rayon::prelude::*;
use telltale::engine::ngrams::{Orders, RollingKeys};

use super::bayes::{Lesson, ratios};
use super::columns;
use super::linear::{Fit, Sample};
use super::matrix::frequent;
use crate::logits::probabilities;

/// The longest n-gram, in words.
const ORDER: u8 = 3;

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
pub struct NgramTeacher {
    /// Known n-grams, ascending.
    known: Vec<u32>,
    classes: usize,
    /// \[known × K\]
    weights: Vec<f32>,
}

impl NgramTeacher {
    /// Learns from labelled texts of `classes` classes.
    #[must_use]
    pub fn fit(lessons: &[Lesson<'_>], classes: usize, seed: u64) -> Self {
        let texts: Vec<Vec<u32>> = lessons.par_iter().map(|lesson| present(lesson.words)).collect();
        let known = frequent(texts.concat(), LEAST_TEXTS, usize::MAX);
        let known: Vec<u32> = known.into_iter().map(|(key, _)| key).collect();
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

/// The keys of all n-grams of up to `order` words, in the order in which they end.
fn keys_of(words: &[u32], order: u8) -> Vec<u32> {
    let mut rolling = RollingKeys::new();
    let mut keys = Vec::with_capacity(words.len() * usize::from(order));
    for &word in words {
        rolling.word(word, Orders { words: order, characters: 0 }, |key| keys.push(key));
    }
    keys
}

/// What of each text is known: indices into `known`, which ascends.
fn features(texts: &[Vec<u32>], known: &[u32]) -> Vec<Vec<u32>> {
    texts.par_iter().map(|keys| indices(keys, known)).collect()
}

fn indices(keys: &[u32], known: &[u32]) -> Vec<u32> {
    keys.iter().filter_map(|key| known.binary_search(key).ok()).map(|at| at as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the order of two words tells the class.
    #[test]
    fn order_is_learnt() {
        let text = |n: u32| {
            let noise = n.wrapping_mul(2_654_435_761) % 50 + 100;
            let pair = if n.is_multiple_of(2) { [1, 2] } else { [2, 1] };
            ([&[noise][..], &pair, &[noise + 1]].concat(), [1.0 - (n % 2) as f32, (n % 2) as f32])
        };
        let own: Vec<(Vec<u32>, [f32; 2])> = (0..400).map(text).collect();
        let lessons: Vec<Lesson<'_>> = own.iter().map(|(words, target)| Lesson { words, target }).collect();
        let teacher = NgramTeacher::fit(&lessons, 2, 1);
        for (words, target) in &own {
            assert!(teacher.opinion(words)[usize::from(target[1] > 0.5)] > 0.8);
        }
    }

    #[test]
    fn every_class_has_its_column() {
        let own: Vec<(Vec<u32>, [f32; 3])> = (0..300u32)
            .map(|n| {
                let mut target = [0.0; 3];
                target[n as usize % 3] = 1.0;
                (vec![n % 3 + 10, n * 7 % 40 + 50], target)
            })
            .collect();
        let lessons: Vec<Lesson<'_>> = own.iter().map(|(words, target)| Lesson { words, target }).collect();
        let teacher = NgramTeacher::fit(&lessons, 3, 1);
        for (words, target) in &own {
            assert!(teacher.opinion(words)[target.iter().position(|&share| share > 0.5).expect("one")] > 0.5);
        }
    }
}
