//! ARMv6-M: the gates of a GRU, a unit in 64 instructions, loop included.
//!
//! [`Curve::sigmoid`](crate::activation::Curve::sigmoid) takes 11 of them, three more where it saturates.

core::arch::global_asm!(
    r#"
    .syntax unified
    .macro telltale_sigmoid x
    adds  r1, \x, r4                // from the table's start
    lsrs  r2, r1, #23
    beq   2f
    asrs  r1, \x, #31               // beyond either end: its segment, which does not rise
    mvns  r1, r1
    lsrs  r1, r1, #9
2:
    lsrs  r1, r1, #14               // segment
    lsls  r1, r1, #2
    ldr   r1, [r5, r1]
    lsls  \x, \x, #1                // the part is the lower half
    sxth  \x, \x
    sxth  r2, r1
    muls  \x, r2, \x
    adds  \x, \x, r1
    .endm
    .section .text.telltale_gru, "ax", %progbits
    .global telltale_gru
    .type telltale_gru, %function
    .thumb_func
telltale_gru:
    push  {{r4-r7, lr}}
    mov   r4, r8
    mov   r5, r9
    mov   r6, r10
    mov   r7, r11
    push  {{r4-r7}}
    ldr   r5, [sp, #36]             // table
    mov   r7, r0
    mov   r6, r1
    mov   r9, r2
    mov   r10, r3
    lsls  r1, r1, #1
    mov   r8, r1
    movs  r4, #3
    lsls  r4, r4, #16
    adds  r4, r4, #1
    lsls  r4, r4, #14               // −2³⁰, from sigmoid to tanh, and half of 2¹⁵
    mov   r11, r4
    movs  r4, #1
    lsls  r4, r4, #22               // half of the table
1:
    ldr   r0, [r7]
    telltale_sigmoid r0
    asrs  r0, r0, #16               // r in steps of 2⁻¹⁵
    mov   r3, r8
    adds  r3, r3, r7
    ldr   r1, [r3, r6]
    asrs  r2, r1, #16
    muls  r2, r0, r2
    uxth  r1, r1
    muls  r1, r0, r1
    lsrs  r1, r1, #16
    adds  r1, r1, r2
    ldr   r0, [r3]
    adds  r0, r0, r1
    telltale_sigmoid r0
    add   r0, r0, r11               // n in steps of 2⁻³⁰
    ldr   r3, [r7, r6]
    telltale_sigmoid r3
    asrs  r3, r3, #16               // z in steps of 2⁻¹⁵
    asrs  r1, r0, #15
    mov   r2, r9
    ldrh  r2, [r2]
    sxth  r2, r2
    subs  r2, r2, r1
    muls  r2, r3, r2
    adds  r2, r2, r0
    asrs  r2, r2, #15
    mov   r1, r9
    strh  r2, [r1]
    adds  r1, r1, #2
    mov   r9, r1
    adds  r7, r7, #4
    cmp   r7, r10
    bne   1b
    pop   {{r4-r7}}
    mov   r8, r4
    mov   r9, r5
    mov   r10, r6
    mov   r11, r7
    pop   {{r4-r7, pc}}
    .size telltale_gru, . - telltale_gru
    .purgem telltale_sigmoid
"#
);
