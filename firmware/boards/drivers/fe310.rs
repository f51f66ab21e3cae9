//! UART, clocks and external interrupts of the SiFive FE310-G002 (FE310-G002 Manual v1p5).

use super::port::Uart;
use super::registers::{Registers, wait};
use crate::board::serial::{BASE, BAUD, CLOCK_HZ, INTERRUPT, RECEIVE, TRANSMIT};

/// Bit 31: no room. (Section 18.4 and following.)
const SEND: usize = 0x00;
/// Bit 31: empty. Reading takes the byte.
const TAKE: usize = 0x04;
const FLAG: u32 = 1 << 31;
const SEND_CONTROL: usize = 0x08;
/// With a watermark of 0: the interrupt comes with the first byte.
const TAKE_CONTROL: usize = 0x0C;
const ENABLED: u32 = 1;
const INTERRUPT_ENABLE: usize = 0x10;
const RECEIVE_WATERMARK: u32 = 1 << 1;
const DIVISOR: usize = 0x18;

/// Clocks (section 6).
const PRCI: usize = 0x1000_8000;
const CRYSTAL: usize = 0x04;
const CRYSTAL_ON: u32 = 1 << 30;
const CRYSTAL_READY: u32 = 1 << 31;
const PLL: usize = 0x08;
/// The PLL passes the crystal's clock by, and the core runs on what it gives.
const CRYSTAL_PASSED: u32 = 1 << 17 | 1 << 18;
const PLL_CHOSEN: u32 = 1 << 16;
/// What the PLL gives is not divided.
const PLL_DIVISOR: usize = 0x0C;
const PLL_BY_ONE: u32 = 1 << 8;

/// Pins (section 17): these are the hardware's, of its first function.
const GPIO: usize = 0x1001_2000;
const FUNCTION_ENABLE: usize = 0x38;
const FUNCTION_CHOICE: usize = 0x3C;

/// The interrupt controller (section 10).
const PLIC: usize = 0x0C00_0000;
/// Two words, of 53 lines.
const PLIC_ENABLE: usize = 0x2000;
const PLIC_THRESHOLD: usize = 0x20_0000;
const PLIC_CLAIM: usize = 0x20_0004;
const MACHINE_EXTERNAL: u32 = 1 << 11;
const MACHINE: u32 = 1 << 3;

fn plic() -> Registers {
    // SAFETY: the chip has its interrupt controller there; it touches no memory.
    unsafe { Registers::new(PLIC) }
}

/// The port. Its UART has no word for a byte that found its 8 places taken: such a loss is not counted.
#[derive(Debug)]
pub struct Fe310(Registers);

impl Fe310 {
    /// Puts the core on its crystal and opens the port.
    ///
    /// # Safety
    /// The chip must be an FE310-G002 with a crystal of `CLOCK_HZ`, and nobody else may use these peripherals.
    pub unsafe fn new() -> Self {
        // SAFETY: the chip has these peripherals, says the caller.
        let (uart, prci, gpio) =
            unsafe { (Registers::new(BASE), Registers::new(PRCI), Registers::new(GPIO)) };
        prci.write(CRYSTAL, CRYSTAL_ON);
        wait(|| prci.read(CRYSTAL) & CRYSTAL_READY != 0);
        // What a boot loader has set does not count: the core leaves the PLL while that changes.
        prci.write(PLL, CRYSTAL_PASSED);
        prci.write(PLL_DIVISOR, PLL_BY_ONE);
        prci.write(PLL, CRYSTAL_PASSED | PLL_CHOSEN);
        gpio.write(FUNCTION_CHOICE, gpio.read(FUNCTION_CHOICE) & !(1 << TRANSMIT | 1 << RECEIVE));
        gpio.write(FUNCTION_ENABLE, gpio.read(FUNCTION_ENABLE) | 1 << TRANSMIT | 1 << RECEIVE);
        uart.write(DIVISOR, (CLOCK_HZ + BAUD / 2) / BAUD - 1);
        uart.write(SEND_CONTROL, ENABLED);
        uart.write(TAKE_CONTROL, ENABLED);
        uart.write(INTERRUPT_ENABLE, RECEIVE_WATERMARK);
        Self(uart)
    }

    /// Lets the interrupt through.
    pub fn listen() {
        plic().write(4 * INTERRUPT as usize, 1);
        plic().write(PLIC_ENABLE, 1 << INTERRUPT);
        plic().write(PLIC_ENABLE + 4, 0);
        plic().write(PLIC_THRESHOLD, 0);
        // SAFETY: the handler is there, and the program runs in machine mode.
        unsafe {
            core::arch::asm!(
                "csrs mie, {external}",
                "csrs mstatus, {machine}",
                external = in(reg) MACHINE_EXTERNAL,
                machine = in(reg) MACHINE,
                options(nostack)
            );
        }
    }
}

impl Uart for Fe310 {
    fn receive(&mut self) -> Option<u8> {
        let value = self.0.read(TAKE);
        (value & FLAG == 0).then_some(value as u8)
    }

    fn try_send(&mut self, byte: u8) -> bool {
        let room = self.0.read(SEND) & FLAG == 0;
        if room {
            self.0.write(SEND, byte.into());
        }
        room
    }

    fn take_overruns(&mut self) -> u32 {
        0
    }

    fn acknowledge(&mut self) {
        let line = plic().read(PLIC_CLAIM);
        if line != 0 {
            plic().write(PLIC_CLAIM, line);
        }
    }
}
