//! Saturation to nine bits, and both halves of words multiplied and added up: one instruction each, of ARMv7-M and of
//! its DSP extension, which compilers do not find.

/// The nearest of −256 to 255.
#[expect(
    clippy::manual_range_contains,
    reason = "a range's method is not seen through: 7 % more instructions a word"
)]
#[inline(always)]
#[must_use]
pub fn saturate9(value: i32) -> i32 {
    let saturated: i32;
    // SAFETY: SSAT reads and writes only registers, and the Q flag, which is not declared as preserved.
    unsafe {
        core::arch::asm!("ssat {}, #9, {}", out(reg) saturated, in(reg) value, options(pure, nomem, nostack));
    }
    // SAFETY: SSAT #9 yields nine signed bits.
    unsafe { core::hint::assert_unchecked(saturated >= -256 && saturated < 256) };
    saturated
}

/// `low · (2¹⁵ − p) + high · p` of the halves of `pair`, 0 to 32,767 each; p is 2 · `part` + 1, and `part` 0 to
/// 2¹⁴ − 1.
// The target does not tell the assembler that an ARMv8-M core has the extension.
#[cfg(all(kernel = "dsp", not(telltale_dsp)))]
#[inline(always)]
#[must_use]
pub fn blend(pair: u32, part: i32) -> i32 {
    // p above 2¹⁵ − p: 2¹⁶·p − p + 2¹⁵.
    let factors = (((part << 16) - part) << 1) + 0x1_7FFF;
    let sum: i32;
    // SAFETY: SMUAD reads and writes only registers; its sum of two products below 2³⁰ never overflows, so that the Q
    // flag stays.
    unsafe {
        core::arch::asm!(
            "smuad {}, {}, {}", out(reg) sum, in(reg) pair, in(reg) factors,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}
