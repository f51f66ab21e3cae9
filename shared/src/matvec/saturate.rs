//! Saturation to nine bits: one instruction of ARMv7-M and later that compilers do not find.

/// The nearest of −256 to 255.
#[inline(always)]
#[must_use]
pub fn saturate9(value: i32) -> i32 {
    let saturated: i32;
    // SAFETY: SSAT reads and writes registers only, its Q flag aside, which nobody reads.
    unsafe {
        core::arch::asm!(
            "ssat {}, #9, {}", out(reg) saturated, in(reg) value,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    // SAFETY: nine signed bits are what SSAT #9 gives.
    unsafe { core::hint::assert_unchecked(saturated >= -256 && saturated < 256) };
    saturated
}
