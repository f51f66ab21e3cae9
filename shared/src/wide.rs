//! The wide part: selected n-grams of a text, each known one adding its own weights to the scores.
//!
//! It stands beside the recurrent network (Cheng et al., "Wide & deep learning for recommender
//! systems", 2016): an n-gram is found by a minimal perfect hash with fingerprints, as words are, so
//! that the many n-grams that were not selected add nothing. With v the sum of the weights of all
//! n-grams so far and n the words so far, a class's score grows by `v · m / (2^shift · √n)`.
//!
//! # Section
//!
//! Letters: N n-grams, K columns: one for each class, or a single one that speaks for the second of
//! two classes.
//!
//! | bytes | content |
//! |---|---|
//! | 4 | length T of the table of n-grams, u32, a multiple of 4 |
//! | 1 | most words of an n-gram, 1 to [`MAX_ORDER`] |
//! | 1 | shift, 0 to 30 |
//! | 2 | columns K, u16 |
//! | 2 | multiplier m, u16 |
//! | 6 | 0 |
//! | T | the n-grams, as a [vocabulary](crate::vocab) whose words are [keys](extend) |
//! | N·K, padded to 4 | weights, i8, n-gram by n-gram |

use crate::fixed::round_shift_long;
use crate::format::{OpenError, SectionReader, Subject};
use crate::vocab::{Vocabulary, mix};

/// The most words that an n-gram may have.
pub const MAX_ORDER: usize = 3;

/// The keys of the n-grams of one word, two words … that end at the last word read; what the next
/// word's n-grams grow from.
pub type Chain = [u32; MAX_ORDER - 1];

/// The largest magnitude that the wide part adds to a score: far beyond any certainty.
const SCORE_LIMIT: i64 = 1 << 28;

/// The key of a word alone, from its [hash](crate::text::Word::hash).
#[inline(always)]
#[must_use]
pub const fn start(word: u32) -> u32 {
    mix(word ^ 0x6A09_E667)
}

/// The key of an n-gram, from that of its words before the last and the last word's hash.
#[inline(always)]
#[must_use]
pub const fn extend(key: u32, word: u32) -> u32 {
    mix(key.wrapping_mul(0x9E37_79B1) ^ word)
}

/// Calls `each` with the keys of the n-grams of up to `order` words that end with `word`, the
/// shortest first, and moves `chain` on; `words` were read before it.
pub fn grams(word: u32, words: u16, order: usize, chain: &mut Chain, mut each: impl FnMut(u32)) {
    let mut key = start(word);
    for (length, link) in chain.iter_mut().enumerate() {
        if length < order && usize::from(words) >= length {
            each(key);
        }
        let longer = extend(*link, word);
        *link = key;
        key = longer;
    }
    if order == MAX_ORDER && usize::from(words) >= MAX_ORDER - 1 {
        each(key);
    }
}

/// The wide part, borrowed from the blob.
#[derive(Clone, Copy, Debug)]
pub struct Wide<'a> {
    order: usize,
    columns: usize,
    shift: u32,
    multiplier: u16,
    table: Vocabulary<'a>,
    weights: &'a [i8],
}

impl<'a> Wide<'a> {
    /// Reads the section, checking every length.
    ///
    /// # Errors
    /// [`OpenError`] naming the wide part if the section is not what the table above says.
    pub fn open(section: &'a [u8]) -> Result<Self, OpenError> {
        let mut part = SectionReader::new(section, Subject::Wide);
        let wide = Self::read(&mut part);
        part.end().map(|()| wide)
    }

    /// As [`Self::open`]; errors are the part's.
    pub(crate) fn read(part: &mut SectionReader<'a>) -> Self {
        let length = part.u32();
        let [order, shift, low, high] = part.bytes4();
        let columns = u16::from_le_bytes([low, high]).into();
        let [multiplier, zero] = part.u16_pair();
        let reserved = part.u32();
        let order = part.within(order.into(), 1, MAX_ORDER as u32) as usize;
        let shift = part.within(shift.into(), 0, 30);
        part.expect((1..=crate::head::MAX_CLASSES as u32).contains(&columns), columns, 1);
        part.expect(zero == 0 && reserved == 0, reserved, 0);
        part.expect(length.is_multiple_of(4), length, 4);
        let columns = columns as usize;
        let table = Vocabulary::open(part.bytes(length as usize)).unwrap_or_else(|error| {
            part.fail(error);
            Vocabulary::default()
        });
        let weights = part.words(table.len() as usize * columns);
        part.align();
        Self { order, columns, shift, multiplier: multiplier as u16, table, weights }
    }

    /// How many n-grams are known.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.table.len()
    }

    /// Whether no n-gram is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The most words of an n-gram.
    #[must_use]
    pub const fn order(&self) -> usize {
        self.order
    }

    /// K, the sums of a text.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// Reads a word: adds the weights of the n-grams that it ends to `votes` \[K\].
    pub fn take(&self, word: u32, words: u16, chain: &mut Chain, votes: &mut [i32]) {
        grams(word, words, self.order, chain, |key| {
            let at = self.table.id(key) as usize * self.columns;
            let weights = self.weights.get(at..at + self.columns).unwrap_or(&[]);
            for (vote, &weight) in votes.iter_mut().zip(weights) {
                *vote = vote.saturating_add(weight.into());
            }
        });
    }

    /// Adds what `votes` \[K\] after `words` words are worth to `scores` \[C\], in steps of 2⁻¹².
    pub fn add(&self, votes: &[i32], words: u16, scores: &mut [i32]) {
        let (root, down) = reciprocal_root(words);
        let factor = i64::from(root) * i64::from(self.multiplier);
        let first = if self.columns == 1 { 1 } else { 0 };
        for (score, &vote) in scores.iter_mut().skip(first).zip(votes) {
            let worth = round_shift_long(i64::from(vote) * factor, down + self.shift);
            *score = score.saturating_add(worth.clamp(-SCORE_LIMIT, SCORE_LIMIT) as i32);
        }
    }
}

/// 2^`down` / √`words` as `(value, down)`, `value` of 15 to 16 bits; to 5·10⁻⁴ of the exact root.
#[must_use]
pub fn reciprocal_root(words: u16) -> (u16, u32) {
    // words = mantissa · 4^(half − 3), mantissa 64 to 256: the root of 4^half only shifts.
    let half = u32::from(words.max(1)).ilog2() / 2;
    let scaled = (u32::from(words.max(1)) << 10) >> (2 * half); // mantissa in steps of 2⁻⁴
    let at = (scaled >> 4) as usize;
    let (Some(&left), Some(&right)) = (ROOTS.get(at.wrapping_sub(64)), ROOTS.get(at.wrapping_sub(63))) else {
        return (0, 0);
    };
    let value = u32::from(left) - ((u32::from(left - right) * (scaled & 15) + 8) >> 4);
    (value as u16, 15 + half)
}

/// 2¹⁸/√m for m from 64 to 256.
static ROOTS: [u16; 193] = {
    let mut table = [0; 193];
    let mut root = 32_768u64;
    let mut at = 0;
    while at < 193 {
        // The nearest integer r to 2¹⁸/√m is the largest with (2r − 1)²·m ≤ 4·2³⁶; roots fall.
        while (2 * root - 1) * (2 * root - 1) * (at as u64 + 64) > 1 << 38 {
            root -= 1;
        }
        table[at] = root as u16;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_exact_enough() {
        for words in 1..=u16::MAX {
            let (value, down) = reciprocal_root(words);
            let exact = f64::from(words).sqrt().recip();
            let own = f64::from(value) / f64::from(down).exp2();
            assert!((own / exact - 1.0).abs() < 5e-4, "{words}: {own} {exact}");
        }
        assert_eq!(reciprocal_root(0), reciprocal_root(1));
    }

    #[test]
    fn a_word_ends_as_many_grams_as_there_are_words() {
        let all = |order: usize| {
            let mut chain = Chain::default();
            let mut keys = Vec::new();
            for (words, word) in (0..).zip([7, 8, 9]) {
                grams(word, words, order, &mut chain, |key| keys.push(key));
            }
            keys
        };
        let (a, b, c) = (start(7), start(8), start(9));
        assert_eq!(all(1), [a, b, c]);
        assert_eq!(all(2), [a, b, extend(a, 8), c, extend(b, 9)]);
        let triple = extend(extend(a, 8), 9);
        assert_eq!(all(3), [a, b, extend(a, 8), c, extend(b, 9), triple]);
    }
}
