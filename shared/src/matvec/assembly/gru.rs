//! The gates of a GRU on cores without vectors: the call into the assembly of each core.

use crate::activation::SIGMOID;
use crate::cell::SUM_FRACTION;

const _: () = assert!(SUM_FRACTION == 18 && SIGMOID.len() == 512, "the assembly knows both");

unsafe extern "C" {
    /// The update of as many units as there are words from `r` to `end`, at least one. `apart` bytes lie
    /// between the sums of r, z, n and the state's n of a unit; `table` is the whole sigmoid's.
    fn telltale_gru(r: *const i32, apart: usize, units: *mut i16, end: *const i32, table: *const i32);
}

/// Updates all units if the sums lie one behind the other, as those of a layer do; tells how many.
pub fn gru(r: &[i32], z: &[i32], n: &[i32], state: &[i32], units: &mut [i16]) -> usize {
    let count = r.len();
    let sound = [(r, z), (z, n), (n, state)]
        .iter()
        .all(|(sums, next)| sums.as_ptr_range().end == next.as_ptr() && next.len() >= count)
        && z.len() == count
        && n.len() == count;
    if count == 0 || units.len() < count || !sound {
        return 0;
    }
    let range = r.as_ptr_range();
    // SAFETY: each of the four slices of sums has `count` entries or more and starts where the one before it
    // ends, 4·count bytes on; `units` has as many and is borrowed mutably, so it overlaps none of them. The
    // table has the 512 entries that segments are saturated to.
    unsafe {
        telltale_gru(range.start, 4 * count, units.as_mut_ptr(), range.end, SIGMOID.as_ptr());
    }
    count
}
