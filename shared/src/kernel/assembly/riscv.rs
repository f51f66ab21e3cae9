//! RV32IM: [quads](crate::kernel#quads), eight columns of four rows in 83.5 instructions, of sixteen rows together
//! in 334.
//!
//! As on [ARMv6-M](super::armv6m), three sums take all that four rows' sums a, b, c, d hold. A column takes a
//! load, three instructions for the word's upper half and its middle, three products and three sums:
//!
//! ```text
//! W = a + 2⁸·b + 2¹⁶·c + 2²⁴·d
//! V =        b + 2⁸·c             all modulo 2³²
//! H =              c + 2⁸·d
//! ```
//!
//! W − 2⁸·V is a + 2²⁴·d, of which the lower 24 bits with their sign are a; b comes from W − 2¹⁶·H − a, c from V
//! and d from H.
//!
//! Sixteen rows share the load of an activation and the loop. What is left of a map, up to twelve rows,
//! goes in fours, with 91 instructions for eight columns.

kernel!(
    [r#"
    .option push
    .option arch, +m
    .macro telltale_quad at, whole, upper, middle
    lw    t4, \at
    srli  t5, t4, 16
    slli  t6, t4, 8
    srli  t6, t6, 16
    mul   t4, t4, t3
    mul   t5, t5, t3
    mul   t6, t6, t3
    add   \whole, \whole, t4
    add   \upper, \upper, t5
    add   \middle, \middle, t6
    .endm
    .macro telltale_start whole, upper, middle
    mv    \whole, t1
    mv    \upper, t2
    mv    \middle, t2
    .endm
    .macro telltale_row sum, bias, scale, y
    lhu   t5, \scale
    mul   \sum, \sum, t5
    lw    t5, \bias
    add   \sum, \sum, t5
    sw    \sum, \y(a2)
    .endm
    .macro telltale_rows group, y, whole, upper, middle
    slli  t3, \middle, 8
    sub   t3, \whole, t3
    slli  t3, t3, 8                 // 2⁸·a
    srai  t4, t3, 16
    srai  t3, t3, 8
    slli  t5, \upper, 16
    sub   \whole, \whole, t5
    sub   \whole, \whole, t3        // 2⁸·b
    srai  t3, \whole, 16
    srai  \whole, \whole, 8
    sub   \middle, \middle, \whole  // 2⁸·c
    srai  \whole, \middle, 16
    srai  \middle, \middle, 8
    sub   \upper, \upper, \middle   // 2⁸·d
    srai  \upper, \upper, 16
    telltale_row t4, 0(\group), 16(\group), \y
    telltale_row t3, 4(\group), 18(\group), \y + 4
    telltale_row \whole, 8(\group), 20(\group), \y + 8
    telltale_row \upper, 12(\group), 22(\group), \y + 12
    .endm
"#],
    r#"
telltale_apply:
    addi  sp, sp, -64
    sw    s0, 0(sp)
    sw    s1, 4(sp)
    sw    s2, 8(sp)
    sw    s3, 12(sp)
    sw    s4, 16(sp)
    sw    s5, 20(sp)
    sw    s6, 24(sp)
    sw    s7, 28(sp)
    sw    s8, 32(sp)
    sw    s9, 36(sp)
    sw    s10, 40(sp)
    sw    s11, 44(sp)
    sw    ra, 48(sp)
    slli  ra, a3, 2
    addi  ra, ra, 24                // bytes of a group
    slli  a3, a3, 1
    add   a3, a3, a1                // the end of x
    mv    t0, a1
    li    t1, 0                     // sum of x
1:
    lh    t3, 0(t0)
    lh    t4, 2(t0)
    add   t1, t1, t3
    add   t1, t1, t4
    addi  t0, t0, 4
    bne   t0, a3, 1b
    slli  t2, t1, 7
    slli  t3, t1, 15
    add   t2, t2, t3
    neg   t2, t2                    // −128·(1 + 2⁸) of it
    slli  t3, t2, 16
    add   t1, t2, t3                // −128·(1 + 2⁸ + 2¹⁶ + 2²⁴) of it
    addi  a4, a4, -4
    bltz  a4, 4f
2:
    add   a5, a0, ra
    add   a6, a5, ra
    add   a7, a6, ra
    mv    t0, a1
    telltale_start s0, s1, s2
    telltale_start s3, s4, s5
    telltale_start s6, s7, s8
    telltale_start s9, s10, s11
3:
    .irp  at, 0, 2, 4, 6, 8, 10, 12, 14
    lh    t3, \at(t0)
    telltale_quad 2 * \at(a0), s0, s1, s2
    telltale_quad 2 * \at(a5), s3, s4, s5
    telltale_quad 2 * \at(a6), s6, s7, s8
    telltale_quad 2 * \at(a7), s9, s10, s11
    .endr
    addi  t0, t0, 16
    addi  a0, a0, 32
    addi  a5, a5, 32
    addi  a6, a6, 32
    addi  a7, a7, 32
    bne   t0, a3, 3b
    telltale_rows a0, 0, s0, s1, s2
    telltale_rows a5, 16, s3, s4, s5
    telltale_rows a6, 32, s6, s7, s8
    telltale_rows a7, 48, s9, s10, s11
    addi  a0, a7, 24
    addi  a2, a2, 64
    addi  a4, a4, -4
    bgez  a4, 2b
4:
    addi  a4, a4, 4
    beqz  a4, 7f
5:
    mv    t0, a1
    telltale_start s0, s1, s2
6:
    .irp  at, 0, 2, 4, 6, 8, 10, 12, 14
    lh    t3, \at(t0)
    telltale_quad 2 * \at(a0), s0, s1, s2
    .endr
    addi  t0, t0, 16
    addi  a0, a0, 32
    bne   t0, a3, 6b
    telltale_rows a0, 0, s0, s1, s2
    addi  a0, a0, 24
    addi  a2, a2, 16
    addi  a4, a4, -1
    bnez  a4, 5b
7:
    lw    s0, 0(sp)
    lw    s1, 4(sp)
    lw    s2, 8(sp)
    lw    s3, 12(sp)
    lw    s4, 16(sp)
    lw    s5, 20(sp)
    lw    s6, 24(sp)
    lw    s7, 28(sp)
    lw    s8, 32(sp)
    lw    s9, 36(sp)
    lw    s10, 40(sp)
    lw    s11, 44(sp)
    lw    ra, 48(sp)
    addi  sp, sp, 64
    ret
"#,
    r#"
    .purgem telltale_quad
    .purgem telltale_start
    .purgem telltale_row
    .purgem telltale_rows
    .option pop
"#
);
