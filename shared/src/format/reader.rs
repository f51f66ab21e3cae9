//! Typed, bounds-checked views into the manifest and into sections.

use super::OpenError;
use super::subject::Subject;
use crate::kernel::{Affine, halves};
use crate::text::is_utf8;

/// A cursor over some bytes that lends slices in place.
///
/// It keeps the first error and continues: reads after an error return zero or nothing, so a caller checks once, at the
/// [end](Self::end).
#[derive(Clone, Copy, Debug)]
pub struct SectionReader<'a> {
    rest: &'a [u8],
    /// Bytes already read.
    taken: usize,
    name: Subject,
    error: Option<OpenError>,
    /// Whether maps for other cores are accepted, of which nothing is proven.
    #[cfg(feature = "std")]
    any_layout: bool,
}

impl<'a> SectionReader<'a> {
    /// A cursor at the start of `bytes`, with `name` for errors.
    #[must_use]
    pub const fn new(bytes: &'a [u8], name: Subject) -> Self {
        Self {
            rest: bytes,
            taken: 0,
            name,
            error: None,
            #[cfg(feature = "std")]
            any_layout: false,
        }
    }

    /// Accepts maps of any layout, which is enough to find them, without proving anything of them.
    #[cfg(feature = "std")]
    #[must_use]
    pub(crate) const fn of_any_layout(self) -> Self {
        Self { any_layout: true, ..self }
    }

    /// Whether maps for other cores are accepted.
    pub(crate) const fn takes_any_layout(&self) -> bool {
        #[cfg(feature = "std")]
        let any = self.any_layout;
        #[cfg(not(feature = "std"))]
        let any = false;
        any
    }

    /// Continues with other bytes, with `name` for errors; with none after an error.
    #[inline(never)]
    pub const fn enter(&mut self, bytes: &'a [u8], name: Subject) {
        self.rest = if self.error.is_none() { bytes } else { &[] };
        self.taken = 0;
        self.name = name;
    }

    /// Sets the `name` for errors in what follows.
    pub const fn rename(&mut self, name: Subject) {
        self.name = name;
    }

    /// Keeps an error, unless there is one already; nothing is left to be read.
    #[inline(never)]
    pub const fn fail(&mut self, error: OpenError) {
        if self.error.is_none() {
            self.error = Some(error);
        }
        self.rest = &[];
    }

    /// Fails with [`OpenError::Content`]: `found` instead of `expected`.
    #[inline(never)]
    pub const fn content(&mut self, found: u32, expected: u32) {
        self.outside(found, expected, expected);
    }

    /// Fails with [`OpenError::Content`]: `found` instead of `least` to `most`.
    #[inline(never)]
    pub const fn outside(&mut self, found: u32, least: u32, most: u32) {
        self.fail(OpenError::Content(self.name, found, [least, most]));
    }

    /// Fails like [`Self::content`] unless `good`.
    #[inline(always)]
    pub const fn expect(&mut self, good: bool, found: u32, expected: u32) {
        if !good {
            self.content(found, expected);
        }
    }

    /// Fails like [`Self::content`] unless a size matches its neighbour's.
    pub const fn fits(&mut self, found: usize, expected: usize) {
        self.expect(found == expected, found as u32, expected as u32);
    }

    /// Returns `value` if it is from `least` to `most`; otherwise fails like [`Self::outside`] and returns `least`.
    #[inline(never)]
    pub const fn within(&mut self, value: u32, least: u32, most: u32) -> u32 {
        if least <= value && value <= most {
            return value;
        }
        self.outside(value, least, most);
        least
    }

    /// Fails with [`OpenError::FeatureDisabled`] unless a [feature](crate#features) is compiled in.
    #[inline(always)]
    pub const fn need(&mut self, there: bool, name: Subject) {
        if !there {
            self.lack(name);
        }
    }

    /// Fails with [`OpenError::Missing`] unless the current section is present.
    #[inline(always)]
    pub const fn require(&mut self, there: bool) {
        if !there {
            self.fail(OpenError::Missing(self.name));
        }
    }

    #[inline(never)]
    const fn lack(&mut self, name: Subject) {
        self.fail(OpenError::FeatureDisabled(name));
    }

    /// The next `count` bytes; none, and an error with the bytes left and needed, if there are fewer. The same holds
    /// for every function below.
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

    /// The next byte, `most` at most.
    #[inline(never)]
    pub const fn byte(&mut self, most: u8) -> u8 {
        match self.bytes(1).first() {
            Some(&byte) => self.within(byte as u32, 0, most as u32) as u8,
            None => 0,
        }
    }

    /// The next byte, 0 or 1.
    pub const fn flag(&mut self) -> bool {
        self.byte(1) > 0
    }

    /// The next number of a manifest, seven bits per byte, the lowest first, in its shortest form, with at most `bits`
    /// bits; returns the lower 32.
    #[inline(never)]
    pub const fn varint(&mut self, bits: u32) -> u32 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte(u8::MAX) as u32;
            if shift < 32 {
                value |= (byte & 0x7F) << shift;
            }
            // The last byte is not zero, unless it is the only one, and has no excess bits.
            let spare = bits - shift;
            self.expect(
                (byte > 0 || shift == 0 || self.error.is_some()) && (spare >= 8 || byte >> spare == 0),
                byte,
                1,
            );
            shift += 7;
            if byte < 0x80 || self.error.is_some() {
                return value;
            }
        }
    }

    /// The next bytes of a manifest, preceded by their number.
    #[inline(never)]
    pub const fn string(&mut self) -> &'a [u8] {
        let count = self.varint(32);
        self.bytes(count as usize)
    }

    /// The next text of a manifest, in UTF-8.
    #[inline(never)]
    pub fn text(&mut self) -> &'a [u8] {
        let text = self.string();
        self.expect(is_utf8(text), 0, 1);
        text
    }

    /// What has not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
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

    /// The next `count` numbers in place.
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

    /// The next map of `rows` and `columns`, then zeros up to the next multiple of 16, proven as by [`Affine::prove`];
    /// errors count its rows from `first`.
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
        let map = Affine::new(columns, groups).unwrap_or_else(|| {
            self.content(self.taken as u32, 16);
            Affine::default()
        });
        if !self.takes_any_layout()
            && let Err(row) = map.prove(split, limits, most)
        {
            self.fail(OpenError::Overflow(self.name, (first + row) as u32));
        }
        map
    }

    /// Skips zero bytes up to the next word; a nonzero byte is an error.
    pub fn align(&mut self) {
        self.skip_to(4);
    }

    /// Skips zero bytes up to the next multiple of 16, like [`Self::align`].
    pub fn align16(&mut self) {
        self.skip_to(16);
    }

    #[inline(never)]
    fn skip_to(&mut self, unit: usize) {
        let padding = self.bytes(self.taken.wrapping_neg() & (unit - 1));
        self.expect(padding.iter().all(|&byte| byte == 0), 1, 0);
    }

    /// Fails if something is left: [`OpenError::Content`] with the bytes left.
    #[inline(never)]
    pub const fn close(&mut self) {
        let left = self.rest.len() as u32;
        self.expect(left == 0, left, 0);
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// The first error, or that of [`Self::close`].
    pub const fn end(&mut self) -> Result<(), OpenError> {
        self.close();
        self.so_far()
    }

    /// Whether there has been no error so far.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.error.is_none()
    }

    /// Checks that there has been no error so far.
    ///
    /// # Errors
    /// The first error.
    pub const fn so_far(&self) -> Result<(), OpenError> {
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

    const NAME: Subject = Subject::Layer;

    #[test]
    fn the_first_error_is_kept_and_nothing_comes_behind_it() {
        let mut reader = SectionReader::new(&[1, 2, 3, 4, 5, 6, 7, 8], NAME);
        assert_eq!(reader.u16_pair(), [0x0201, 0x0403]);
        assert_eq!(reader.within(7, 1, 6), 1);
        assert_eq!((reader.u32(), reader.bytes(1), reader.words::<u32>(usize::MAX)), (0, &[][..], &[][..]));
        reader.need(false, Subject::Lstm);
        assert_eq!(reader.end(), Err(OpenError::Content(NAME, 7, [1, 6])));
        let mut reader = SectionReader::new(&[0; 8], NAME);
        reader.need(false, Subject::Lstm);
        assert_eq!(reader.end(), Err(OpenError::FeatureDisabled(Subject::Lstm)));
    }

    #[test]
    fn every_byte_is_asked_for() {
        assert_eq!(SectionReader::new(&[0; 8], NAME).end(), Err(OpenError::Content(NAME, 8, [0, 0])));
        let mut reader = SectionReader::new(&[9, 0, 0, 0, 0, 3], NAME);
        assert_eq!(reader.bytes(1), [9]);
        reader.align();
        reader.align();
        assert_eq!(reader.bytes(3), [0; 0]);
        assert_eq!(reader.end(), Err(OpenError::Content(NAME, 2, [3, 3])));
        let mut reader = SectionReader::new(&[9, 0, 1, 0], NAME);
        reader.bytes(1);
        reader.align();
        assert_eq!(reader.end(), Err(OpenError::Content(NAME, 1, [0, 0])));
    }

    /// Varints of 32 and 64 bits: all that are in their shortest form and fit.
    #[test]
    fn varints_are_in_their_shortest_form() {
        let read = |bytes: &[u8], bits| {
            let mut reader = SectionReader::new(bytes, NAME);
            let value = reader.varint(bits);
            reader.end().map(|()| value).ok()
        };
        let sound: [(&[u8], u32); 5] = [
            (&[0], 0),
            (&[0x7F], 127),
            (&[0x80, 1], 128),
            (&[0xAC, 2], 300),
            (&[255, 255, 255, 255, 15], u32::MAX),
        ];
        for (bytes, value) in sound {
            assert_eq!((read(bytes, 32), read(bytes, 64)), (Some(value), Some(value)), "{bytes:?}");
        }
        assert_eq!(read(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 1], 64), Some(u32::MAX));
        assert_eq!(read(&[255, 255, 255, 255, 16], 64), Some(u32::MAX >> 4));
        for bad in
            [&[][..], &[0x80], &[0x80, 0], &[1, 1], &[255, 255, 255, 255, 16], &[255, 255, 255, 255, 143, 1]]
        {
            assert_eq!(read(bad, 32), None, "{bad:?}");
        }
        assert_eq!(read(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 2], 64), None);
        assert_eq!(read(&[128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1], 64), None);
    }
}
