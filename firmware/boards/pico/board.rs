//! Raspberry Pi Pico: RP2040 (RP2040 Datasheet).

use crate::drivers::pl011::Pl011;
pub use crate::drivers::port::open as uart;
use crate::drivers::rp2::{self, Chip};

const CHIP: Chip = Chip {
    resets: 0x4000_C000,
    used: 1 << 5 | 1 << 8 | 1 << 12,
    uart: 1 << 22,
    clocks: 0x4000_8000,
    crystal: 0x4002_4000,
    pll: 0x4002_8000,
    post_divisors: (6, 2),
    pins: 0x4001_4000,
    pads: 0x4001_C000,
};

/// The second stage of the boot loader, for the flash of the Pico.
// SAFETY: the chip's ROM runs what is in this section, whose checksum the crate has made.
#[unsafe(link_section = ".head")]
#[used]
static BOOT: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

/// The chip's UART.
pub type Device = Pl011;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { rp2::open(&CHIP) }
}
