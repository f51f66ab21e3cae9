//! Dropout whose masks are a function of a seed and a place, so that the way back and every device
//! make the same ones.

use candle_core::{Result, Tensor};

use super::sequence::simd::vectorised;

/// 32 bits for a place under a seed: two rounds of multiply and shift.
#[inline(always)]
const fn bits(place: u32, seed: u32) -> u32 {
    let mut x = place.wrapping_mul(0x9E37_79B1);
    x = (x ^ (x >> 15) ^ seed).wrapping_mul(0x2C1B_3C6D);
    x = (x ^ (x >> 12)).wrapping_mul(0x297A_2D39);
    x ^ (x >> 15)
}

/// Dropout with a share `p` of zeros; the other numbers are scaled by 1/(1 − p).
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropout {
    /// The share, below 1.
    pub p: f32,
    /// The mask's seed.
    pub seed: u32,
}

impl Dropout {
    /// Drops numbers where they are; a number's place is its index.
    pub fn apply(self, values: &mut [f32]) {
        if self.p <= 0.0 {
            return;
        }
        let scale = 1.0 / (1.0 - self.p);
        let threshold = (f64::from(self.p) * 4_294_967_296.0) as u32;
        vectorised(
            #[inline(always)]
            || {
                for (place, value) in values.iter_mut().enumerate() {
                    *value *= if bits(place as u32, self.seed) < threshold { 0.0 } else { scale };
                }
            },
        );
    }

    /// The same in tensor operations on any device, with gradients.
    ///
    /// # Errors
    /// If the device fails.
    pub fn on_tape(self, x: &Tensor) -> Result<Tensor> {
        if self.p <= 0.0 || x.elem_count() == 0 {
            return Ok(x.clone());
        }
        let mut mask = vec![1.0; x.elem_count()];
        self.apply(&mut mask);
        x * Tensor::from_vec(mask, x.shape(), x.device())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_dropped_whatever_the_seed() {
        for (p, seed) in [(0.25, 0), (0.25, 1), (0.9, 77), (0.01, u32::MAX)] {
            let mut values = vec![1.0f32; 64_000];
            Dropout { p, seed }.apply(&mut values);
            let mean = values.iter().sum::<f32>() / 64_000.0;
            let scale = 1.0 / (1.0 - p);
            // Five standard deviations.
            assert!((mean - 1.0).abs() < 5.0 * (p * scale / 64_000.0).sqrt(), "{p} {seed}: {mean}");
            assert!(values.iter().all(|&value| value == 0.0 || value == scale));
            // Neighbours in a row and in a column are dropped independently.
            for far in [1, 64] {
                let both = (0..63_000).filter(|&at| values[at] == 0.0 && values[at + far] == 0.0);
                let share = both.count() as f32 / 63_000.0;
                assert!((share - p * p).abs() < 0.02, "{p} {seed} {far}: {share}");
            }
        }
    }

    #[test]
    fn seeds_give_different_masks() {
        let mask = |seed| {
            let mut values = vec![1.0f32; 4096];
            Dropout { p: 0.5, seed }.apply(&mut values);
            values
        };
        let same = mask(1).iter().zip(mask(2)).filter(|(a, b)| **a == *b).count();
        assert!((1800..2300).contains(&same), "{same}");
        assert_eq!(mask(3), mask(3));
    }
}
