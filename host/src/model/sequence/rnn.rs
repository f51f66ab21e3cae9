//! Elman's cell: h' = tanh(gi + gh).

use super::fused::Recurrence;
use super::simd::tanh;

/// Keeps nothing beside h.
pub struct Rnn;

impl Recurrence for Rnn {
    const GATES: usize = 1;
    const SAVED: usize = 0;
    const CARRIED: usize = 0;

    #[inline(always)]
    fn forward(&self, input: &[f32], state: &[f32], _: &[f32], _: &[f32], _: &mut [f32], h: &mut [f32]) {
        for ((h, &input), &state) in h.iter_mut().zip(input).zip(state) {
            *h = tanh(input + state);
        }
    }

    #[inline(always)]
    fn backward(
        &self,
        _: &[f32],
        _: &[f32],
        _: &[f32],
        h: &[f32],
        dh: &mut [f32],
        _: &mut [f32],
        d_input: &mut [f32],
        d_state: &mut [f32],
    ) {
        for (((dh, &h), d_input), d_state) in dh.iter_mut().zip(h).zip(d_input).zip(d_state) {
            let sum = *dh * (1.0 - h * h);
            (*d_input, *d_state, *dh) = (sum, sum, 0.0);
        }
    }
}
