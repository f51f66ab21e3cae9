//! Vectors: dispatch to the machine's instructions, exp, sigmoid and tanh.
//!
//! Everything here is `inline(always)` and meant to run inside [`vectorised`] or a `pulp::WithSimd`,
//! which compile for the vector instructions of the machine they run on. No sum runs across the
//! lanes of a vector, so the width of the vectors does not change a result.

use pulp::Simd;

/// Rows of numbers are padded with zeros to a multiple of this; every vector width divides it.
pub const LANES: usize = 16;

/// A row's width with its padding.
#[must_use]
pub const fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

/// Runs `act` compiled for the best vector instructions that this machine has.
pub fn vectorised<R>(act: impl FnOnce() -> R) -> R {
    struct Act<F>(F);
    impl<R, F: FnOnce() -> R> pulp::NullaryFnOnce for Act<F> {
        type Output = R;

        #[inline(always)]
        fn call(self) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Act(act))
}

/// Numbers as whole vectors; a rest that fills none is left out.
#[inline(always)]
pub fn vectors<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

/// The same, mutable.
#[inline(always)]
pub fn vectors_mut<S: Simd>(values: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(values).0
}

/// exp, to a relative error of 3·10⁻⁷, for arguments within ±86 (clamped).
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const ROUND: f32 = 12_582_912.0; // 1.5·2²³: adding it rounds to an integer, held in the low bits
    let number = |value: f32| simd.splat_f32s(value);
    let x = simd.min_f32s(simd.max_f32s(x, number(-86.0)), number(86.0));
    let shifted = simd.mul_add_f32s(x, number(std::f32::consts::LOG2_E), number(ROUND));
    let whole = simd.sub_f32s(shifted, number(ROUND));
    // ln 2 in two parts (Cody and Waite), then Taylor to the sixth order.
    let rest = simd.mul_add_f32s(whole, number(-0.693_359_4), x);
    let rest = simd.mul_add_f32s(whole, number(2.121_944_4e-4), rest);
    let mut sum = number(1.0 / 720.0);
    for factor in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = simd.mul_add_f32s(rest, sum, number(factor));
    }
    // Times 2^whole: the exponent's field begins at bit 23.
    let power = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(sum), power))
}

/// The logistic function, to 3·10⁻⁷.
#[inline(always)]
pub fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// The hyperbolic tangent, to 3·10⁻⁷.
#[inline(always)]
pub fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let power = exp(simd, simd.add_f32s(x, x));
    simd.sub_f32s(one, simd.div_f32s(simd.splat_f32s(2.0), simd.add_f32s(one, power)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::WithSimd;

    struct Both<'a>(&'a [f32], &'a mut [f32], &'a mut [f32]);

    impl WithSimd for Both<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let outputs = vectors_mut::<S>(self.1).iter_mut().zip(vectors_mut::<S>(self.2));
            for (&x, (s, t)) in vectors::<S>(self.0).iter().zip(outputs) {
                (*s, *t) = (sigmoid(simd, x), tanh(simd, x));
            }
        }
    }

    #[test]
    fn functions_are_accurate() {
        let mut x: Vec<f32> = (-40_000..40_000).map(|step| step as f32 / 2000.0).collect();
        x.extend([-1e30, -200.0, -86.5, 86.5, 200.0, 1e30].repeat(LANES));
        let (mut s, mut t) = (vec![9.0; x.len()], vec![9.0; x.len()]);
        pulp::Arch::new().dispatch(Both(&x, &mut s, &mut t));
        // Vectors of one number give the same numbers.
        let (mut narrow_s, mut narrow_t) = (s.clone(), s.clone());
        Both(&x, &mut narrow_s, &mut narrow_t).with_simd(pulp::Scalar);
        assert!(s == narrow_s && t == narrow_t);
        for ((&x, s), t) in x.iter().zip(s).zip(t) {
            let exact = f64::from(x);
            assert!((f64::from(s) - 1.0 / (1.0 + (-exact).exp())).abs() < 3e-7, "sigmoid {x}");
            assert!((f64::from(t) - exact.tanh()).abs() < 3e-7, "tanh {x}");
        }
    }
}
