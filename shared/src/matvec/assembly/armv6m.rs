//! ARMv6-M: eight columns of four rows in 118 instructions; sums are in the high registers, which ADD
//! can reach.

kernel!(
    [r#"
    .syntax unified
    .macro telltale_column
    ldrsh r6, [r1, r3]
    ldrsh r4, [r0, r3]
    sxtb  r5, r4
    muls  r4, r6, r4
    add   r8, r8, r4
    muls  r5, r6, r5
    add   r9, r9, r5
    ldrsh r4, [r2, r3]
    sxtb  r5, r4
    muls  r4, r6, r4
    add   r10, r10, r4
    muls  r5, r6, r5
    add   r11, r11, r5
    adds  r3, r3, #2
    .endm
    .macro telltale_row both, low, bias, scale
    mov   r4, \both
    mov   r5, \low
    subs  r4, r4, r5
    asrs  r4, r4, #16
    asrs  r5, r5, #8
    ldrh  r6, [r0, #\scale]
    muls  r4, r6, r4
    ldr   r6, [r0, #\bias]
    adds  r4, r4, r6
    ldrh  r6, [r0, #\scale + 2]
    muls  r5, r6, r5
    ldr   r6, [r0, #\bias + 4]
    adds  r5, r5, r6
    stmia r7!, {{r4, r5}}
    .endm
"#],
    r#"
    .thumb_func
telltale_apply:
    push  {{r4-r7, lr}}
    mov   r4, r8
    mov   r5, r9
    mov   r6, r10
    mov   r7, r11
    push  {{r1, r4-r7}}             // [sp] x; [sp, #40] groups
    mov   r7, r2
    lsls  r3, r3, #1
    adds  r3, r3, r1
    mov   r12, r3                   // the end of x
1:
    movs  r3, #0
    mov   r8, r3
    mov   r9, r3
    mov   r10, r3
    mov   r11, r3
    ldr   r1, [sp]
    mov   r2, r0
    adds  r2, r2, #16
2:
    .rept 8
    telltale_column
    .endr
    adds  r0, r0, #32
    adds  r2, r2, #32
    adds  r1, r1, #16
    movs  r3, #0
    cmp   r1, r12
    bne   2b
    telltale_row r8, r9, 0, 16
    telltale_row r10, r11, 8, 20
    adds  r0, r0, #24
    ldr   r4, [sp, #40]
    subs  r4, r4, #1
    str   r4, [sp, #40]
    beq   3f
    b     1b
3:
    pop   {{r1, r4-r7}}
    mov   r8, r4
    mov   r9, r5
    mov   r10, r6
    mov   r11, r7
    pop   {{r4-r7, pc}}
"#,
    r#"
    .purgem telltale_column
    .purgem telltale_row
"#
);
