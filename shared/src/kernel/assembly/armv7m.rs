//! ARMv7-M: [quads](crate::kernel#quads), eight columns of four rows in 52 instructions, 1.63 per MAC.
//!
//! As on [ARMv6-M](super::armv6m), three sums take all that four rows' sums a, b, c, d hold: MLA adds to them the
//! word, its upper half and its middle, which LSR and UBFX bring.
//!
//! ```text
//! W = a + 2⁸·b + 2¹⁶·c + 2²⁴·d
//! V =        b + 2⁸·c             all modulo 2³²
//! H =              c + 2⁸·d
//! ```
//!
//! W − 2⁸·V is a + 2²⁴·d, of which the lower 24 bits with their sign are a; b comes from W − 2¹⁶·H − a, c from V
//! and d from H. A column takes a load of x and 5; an LDM brings four of weights. A group takes 23 more.

kernel!(
    [r#"
    .syntax unified
    .macro telltale_quad word, at
    ldrsh r12, [r1\at
    mla   r4, \word, r12, r4
    lsr   lr, \word, #16
    mla   r5, lr, r12, r5
    ubfx  lr, \word, #8, #16
    mla   r6, lr, r12, r6
    .endm
"#],
    r#"
    .thumb_func
    .p2align 2
telltale_apply:
    push  {{r4-r11, lr}}
    ldr   r7, [sp, #36]             // groups
    add   r7, r2, r7, lsl #4        // the end of y
    add   r3, r1, r3, lsl #1        // the end of x
    mov   r4, r1
    mov   r5, #0                    // sum of x
1:
    ldrsh r8, [r4], #2
    ldrsh r9, [r4], #2
    add   r5, r5, r8
    add   r5, r5, r9
    cmp   r4, r3
    bne   1b
    rsb   r5, r5, #0
    add   r5, r5, r5, lsl #8
    lsl   r5, r5, #7                // −128·(1 + 2⁸) of it
    add   r4, r5, r5, lsl #16       // −128·(1 + 2⁸ + 2¹⁶ + 2²⁴) of it
    mov   r6, r5
    push  {{r1, r4-r7}}             // [sp] x, starts of the three sums, the end of y
2:
    ldm   sp, {{r1, r4-r6}}         // W, H, V
3:
    ldmia r0!, {{r8-r11}}
    telltale_quad r8, "], #16"
    telltale_quad r9, ", #-14]"
    telltale_quad r10, ", #-12]"
    telltale_quad r11, ", #-10]"
    ldmia r0!, {{r8-r11}}
    telltale_quad r8, ", #-8]"
    telltale_quad r9, ", #-6]"
    telltale_quad r10, ", #-4]"
    telltale_quad r11, ", #-2]"
    cmp   r1, r3
    bne   3b
    ldmia r0!, {{r8-r11}}           // biases
    sub   r1, r4, r6, lsl #8        // a + 2²⁴·d
    sbfx  r12, r1, #0, #24
    sbfx  r1, r1, #8, #16
    sub   r4, r4, r5, lsl #16
    sub   r4, r4, r12               // 2⁸·b
    asr   r12, r4, #16
    sub   r6, r6, r4, asr #8        // 2⁸·c
    asr   r4, r6, #16
    sub   r5, r5, r6, asr #8        // 2⁸·d
    asr   r5, r5, #16
    ldrh  lr, [r0], #8              // scales
    mla   r8, r1, lr, r8
    ldrh  lr, [r0, #-6]
    mla   r9, r12, lr, r9
    ldrh  lr, [r0, #-4]
    mla   r10, r4, lr, r10
    ldrh  lr, [r0, #-2]
    mla   r11, r5, lr, r11
    stmia r2!, {{r8-r11}}
    cmp   r2, r7
    bne   2b
    add   sp, #20
    pop   {{r4-r11, pc}}
"#,
    r#"
    .purgem telltale_quad
"#
);
