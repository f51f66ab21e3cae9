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

use crate::fixed::{MAX_SHIFT, UNIT_MAX, half_step, round_shift, unit_limit};
use crate::format::{OpenError, SectionReader, Subject};
use crate::kernel::{Affine, COLUMN_UNIT, MAX_WIDTH, ROW_UNIT, padded};
use crate::pooling::Pooled;
#[cfg(feature = "hidden")]
use crate::vector::fill;

/// From a sum to a score or a hidden unit.
pub const SUM_DOWN: u32 = 6;

/// Every |sum| of the head's maps stays below this, so that it can be rounded.
pub const SUM_BOUND: u32 = (1 << 31) - half_step(SUM_DOWN).unsigned_abs();

/// The most classes that a head may have.
pub const MAX_CLASSES: usize = 1024;

/// The next map of `rows` and `columns`, proven while |x| ≤ `limit`.
fn open_map<'a>(reader: &mut SectionReader<'a>, rows: usize, columns: usize, limit: u32) -> Affine<'a> {
    reader.map(rows, columns, 0, [limit; 2], SUM_BOUND, 0)
}

/// The head of a network, borrowed from the model file.
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
    /// [`OpenError`] naming the head if the section does not match the table above.
    pub fn open(section: &'a [u8]) -> Result<Self, OpenError> {
        let mut reader = SectionReader::new(section, Subject::Head);
        let head = Self::read(&mut reader);
        reader.end().map(|()| head)
    }

    /// Like [`Self::open`]; errors are the reader's.
    pub(crate) fn read(reader: &mut SectionReader<'a>) -> Self {
        let [inputs, units] = reader.u16_pair();
        let [classes, rest] = reader.u16_pair();
        let [pooled_shift, zero] = [rest & 0xFF, rest >> 8];
        let [limit, zeros] = reader.u16_pair();
        reader.align16();
        let inputs = reader.within(inputs, 1, MAX_WIDTH as u32) as usize;
        let units = reader.within(units, 0, MAX_WIDTH as u32) as usize;
        let classes = reader.within(classes, 2, MAX_CLASSES as u32) as usize;
        let pooled_shift = reader.within(pooled_shift, 0, MAX_SHIFT);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::tests::map_bytes;

    /// A section of 3 inputs and 2 classes: header, padding, maps.
    fn section(hidden: u8, limit: u16, maps: &[Vec<u8>]) -> Vec<u8> {
        let [low, high] = limit.to_le_bytes();
        let mut section = vec![3, 0, hidden, 0, 2, 0, 1, 0, low, high, 0, 0, 0, 0, 0, 0];
        maps.iter().for_each(|map| section.extend(map));
        section
    }

    /// Bytes on a boundary of 16.
    fn aligned(bytes: &[u8]) -> Vec<u128> {
        let mut words = vec![0u128; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        words
    }

    #[test]
    fn scores_are_linear_in_the_pooled_state() {
        // score = (bias + 64 · ⌊Σ w · x / 256⌋) / 64
        let map = map_bytes(&[vec![127, 0, -3], vec![-1, 2, 0]], &[6400, -32], &[64, 64]);
        let words = aligned(&section(0, 0, &[map]));
        let head = Head::open(bytemuck::cast_slice(&words)).expect("sound");
        assert_eq!((head.inputs(), head.classes(), head.hidden(), head.scratch()), (3, 2, 0, (8, 4)));
        let (mut x, mut y) = ([0; 8], [0; 4]);
        // The pooled state is halved.
        let scores = head.scores(Pooled::Units(&[2000, 400, -801]), &mut x, &mut y);
        let sums: [i32; 2] = [127 * 1000 - 3 * -400, -1000 + 2 * 200];
        let expected = [100 + sums[0].div_euclid(256), (-32 + 64 * sums[1].div_euclid(256) + 32) >> 6];
        assert_eq!(scores, expected);
    }

    #[test]
    fn hidden_units_are_cut_below_zero_and_above_the_limit() {
        let first = map_bytes(&[vec![100, 0, 0], vec![-100, 0, 0]], &[0, 0], &[6400, 6400]);
        let second = map_bytes(&[vec![1, 0], vec![0, 1]], &[0, 0], &[64 * 256, 64 * 256]);
        let words = aligned(&section(2, 9000, &[first, second]));
        let head = Head::open(bytemuck::cast_slice(&words)).expect("sound");
        assert_eq!((head.hidden(), head.scratch()), (2, (8, 4)));
        let (mut x, mut y) = ([0; 8], [0; 4]);
        // 100 · 1000 / 256 · 100 is above 9000, and its negative below 0.
        let scores = head.scores(Pooled::Units(&[2000, 0, 0]), &mut x, &mut y);
        assert_eq!(scores, [256 * (9000 / 256), 0]);
    }

    #[test]
    fn errors_name_the_range() {
        let refused = |at: usize, byte: u8| {
            let map = map_bytes(&[vec![0; 3], vec![0; 3]], &[0, 0], &[0, 0]);
            let mut bytes = section(0, 0, &[map]);
            bytes[at] = byte;
            Head::open(bytemuck::cast_slice(&aligned(&bytes))).err()
        };
        let error = |found, least, most| Some(OpenError::Content(Subject::Head, found, [least, most]));
        assert_eq!(refused(0, 0), error(0, 1, 1024));
        assert_eq!(refused(4, 1), error(1, 2, 1024));
        assert_eq!(refused(6, 15), error(15, 0, 14));
        assert_eq!(refused(12, 1), error(1, 0, 0));
    }
}
