//! FastGRNN, one map a for gate and candidate: z = σ(a + b_z), n = tanh(a + b_h),
//! h' = (ζ (1 − z) + ν) ∘ n + z ∘ h.

use pulp::Simd;

use super::recurrence::{CellGradients, Recurrence};
use super::simd::{sigmoid, tanh};

/// Sums a, b_z and b_h; keeps z and n; gradients of these sums, of ζ and of ν.
#[derive(Clone, Copy)]
pub struct Fastgrnn;

impl Recurrence<1, 3, 2, 5> for Fastgrnn {
    const INPUT: [usize; 1] = [0];
    const STATE: [usize; 1] = [0];
    const INPUT_BIAS: [usize; 1] = [1];
    const STATE_BIAS: [usize; 1] = [2];
    const D_INPUT: [usize; 1] = [0];
    const D_STATE: [usize; 1] = [0];
    const D_INPUT_BIAS: [usize; 1] = [1];
    const D_STATE_BIAS: [usize; 1] = [2];
    const D_MIX: Option<[usize; 2]> = Some([3, 4]);

    #[inline(always)]
    fn forward<S: Simd>(
        simd: S,
        [a, of_gate, of_candidate]: [S::f32s; 3],
        mix: [f32; 2],
        before: S::f32s,
        _: S::f32s,
    ) -> (S::f32s, [S::f32s; 2]) {
        let z = sigmoid(simd, simd.add_f32s(a, of_gate));
        let n = tanh(simd, simd.add_f32s(a, of_candidate));
        let past = simd.mul_f32s(z, before);
        (simd.mul_add_f32s(share(simd, mix, z), n, past), [z, n])
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        [z, n]: [S::f32s; 2],
        mix: [f32; 2],
        before: S::f32s,
        _: S::f32s,
        _: S::f32s,
        dh: S::f32s,
        dc: S::f32s,
    ) -> CellGradients<S, 5> {
        let one = simd.splat_f32s(1.0);
        let product = |a: S::f32s, b: S::f32s| simd.mul_f32s(a, b);
        let rest = simd.sub_f32s(one, z);
        let dn = product(product(dh, share(simd, mix, z)), simd.negate_mul_add_f32s(n, n, one));
        let turned = simd.negate_mul_add_f32s(simd.splat_f32s(mix[0]), n, before);
        let dz = product(product(dh, turned), product(z, rest));
        let d_nu = product(dh, n);
        CellGradients {
            sums: [simd.add_f32s(dz, dn), dz, dn, product(d_nu, rest), d_nu],
            dh: product(dh, z),
            dc,
        }
    }
}

/// ζ (1 − z) + ν
#[inline(always)]
fn share<S: Simd>(simd: S, [zeta, nu]: [f32; 2], z: S::f32s) -> S::f32s {
    simd.negate_mul_add_f32s(simd.splat_f32s(zeta), z, simd.splat_f32s(zeta + nu))
}
