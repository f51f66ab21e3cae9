//! The wide part: the few n-grams that are worth their flash.
//!
//! A regression over all frequent n-grams, each weighted by its naive Bayes log-ratio, ranks them; the best are kept
//! and fitted again by themselves.

use anyhow::{Result, ensure};
use rayon::prelude::*;

use super::bayes::ratios;
use super::linear::{Fit, Sample};
use super::{Lesson, columns, counted, features, indices, keys_of};
use crate::bytes::Bytes;
use crate::vocabulary::{self, MAX_WORDS};

/// Texts in which an n-gram must occur to be chosen.
const LEAST_TEXTS: usize = 5;

/// Passes over the texts.
const EPOCHS: usize = 15;

/// Step size of the fit that ranks, and of the one that counts.
const RATES: [f32; 2] = [0.01, 0.02];

/// An n-gram ranks by |weight| · textsᴾ: frequent ones matter more often, but say less.
const TEXTS_POWER: f32 = 0.35;

/// A text of n words counts each n-gram this much over √n.
const LENGTH: f32 = 15.0;

/// The largest magnitude of an i8 weight.
const WEIGHT_MAX: f32 = 127.0;

/// Largest weights that are tried, each this much smaller than the one before.
const CLIPS: i32 = 24;
const CLIP_FACTOR: f32 = 0.93;

/// Which n-grams to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The most n-grams.
    pub most: usize,
    /// The most words of one.
    pub order: usize,
    /// The seed of the order of training.
    pub seed: u64,
}

/// Selected n-grams and what they say, in the numbers of the chip: a network beside it learns what these leave over.
#[derive(Clone, Debug)]
pub struct Wide {
    order: usize,
    columns: usize,
    /// Ascending.
    known: Vec<u32>,
    /// \[known × K\]; a text's logits are step · Σ weights / √words.
    weights: Vec<i8>,
    step: f32,
}

/// Texts of `count` in which an n-gram must occur to be chosen.
fn least(count: usize) -> usize {
    LEAST_TEXTS.min(count.div_ceil(20))
}

/// The n-grams of up to `order` words that [`Wide::fit`] would choose from, as keys, ascending.
#[must_use]
pub fn eligible(texts: &[Vec<u32>], order: usize) -> Vec<u32> {
    let keys: Vec<Vec<u32>> = texts.par_iter().map(|words| keys_of(words, order)).collect();
    counted(&keys, least(keys.len())).into_iter().map(|(key, _)| key).collect()
}

impl Wide {
    /// A part of these n-grams, `known` ascending, that has learnt nothing: for its size.
    #[must_use]
    pub fn untrained(known: Vec<u32>, classes: usize, order: usize) -> Self {
        let columns = columns(classes);
        let weights = vec![1; known.len() * columns];
        Self { order, columns, known, weights, step: 1.0 }
    }

    /// Selects and fits.
    ///
    /// # Errors
    /// If no n-gram occurs often enough.
    pub fn fit(lessons: &[Lesson<'_>], classes: usize, selection: &Selection) -> Result<Self> {
        let columns = columns(classes);
        let texts: Vec<Vec<u32>> =
            lessons.par_iter().map(|lesson| keys_of(lesson.words, selection.order)).collect();
        let counted = counted(&texts, least(texts.len()));
        ensure!(!counted.is_empty(), "no n-gram occurs in {LEAST_TEXTS} texts: set --wide 0");
        let all: Vec<u32> = counted.iter().map(|(key, _)| *key).collect();
        let fit = |known: &[u32], rate| {
            let features = features(&texts, known);
            let samples: Vec<Sample<'_>> = features
                .iter()
                .zip(lessons)
                .map(|(features, lesson)| Sample {
                    features,
                    scale: LENGTH / (lesson.words.len().max(1) as f32).sqrt(),
                    target: lesson.target,
                })
                .collect();
            let (count, seed) = (known.len(), selection.seed);
            let worth = ratios(&features, lessons, count, classes);
            Fit { count, columns, worth: &worth, rate, epochs: EPOCHS, seed }.run(&samples)
        };
        let first = fit(&all, RATES[0]);
        let mut ranks: Vec<(f32, u32)> = counted
            .iter()
            .zip(first.chunks_exact(columns))
            .map(|(&(key, texts), weights)| {
                let largest = weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
                (largest * (texts as f32).powf(TEXTS_POWER), key)
            })
            .collect();
        ranks.sort_unstable_by(|(a, key_a), (b, key_b)| b.total_cmp(a).then(key_a.cmp(key_b)));
        ranks.truncate(selection.most.min(MAX_WORDS));
        let mut known: Vec<u32> = ranks.into_iter().map(|(_, key)| key).collect();
        known.sort_unstable();
        let mut weights = fit(&known, RATES[1]);
        weights.iter_mut().for_each(|weight| *weight *= LENGTH);
        let step = step_of(&weights);
        let weights = weights.iter().map(|weight| rounded(*weight, step)).collect();
        Ok(Self { order: selection.order, columns, known, weights, step })
    }

    /// How many n-grams were kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// K, the numbers of a word in [`Self::logits`].
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// \[words × K\]: what the n-grams up to each word add to the logits, of the second of two classes or of all.
    #[must_use]
    pub fn logits(&self, words: &[u32]) -> Vec<f32> {
        let mut votes = vec![0i32; self.columns];
        let mut out = Vec::with_capacity(words.len() * self.columns);
        let mut chain = telltale::engine::wide::Chain::default();
        for (at, &word) in words.iter().enumerate() {
            let before = at.min(usize::from(u16::MAX)) as u16;
            telltale::engine::wide::grams(word, before, self.order, &mut chain, |key| {
                for feature in indices(&[key], &self.known) {
                    let weights = &self.weights[feature as usize * self.columns..][..self.columns];
                    votes.iter_mut().zip(weights).for_each(|(vote, &weight)| *vote += i32::from(weight));
                }
            });
            let scale = self.step / (at as f32 + 1.0).sqrt();
            out.extend(votes.iter().map(|&vote| vote as f32 * scale));
        }
        out
    }

    /// The section of the blob.
    ///
    /// # Errors
    /// If the weights are too large for the format.
    pub fn section(&self) -> Result<Vec<u8>> {
        let entries: Vec<(u32, String)> = self.known.iter().map(|&key| (key, format!("{key:08x}"))).collect();
        let built = vocabulary::Built::new(&entries)?;
        let table = built.open()?;
        // A score has 12 fractional bits; the multiplier uses all of its 16.
        let score_step = f64::from(self.step) * 4096.0;
        let shift = (15.0 - score_step.log2().floor()).clamp(0.0, 30.0);
        let multiplier = (score_step * shift.exp2()).round();
        ensure!(multiplier <= f64::from(u16::MAX), "the wide part's weights are too large");
        let mut weights = vec![0i8; self.weights.len()];
        for (key, own) in self.known.iter().zip(self.weights.chunks_exact(self.columns)) {
            let at = table.id(*key) as usize * self.columns;
            weights[at..at + self.columns].copy_from_slice(own);
        }
        let mut to = Bytes::default();
        to.u32(built.section().len() as u32);
        to.bytes(&[self.order as u8, shift as u8]);
        to.u16(self.columns as u16);
        to.u16(multiplier as u16);
        to.bytes(&[0; 6]);
        to.bytes(built.section());
        to.bytes(bytemuck::cast_slice(&weights));
        to.align(4);
        Ok(to.into_vec())
    }
}

/// What one step of an i8 is worth: the largest weights are cut off where that makes the others finer by more.
fn step_of(weights: &[f32]) -> f32 {
    let largest = weights.iter().fold(f32::MIN_POSITIVE, |largest, weight| largest.max(weight.abs()));
    let error = |step: f32| -> f64 {
        let one = |&weight: &f32| f64::from(f32::from(rounded(weight, step)) * step - weight).powi(2);
        weights.iter().map(one).sum()
    };
    (0..CLIPS)
        .map(|clip| largest / WEIGHT_MAX * CLIP_FACTOR.powi(clip))
        .min_by(|a, b| error(*a).total_cmp(&error(*b)))
        .unwrap_or(largest)
}

fn rounded(weight: f32, step: f32) -> i8 {
    (weight / step).round().clamp(-WEIGHT_MAX, WEIGHT_MAX) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few large weights are cut off where many small ones gain by it, and never where they don't.
    #[test]
    fn steps_suit_most_weights() {
        let even: Vec<f32> = (0..=200_000).map(|n| n as f32 / 100_000.0 - 1.0).collect();
        assert!(step_of(&even) > 0.9 / WEIGHT_MAX);
        let outlier = [&even[..], &[1.5]].concat();
        let step = step_of(&outlier);
        assert!(step < 1.5 / WEIGHT_MAX && step > 0.9 / WEIGHT_MAX, "{step}");
        assert_eq!((rounded(1.5, step), rounded(-9.0, step), rounded(0.0, step)), (127, -127, 0));
        assert_eq!(step_of(&[5.0]), 5.0 / WEIGHT_MAX);
    }

    /// The section says what the floats say, after any number of words.
    #[test]
    fn the_section_is_the_float_model() {
        for columns in [1, 3] {
            let known: Vec<u32> =
                (0..500u32).map(|n| telltale::engine::wide::start(n % 100 + n / 100 * 1000)).collect();
            let mut known = known;
            known.sort_unstable();
            let weights = (0..known.len() * columns).map(|n| (n * 37 % 101) as i8 - 50).collect();
            let wide = Wide { order: 1, columns, known, weights, step: 0.02 };
            let section = crate::aligned::AlignedBytes::new(&wide.section().expect("fits"));
            let engine = telltale::engine::wide::Wide::open(&section).expect("opens");
            assert_eq!((engine.len() as usize, engine.columns(), engine.order()), (500, columns, 1));
            let words: Vec<u32> = (0..1500).map(|n| n * 7 % 130).collect();
            let logits = wide.logits(&words);
            let (mut chain, mut votes) = (telltale::engine::wide::Chain::default(), vec![0; columns]);
            for (at, &word) in words.iter().enumerate() {
                engine.take(word, at as u16, &mut chain, &mut votes);
                let mut scores = vec![0; columns.max(2)];
                engine.add(&votes, at as u16 + 1, &mut scores);
                for (score, logit) in scores[columns.max(2) - columns..].iter().zip(&logits[at * columns..]) {
                    let own = *score as f32 / 4096.0;
                    assert!((own - logit).abs() < 0.02 + logit.abs() * 0.01, "{at}: {own} {logit}");
                }
            }
        }
    }
}
