//! The UART of the nRF51 series (nRF51 Series Reference Manual 3.0, chapter 29).

use core::convert::Infallible;

use super::registers::Registers;

const CLOCK_BASE: usize = 0x4000_0000;
const HFCLKSTART: usize = 0x000;
const HFCLKSTARTED: usize = 0x100;

const UART_BASE: usize = 0x4000_2000;
const STARTRX: usize = 0x000;
const STARTTX: usize = 0x008;
const RXDRDY: usize = 0x108;
const TXDRDY: usize = 0x11C;
const ENABLE: usize = 0x500;
const PSELRTS: usize = 0x508;
const PSELTXD: usize = 0x50C;
const PSELCTS: usize = 0x510;
const PSELRXD: usize = 0x514;
const RXD: usize = 0x518;
const TXD: usize = 0x51C;
const BAUDRATE: usize = 0x524;

const GPIO_BASE: usize = 0x5000_0000;
const OUTSET: usize = 0x508;
const DIRSET: usize = 0x518;
const PIN_CNF: usize = 0x700;
/// Direction input, input buffer connected, no pull.
const PIN_INPUT: u32 = 0;

const DISCONNECTED: u32 = u32::MAX;
const ENABLED: u32 = 4;
const BAUD_115200: u32 = 0x01D7_E000;

/// The port, polled.
#[derive(Debug)]
pub struct Uart(Registers);

impl Uart {
    /// Opens the port at 115,200 baud on pins P0.`transmit` and P0.`receive`.
    ///
    /// # Safety
    /// The chip must be an nRF51, and nobody else may use its UART, its clock control and these pins.
    pub unsafe fn new(transmit: u32, receive: u32) -> Self {
        // SAFETY: an nRF51 has these peripherals, says the caller.
        let (clock, gpio, uart) =
            unsafe { (Registers::new(CLOCK_BASE), Registers::new(GPIO_BASE), Registers::new(UART_BASE)) };
        // The internal oscillator is too inaccurate for this baud rate: wait for the crystal.
        clock.write(HFCLKSTART, 1);
        while clock.read(HFCLKSTARTED) == 0 {}
        gpio.write(OUTSET, 1 << transmit);
        gpio.write(DIRSET, 1 << transmit);
        gpio.write(PIN_CNF + 4 * receive as usize, PIN_INPUT);
        uart.write(PSELTXD, transmit);
        uart.write(PSELRXD, receive);
        uart.write(PSELRTS, DISCONNECTED);
        uart.write(PSELCTS, DISCONNECTED);
        uart.write(BAUDRATE, BAUD_115200);
        uart.write(ENABLE, ENABLED);
        uart.write(STARTTX, 1);
        uart.write(STARTRX, 1);
        Self(uart)
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::Read for Uart {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let Some(to) = to.first_mut() else { return Ok(0) };
        while self.0.read(RXDRDY) == 0 {}
        self.0.write(RXDRDY, 0);
        *to = self.0.read(RXD) as u8;
        Ok(1)
    }
}

impl embedded_io::Write for Uart {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        for &byte in from {
            self.0.write(TXD, byte.into());
            while self.0.read(TXDRDY) == 0 {}
            self.0.write(TXDRDY, 0);
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// It has no way to tell what it lost.
impl telltale::session::Line for Uart {}
