//! Pooling over time: the hidden states of all words so far become one vector, streaming.

use crate::fixed::{Mean, Unit, round_shift};
use crate::format::{Pooling, SectionReader, Subject};
use crate::kernel::average;
use crate::vector::{fill, fill_means, fill_units, zip};

/// From a mean's steps to a unit's.
const DOWN: u32 = Mean::FRAC_NBITS - Unit::FRAC_NBITS;

/// Which poolings are compiled in.
const MAX: bool = cfg!(feature = "max");
const MEAN: bool = cfg!(feature = "mean");

/// Fails unless a pooling is compiled in.
pub(crate) const fn need(pooling: Pooling, reader: &mut SectionReader<'_>) {
    match pooling {
        Pooling::Last => {}
        Pooling::Mean => reader.need(MEAN, Subject::Mean),
        Pooling::Max => reader.need(MAX, Subject::Max),
    }
}

/// Takes the hidden state \[H\] after word number `words` into `pool` \[H\].
pub fn take(pooling: Pooling, pool: &mut [i32], units: &[i16], words: u16) {
    match pooling {
        Pooling::Max if MAX => max(pool, units, words),
        Pooling::Mean if MEAN => mean(pool, units, words),
        _ => {}
    }
}

/// After the first word, the pool is its units.
fn start(pool: &mut [i32], units: &[i16], up: u32) {
    for (pooled, &unit) in pool.iter_mut().zip(units) {
        *pooled = i32::from(unit) << up;
    }
}

/// The largest value of each unit so far.
fn max(pool: &mut [i32], units: &[i16], words: u16) {
    if words == 1 {
        return start(pool, units, 0);
    }
    zip(pool, units, |largest, unit| *largest = i32::from(unit).max(*largest));
}

/// The mean moves towards the units by one part in `words`.
///
/// The reciprocal has 15 significant bits and the difference is taken in steps of 2⁻¹⁴, so that products fit an i32;
/// the error of this is below 2⁻¹³, and tested.
fn mean(pool: &mut [i32], units: &[i16], words: u16) {
    let words = u32::from(words.max(1));
    if words == 1 {
        return start(pool, units, DOWN);
    }
    let log = words.ilog2();
    let reciprocal = i32::from((((1 << (15 + log)) + words / 2) / words).min(32_767) as i16);
    let down = (log - 1) & 31;
    let done = average(pool, units, reciprocal, down);
    if done > 0 && done == pool.len() {
        return;
    }
    let (pool, units) = (pool.get_mut(done..).unwrap_or(&mut []), units.get(done..).unwrap_or(&[]));
    zip(pool, units, |mean, unit| {
        let difference = (i32::from(unit) << DOWN).wrapping_sub(*mean) >> 16;
        *mean += (difference * reciprocal) >> down;
    });
}

/// A pooled state \[H\].
#[derive(Clone, Copy, Debug)]
pub enum Pooled<'s> {
    /// The last hidden state.
    Units(&'s [i16]),
    /// The largest of each unit.
    Maxima(&'s [i32]),
    /// The mean of each unit.
    Means(&'s [i32]),
}

impl<'s> Pooled<'s> {
    /// The units; means are rounded.
    pub fn units(self) -> impl Iterator<Item = i16> + 's {
        let (units, pool, down) = match self {
            Self::Maxima(pool) if MAX => (&[][..], pool, 0),
            Self::Means(pool) if MEAN => (&[][..], pool, DOWN),
            Self::Units(units) => (units, &[][..], 0),
            _ => (&[][..], &[][..], 0),
        };
        units.iter().copied().chain(pool.iter().map(move |&unit| round_shift(unit, down) as i16))
    }

    /// Writes round(unit / 2^`shift`) to the start of `x` and zeros up to the padded width; means
    /// are rounded once.
    pub fn rescale(self, shift: u32, x: &mut [i16]) {
        match self {
            Self::Units(units) => fill_units(x, units, shift),
            Self::Maxima(pool) if MAX => {
                fill(x, pool, |unit| round_shift(i32::from(unit as i16), shift) as i16)
            }
            Self::Means(pool) if MEAN => fill_means(x, pool, DOWN + shift),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn means_are_those_of_f64(
            texts in prop::collection::vec(prop::collection::vec(any::<i16>(), 5), 1..400),
            repeats in 1usize..20,
        ) {
            let mut pool = [0; 5];
            let mut sums = [0.0; 5];
            let mut words = 0u16;
            for units in texts.iter().cycle().take(texts.len() * repeats) {
                words += 1;
                take(Pooling::Mean, &mut pool, units, words);
                for ((sum, &unit), &mean) in sums.iter_mut().zip(units).zip(&pool) {
                    *sum += f64::from(unit) / 32_768.0;
                    let error = f64::from(mean) / 30f64.exp2() - *sum / f64::from(words);
                    prop_assert!(error.abs() < 13f64.exp2().recip(), "{error} after {words}");
                }
            }
        }
    }

    #[test]
    fn maxima_are_of_all_words() {
        let mut pool = [0; 2];
        for (words, units) in (1..).zip([[-5, 3], [-7, 9], [-6, 2]]) {
            take(Pooling::Max, &mut pool, &units, words);
        }
        assert_eq!(pool, [-5, 9]);
        assert_eq!(Pooled::Maxima(&pool).units().collect::<Vec<_>>(), [-5, 9]);
    }

    #[test]
    fn all_poolings_rescale_alike() {
        let mut x = [7; 16];
        let units = [-32_768, -6, 6, 5, 32_767, 0, 1, 2, 3];
        let expected = [-8192, -1, 2, 1, 8192, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0];
        let wide = units.map(i32::from);
        let means = wide.map(|unit| unit << DOWN);
        for pooled in [Pooled::Units(&units), Pooled::Maxima(&wide), Pooled::Means(&means)] {
            pooled.rescale(2, &mut x);
            assert_eq!(x, expected);
            assert!(pooled.units().eq(units));
        }
    }
}
