//! RV32IM: the gates of a GRU, a unit in 61 instructions, loop included.
//!
//! [`Curve::sigmoid`](crate::activation::Curve::sigmoid) takes 13 of them, two more where it saturates.

core::arch::global_asm!(
    r#"
    .option push
    .option arch, +m
    .macro telltale_sigmoid x
    add   t4, \x, a5                // from the table's start
    srli  t5, t4, 23
    beqz  t5, 2f
    srai  t4, \x, 31                // beyond either end: its segment, which does not rise
    not   t4, t4
2:
    slli  t4, t4, 9
    srli  t4, t4, 23                // segment
    slli  t4, t4, 2
    add   t4, t4, a4
    lw    t5, 0(t4)
    lh    t4, 0(t4)
    slli  \x, \x, 17
    srai  \x, \x, 16                // the part is the lower half, doubled
    mul   \x, \x, t4
    add   \x, \x, t5
    .endm
    .section .text.telltale_gru, "ax", %progbits
    .global telltale_gru
    .type telltale_gru, %function
telltale_gru:
    lui   a5, 0x400                 // half of the table
    lui   a6, 0xFFFF0
    lui   a7, 0xC0004               // −2³⁰, from sigmoid to tanh, and half of 2¹⁵
    add   t6, a0, a1                // sums of z
    slli  t0, a1, 1
    add   t0, t0, a0                // of n
    add   t1, t0, a1                // of the state's n
1:
    lw    t2, 0(a0)
    lw    t3, 0(t1)
    telltale_sigmoid t2
    and   t2, t2, a6                // r in steps of 2⁻¹⁵, times 2¹⁶
    mulh  t3, t3, t2
    lw    t2, 0(t0)
    add   t2, t2, t3
    telltale_sigmoid t2
    add   t2, t2, a7                // n in steps of 2⁻³⁰
    lw    t3, 0(t6)
    telltale_sigmoid t3
    srai  t3, t3, 16                // z in steps of 2⁻¹⁵
    lh    t4, 0(a2)
    srai  t5, t2, 15
    sub   t4, t4, t5
    mul   t4, t4, t3
    add   t4, t4, t2
    srai  t4, t4, 15
    sh    t4, 0(a2)
    addi  a2, a2, 2
    addi  a0, a0, 4
    addi  t0, t0, 4
    addi  t1, t1, 4
    addi  t6, t6, 4
    bne   a0, a3, 1b
    ret
    .size telltale_gru, . - telltale_gru
    .purgem telltale_sigmoid
    .option pop
"#
);
