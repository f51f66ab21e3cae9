//! BBC micro:bit v1: nRF51822, 256 kB flash, 16 kB RAM (nRF51822 PS 3.4, section 1).

use crate::drivers::nrf_uart::Nrf;
pub use crate::drivers::port::open as uart;

/// The chip's UART.
pub type Device = Nrf;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { Nrf::new() }
}
