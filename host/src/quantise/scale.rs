//! Numbers to integers: affine maps of i8 weights, activations with shifts.

use telltale::engine::fixed::{MAX_SHIFT, Unit, unit_limit};
use telltale::engine::kernel::{
    COLUMN_UNIT, ROW_UNIT, SCALE_MAX, SUM_LIMIT, SUM_SHIFT, half, padded, result_limit,
};

use crate::bytes::Bytes;

/// The largest magnitude of an i8 weight.
const WEIGHT_MAX: f64 = 127.0;

/// What a map's floor takes away on average, in steps.
const FLOOR: f64 = 0.5;

/// Activations: how integers stand for numbers.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// The largest |x|.
    pub limit: u32,
    /// What x = 1 means.
    pub unit: f64,
    /// The mean square of the numbers.
    pub square: f64,
}

impl Inputs {
    /// Units (states, pooled states) divided by 2^`shift`, rounded.
    #[must_use]
    pub fn of_units(shift: u32) -> Self {
        Self {
            limit: unit_limit(shift),
            unit: f64::from(shift).exp2() * Unit::DELTA.to_num::<f64>(),
            square: 0.25,
        }
    }
}

/// Columns of a map whose activations are alike.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'w> {
    /// \[R × `width`\], row-major.
    pub weights: &'w [f32],
    /// Columns.
    pub width: usize,
    /// Their activations.
    pub inputs: Inputs,
}

impl<'w> Columns<'w> {
    /// The columns of rows `first` to `last`.
    #[must_use]
    pub fn rows(&self, first: usize, last: usize) -> Self {
        Self { weights: &self.weights[first * self.width..last * self.width], ..*self }
    }

    fn row(&self, row: usize) -> &'w [f32] {
        &self.weights[row * self.width..][..self.width]
    }
}

/// A map in integers.
#[derive(Clone, Debug)]
pub struct Map {
    /// Padded.
    columns: usize,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    weights: Vec<i8>,
    bias: i32,
    scale: u16,
}

impl Map {
    /// Quantises `bias + Σ W·x` over all `columns` so that a row's results are in steps of `unit(row)`.
    ///
    /// All columns of a row share its scale, chosen so that its largest product of weight and unit of x
    /// takes the largest integer. `None` if a sum or a scale could leave its range or a result reach `most`.
    #[must_use]
    pub fn new(
        columns: &[Columns<'_>],
        bias: &[f64],
        unit: impl Fn(usize) -> f64,
        most: u32,
    ) -> Option<Self> {
        let rows = bias.iter().enumerate().map(|(row, &bias)| Row::new(columns, row, bias, unit(row), most));
        let width = columns.iter().map(|part| padded(part.width, COLUMN_UNIT)).sum();
        Some(Self { columns: width, rows: rows.collect::<Option<_>>()? })
    }

    /// The largest unit of inputs with which the scales of a map of these weights, whose results are in steps of
    /// `result`, stay in range: beyond it, inputs are better cut off.
    #[must_use]
    pub fn largest_unit(weights: &[f32], result: f64) -> f64 {
        let largest = weights.iter().fold(f32::MIN_POSITIVE, |largest, weight| largest.max(weight.abs()));
        // One less, since scales are rounded up.
        f64::from(SCALE_MAX - 1) * result / f64::from(1 << SUM_SHIFT) * WEIGHT_MAX / f64::from(largest)
    }

    /// Writes the groups of [`telltale::engine::kernel`], then zeros up to a multiple of 16 bytes.
    pub fn write(&self, to: &mut Bytes) {
        for group in self.rows.chunks(ROW_UNIT) {
            let weight = |row: usize, column: usize| group.get(row).map_or(0, |row| row.weights[column]);
            for eight in (0..self.columns).step_by(COLUMN_UNIT) {
                for pair in [0, 2] {
                    for column in eight..eight + COLUMN_UNIT {
                        to.u16(half(weight(pair, column), weight(pair + 1, column)));
                    }
                }
            }
            (0..ROW_UNIT).for_each(|row| to.i32(group.get(row).map_or(0, |row| row.bias)));
            (0..ROW_UNIT).for_each(|row| to.u16(group.get(row).map_or(0, |row| row.scale)));
        }
        to.align(16);
    }
}

impl Row {
    fn new(columns: &[Columns<'_>], row: usize, bias: f64, unit: f64, most: u32) -> Option<Self> {
        // What one step of a sum is worth in the results: scale / 2^SUM_SHIFT.
        let per_scale = unit / f64::from(1 << SUM_SHIFT);
        let scale = (step(columns, row) / per_scale).ceil().max(1.0);
        let bias = (bias / unit + scale * FLOOR).round();
        if scale > f64::from(SCALE_MAX) || bias.abs() >= f64::from(most) {
            return None;
        }
        let mut weights = Vec::new();
        let mut reach = 0u64;
        for part in columns {
            let start = weights.len();
            let real = part.inputs.unit / (scale * per_scale);
            weights.extend(part.row(row).iter().map(|&w| (f64::from(w) * real).round() as i8));
            let sum: u64 = weights[start..].iter().map(|w: &i8| u64::from(w.unsigned_abs())).sum();
            reach += sum * u64::from(part.inputs.limit);
            weights.resize(start + padded(part.width, COLUMN_UNIT), 0);
        }
        let row = Self { weights, bias: bias as i32, scale: scale as u16 };
        let fits = reach < u64::from(SUM_LIMIT) && result_limit(reach as u32, row.bias, row.scale) < most;
        fits.then_some(row)
    }
}

/// What a step of a row's sum has to be worth.
fn step(columns: &[Columns<'_>], row: usize) -> f64 {
    let largest = |part: &Columns<'_>| {
        let largest = part.row(row).iter().fold(0.0f32, |largest, w| largest.max(w.abs()));
        f64::from(largest) * part.inputs.unit
    };
    columns.iter().map(largest).fold(0.0, f64::max) / WEIGHT_MAX
}

/// What is needed of a row's part to estimate its noise under any unit.
struct Statistics {
    largest: f64,
    sum: f64,
    squares: f64,
    width: f64,
}

/// The expected noise of maps, for the choice of their inputs' units.
pub struct Noise {
    /// Per row, per part: which inputs it has, and its statistics.
    rows: Vec<Vec<(usize, Statistics)>>,
}

impl Noise {
    /// Of maps whose parts are (weights, width, number of the inputs).
    #[must_use]
    pub fn new(maps: &[Vec<(&[f32], usize, usize)>]) -> Self {
        let mut rows = Vec::new();
        for parts in maps {
            let height = |(weights, width, _): &(&[f32], usize, usize)| weights.len().checked_div(*width);
            let height = parts.iter().filter_map(height).max().unwrap_or(0);
            rows.extend((0..height).map(|row| {
                let of = |&(weights, width, inputs): &(&[f32], usize, usize)| {
                    (inputs, Statistics::new(&weights[row * width..][..width]))
                };
                parts.iter().map(of).collect()
            }));
        }
        Self { rows }
    }

    /// The sum of the rows' variances; `None` if a sum would leave its range.
    #[must_use]
    pub fn variance(&self, inputs: &[Inputs]) -> Option<f64> {
        let mut total = 0.0;
        for row in &self.rows {
            let part = |(at, part): &(usize, Statistics)| part.largest * inputs[*at].unit;
            let step = (row.iter().map(part).fold(0.0, f64::max) / WEIGHT_MAX).max(f64::MIN_POSITIVE);
            let mut reach = 0.0;
            let mut variance = (step * f64::from(1 << SUM_SHIFT)).powi(2);
            for (at, part) in row {
                let Inputs { limit, unit, square, .. } = inputs[*at];
                reach += part.sum * unit / step * f64::from(limit);
                variance += part.width * square * (step / unit).powi(2) + part.squares * unit * unit;
            }
            if reach >= f64::from(SUM_LIMIT) {
                return None;
            }
            total += variance / 12.0;
        }
        Some(total)
    }
}

impl Statistics {
    fn new(row: &[f32]) -> Self {
        let weights = row.iter().map(|&w| f64::from(w).abs());
        Self {
            largest: weights.clone().fold(0.0, f64::max),
            sum: weights.clone().sum(),
            squares: weights.map(|w| w * w).sum(),
            width: row.len() as f64,
        }
    }
}

/// The shifts that a model file can hold.
pub const SHIFTS: std::ops::RangeInclusive<u32> = 0..=MAX_SHIFT;
