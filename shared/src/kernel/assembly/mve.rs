//! ARMv8.1-M with Helium: VMLADAVA does eight columns of a row pair at once.
//!
//! # Three sums for four rows
//!
//! Let A to D be the sums of a group's rows, whose weights are a to d. The lanes give P = 256·A + B and
//! Q = 256·C + D. A third vector, `256·b + c`, gives R = 256·B + C: VRSHR takes c from the second pair's
//! lanes, and VMLA by 256 adds b, all else in the first pair's being shifted out. Modulo 2³²,
//! Q − 256·(R − 256·P) is D + 2²⁴·A, and D, below 2²³ in magnitude, is the signed lower 24 bits of that.
//! From the end, each sum then gives the next row: ⌊C / 256⌋ is (Q − 256·⌊D / 256⌋) >> 16, since what D
//! leaves in the lowest byte is shifted out; so are B of R and C, and A of P and B.
//!
//! Two groups go together: eight columns of eight rows take 15 instructions, one load of x, and for each
//! group two loads of lanes, VRSHR, VMLA and three VMLADAVA. The first eight start the sums; the others are
//! a chain that is entered so that it ends with the last one. An odd group goes alone, 9 for eight columns.
//! Storing the sums of two groups and going on takes 8.
//!
//! At last, the sums become results, four groups at a time in 36 instructions, gathered and scattered
//! under tail predication.

// P, Q, R of two groups: r0, r2, r4; r6, r8, r10.
kernel!(
    [
        ".cpu cortex-m55\n.syntax unified",
        r#"
    .macro telltale_group start, p, q, r, from
    vldrh.u16 q1, [\from], #16
    vldrh.u16 q2, [\from], #16
    .if \start
    vmladav.s16 \p, q1, q0
    vmladav.s16 \q, q2, q0
    .else
    vmladava.s16 \p, q1, q0
    vmladava.s16 \q, q2, q0
    .endif
    vrshr.s16 q2, q2, #8                // c
    vmla.i16 q2, q1, r9                 // 256·b + c
    .if \start
    vmladav.s16 \r, q2, q0
    .else
    vmladava.s16 \r, q2, q0
    .endif
    .endm
    .macro telltale_eight start
    vldrh.u16 q0, [r1], #16
    telltale_group \start, r0, r2, r4, r3
    telltale_group \start, r6, r8, r10, r5
    .endm
    .macro telltale_result row, at
    vldrw.u32 q6, [q5, #\at]            // biases
    vadd.i32 \row, \row, q6
    vstrw.32 \row, [q4, #\at]
    .endm
    .set telltale_chain, 12
"#
    ],
    r#"
    .thumb_func
    .p2align 2
telltale_apply:
    push  {{r4-r11, lr}}
    ldr   r10, [sp, #36]            // groups
    vpush {{d8-d15}}
    add   r12, r1, r3, lsl #1       // the end of x
    lsl   r11, r3, #2
    add   r11, r11, #24             // bytes of a group
    lsr   r4, r3, #3
    subs  r4, r4, #1                // eights of the chain
    mov   r5, #telltale_chain
    udiv  r6, r4, r5                // times that it is run through in full
    mls   r4, r6, r5, r4
    mov   r5, #60                   // 15 instructions of four bytes
    adr.w r6, 3f
    mls   r4, r4, r5, r6
    orr   r4, r4, #1                // entry into the chain
    push  {{r0, r1, r2, r4, r10, r11}}
    mov   r3, r0
    mov   r7, r2
    mov   r9, #256
    lsrs  lr, r10, #1
    beq   4f
    add   r5, r3, r11
1:
    telltale_eight 1
    ldr   pc, [sp, #12]
    .p2align 2
2:
    .rept telltale_chain
    telltale_eight 0
    .endr
3:
    cmp   r1, r12
    bne   2b
    stmia r7!, {{r0, r2, r4, r5, r6, r8, r10, r11}}     // fourth of four: anything
    add   r3, r5, #24
    add   r5, r3, r11
    ldr   r1, [sp, #4]
    le    lr, 1b
4:
    ldr   r10, [sp, #16]
    lsls  r10, r10, #31
    beq   6f
    mov   r0, #0
    mov   r2, #0
    mov   r4, #0
    sub   r6, r12, r1
    lsr   r6, r6, #4
    dls   lr, r6
5:
    vldrh.u16 q0, [r1], #16
    telltale_group 0, r0, r2, r4, r3
    le    lr, 5b
    stm   r7, {{r0, r2, r4}}
6:
    pop   {{r0, r1, r2, r4, r10, r11}}
    sub   r3, r11, #24
    add   r0, r0, r3                // the first tail
    mov   r6, #0
    vidup.u32 q6, r6, #1
    vmul.i32 q5, q6, r11
    vadd.i32 q5, q5, r0             // tails of four groups
    vshl.i32 q4, q6, #4
    vadd.i32 q4, q4, r2             // their sums and results
    lsl   r11, r11, #2
    mov   r2, #64
    mvn   r9, #255                  // −256
    dlstp.32 lr, r10
7:
    vldrw.u32 q0, [q4]              // P
    vldrw.u32 q2, [q4, #8]          // R
    vmov  q3, q2
    vmla.i32 q3, q0, r9
    vmul.i32 q3, q3, r9
    vldrw.u32 q1, [q4, #4]          // Q
    vadd.i32 q3, q3, q1             // D + 2²⁴·A
    vldrw.u32 q7, [q5, #20]         // scales of C and D, lower and upper halves
    vshl.i32 q3, q3, #8
    vshr.s32 q6, q3, #16            // ⌊D / 256⌋
    vmla.i32 q1, q6, r9
    vmullt.s16 q3, q3, q7
    vshr.s32 q1, q1, #16            // ⌊C / 256⌋
    vmla.i32 q2, q1, r9
    vmullb.s16 q1, q1, q7
    vldrw.u32 q7, [q5, #16]         // scales of A and B
    vshr.s32 q6, q2, #16            // ⌊B / 256⌋
    vmla.i32 q0, q6, r9
    vmullt.s16 q2, q2, q7
    vshr.s32 q0, q0, #16            // ⌊A / 256⌋
    vmullb.s16 q0, q0, q7
    telltale_result q0, 0
    telltale_result q2, 4
    telltale_result q1, 8
    telltale_result q3, 12
    vadd.i32 q4, q4, r2
    vadd.i32 q5, q5, r11
    letp  lr, 7b
    vpop  {{d8-d15}}
    pop   {{r4-r11, pc}}
"#,
    r#"
    .purgem telltale_group
    .purgem telltale_eight
    .purgem telltale_result
"#
);
