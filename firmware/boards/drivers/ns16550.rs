//! The 16550 UART (TI PC16550D data sheet, section 8), as on QEMU's RISC-V machines.

use core::convert::Infallible;

use super::registers::Registers;

/// Receive buffer and transmit holding register.
const DATA: usize = 0;
/// Line status. Bit 0: data ready. Bit 5: transmit holding register empty.
const STATUS: usize = 5;

/// The port, polled, as the reset left it.
#[derive(Debug)]
pub struct Uart(Registers);

impl Uart {
    /// Opens the port at `base`, with registers a byte apart.
    ///
    /// # Safety
    /// A 16550 must be at `base`, and nobody else may use it.
    pub const unsafe fn new(base: usize) -> Self {
        // SAFETY: passed on to the caller.
        Self(unsafe { Registers::new(base) })
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::Read for Uart {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let Some(to) = to.first_mut() else { return Ok(0) };
        while self.0.read_byte(STATUS) & 1 == 0 {}
        *to = self.0.read_byte(DATA);
        Ok(1)
    }
}

impl embedded_io::Write for Uart {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        for &byte in from {
            while self.0.read_byte(STATUS) & 0x20 == 0 {}
            self.0.write_byte(DATA, byte);
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// It has no way to tell what it lost.
impl telltale::session::Line for Uart {}
