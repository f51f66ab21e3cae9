//! Accuracy, precision, recall and F1 by class, and calibration.

use serde::Serialize;

use crate::engine::{Answered, Verdict};

/// Bins of probabilities.
const BINS: usize = 10;

/// An answer to a text whose label is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The true class.
    pub truth: usize,
    /// The answered class.
    pub answer: usize,
    /// The probability of the answer, 0 to 1.
    pub probability: f64,
}

impl Judged {
    /// The engine's verdict on a text of class `truth`.
    #[must_use]
    pub const fn of(verdict: &Verdict, truth: u32) -> Self {
        Self { truth: truth as usize, answer: verdict.class, probability: verdict.probability }
    }

    /// The engine's answer to a text of class `truth`.
    #[must_use]
    pub fn of_answer(answered: &Answered, truth: usize) -> Self {
        Self { truth, answer: answered.class, probability: answered.share() }
    }
}

/// The places of the texts whose answer is wrong, the most confident first.
#[must_use]
pub fn misread(judged: &[Judged]) -> Vec<usize> {
    let mut wrong: Vec<usize> =
        (0..judged.len()).filter(|&at| judged[at].truth != judged[at].answer).collect();
    wrong.sort_by(|&a, &b| judged[b].probability.total_cmp(&judged[a].probability));
    wrong
}

/// The share that is true; NaN of none.
pub fn share(all: impl ExactSizeIterator<Item = bool>) -> f64 {
    let count = all.len() as f64;
    all.filter(|own| *own).count() as f64 / count
}

/// How often each class is answered as each class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ConfusionMatrix {
    /// Rows are true classes, columns answers.
    rows: Vec<Vec<u64>>,
}

impl ConfusionMatrix {
    /// Counts pairs of true and answered class.
    #[must_use]
    pub fn of(pairs: impl IntoIterator<Item = (usize, usize)>, classes: usize) -> Self {
        let mut rows = vec![vec![0; classes]; classes];
        pairs.into_iter().for_each(|(truth, answer)| rows[truth][answer] += 1);
        Self { rows }
    }

    /// \[C × C\] rows are true classes, columns answers.
    #[must_use]
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.rows
    }

    /// Share of right answers.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let all = self.rows.iter().flatten().sum();
        ratio((0..self.rows.len()).map(|class| self.right(class)).sum(), all)
    }

    /// Mean F1 of the classes that are true or answered at least once.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let occurring: Vec<f64> = (0..self.rows.len())
            .filter(|&class| self.support(class) + self.answered(class) > 0)
            .map(|class| self.f1(class))
            .collect();
        occurring.iter().sum::<f64>() / occurring.len().max(1) as f64
    }

    /// The mistakes, the commonest first.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        let row = |(truth, row): (usize, &Vec<u64>)| -> Vec<Mistake> {
            row.iter().enumerate().map(|(answer, &texts)| Mistake { truth, answer, texts }).collect()
        };
        let mut all: Vec<Mistake> = self.rows.iter().enumerate().flat_map(row).collect();
        all.retain(|own| own.truth != own.answer && own.texts > 0);
        all.sort_by_key(|own| (std::cmp::Reverse(own.texts), own.truth, own.answer));
        all
    }

    fn right(&self, class: usize) -> u64 {
        self.rows[class][class]
    }

    fn support(&self, class: usize) -> u64 {
        self.rows[class].iter().sum()
    }

    fn answered(&self, class: usize) -> u64 {
        self.rows.iter().map(|row| row[class]).sum()
    }

    fn f1(&self, class: usize) -> f64 {
        ratio(2 * self.right(class), self.support(class) + self.answered(class))
    }
}

/// A part of a whole, 0 of nothing.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Texts of one class that are mistaken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The true class.
    pub truth: usize,
    /// The answered class.
    pub answer: usize,
    /// How many texts.
    pub texts: u64,
}

/// The measures of answers to some texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measures {
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean F1 of the classes that are true or answered at least once.
    pub macro_f1: f64,
    /// By class, in the order of the labels.
    pub per_class: Vec<ClassMeasures>,
    /// Expected calibration error over the bins of [`calibration`] (Guo et al., "On calibration of modern neural networks", ICML 2017):
    /// how far probability and accuracy are apart, 0 to 1.
    pub calibration_error: f64,
    /// What is taken for what.
    pub confusion: ConfusionMatrix,
}

/// What answers are worth for one class; ratios of nothing are 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassMeasures {
    /// The class.
    pub label: String,
    /// Of the texts with this answer, the share that is of this class.
    pub precision: f64,
    /// Of the texts of this class, the share with this answer.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Texts of this class.
    pub support: u64,
    /// Texts with this answer.
    pub answered: u64,
}

impl Measures {
    /// Measures answers; classes are positions in `labels`.
    #[must_use]
    pub fn of(answers: &[Judged], labels: &[String]) -> Self {
        let pairs = answers.iter().map(|own| (own.truth, own.answer));
        let confusion = ConfusionMatrix::of(pairs, labels.len());
        let per_class = |(class, label): (usize, &String)| ClassMeasures {
            label: label.clone(),
            precision: ratio(confusion.right(class), confusion.answered(class)),
            recall: ratio(confusion.right(class), confusion.support(class)),
            f1: confusion.f1(class),
            support: confusion.support(class),
            answered: confusion.answered(class),
        };
        let bins = calibration(answers);
        let gaps = bins.iter().map(|bin| bin.texts as f64 * bin.gap());
        Self {
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
            per_class: labels.iter().enumerate().map(per_class).collect(),
            calibration_error: gaps.sum::<f64>() / answers.len().max(1) as f64,
            confusion,
        }
    }

    /// Classes that have texts and are never answered.
    pub fn never_answered(&self) -> impl Iterator<Item = &ClassMeasures> {
        self.per_class.iter().filter(|own| own.support > 0 && own.answered == 0)
    }
}

/// Answers whose probability is from `from` to `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    /// The least probability.
    pub from: f64,
    /// The largest.
    pub to: f64,
    /// How many answers.
    pub texts: usize,
    /// Those that are right.
    pub right: usize,
    /// The mean probability, 0 of none.
    pub probability: f64,
}

impl Bin {
    /// How far probability and accuracy are apart.
    fn gap(&self) -> f64 {
        (self.probability - ratio(self.right as u64, self.texts as u64)).abs()
    }
}

/// Answers by their probability, in bins of equal width.
#[must_use]
pub fn calibration(answers: &[Judged]) -> Vec<Bin> {
    let step = 1.0 / BINS as f64;
    let empty = |at: usize| Bin { from: at as f64 * step, to: (at + 1) as f64 * step, ..Bin::default() };
    let mut bins: Vec<Bin> = (0..BINS).map(empty).collect();
    for own in answers {
        let bin = &mut bins[((own.probability * BINS as f64) as usize).min(BINS - 1)];
        bin.texts += 1;
        bin.right += usize::from(own.truth == own.answer);
        bin.probability += own.probability;
    }
    bins.iter_mut().for_each(|bin| bin.probability /= bin.texts.max(1) as f64);
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(usize, usize)], probability: f64) -> Vec<Judged> {
        pairs.iter().map(|&(truth, answer)| Judged { truth, answer, probability }).collect()
    }

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn measures_by_class() {
        let pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (2, 0)];
        let measures = Measures::of(&judged(&pairs, 1.0), &labels(&["a", "b", "c", "d"]));
        assert!((measures.accuracy - 0.5).abs() < 1e-9);
        let own = &measures.per_class[0];
        assert_eq!((own.support, own.answered), (3, 4));
        assert!((own.precision - 0.5).abs() < 1e-9 && (own.recall - 2.0 / 3.0).abs() < 1e-9);
        assert!((own.f1 - 4.0 / 7.0).abs() < 1e-9);
        // `d` neither occurs nor is answered: no part of the mean. `c` is missed: it counts as 0.
        assert!((measures.macro_f1 - (4.0 / 7.0 + 0.5 + 0.0) / 3.0).abs() < 1e-9);
        assert_eq!(measures.never_answered().map(|own| &own.label[..]).collect::<Vec<_>>(), ["c"]);
        let mistakes: Vec<_> =
            measures.confusion.mistakes().iter().map(|own| (own.truth, own.answer, own.texts)).collect();
        assert_eq!(mistakes, [(0, 1, 1), (1, 0, 1), (2, 0, 1)]);
    }

    #[test]
    fn calibration_is_the_gap_between_sure_and_right() {
        let right_three_of_four = [(0, 0), (0, 0), (0, 0), (0, 1)];
        let of = |probability| {
            Measures::of(&judged(&right_three_of_four, probability), &labels(&["a", "b"])).calibration_error
        };
        assert!(of(0.75).abs() < 1e-9 && (of(0.95) - 0.2).abs() < 1e-9 && (of(0.5) - 0.25).abs() < 1e-9);
        assert_eq!(Measures::of(&[], &labels(&["a"])).calibration_error, 0.0);
    }
}
