//! Gated recurrent unit, as PyTorch's `nn.GRU` (the reset gate multiplies the hidden product
//! including its bias):
//!
//! ```text
//! r  = σ(W_r x + b_ir + U_r h + b_hr)
//! z  = σ(W_z x + b_iz + U_z h + b_hz)
//! n  = tanh(W_n x + b_in + r ∘ (U_n h + b_hn))
//! h' = (1 − z) ∘ n + z ∘ h  =  n + z ∘ (h − n)
//! ```
//!
//! Sums of n are made for tanh(x) = 2·σ(2x) − 1: those of the input twice, those of the state four
//! times as large as a gate's, so that a product with r in steps of 2⁻¹⁵, divided by 2¹⁶, adds to them.

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
    // In two rounds, so that a core's registers hold all that each needs.
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
