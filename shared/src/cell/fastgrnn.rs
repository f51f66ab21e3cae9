//! FastGRNN, whose gate and candidate share one map (Kusupati, Singh, Bhatia, Kumar, Jain and Varma,
//! "FastGRNN: a fast, accurate, stable and tiny kilobyte sized gated recurrent neural network", 2018):
//!
//! ```text
//! a  = W x + U h
//! z  = σ(a + b_z)
//! n  = tanh(a + b_h)
//! h' = (ζ (1 − z) + ν) ∘ n + z ∘ h
//! ```
//!
//! ζ and ν are numbers of the layer, between 0 and 1. PyTorch has no such module.
//!
//! Sums are those of n, made for tanh(x) = 2·σ(2x) − 1: 2(a + b_h). Read in steps half as large they are a + b_h, to
//! which a unit's offset adds b_z − b_h to make the argument of z.
//!
//! # Range
//!
//! In the equations a unit may leave ±1: while z is near 1, ν·n adds up. Dividing all states by a number yields an
//! equivalent network, if ζ and ν are divided by it, and U and all else that takes the states is multiplied; so the
//! export divides by the largest state of training texts plus a margin, and at least by ζ + ν. Beyond ±1 a unit
//! saturates.
//!
//! With ζ + ν ≤ 1 − 2⁻¹⁵, checked on opening, both factors are at most 32,767 in steps of 2⁻¹⁵. |n| is at
//! most 32,766 and |h| 32,768, so that the sum of both products and half a step stays below 2³¹.

use super::SUM_FRACTION;
use crate::activation::Curve;
use crate::fixed::{UNIT_MAX, half_step, saturate};
#[cfg(feature = "fastgrnn")]
use crate::format::SectionReader;

/// Offsets stay below this, and sums, too: an argument of z is the sum of two.
pub const LIMIT: u32 = 1 << 30;

/// A layer's parameters beside its map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix<'a> {
    /// −ζ in 16 bits, for a core's short product.
    less: i16,
    nu: i16,
    offsets: &'a [i32],
}

impl<'a> Mix<'a> {
    /// Reads the parameters after a layer's map of `hidden` units; errors are the reader's.
    #[cfg(feature = "fastgrnn")]
    pub(super) fn read(reader: &mut SectionReader<'a>, zeta: u32, nu: u32, hidden: usize) -> Self {
        let offsets = reader.words(hidden);
        reader.align16();
        Self::new(zeta as usize, nu as usize, offsets).unwrap_or_else(|| {
            reader.outside(zeta + nu, 0, 32_767);
            Self::default()
        })
    }

    /// ζ and ν in steps of 2⁻¹⁵, and for each unit 2(b_z − b_h) in steps of sums; `None` unless
    /// ζ + ν ≤ 32,767 and offsets are below [`LIMIT`].
    #[must_use]
    pub fn new(zeta: usize, nu: usize, offsets: &'a [i32]) -> Option<Self> {
        let sound = zeta.checked_add(nu).is_some_and(|sum| sum <= UNIT_MAX as usize)
            && offsets.iter().all(|offset| offset.unsigned_abs() < LIMIT);
        sound.then(|| Self { less: -(zeta as i16), nu: nu as i16, offsets })
    }
}

/// `units` \[H\] from `sums` \[H\], which are below [`LIMIT`].
pub fn update(mix: Mix<'_>, sums: &[i32], units: &mut [i16]) {
    let candidate = const { Curve::new(SUM_FRACTION) };
    let gate = const { Curve::new(SUM_FRACTION + 1) };
    let (less, nu) = (i32::from(mix.less), i32::from(mix.nu));
    // ζ + ν in steps of 2⁻³⁰, plus half a step to round.
    let most = ((nu - less) << 15) + half_step(15);
    for ((h, &sum), &offset) in units.iter_mut().zip(sums).zip(mix.offsets) {
        let z = gate.sigmoid(sum + offset) >> 16;
        let n = candidate.tanh_of_half(sum) >> 15;
        // The factor of n: ζ (1 − z) + ν.
        let share = (most + less * z) >> 15;
        *h = saturate((z * i32::from(*h) + half_step(15) + share * n) >> 15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The equations, of numbers.
    fn exact([zeta, nu]: [f64; 2], [sum, gate]: [f64; 2], h: f64) -> f64 {
        let z = 1.0 / (1.0 + (-gate).exp());
        ((zeta * (1.0 - z) + nu) * sum.tanh() + z * h).clamp(-1.0, 1.0)
    }

    proptest! {
        #[test]
        fn a_unit_is_that_of_the_equations(
            zeta in 0usize..=32_767, share in 0usize..=32_767, sum in -(1i32 << 22)..1 << 22,
            offset in -(1i32 << 22)..1 << 22, h: i16,
        ) {
            let nu = (32_767 - zeta) * share / 32_767;
            let offsets = [offset];
            let mix = Mix::new(zeta, nu, &offsets).expect("in range");
            let mut units = [h];
            update(mix, &[sum], &mut units);
            let number = |value: f64, fraction: u32| value / f64::from(fraction).exp2();
            let expected = exact(
                [zeta, nu].map(|factor| number(factor as f64, 15)),
                [sum, sum + offset].map(|sum| number(sum.into(), SUM_FRACTION + 1)),
                number(h.into(), 15),
            );
            // The tables' errors (their own tests), 10⁻⁴ for n and twice 8·10⁻⁵ for z, and three roundings.
            prop_assert!((number(units[0].into(), 15) - expected).abs() < 4e-4, "{} {}", units[0], expected);
        }

        /// Every sum, offset and state that a blob can give; overflow is a panic in tests.
        #[test]
        fn extremes_do_not_overflow(
            zeta in 0usize..=32_767, sum in -(LIMIT as i32) + 1..LIMIT as i32,
            offset in -(LIMIT as i32) + 1..LIMIT as i32, h: i16,
        ) {
            for (sum, offset, h) in [
                (sum, offset, h),
                (LIMIT as i32 - 1, LIMIT as i32 - 1, i16::MAX),
                (1 - LIMIT as i32, 1 - LIMIT as i32, i16::MIN),
                (LIMIT as i32 - 1, 1 - LIMIT as i32, i16::MIN),
                (1 - LIMIT as i32, LIMIT as i32 - 1, i16::MIN),
            ] {
                let offsets = [offset];
                let mut units = [h];
                update(Mix::new(zeta, 32_767 - zeta, &offsets).expect("in range"), &[sum], &mut units);
            }
        }
    }

    #[test]
    fn a_unit_that_grows_saturates() {
        let offsets = [1 << 29];
        let mix = Mix::new(1000, 20_000, &offsets).expect("in range");
        for (sum, end) in [(1 << 24, i16::MAX), (-1 << 24, i16::MIN)] {
            let mut units = [0];
            (0..5).for_each(|_| update(mix, &[sum], &mut units));
            assert_eq!(units, [end]);
        }
    }

    #[test]
    fn factors_and_offsets_out_of_range_are_refused() {
        assert_eq!(Mix::new(32_767, 1, &[]), None);
        assert_eq!(Mix::new(usize::MAX, 1, &[]), None);
        assert!(Mix::new(32_766, 1, &[1 - LIMIT as i32, LIMIT as i32 - 1]).is_some());
        assert_eq!(Mix::new(0, 0, &[LIMIT as i32]), None);
        assert_eq!(Mix::new(0, 0, &[i32::MIN]), None);
    }
}
