//! Vectors on their way into a product and out of it: copied, rescaled, padded.

use crate::matvec::{COLUMN_UNIT, padded};

/// Calls `step` with each pair of entries, as many as the shorter vector has; four to a round, so
/// that counting costs little.
#[inline(always)]
pub fn zip<A, B: Copy>(to: &mut [A], from: &[B], step: impl Fn(&mut A, B)) {
    let count = to.len().min(from.len());
    let (to, to_rest) = to.get_mut(..count).unwrap_or(&mut []).as_chunks_mut::<4>();
    let (from, from_rest) = from.get(..count).unwrap_or(&[]).as_chunks::<4>();
    for (to, from) in to.iter_mut().zip(from) {
        for (to, &from) in to.iter_mut().zip(from) {
            step(to, from);
        }
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

/// Writes zeros from `width` up to the padded width.
#[inline(always)]
pub fn pad(x: &mut [i16], width: usize) {
    for x in x.iter_mut().take(padded(width, COLUMN_UNIT)).skip(width) {
        *x = 0;
    }
}

/// Copies as many entries as the shorter vector has.
pub fn copy(to: &mut [i32], from: &[i32]) {
    zip(to, from, |to, from| *to = from);
}
