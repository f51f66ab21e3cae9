//! Long short-term memory, like PyTorch's `nn.LSTM`:
//!
//! ```text
//! i = σ(W_i x + b_ii + U_i h + b_hi)      g = tanh(W_g x + b_ig + U_g h + b_hg)
//! f = σ(W_f x + b_if + U_f h + b_hf)      o = σ(W_o x + b_io + U_o h + b_ho)
//! c' = f ∘ c + i ∘ g                      h' = o ∘ tanh(c')
//! ```
//!
//! Sums of g are made for tanh(x) = 2·σ(2x) − 1: twice as large as a gate's.

use super::SUM_FRACTION;
use crate::activation::Curve;
use crate::fixed::{half_step, saturate};

/// `units` \[2H\], h then c, from `sums` \[4H\]: i, f, g, o; c is in steps of 2^(`format` − 15).
pub fn update(hidden: usize, format: u32, sums: &[i32], units: &mut [i16]) {
    let curve = const { Curve::new(SUM_FRACTION) };
    // 2c, whose steps are twice as large.
    let of_cell = Curve::new(14u32.wrapping_sub(format));
    let (h, c) = units.split_at_mut_checked(hidden).unwrap_or_default();
    let (i, rest) = sums.split_at_checked(hidden).unwrap_or_default();
    let (f, rest) = rest.split_at_checked(hidden).unwrap_or_default();
    let (g, o) = rest.split_at_checked(hidden).unwrap_or_default();
    for (((((h, c), &i), &f), &g), &o) in h.iter_mut().zip(c).zip(i).zip(f).zip(g).zip(o) {
        let i = curve.sigmoid(i) >> 16;
        let f = curve.sigmoid(f) >> 16;
        let g = curve.tanh_of_half(g) >> 15;
        let o = curve.sigmoid(o) >> 16;
        // Each product is below 2³⁰.
        let sum = f * i32::from(*c) + ((i * g + half_step(format)) >> format);
        *c = saturate((sum + half_step(15)) >> 15);
        let c = of_cell.tanh_of_half(i32::from(*c)) >> 15;
        *h = ((o * c + half_step(15)) >> 15) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    proptest! {
        #[test]
        fn a_unit_is_that_of_the_equations(
            sums in prop::array::uniform4(-(1i32 << 22)..1 << 22), c: i16, format in 0u32..=4,
        ) {
            let mut units = [0, c];
            update(1, format, &sums, &mut units);
            let number = |sum: i32, fraction: u32| f64::from(sum) / f64::from(fraction).exp2();
            let [i, f, _, o] = sums.map(|sum| sigmoid(number(sum, SUM_FRACTION)));
            let g = number(sums[2], SUM_FRACTION + 1).tanh();
            let range = f64::from(format).exp2();
            let cell = (f * number(c.into(), 15 - format) + i * g).clamp(-range, range);
            let hidden = o * cell.tanh();
            prop_assert!((number(units[1].into(), 15 - format) - cell).abs() < 5e-4 * range, "{} {cell}", units[1]);
            prop_assert!((number(units[0].into(), 15) - hidden).abs() < 1e-3 * range, "{} {hidden}", units[0]);
        }
    }

    #[test]
    fn a_cell_that_grows_saturates() {
        let mut units = [0, 0];
        // All gates open.
        (0..40).for_each(|_| update(1, 2, &[1 << 24; 4], &mut units));
        assert_eq!(units[1], i16::MAX);
        assert!(units[0] > 32_700, "{units:?}");
    }
}
