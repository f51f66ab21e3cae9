//! Word id → activations, read in place.
//!
//! A row is E weights of 8 or 4 bits with a multiplier `m` of its own: `x[i] = round(e[i] · m / 2^shift)`, activations
//! whose unit is part of the first layer's scales.
//!
//! # Folded
//!
//! The first layer's products of W with a word are the same wherever the word occurs. A model file may hold them in
//! place of the embedding: a row has a number for each of the G·H rows of W, `e[i] · m · 2^shift`, which is added to
//! the sums that the [layer's](crate::cell) map makes of its state. It is W_i·x in steps of sums, including the input's
//! bias for the n of a GRU. That map then has no input columns, and a word costs E·G·H fewer multiply-accumulates; its
//! row takes G·H bytes.
//!
//! # Section
//!
//! A folded embedding is a section of another kind, of the same form.
//!
//! | bytes | content |
//! |---|---|
//! | 4 | rows V: the words and one more for unknown words, u32 |
//! | 2 | width: E, 1 to 1024; folded: G·H, 1 to 4096; u16 |
//! | 1 | bits of a weight, 8 or 4; folded: 8 |
//! | 1 | shift, 0 to 14 |
//! | V, padded to 4 | multipliers, u8 |
//! | V·⌈E·bits/8⌉, padded to 4 | rows; of two 4-bit weights, the first is in the low half |

use crate::fixed::{MAX_SHIFT, round_shift};
use crate::format::{OpenError, SectionReader, Subject};
use crate::kernel::MAX_WIDTH;
use crate::vector::{add_row, fill_row, pad};

/// The embedding table, borrowed from the model file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embedding<'a> {
    width: u16,
    narrow: bool,
    folded: bool,
    shift: u8,
    multipliers: &'a [u8],
    rows: &'a [u8],
}

impl<'a> Embedding<'a> {
    /// Reads the section, `folded` or not by its kind, checking every length.
    ///
    /// # Errors
    /// [`OpenError`] naming the embedding if the section does not match the table above.
    pub fn open(section: &'a [u8], folded: bool) -> Result<Self, OpenError> {
        let mut reader = SectionReader::new(section, Subject::Embedding);
        let embedding = Self::read(&mut reader, folded);
        reader.end().map(|()| embedding)
    }

    /// Like [`Self::open`]; errors are the reader's.
    pub(crate) fn read(reader: &mut SectionReader<'a>, folded: bool) -> Self {
        reader.need(!folded || cfg!(feature = "fold"), Subject::Fold);
        let count = reader.u32();
        let [low, high, bits, shift] = reader.bytes4();
        let width = u16::from_le_bytes([low, high]).into();
        let count = reader.within(count, 1, 1 << 16) as usize;
        let width = reader.within(width, 1, (if folded { 4 * MAX_WIDTH } else { MAX_WIDTH }) as u32) as usize;
        reader.expect(bits == 8 || (bits == 4 && !folded), bits.into(), 8);
        reader.need(bits == 8 || cfg!(feature = "i4"), Subject::I4);
        let shift = reader.within(shift.into(), 0, MAX_SHIFT);
        let multipliers = reader.bytes(count);
        reader.align();
        let row = (width * usize::from(bits)).div_ceil(8);
        let rows = reader.bytes(count * row);
        reader.align();
        Self { width: width as u16, narrow: bits == 4, folded, shift: shift as u8, multipliers, rows }
    }

    /// Rows, including the unknown word's.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.multipliers.len()
    }

    /// The numbers in a row: E, or G·H of a [folded](Self::is_folded) embedding.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width as usize
    }

    /// Bits of a weight.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        if self.narrow { 4 } else { 8 }
    }

    /// Whether rows are the first layer's products with a word.
    #[must_use]
    pub const fn is_folded(&self) -> bool {
        cfg!(feature = "fold") && self.folded
    }

    /// The largest magnitude that [`Self::look_up`] writes or [`Self::add`] adds, below 2³⁰.
    #[must_use]
    pub fn limit(&self) -> u32 {
        let largest = self.multipliers.iter().copied().max().unwrap_or(0);
        let weight = if self.narrow { 8 } else { 128 };
        if self.is_folded() {
            return (weight as u32 * u32::from(largest)) << self.shift;
        }
        round_shift(weight * i32::from(largest), self.shift.into()).unsigned_abs()
    }

    /// Adds row `id` of a folded embedding, from its entry `first` on, to the sums; does nothing otherwise.
    pub fn add(&self, id: u32, first: usize, sums: &mut [i32]) {
        if !self.is_folded() {
            return;
        }
        let at = id as usize;
        let multiplier = i32::from(self.multipliers.get(at).copied().unwrap_or(0)) << self.shift;
        let row = self.rows.get(at * self.width()..(at + 1) * self.width()).unwrap_or(&[]);
        add_row(sums, row.get(first..).unwrap_or(&[]), multiplier);
    }

    /// Writes row `id` to the first E entries of `x` and zeros up to the padded width; does nothing for a folded
    /// embedding.
    pub fn look_up(&self, id: u32, x: &mut [i16]) {
        if self.is_folded() {
            return;
        }
        let at = id as usize;
        let multiplier = i32::from(self.multipliers.get(at).copied().unwrap_or(0));
        let scaled = |byte: u8| round_shift(i32::from(byte as i8) * multiplier, self.shift.into()) as i16;
        let narrow = self.narrow && cfg!(feature = "i4");
        let size = if narrow { self.width().div_ceil(2) } else { self.width() };
        let row = self.rows.get(at * size..(at + 1) * size).unwrap_or(&[]);
        if !narrow {
            return fill_row(x, row, multiplier, self.shift.into());
        }
        // With an odd width, the last byte's upper half ends up in the padding.
        for (pair, &byte) in x.as_chunks_mut::<2>().0.iter_mut().zip(row) {
            *pair = [byte << 4, byte].map(|byte| scaled((byte as i8 >> 4) as u8));
        }
        pad(x, self.width());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section of two rows and three columns on a word's boundary.
    fn section(bits: u8, shift: u8, rows: &[u8]) -> Vec<u8> {
        let mut section = vec![2, 0, 0, 0, 3, 0, bits, shift, 10, 255, 0, 0];
        section.extend(rows);
        section.resize(section.len().next_multiple_of(4), 0);
        section
    }

    #[test]
    fn rows_are_scaled_by_their_multipliers() {
        let bytes = section(8, 1, &[1, 255, 127, 0, 129, 2]);
        let embedding = Embedding::open(&bytes, false).expect("sound");
        let mut x = [7; 8];
        embedding.look_up(0, &mut x);
        assert_eq!(x, [5, -5, 635, 0, 0, 0, 0, 0]);
        embedding.look_up(1, &mut x);
        // Halves go up.
        assert_eq!(x, [0, -16_192, 255, 0, 0, 0, 0, 0]);
        assert_eq!((embedding.count(), embedding.width(), embedding.bits()), (2, 3, 8));
        // −128 · 255 / 2.
        assert_eq!(embedding.limit(), 16_320);
        let mut sums = [0; 3];
        embedding.add(1, 0, &mut sums);
        assert_eq!(sums, [0; 3]);
    }

    #[test]
    fn two_weights_of_four_bits_share_a_byte() {
        let bytes = section(4, 0, &[0xF1, 0x08, 0x72, 0x05]);
        let embedding = Embedding::open(&bytes, false).expect("sound");
        let mut x = [7; 8];
        embedding.look_up(0, &mut x);
        assert_eq!(x, [10, -10, -80, 0, 0, 0, 0, 0]);
        embedding.look_up(1, &mut x);
        assert_eq!(x, [510, 1785, 1275, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_folded_row_is_added_to_sums() {
        let bytes = section(8, 2, &[1, 255, 127, 0, 129, 2]);
        let embedding = Embedding::open(&bytes, true).expect("sound");
        let mut sums = [1, 1, 1];
        embedding.add(0, 0, &mut sums);
        assert_eq!(sums, [41, -39, 5081]);
        embedding.add(0, 1, &mut sums);
        assert_eq!(sums, [1, 5041, 5081]);
        let mut x = [7; 8];
        embedding.look_up(0, &mut x);
        assert_eq!(x, [7; 8]);
    }

    #[test]
    fn errors_name_the_range() {
        let refused = |at: usize, byte: u8| {
            let mut bytes = section(8, 0, &[0; 6]);
            bytes[at] = byte;
            Embedding::open(&bytes, false).err()
        };
        let error = |found, least, most| Some(OpenError::Content(Subject::Embedding, found, [least, most]));
        assert_eq!(refused(0, 0), error(0, 1, 1 << 16));
        assert_eq!(refused(4, 0), error(0, 1, 1024));
        assert_eq!(refused(6, 5), error(5, 8, 8));
        assert_eq!(refused(7, 15), error(15, 0, 14));
        assert_eq!(refused(10, 1), error(1, 0, 0));
    }
}
