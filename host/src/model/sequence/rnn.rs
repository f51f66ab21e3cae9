//! Elman's cell: h' = tanh(gi + gh).

use pulp::Simd;

use super::recurrence::{CellGradients, Recurrence};
use super::simd::tanh;

/// Keeps nothing beside h.
#[derive(Clone, Copy)]
pub struct Rnn;

impl Recurrence<1, 1, 0, 1> for Rnn {
    const INPUT: [usize; 1] = [0];
    const STATE: [usize; 1] = [0];
    const D_INPUT: [usize; 1] = [0];
    const D_STATE: [usize; 1] = [0];

    #[inline(always)]
    fn forward<S: Simd>(
        simd: S,
        sums: [S::f32s; 1],
        _: [f32; 2],
        _: S::f32s,
        _: S::f32s,
    ) -> (S::f32s, [S::f32s; 0]) {
        (tanh(simd, sums[0]), [])
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        _: [S::f32s; 0],
        _: [f32; 2],
        _: S::f32s,
        _: S::f32s,
        h: S::f32s,
        dh: S::f32s,
        dc: S::f32s,
    ) -> CellGradients<S, 1> {
        let sum = simd.mul_f32s(dh, simd.negate_mul_add_f32s(h, h, simd.splat_f32s(1.0)));
        CellGradients { sums: [sum], dh: simd.splat_f32s(0.0), dc }
    }
}
