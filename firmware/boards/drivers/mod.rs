//! Drivers, of which a board names those it takes, and what the linker knows.

#[cfg(driver = "cmsdk_uart")]
pub mod cmsdk_uart;
pub mod counter;
#[cfg(driver = "esp32c3")]
pub mod esp32c3;
#[cfg(driver = "fe310")]
pub mod fe310;
mod interrupts;
pub mod linker;
pub mod missing;
#[cfg(driver = "nrf_uart")]
pub mod nrf_uart;
#[cfg(driver = "ns16550")]
pub mod ns16550;
#[cfg(driver = "pl011")]
pub mod pl011;
#[cfg(serial_interrupt)]
pub mod port;
mod registers;
#[cfg(driver = "rp2")]
pub mod rp2;
#[cfg(driver = "stm32_usart")]
pub mod stm32_usart;
#[cfg(driver = "stm32f1")]
pub mod stm32f1;
#[cfg(driver = "stm32f4")]
pub mod stm32f4;

pub use linker::{Memory, footprint, memory, model_region, paint_stack, painted_stack_used};
