//! ARMv8.1-M with Helium: VMLADAVA does eight columns of a row pair at once.
//!
//! Two groups go together, one of each half of the map: eight columns of eight rows take 17
//! instructions, one load of x, and for each pair a load of lanes, VMLADAVA, VMOVLB, which leaves the low
//! bytes with their signs, and VMLADAVA. The first eight start the sums; the others are a chain that is
//! entered so that it ends with the last one. The end of two groups takes 25. Of an odd count of groups,
//! the one in the middle is done twice. Of the vector registers, only those are touched that a caller
//! does not expect back.

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
    .macro telltale_group sums, from, to
    vldrw.u32 q0, [sp, #\sums]          // 256·high, low, …
    vldrh.u32 q1, [\from, #16]
    vldrw.u32 q2, [\from], #24
    vshl.s32 q0, q0, q3                 // ⌊high / 256⌋, ⌊low / 256⌋, …
    vmul.i32 q0, q0, q1
    vadd.i32 q0, q0, q2
    vstrw.32 q0, [\to], #16
    .endm
    .set telltale_chain, 12
"#
    ],
    r#"
    .thumb_func
    .p2align 2
telltale_apply:
    push  {{r4-r11, lr}}
    ldr   r4, [sp, #36]             // groups
    sub   sp, #44                   // 8 sums; at 32 the end of the first half's y, x, entry into the chain
    add   r11, r1, r3, lsl #1       // the end of x
    lsl   r5, r3, #2
    add   r5, r5, #24               // bytes of a group
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
    lsr   r8, r4, #1                // where the second half starts
    sub   r4, r4, r8                // groups of the first half
    add   r4, r2, r4, lsl #4
    strd  r4, r1, [sp, #32]
    str   r6, [sp, #40]
    mov   r3, r0
    mul   r5, r5, r8
    add   r5, r5, r3
    mov   r7, r2
    add   r9, r2, r8, lsl #4
    adr.w r8, 4f
    vldrw.u32 q3, [r8]
1:
    telltale_eight 1
    ldr   pc, [sp, #40]
    .p2align 2
2:
    .rept telltale_chain
    telltale_eight 0
    .endr
3:
    cmp   r1, r11
    bne   2b
    sub   r0, r0, r2                // 256·high
    sub   r4, r4, r6
    sub   r8, r8, r10
    sub   r12, r12, lr
    stm   sp, {{r0, r2, r4, r6, r8, r10, r12, lr}}
    telltale_group 0, r3, r7
    telltale_group 16, r5, r9
    ldrd  r0, r1, [sp, #32]
    cmp   r7, r0
    bne   1b
    add   sp, #44
    pop   {{r4-r11, pc}}
    .p2align 2
4:
    .word -16, -8, -16, -8
"#,
    r#"
    .purgem telltale_pair
    .purgem telltale_eight
    .purgem telltale_group
"#
);
