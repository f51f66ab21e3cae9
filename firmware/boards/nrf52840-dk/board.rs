//! Nordic nRF52840-DK: nRF52840 (nRF52840 PS 1.7).

use crate::drivers::nrf_uart::Nrf;
pub use crate::drivers::port::open as uart;

/// The chip's UART.
pub type Device = Nrf;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { Nrf::new() }
}
