//! Sigmoid, tanh and the exponential of softmax: integer tables with linear interpolation.
//!
//! | function | argument | value | table | largest error |
//! |---|---|---|---|---|
//! | [`sigmoid`] | [`Activation`](crate::fixed::Activation) | [`Unit`](crate::fixed::Unit) | 257 × i16 | 8·10⁻⁵ |
//! | [`tanh`] | [`Activation`](crate::fixed::Activation) | [`Unit`](crate::fixed::Unit) | 513 × i16 | 1.3·10⁻⁴ |
//! | [`exp_negative`] | 2⁻¹² steps | 2⁻¹⁶ steps | 65 × u32 | 4·10⁻⁵ |
//!
//! The errors hold over the whole domain and are tested there. Outside ±8, where the argument
//! saturates, the functions themselves differ from their limits by 3.4·10⁻⁴ at most.

/// sigmoid, `x` in steps of 2⁻¹², the value in steps of 2⁻¹⁵.
#[inline(always)]
#[must_use]
pub fn sigmoid(x: i16) -> i16 {
    interpolate::<8, 257>(&SIGMOID, x)
}

/// tanh, `x` in steps of 2⁻¹², the value in steps of 2⁻¹⁵.
#[inline(always)]
#[must_use]
pub fn tanh(x: i16) -> i16 {
    interpolate::<7, 513>(&TANH, x)
}

/// exp(−`x`), `x` in steps of 2⁻¹², the value in steps of 2⁻¹⁶: 65,536 for zero, 0 from about 11.8 on.
#[must_use]
pub fn exp_negative(x: u32) -> u32 {
    // exp(−x) = 2^−(x·log₂e): the whole part shifts, the fraction is looked up.
    const LOG2_E: u64 = 94_548; // log₂e in steps of 2⁻¹⁶
    let power = (u64::from(x) * LOG2_E) >> 12;
    let whole = (power >> 16) as u32;
    if whole > 17 {
        return 0;
    }
    let fraction = power as u32 & 0xFFFF;
    let at = (fraction >> 10) as usize;
    let (Some(&left), Some(&right)) = (EXP2.get(at), EXP2.get(at + 1)) else { return 0 };
    let value = (left << 10) - (left - right) * (fraction & 1023); // steps of 2⁻²⁶
    let shift = 10 + whole;
    (value + (1 << (shift - 1))) >> shift
}

/// A rising function from its `N = 2^(16 − BITS) + 1` values at steps of `2^BITS`.
#[inline(always)]
fn interpolate<const BITS: u32, const N: usize>(table: &[i16; N], x: i16) -> i16 {
    const { assert!(N == (1 << (16 - BITS)) + 1) };
    let offset = u32::from(x as u16 ^ 0x8000);
    let at = (offset >> BITS) as usize;
    let (Some(&left), Some(&right)) = (table.get(at), table.get(at + 1)) else { return 0 };
    let rise = i32::from(right) - i32::from(left);
    let part = offset & ((1 << BITS) - 1);
    (i32::from(left) + ((rise * part as i32 + (1 << (BITS - 1))) >> BITS)) as i16
}

static SIGMOID: [i16; 257] = {
    let mut table = [0; 257];
    let mut at = 0;
    while at < 257 {
        table[at] = unit(1.0 / (1.0 + exp(8.0 - at as f64 / 16.0)));
        at += 1;
    }
    table
};

static TANH: [i16; 513] = {
    let mut table = [0; 513];
    let mut at = 0;
    while at < 513 {
        table[at] = unit(1.0 - 2.0 / (1.0 + exp(at as f64 / 16.0 - 16.0)));
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

/// The compiler's own arithmetic, while it lays out the tables: nothing of it reaches the chip.
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

#[allow(clippy::float_arithmetic)]
const fn unit(x: f64) -> i16 {
    let scaled = x * 32_768.0;
    let rounded = if scaled < 0.0 { (scaled - 0.5) as i32 } else { (scaled + 0.5) as i32 };
    crate::fixed::saturate(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest_error(function: fn(i16) -> i16, exact: fn(f64) -> f64) -> f64 {
        let errors = (i16::MIN..=i16::MAX).map(|x| {
            let expected = exact(f64::from(x) / 4096.0);
            (f64::from(function(x)) / 32_768.0 - expected).abs()
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn errors_over_the_whole_domain() {
        let sigmoid_error = largest_error(sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
        let tanh_error = largest_error(tanh, f64::tanh);
        assert!(sigmoid_error < 8e-5, "{sigmoid_error}");
        assert!(tanh_error < 1.3e-4, "{tanh_error}");
        let exp_error = (0..60_000u32)
            .map(|x| (f64::from(exp_negative(x)) / 65_536.0 - (-f64::from(x) / 4096.0).exp()).abs())
            .fold(0.0, f64::max);
        assert!(exp_error < 4e-5, "{exp_error}");
        assert_eq!((exp_negative(0), exp_negative(u32::MAX)), (65_536, 0));
    }

    #[test]
    fn every_entry_is_rounded_exactly() {
        for (at, &entry) in SIGMOID.iter().enumerate() {
            let x = at as f64 / 16.0 - 8.0;
            assert_eq!(f64::from(entry), (32_768.0 / (1.0 + (-x).exp())).round().min(32_767.0));
        }
        for (at, &entry) in TANH.iter().enumerate() {
            let x = at as f64 / 32.0 - 8.0;
            assert_eq!(f64::from(entry), (32_768.0 * x.tanh()).round().clamp(-32_767.0, 32_767.0));
        }
    }

    #[test]
    fn functions_rise() {
        for x in i16::MIN..i16::MAX {
            assert!(sigmoid(x) <= sigmoid(x + 1) && tanh(x) <= tanh(x + 1));
        }
    }
}
