//! Blue Pill: STM32F103C8 (RM0008).

pub use crate::drivers::port::open as uart;
use crate::drivers::stm32_usart::Usart;
use crate::drivers::stm32f1;

/// The chip's UART.
pub type Device = Usart;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { stm32f1::open() }
}
