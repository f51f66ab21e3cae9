//! BBC micro:bit v2: nRF52833 (nRF52833 PS 1.5).

use crate::drivers::nrf_uart::Nrf;
pub use crate::drivers::port::open as uart;

/// The chip's UART.
pub type Device = Nrf;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { Nrf::new() }
}
