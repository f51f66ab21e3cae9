//! Gated recurrent unit, as PyTorch's `nn.GRU` (the reset gate multiplies the hidden product
//! including its bias):
//!
//! ```text
//! r  = σ(W_r x + b_ir + U_r h + b_hr)
//! z  = σ(W_z x + b_iz + U_z h + b_hz)
//! n  = tanh(W_n x + b_in + r ∘ (U_n h + b_hn))
//! h' = (1 − z) ∘ n + z ∘ h  =  n + z ∘ (h − n)
//! ```

use crate::activation::{sigmoid, tanh};
use crate::fixed::{activation, round_shift};

/// U_n h + b_hn is kept within ±16 in steps of 2⁻¹², so that its product with r fits an i32.
const CANDIDATE_LIMIT: i32 = 65_535;

/// `units` \[H\] from `sums` \[4H\]: r, z, n of the input, n of the state.
pub fn update(shift: u32, hidden: usize, sums: &[i32], units: &mut [i16]) {
    let (r, rest) = sums.split_at_checked(hidden).unwrap_or_default();
    let (z, rest) = rest.split_at_checked(hidden).unwrap_or_default();
    let (input, state) = rest.split_at_checked(hidden).unwrap_or_default();
    for ((((h, &r), &z), &input), &state) in units.iter_mut().zip(r).zip(z).zip(input).zip(state) {
        let r = i32::from(sigmoid(activation(round_shift(r, shift))));
        let z = i32::from(sigmoid(activation(round_shift(z, shift))));
        let state = round_shift(state, shift).clamp(-CANDIDATE_LIMIT, CANDIDATE_LIMIT);
        let n = tanh(activation(round_shift(input, shift) + round_shift(r * state, 15)));
        // Between n and h, since z is between 0 and 1: nothing to saturate.
        *h = (i32::from(n) + round_shift(z * (i32::from(*h) - i32::from(n)), 15)) as i16;
    }
}
