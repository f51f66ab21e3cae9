//! Raspberry Pi Pico 2: RP2350 (RP2350 Datasheet).

use crate::drivers::pl011::Pl011;
pub use crate::drivers::port::open as uart;
use crate::drivers::rp2::{self, Chip};

const CHIP: Chip = Chip {
    resets: 0x4002_0000,
    used: 1 << 6 | 1 << 9 | 1 << 14,
    uart: 1 << 26,
    clocks: 0x4001_0000,
    crystal: 0x4004_8000,
    pll: 0x4005_0000,
    post_divisors: (5, 2),
    pins: 0x4002_8000,
    pads: 0x4003_8000,
};

/// What the boot loader looks for: start, an executable for the Arm cores in the secure state, where its vector
/// table lies, how long the block is, no other block, end.
// SAFETY: the chip's ROM reads this section; nothing in the program does.
#[unsafe(link_section = ".head")]
#[used]
static IMAGE: [u32; 7] =
    [0xFFFF_DED3, 0x1021_0142, 0x0000_0203, 0x1000_0100, 0x0000_03FF, 0x0000_0000, 0xAB12_3579];

/// The chip's UART.
pub type Device = Pl011;

/// Opens the UART.
pub fn device() -> Device {
    // SAFETY: the board has this chip, and the program asks once.
    unsafe { rp2::open(&CHIP) }
}
