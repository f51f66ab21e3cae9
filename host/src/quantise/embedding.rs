//! The embedding's section.

use super::EmbeddingBits;
use super::scale::Inputs;
use crate::bytes::Bytes;

/// Multipliers are u8.
const MULTIPLIER_MAX: f64 = 255.0;

/// How the table becomes integers.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    bits: EmbeddingBits,
    /// What one step of (weight · multiplier) is worth.
    fine: f64,
    square: f64,
}

impl EmbeddingBits {
    /// The largest magnitude of a weight.
    const fn most(self) -> f64 {
        match self {
            Self::Four => 7.0,
            Self::Eight | Self::Folded => 127.0,
        }
    }
}

impl Format {
    /// The format in which the table's largest number has the largest weight and multiplier.
    #[must_use]
    pub fn of(table: &[f32], bits: EmbeddingBits) -> Self {
        let largest = table.iter().fold(f32::MIN_POSITIVE, |largest, e| largest.max(e.abs()));
        let squares: f64 = table.iter().map(|&e| f64::from(e) * f64::from(e)).sum();
        Self {
            bits,
            fine: f64::from(largest) / (bits.most() * MULTIPLIER_MAX),
            square: squares / table.len().max(1) as f64,
        }
    }

    /// The format of numbers in steps of 2^shift and that shift, the smallest that will do.
    #[must_use]
    pub fn folded(sums: &[f32]) -> (Self, u32) {
        let finest = Self::of(sums, EmbeddingBits::Folded);
        let shift = finest.fine.log2().ceil().max(0.0);
        (Self { fine: shift.exp2(), ..finest }, shift as u32)
    }

    /// What the first layer sees if products are divided by 2^`shift`.
    #[must_use]
    pub fn inputs(&self, shift: u32) -> Inputs {
        let largest = (self.bits.most() + 1.0) * MULTIPLIER_MAX;
        Inputs {
            limit: telltale::engine::fixed::round_shift(largest as i32, shift).unsigned_abs(),
            unit: self.fine * f64::from(shift).exp2(),
            square: self.square,
        }
    }
}

/// Quantises the table, whose rows have `width` numbers, to a section whose header tells `shift`.
#[must_use]
pub fn quantise(table: &[f32], width: usize, format: Format, shift: u32) -> Vec<u8> {
    let Format { bits, fine, .. } = format;
    let most = bits.most();
    let mut multipliers = Vec::new();
    let mut rows = Bytes::default();
    for row in table.chunks_exact(width) {
        let own = row.iter().fold(0.0f64, |largest, &e| largest.max(f64::from(e).abs()));
        let multiplier = (own / (most * fine)).ceil().clamp(1.0, MULTIPLIER_MAX);
        multipliers.push(multiplier as u8);
        let quantised = |e: f32| (f64::from(e) / (multiplier * fine)).round().clamp(-most, most) as i8;
        match bits {
            EmbeddingBits::Eight | EmbeddingBits::Folded => {
                row.iter().for_each(|&e| rows.bytes(&quantised(e).to_le_bytes()))
            }
            EmbeddingBits::Four => {
                for pair in row.chunks(2) {
                    let nibble = |at: usize| pair.get(at).map_or(0, |&e| quantised(e) as u8 & 15);
                    rows.bytes(&[nibble(0) | nibble(1) << 4]);
                }
            }
        }
    }
    let mut to = Bytes::default();
    to.u32(multipliers.len() as u32);
    to.u16(width as u16);
    to.bytes(&[if bits == EmbeddingBits::Four { 4 } else { 8 }, shift as u8]);
    to.bytes(&multipliers);
    to.align(4);
    to.bytes(&rows.into_vec());
    to.align(4);
    to.into_vec()
}
