//! ST Nucleo-F4: STM32F401, F411 or F446 (RM0383).

pub use crate::drivers::port::open as uart;
use crate::drivers::stm32_usart::Usart;
use crate::drivers::stm32f4;

/// The chip's UART.
pub type Device = Usart;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { stm32f4::open() }
}
