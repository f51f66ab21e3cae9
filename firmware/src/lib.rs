//! What all boards share: where the program starts, what it takes, how it stops.
//!
//! The board is chosen by a feature; its folder in `boards/` holds `board.toml`, from which `build.rs` makes the
//! linker script and the board's constants, and the code that opens its serial port. On the PC this crate is
//! empty.
#![no_std]
#![deny(unsafe_code)]
#![cfg(target_os = "none")]

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;

/// Hardware: the only unsafe code of the firmware.
#[allow(unsafe_code)]
#[path = "../boards/drivers/mod.rs"]
pub mod drivers;

#[allow(unsafe_code)]
mod selected {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
pub mod measure;

pub use selected::{MEMORY, board};

/// The panic handler of a program that cannot panic: it calls a function that does not exist, so a panic
/// that can be reached keeps the program from being linked.
#[macro_export]
macro_rules! never_panics {
    () => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            $crate::drivers::missing::a_panic_can_be_reached()
        }
    };
}

/// The panic handler of a program that measures: it stops.
#[macro_export]
macro_rules! stops_on_panic {
    () => {
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            loop {
                core::hint::spin_loop();
            }
        }
    };
}
