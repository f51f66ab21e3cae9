//! Elman's cell, like PyTorch's `nn.RNN` with tanh:
//!
//! ```text
//! h' = tanh(W x + b_ih + U h + b_hh)
//! ```
//!
//! Sums are made for tanh(x) = 2·σ(2x) − 1: twice as large as a gate's would be.

use super::SUM_FRACTION;
use crate::activation::Curve;
use crate::fixed::half_step;

/// `units` \[H\] from `sums` \[H\].
pub fn update(sums: &[i32], units: &mut [i16]) {
    let curve = const { Curve::new(SUM_FRACTION) };
    for (h, &sum) in units.iter_mut().zip(sums) {
        *h = ((curve.tanh_of_half(sum) + half_step(15)) >> 15) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_unit_is_that_of_the_equation(sum in -(1i32 << 22)..1 << 22) {
            let mut units = [0];
            update(&[sum], &mut units);
            let expected = (f64::from(sum) / f64::from(SUM_FRACTION + 1).exp2()).tanh();
            prop_assert!((f64::from(units[0]) / 32_768.0 - expected).abs() < 2e-4, "{} {expected}", units[0]);
        }
    }

    #[test]
    fn extremes_stay_in_range() {
        let mut units = [7; 3];
        update(&[i32::MIN, i32::MAX, 0], &mut units);
        assert!(units[0] < -32_760 && units[1] > 32_760 && units[2] == 0, "{units:?}");
    }
}
