//! Arm MPS2 with image AN385 (Cortex-M3; DAI 0385D, section 4.2).

use super::serial;
use crate::drivers::cmsdk_uart::Uart;

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: UART0 is there, and the program asks for it once.
    unsafe { Uart::new(serial::BASE, serial::CLOCK_HZ, serial::BAUD) }
}
