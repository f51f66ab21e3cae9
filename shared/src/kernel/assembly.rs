//! What the kernels in assembly share: the call into them and the function around their code.

use super::{Affine, COLUMN_UNIT, ROW_UNIT, TAIL};

unsafe extern "C" {
    /// [`Affine::apply`] for `count` groups of four rows, at least one, of `columns`, a multiple of 8.
    ///
    /// `groups` and `x` are aligned to 4 bytes.
    fn telltale_apply(groups: *const u16, x: *const i16, y: *mut i32, columns: usize, count: usize);
}

/// Like [`portable`](super::portable).
#[inline(never)]
pub fn apply(map: &Affine<'_>, x: &[i16], y: &mut [i32]) {
    let count = y.len().min(map.rows()) / ROW_UNIT;
    if count == 0 || !map.takes(x) {
        return;
    }
    // SAFETY: the map has rows()/4 groups of the documented layout, `count` of them at least, on a word's boundary,
    // and y has 4·count entries; `takes` has said the rest. y is borrowed mutably, so it overlaps nothing.
    unsafe {
        telltale_apply(map.groups.as_ptr(), x.as_ptr(), y.as_mut_ptr(), map.columns(), count);
    }
}

const _: () = assert!(COLUMN_UNIT == 8 && ROW_UNIT == 4 && TAIL == 12, "the kernels know the layout");

/// The function around a kernel's code, between what comes before and after it.
macro_rules! kernel {
    ([$($before:literal),+], $code:literal, $after:literal) => {
        core::arch::global_asm!(
            $($before,)+
            r#"
    .section .text.telltale_apply, "ax", %progbits
    .global telltale_apply
    .type telltale_apply, %function
"#,
            $code,
            ".size telltale_apply, . - telltale_apply",
            $after
        );
    };
}

#[cfg(kernel = "armv6m")]
mod armv6m;
#[cfg(kernel = "armv6m")]
mod armv6m_gru;
#[cfg(kernel = "armv7m")]
mod armv7m;
#[cfg(kernel = "dsp")]
mod dsp;
#[cfg(any(kernel = "armv6m", kernel = "riscv"))]
pub mod gru;
#[cfg(kernel = "mve")]
mod mve;
#[cfg(kernel = "mve")]
pub mod mve_gru;
#[cfg(kernel = "mve")]
pub mod mve_vector;
#[cfg(kernel = "riscv")]
mod riscv;
#[cfg(kernel = "riscv")]
mod riscv_gru;
