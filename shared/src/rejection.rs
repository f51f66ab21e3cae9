//! Rejection: texts that are none of the classes are answered as unknown.
//!
//! An option of a model, calibrated on validation texts by `train --reject`: at its end, a text is rejected if its
//! answer has a probability below P, if less than the share K of its words is in the vocabulary, or if it has no words.
//!
//! # Section
//!
//! | bytes | content |
//! |---|---|
//! | 2 | P in units of 10⁻⁴, 0 to 10,000, u16 |
//! | 2 | K in units of 10⁻⁴, 0 to 10,000, u16 |

use crate::format::{OpenError, SectionReader, Subject};
use crate::prediction::Probability;

/// The rule by which a text is none of the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// P, the least probability in units of 10⁻⁴.
    pub probability: u16,
    /// K, the least share of known words in units of 10⁻⁴.
    pub known: u16,
}

impl Rejection {
    /// Reads the section.
    ///
    /// # Errors
    /// [`OpenError`] naming the rejection if the section does not match the table above.
    pub fn open(section: &[u8]) -> Result<Self, OpenError> {
        let mut reader = SectionReader::new(section, Subject::Rejection);
        let rule = Self::read(&mut reader);
        reader.end().map(|()| rule)
    }

    /// Like [`Self::open`]; errors are the reader's.
    pub(crate) fn read(reader: &mut SectionReader<'_>) -> Self {
        let [probability, known] = reader.u16_pair();
        let [probability, known] = [probability, known].map(|share| reader.within(share, 0, 10_000) as u16);
        Self { probability, known }
    }

    /// The section's bytes.
    #[must_use]
    pub const fn section(&self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.probability.to_le_bytes(), self.known.to_le_bytes());
        [a, b, c, d]
    }

    /// Whether a text with this answer is none of the classes.
    #[must_use]
    pub const fn rejects(self, probability: Probability, words: u32, unknown: u32) -> bool {
        let known = words.saturating_sub(unknown) as u64 * 10_000;
        words == 0
            || probability.ten_thousandths() < self.probability
            || known < self.known as u64 * words as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rejection = Rejection { probability: 4000, known: 5000 };

    #[test]
    fn doubtful_strange_and_empty_texts_are_rejected() {
        let rejects =
            |steps, words, unknown| RULE.rejects(Probability::from_ten_thousandths(steps), words, unknown);
        assert!(!rejects(4000, 2, 1) && !rejects(10_000, u32::MAX, u32::MAX / 2));
        assert!(rejects(3999, 2, 1) && rejects(4000, 3, 2) && rejects(10_000, 0, 0));
    }

    #[test]
    fn a_section_is_read_as_it_was_written() {
        assert_eq!(Rejection::open(&RULE.section()), Ok(RULE));
        for bad in [&[][..], &[1, 0, 1], &[1, 0, 1, 0, 0], &[17, 39, 1, 0], &[1, 0, 17, 39]] {
            assert!(Rejection::open(bad).is_err(), "{bad:?}");
        }
    }
}
