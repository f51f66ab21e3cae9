//! Helium: vectors rescaled and averaged; loops end by tail predication, so that any length will do.
//!
//! Per vector, loop included: units 4 instructions for eight, embedding rows 5 for eight, folded rows 5
//! for four, means on their way to the head 4 for four, the running mean 9 for four.

unsafe extern "C" {
    fn telltale_rescale_units(from: *const i16, to: *mut i16, count: usize, up: i32);
    fn telltale_rescale_means(from: *const i32, to: *mut i16, count: usize, up: i32);
    fn telltale_rescale_row(from: *const u8, to: *mut i16, count: usize, multiplier: i32, up: i32);
    fn telltale_add_row(from: *const u8, sums: *mut i32, count: usize, multiplier: i32);
    fn telltale_average(mean: *mut i32, units: *const i16, count: usize, reciprocal: i32, up: i32);
}

/// `x[i] = round(units[i] / 2^shift)`; how many of them.
pub fn rescale_units(x: &mut [i16], units: &[i16], shift: u32) -> usize {
    let count = x.len().min(units.len());
    // SAFETY: both slices have `count` entries, and `x` overlaps nothing.
    unsafe { telltale_rescale_units(units.as_ptr(), x.as_mut_ptr(), count, -(shift as i32)) };
    count
}

/// `x[i] = round(means[i] / 2^shift)`; how many of them.
pub fn rescale_means(x: &mut [i16], means: &[i32], shift: u32) -> usize {
    let count = x.len().min(means.len());
    // SAFETY: both slices have `count` entries, and `x` overlaps nothing.
    unsafe { telltale_rescale_means(means.as_ptr(), x.as_mut_ptr(), count, -(shift as i32)) };
    count
}

/// `x[i] = round(row[i] · multiplier / 2^shift)` of signed bytes and a multiplier of up to 255; how
/// many of them.
pub fn rescale_row(x: &mut [i16], row: &[u8], multiplier: i32, shift: u32) -> usize {
    let count = x.len().min(row.len());
    // SAFETY: both slices have `count` entries, and `x` overlaps nothing.
    unsafe { telltale_rescale_row(row.as_ptr(), x.as_mut_ptr(), count, multiplier, -(shift as i32)) };
    count
}

/// `sums[i] += row[i] · multiplier` of signed bytes; how many of them.
pub fn add_row(sums: &mut [i32], row: &[u8], multiplier: i32) -> usize {
    let count = sums.len().min(row.len());
    // SAFETY: both slices have `count` entries, and `sums` overlaps nothing.
    unsafe { telltale_add_row(row.as_ptr(), sums.as_mut_ptr(), count, multiplier) };
    count
}

/// `pool[i] += (⌊(2¹⁵ · units[i] − pool[i]) / 2¹⁶⌋ · reciprocal) >> down` with a reciprocal
/// of up to 32,767; how many of them.
pub fn average(pool: &mut [i32], units: &[i16], reciprocal: i32, down: u32) -> usize {
    let count = pool.len().min(units.len());
    // SAFETY: both slices have `count` entries, and `pool` overlaps nothing.
    unsafe { telltale_average(pool.as_mut_ptr(), units.as_ptr(), count, reciprocal, -(down as i32)) };
    count
}

core::arch::global_asm!(
    ".cpu cortex-m55\n.syntax unified",
    r#"
    .macro telltale_function name
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .thumb_func
\name:
    push  {{r4, lr}}
    .endm
    .macro telltale_end name
2:
    pop   {{r4, pc}}
    .size \name, . - \name
    .endm

    telltale_function telltale_rescale_units
    wlstp.16 lr, r2, 2f
1:
    vldrh.u16 q0, [r0], #16
    vrshl.s16 q0, r3
    vstrh.16 q0, [r1], #16
    letp  lr, 1b
    telltale_end telltale_rescale_units

    telltale_function telltale_rescale_means
    wlstp.32 lr, r2, 2f
1:
    vldrw.u32 q0, [r0], #16
    vrshl.s32 q0, r3
    vstrh.32 q0, [r1], #8
    letp  lr, 1b
    telltale_end telltale_rescale_means

    telltale_function telltale_rescale_row
    ldr   r4, [sp, #8]
    wlstp.16 lr, r2, 2f
1:
    vldrb.s16 q0, [r0], #8
    vmul.i16 q0, q0, r3
    vrshl.s16 q0, r4
    vstrh.16 q0, [r1], #16
    letp  lr, 1b
    telltale_end telltale_rescale_row

    telltale_function telltale_add_row
    wlstp.32 lr, r2, 2f
1:
    vldrb.s32 q0, [r0], #4
    vldrw.u32 q1, [r1]
    vmla.s32 q1, q0, r3
    vstrw.32 q1, [r1], #16
    letp  lr, 1b
    telltale_end telltale_add_row

    telltale_function telltale_average
    ldr   r4, [sp, #8]
    vdup.16 q2, r3
    wlstp.32 lr, r2, 2f
1:
    vldrh.s32 q0, [r1], #8
    vshl.i32 q0, q0, #15
    vldrw.u32 q1, [r0]
    vsub.i32 q0, q0, q1
    vmullt.s16 q0, q0, q2               // the upper halves times the reciprocal
    vshl.s32 q0, r4
    vadd.i32 q0, q0, q1
    vstrw.32 q0, [r0], #16
    letp  lr, 1b
    telltale_end telltale_average
    .purgem telltale_function
    .purgem telltale_end
"#
);
