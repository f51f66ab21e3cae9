//! ARMv7-M: eight columns of four rows in 76 instructions.

kernel!(
    [r#"
    .syntax unified
    .macro telltale_column at
    ldrsh r4, [r1, #\at]
    ldrsh r5, [r0, #\at]
    mla   r8, r5, r4, r8
    sxtb  r5, r5
    mla   r9, r5, r4, r9
    ldrsh r5, [r0, #\at + 16]
    mla   r10, r5, r4, r10
    sxtb  r5, r5
    mla   r11, r5, r4, r11
    .endm
    .macro telltale_row y, both, low, next
    sub   \both, \both, \low
    asr   \both, \both, #16
    asr   \low, \low, #8
    ldrh  r1, [r0], #2
    mla   \y, \both, r1, \y
    ldrh  r1, [r0], #2
    mla   \next, \low, r1, \next
    .endm
"#],
    r#"
    .thumb_func
telltale_apply:
    push  {{r4-r11, lr}}
    ldr   lr, [sp, #36]             // groups
    add   r12, r1, r3, lsl #1       // the end of x
1:
    mov   r8, #0
    mov   r9, #0
    mov   r10, #0
    mov   r11, #0
2:
    .irp  at, 0, 2, 4, 6, 8, 10, 12, 14
    telltale_column \at
    .endr
    adds  r0, r0, #32
    adds  r1, r1, #16
    cmp   r1, r12
    bne   2b
    ldmia r0!, {{r4-r7}}
    telltale_row r4, r8, r9, r5
    telltale_row r6, r10, r11, r7
    stmia r2!, {{r4-r7}}
    sub   r1, r12, r3, lsl #1
    subs  lr, lr, #1
    bne   1b
    pop   {{r4-r11, pc}}
"#,
    r#"
    .purgem telltale_column
    .purgem telltale_row
"#
);
