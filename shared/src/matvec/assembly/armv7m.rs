//! ARMv7-M: eight columns of eight rows in 123 instructions, 1.92 per MAC.
//!
//! Two groups go together and share x. For one column of a group, MLA sums both lanes, and one SMLAL
//! the low bytes b and d of both: `2²⁴·b + d` is a SXTB and an ADD away, and since each row's sum is
//! below 2²³ in magnitude, a sum of 64 bits holds two. That is 7 instructions for 4 MACs where four MLA
//! and their parts take 8. (SMLAL takes 4 to 7 cycles on a Cortex-M3 and MLA 2: in time it is about even.)
//!
//! The long sum starts from 2²³, so that its upper word ends as ⌊Σ b·x / 256⌋. What one row's sum leaves in
//! the low byte of a lane's sum, a shift by 16 takes away: the end of two groups takes 41 instructions.
//!
//! An odd group goes alone, 72 for eight columns.

// Sums of a group: the lanes of the first pair, the upper word of the long sum, the lanes of the second
// pair, the lower word of the long sum: r4 to r7 and r8 to r11, which become rows 0 to 7.
kernel!(
    [r#"
    .syntax unified
    .macro telltale_lanes first, second, upper0, upper1, lower
    ldrsh r12, \first
    ldrsh lr, \second
    mla   \upper0, r12, r2, \upper0
    mla   \upper1, lr, r2, \upper1
    sxtb  lr, lr
    add   lr, lr, r12, lsl #24
    .endm
    .macro telltale_column x, first, second
    ldrsh r2, [r1\x
    telltale_lanes "[r0\first", "[r0, #\second]", r4, r6
    smlal r7, r5, lr, r2
    telltale_lanes "[r3\first", "[r3, #\second]", r8, r10
    smlal r11, r9, lr, r2
    .endm
    .macro telltale_floors row0, row1, row2, row3
    eor   \row3, \row3, #0x800000
    sbfx  \row3, \row3, #8, #16
    sub   \row2, \row2, \row3, lsl #8
    asr   \row2, \row2, #16
    sub   \row0, \row0, \row1, lsl #8
    asr   \row0, \row0, #16
    .endm
    .macro telltale_rows from, row0, row1, row2, row3
    telltale_floors \row0, \row1, \row2, \row3
    ldrd  r1, r2, [\from], #8       // biases
    ldrh  r12, [\from, #8]          // scales
    ldrh  lr, [\from, #10]
    mla   \row0, \row0, r12, r1
    mla   \row1, \row1, lr, r2
    ldrd  r1, r2, [\from], #16
    ldrh  r12, [\from, #-4]
    ldrh  lr, [\from, #-2]
    mla   \row2, \row2, r12, r1
    mla   \row3, \row3, lr, r2
    .endm
"#],
    r#"
    .thumb_func
    .p2align 2
telltale_apply:
    push  {{r4-r11, lr}}
    ldr   r9, [sp, #36]             // groups
    mov   r5, r1
    add   r4, r1, r3, lsl #1        // the end of x
    mov   r6, r2
    lsr   r7, r9, #1
    add   r7, r2, r7, lsl #5        // the end of y, but for an odd group
    lsl   r8, r3, #2
    add   r8, r8, #24               // bytes of a group
    push  {{r4-r9}}
    add   r3, r0, r8
    cmp   r2, r7
    beq   3f
1:
    adr   r2, 6f
    ldm   r2, {{r4-r11}}
2:
    telltale_column "], #16", "], #32", -16
    .irp  at, 2, 4, 6, 8, 10, 12, 14
    telltale_column ", #\at - 16]", ", #\at - 32]", \at - 16
    .endr
    ldr   r12, [sp]
    cmp   r1, r12
    bne   2b
    telltale_rows r0, r4, r5, r6, r7
    telltale_rows r3, r8, r9, r10, r11
    ldm   sp, {{r0, r1, r2, r12, lr}}   // end of x, x, y, end of y, bytes of a group
    stmia r2!, {{r4-r11}}
    str   r2, [sp, #8]
    mov   r0, r3
    add   r3, r3, lr
    cmp   r2, r12
    bne   1b
3:
    ldr   r3, [sp, #20]
    lsls  r3, r3, #31
    beq   5f
    adr   r2, 6f
    ldm   r2, {{r4-r7}}
    ldr   r8, [sp]
    mov   r3, #0                    // from half of eight columns to the next: 0 or 16 more
4:
    .irp  at, 0, 2, 4, 6
    ldrsh r2, [r1, #\at]
    telltale_lanes "[r0, #\at]", "[r0, #\at + 16]", r4, r6
    smlal r7, r5, lr, r2
    .endr
    adds  r1, r1, #8
    adds  r0, r0, #8
    add   r0, r0, r3
    eor   r3, r3, #16
    cmp   r1, r8
    bne   4b
    telltale_rows r0, r4, r5, r6, r7
    ldr   r1, [sp, #8]
    stmia r1!, {{r4-r7}}
5:
    add   sp, #24
    pop   {{r4-r11, pc}}
    .p2align 2
6:
    .word 0, 0, 0, 0x800000, 0, 0, 0, 0x800000
"#,
    r#"
    .purgem telltale_lanes
    .purgem telltale_column
    .purgem telltale_floors
    .purgem telltale_rows
"#
);
