//! Long short-term memory, as PyTorch's `nn.LSTM`:
//!
//! ```text
//! i = σ(W_i x + b_ii + U_i h + b_hi)      g = tanh(W_g x + b_ig + U_g h + b_hg)
//! f = σ(W_f x + b_if + U_f h + b_hf)      o = σ(W_o x + b_io + U_o h + b_ho)
//! c' = f ∘ c + i ∘ g                      h' = o ∘ tanh(c')
//! ```

use crate::activation::{sigmoid, tanh};
use crate::fixed::{activation, round_shift, saturate};

/// `units` \[2H\], h then c, from `sums` \[4H\]: i, f, g, o; c is in steps of 2^(`format` − 15).
pub fn update(shift: u32, hidden: usize, format: u32, sums: &[i32], units: &mut [i16]) {
    let (h, c) = units.split_at_mut_checked(hidden).unwrap_or_default();
    let (i, rest) = sums.split_at_checked(hidden).unwrap_or_default();
    let (f, rest) = rest.split_at_checked(hidden).unwrap_or_default();
    let (g, o) = rest.split_at_checked(hidden).unwrap_or_default();
    for (((((h, c), &i), &f), &g), &o) in h.iter_mut().zip(c).zip(i).zip(f).zip(g).zip(o) {
        let i = i32::from(sigmoid(activation(round_shift(i, shift))));
        let f = i32::from(sigmoid(activation(round_shift(f, shift))));
        let g = i32::from(tanh(activation(round_shift(g, shift))));
        let o = i32::from(sigmoid(activation(round_shift(o, shift))));
        *c = saturate(round_shift(f * i32::from(*c) + round_shift(i * g, format), 15));
        *h = round_shift(o * i32::from(tanh(to_activation(*c, format))), 15) as i16;
    }
}

/// From steps of 2^(`format` − 15) to steps of 2⁻¹².
#[inline(always)]
fn to_activation(c: i16, format: u32) -> i16 {
    match format.checked_sub(3) {
        None => round_shift(c.into(), 3 - format) as i16,
        Some(up) => saturate(i32::from(c) << (up & 1)),
    }
}
