//! Espressif ESP32-C3 (ESP32-C3 Technical Reference Manual 1.1).

use crate::drivers::esp32c3::Uart;

/// The words of a program that is booted directly from flash (ESP32-C3 boot loader in ROM).
// SAFETY: the chip's ROM reads this section; nothing in the program does.
#[unsafe(link_section = ".head")]
#[used]
static DIRECT_BOOT: [u32; 2] = [0xAEDB_041D; 2];

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { Uart::new() }
}
