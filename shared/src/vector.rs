//! Vectors into and out of products: copied, rescaled, padded.

use crate::fixed::round_shift;
use crate::kernel::{self, COLUMN_UNIT, padded, rescale_means, rescale_row, rescale_units};

/// Calls `step` with each pair of entries, as many as the shorter vector has; two per round, so that counting costs
/// little, written out for compilers that optimise for size.
#[inline(always)]
pub fn zip<A, B: Copy>(to: &mut [A], from: &[B], step: impl Fn(&mut A, B)) {
    let count = to.len().min(from.len());
    let (to, to_rest) = to.get_mut(..count).unwrap_or(&mut []).as_chunks_mut::<2>();
    let (from, from_rest) = from.get(..count).unwrap_or(&[]).as_chunks::<2>();
    for ([a, b], &[c, d]) in to.iter_mut().zip(from) {
        step(a, c);
        step(b, d);
    }
    for (to, &from) in to_rest.iter_mut().zip(from_rest) {
        step(to, from);
    }
}

/// Writes `map` of each entry to the start of `x` and zeros up to the padded width.
#[inline(always)]
pub fn fill<T: Copy>(x: &mut [i16], from: &[T], map: impl Fn(T) -> i16) {
    zip(x, from, |x, value| *x = map(value));
    pad(x, from.len());
}

/// Writes round(unit / 2^`shift`) to the start of `x` and zeros up to the padded width.
pub fn fill_units(x: &mut [i16], units: &[i16], shift: u32) {
    let done = rescale_units(x, units, shift);
    rest(x, units, done, |unit| round_shift(unit.into(), shift) as i16);
}

/// Writes round(mean / 2^`shift`) to the start of `x` and zeros up to the padded width.
pub fn fill_means(x: &mut [i16], means: &[i32], shift: u32) {
    let done = rescale_means(x, means, shift);
    rest(x, means, done, |mean| round_shift(mean, shift) as i16);
}

/// Writes round(byte · `multiplier` / 2^`shift`) of signed bytes to the start of `x` and zeros up to the
/// padded width; the multiplier is 255 at most.
pub fn fill_row(x: &mut [i16], row: &[u8], multiplier: i32, shift: u32) {
    let done = rescale_row(x, row, multiplier, shift);
    rest(x, row, done, |byte| round_shift(i32::from(byte as i8) * multiplier, shift) as i16);
}

/// Adds byte · `multiplier` of signed bytes to as many sums, which stay in range, as the shorter has entries.
pub fn add_row(sums: &mut [i32], row: &[u8], multiplier: i32) {
    let done = kernel::add_row(sums, row, multiplier);
    let (sums, row) = (sums.get_mut(done..).unwrap_or(&mut []), row.get(done..).unwrap_or(&[]));
    zip(sums, row, |sum, byte| *sum += i32::from(byte as i8) * multiplier);
}

/// Like [`fill`], from entry `done` on.
#[inline(always)]
fn rest<T: Copy>(x: &mut [i16], from: &[T], done: usize, map: impl Fn(T) -> i16) {
    if done > 0 && done == from.len() {
        return pad(x, done);
    }
    let undone = x.get_mut(done..).unwrap_or(&mut []);
    zip(undone, from.get(done..).unwrap_or(&[]), |x, value| *x = map(value));
    pad(x, from.len());
}

/// Writes zeros from `width` up to the padded width.
#[cfg_attr(target_os = "none", inline(never))]
pub fn pad(x: &mut [i16], width: usize) {
    for x in x.iter_mut().take(padded(width, COLUMN_UNIT)).skip(width) {
        *x = 0;
    }
}

/// Copies as many entries as the shorter vector has.
pub fn copy(to: &mut [i32], from: &[i32]) {
    zip(to, from, |to, from| *to = from);
}
