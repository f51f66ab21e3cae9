//! Helium: the gates of a GRU, four units in 35 instructions, loop included.
//!
//! [`Curve::sigmoid`](crate::activation::Curve::sigmoid) takes 6 of them: the segment, saturated to
//! nine bits, gathers the table's entries; VMULLB takes the lower halves as they are.

use crate::activation::SIGMOID;
use crate::cell::SUM_FRACTION;

const _: () = assert!(SUM_FRACTION == 18 && SIGMOID.len() == 512, "the code below knows both");

unsafe extern "C" {
    /// The update of `quads` times four units; the sums of r, z, n and the state's n lie `block` apart;
    /// `table` is the sigmoid's entry for segment 0.
    fn telltale_gru(sums: *const i32, block: usize, units: *mut i16, quads: usize, table: *const i32);
}

/// Updates `units` from their `sums`, four blocks that lie `block` apart, as many as there are fours of them; returns
/// how many.
pub fn gru(block: usize, sums: &[i32], units: &mut [i16]) -> usize {
    let quads = units.len() / 4;
    if quads == 0 || block < units.len() || sums.len() / 4 < block {
        return 0;
    }
    // SAFETY: each of the four blocks of sums has 4·quads entries at least, and so have `units`, which are borrowed
    // mutably, so they overlap no sums. The table has 256 entries on either side of its middle, and segments
    // are saturated to −256 to 255. i32 are aligned to 4 bytes and i16 to 2, which is all that the loads ask
    // for.
    unsafe {
        telltale_gru(sums.as_ptr(), block, units.as_mut_ptr(), quads, SIGMOID.as_ptr().add(256));
    }
    4 * quads
}

// Vector registers from q4 on belong to the caller where floats do.
core::arch::global_asm!(
    ".cpu cortex-m55\n.syntax unified",
    r#"
    .macro telltale_sigmoid x, value, entry
    vqshl.s32 \value, \x, #9
    vshr.s32 \value, \value, #23        // segment
    vldrw.u32 \entry, [r6, \value, uxtw #2]
    vshl.i32 \x, \x, #1                 // the part is the lower half
    vmullb.s16 \x, \x, \entry           // times the slope, the lower half, too
    vadd.i32 \value, \entry, \x
    .endm
    .section .text.telltale_gru, "ax", %progbits
    .global telltale_gru
    .type telltale_gru, %function
    .thumb_func
telltale_gru:
    push  {{r4-r7, lr}}
    vpush {{d8-d11}}
    mov   r4, r2                        // units
    mov   r5, r3                        // quads
    ldr   r6, [sp, #52]                 // table
    add   r2, r0, r1, lsl #3            // n
    add   r3, r2, r1, lsl #2            // n of the state
    add   r1, r0, r1, lsl #2            // z
    mov   r7, #0
    movt  r7, #0xFFFF
    vdup.32 q4, r7
    movw  r7, #0x4000
    movt  r7, #0xC000                   // −2³⁰, from sigmoid to tanh, and half of 2¹⁵
    dls   lr, r5
1:
    vldrw.u32 q0, [r0], #16
    telltale_sigmoid q0, q1, q2
    vand  q1, q1, q4                    // r in steps of 2⁻¹⁵, times 2¹⁶
    vldrw.u32 q2, [r3], #16
    vmulh.s32 q1, q1, q2
    vldrw.u32 q0, [r2], #16
    vadd.i32 q0, q0, q1
    telltale_sigmoid q0, q1, q2
    vadd.i32 q5, q1, r7                 // n in steps of 2⁻³⁰
    vldrw.u32 q0, [r1], #16
    telltale_sigmoid q0, q1, q2
    vshr.s32 q1, q1, #16                // z in steps of 2⁻¹⁵
    vldrh.s32 q0, [r4]
    vshr.s32 q2, q5, #15
    vsub.i32 q0, q0, q2
    vmul.i32 q0, q0, q1
    vadd.i32 q0, q0, q5
    vshr.s32 q0, q0, #15
    vstrh.32 q0, [r4], #8
    le    lr, 1b
    vpop  {{d8-d11}}
    pop   {{r4-r7, pc}}
    .size telltale_gru, . - telltale_gru
    .purgem telltale_sigmoid
"#
);
