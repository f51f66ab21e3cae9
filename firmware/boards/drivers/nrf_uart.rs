//! The UART of the nRF51 series (nRF51 Series Reference Manual 3.0, chapter 29), which the nRF52 series has too
//! (nRF52833 Product Specification 1.5 and nRF52840 1.7, "UART").

use super::interrupts;
use super::port::Uart;
use super::registers::{Registers, wait};
use crate::board::serial::{BASE, BAUD, INTERRUPT, RECEIVE, TRANSMIT};

const CLOCK_BASE: usize = 0x4000_0000;
const HFCLKSTART: usize = 0x000;
const HFCLKSTARTED: usize = 0x100;

const STARTRX: usize = 0x000;
const STARTTX: usize = 0x008;
const RXDRDY: usize = 0x108;
const TXDRDY: usize = 0x11C;
const INTENSET: usize = 0x304;
/// Bit 2 of the interrupt registers.
const RXDRDY_INTERRUPT: u32 = 1 << 2;
const ERRORSRC: usize = 0x480;
const OVERRUN: u32 = 1;
const ENABLE: usize = 0x500;
const PSELRTS: usize = 0x508;
const PSELTXD: usize = 0x50C;
const PSELCTS: usize = 0x510;
const PSELRXD: usize = 0x514;
const RXD: usize = 0x518;
const TXD: usize = 0x51C;
const BAUDRATE: usize = 0x524;

/// Pins 0 to 31 are port 0, pins 32 to 63 port 1.
const GPIO_BASE: usize = 0x5000_0000;
const NEXT_PORT: usize = 0x300;
const OUTSET: usize = 0x508;
const DIRSET: usize = 0x518;
const PIN_CNF: usize = 0x700;
/// Direction input, input buffer connected, no pull.
const PIN_INPUT: u32 = 0;

const DISCONNECTED: u32 = u32::MAX;
const ENABLED: u32 = 4;
/// The register's value for the speed of every board with this driver.
const BAUD_115200: u32 = 0x01D7_E000;
const _: () = assert!(BAUD == 115_200, "BAUDRATE has another value for another speed");

/// The port.
#[derive(Debug)]
pub struct Nrf {
    uart: Registers,
    /// Whether a byte has been given that may still be on its way.
    sending: bool,
}

impl Nrf {
    /// Opens the port at 115,200 baud.
    ///
    /// The internal oscillator is too inaccurate for that, so the crystal is started; it takes less than a
    /// millisecond. Without a crystal the port opens all the same.
    ///
    /// # Safety
    /// The chip must be an nRF51 or nRF52, and nobody else may use its UART, its clock control and the pins.
    pub unsafe fn new() -> Self {
        let gpio = |pin: u32| {
            // SAFETY: the chip has these ports, says the caller.
            unsafe { Registers::new(GPIO_BASE + (pin / 32) as usize * NEXT_PORT) }
        };
        // SAFETY: the chip has these peripherals, says the caller.
        let (clock, uart) = unsafe { (Registers::new(CLOCK_BASE), Registers::new(BASE)) };
        clock.write(HFCLKSTART, 1);
        wait(|| clock.read(HFCLKSTARTED) != 0);
        gpio(TRANSMIT).write(OUTSET, 1 << (TRANSMIT % 32));
        gpio(TRANSMIT).write(DIRSET, 1 << (TRANSMIT % 32));
        gpio(RECEIVE).write(PIN_CNF + 4 * (RECEIVE % 32) as usize, PIN_INPUT);
        uart.write(PSELTXD, TRANSMIT);
        uart.write(PSELRXD, RECEIVE);
        uart.write(PSELRTS, DISCONNECTED);
        uart.write(PSELCTS, DISCONNECTED);
        uart.write(BAUDRATE, BAUD_115200);
        uart.write(ENABLE, ENABLED);
        uart.write(STARTTX, 1);
        uart.write(STARTRX, 1);
        uart.write(INTENSET, RXDRDY_INTERRUPT);
        Self { uart, sending: false }
    }

    /// Lets the interrupt through.
    pub fn listen() {
        interrupts::enable(INTERRUPT);
    }
}

impl Uart for Nrf {
    fn receive(&mut self) -> Option<u8> {
        if self.uart.read(RXDRDY) == 0 {
            return None;
        }
        self.uart.write(RXDRDY, 0);
        Some(self.uart.read(RXD) as u8)
    }

    fn try_send(&mut self, byte: u8) -> bool {
        if self.sending {
            if self.uart.read(TXDRDY) == 0 {
                return false;
            }
            self.uart.write(TXDRDY, 0);
        }
        self.uart.write(TXD, byte.into());
        self.sending = true;
        true
    }

    fn take_overruns(&mut self) -> u32 {
        let overrun = self.uart.read(ERRORSRC) & OVERRUN;
        if overrun != 0 {
            self.uart.write(ERRORSRC, OVERRUN);
        }
        overrun
    }
}
