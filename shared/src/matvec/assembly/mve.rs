//! ARMv8.1-M with Helium: VMLADAVA does eight columns of a row pair at once.
//!
//! Two groups go together: eight columns of eight rows take 17 instructions, one load of x, and for
//! each pair a load of lanes, VMLADAVA, VMOVLB, which leaves the low bytes with their signs, and
//! VMLADAVA. The first eight start the sums; the others are a chain that is entered so that it ends
//! with the last one. The end of two groups takes 37. A last group without a partner is its own. Of the
//! vector registers, only those are touched that a caller does not expect back.

// Sums of the pairs, 256·high + low and low: r0 and r2, r4 and r6; r8 and r10, r12 and lr.
kernel!(
    [
        ".cpu cortex-m55\n.syntax unified",
        r#"
    .macro telltale_pair start, both, low, from
    vldrh.u16 q1, [\from], #16
    .if \start
    vmladav.s16 \both, q1, q0
    vmovlb.s8 q1, q1
    vmladav.s16 \low, q1, q0
    .else
    vmladava.s16 \both, q1, q0
    vmovlb.s8 q1, q1
    vmladava.s16 \low, q1, q0
    .endif
    .endm
    .macro telltale_eight start
    vldrh.u16 q0, [r1], #16
    telltale_pair \start, r0, r2, r3
    telltale_pair \start, r4, r6, r3
    telltale_pair \start, r8, r10, r5
    telltale_pair \start, r12, lr, r5
    .endm
    .macro telltale_group both, low, next_both, next_low, from, to
    sub   \both, \both, \low            // 256·high
    lsl   \low, \low, #8                // 256·low
    sub   \next_both, \next_both, \next_low
    lsl   \next_low, \next_low, #8
    stm   \to, {{\both, \low, \next_both, \next_low}}
    vldrw.u32 q0, [\to]
    vldrw.u32 q2, [\from]
    vldrh.u32 q1, [\from, #16]
    vshr.s32 q0, q0, #16
    vmul.i32 q0, q0, q1
    vadd.i32 q0, q0, q2
    vstrw.32 q0, [\to]
    .endm
    .set telltale_chain, 12
"#
    ],
    r#"
    .thumb_func
    .p2align 2
telltale_apply:
    push  {{r4-r11, lr}}
    ldr   r4, [sp, #36]
    sub   sp, #20                   // [sp] groups left, x, bytes of a group, entry into the chain
    add   r11, r1, r3, lsl #1       // the end of x
    lsl   r5, r3, #2
    add   r5, r5, #24
    lsr   r6, r3, #3
    subs  r6, r6, #1                // eights of the chain
    mov   r7, #telltale_chain
    udiv  r8, r6, r7                // times that it is run through in full
    mls   r6, r8, r7, r6
    mov   r7, #68                   // 17 instructions of four bytes
    mul   r6, r6, r7
    adr.w r7, 3f
    sub   r6, r7, r6
    orr   r6, r6, #1
    strd  r4, r1, [sp]
    strd  r5, r6, [sp, #8]
    mov   r3, r0
    mov   r7, r2
    add   r5, r5, r3
    add   r9, r7, #16
    cmp   r4, #1
    beq   5f
1:
    telltale_eight 1
    ldr   pc, [sp, #12]
    .p2align 2
2:
    .rept telltale_chain
    telltale_eight 0
    .endr
3:
    cmp   r1, r11
    bne   2b
    telltale_group r0, r2, r4, r6, r3, r7
    telltale_group r8, r10, r12, lr, r5, r9
    ldm   sp, {{r0, r1, r2}}
    subs  r0, r0, #2
    ble   6f
    str   r0, [sp]
    add   r3, r5, #24
    add   r5, r3, r2
    add   r7, r9, #16
    add   r9, r9, #32
    cmp   r0, #1
    bne   1b
5:
    mov   r5, r3
    mov   r9, r7
    b     1b
6:
    add   sp, #20
    pop   {{r4-r11, pc}}
"#,
    r#"
    .purgem telltale_pair
    .purgem telltale_eight
    .purgem telltale_group
"#
);
