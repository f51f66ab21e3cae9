//! BBC micro:bit v1: nRF51822, 256 kB flash, 16 kB RAM (nRF51822 PS 3.4, section 1).

use crate::drivers::nrf51_uart::Uart;

/// The board's name.
pub const NAME: &str = "microbit";

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: the board has an nRF51822 with its USB bridge on these pins, and the program asks once.
    unsafe { Uart::new(24, 25) }
}
