//! ARMv6-M: [quads](crate::matvec#quads), eight columns of four rows in 70 instructions, and two for the loop.
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
//! # Loads
//!
//! Activations are widened to words on the stack once for all rows, so that LDM brings them; eight columns take
//! six LDM. A group of four rows takes 51 more. Maps of more than 96 columns would need too much stack: their
//! activations are read where they are, eight columns in 78 instructions.

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
    .macro telltale_start           // from r6, the sum of x
    lsls  r2, r6, #7
    lsls  r3, r6, #15
    adds  r2, r2, r3
    rsbs  r2, r2, #0
    mov   r12, r2                   // −128·(1 + 2⁸) of it
    lsls  r3, r2, #16
    adds  r2, r2, r3
    mov   r11, r2                   // −128·(1 + 2⁸ + 2¹⁶ + 2²⁴) of it
    .endm
    .macro telltale_sums
    mov   r8, r11
    mov   r9, r11
    mov   r10, r12
    .endm
    .macro telltale_rows            // compares where y goes on with its end
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
    movs  r6, #0                    // sum of x
    cmp   r3, #96
    bls   1f
    b     6f
1:
    mov   lr, sp                    // the end of the wide x
    lsls  r5, r3, #2
    mov   r7, sp
    subs  r7, r7, r5
    mov   r3, r7
    subs  r3, r3, #8
    mov   sp, r3                    // [sp] y, its end, x
    stmia r3!, {{r2, r4}}
2:
    .rept 2
    ldmia r1!, {{r3, r5}}
    sxth  r2, r3
    asrs  r3, r3, #16
    sxth  r4, r5
    asrs  r5, r5, #16
    stmia r7!, {{r2-r5}}
    adds  r2, r2, r3
    adds  r4, r4, r5
    adds  r6, r6, r2
    adds  r6, r6, r4
    .endr
    cmp   r7, lr
    bne   2b
    telltale_start
3:
    add   r1, sp, #8
    telltale_sums
4:
    ldmia r0!, {{r2-r4}}
    ldmia r1!, {{r5, r6}}
    telltale_quad r2, r5, r7
    telltale_quad r3, r6, r7
    ldmia r1!, {{r2, r3, r5, r6}}
    telltale_quad r4, r2, r7
    ldmia r0!, {{r2, r4}}
    telltale_quad r2, r3, r7
    telltale_quad r4, r5, r7
    ldmia r0!, {{r2-r4}}
    telltale_quad r2, r6, r7
    ldmia r1!, {{r5, r6}}
    telltale_quad r3, r5, r7
    telltale_quad r4, r6, r7
    cmp   r1, lr
    bne   4b
    telltale_rows
    beq   5f
    b     3b
5:
    mov   sp, lr
    b     9f

6:
    mov   r5, r1
    push  {{r2, r4, r5}}            // [sp] y, its end, x
    lsls  r3, r3, #1
    adds  r3, r3, r1
    mov   lr, r3                    // the end of x
2:
    ldmia r1!, {{r3}}
    sxth  r2, r3
    adds  r6, r6, r2
    asrs  r3, r3, #16
    adds  r6, r6, r3
    cmp   r1, lr
    bne   2b
    telltale_start
7:
    ldr   r1, [sp, #8]
    telltale_sums
8:
    .rept 2
    ldmia r1!, {{r2, r3}}
    telltale_two r2
    telltale_two r3
    .endr
    cmp   r1, lr
    bne   8b
    telltale_rows
    beq   8f
    b     7b
8:
    add   sp, sp, #12
9:
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
    .purgem telltale_start
    .purgem telltale_sums
    .purgem telltale_rows
"#
);
