//! Arm MPS3 with image AN547 (Cortex-M55, all of it in the secure state; DAI 0547B, section 3).

use crate::drivers::cmsdk_uart::Uart;

/// The board's name.
pub const NAME: &str = "mps3-an547";

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
    // SAFETY: UART0 is there, and the program asks for it once.
    unsafe { Uart::new(0x5930_3000, 25_000_000, 115_200) }
}
