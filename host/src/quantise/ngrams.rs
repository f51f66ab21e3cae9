//! The section of n-grams.

use anyhow::{Context, Result, ensure};
use telltale::engine::fixed::Score;
use telltale::engine::head::{SUM_BOUND, SUM_DOWN};
use telltale::engine::ngrams::{MAX_ROW_SHIFT, projected_limit};

use super::scale::{Columns, Inputs, Map};
use crate::bytes::Bytes;
use crate::ngrams::{Ngrams, Rows};

/// The largest magnitudes of numbers of 8 and of 4 bits.
const LARGEST: [f32; 2] = [127.0, 7.0];

/// Largest numbers that are tried, each this much smaller than the one before.
const CLIPS: i32 = 24;
const CLIP_FACTOR: f32 = 0.93;

/// How much larger than on the texts learnt from the map's input may grow before it saturates.
const MARGIN: f32 = 2.0;

/// Quantises n-grams whose logits, the bias aside, count `gain` times. What a map adds includes its bias.
///
/// # Errors
/// If the numbers are too large for the format.
pub fn quantise(ngrams: &Ngrams, gain: f32) -> Result<Vec<u8>> {
    let too_large = "the n-grams' numbers are too large for the fixed-point formats";
    let score = f64::from(Score::DELTA.to_num::<f32>());
    // What a step of a number adds to what comes behind it, and what that is counted in.
    let (bits, rows, step, unit, map) = match &ngrams.rows {
        Rows::Logits(numbers) => {
            let numbers: Vec<f32> = numbers.iter().map(|number| number * gain).collect();
            let step = step_of(&numbers);
            let rows: Vec<u8> =
                numbers.iter().map(|&number| rounded(number, step, LARGEST[0]).cast_unsigned()).collect();
            (8, rows, step, score, None)
        }
        Rows::Factors(factors) => {
            let step =
                step_of(&factors.vectors) * LARGEST[0] / (LARGEST[1] * f32::from(1u8 << MAX_ROW_SHIFT));
            let vectors = factors.vectors.chunks_exact(factors.width);
            let rows = vectors.flat_map(|vector| shifted_row(vector, step)).collect();
            let limit = projected_limit(factors.width);
            let unit = f64::from((ngrams.hidden.0 * MARGIN).max(f32::MIN_POSITIVE)) / f64::from(limit);
            let weights: Vec<f32> = factors.map.iter().map(|weight| weight * gain).collect();
            let result = score / f64::from(1u32 << SUM_DOWN);
            let unit = unit.min(Map::largest_unit(&weights, result));
            let bias: Vec<f64> = factors.bias.iter().map(|bias| f64::from(bias * gain)).collect();
            let square = f64::from(ngrams.hidden.1);
            let inputs = Inputs { limit: limit.unsigned_abs(), unit, square };
            let columns = Columns { weights: &weights, width: factors.width, inputs };
            let map = Map::new(&[columns], &bias, |_| result, SUM_BOUND).context(too_large)?;
            (4, rows, step, unit, Some((map, factors.bias.len())))
        }
    };
    // The multiplier uses all of its 16 bits.
    let ratio = f64::from(step) / unit;
    let shift = (15.0 - ratio.log2().floor()).clamp(0.0, 30.0);
    let multiplier = (ratio * shift.exp2()).round().min(f64::from(u16::MAX));
    ensure!(multiplier > 0.0 && ratio < f64::from(u16::MAX), too_large);
    let table = ngrams.table.section();
    let mut to = Bytes::default();
    to.u32(table.len() as u32);
    to.bytes(&[ngrams.orders.words, ngrams.orders.characters]);
    to.u16(ngrams.columns() as u16);
    to.u16(multiplier as u16);
    to.bytes(&[shift as u8, bits]);
    to.u32(map.as_ref().map_or(0, |(_, classes)| *classes as u32));
    to.bytes(table);
    to.bytes(&rows);
    to.align(4);
    if let Some((map, _)) = map {
        to.align(16);
        map.write(&mut to);
    }
    Ok(to.into_vec())
}

/// A shift, and the vector's numbers divided by it, two to a byte: the shift with the least error.
fn shifted_row(vector: &[f32], step: f32) -> Vec<u8> {
    let numbers = |shift: u8| {
        let step = step * f32::from(1u8 << shift);
        vector.iter().map(move |&number| (rounded(number, step, LARGEST[1]), number, step))
    };
    let error = |shift: u8| -> f32 {
        numbers(shift).map(|(own, number, step)| (f32::from(own) * step - number).powi(2)).sum()
    };
    let shift = (0..=MAX_ROW_SHIFT).min_by(|&a, &b| error(a).total_cmp(&error(b))).unwrap_or(0);
    let halves: Vec<u8> = numbers(shift).map(|(own, ..)| own.cast_unsigned() & 0xF).collect();
    let pairs = halves.as_chunks::<2>().0.iter().map(|[low, high]| low | high << 4);
    [shift].into_iter().chain(pairs).collect()
}

/// What one step of an i8 is worth: the largest numbers are cut off where that makes the others finer by more.
fn step_of(numbers: &[f32]) -> f32 {
    let largest = numbers.iter().fold(f32::MIN_POSITIVE, |largest, number| largest.max(number.abs()));
    let error = |step: f32| -> f64 {
        let one =
            |&number: &f32| f64::from(f32::from(rounded(number, step, LARGEST[0])) * step - number).powi(2);
        numbers.iter().map(one).sum()
    };
    (0..CLIPS)
        .map(|clip| largest / LARGEST[0] * CLIP_FACTOR.powi(clip))
        .min_by(|a, b| error(*a).total_cmp(&error(*b)))
        .unwrap_or(largest)
}

fn rounded(number: f32, step: f32, largest: f32) -> i8 {
    (number / step).round().clamp(-largest, largest) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few large numbers are cut off where many small ones gain by it, and never where they don't.
    #[test]
    fn steps_suit_most_numbers() {
        let even: Vec<f32> = (0..=200_000).map(|n| n as f32 / 100_000.0 - 1.0).collect();
        assert!(step_of(&even) > 0.9 / LARGEST[0]);
        let outlier = [&even[..], &[1.5]].concat();
        let step = step_of(&outlier);
        assert!(step < 1.5 / LARGEST[0] && step > 0.9 / LARGEST[0], "{step}");
        assert_eq!(
            (rounded(1.5, step, 127.0), rounded(-9.0, step, 127.0), rounded(0.0, step, 127.0)),
            (127, -127, 0)
        );
        assert_eq!(step_of(&[5.0]), 5.0 / LARGEST[0]);
    }

    #[test]
    fn rows_of_four_bits_have_the_shift_that_suits_them() {
        assert_eq!(shifted_row(&[7.0, -7.0], 1.0), [0, 0x97]);
        assert_eq!(shifted_row(&[112.0, -16.0], 1.0), [4, 0xF7]);
        assert_eq!(shifted_row(&[14.0, 2.0], 1.0), [1, 0x17]);
    }
}
