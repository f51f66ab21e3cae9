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
//! | 1 | 0 |
//! | 2 | limit of the hidden layer's output, u16: x = clamp(round(sum / 64), 0, limit) |
//! | 2 | 0 |
//! | … | padded to 16; if N > 0 an [affine map](crate::kernel) H → N, then one to C, each padded to 16 |
//!
//! Scores are round(sum / 64), in steps of 2⁻¹².

use crate::fixed::{UNIT_MAX, half_step, round_shift, unit_limit};
use crate::format::{OpenError, SectionReader, Subject};
use crate::kernel::{Affine, COLUMN_UNIT, ROW_UNIT, padded};
use crate::pooling::Pooled;
#[cfg(feature = "hidden")]
use crate::vector::fill;

/// From a sum to a score or a hidden unit.
pub const SUM_DOWN: u32 = 6;

/// The most classes that a head may have.
pub const MAX_CLASSES: usize = 1024;

/// The next map of `rows` and `columns`, proven while |x| ≤ `limit`.
fn open_map<'a>(reader: &mut SectionReader<'a>, rows: usize, columns: usize, limit: u32) -> Affine<'a> {
    reader.map(rows, columns, 0, [limit; 2], (1 << 31) - half_step(SUM_DOWN).unsigned_abs(), 0)
}

/// The head of a network, borrowed from the blob.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    inputs: u16,
    classes: u16,
    pooled_shift: u8,
    #[cfg(feature = "hidden")]
    hidden: Option<Hidden<'a>>,
    output: Affine<'a>,
}

#[cfg(feature = "hidden")]
#[derive(Clone, Copy, Debug)]
struct Hidden<'a> {
    units: usize,
    map: Affine<'a>,
    limit: i32,
}

impl<'a> Head<'a> {
    /// Reads the section, checking every length and bound.
    ///
    /// # Errors
    /// [`OpenError`] naming the head if the section is not what the table above says.
    pub fn open(section: &'a [u8]) -> Result<Self, OpenError> {
        let mut reader = SectionReader::new(section, Subject::Head);
        let head = Self::read(&mut reader);
        reader.end().map(|()| head)
    }

    /// As [`Self::open`]; errors are the reader's.
    pub(crate) fn read(reader: &mut SectionReader<'a>) -> Self {
        let [inputs, units] = reader.u16_pair();
        let [classes, rest] = reader.u16_pair();
        let [pooled_shift, zero] = [rest & 0xFF, rest >> 8];
        let [limit, zeros] = reader.u16_pair();
        reader.align16();
        let inputs = reader.within(inputs, 1, 1024) as usize;
        let units = reader.within(units, 0, 1024) as usize;
        let classes = reader.within(classes, 2, MAX_CLASSES as u32) as usize;
        let pooled_shift = reader.within(pooled_shift, 0, 14);
        reader.expect(zero == 0 && zeros == 0, zero, 0);
        let _limit = reader.within(limit, 0, UNIT_MAX as u32);
        reader.need(units == 0 || cfg!(feature = "hidden"), Subject::Hidden);
        reader.need(classes == 2 || cfg!(feature = "classes"), Subject::Classes);
        let pooled_limit = unit_limit(pooled_shift);
        #[cfg(feature = "hidden")]
        let (hidden, output) = if units > 0 {
            let map = open_map(reader, units, inputs, pooled_limit);
            let output = open_map(reader, classes, units, _limit);
            (Some(Hidden { units, map, limit: _limit as i32 }), output)
        } else {
            (None, open_map(reader, classes, inputs, pooled_limit))
        };
        #[cfg(not(feature = "hidden"))]
        let output = open_map(reader, classes, inputs, pooled_limit);
        Self {
            inputs: inputs as u16,
            classes: classes as u16,
            pooled_shift: pooled_shift as u8,
            #[cfg(feature = "hidden")]
            hidden,
            output,
        }
    }

    /// H, the width of the pooled state.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs as usize
    }

    /// C, the number of classes.
    #[must_use]
    pub const fn classes(&self) -> usize {
        self.classes as usize
    }

    /// Hidden units, 0 for a linear head.
    #[must_use]
    pub fn hidden(&self) -> usize {
        #[cfg(feature = "hidden")]
        let units = self.hidden.map_or(0, |hidden| hidden.units);
        #[cfg(not(feature = "hidden"))]
        let units = 0;
        units
    }

    /// All its maps.
    #[cfg(feature = "std")]
    pub(crate) fn maps(&self) -> impl Iterator<Item = Affine<'a>> {
        self.hidden.map(|hidden| hidden.map).into_iter().chain([self.output])
    }

    /// The entries that [`Self::scores`] needs in `x` and `y`.
    #[must_use]
    pub fn scratch(&self) -> (usize, usize) {
        let x = padded(self.inputs().max(self.hidden()), COLUMN_UNIT);
        (x, padded(self.classes().max(self.hidden()), ROW_UNIT))
    }

    /// Scores \[C\] in steps of 2⁻¹², at the start of `y`.
    pub fn scores<'y>(&self, pooled: Pooled<'_>, x: &mut [i16], y: &'y mut [i32]) -> &'y mut [i32] {
        pooled.rescale(self.pooled_shift.into(), x);
        #[cfg(feature = "hidden")]
        if let Some(hidden) = &self.hidden {
            hidden.map.apply(x, y);
            let sums = y.get(..hidden.units).unwrap_or(&[]);
            fill(x, sums, |sum| round_shift(sum, SUM_DOWN).min(hidden.limit).max(0) as i16);
        }
        self.output.apply(x, y);
        let scores = y.get_mut(..self.classes()).unwrap_or(&mut []);
        for score in scores.iter_mut() {
            *score = round_shift(*score, SUM_DOWN);
        }
        scores
    }
}
