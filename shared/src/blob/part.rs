//! Typed, bounds-checked views into a section.

use super::Error;

/// A cursor over a section's bytes that lends slices in place.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    rest: &'a [u8],
    /// Bytes already taken.
    taken: usize,
    name: &'static str,
}

impl<'a> Part<'a> {
    /// A cursor at the start of a section called `name` in errors.
    #[must_use]
    pub const fn new(section: &'a [u8], name: &'static str) -> Self {
        Self { rest: section, taken: 0, name }
    }

    /// An error about this section unless `good`.
    ///
    /// # Errors
    /// [`Error::Content`] with the two numbers.
    pub const fn expect(&self, good: bool, found: u32, expected: u32) -> Result<(), Error> {
        if good { Ok(()) } else { Err(Error::Content(self.name, found, expected)) }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Error::Content`] with the bytes left and needed, as for every function below.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(Error::Content(self.name, self.rest.len() as u32, count as u32));
        };
        self.rest = rest;
        self.taken += count;
        Ok(taken)
    }

    /// The next four bytes.
    ///
    /// # Errors
    /// See [`Self::bytes`].
    pub fn bytes4(&mut self) -> Result<[u8; 4], Error> {
        let bytes = self.bytes(4)?;
        bytes.try_into().map_err(|_| Error::Content(self.name, 0, 4))
    }

    /// The next u32.
    ///
    /// # Errors
    /// See [`Self::bytes`].
    pub fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.bytes4()?))
    }

    /// The next two u16.
    ///
    /// # Errors
    /// See [`Self::bytes`].
    pub fn u16_pair(&mut self) -> Result<[usize; 2], Error> {
        let [a, b, c, d] = self.bytes4()?;
        Ok([u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into()])
    }

    /// The next `count` words (u32 or i32) in place.
    ///
    /// # Errors
    /// See [`Self::bytes`].
    pub fn words<T: bytemuck::AnyBitPattern>(&mut self, count: usize) -> Result<&'a [T], Error> {
        let bytes = self.bytes(count * size_of::<T>())?;
        bytemuck::try_cast_slice(bytes).map_err(|_| Error::Content(self.name, self.taken as u32, 16))
    }

    /// The next `count` u16 in place, then padding to a word.
    ///
    /// # Errors
    /// See [`Self::bytes`].
    pub fn halves(&mut self, count: usize) -> Result<&'a [u16], Error> {
        let halves = self.words(count)?;
        self.align()?;
        Ok(halves)
    }

    /// Skips zero bytes up to the next word.
    ///
    /// # Errors
    /// See [`Self::bytes`]; a byte that is not zero is an error, too.
    pub fn align(&mut self) -> Result<(), Error> {
        self.skip_to(4)
    }

    /// Skips zero bytes up to the next multiple of 16.
    ///
    /// # Errors
    /// See [`Self::align`].
    pub fn align16(&mut self) -> Result<(), Error> {
        self.skip_to(16)
    }

    fn skip_to(&mut self, unit: usize) -> Result<(), Error> {
        let padding = self.bytes(self.taken.next_multiple_of(unit) - self.taken)?;
        self.expect(padding.iter().all(|&byte| byte == 0), 1, 0)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Error::Content`] with the bytes left.
    pub fn end(&self) -> Result<(), Error> {
        self.expect(self.rest.is_empty(), self.rest.len() as u32, 0)
    }
}

#[cfg(target_endian = "big")]
compile_error!("blobs are read in place and are little endian: a big-endian target cannot read them");
