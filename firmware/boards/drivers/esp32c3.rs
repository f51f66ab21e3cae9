//! UART, clock and watchdogs of Espressif's ESP32-C3 (ESP32-C3 Technical Reference Manual 1.1).

use core::convert::Infallible;

use telltale::session;

use super::registers::Registers;
use crate::board::serial::{BASE, BAUD, CLOCK_HZ};

/// The UART (section 26.5): the FIFO's one end on reading, the other's on writing.
const FIFO: usize = 0x00;
const FIFO_BYTES: u32 = 128;
const INTERRUPTS_RAW: usize = 0x04;
const INTERRUPTS_CLEAR: usize = 0x10;
const OVERFLOW: u32 = 1 << 4;
/// Whole part in bits 0 to 11, sixteenths in bits 20 to 23.
const DIVISOR: usize = 0x14;
/// Bytes received in bits 0 to 9, to be sent in bits 16 to 25.
const STATUS: usize = 0x1C;
const FLOW: usize = 0x34;
/// The UART sends XOFF and XON by itself.
const FLOW_ON: u32 = 1;
const XOFF: usize = 0x3C;
const XON: usize = 0x40;
const CLOCK: usize = 0x78;
/// The crystal, for sending and receiving, not divided.
const CLOCK_OF_CRYSTAL: u32 = 3 << 20 | 1 << 22 | 1 << 24 | 1 << 25;

/// The core's clock (section 6.3): the crystal's, not divided.
const SYSTEM_CLOCK: usize = 0x600C_0058;

/// A watchdog that the boot loader in ROM leaves running: protection, its key, configuration, what stops it
/// (sections 12.4 and 13.5; for the last, which is fed by itself, section 13.3). The first takes over what it is told when
/// bit 22 is written.
const WATCHDOGS: [(usize, u32, usize, u32); 4] = [
    (0x6001_F064, 0x50D8_3AA1, 0x6001_F048, 0),
    (0x6001_F064, 0x50D8_3AA1, 0x6001_F048, 1 << 22),
    (0x6000_80A8, 0x50D8_3AA1, 0x6000_8090, 0),
    (0x6000_80B0, 0x8F1D_312A, 0x6000_80AC, 1 << 31),
];

/// The port, polled: the UART itself keeps its 128 places from being filled.
#[derive(Debug)]
pub struct Uart {
    registers: Registers,
    lost: u32,
}

impl Uart {
    /// Stops the watchdogs, puts the core on its crystal and opens the port on the pins that the boot loader
    /// uses.
    ///
    /// # Safety
    /// The chip must be an ESP32-C3, and nobody else may use these peripherals.
    pub unsafe fn new() -> Self {
        // SAFETY: the chip has these peripherals, says the caller.
        let at = |address| unsafe { Registers::new(address) };
        for (protection, key, configuration, stopped) in WATCHDOGS {
            at(protection).write(0, key);
            at(configuration).write(0, stopped);
            at(protection).write(0, 0);
        }
        at(SYSTEM_CLOCK).write(0, 0);
        let registers = at(BASE);
        const SIXTEENTHS: u32 = (CLOCK_HZ * 2 + BAUD / 16) / (BAUD / 8);
        registers.write(CLOCK, CLOCK_OF_CRYSTAL);
        registers.write(DIVISOR, (SIXTEENTHS / 16) | ((SIXTEENTHS % 16) << 20));
        registers.write(XOFF, (FIFO_BYTES / 4) | ((session::XOFF as u32) << 9));
        registers.write(XON, (FIFO_BYTES / 8) | ((session::XON as u32) << 9));
        registers.write(FLOW, FLOW_ON);
        Self { registers, lost: 0 }
    }
}

impl session::Line for Uart {
    /// Overflows: how many bytes one took is not known.
    fn lost(&mut self) -> u32 {
        core::mem::take(&mut self.lost)
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::Read for Uart {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let Some(to) = to.first_mut() else { return Ok(0) };
        while self.registers.read(STATUS) & 0x3FF == 0 {}
        *to = self.registers.read(FIFO) as u8;
        if self.registers.read(INTERRUPTS_RAW) & OVERFLOW != 0 {
            self.registers.write(INTERRUPTS_CLEAR, OVERFLOW);
            self.lost = self.lost.wrapping_add(1);
        }
        Ok(1)
    }
}

impl embedded_io::Write for Uart {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        for &byte in from {
            while self.registers.read(STATUS) >> 16 & 0x3FF >= FIFO_BYTES - 1 {}
            self.registers.write(FIFO, byte.into());
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
