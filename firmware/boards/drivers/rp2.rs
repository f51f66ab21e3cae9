//! Clocks and pins of Raspberry Pi's RP2040 and RP2350 (RP2040 Datasheet, sections 2.14 to 2.19; RP2350
//! Datasheet, sections 7.5, 8.1 to 8.6 and 9.11), whose registers differ in place more than in kind.

use super::pl011::Pl011;
use super::registers::{Registers, wait};
use crate::board::serial::{RECEIVE, TRANSMIT};

/// Where a chip has what, and how the PLL makes its clock of 1,500 MHz.
#[derive(Clone, Copy, Debug)]
pub struct Chip {
    /// Subsystem resets.
    pub resets: usize,
    /// The bits there of pins, pads and system PLL.
    pub used: u32,
    /// The bit there of UART0, whose reset ends once it has a clock.
    pub uart: u32,
    /// Clock generators.
    pub clocks: usize,
    /// The crystal's oscillator.
    pub crystal: usize,
    /// The system PLL.
    pub pll: usize,
    /// What 1,500 MHz are divided by, twice.
    pub post_divisors: (u32, u32),
    /// The pins' functions.
    pub pins: usize,
    /// The pads.
    pub pads: usize,
}

/// A write there clears the bits that are set in it.
const CLEAR: usize = 0x3000;
const RESET_DONE: usize = 0x08;

const CRYSTAL_CONTROL: usize = 0x00;
const CRYSTAL_ON: u32 = 0xFAB << 12 | 0xAA0;
const CRYSTAL_STATUS: usize = 0x04;
const CRYSTAL_STABLE: u32 = 1 << 31;
/// A millisecond of 12 MHz, in units of 256.
const CRYSTAL_DELAY: usize = 0x0C;

const PLL_CONTROL: usize = 0x00;
const PLL_LOCKED: u32 = 1 << 31;
const PLL_POWER: usize = 0x04;
const PLL_POWER_DOWN: u32 = 1 | 1 << 5;
const PLL_POST_POWER_DOWN: u32 = 1 << 3;
const PLL_TIMES: usize = 0x08;
const PLL_BY: usize = 0x0C;

const REFERENCE_CONTROL: usize = 0x30;
const REFERENCE_OF_CRYSTAL: u32 = 2;
const REFERENCE_CHOSEN: usize = 0x38;
const SYSTEM_CONTROL: usize = 0x3C;
/// From the PLL, which is the first of the auxiliary sources.
const SYSTEM_OF_PLL: u32 = 1;
const SYSTEM_CHOSEN: usize = 0x44;
const PERIPHERAL_CONTROL: usize = 0x48;
/// On, from the system clock.
const PERIPHERAL_ON: u32 = 1 << 11;

const FUNCTION_UART: u32 = 2;
/// Input buffer on, no pull; on the RP2350 this also ends the pad's isolation.
const PAD: u32 = 1 << 6 | 1 << 4;

/// Starts the crystal and the PLL, and opens UART0.
///
/// # Safety
/// The chip must be as described, with a crystal of 12 MHz, and nobody else may use these peripherals.
pub unsafe fn open(chip: &Chip) -> Pl011 {
    // SAFETY: the chip has these peripherals, says the caller.
    let registers = |base| unsafe { Registers::new(base) };
    let (crystal, pll, clocks) = (registers(chip.crystal), registers(chip.pll), registers(chip.clocks));
    let (resets, pins, pads) = (registers(chip.resets), registers(chip.pins), registers(chip.pads));
    crystal.write(CRYSTAL_DELAY, 47);
    crystal.write(CRYSTAL_CONTROL, CRYSTAL_ON);
    wait(|| crystal.read(CRYSTAL_STATUS) & CRYSTAL_STABLE != 0);
    let release = |bits: u32| {
        resets.write(CLEAR, bits);
        wait(|| resets.read(RESET_DONE) & bits == bits)
    };
    release(chip.used);
    pll.write(PLL_CONTROL, 1);
    pll.write(PLL_TIMES, 125);
    pll.write(CLEAR + PLL_POWER, PLL_POWER_DOWN);
    wait(|| pll.read(PLL_CONTROL) & PLL_LOCKED != 0);
    pll.write(PLL_BY, chip.post_divisors.0 << 16 | chip.post_divisors.1 << 12);
    pll.write(CLEAR + PLL_POWER, PLL_POST_POWER_DOWN);
    clocks.write(REFERENCE_CONTROL, REFERENCE_OF_CRYSTAL);
    wait(|| clocks.read(REFERENCE_CHOSEN) & 1 << REFERENCE_OF_CRYSTAL != 0);
    clocks.write(SYSTEM_CONTROL, SYSTEM_OF_PLL);
    wait(|| clocks.read(SYSTEM_CHOSEN) & 1 << SYSTEM_OF_PLL != 0);
    clocks.write(PERIPHERAL_CONTROL, PERIPHERAL_ON);
    release(chip.uart);
    for pin in [TRANSMIT, RECEIVE] {
        pads.write(4 + 4 * pin as usize, PAD);
        pins.write(4 + 8 * pin as usize, FUNCTION_UART);
    }
    // SAFETY: UART0 has its clock and its pins.
    unsafe { Pl011::new() }
}
