//! QEMU's generic RISC-V machine, 32 bits (QEMU documentation, `virt`).

use crate::drivers::ns16550::Uart;

/// The board's name.
pub const NAME: &str = "riscv-virt";

/// i16 of state: four layers of 1,024, or LSTM layers of half that.
pub const UNITS: usize = 4096;
/// i32 of pooling: units of the last layer.
pub const POOL: usize = 1024;
/// i16 of activations: the widest input, rounded up to 8.
pub const INPUT: usize = 1024;
/// i32 of sums: 4 per unit of a GRU or LSTM layer, 1 of an RNN, and 2.
pub const SUMS: usize = 4098;

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: the machine has a 16550 there, and the program asks for it once.
    unsafe { Uart::new(0x1000_0000) }
}
