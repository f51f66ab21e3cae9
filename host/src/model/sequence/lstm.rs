//! LSTM, gates i, f, g, o: c' = σ(f) ∘ c + σ(i) ∘ tanh(g), h' = σ(o) ∘ tanh(c').

use pulp::Simd;

use super::recurrence::{CellGradients, Recurrence};
use super::simd::{sigmoid, tanh};

/// Sums and gradients in the gates' order; keeps c', i, f, g and o; carries c.
#[derive(Clone, Copy)]
pub struct Lstm;

impl Recurrence<4, 4, 5, 4> for Lstm {
    const INPUT: [usize; 4] = [0, 1, 2, 3];
    const STATE: [usize; 4] = [0, 1, 2, 3];
    const D_INPUT: [usize; 4] = [0, 1, 2, 3];
    const D_STATE: [usize; 4] = [0, 1, 2, 3];

    #[inline(always)]
    fn forward<S: Simd>(
        simd: S,
        sums: [S::f32s; 4],
        _: [f32; 2],
        _: S::f32s,
        c: S::f32s,
    ) -> (S::f32s, [S::f32s; 5]) {
        let (i, f) = (sigmoid(simd, sums[0]), sigmoid(simd, sums[1]));
        let (g, o) = (tanh(simd, sums[2]), sigmoid(simd, sums[3]));
        let c = simd.mul_add_f32s(f, c, simd.mul_f32s(i, g));
        (simd.mul_f32s(o, tanh(simd, c)), [c, i, f, g, o])
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        [c, i, f, g, o]: [S::f32s; 5],
        _: [f32; 2],
        _: S::f32s,
        before: S::f32s,
        _: S::f32s,
        dh: S::f32s,
        dc: S::f32s,
    ) -> CellGradients<S, 4> {
        let one = simd.splat_f32s(1.0);
        let product = |a: S::f32s, b: S::f32s| simd.mul_f32s(a, b);
        // σ' = σ (1 − σ)
        let slope = |gate: S::f32s| product(gate, simd.sub_f32s(one, gate));
        let squashed = tanh(simd, c);
        let own = product(product(dh, o), simd.negate_mul_add_f32s(squashed, squashed, one));
        let d = simd.add_f32s(dc, own);
        let sums = [
            product(product(d, g), slope(i)),
            product(product(d, before), slope(f)),
            product(product(d, i), simd.negate_mul_add_f32s(g, g, one)),
            product(product(dh, squashed), slope(o)),
        ];
        CellGradients { sums, dh: simd.splat_f32s(0.0), dc: product(d, f) }
    }
}
