//! Arm MPS2 with image AN500 (Cortex-M7; DAI 0500, section 4.2).

use crate::drivers::cmsdk_uart::Uart;

/// The board's name.
pub const NAME: &str = "mps2-an500";

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: UART0 is there, and the program asks for it once.
    unsafe { Uart::new(0x4000_4000, 25_000_000, 115_200) }
}
