//! Word id → activations, read in place.
//!
//! A row is E weights of 8 or 4 bits with a multiplier `m` of its own:
//! `x[i] = round(e[i] · m / 2^shift)`, activations whose unit the first layer's scales know.
//!
//! # Section
//!
//! | bytes | content |
//! |---|---|
//! | 4 | rows V: the words and one more for unknown words, u32 |
//! | 2 | width E, u16 |
//! | 1 | bits of a weight, 8 or 4 |
//! | 1 | shift, 0 to 14 |
//! | V, padded to 4 | multipliers, u8 |
//! | V·⌈E·bits/8⌉, padded to 4 | rows; of two 4-bit weights, the first is in the low half |

use crate::blob::{Error, Part};
use crate::fixed::round_shift;
use crate::vector::{fill_row, pad};

/// The embedding table, borrowed from the blob.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embedding<'a> {
    width: usize,
    narrow: bool,
    shift: u32,
    multipliers: &'a [u8],
    rows: &'a [u8],
}

impl<'a> Embedding<'a> {
    /// Reads the section, checking every length.
    ///
    /// # Errors
    /// [`Error`] naming the embedding if the section is not what the table above says.
    pub fn open(section: &'a [u8]) -> Result<Self, Error> {
        let mut part = Part::new(section, "embedding");
        let count = part.u32();
        let [low, high, bits, shift] = part.bytes4();
        let width = u16::from_le_bytes([low, high]).into();
        let count = part.within(count, 1, 1 << 16) as usize;
        let width = part.within(width, 1, 1024) as usize;
        part.expect(matches!(bits, 4 | 8), bits.into(), 8);
        part.need(bits == 8 || cfg!(feature = "i4"), "i4");
        let shift = part.within(shift.into(), 0, 14);
        let multipliers = part.bytes(count);
        part.align();
        let row = (width * usize::from(bits)).div_ceil(8);
        let rows = part.bytes(count * row);
        part.align();
        part.end()?;
        Ok(Self { width, narrow: bits == 4, shift, multipliers, rows })
    }

    /// Rows, the unknown word's included.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.multipliers.len()
    }

    /// E, the numbers in a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Bits of a weight.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        if self.narrow { 4 } else { 8 }
    }

    /// The largest magnitude that [`Self::look_up`] writes.
    #[must_use]
    pub fn limit(&self) -> u32 {
        let largest = self.multipliers.iter().copied().max().unwrap_or(0);
        let weight = if self.narrow { 8 } else { 128 };
        round_shift(weight * i32::from(largest), self.shift).unsigned_abs()
    }

    /// Writes row `id` to the first E entries of `x` and zeros up to the padded width.
    pub fn look_up(&self, id: u32, x: &mut [i16]) {
        let at = id as usize;
        let multiplier = i32::from(self.multipliers.get(at).copied().unwrap_or(0));
        let scaled = |byte: u8| round_shift(i32::from(byte as i8) * multiplier, self.shift) as i16;
        let narrow = self.narrow && cfg!(feature = "i4");
        let size = if narrow { self.width.div_ceil(2) } else { self.width };
        let row = self.rows.get(at * size..(at + 1) * size).unwrap_or(&[]);
        if !narrow {
            return fill_row(x, row, multiplier, self.shift);
        }
        // Of an odd width, the last byte's upper half ends up in the padding.
        for (pair, &byte) in x.as_chunks_mut::<2>().0.iter_mut().zip(row) {
            *pair = [byte << 4, byte].map(|byte| scaled((byte as i8 >> 4) as u8));
        }
        pad(x, self.width);
    }
}
