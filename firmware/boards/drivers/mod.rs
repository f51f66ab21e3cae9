//! Drivers that boards choose from, and what the linker knows.

pub mod cmsdk_uart;
pub mod counter;
#[cfg(target_arch = "arm")]
mod interrupts;
pub mod linker;
pub mod missing;
pub mod nrf51_uart;
pub mod ns16550;
mod registers;

pub use linker::{Memory, footprint, memory, model_region, paint_stack, painted_stack_used};
