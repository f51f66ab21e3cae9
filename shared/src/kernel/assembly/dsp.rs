//! ARMv7E-M and ARMv8-M with the DSP extension: SMLAD does two columns of a row pair at once.
//!
//! Eight columns of four rows take 27 instructions: one LDM of x, and for each pair one of lanes,
//! then SMLAD, SXTB16 and SMLAD for two columns. The first eight start the sums with SMUAD; the
//! others run through a chain, which is entered so that the last round ends with the last eight. A round
//! takes 3 more, a group's end 15: longer chains are hardly faster.

// Sums of the pairs, 256·high + low and low: r2 and r3, r12 and lr.
macro_rules! dsp_kernel {
    ($before:literal) => {
        kernel!(
            [
                $before,
                r#"
    .macro telltale_word start, both, low, lane, x
    .if \start
    smuad \both, \lane, \x
    sxtb16 \lane, \lane
    smuad \low, \lane, \x
    .else
    smlad \both, \lane, \x, \both
    sxtb16 \lane, \lane
    smlad \low, \lane, \x, \low
    .endif
    .endm
    .macro telltale_eight start
    ldmia.w r1!, {{r4-r7}}
    ldmia.w r0!, {{r8-r11}}
    telltale_word \start, r2, r3, r8, r4
    telltale_word 0, r2, r3, r9, r5
    telltale_word 0, r2, r3, r10, r6
    telltale_word 0, r2, r3, r11, r7
    ldmia.w r0!, {{r8-r11}}
    telltale_word \start, r12, lr, r8, r4
    telltale_word 0, r12, lr, r9, r5
    telltale_word 0, r12, lr, r10, r6
    telltale_word 0, r12, lr, r11, r7
    .endm
    .set telltale_chain, 4
"#
            ],
            r#"
    .thumb_func
    .p2align 2
telltale_apply:
    push  {{r4-r11, lr}}
    sub   sp, #20                   // [sp] x, y, groups, entry into the chain, end of x
    ldr   r4, [sp, #56]
    lsr   r5, r3, #3
    subs  r5, r5, #1                // eights of the chain
    mov   r6, #telltale_chain
    udiv  r7, r5, r6
    mls   r5, r7, r6, r5            // those of the first round
    add   r6, r1, r3, lsl #1
    mov   r7, #108                  // 27 instructions of four bytes
    mul   r5, r5, r7
    adr.w r7, 3f
    sub   r5, r7, r5
    orr   r5, r5, #1
    strd  r1, r2, [sp]
    strd  r4, r5, [sp, #8]
    str   r6, [sp, #16]
1:
    telltale_eight 1
    ldr   pc, [sp, #12]
    .p2align 2
2:
    .rept telltale_chain
    telltale_eight 0
    .endr
3:
    ldr   r4, [sp, #16]
    cmp   r4, r1
    bne   2b
    ldmia.w r0!, {{r4-r9}}          // biases, scales
    sub   r2, r2, r3                // 256·high
    lsl   r3, r3, #8                // 256·low
    sub   r12, r12, lr
    lsl   lr, lr, #8
    smlatb r4, r2, r8, r4
    smlatt r5, r3, r8, r5
    smlatb r6, r12, r9, r6
    smlatt r7, lr, r9, r7
    ldm   sp, {{r1, r10, r11}}
    stmia r10!, {{r4-r7}}
    subs  r11, r11, #1
    strd  r10, r11, [sp, #4]
    bne   1b
    add   sp, #20
    pop   {{r4-r11, pc}}
"#,
            r#"
    .purgem telltale_word
    .purgem telltale_eight
"#
        );
    };
}

#[cfg(not(telltale_dsp))]
dsp_kernel!(".syntax unified");
// The assembler does not know from the target that an ARMv8-M core has the extension.
#[cfg(telltale_dsp)]
dsp_kernel!(".cpu cortex-m33\n.syntax unified");
