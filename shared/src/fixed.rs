//! Fixed-point formats, rounding and saturation: all of them, in this one place.
//!
//! Buffers hold the plain integers; the formats they are in carry the names of the `fixed` crate.

/// Hidden states, gates and pooled states: −1 to 1, steps of 2⁻¹⁵, kept within ±32,767.
pub type Unit = fixed::types::I1F15;

/// What enters tanh and sigmoid: −8 to 8, steps of 2⁻¹², saturating.
pub type Activation = fixed::types::I4F12;

/// Class scores (logits): ±2¹⁹, steps of 2⁻¹².
pub type Score = fixed::types::I20F12;

/// The running mean of pooling: ±2, steps of 2⁻³⁰.
pub type Mean = fixed::types::I2F30;

/// The largest magnitude of a [`Unit`]: both signs alike, so that negation never saturates.
pub const UNIT_MAX: i32 = 32_767;

/// `value / 2^shift`, rounded to the nearest integer, halves away from zero.
///
/// `shift` is 0 to 30 and `|value| + 2^(shift - 1)` below 2³¹; both are proven where a blob is
/// opened. This is the only rounding in Telltale.
#[inline(always)]
#[must_use]
pub const fn round_shift(value: i32, shift: u32) -> i32 {
    // Without the half, a shift of zero passes the value through; with the sign's −1, the
    // arithmetic shift, which rounds halves up, rounds the halves below zero down.
    let half = (1u32 << (shift & 31) >> 1) as i32;
    let nudge = if half == 0 { 0 } else { value >> 31 };
    value.wrapping_add(half).wrapping_add(nudge) >> (shift & 31)
}

/// The nearest value that an `i16` of equal range on both sides holds.
#[inline(always)]
#[must_use]
pub const fn saturate(value: i32) -> i16 {
    if value > UNIT_MAX {
        UNIT_MAX as i16
    } else if value < -UNIT_MAX {
        -UNIT_MAX as i16
    } else {
        value as i16
    }
}

/// The nearest [`Activation`]: what enters tanh and sigmoid uses all of an `i16`.
#[inline(always)]
#[must_use]
pub const fn activation(value: i32) -> i16 {
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
    fn halves_go_away_from_zero() {
        let rounded = [-6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6].map(|value| round_shift(value, 2));
        assert_eq!(rounded, [-2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2]);
        assert_eq!(round_shift(-7, 0), -7);
        assert_eq!(round_shift(i32::MAX - 1, 1), (1 << 30) - 1);
    }

    #[test]
    fn saturation_is_symmetric() {
        assert_eq!([-40_000, -32_768, 5, 40_000].map(saturate), [-32_767, -32_767, 5, 32_767]);
        assert_eq!([-40_000, -32_768, 5, 40_000].map(activation), [-32_768, -32_768, 5, 32_767]);
    }

    proptest! {
        #[test]
        fn rounding_is_that_of_f64(value in -(1i32 << 30)..1 << 30, shift in 0u32..=30) {
            let exact = f64::from(value) / f64::from(1u32 << shift);
            prop_assert_eq!(f64::from(round_shift(value, shift)), exact.round());
        }
    }
}
