//! Kernels in assembly: two rows of weights from two products of each lane.
//!
//! Over a block, `lane · x` sums to 256·high + low' and the lane's low byte times x to low', where
//! low' = low + 128·Σx. Their difference is 256·high, which [`BLOCK_LIMIT`](super::BLOCK_LIMIT) keeps
//! within 32 bits; whatever else wraps, wraps in both. Sums start at −128·Σx, so low' ends as low.

use super::{BLOCK, COLUMN_UNIT, Matrix, portable};

/// Rows that the kernel takes at once.
const ROWS: usize = if cfg!(kernel = "dsp") { 2 } else { 4 };

unsafe extern "C" {
    /// For `count` groups of [`ROWS`] rows: `y += scale · Σ lane · x` over one block of columns.
    ///
    /// `bytes` is the block's width in bytes, 16 to 128 in steps of 16; `stride` is what a row pair
    /// takes in all; `start` is −128·Σx.
    fn telltale_accumulate(
        lanes: *const u16,
        x: *const i16,
        scales: *const u16,
        y: *mut i32,
        bytes: usize,
        stride: usize,
        start: i32,
        count: usize,
    );
}

/// As [`portable`](super::portable).
pub fn accumulate(matrix: &Matrix<'_>, x: &[i16], y: &mut [i32]) {
    let columns = matrix.columns;
    let groups = y.len().min(matrix.rows()) / ROWS;
    let aligned = matrix.lanes.as_ptr().addr().is_multiple_of(4) && x.as_ptr().addr().is_multiple_of(4);
    if x.len() < columns || groups == 0 || !aligned {
        return portable(matrix, x, y);
    }
    let stride = 2 * columns;
    for (number, block) in x.get(..columns).unwrap_or(&[]).chunks(BLOCK).enumerate() {
        let start = block.iter().fold(0i32, |sum, &x| sum.wrapping_add(x.into())).wrapping_mul(-128);
        let (lanes, bytes) = (matrix.lanes.get(number * BLOCK..).unwrap_or(&[]), 2 * block.len());
        // SAFETY: a matrix has rows()/2 × columns lanes and rows() scales; y has ROWS·groups entries and
        // ROWS·groups ≤ rows(); of each row pair's lanes, the kernel reads those of the block, which ends
        // before `columns`, a multiple of COLUMN_UNIT. Lanes and x are aligned to 4 bytes, and so is every
        // row and block, as COLUMN_UNIT lanes take 16 bytes. y is borrowed mutably, so it overlaps nothing.
        unsafe {
            telltale_accumulate(
                lanes.as_ptr(),
                block.as_ptr(),
                matrix.scales.as_ptr(),
                y.as_mut_ptr(),
                bytes,
                stride,
                start,
                groups,
            );
        }
    }
    let done = groups * ROWS;
    if let Some(rest) = y.get_mut(done..).filter(|rest| !rest.is_empty()) {
        portable(&matrix.slice(done, matrix.rows() - done), x, rest);
    }
}

const _: () = assert!(COLUMN_UNIT == 8 && BLOCK == 64, "the assembly below takes eights, up to 64");

/// The function around a kernel's body, between what comes before and after it.
macro_rules! kernel {
    ($before:literal, $body:literal $(, $after:literal)?) => {
        core::arch::global_asm!(
            $before,
            r#"
    .section .text.telltale_accumulate, "ax", %progbits
    .global telltale_accumulate
    .type telltale_accumulate, %function
"#,
            $body,
            ".size telltale_accumulate, . - telltale_accumulate"
            $(, $after)?
        );
    };
}

// The end of a row pair on the cores with MLA: y += scale · sum, of both rows.
#[cfg(any(kernel = "dsp", kernel = "armv7m"))]
core::arch::global_asm!(
    r#"
    .macro telltale_row high, low
    sub   \high, \high, \low
    asr   \high, \high, #8
    ldr   r4, [r2], #4
    ldrd  r6, r7, [r3]
    uxth  r5, r4
    lsrs  r4, r4, #16
    mla   r6, \high, r5, r6
    mla   r7, \low, r4, r7
    strd  r6, r7, [r3], #8
    .endm
"#
);

// ARMv7E-M and ARMv8-M with the DSP extension: SMLAD does two columns of a row pair at once. Eight
// columns take 14 instructions; a jump into the unrolled block sets its width.
#[cfg(kernel = "dsp")]
macro_rules! dsp_kernel {
    ($before:literal) => {
        kernel!(
            $before,
            r#"
    .thumb_func
    .p2align 2
telltale_accumulate:
    push  {{r1, r4-r11, lr}}        // [sp] x; arguments from [sp, #40]: bytes, stride, start, count
    ldr   r4, [sp, #40]
    ldr   r5, [sp, #44]
    subs  r5, r5, r4
    str   r5, [sp, #44]             // what to skip behind a row
    ldr   r5, [sp, #52]
    add   r5, r3, r5, lsl #3
    str   r5, [sp, #52]             // the end of y
    rsb   r4, r4, #128              // 56 bytes of code for each 16 bytes left out: 3.5
    lsl   r5, r4, #2
    sub   r5, r5, r4, lsr #1
    adr.w r4, 2f
    add   r4, r4, r5
    orr   r4, r4, #1
    str   r4, [sp, #40]             // where to enter the block
1:
    ldr   r12, [sp, #48]
    mov   lr, r12
    ldr   r1, [sp]
    ldr   pc, [sp, #40]
    .p2align 2
2:
    .rept 8
    ldmia.w r1!, {{r4-r7}}
    ldmia.w r0!, {{r8-r11}}
    smlad r12, r8, r4, r12
    uxtb16 r8, r8
    smlad lr, r8, r4, lr
    smlad r12, r9, r5, r12
    uxtb16 r9, r9
    smlad lr, r9, r5, lr
    smlad r12, r10, r6, r12
    uxtb16 r10, r10
    smlad lr, r10, r6, lr
    smlad r12, r11, r7, r12
    uxtb16 r11, r11
    smlad lr, r11, r7, lr
    .endr
    telltale_row r12, lr
    ldr   r8, [sp, #44]
    ldr   r9, [sp, #52]
    add   r0, r0, r8
    cmp   r3, r9
    bne   1b
    pop   {{r1, r4-r11, pc}}
"#
        );
    };
}

#[cfg(all(kernel = "dsp", not(telltale_dsp)))]
dsp_kernel!(".syntax unified");
// The assembler does not know from the target that an ARMv8-M core has the extension.
#[cfg(all(kernel = "dsp", telltale_dsp))]
dsp_kernel!(".cpu cortex-m33\n.syntax unified");

// ARMv7-M: four rows, eight columns in 72 instructions.
#[cfg(kernel = "armv7m")]
kernel!(
    r#"
    .syntax unified
    .macro telltale_column at
    ldrsh r6, [r1, #\at]
    ldrsh r7, [r0, #\at]
    ldrsh r8, [r5, #\at]
    mla   r9, r7, r6, r9
    uxtb  r7, r7
    mla   r10, r7, r6, r10
    mla   r11, r8, r6, r11
    uxtb  r8, r8
    mla   r12, r8, r6, r12
    .endm
"#,
    r#"
    .thumb_func
telltale_accumulate:
    push  {{r1, r4-r11, lr}}        // [sp] x; arguments from [sp, #40]: bytes, stride, start, count
    ldr   r4, [sp, #40]
    adds  r4, r4, r1
    str   r4, [sp, #40]             // the end of x
    mov   lr, r0
1:
    ldr   r4, [sp, #44]
    mov   r0, lr
    add   r5, lr, r4
    add   lr, r5, r4
    ldr   r9, [sp, #48]
    mov   r10, r9
    mov   r11, r9
    mov   r12, r9
    ldr   r1, [sp]
    ldr   r4, [sp, #40]
2:
    .irp  at, 0, 2, 4, 6, 8, 10, 12, 14
    telltale_column \at
    .endr
    adds  r0, r0, #16
    adds  r5, r5, #16
    adds  r1, r1, #16
    cmp   r1, r4
    bne   2b
    telltale_row r9, r10
    telltale_row r11, r12
    ldr   r4, [sp, #52]
    subs  r4, r4, #1
    str   r4, [sp, #52]
    bne   1b
    pop   {{r1, r4-r11, pc}}
"#,
    r#"
    .purgem telltale_column
"#
);

// ARMv6-M: four rows, eight columns in 112 instructions; sums are in the high registers, which ADD
// can reach.
#[cfg(kernel = "armv6m")]
kernel!(
    r#"
    .syntax unified
    .macro telltale_column
    ldrsh r6, [r2, r3]
    ldrsh r4, [r0, r3]
    uxtb  r5, r4
    muls  r4, r6, r4
    add   r8, r8, r4
    muls  r5, r6, r5
    add   r9, r9, r5
    ldrsh r4, [r1, r3]
    uxtb  r5, r4
    muls  r4, r6, r4
    add   r10, r10, r4
    muls  r5, r6, r5
    add   r11, r11, r5
    adds  r3, r3, #2
    .endm
    .macro telltale_row high, low
    mov   r4, \high
    mov   r5, \low
    subs  r4, r4, r5
    asrs  r4, r4, #8
    ldrh  r6, [r2, #0]
    muls  r4, r6, r4
    ldrh  r6, [r2, #2]
    muls  r5, r6, r5
    ldr   r6, [r3, #0]
    adds  r6, r6, r4
    ldr   r4, [r3, #4]
    adds  r4, r4, r5
    str   r6, [r3, #0]
    str   r4, [r3, #4]
    adds  r2, r2, #4
    adds  r3, r3, #8
    .endm
"#,
    r#"
    .thumb_func
telltale_accumulate:
    push  {{r4-r7, lr}}
    mov   r4, r8
    mov   r5, r9
    mov   r6, r10
    mov   r7, r11
    push  {{r4-r7}}
    push  {{r1-r3}}                 // [sp] x, scales, y; arguments from [sp, #48]: bytes, stride, start, count
    ldr   r7, [sp, #48]
1:
    ldr   r4, [sp, #52]
    adds  r1, r0, r4
    adds  r4, r4, r1
    mov   r12, r4                   // the next four rows
    ldr   r2, [sp, #0]
    movs  r3, #0
    ldr   r4, [sp, #56]
    mov   r8, r4
    mov   r9, r4
    mov   r10, r4
    mov   r11, r4
2:
    .rept 8
    telltale_column
    .endr
    cmp   r3, r7
    bne   2b
    ldr   r2, [sp, #4]
    ldr   r3, [sp, #8]
    telltale_row r8, r9
    telltale_row r10, r11
    str   r2, [sp, #4]
    str   r3, [sp, #8]
    mov   r0, r12
    ldr   r4, [sp, #60]
    subs  r4, r4, #1
    str   r4, [sp, #60]
    beq   3f
    b     1b
3:
    add   sp, #12
    pop   {{r4-r7}}
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

// RV32IM: four rows, eight columns in 104 instructions.
#[cfg(kernel = "riscv")]
kernel!(
    r#"
    .option push
    .option arch, +m
    .macro telltale_column at
    lh    t3, \at(t0)
    lh    t4, \at(t1)
    lh    t5, \at(t2)
    mul   t6, t4, t3
    andi  t4, t4, 255
    add   s0, s0, t6
    mul   t6, t4, t3
    mul   t4, t5, t3
    add   s1, s1, t6
    andi  t5, t5, 255
    add   s2, s2, t4
    mul   t5, t5, t3
    add   s3, s3, t5
    .endm
    .macro telltale_row high, low
    sub   t3, \high, \low
    srai  t3, t3, 8
    lhu   t4, 0(a2)
    lhu   t5, 2(a2)
    mul   t3, t3, t4
    mul   t5, \low, t5
    lw    t4, 0(a3)
    lw    t6, 4(a3)
    add   t4, t4, t3
    add   t6, t6, t5
    sw    t4, 0(a3)
    sw    t6, 4(a3)
    addi  a2, a2, 4
    addi  a3, a3, 8
    .endm
"#,
    r#"
telltale_accumulate:
    addi  sp, sp, -16
    sw    s0, 0(sp)
    sw    s1, 4(sp)
    sw    s2, 8(sp)
    sw    s3, 12(sp)
    add   a4, a4, a1                // the end of x
1:
    mv    t0, a1
    mv    t1, a0
    add   t2, a0, a5
    add   a0, t2, a5
    mv    s0, a6
    mv    s1, a6
    mv    s2, a6
    mv    s3, a6
2:
    .irp  at, 0, 2, 4, 6, 8, 10, 12, 14
    telltale_column \at
    .endr
    addi  t0, t0, 16
    addi  t1, t1, 16
    addi  t2, t2, 16
    bne   t0, a4, 2b
    telltale_row s0, s1
    telltale_row s2, s3
    addi  a7, a7, -1
    bnez  a7, 1b
    lw    s0, 0(sp)
    lw    s1, 4(sp)
    lw    s2, 8(sp)
    lw    s3, 12(sp)
    addi  sp, sp, 16
    ret
"#,
    r#"
    .purgem telltale_column
    .purgem telltale_row
    .option pop
"#
);
