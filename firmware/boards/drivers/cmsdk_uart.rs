//! The UART of Arm's Cortex-M System Design Kit (DDI 0479D, section 4.3), as on MPS2 and MPS3.

use core::convert::Infallible;

use super::registers::Registers;

const DATA: usize = 0x00;
/// Bit 0: transmit buffer full. Bit 1: receive buffer full.
const STATE: usize = 0x04;
/// Bit 0: transmit enable. Bit 1: receive enable.
const CTRL: usize = 0x08;
const BAUDDIV: usize = 0x10;

/// The port, polled.
#[derive(Debug)]
pub struct Uart(Registers);

impl Uart {
    /// Opens the port at `base`, clocked with `clock` Hz, at `baud`.
    ///
    /// # Safety
    /// A CMSDK UART must be at `base`, and nobody else may use it.
    pub unsafe fn new(base: usize, clock: u32, baud: u32) -> Self {
        // SAFETY: passed on to the caller.
        let registers = unsafe { Registers::new(base) };
        registers.write(BAUDDIV, (clock + baud / 2) / baud);
        registers.write(CTRL, 0b11);
        Self(registers)
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::Read for Uart {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let Some(to) = to.first_mut() else { return Ok(0) };
        while self.0.read(STATE) & 2 == 0 {}
        *to = self.0.read(DATA) as u8;
        Ok(1)
    }
}

impl embedded_io::Write for Uart {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        for &byte in from {
            while self.0.read(STATE) & 1 != 0 {}
            self.0.write(DATA, byte.into());
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// It has no way to tell what it lost.
impl telltale::session::Line for Uart {}
