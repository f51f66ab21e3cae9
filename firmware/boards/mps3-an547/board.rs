//! Arm MPS3 with image AN547 (Cortex-M55, all of it in the secure state; DAI 0547B, section 3).

use crate::drivers::cmsdk_uart::Uart;

/// The board's name.
pub const NAME: &str = "mps3-an547";

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: UART0 is there, and the program asks for it once.
    unsafe { Uart::new(0x5930_3000, 25_000_000, 115_200) }
}
