//! Early exit: a text counts as decided once the answer has been certain for a while.
//!
//! An option of a model, calibrated on texts by `host early-exit`: when the same class has had at least the probability
//! P after each of the last N words, the rest of the text is not read. Apart from the vocabulary look-up, its words
//! cost nothing; the answer stays the same until the next text.
//!
//! # Section
//!
//! | bytes | content |
//! |---|---|
//! | 2 | P in units of 10⁻⁴, 1 to 10,000, u16 |
//! | 2 | N, 1 or more, u16 |

use crate::format::{OpenError, SectionReader, Subject};
use crate::prediction::{Class, Probability};

/// When a text counts as decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// P, the least probability in units of 10⁻⁴.
    pub probability: u16,
    /// N, words in a row.
    pub words: u16,
}

impl Rule {
    /// Reads the section.
    ///
    /// # Errors
    /// [`OpenError`] naming the early exit if the section does not match the table above.
    pub fn open(section: &[u8]) -> Result<Self, OpenError> {
        let mut reader = SectionReader::new(section, Subject::EarlyExit);
        let rule = Self::read(&mut reader);
        reader.end().map(|()| rule)
    }

    /// Like [`Self::open`]; errors are the reader's.
    pub(crate) fn read(reader: &mut SectionReader<'_>) -> Self {
        let [probability, words] = reader.u16_pair();
        let probability = reader.within(probability, 1, 10_000) as u16;
        let words = reader.within(words, 1, u16::MAX.into()) as u16;
        Self { probability, words }
    }

    /// The section's bytes.
    #[must_use]
    pub const fn section(&self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.probability.to_le_bytes(), self.words.to_le_bytes());
        [a, b, c, d]
    }
}

/// Follows a text's predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExitTracker {
    /// Predictions in a row that had `class` and were certain enough.
    pub(crate) run: u16,
    pub(crate) class: Class,
}

impl ExitTracker {
    /// At the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { run: 0, class: Class::new(0) }
    }

    /// Takes the prediction after a word. Returns whether the text is decided.
    pub const fn observe(&mut self, rule: Rule, class: Class, probability: Probability) -> bool {
        let certain = probability.ten_thousandths() >= rule.probability;
        self.run = match (certain, class.index() == self.class.index()) {
            (false, _) => 0,
            (true, true) => self.run.saturating_add(1),
            (true, false) => 1,
        };
        self.class = class;
        self.run >= rule.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { probability: 9000, words: 3 };

    /// The answer's number at which a text is decided, counted from one.
    fn decided(answers: &[(u16, u16)]) -> Option<usize> {
        let mut tracker = ExitTracker::new();
        let mut observe =
            |class, p| tracker.observe(RULE, Class::new(class), Probability::from_ten_thousandths(p));
        answers.iter().position(|&(class, p)| observe(class, p)).map(|at| at + 1)
    }

    #[test]
    fn the_same_class_must_be_certain_without_a_break() {
        assert_eq!(decided(&[(1, 9000), (1, 9500), (1, 9000)]), Some(3));
        assert_eq!(decided(&[(1, 9000), (1, 8999), (1, 9000), (1, 9000)]), None);
        assert_eq!(decided(&[(0, 9000), (1, 9000), (1, 9000), (1, 9000)]), Some(4));
        assert_eq!(decided(&[(0, 9000), (0, 9000), (1, 9000), (0, 9000), (0, 9000)]), None);
        assert_eq!(decided(&[]), None);
    }

    #[test]
    fn a_section_is_read_as_it_was_written() {
        assert_eq!(Rule::open(&RULE.section()), Ok(RULE));
        for bad in [&[][..], &[1, 0, 1], &[1, 0, 1, 0, 0], &[0, 0, 1, 0], &[1, 0, 0, 0], &[17, 39, 1, 0]] {
            assert!(Rule::open(bad).is_err(), "{bad:?}");
        }
    }
}
