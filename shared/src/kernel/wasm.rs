//! WebAssembly with 128-bit vectors: a pair of rows side by side, four accumulators for a group.
//!
//! A dot product sums two columns of a lane vector, and of the same vector shifted left by 8, which is 256·low.

use core::arch::wasm32::{
    i16x8_shl, i32x4_add, i32x4_dot_i16x8, i32x4_mul, i32x4_shr, i32x4_shuffle, i32x4_splat, i32x4_sub,
    u32x4_extend_low_u16x8, v128, v128_load, v128_load64_zero, v128_store,
};

use super::{Affine, COLUMN_UNIT, ROW_UNIT, SUM_SHIFT};

/// Like [`portable`](super::portable).
#[target_feature(enable = "simd128")]
pub fn apply(map: &Affine<'_>, x: &[i16], y: &mut [i32]) {
    if !map.takes(x) {
        return;
    }
    let x = x.as_chunks::<COLUMN_UNIT>().0;
    for (group, y) in map.groups().zip(y.as_chunks_mut::<ROW_UNIT>().0) {
        // For each pair: 256·high + low, and 256·low.
        let zero = i32x4_splat(0);
        let [mut both, mut low] = [[zero; 2]; 2];
        for (lanes, x) in group.eights.iter().zip(x) {
            // SAFETY: an array of 16 u16 and one of 8 i16 are read; no alignment is required.
            let (first, second, x) = unsafe {
                let lanes: *const v128 = lanes.as_ptr().cast();
                (v128_load(lanes), v128_load(lanes.add(1)), v128_load(x.as_ptr().cast()))
            };
            both[0] = i32x4_add(both[0], i32x4_dot_i16x8(first, x));
            both[1] = i32x4_add(both[1], i32x4_dot_i16x8(second, x));
            low[0] = i32x4_add(low[0], i32x4_dot_i16x8(i16x8_shl(first, 8), x));
            low[1] = i32x4_add(low[1], i32x4_dot_i16x8(i16x8_shl(second, 8), x));
        }
        let sums = halved_sums(totals(both[0], low[0], both[1], low[1]));
        // SAFETY: of the 12 u16 of the tail, the first 8 and the last 4 are read, and 4 i32 of y written.
        unsafe {
            let bias = v128_load(group.tail.as_ptr().cast());
            let scales = v128_load64_zero(group.tail.as_ptr().add(2 * ROW_UNIT).cast());
            let scaled = i32x4_mul(sums, u32x4_extend_low_u16x8(scales));
            v128_store(y.as_mut_ptr().cast(), i32x4_add(bias, scaled));
        }
    }
}

/// The sum of each vector's lanes.
#[target_feature(enable = "simd128")]
fn totals(a: v128, b: v128, c: v128, d: v128) -> v128 {
    let ab = i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let cd = i32x4_add(i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    i32x4_add(i32x4_shuffle::<0, 1, 4, 5>(ab, cd), i32x4_shuffle::<2, 3, 6, 7>(ab, cd))
}

/// ⌊high / 256⌋ and ⌊low / 256⌋ of two pairs, from 256·high + low and 256·low of each.
#[target_feature(enable = "simd128")]
fn halved_sums(sums: v128) -> v128 {
    const { assert!(SUM_SHIFT == 8) };
    let low = i32x4_shr(sums, 8);
    // The lows in the places of the highs, and zeros in theirs.
    let low = i32x4_shuffle::<1, 4, 3, 4>(low, i32x4_splat(0));
    i32x4_shr(i32x4_sub(sums, low), 16)
}
