//! Typed, bounds-checked views into a section.

use super::Error;
use crate::matvec::{Affine, halves};

/// A cursor over a section's bytes that lends slices in place.
///
/// It keeps the first error and goes on: what is taken behind an error is zero or empty, so that whoever
/// reads a section asks once, at its [end](Self::end).
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    rest: &'a [u8],
    /// Bytes already taken.
    taken: usize,
    name: &'static str,
    error: Option<Error>,
}

impl<'a> Part<'a> {
    /// A cursor at the start of a section called `name` in errors.
    #[must_use]
    pub const fn new(section: &'a [u8], name: &'static str) -> Self {
        Self { rest: section, taken: 0, name, error: None }
    }

    /// Keeps an error, unless there is one already; nothing is left to be taken.
    #[inline(never)]
    pub const fn fail(&mut self, error: Error) {
        if self.error.is_none() {
            self.error = Some(error);
        }
        self.rest = &[];
    }

    /// An error about this section, [`Error::Content`] with the two numbers.
    #[inline(never)]
    const fn content(&mut self, found: u32, expected: u32) {
        self.fail(Error::Content(self.name, found, expected));
    }

    /// An error about this section unless `good`.
    #[inline(always)]
    pub const fn expect(&mut self, good: bool, found: u32, expected: u32) {
        if !good {
            self.content(found, expected);
        }
    }

    /// `value` if it is from `least` to `most`, otherwise `least`, and an error that expects `most`.
    #[inline(never)]
    pub const fn within(&mut self, value: u32, least: u32, most: u32) -> u32 {
        if least <= value && value <= most {
            return value;
        }
        self.content(value, most);
        least
    }

    /// An error unless a [part of the engine](crate::parts) is there.
    #[inline(always)]
    pub const fn need(&mut self, there: bool, name: &'static str) {
        if !there {
            self.fail(Error::LeftOut(name));
        }
    }

    /// The next `count` bytes; none, and an error with the bytes left and needed, if there are fewer. So
    /// does every function below.
    #[inline(never)]
    pub const fn bytes(&mut self, count: usize) -> &'a [u8] {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            self.content(self.rest.len() as u32, count as u32);
            return &[];
        };
        self.rest = rest;
        self.taken += count;
        taken
    }

    /// The next four bytes.
    pub const fn bytes4(&mut self) -> [u8; 4] {
        self.u32().to_le_bytes()
    }

    /// The next u32.
    #[inline(never)]
    pub const fn u32(&mut self) -> u32 {
        match self.bytes(4).first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => 0,
        }
    }

    /// The next two u16.
    pub const fn u16_pair(&mut self) -> [u32; 2] {
        let both = self.u32();
        [both & 0xFFFF, both >> 16]
    }

    /// The next `count` words (u32 or i32) in place.
    pub fn words<T: bytemuck::AnyBitPattern>(&mut self, count: usize) -> &'a [T] {
        let bytes = self.bytes(count.saturating_mul(size_of::<T>()));
        bytemuck::try_cast_slice(bytes).unwrap_or_else(|_| {
            self.content(self.taken as u32, 16);
            &[]
        })
    }

    /// The next `count` u16 in place, then zeros up to the next multiple of `unit` bytes.
    #[inline(never)]
    pub fn halves(&mut self, count: usize, unit: usize) -> &'a [u16] {
        let halves = self.words(count);
        self.skip_to(unit);
        halves
    }

    /// The next map of `rows` and `columns`, then zeros up to the next multiple of 16, proven as by
    /// [`Affine::prove`]; its first row is called `first` in errors.
    #[inline(never)]
    pub fn map(
        &mut self,
        rows: usize,
        columns: usize,
        split: usize,
        limits: [u32; 2],
        most: u32,
        first: usize,
    ) -> Affine<'a> {
        let groups = self.halves(halves(rows, columns), 16);
        let map = Affine::new(columns, groups).unwrap_or_default();
        if let Err(row) = map.prove(split, limits, most) {
            self.fail(Error::Overflow(self.name, (first + row) as u32));
        }
        map
    }

    /// Skips zero bytes up to the next word; a byte that is not zero is an error, too.
    pub fn align(&mut self) {
        self.skip_to(4);
    }

    /// Skips zero bytes up to the next multiple of 16, as [`Self::align`].
    pub fn align16(&mut self) {
        self.skip_to(16);
    }

    #[inline(never)]
    fn skip_to(&mut self, unit: usize) {
        let padding = self.bytes(self.taken.wrapping_neg() & (unit - 1));
        self.expect(padding.iter().all(|&byte| byte == 0), 1, 0);
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// The first one that there was, otherwise [`Error::Content`] with the bytes left.
    #[inline(never)]
    pub const fn end(mut self) -> Result<(), Error> {
        let left = self.rest.len() as u32;
        self.expect(left == 0, left, 0);
        match self.error {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }
}

#[cfg(target_endian = "big")]
compile_error!("blobs are read in place and are little endian: a big-endian target cannot read them");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_kept_and_nothing_comes_behind_it() {
        let mut part = Part::new(&[1, 2, 3, 4, 5, 6, 7, 8], "name");
        assert_eq!(part.u16_pair(), [0x0201, 0x0403]);
        assert_eq!(part.within(7, 1, 6), 1);
        assert_eq!((part.u32(), part.bytes(1), part.words::<u32>(usize::MAX)), (0, &[][..], &[][..]));
        part.need(false, "lstm");
        assert_eq!(part.end(), Err(Error::Content("name", 7, 6)));
        let mut part = Part::new(&[0; 8], "name");
        part.need(false, "lstm");
        assert_eq!(part.end(), Err(Error::LeftOut("lstm")));
    }

    #[test]
    fn every_byte_is_asked_for() {
        assert_eq!(Part::new(&[0; 8], "name").end(), Err(Error::Content("name", 8, 0)));
        let mut part = Part::new(&[9, 0, 0, 0, 0, 3], "name");
        assert_eq!(part.bytes(1), [9]);
        part.align();
        part.align();
        assert_eq!(part.bytes(3), [0; 0]);
        assert_eq!(part.end(), Err(Error::Content("name", 2, 3)));
        let mut part = Part::new(&[9, 0, 1, 0], "name");
        part.bytes(1);
        part.align();
        assert_eq!(part.end(), Err(Error::Content("name", 1, 0)));
    }
}
