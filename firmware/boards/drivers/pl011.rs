//! Arm's PL011 UART (DDI 0183G, chapter 3), as in the RP2040 and RP2350.

use super::interrupts;
use super::port::Uart;
use super::registers::Registers;
use crate::board::serial::{BASE, BAUD, CLOCK_HZ, INTERRUPT};

/// Bit 11 of what is read: bytes before this one found no room.
const DATA: usize = 0x00;
const OVERRUN: u32 = 1 << 11;
/// Bit 4: nothing has come in. Bit 5: no room to send.
const FLAGS: usize = 0x18;
const EMPTY: u32 = 1 << 4;
const FULL: u32 = 1 << 5;
const INTEGER_DIVISOR: usize = 0x24;
const FRACTION_DIVISOR: usize = 0x28;
/// 8 bits, FIFOs on.
const LINE_CONTROL: usize = 0x2C;
const EIGHT_BITS: u32 = 0b11 << 5 | 1 << 4;
/// Bit 0: enable. Bit 8: transmit enable. Bit 9: receive enable.
const CONTROL: usize = 0x30;
/// Interrupt when the FIFO that receives is an eighth full.
const LEVELS: usize = 0x34;
/// Bit 4: that level is reached. Bit 6: bytes below it have waited.
const INTERRUPT_MASK: usize = 0x38;

/// The port.
#[derive(Debug)]
pub struct Pl011 {
    registers: Registers,
    overruns: u32,
}

impl Pl011 {
    /// Opens the port, which is clocked with `CLOCK_HZ`.
    ///
    /// # Safety
    /// A PL011 must be at `BASE`, clocked and with its pins set, and nobody else may use it.
    pub unsafe fn new() -> Self {
        // SAFETY: passed on to the caller.
        let registers = unsafe { Registers::new(BASE) };
        // In 64ths of the clock's division by 16, to the nearest.
        const DIVISOR: u32 = (CLOCK_HZ * 4 + BAUD / 2) / BAUD;
        registers.write(INTEGER_DIVISOR, DIVISOR / 64);
        registers.write(FRACTION_DIVISOR, DIVISOR % 64);
        registers.write(LINE_CONTROL, EIGHT_BITS);
        registers.write(LEVELS, 0);
        registers.write(CONTROL, 1 | 1 << 8 | 1 << 9);
        registers.write(INTERRUPT_MASK, 1 << 4 | 1 << 6);
        Self { registers, overruns: 0 }
    }

    /// Lets the interrupt through.
    pub fn listen() {
        interrupts::enable(INTERRUPT);
    }
}

impl Uart for Pl011 {
    fn receive(&mut self) -> Option<u8> {
        if self.registers.read(FLAGS) & EMPTY != 0 {
            return None;
        }
        let data = self.registers.read(DATA);
        self.overruns += u32::from(data & OVERRUN != 0);
        Some(data as u8)
    }

    fn try_send(&mut self, byte: u8) -> bool {
        let room = self.registers.read(FLAGS) & FULL == 0;
        if room {
            self.registers.write(DATA, byte.into());
        }
        room
    }

    fn take_overruns(&mut self) -> u32 {
        core::mem::take(&mut self.overruns)
    }
}
