//! Elman's cell, as PyTorch's `nn.RNN` with tanh:
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
