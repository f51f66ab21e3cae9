//! The USART of STM32 series F1 and F4 (ST RM0008, section 27; RM0041, section 23; RM0383, section 19).

use super::interrupts;
use super::port::Uart;
use super::registers::Registers;
use crate::board::serial::{BASE, BAUD, INTERRUPT};

/// Bit 3: overrun. Bit 5: a byte has come in. Bit 7: room for one to send.
const STATUS: usize = 0x00;
const OVERRUN: u32 = 1 << 3;
const RECEIVED: u32 = 1 << 5;
const ROOM: u32 = 1 << 7;
/// Reading it after the status clears the overrun.
const DATA: usize = 0x04;
const BAUD_RATE: usize = 0x08;
/// Bit 2: receive enable. Bit 3: transmit enable. Bit 5: interrupt on reception. Bit 13: enable.
const CONTROL: usize = 0x0C;

/// The port.
#[derive(Debug)]
pub struct Usart {
    registers: Registers,
    overruns: u32,
}

impl Usart {
    /// Opens the port, whose bus runs at `clock` Hz.
    ///
    /// # Safety
    /// A USART of these series must be at `BASE`, clocked and with its pins set, and nobody else may use it.
    pub unsafe fn new(clock: u32) -> Self {
        // SAFETY: passed on to the caller.
        let registers = unsafe { Registers::new(BASE) };
        registers.write(BAUD_RATE, (clock + BAUD / 2) / BAUD);
        registers.write(CONTROL, 1 << 2 | 1 << 3 | 1 << 5 | 1 << 13);
        Self { registers, overruns: 0 }
    }

    /// Lets the interrupt through.
    pub fn listen() {
        interrupts::enable(INTERRUPT);
    }
}

impl Uart for Usart {
    fn receive(&mut self) -> Option<u8> {
        let status = self.registers.read(STATUS);
        if status & OVERRUN != 0 {
            self.overruns += 1;
        } else if status & RECEIVED == 0 {
            return None;
        }
        let byte = self.registers.read(DATA) as u8;
        (status & RECEIVED != 0).then_some(byte)
    }

    fn try_send(&mut self, byte: u8) -> bool {
        let room = self.registers.read(STATUS) & ROOM != 0;
        if room {
            self.registers.write(DATA, byte.into());
        }
        room
    }

    fn take_overruns(&mut self) -> u32 {
        core::mem::take(&mut self.overruns)
    }
}
