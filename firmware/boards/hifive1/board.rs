//! SiFive HiFive1 Rev B: FE310-G002 (FE310-G002 Manual v1p5).

use crate::drivers::fe310::Fe310;
pub use crate::drivers::port::open as uart;

/// The chip's UART.
pub type Device = Fe310;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { Fe310::new() }
}
