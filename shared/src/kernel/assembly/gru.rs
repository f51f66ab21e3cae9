//! The gates of a GRU on ARMv6-M and RV32IM: the call into the assembly of each core.

use crate::activation::SIGMOID;
use crate::cell::SUM_FRACTION;

const _: () = assert!(SUM_FRACTION == 18 && SIGMOID.len() == 512, "the assembly knows both");

unsafe extern "C" {
    /// The update of as many units as there are words from `r` to `end`, at least one. `apart` bytes lie
    /// between the sums of r, z, n and the state's n of a unit; `table` is the whole sigmoid's.
    fn telltale_gru(r: *const i32, apart: usize, units: *mut i16, end: *const i32, table: *const i32);
}

/// Updates `units` from their `sums`, four blocks that lie `block` apart: all of them, if the blocks have room for
/// them; returns how many.
pub fn gru(block: usize, sums: &[i32], units: &mut [i16]) -> usize {
    let count = units.len();
    if count == 0 || block < count || sums.len() / 4 < block {
        return 0;
    }
    let range = sums.get(..count).unwrap_or(&[]).as_ptr_range();
    // SAFETY: each of the four blocks of sums, 4·block bytes apart, has an entry for each of the units, which are
    // borrowed mutably, so they overlap none of them. The table has the 512 entries that segments are
    // saturated to.
    unsafe {
        telltale_gru(range.start, 4 * block, units.as_mut_ptr(), range.end, SIGMOID.as_ptr());
    }
    count
}
