//! Numbers to integers: rows of i8 weights with multipliers, activations with shifts.

use shared::fixed::unit_limit;
use shared::matvec::{BLOCK, BLOCK_LIMIT, COLUMN_UNIT, ROW_UNIT, lane, padded};

use crate::bytes::Bytes;

/// The largest magnitude of an i8 weight.
const WEIGHT_MAX: f64 = 127.0;

/// A matrix in integers: R×C weights of i8, one multiplier a row.
#[derive(Clone, Debug)]
pub struct Quantised {
    columns: usize,
    scales: Vec<u16>,
    weights: Vec<Vec<i8>>,
}

impl Quantised {
    /// Quantises a row-major matrix of `columns` columns so that `scale · Σ w·x` is the real product in steps
    /// of 2^−`fraction(row)`, where one step of x is `unit`. `None` if a multiplier would exceed 16 bits.
    #[must_use]
    pub fn new(matrix: &[f32], columns: usize, unit: f64, fraction: impl Fn(usize) -> u32) -> Option<Self> {
        let mut scales = Vec::new();
        let mut weights = Vec::new();
        for (number, row) in matrix.chunks_exact(columns).enumerate() {
            let steps = unit * f64::from(fraction(number)).exp2();
            let largest = row.iter().fold(0.0f64, |largest, &w| largest.max(f64::from(w).abs()));
            let scale = (largest / WEIGHT_MAX * steps).ceil().max(1.0);
            if scale > f64::from(u16::MAX) {
                return None;
            }
            let real = scale / steps;
            scales.push(scale as u16);
            weights.push(row.iter().map(|&w| (f64::from(w) / real).round() as i8).collect());
        }
        Some(Self { columns, scales, weights })
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.weights.len()
    }

    /// Whether every block of every row keeps [`BLOCK_LIMIT`] while |x| ≤ `limit`.
    #[must_use]
    pub fn fits_blocks(&self, limit: u32) -> bool {
        self.weights.iter().flat_map(|row| row.chunks(BLOCK)).all(|block| {
            let sum: u64 = block.iter().map(|w| u64::from(w.unsigned_abs())).sum();
            sum * u64::from(limit) < u64::from(BLOCK_LIMIT)
        })
    }

    /// The largest |scale · Σ w·x| of a row while |x| ≤ `limit`.
    #[must_use]
    pub fn reach(&self, row: usize, limit: u32) -> u64 {
        let sum: u64 = self.weights[row].iter().map(|w| u64::from(w.unsigned_abs())).sum();
        sum * u64::from(limit) * u64::from(self.scales[row])
    }

    /// Writes the multipliers, padded to [`ROW_UNIT`].
    pub fn write_scales(&self, to: &mut Bytes) {
        for row in 0..padded(self.rows(), ROW_UNIT) {
            to.u16(self.scales.get(row).copied().unwrap_or(0));
        }
    }

    /// Writes the lanes, padded.
    pub fn write_lanes(&self, to: &mut Bytes) {
        for pair in self.weights.chunks(ROW_UNIT) {
            for column in 0..padded(self.columns, COLUMN_UNIT) {
                let weight = |row: usize| pair.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0);
                to.u16(lane(weight(0), weight(1)));
            }
        }
    }
}

/// The largest |x| of a unit vector (states, pooled states) after a shift, and the worth of its step.
#[must_use]
pub fn shifted_units(shift: u32) -> (u32, f64) {
    (unit_limit(shift), f64::from(shift).exp2() / 32_768.0)
}

/// The smallest shift of 0 to 14 at which `matrix` keeps its block bound, given the limit and unit of each shift.
#[must_use]
pub fn smallest_shift(matrix: &[f32], columns: usize, of: impl Fn(u32) -> (u32, f64)) -> Option<u32> {
    // Rows use their full range at any scale, so a fine scale tells whether the blocks fit.
    (0..=14).find(|&shift| {
        let (limit, unit) = of(shift);
        (10..=30)
            .rev()
            .find_map(|fraction| Quantised::new(matrix, columns, unit, |_| fraction))
            .is_some_and(|q| q.fits_blocks(limit))
    })
}

/// Biases in steps of 2^−`fraction(row)`; `None` if one exceeds an i32.
#[must_use]
pub fn quantise_bias(bias: &[f64], fraction: impl Fn(usize) -> u32) -> Option<Vec<i32>> {
    bias.iter()
        .enumerate()
        .map(|(row, &bias)| {
            let scaled = (bias * f64::from(fraction(row)).exp2()).round();
            (scaled.abs() < f64::from(i32::MAX)).then_some(scaled as i32)
        })
        .collect()
}

/// Writes biases, padded to [`ROW_UNIT`].
pub fn write_bias(bias: &[i32], to: &mut Bytes) {
    for row in 0..padded(bias.len(), ROW_UNIT) {
        to.i32(bias.get(row).copied().unwrap_or(0));
    }
}
