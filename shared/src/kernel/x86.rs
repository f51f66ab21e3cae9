//! x86-64 with AVX2: both pairs of a group side by side, eight columns at once.
//!
//! PMADDWD adds up two columns of a lane vector, and of the same vector shifted left by 8, which is
//! 256·low. Four rows of eight columns take 7 instructions.

use core::arch::x86_64::{
    __m256i, _mm_add_epi32, _mm_cvtepu16_epi32, _mm_loadl_epi64, _mm_loadu_si128, _mm_mullo_epi32,
    _mm_storeu_si128, _mm_unpacklo_epi64, _mm256_add_epi32, _mm256_blend_epi32, _mm256_broadcastsi128_si256,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_hadd_epi32, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_setzero_si256, _mm256_shuffle_epi32, _mm256_slli_epi16, _mm256_srai_epi32,
    _mm256_sub_epi32,
};

use super::{Affine, COLUMN_UNIT, ROW_UNIT, SUM_SHIFT, portable};

/// As [`portable`](super::portable).
pub fn apply(map: &Affine<'_>, x: &[i16], y: &mut [i32]) {
    if !map.takes(x) {
        return;
    }
    if !std::is_x86_feature_detected!("avx2") {
        return portable(map, x, y);
    }
    // SAFETY: the instructions are there.
    unsafe { groups(map, x, y) };
}

/// The groups that `y` holds as a whole.
#[target_feature(enable = "avx2")]
fn groups(map: &Affine<'_>, x: &[i16], y: &mut [i32]) {
    let x = x.as_chunks::<COLUMN_UNIT>().0;
    for (group, y) in map.groups().zip(y.as_chunks_mut::<ROW_UNIT>().0) {
        // Per 128 bits, that is, per pair: 256·high + low, and 256·low.
        let (mut both, mut low) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        for (lanes, x) in group.eights.iter().zip(x) {
            // SAFETY: an array of 16 u16 and one of 8 i16 are read; no alignment is asked for.
            let (lanes, x) =
                unsafe { (_mm256_loadu_si256(lanes.as_ptr().cast()), _mm_loadu_si128(x.as_ptr().cast())) };
            let x = _mm256_broadcastsi128_si256(x);
            both = _mm256_add_epi32(both, _mm256_madd_epi16(lanes, x));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_slli_epi16::<8>(lanes), x));
        }
        let sums = halved_sums(both, low);
        let sums = _mm_unpacklo_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        // SAFETY: of the 12 u16 of the tail, the first 8 and the last 4 are read, and 4 i32 of y written.
        unsafe {
            let bias = _mm_loadu_si128(group.tail.as_ptr().cast());
            let scales = _mm_loadl_epi64(group.tail.as_ptr().add(2 * ROW_UNIT).cast());
            let scaled = _mm_mullo_epi32(sums, _mm_cvtepu16_epi32(scales));
            _mm_storeu_si128(y.as_mut_ptr().cast(), _mm_add_epi32(bias, scaled));
        }
    }
}

/// Per 128 bits, ⌊high / 256⌋ and ⌊low / 256⌋ in the first two words.
#[target_feature(enable = "avx2")]
fn halved_sums(both: __m256i, low: __m256i) -> __m256i {
    const { assert!(SUM_SHIFT == 8) };
    let halves = _mm256_hadd_epi32(both, low);
    let sums = _mm256_hadd_epi32(halves, halves); // 256·high + low, 256·low, …
    let low = _mm256_shuffle_epi32::<0b1111_0101>(_mm256_srai_epi32::<8>(sums));
    let low = _mm256_blend_epi32::<0b1010_1010>(low, _mm256_setzero_si256());
    _mm256_srai_epi32::<16>(_mm256_sub_epi32(sums, low))
}
