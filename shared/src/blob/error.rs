//! Why a blob is refused.

use core::fmt;

use super::name::{Name, line};
use crate::matvec::Layout;

/// What was wrong with a blob, what was found and what was expected.
///
/// Without `core::fmt` (on the chip) the same sentence comes from [`Error::text`], [`Error::found`] and
/// [`Error::expected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Fewer bytes than a header has: the number of bytes.
    TooShort(u32),
    /// The bytes do not start on a 16-byte boundary: how far they are from one.
    Misaligned(u32),
    /// The first four bytes are no magic: what they are, little endian.
    Magic(u32),
    /// A format version that this reader does not know: the version.
    Version(u32),
    /// The length in the header is not that of the bytes: header, bytes.
    Length(u32, u32),
    /// The CRC-32 in the header is not that of the content: header, content.
    Checksum(u32, u32),
    /// Maps in a [layout](crate::matvec#layout) that this core does not read: its number.
    Layout(u32),
    /// A required section of a kind that this reader does not know: the kind.
    UnknownSection(u32),
    /// A section is missing.
    Missing(Name),
    /// The model needs a part that this program was built without: [which](crate::parts).
    LeftOut(Name),
    /// A section's content, or the manifest's, is out of range: found, expected.
    Content(Name, u32, u32),
    /// A row's sum could overflow: the matrix' section, the row.
    Overflow(Name, u32),
    /// The model is larger than the capacity compiled in: of what, needed, available.
    Capacity(Name, u32, u32),
    /// The self-test gave another trace hash than the blob says (low halves): got, expected.
    SelfTest(u32, u32),
}

/// What an error says, in the order of [`Error::phrase`]; from [`NAMED`] on, a name comes before it.
const PHRASES: &[u8] = b"no model: fewer bytes than a header
model not on a 16-byte boundary
no model: wrong magic
format version unknown to this reader
model cut or padded: wrong length
model damaged: wrong CRC-32
maps laid out for another core
required section of unknown kind
self-test gave another trace hash
 section is missing
 is a part that this program was built without
 section is malformed
 weights could overflow in row
 exceeds what was compiled in";

/// The first phrase behind a name.
const NAMED: usize = 9;

impl Error {
    /// The line of [`PHRASES`].
    const fn phrase(&self) -> usize {
        match self {
            Self::TooShort(_) => 0,
            Self::Misaligned(_) => 1,
            Self::Magic(_) => 2,
            Self::Version(_) => 3,
            Self::Length(..) => 4,
            Self::Checksum(..) => 5,
            Self::Layout(_) => 6,
            Self::UnknownSection(_) => 7,
            Self::SelfTest(..) => 8,
            Self::Missing(_) => NAMED,
            Self::LeftOut(_) => NAMED + 1,
            Self::Content(..) => NAMED + 2,
            Self::Overflow(..) => NAMED + 3,
            Self::Capacity(..) => NAMED + 4,
        }
    }

    /// What was looked at and what is wrong with it, the two halves of a phrase in ASCII.
    #[must_use]
    pub fn text(&self) -> [&'static [u8]; 2] {
        let name = match self {
            Self::Missing(name) | Self::LeftOut(name) => name.text(),
            Self::Content(name, ..) | Self::Overflow(name, _) | Self::Capacity(name, ..) => name.text(),
            _ => &[],
        };
        [name, line(PHRASES, self.phrase())]
    }

    /// The number found, if there is one.
    #[must_use]
    pub const fn found(&self) -> Option<u32> {
        match *self {
            Self::TooShort(found)
            | Self::Misaligned(found)
            | Self::Magic(found)
            | Self::Version(found)
            | Self::Length(found, _)
            | Self::Checksum(found, _)
            | Self::Layout(found)
            | Self::UnknownSection(found)
            | Self::Content(_, found, _)
            | Self::Overflow(_, found)
            | Self::Capacity(_, found, _)
            | Self::SelfTest(found, _) => Some(found),
            Self::Missing(_) | Self::LeftOut(_) => None,
        }
    }

    /// The number expected, if there is one.
    #[must_use]
    pub const fn expected(&self) -> Option<u32> {
        match *self {
            Self::TooShort(_) => Some(super::HEADER_BYTES as u32),
            Self::Misaligned(_) => Some(0),
            Self::Magic(_) => Some(u32::from_le_bytes([b'T', b'E', b'L', b'L'])),
            Self::Version(_) => Some(super::VERSION),
            Self::Layout(_) => Some(Layout::OWN as u32),
            Self::Length(_, expected)
            | Self::Checksum(_, expected)
            | Self::Content(_, _, expected)
            | Self::Capacity(_, _, expected)
            | Self::SelfTest(_, expected) => Some(expected),
            Self::UnknownSection(_) | Self::Overflow(..) | Self::Missing(_) | Self::LeftOut(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for half in self.text() {
            f.write_str(core::str::from_utf8(half).unwrap_or(""))?;
        }
        if let Some(found) = self.found() {
            write!(f, ": found {found}")?;
        }
        if let Some(expected) = self.expected() {
            write!(f, ", expected {expected}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sentences() {
        let sentences = [
            (Error::TooShort(3), "no model: fewer bytes than a header: found 3, expected 32"),
            (Error::SelfTest(1, 2), "self-test gave another trace hash: found 1, expected 2"),
            (Error::Missing(Name::Head), "head section is missing"),
            (Error::LeftOut(Name::I4), "i4 is a part that this program was built without"),
            (Error::Content(Name::Manifest, 2, 1), "manifest section is malformed: found 2, expected 1"),
            (Error::Overflow(Name::Layer, 7), "layer weights could overflow in row: found 7"),
            (
                Error::Capacity(Name::Sums, 9, 8),
                "sums (SUMS) exceeds what was compiled in: found 9, expected 8",
            ),
        ];
        for (error, sentence) in sentences {
            assert_eq!(error.to_string(), sentence);
        }
    }
}
