//! All fixed-point formats, rounding and saturation.
//!
//! Buffers hold plain integers; their formats are named by types of the `fixed` crate.

/// Hidden states and pooled states: −1 to 1, steps of 2⁻¹⁵.
pub type Unit = fixed::types::I1F15;

/// Gates, as [`Curve`](crate::activation::Curve) returns them: 0 to 1, steps of 2⁻³¹.
pub type Gate = fixed::types::I1F31;

/// Class scores (logits): ±2¹⁹, steps of 2⁻¹².
pub type Score = fixed::types::I20F12;

/// The running mean of pooling: ±2, steps of 2⁻³⁰.
pub type Mean = fixed::types::I2F30;

/// The largest [`Unit`]; the smallest is −32,768.
pub const UNIT_MAX: i32 = 32_767;

/// The largest |round(unit / 2^`shift`)|, for a `shift` of 0 to 14.
#[must_use]
pub const fn unit_limit(shift: u32) -> u32 {
    1 << (15 - shift)
}

/// `value / 2^shift`, rounded to the nearest integer, halves up.
///
/// `shift` is 0 to 30 and `value + 2^(shift - 1)` below 2³¹; both are proven when a model file is opened. Telltale
/// always rounds integers by this rule.
#[inline(always)]
#[must_use]
pub const fn round_shift(value: i32, shift: u32) -> i32 {
    value.wrapping_add(half_step(shift)) >> (shift & 31)
}

/// [`round_shift`] for products of more than 32 bits: `shift` is 0 to 62 and `|value|` at most 2⁶².
#[inline(always)]
#[must_use]
pub const fn round_shift_long(value: i64, shift: u32) -> i64 {
    value.wrapping_add(((1u64 << (shift & 63)) >> 1) as i64) >> (shift & 63)
}

/// The largest shift of a row, of a layer's inputs and of the pooled state.
pub const MAX_SHIFT: u32 = 14;

/// Half of 2^`shift`: 0 for a shift of 0.
#[inline(always)]
#[must_use]
pub const fn half_step(shift: u32) -> i32 {
    ((1u32 << (shift & 31)) >> 1) as i32
}

/// `⌊value · factor / 2¹⁶⌋` of a `factor` from 0 to 32,767.
#[inline(always)]
#[must_use]
pub const fn scale(value: i32, factor: i32) -> i32 {
    if cfg!(kernel = "armv6m") {
        // For a core without long products: one half at a time.
        (value >> 16) * factor + (((value & 0xFFFF) * factor) >> 16)
    } else {
        ((value as i64 * factor as i64) >> 16) as i32
    }
}

/// The nearest `i16`.
#[inline(always)]
#[must_use]
pub const fn saturate(value: i32) -> i16 {
    if value > i16::MAX as i32 {
        i16::MAX
    } else if value < i16::MIN as i32 {
        i16::MIN
    } else {
        value as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_go_up() {
        let rounded = [-6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6].map(|value| round_shift(value, 2));
        assert_eq!(rounded, [-1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 2]);
        assert_eq!(round_shift(-7, 0), -7);
        assert_eq!(round_shift(i32::MAX - 1, 1), (1 << 30) - 1);
    }

    #[test]
    fn saturation_keeps_what_fits() {
        assert_eq!(
            [-40_000, -32_768, 5, 32_767, 40_000].map(saturate),
            [-32_768, -32_768, 5, 32_767, 32_767]
        );
    }

    #[test]
    fn a_rounded_unit_keeps_its_limit() {
        for shift in 0..15 {
            let largest = (-32_768..=UNIT_MAX).map(|unit| round_shift(unit, shift).unsigned_abs()).max();
            assert_eq!(largest, Some(unit_limit(shift)));
        }
    }

    #[test]
    fn long_values_are_rounded_alike() {
        for value in -40..40 {
            for shift in 0..5 {
                assert_eq!(round_shift_long(i64::from(value), shift), i64::from(round_shift(value, shift)));
            }
        }
        assert_eq!(round_shift_long(-7 << 40, 40), -7);
    }

    proptest! {
        #[test]
        fn rounding_is_that_of_f64(value in -(1i32 << 30)..1 << 30, shift in 0u32..=30) {
            let exact = f64::from(value) / f64::from(1u32 << shift);
            prop_assert_eq!(f64::from(round_shift(value, shift)), (exact + 0.5).floor());
        }

        #[test]
        fn both_ways_to_scale_agree(value: i32, factor in 0..=UNIT_MAX) {
            let halves = (value >> 16) * factor + (((value & 0xFFFF) * factor) >> 16);
            prop_assert_eq!(scale(value, factor), halves);
            prop_assert_eq!(halves as i64, (i64::from(value) * i64::from(factor)).div_euclid(1 << 16));
        }
    }
}
