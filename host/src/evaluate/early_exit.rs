//! The savings and the effect of early exit: the engine's answers, replayed under a rule.

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use telltale::engine::early_exit::{ExitTracker, Rule};
use telltale::{Class, Classifier, Model, Prediction, Probability};

use crate::aligned::AlignedBytes;
use crate::engine::{memory_for, share_of};

/// The engine's answers to a text, every word being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Class and probability after each word.
    words: Vec<(Class, Probability)>,
    /// The answer to the whole text.
    last: Class,
    truth: usize,
}

/// The effect of a rule on some texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ExitEffect {
    /// The rule's least probability.
    pub probability: f64,
    /// The rule's words in a row.
    pub words: u16,
    /// Texts replayed.
    pub texts: usize,
    /// Share of all words that are not read.
    pub skipped: f64,
    /// Share of texts with the answer of the full reading.
    pub agreement: f64,
    /// Accuracy with early exit.
    pub accuracy: f64,
    /// Accuracy of the full reading.
    pub full_accuracy: f64,
}

/// Reads texts (bytes, true class) with the engine, on all cores.
///
/// # Errors
/// None for a model that has been opened.
pub fn answers(model: &Model<'_>, texts: &[(&str, usize)]) -> Result<Vec<Answers>> {
    let read = |memory: &mut AlignedBytes, text: &str, truth| {
        let mut classifier = Classifier::within(model, memory)?;
        classifier.set_early_exit(None);
        let mut words = Vec::new();
        let mut note = |prediction: Prediction| words.push((prediction.class, prediction.probability));
        classifier.feed(text.as_bytes(), |_, prediction| note(prediction));
        let last = classifier.finish_with(|_, prediction| note(prediction)).class;
        Ok(Answers { words, last, truth })
    };
    texts
        .par_iter()
        .map_init(|| memory_for(model), |memory, &(text, truth)| read(memory, text, truth))
        .collect()
}

impl Answers {
    /// The words read under a rule, and the answer.
    fn under(&self, rule: Rule) -> (usize, usize) {
        let mut tracker = ExitTracker::new();
        let decided =
            self.words.iter().position(|&(class, probability)| tracker.observe(rule, class, probability));
        match decided {
            Some(at) => (at + 1, self.words[at].0.index()),
            None => (self.words.len(), self.last.index()),
        }
    }
}

/// The effect of `rule` on texts.
#[must_use]
pub fn effect(answers: &[Answers], rule: Rule) -> ExitEffect {
    let (mut words, mut read, mut same, mut right, mut full) = (0, 0, 0, 0, 0);
    for text in answers {
        let (count, class) = text.under(rule);
        words += text.words.len();
        read += count;
        same += usize::from(class == text.last.index());
        right += usize::from(class == text.truth);
        full += usize::from(text.last.index() == text.truth);
    }
    let texts = answers.len();
    let share = |count: usize| count as f64 / texts.max(1) as f64;
    ExitEffect {
        probability: share_of(rule.probability),
        words: rule.words,
        texts,
        skipped: 1.0 - read as f64 / words.max(1) as f64,
        agreement: share(same),
        accuracy: share(right),
        full_accuracy: share(full),
    }
}

/// Words in a row that calibration tries.
const RUNS: [u16; 6] = [1, 4, 8, 16, 32, 64];

/// Steps between the probabilities that calibration tries, in units of 10⁻⁴.
const STEP: u16 = 25;

/// For each of several runs of words, the rule with the lowest probability such that it and every higher one keep the
/// `agreement`; those that skip most come first.
#[must_use]
pub fn calibrate(answers: &[Answers], agreement: f64) -> Vec<(Rule, ExitEffect)> {
    let mut found: Vec<(Rule, ExitEffect)> = RUNS
        .par_iter()
        .filter_map(|&words| {
            (5_000 / STEP..=10_000 / STEP)
                .rev()
                .map(|step| Rule { probability: step * STEP, words })
                .map(|rule| (rule, effect(answers, rule)))
                .take_while(|(_, effect)| effect.agreement >= agreement)
                .last()
        })
        .collect();
    found.sort_by(|a, b| b.1.skipped.total_cmp(&a.1.skipped));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[(u16, u16)], truth: usize) -> Answers {
        let words: Vec<_> = words
            .iter()
            .map(|&(class, steps)| (Class::new(class), Probability::from_ten_thousandths(steps)))
            .collect();
        Answers { last: words.last().map_or(Class::new(0), |word| word.0), words, truth }
    }

    /// Four texts: one changes its mind late, one is never certain, one has no words.
    fn texts() -> [Answers; 4] {
        [
            text(&[(1, 6000), (1, 9000), (1, 9100), (1, 9200)], 1),
            text(&[(0, 9600), (0, 9600), (1, 7000), (1, 8000)], 1),
            text(&[(0, 6000), (1, 6000)], 0),
            text(&[], 0),
        ]
    }

    #[test]
    fn a_rule_skips_words_and_may_change_answers() {
        let effect = effect(&texts(), Rule { probability: 9000, words: 2 });
        // Of ten words, the last one of the first text and the last two of the second are not read.
        assert!((effect.skipped - 0.3).abs() < 1e-9, "{effect:?}");
        assert_eq!((effect.agreement, effect.accuracy, effect.full_accuracy), (0.75, 0.5, 0.75));
        assert_eq!((effect.texts, effect.words), (4, 2));
    }

    #[test]
    fn calibration_keeps_the_agreement() {
        for (rule, _) in calibrate(&texts(), 1.0) {
            assert_eq!(effect(&texts(), rule).agreement, 1.0);
        }
        let found = calibrate(&texts(), 1.0);
        // Certain from one word on above 0.96 only, where nothing is skipped any more.
        assert_eq!(found.iter().find(|(rule, _)| rule.words == 1).expect("found").0.probability, 9625);
        let loose = calibrate(&texts(), 0.75);
        assert!(loose[0].1.skipped >= loose[1].1.skipped && loose[0].1.skipped > found[0].1.skipped);
        assert!(calibrate(&texts(), 1.1).is_empty());
    }
}
