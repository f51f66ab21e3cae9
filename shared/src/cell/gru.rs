//! Gated recurrent unit, like PyTorch's `nn.GRU` (the reset gate multiplies the hidden product including its bias):
//!
//! ```text
//! r  = σ(W_r x + b_ir + U_r h + b_hr)
//! z  = σ(W_z x + b_iz + U_z h + b_hz)
//! n  = tanh(W_n x + b_in + r ∘ (U_n h + b_hn))
//! h' = (1 − z) ∘ n + z ∘ h  =  n + z ∘ (h − n)
//! ```
//!
//! Sums of n are made for tanh(x) = 2·σ(2x) − 1: those of the input twice and those of the state four times as large as
//! a gate's, so that a product with r in steps of 2⁻¹⁵, divided by 2¹⁶, adds to them.

use super::SUM_FRACTION;
use crate::activation::Curve;
use crate::fixed::{half_step, scale};
use crate::kernel::gru;

/// `units` from their `sums` of r, z, n of the input and n of the state, which lie `block` apart and are
/// overwritten.
pub fn update(block: usize, sums: &mut [i32], units: &mut [i16]) {
    let done = gru(block, sums, units);
    if done == units.len() || cfg!(any(kernel = "armv6m", kernel = "riscv")) {
        return;
    }
    let Some((r, rest)) = sums.split_at_mut_checked(block) else { return };
    let Some((z, rest)) = rest.split_at_mut_checked(block) else { return };
    let Some((n, state)) = rest.split_at_mut_checked(block) else { return };
    if done == 0 {
        return portable(r, z, n, state, units);
    }
    let [r, z, n, state] = [r, z, n, state].map(|sums| sums.get_mut(done..).unwrap_or(&mut []));
    portable(r, z, n, state, units.get_mut(done..).unwrap_or(&mut []));
}

/// The definition: `units` from the sums of r, z, n of the input, which is overwritten, and n of the state.
pub fn portable(r: &[i32], z: &[i32], n: &mut [i32], state: &[i32], units: &mut [i16]) {
    let curve = const { Curve::new(SUM_FRACTION) };
    // In two rounds, each of which fits a core's registers.
    for ((n, &r), &state) in n.iter_mut().zip(r).zip(state) {
        *n += scale(state, curve.sigmoid(r) >> 16);
    }
    for ((h, &z), &n) in units.iter_mut().zip(z).zip(&*n) {
        let z = curve.sigmoid(z) >> 16;
        let n = curve.tanh_of_half(n) + half_step(15);
        // Between n and h, since z is between 0 and 1: nothing overflows.
        *h = ((n + z * (i32::from(*h) - (n >> 15))) >> 15) as i16;
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
            r in -(1i32 << 22)..1 << 22, z in -(1i32 << 22)..1 << 22, n in -(1i32 << 22)..1 << 22,
            state in -(1i32 << 22)..1 << 22, h: i16,
        ) {
            let mut units = [h];
            portable(&[r], &[z], &mut [n], &[state], &mut units);
            let number = |sum: i32, fraction: u32| f64::from(sum) / f64::from(fraction).exp2();
            let [r, z] = [r, z].map(|sum| sigmoid(number(sum, SUM_FRACTION)));
            let n = (number(n, SUM_FRACTION + 1) + r * number(state, SUM_FRACTION + 2)).tanh();
            let expected = n + z * (number(h.into(), 15) - n);
            prop_assert!((number(units[0].into(), 15) - expected).abs() < 4e-4, "{} {expected}", units[0]);
        }

        /// In blocks or at once, by whatever kernel: the same units.
        #[test]
        fn blocks_give_the_same_units(sums in prop::collection::vec(-(1i32 << 28)..1 << 28, 4 * 12), h: [i16; 12]) {
            let (mut expected, mut own) = (h, h);
            let mut n = sums[24..36].to_vec();
            portable(&sums[..12], &sums[12..24], &mut n, &sums[36..], &mut expected);
            let mut whole = sums.clone();
            update(12, &mut whole, &mut own);
            prop_assert_eq!(own, expected);
            let mut in_blocks = h;
            for (first, units) in (0..).step_by(4).zip(in_blocks.chunks_mut(4)) {
                let mut block: Vec<i32> =
                    (0..4).flat_map(|gate| sums[12 * gate + first..][..4].to_vec()).collect();
                update(4, &mut block, units);
            }
            prop_assert_eq!(in_blocks, expected);
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        let most = (1 << 30) - 1;
        for n in [most, -most] {
            for state in [most, -most] {
                let mut units = [i16::MIN, i16::MAX];
                portable(&[most, -most], &[most, -most], &mut [n, n], &[state, state], &mut units);
                assert!(units[0] == i16::MIN || units[0] < -32_760, "{units:?}");
            }
        }
    }
}
