//! For cores without vectors for the work beside the maps: nothing is done here, and the portable code does all of it.

/// Units of a [GRU](crate::cell::gru) updated: none.
#[cfg(not(any(kernel = "armv6m", kernel = "riscv", kernel = "x86")))]
#[inline(always)]
pub const fn gru(_: usize, _: &[i32], _: &mut [i16]) -> usize {
    0
}

/// Units rescaled: none.
#[inline(always)]
pub const fn rescale_units(_: &mut [i16], _: &[i16], _: u32) -> usize {
    0
}

/// Means rescaled: none.
#[inline(always)]
pub const fn rescale_means(_: &mut [i16], _: &[i32], _: u32) -> usize {
    0
}

/// Entries of an embedding's row rescaled: none.
#[inline(always)]
pub const fn rescale_row(_: &mut [i16], _: &[u8], _: i32, _: u32) -> usize {
    0
}

/// Sums that an entry of a folded row was added to: none.
#[inline(always)]
pub const fn add_row(_: &mut [i32], _: &[u8], _: i32) -> usize {
    0
}

/// Units taken into their means: none.
#[inline(always)]
pub const fn average(_: &mut [i32], _: &[i16], _: i32, _: u32) -> usize {
    0
}
