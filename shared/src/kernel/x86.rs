//! x86-64 with AVX2: both pairs of a group side by side, eight columns at once.
//!
//! PMADDWD sums two columns of a lane vector, and of the same vector shifted left by 8, which is 256·low. Four rows of
//! eight columns take 7 instructions. A GRU's units are updated eight at a time, the curve's segments gathered from its
//! table.

use core::arch::x86_64::*;

use super::{Affine, COLUMN_UNIT, ROW_UNIT, SUM_SHIFT, portable};
use crate::activation::{Curve, SEGMENTS, SIGMOID};
use crate::cell::SUM_FRACTION;
use crate::fixed::half_step;

/// Like [`portable`](super::portable).
pub fn apply(map: &Affine<'_>, x: &[i16], y: &mut [i32]) {
    if !map.takes(x) {
        return;
    }
    if !std::is_x86_feature_detected!("avx2") {
        return portable(map, x, y);
    }
    // SAFETY: the instructions are available.
    unsafe { groups(map, x, y) };
}

/// The groups that fit `y` entirely.
#[target_feature(enable = "avx2")]
fn groups(map: &Affine<'_>, x: &[i16], y: &mut [i32]) {
    let x = x.as_chunks::<COLUMN_UNIT>().0;
    for (group, y) in map.groups().zip(y.as_chunks_mut::<ROW_UNIT>().0) {
        // Per 128 bits, that is, per pair: 256·high + low, and 256·low.
        let (mut both, mut low) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        for (lanes, x) in group.eights.iter().zip(x) {
            // SAFETY: an array of 16 u16 and one of 8 i16 are read; no alignment is required.
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

/// Units side by side in a register.
const LANES: usize = 8;

/// Like [`portable`](crate::cell::gru::portable), for as many units as fill registers. Returns their number.
pub fn gru(block: usize, sums: &[i32], units: &mut [i16]) -> usize {
    if block == 0 || !std::is_x86_feature_detected!("avx2") {
        return 0;
    }
    // SAFETY: the instructions are available.
    unsafe { gru_units(block, sums, units) }
}

#[target_feature(enable = "avx2")]
fn gru_units(block: usize, sums: &[i32], units: &mut [i16]) -> usize {
    let mut gates = sums.chunks_exact(block).map(|gate| gate.as_chunks::<LANES>().0);
    let (Some(r), Some(z), Some(n), Some(state)) = (gates.next(), gates.next(), gates.next(), gates.next())
    else {
        return 0;
    };
    let mut done = 0;
    let units = units.as_chunks_mut::<LANES>().0;
    for ((((r, z), n), state), h) in r.iter().zip(z).zip(n).zip(state).zip(units) {
        // SAFETY: arrays of 8 i32, and one of 8 i16, are read; no alignment is required.
        let ([r, z, n, state], own) = unsafe {
            let load = |from: &[i32; LANES]| _mm256_loadu_si256(from.as_ptr().cast());
            ([load(r), load(z), load(n), load(state)], _mm_loadu_si128(h.as_ptr().cast()))
        };
        let n = _mm256_add_epi32(n, scale(state, _mm256_srai_epi32::<16>(sigmoid(r))));
        let z = _mm256_srai_epi32::<16>(sigmoid(z));
        let n = _mm256_add_epi32(sigmoid(n), _mm256_set1_epi32(half_step(15) - (1 << 30)));
        let step = _mm256_sub_epi32(_mm256_cvtepi16_epi32(own), _mm256_srai_epi32::<15>(n));
        let next = _mm256_srai_epi32::<15>(_mm256_add_epi32(n, _mm256_mullo_epi32(z, step)));
        // Four units, twice in each half of the register.
        let packed = _mm256_permute4x64_epi64::<0b10_00>(_mm256_packs_epi32(next, next));
        // SAFETY: 8 i16 are written.
        unsafe { _mm_storeu_si128(h.as_mut_ptr().cast(), _mm256_castsi256_si128(packed)) };
        done += LANES;
    }
    done
}

/// Like [`Curve::sigmoid`] of sums.
#[target_feature(enable = "avx2")]
fn sigmoid(x: __m256i) -> __m256i {
    const CURVE: Curve = Curve::new(SUM_FRACTION);
    const HALF: i32 = SEGMENTS as i32 / 2;
    let segment = _mm256_srai_epi32::<{ CURVE.down as i32 }>(x);
    let segment = _mm256_max_epi32(segment, _mm256_set1_epi32(-HALF));
    let segment = _mm256_min_epi32(segment, _mm256_set1_epi32(HALF - 1));
    let at = _mm256_add_epi32(segment, _mm256_set1_epi32(HALF));
    // SAFETY: a segment's number is 0 to SEGMENTS − 1.
    let entry = unsafe { _mm256_i32gather_epi32::<4>(SIGMOID.as_ptr(), at) };
    let part = _mm256_srai_epi32::<16>(_mm256_slli_epi32::<{ CURVE.up as i32 }>(x));
    let part = _mm256_and_si256(part, _mm256_set1_epi32(!1));
    let rise = _mm256_srai_epi32::<16>(_mm256_slli_epi32::<16>(entry));
    _mm256_add_epi32(entry, _mm256_mullo_epi32(rise, part))
}

/// Like [`crate::fixed::scale`].
#[target_feature(enable = "avx2")]
fn scale(value: __m256i, factor: __m256i) -> __m256i {
    let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(value), _mm256_srli_epi64::<32>(factor));
    let even = _mm256_srli_epi64::<16>(_mm256_mul_epi32(value, factor));
    _mm256_blend_epi32::<0b1010_1010>(even, _mm256_slli_epi64::<16>(odd))
}
