//! QEMU's generic RISC-V machine, 32 bits (QEMU documentation, `virt`).

use super::serial;
use crate::drivers::ns16550::Uart;

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: the machine has a 16550 there, and the program asks for it once.
    unsafe { Uart::new(serial::BASE) }
}
