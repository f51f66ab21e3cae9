//! QEMU's generic RISC-V machine, 32 bits (QEMU documentation, `virt`).

use crate::drivers::ns16550::Uart;

/// The board's name.
pub const NAME: &str = "riscv-virt";

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: the machine has a 16550 there, and the program asks for it once.
    unsafe { Uart::new(0x1000_0000) }
}
