//! A serial line that is bytes in and bytes out, for tests and fuzz targets.

use telltale::session::Line;

/// A line on which `input` comes in, some bytes at a time.
pub struct Tape<'i> {
    /// What is still to come.
    pub input: &'i [u8],
    /// The most bytes of a read.
    pub at_once: usize,
    /// What was written.
    pub output: Vec<u8>,
    /// Bytes that the line says it has lost, once.
    pub lost: u32,
}

impl embedded_io::ErrorType for Tape<'_> {
    type Error = core::convert::Infallible;
}

impl embedded_io::Read for Tape<'_> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Self::Error> {
        let count = self.input.len().min(to.len()).min(self.at_once);
        to[..count].copy_from_slice(&self.input[..count]);
        self.input = &self.input[count..];
        Ok(count)
    }
}

impl embedded_io::Write for Tape<'_> {
    fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> {
        self.output.extend(from);
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Line for Tape<'_> {
    fn lost(&mut self) -> u32 {
        std::mem::take(&mut self.lost)
    }
}
