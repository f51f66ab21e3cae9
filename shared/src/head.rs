//! Pooled state → class scores: linear, or one hidden ReLU layer and linear.
//!
//! # Section
//!
//! | bytes | content |
//! |---|---|
//! | 2 | inputs H, u16 |
//! | 2 | hidden units N, u16; 0 for a linear head |
//! | 2 | classes C, u16 |
//! | 1 | shift of the pooled state, 0 to 14: x = round(pooled / 2^shift) |
//! | 1 | shift of the hidden layer: x = clamp(round(sum / 2^shift), 0, limit) |
//! | 2 | limit of the hidden layer's output, u16 |
//! | 1 | shift of the scores: score = round(sum / 2^shift), in steps of 2⁻¹² |
//! | 1 | 0 |
//! | … | padded to 16; if N > 0 an affine map H → N, then an affine map to C |
//!
//! An affine map R×K, with R padded to 2 and K to 8, is R i32 biases, R u16 multipliers, padding to
//! 16, and R/2 × K [lanes](crate::matvec), padded to 16.

use crate::blob::{Error, Part};
use crate::fixed::{UNIT_MAX, half_step, round_shift, unit_limit};
use crate::matvec::{COLUMN_UNIT, Matrix, ROW_UNIT, padded};
use crate::pooling::Pooled;
use crate::vector::{copy, fill};

/// The most classes that a head may have.
pub const MAX_CLASSES: usize = 1024;

/// `y = bias + W·x`, borrowed from the blob.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    rows: usize,
    bias: &'a [i32],
    matrix: Matrix<'a>,
}

impl<'a> Affine<'a> {
    fn open(part: &mut Part<'a>, rows: usize, columns: usize) -> Result<Self, Error> {
        let height = padded(rows, ROW_UNIT);
        let width = padded(columns, COLUMN_UNIT);
        let bias = part.words(height)?;
        let scales = part.words(height)?;
        part.align16()?;
        let lanes = part.words(height / ROW_UNIT * width)?;
        part.align16()?;
        let matrix = Matrix::new(width, scales, lanes).ok_or(Error::Content("head", columns as u32, 8))?;
        Ok(Self { rows, bias, matrix })
    }

    /// Proves that no sum overflows, rounding by `shift` included, while |x| ≤ `limit`.
    fn prove(&self, limit: u32, shift: u32) -> Result<(), Error> {
        let most = (1 << 31) - half_step(shift).unsigned_abs();
        prove("head", self.bias, [(self.matrix, 0, limit)], |_| most)
    }

    fn apply<'y>(&self, x: &[i16], y: &'y mut [i32]) -> &'y mut [i32] {
        let y = y.get_mut(..self.bias.len()).unwrap_or(&mut []);
        copy(y, self.bias);
        self.matrix.accumulate(x, y);
        y.get_mut(..self.rows).unwrap_or(&mut [])
    }
}

/// Proves |bias| + Σ reach < `most(row)` for every row of `bias`, where each matrix adds its rows from
/// the given row on, with its own limit of |x|.
pub(crate) fn prove<const N: usize>(
    name: &'static str,
    bias: &[i32],
    matrices: [(Matrix<'_>, usize, u32); N],
    most: impl Fn(usize) -> u32,
) -> Result<(), Error> {
    for (row, &bias) in bias.iter().enumerate() {
        let mut reach = u64::from(bias.unsigned_abs());
        for (matrix, first, limit) in &matrices {
            let Some(at) = row.checked_sub(*first) else { continue };
            let (worst, safe) = matrix.worst_case(at, *limit);
            reach += worst;
            if !safe {
                return Err(Error::Overflow(name, row as u32));
            }
        }
        if reach >= u64::from(most(row)) {
            return Err(Error::Overflow(name, row as u32));
        }
    }
    Ok(())
}

/// The head of a network, borrowed from the blob.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    inputs: usize,
    pooled_shift: u32,
    hidden: Option<Hidden<'a>>,
    output: Affine<'a>,
    score_shift: u32,
}

#[derive(Clone, Copy, Debug)]
struct Hidden<'a> {
    map: Affine<'a>,
    shift: u32,
    limit: i32,
}

impl<'a> Head<'a> {
    /// Reads the section, checking every length and bound.
    ///
    /// # Errors
    /// [`Error`] naming the head if the section is not what the table above says.
    pub fn open(section: &'a [u8]) -> Result<Self, Error> {
        let mut part = Part::new(section, "head");
        let [inputs, units] = part.u16_pair()?;
        let [low, high, pooled_shift, hidden_shift] = part.bytes4()?;
        let classes = usize::from(u16::from_le_bytes([low, high]));
        let [low, high, score_shift, zero] = part.bytes4()?;
        let limit = i32::from(u16::from_le_bytes([low, high]));
        part.align16()?;
        part.expect((1..=1024).contains(&inputs), inputs as u32, 1024)?;
        part.expect(units <= 1024, units as u32, 1024)?;
        part.expect((2..=MAX_CLASSES).contains(&classes), classes as u32, MAX_CLASSES as u32)?;
        part.expect(pooled_shift <= 14, pooled_shift.into(), 14)?;
        part.expect(hidden_shift <= 30 && score_shift <= 30, hidden_shift.max(score_shift).into(), 30)?;
        part.expect(limit <= UNIT_MAX && zero == 0, limit as u32, UNIT_MAX as u32)?;
        let pooled_limit = unit_limit(pooled_shift.into());
        let mut limit_in = pooled_limit;
        let mut width = inputs;
        let mut hidden = None;
        if units > 0 {
            let map = Affine::open(&mut part, units, inputs)?;
            map.prove(pooled_limit, hidden_shift.into())?;
            hidden = Some(Hidden { map, shift: hidden_shift.into(), limit });
            limit_in = limit as u32;
            width = units;
        }
        let output = Affine::open(&mut part, classes, width)?;
        output.prove(limit_in, score_shift.into())?;
        part.end()?;
        Ok(Self {
            inputs,
            pooled_shift: pooled_shift.into(),
            hidden,
            output,
            score_shift: score_shift.into(),
        })
    }

    /// H, the width of the pooled state.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// C, the number of classes.
    #[must_use]
    pub const fn classes(&self) -> usize {
        self.output.rows
    }

    /// Hidden units, 0 for a linear head.
    #[must_use]
    pub fn hidden(&self) -> usize {
        self.hidden.map_or(0, |hidden| hidden.map.rows)
    }

    /// The entries that [`Self::scores`] needs in `x` and `y`.
    #[must_use]
    pub fn scratch(&self) -> (usize, usize) {
        let x = padded(self.inputs.max(self.hidden()), COLUMN_UNIT);
        (x, padded(self.classes().max(self.hidden()), ROW_UNIT))
    }

    /// Scores \[C\] in steps of 2⁻¹², at the start of `y`.
    pub fn scores<'y>(&self, pooled: Pooled<'_>, x: &mut [i16], y: &'y mut [i32]) -> &'y [i32] {
        pooled.rescale(self.pooled_shift, x);
        if let Some(hidden) = &self.hidden {
            let sums = hidden.map.apply(x, y);
            fill(x, sums, |sum| round_shift(sum, hidden.shift).clamp(0, hidden.limit) as i16);
        }
        let scores = self.output.apply(x, y);
        for score in scores.iter_mut() {
            *score = round_shift(*score, self.score_shift);
        }
        scores
    }
}
