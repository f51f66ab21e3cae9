//! LSTM, gates i, f, g, o: c' = σ(f) ∘ c + σ(i) ∘ tanh(g), h' = σ(o) ∘ tanh(c').

use super::fused::{Recurrence, blocks, blocks_mut};
use super::simd::{sigmoid, tanh};

/// Keeps c', i, f, g, o and tanh(c'); carries c.
pub struct Lstm;

impl Recurrence for Lstm {
    const GATES: usize = 4;
    const SAVED: usize = 6;
    const CARRIED: usize = 1;

    #[inline(always)]
    fn forward(
        &self,
        input: &[f32],
        state: &[f32],
        _: &[f32],
        saved_before: &[f32],
        saved: &mut [f32],
        h: &mut [f32],
    ) {
        let width = h.len();
        let [xi, xf, xg, xo] = blocks(input, width);
        let [si, sf, sg, so] = blocks(state, width);
        let [c, i, f, g, o, squashed] = blocks_mut(saved, width);
        let before = &saved_before[..width];
        for u in 0..width {
            i[u] = sigmoid(xi[u] + si[u]);
            f[u] = sigmoid(xf[u] + sf[u]);
            g[u] = tanh(xg[u] + sg[u]);
            o[u] = sigmoid(xo[u] + so[u]);
            c[u] = f[u] * before[u] + i[u] * g[u];
            squashed[u] = tanh(c[u]);
            h[u] = o[u] * squashed[u];
        }
    }

    #[inline(always)]
    fn backward(
        &self,
        saved: &[f32],
        _: &[f32],
        saved_before: &[f32],
        _: &[f32],
        dh: &mut [f32],
        dc: &mut [f32],
        d_input: &mut [f32],
        d_state: &mut [f32],
    ) {
        let width = dh.len();
        let [_, i, f, g, o, squashed] = blocks(saved, width);
        let [xi, xf, xg, xo] = blocks_mut(d_input, width);
        let before = &saved_before[..width];
        let dc = &mut dc[..width];
        for u in 0..width {
            let d = dc[u] + dh[u] * o[u] * (1.0 - squashed[u] * squashed[u]);
            xo[u] = dh[u] * squashed[u] * o[u] * (1.0 - o[u]);
            xi[u] = d * g[u] * i[u] * (1.0 - i[u]);
            xf[u] = d * before[u] * f[u] * (1.0 - f[u]);
            xg[u] = d * i[u] * (1.0 - g[u] * g[u]);
            dc[u] = d * f[u];
            dh[u] = 0.0;
        }
        d_state.copy_from_slice(d_input);
    }
}
