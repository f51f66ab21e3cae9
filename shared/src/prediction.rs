//! A model's answers: a class and its probability.

use core::fmt;

use crate::activation::{Curve, exp_negative};
use crate::fixed::{Score, round_shift};

/// A class of a model, by its number in the order of the labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(u16);

impl Class {
    /// The class with a number.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// The number, counted from zero.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A softmax probability, in steps of 10⁻⁴; shown as `0.7826`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probability(u16);

impl Probability {
    /// Certainty.
    pub const ONE: Self = Self(10_000);

    /// From steps of 10⁻⁴, at most 10,000.
    #[must_use]
    pub const fn from_ten_thousandths(steps: u16) -> Self {
        Self(if steps < Self::ONE.0 { steps } else { Self::ONE.0 })
    }

    /// Steps of 10⁻⁴, 0 to 10,000.
    #[must_use]
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04}", self.0 / Self::ONE.0, self.0 % Self::ONE.0)
    }
}

/// A model's prediction after a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prediction {
    /// The class with the highest score, the first one in a tie.
    pub class: Class,
    /// Its probability.
    pub probability: Probability,
    /// Whether the word is in the vocabulary.
    pub known: bool,
    /// Whether the network read the word; otherwise the text had been [decided](crate::engine::early_exit) before.
    pub read: bool,
    /// The word's id.
    pub id: u32,
    /// The [trace hash](crate::Model::trace), if [tracing](crate::Classifier::set_tracing) is on.
    pub trace: Option<u64>,
}

/// A model's answer to a whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer<'m> {
    /// The label of the class.
    pub label: &'m str,
    /// The class with the highest score, the first one in a tie.
    pub class: Class,
    /// Its probability.
    pub probability: Probability,
    /// Words of the text.
    pub words: u32,
    /// Those that are not in the vocabulary.
    pub unknown: u32,
    /// Whether the text is none of the classes, by the model's rule of [rejection](crate::engine::rejection); label and
    /// class are then the nearest. Always `false` without a rule.
    pub rejected: bool,
}

/// The first class with the highest score, and its softmax probability.
///
/// With two classes, it is the sigmoid of their scores' difference; more classes require a [feature](crate#features).
#[must_use]
pub fn decide(scores: &[i32]) -> (Class, Probability) {
    if let &[first, second] = scores {
        let lead = first.abs_diff(second).min(i32::MAX.unsigned_abs());
        let share = Curve::new(Score::FRAC_NBITS).sigmoid(lead as i32) >> 16;
        let steps = round_shift(share * 10_000, 15).unsigned_abs();
        return (Class(u16::from(second > first)), Probability(steps as u16));
    }
    if !cfg!(feature = "classes") {
        return (Class(0), Probability(0));
    }
    let (mut class, mut best) = (0, i32::MIN);
    for (at, &score) in (0..).zip(scores) {
        if score > best {
            (class, best) = (at, score);
        }
    }
    let total: u32 = scores.iter().map(|&score| exp_negative(best.abs_diff(score))).sum();
    let total = total.max(1);
    (Class(class), Probability(((exp_negative(0) * 10_000 + total / 2) / total) as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_shown_with_four_digits() {
        let shown = [0, 7, 7826, 10_000, u16::MAX].map(|p| Probability::from_ten_thousandths(p).to_string());
        assert_eq!(shown, ["0.0000", "0.0007", "0.7826", "1.0000", "1.0000"]);
    }

    #[test]
    fn the_first_of_the_highest_scores_wins() {
        let decided = |scores: &[i32]| {
            let (class, probability) = decide(scores);
            (class.index(), probability.ten_thousandths())
        };
        assert_eq!(decided(&[5, 5]), (0, 5000));
        assert_eq!(decided(&[i32::MIN, i32::MAX]), (1, 10_000));
        // e / (e + 1) = 0.7311.
        assert_eq!(decided(&[4096, 0]), (0, 7311));
        assert_eq!(decided(&[-4096, 0, 0]).0, 1);
        assert_eq!(decided(&[7, 7, 7, 7]), (0, 2500));
        assert_eq!(decided(&[1 << 20, 0, 0]), (0, 10_000));
        assert!(decided(&[]).0 == 0);
    }
}
