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

/// Zeroes a share `p` of the numbers and scales the others by 1/(1 − p); rows of `width` numbers lie
/// `stride` apart.
pub fn drop(values: &mut [f32], stride: usize, width: usize, p: f32, seed: u32) {
    if p <= 0.0 {
        return;
    }
    let kept = 1.0 / (1.0 - p);
    let threshold = (f64::from(p) * 4_294_967_296.0) as u32;
    vectorised(
        #[inline(always)]
        || {
            for (row, values) in values.chunks_exact_mut(stride).enumerate() {
                let from = (row as u32).wrapping_mul(width as u32);
                // Wrapping, as a check for overflow would keep the loop from being vectorised.
                for (at, value) in values[..width].iter_mut().enumerate() {
                    let factor =
                        if bits(from.wrapping_add(at as u32), seed) < threshold { 0.0 } else { kept };
                    *value *= factor;
                }
            }
        },
    );
}

/// The same on a tensor \[rows×width\], with gradients.
///
/// # Errors
/// If the device fails.
pub fn dropped(x: &Tensor, p: f32, seed: u32) -> Result<Tensor> {
    if p <= 0.0 || x.elem_count() == 0 {
        return Ok(x.clone());
    }
    let (_, width) = x.dims2()?;
    let mut mask = vec![1.0; x.elem_count()];
    drop(&mut mask, width, width, p, seed);
    x * Tensor::from_vec(mask, x.shape(), x.device())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_dropped_whatever_the_seed() {
        for (p, seed) in [(0.25, 0), (0.25, 1), (0.9, 77), (0.01, u32::MAX)] {
            let mut values = vec![1.0f32; 64 * 1000];
            drop(&mut values, 64, 50, p, seed);
            let seen = || values.chunks_exact(64).flat_map(|row| &row[..50]);
            let mean = seen().sum::<f32>() / 50_000.0;
            let kept = 1.0 / (1.0 - p);
            // Five standard deviations.
            assert!((mean - 1.0).abs() < 5.0 * (p * kept / 50_000.0).sqrt(), "{p} {seed}: {mean}");
            assert!(seen().all(|&value| value == 0.0 || value == kept));
            assert!(values.chunks_exact(64).all(|row| row[50..].iter().all(|&rest| rest == 1.0)));
            // Neighbours in a row and in a column are dropped independently.
            for far in [1, 64] {
                let both =
                    (0..63_000).filter(|&at| at % 64 < 49 && values[at] == 0.0 && values[at + far] == 0.0);
                let share = both.count() as f32 / 48_000.0;
                assert!((share - p * p).abs() < 0.02, "{p} {seed} {far}: {share}");
            }
        }
    }

    #[test]
    fn seeds_give_different_masks() {
        let mask = |seed| {
            let mut values = vec![1.0f32; 4096];
            drop(&mut values, 16, 16, 0.5, seed);
            values
        };
        let same = mask(1).iter().zip(mask(2)).filter(|(a, b)| **a == *b).count();
        assert!((1800..2300).contains(&same), "{same}");
        assert_eq!(mask(3), mask(3));
    }
}
