//! GRU, gates r, z, n: r = σ(gi_r + gh_r), z = σ(gi_z + gh_z), n = tanh(gi_n + r ∘ gh_n),
//! h' = n + z ∘ (h − n).

use pulp::Simd;

use super::recurrence::{CellGradients, Recurrence};
use super::simd::{sigmoid, tanh};

/// Sums r, z, gi_n and gh_n; keeps r, z, n and gh_n; gradients of gi_n, r, z and gh_n.
#[derive(Clone, Copy)]
pub struct Gru;

impl Recurrence<3, 4, 4, 4> for Gru {
    const INPUT: [usize; 3] = [0, 1, 2];
    const STATE: [usize; 3] = [0, 1, 3];
    const D_INPUT: [usize; 3] = [1, 2, 0];
    const D_STATE: [usize; 3] = [1, 2, 3];

    #[inline(always)]
    fn forward<S: Simd>(
        simd: S,
        sums: [S::f32s; 4],
        _: [f32; 2],
        before: S::f32s,
        _: S::f32s,
    ) -> (S::f32s, [S::f32s; 4]) {
        let (r, z) = (sigmoid(simd, sums[0]), sigmoid(simd, sums[1]));
        let n = tanh(simd, simd.mul_add_f32s(r, sums[3], sums[2]));
        (simd.mul_add_f32s(z, simd.sub_f32s(before, n), n), [r, z, n, sums[3]])
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        [r, z, n, saved]: [S::f32s; 4],
        _: [f32; 2],
        before: S::f32s,
        _: S::f32s,
        _: S::f32s,
        dh: S::f32s,
        dc: S::f32s,
    ) -> CellGradients<S, 4> {
        let one = simd.splat_f32s(1.0);
        let rest = |gate: S::f32s| simd.sub_f32s(one, gate);
        let product = |a: S::f32s, b: S::f32s| simd.mul_f32s(a, b);
        let through = product(dh, z);
        let dn = product(simd.sub_f32s(dh, through), simd.negate_mul_add_f32s(n, n, one));
        let dz = product(product(through, rest(z)), simd.sub_f32s(before, n));
        let state = product(dn, r);
        let dr = product(product(state, saved), rest(r));
        CellGradients { sums: [dn, dr, dz, state], dh: through, dc }
    }
}
