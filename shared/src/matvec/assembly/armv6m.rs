//! ARMv6-M: eight columns of four rows in 105 instructions, and 3 for every four eights.
//!
//! A word of weights, two columns of a row pair, takes 12 instructions: three to take its lanes and
//! their low bytes apart, beside the fourth that the word itself becomes, four products and four sums.
//! Eight columns of four rows have 8 such words. Activations are widened to words on the stack once for
//! all rows, so that one LDM brings four of them: 4 LDM of weights, 4 of activations and one step back
//! of their pointer make 105. Each LDM of weights is placed where registers have just become free, so
//! it brings one word ahead of its use, and the last one brings the first bias.
//!
//! Sums are in the high registers, which ADD can reach. The first eight starts them; the others are a
//! chain of four that is entered so that it ends with the last one. A group takes 35 more. Maps of more
//! than 96 columns would need too much stack: their activations are read where they are, eight columns
//! in 118 instructions.

kernel!(
    [r#"
    .syntax unified
    .macro telltale_sum op, sum, from
    .ifc \op, start
    mov   \sum, \from
    .else
    add   \sum, \sum, \from
    .endif
    .endm
    .macro telltale_word op, both, low, word, x, next, spare
    sxtb  \spare, \word
    muls  \spare, \x, \spare
    telltale_sum \op, \low, \spare
    sxth  \spare, \word
    muls  \spare, \x, \spare
    telltale_sum \op, \both, \spare
    asrs  \word, \word, #16
    sxtb  \spare, \word
    muls  \spare, \next, \spare
    add   \low, \low, \spare
    muls  \word, \next, \word
    add   \both, \both, \word
    .endm
    .macro telltale_pair op, both, low
    ldmia r1!, {{r4-r7}}
    telltale_word \op, \both, \low, r3, r4, r5, r2
    ldmia r0!, {{r2, r3}}
    telltale_word on, \both, \low, r2, r6, r7, r4
    ldmia r1!, {{r4-r7}}
    telltale_word on, \both, \low, r3, r4, r5, r2
    ldmia r0!, {{r2, r3}}
    telltale_word on, \both, \low, r2, r6, r7, r4
    .endm
    .macro telltale_eight op
    telltale_pair \op, r8, r9
    subs  r1, r1, #32
    telltale_pair \op, r10, r11
    .endm
    .macro telltale_row both, low, scale, y, next
    mov   r1, \both
    mov   r2, \low
    subs  r1, r1, r2
    asrs  r1, r1, #16
    asrs  r2, r2, #8
    ldrh  r7, [r0, #\scale]
    muls  r1, r7, r1
    adds  \y, \y, r1
    ldrh  r7, [r0, #\scale + 2]
    muls  r2, r7, r2
    adds  \next, \next, r2
    .endm
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
    .set telltale_chain, 4
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
    mov   lr, r2                    // y
    cmp   r3, #96
    bls   1f
    b     6f
1:
    ldr   r4, [sp, #36]
    lsls  r4, r4, #4
    adds  r4, r4, r2                // the end of y
    mov   r12, sp                   // the end of the wide x
    lsls  r5, r3, #2
    mov   r7, sp
    subs  r7, r7, r5
    mov   r6, r7
    subs  r6, r6, #8
    mov   sp, r6                    // [sp] end of y, entry into the chain, x
    lsrs  r3, r3, #3
    subs  r3, r3, #1
    movs  r5, #telltale_chain - 1
    ands  r3, r3, r5
    movs  r5, #telltale_chain
    subs  r5, r5, r3                // eights that the chain's first round leaves out
    movs  r3, #210                  // 105 instructions of two bytes
    muls  r5, r3, r5
    adr   r3, 4f
    adds  r5, r5, r3
    stmia r6!, {{r4, r5}}
2:
    .rept 2
    ldmia r1!, {{r3, r6}}
    sxth  r2, r3
    asrs  r3, r3, #16
    sxth  r5, r6
    asrs  r6, r6, #16
    stmia r7!, {{r2, r3, r5, r6}}
    .endr
    cmp   r7, r12
    bne   2b
3:
    ldmia r0!, {{r3}}
    add   r1, sp, #8
    telltale_eight start
    ldr   r2, [sp, #4]
    mov   pc, r2
    .p2align 2
4:
    .rept telltale_chain
    telltale_eight on
    .endr
    cmp   r1, r12
    beq   5f
    b     4b
5:
    ldmia r0!, {{r4-r6}}            // biases from r3 on; r0 is at the scales
    telltale_row r8, r9, 0, r3, r4
    telltale_row r10, r11, 4, r5, r6
    adds  r0, r0, #8
    mov   r1, lr
    stmia r1!, {{r3-r6}}
    mov   lr, r1
    ldr   r2, [sp]
    cmp   r1, r2
    beq   5f
    b     3b
5:
    mov   sp, r12
    b     9f

6:
    push  {{r1}}                    // [sp] x; [sp, #40] groups
    lsls  r3, r3, #1
    adds  r3, r3, r1
    mov   r12, r3                   // the end of x
7:
    movs  r3, #0
    mov   r8, r3
    mov   r9, r3
    mov   r10, r3
    mov   r11, r3
    ldr   r1, [sp]
    mov   r2, r0
    adds  r2, r2, #16
8:
    .rept 8
    telltale_column
    .endr
    adds  r0, r0, #32
    adds  r2, r2, #32
    adds  r1, r1, #16
    movs  r3, #0
    cmp   r1, r12
    bne   8b
    ldmia r0!, {{r3-r6}}
    telltale_row r8, r9, 0, r3, r4
    telltale_row r10, r11, 4, r5, r6
    adds  r0, r0, #8
    mov   r1, lr
    stmia r1!, {{r3-r6}}
    mov   lr, r1
    ldr   r4, [sp, #40]
    subs  r4, r4, #1
    str   r4, [sp, #40]
    beq   8f
    b     7b
8:
    pop   {{r1}}
9:
    pop   {{r4-r7}}
    mov   r8, r4
    mov   r9, r5
    mov   r10, r6
    mov   r11, r7
    pop   {{r4-r7, pc}}
"#,
    r#"
    .purgem telltale_sum
    .purgem telltale_word
    .purgem telltale_pair
    .purgem telltale_eight
    .purgem telltale_row
    .purgem telltale_column
"#
);
