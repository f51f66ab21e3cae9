//! Elman's cell, as PyTorch's `nn.RNN` with tanh:
//!
//! ```text
//! h' = tanh(W x + b_ih + U h + b_hh)
//! ```

use crate::activation::tanh;
use crate::fixed::{activation, round_shift};

/// `units` \[H\] from `sums` \[H\].
pub fn update(shift: u32, sums: &[i32], units: &mut [i16]) {
    for (h, &sum) in units.iter_mut().zip(sums) {
        *h = tanh(activation(round_shift(sum, shift)));
    }
}
