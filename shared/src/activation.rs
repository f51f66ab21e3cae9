//! Sigmoid, tanh and the exponential of softmax: integer tables with linear interpolation.
//!
//! | function | argument | value | table | largest error |
//! |---|---|---|---|---|
//! | [`Curve::sigmoid`] | i32 of any fraction | [`Gate`](crate::fixed::Gate) | 513 × u16 or 512 × u32 | 5·10⁻⁵ |
//! | [`Curve::tanh_of_half`] | the same | steps of 2⁻³⁰ | the same | 10⁻⁴ |
//! | [`exp_negative`] | 2⁻¹² steps | 2⁻¹⁶ steps | 65 × u32 | 4·10⁻⁵ |
//!
//! The errors hold over the whole domain and are tested there.
//!
//! tanh(x) = 2·sigmoid(2x) − 1: sums for tanh are made twice as large, and one table serves both.

#[cfg(any(test, nodes))]
use crate::kernel::blend;
use crate::kernel::saturate9;

/// Segments of the sigmoid's table: 1/16 wide, from −16 to 16.
pub(crate) const SEGMENTS: usize = 512;

/// Sigmoid and tanh of numbers with a given count of fractional bits.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    /// Down to whole segments.
    pub(crate) down: u32,
    /// Up to the part of a segment, in 32 bits.
    pub(crate) up: u32,
}

impl Curve {
    /// For arguments in steps of 2^−`fraction`, 4 to 35.
    #[inline(always)]
    #[must_use]
    pub const fn new(fraction: u32) -> Self {
        let down = fraction.wrapping_sub(4) & 31;
        Self { down, up: 31 - down }
    }

    /// sigmoid(`x`) in steps of 2⁻³¹, from 2⁻¹⁵ to 1 − 2⁻¹⁵: on the line between the nodes around `x`, whose distance
    /// is taken with 14 bits, plus half a step.
    ///
    /// Its upper half alone, in steps of 2⁻¹⁵, keeps the error stated above.
    #[inline(always)]
    #[must_use]
    pub fn sigmoid(self, x: i32) -> i32 {
        #[cfg(nodes)]
        return self.by_nodes(x);
        #[cfg(not(nodes))]
        self.by_segments(x)
    }

    /// From the nodes alone: half the flash.
    #[cfg(any(test, nodes))]
    #[inline(always)]
    fn by_nodes(self, x: i32) -> i32 {
        let at = 2 * segment(x >> self.down);
        let pair = NODES.get(at..at + 4).and_then(|pair| pair.first_chunk()).copied().unwrap_or_default();
        let part = (x << self.up).cast_unsigned() << 1 >> 18;
        blend(u32::from_le_bytes(pair), part.cast_signed()) << 1
    }

    /// From a table of segments, which saves the blending on a core without an instruction for it.
    #[cfg(any(test, not(nodes)))]
    #[inline(always)]
    fn by_segments(self, x: i32) -> i32 {
        let entry = SIGMOID.get(segment(x >> self.down)).copied().unwrap_or(0);
        // The segment's own bit is the sign: an odd segment counts back from its right end. The entry itself includes
        // the rise once, which is the half step.
        let part = (x << self.up) >> 16 & !1;
        entry.wrapping_add(i32::from(entry as i16) * part)
    }

    /// tanh(`x` / 2) in steps of 2⁻³⁰, within ±(1 − 2⁻¹⁴).
    #[inline(always)]
    #[must_use]
    pub fn tanh_of_half(self, x: i32) -> i32 {
        self.sigmoid(x) - (1 << 30)
    }
}

/// The index of a segment, whose number counts from zero in the middle; the first and the last segment reach to
/// infinity.
#[inline(always)]
fn segment(segment: i32) -> usize {
    (saturate9(segment) + SEGMENTS as i32 / 2).cast_unsigned() as usize
}

/// exp(−`x`), `x` in steps of 2⁻¹², the value in steps of 2⁻¹⁶: 65,536 for zero, 0 from 12 on.
#[must_use]
pub fn exp_negative(x: u32) -> u32 {
    // exp(−x) = 2^−(x·log₂e): the whole part shifts, the fraction is looked up.
    const LOG2_E: u32 = 47_274; // log₂e in steps of 2⁻¹⁵
    if x >= 12 << 12 {
        return 0;
    }
    let power = (x * LOG2_E) >> 11; // steps of 2⁻¹⁶
    let (whole, fraction) = (power >> 16, power & 0xFFFF);
    let at = (fraction >> 10) as usize;
    let (Some(&left), Some(&right)) = (EXP2.get(at), EXP2.get(at + 1)) else { return 0 };
    let value = (left << 10) - (left - right) * (fraction & 1023); // steps of 2⁻²⁶
    let shift = 10 + whole;
    (value + (1 << (shift - 1))) >> shift
}

/// sigmoid where each segment starts, and where the last one ends, in steps of 2⁻¹⁵, u16 of two bytes each, the lower
/// first.
///
/// The first and the last segment do not rise.
#[cfg(any(test, nodes))]
static NODES: [u8; 2 * SEGMENTS + 2] = {
    let mut table = [0; 2 * SEGMENTS + 2];
    let mut at = 0;
    while at <= SEGMENTS {
        [table[2 * at], table[2 * at + 1]] = (unit(at) as u16).to_le_bytes();
        at += 1;
    }
    table
};

/// For each segment, the node at its even end in the upper half of the word, and the rise over the segment, in steps of
/// 2⁻¹⁶, in the lower half.
///
/// The even end is the left one of the even segments and the right one of the odd segments.
#[cfg(any(test, not(nodes)))]
pub(crate) static SIGMOID: [i32; SEGMENTS] = {
    let mut table = [0; SEGMENTS];
    let mut at = 0;
    while at < SEGMENTS {
        table[at] = (unit(at + at % 2) << 16) + 2 * (unit(at + 1) - unit(at));
        at += 1;
    }
    table
};

/// 2^−(i/64) in steps of 2⁻¹⁶.
static EXP2: [u32; 65] = {
    let mut table = [0; 65];
    let mut at = 0;
    while at < 65 {
        table[at] = (65_536.0 * exp(-core::f64::consts::LN_2 * at as f64 / 64.0) + 0.5) as u32;
        at += 1;
    }
    table
};

/// Arithmetic at compile time, to make the tables: none of it reaches the chip.
#[allow(clippy::float_arithmetic)]
const fn exp(x: f64) -> f64 {
    // Taylor's series of exp(x / 2⁸), squared eight times.
    let small = x / 256.0;
    let mut term = 1.0;
    let mut sum = 1.0;
    let mut n = 1;
    while n < 20 {
        term *= small / n as f64;
        sum += term;
        n += 1;
    }
    let mut squared = 0;
    while squared < 8 {
        sum *= sum;
        squared += 1;
    }
    sum
}

/// sigmoid where segment `at` starts, in steps of 2⁻¹⁵, moved against its curvature by half of the error of a straight
/// line over a segment.
#[allow(clippy::float_arithmetic)]
const fn node(at: usize) -> f64 {
    let value = 1.0 / (1.0 + exp(16.0 - at as f64 / 16.0));
    let curvature = value * (1.0 - value) * (1.0 - 2.0 * value);
    (value - curvature / 4096.0) * 32_768.0
}

/// [`node`] rounded, but neither 0 nor 1.
#[allow(clippy::float_arithmetic)]
const fn unit(at: usize) -> i32 {
    match (node(at) + 0.5) as i32 {
        0 => 1,
        32_768 => 32_767,
        rounded => rounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn errors_over_the_whole_domain() {
        // Beyond ±17 the last segments go on for ever.
        let curve = Curve::new(12);
        let (mut gate, mut half, mut tanh) = (0.0f64, 0.0f64, 0.0f64);
        for x in -17 * 4096..=17 * 4096 {
            let argument = f64::from(x) / 4096.0;
            let value = curve.sigmoid(x);
            gate = gate.max((f64::from(value) / 31f64.exp2() - exact(argument)).abs());
            half = half.max((f64::from(value >> 16) / 32_768.0 - exact(argument)).abs());
            let value = curve.tanh_of_half(x);
            tanh = tanh.max((f64::from(value) / 30f64.exp2() - (argument / 2.0).tanh()).abs());
        }
        assert!(gate < 5e-5 && half < 8e-5, "{gate} {half}");
        assert!(tanh < 1e-4, "{tanh}");
        let exp_error = (0..60_000u32)
            .map(|x| (f64::from(exp_negative(x)) / 65_536.0 - (-f64::from(x) / 4096.0).exp()).abs())
            .fold(0.0, f64::max);
        assert!(exp_error < 4e-5, "{exp_error}");
        assert_eq!((exp_negative(0), exp_negative(u32::MAX)), (65_536, 0));
    }

    #[test]
    fn curves_rise_between_their_limits() {
        for fraction in [4, 9, 12, 15, 16] {
            let curve = Curve::new(fraction);
            let end = 17 << fraction;
            let mut last = 1 << 16;
            for x in (-end..=end).chain([i32::MAX]) {
                let value = curve.sigmoid(x);
                assert!(last <= value, "{fraction} {x}");
                last = value;
            }
            assert_eq!((curve.sigmoid(i32::MIN), last), (1 << 16, 32_767 << 16));
        }
    }

    proptest! {
        #[test]
        fn both_tables_give_the_same_integers(x: i32, near in -(1i32 << 24)..1 << 24, fraction in 4u32..=35) {
            let curve = Curve::new(fraction);
            for x in [x, near] {
                prop_assert_eq!(curve.by_nodes(x), curve.by_segments(x));
            }
        }

        /// What a finer fraction adds is below the error of a coarse one.
        #[test]
        fn every_fraction_gives_the_same_curve(x: i32, fraction in 4u32..=35) {
            let curve = Curve::new(fraction);
            let expected = exact(f64::from(x) / f64::from(fraction).exp2());
            prop_assert!((f64::from(curve.sigmoid(x)) / 31f64.exp2() - expected).abs() < 5e-5);
        }
    }
}
