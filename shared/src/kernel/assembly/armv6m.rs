//! ARMv6-M: [quads](crate::kernel#quads), eight columns of four rows in 78 instructions, and two for the loop.
//!
//! Three products are enough for a column's four weights, and two instructions make their factors: the word W
//! itself, its bytes reversed, and its upper half. Three sums in the high registers, which ADD can reach, take
//! all that an accumulator of 32 bits can hold of four rows' sums a, b, c, d of 24 bits:
//!
//! ```text
//! W =      a + 2⁸·b + 2¹⁶·c + 2²⁴·d
//! R = 2²⁴·a + 2¹⁶·b + 2⁸·c + d        all modulo 2³²
//! H =                     c + 2⁸·d
//! ```
//!
//! # Taking the sums apart
//!
//! S = W − 2¹⁶·H is a + 2⁸·b. R − 2⁸·(H + S) is (1 − 2¹⁶)·(d − 2⁸·a), whose factor 1 + 2¹⁶ undoes: T =
//! d − 2⁸·a. Then H − 2⁸·T − 2¹⁶·S is c − 2²⁴·b, of which the lower 24 bits are c; and with its sign, since
//! |c| < 2²³, come d from H, a from T and b from S.
//!
//! A weight's byte is 128 more than the weight, which puts 128·Σx into each sum. They start lower by that.
//!
//! # Cost
//!
//! A word takes 8 instructions, two activations another two, and six LDM bring what eight columns need. A group of
//! four rows takes 51 more, and a map 20 and 7 for two columns, of which the sum of x is made. (With x widened to
//! words once for all rows, eight columns would take 72; that takes four bytes of stack a column.)

kernel!(
    [r#"
    .syntax unified
    .macro telltale_quad word, x, spare
    rev   \spare, \word
    muls  \spare, \x, \spare
    add   r9, r9, \spare
    lsrs  \spare, \word, #16
    muls  \spare, \x, \spare
    add   r10, r10, \spare
    muls  \word, \x, \word
    add   r8, r8, \word
    .endm
    .macro telltale_two x
    ldmia r0!, {{r4, r5}}
    sxth  r6, \x
    telltale_quad r4, r6, r7
    asrs  \x, \x, #16
    telltale_quad r5, \x, r7
    .endm
"#],
    r#"
    .thumb_func
    .p2align 2
telltale_apply:
    push  {{r4-r7, lr}}
    mov   r4, r8
    mov   r5, r9
    mov   r6, r10
    mov   r7, r11
    push  {{r4-r7}}                 // [sp, #36] groups
    ldr   r4, [sp, #36]
    lsls  r4, r4, #4
    adds  r4, r4, r2                // the end of y
    mov   r5, r1
    push  {{r2, r4, r5}}            // [sp] y, its end, x
    lsls  r3, r3, #1
    adds  r3, r3, r1
    mov   lr, r3                    // the end of x
    movs  r6, #0                    // sum of x
1:
    ldmia r1!, {{r3}}
    sxth  r2, r3
    adds  r6, r6, r2
    asrs  r3, r3, #16
    adds  r6, r6, r3
    cmp   r1, lr
    bne   1b
    lsls  r2, r6, #7
    lsls  r3, r6, #15
    adds  r2, r2, r3
    rsbs  r2, r2, #0
    mov   r12, r2                   // −128·(1 + 2⁸) of it
    lsls  r3, r2, #16
    adds  r2, r2, r3
    mov   r11, r2                   // −128·(1 + 2⁸ + 2¹⁶ + 2²⁴) of it
2:
    ldr   r1, [sp, #8]
    mov   r8, r11
    mov   r9, r11
    mov   r10, r12
3:
    .rept 2
    ldmia r1!, {{r2, r3}}
    telltale_two r2
    telltale_two r3
    .endr
    cmp   r1, lr
    bne   3b
    mov   r1, r10                   // H
    mov   r2, r8                    // W
    mov   r3, r9                    // R
    lsls  r4, r1, #16
    subs  r2, r2, r4                // S
    adds  r4, r1, r2
    lsls  r4, r4, #8
    subs  r3, r3, r4
    lsls  r4, r3, #16
    adds  r3, r3, r4                // T
    lsls  r4, r2, #8
    adds  r4, r4, r3
    lsls  r4, r4, #8
    subs  r4, r1, r4
    lsls  r4, r4, #8                // 2⁸·c
    asrs  r6, r4, #16
    asrs  r4, r4, #8
    subs  r1, r1, r4                // 2⁸·d
    asrs  r7, r1, #16
    asrs  r1, r1, #8
    subs  r1, r1, r3                // 2⁸·a
    asrs  r4, r1, #16
    asrs  r1, r1, #8
    subs  r2, r2, r1                // 2⁸·b
    asrs  r5, r2, #16
    ldrh  r1, [r0, #16]             // scales
    muls  r4, r1, r4
    ldrh  r1, [r0, #18]
    muls  r5, r1, r5
    ldrh  r1, [r0, #20]
    muls  r6, r1, r6
    ldrh  r1, [r0, #22]
    muls  r7, r1, r7
    ldmia r0!, {{r1-r3}}            // biases
    adds  r4, r4, r1
    adds  r5, r5, r2
    adds  r6, r6, r3
    ldmia r0!, {{r1}}
    adds  r7, r7, r1
    adds  r0, r0, #8
    ldr   r1, [sp]
    stmia r1!, {{r4-r7}}
    str   r1, [sp]
    ldr   r2, [sp, #4]
    cmp   r1, r2
    beq   4f
    b     2b
4:
    add   sp, sp, #12
    pop   {{r4-r7}}
    mov   r8, r4
    mov   r9, r5
    mov   r10, r6
    mov   r11, r7
    pop   {{r4-r7, pc}}
"#,
    r#"
    .purgem telltale_quad
    .purgem telltale_two
"#
);
