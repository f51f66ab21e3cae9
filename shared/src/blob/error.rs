//! Why a blob is refused.

use core::fmt;

use crate::matvec::Layout;

/// What was wrong with a blob, what was found and what was expected.
///
/// Without `core::fmt` (on the chip) the same sentence comes from [`Error::what`],
/// [`Error::found`] and [`Error::expected`].
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
    /// The manifest is not valid postcard or has contents out of range.
    Manifest,
    /// A required section of a kind that this reader does not know: the kind.
    UnknownSection(u32),
    /// A section is missing: its name.
    Missing(&'static str),
    /// The model needs a part that this program was built without: [its name](crate::parts).
    LeftOut(&'static str),
    /// A section's content is out of range: its name, found, expected.
    Content(&'static str, u32, u32),
    /// A row's sum could overflow: the matrix' section, the row.
    Overflow(&'static str, u32),
    /// The model is larger than the capacity compiled in: of what, needed, available.
    Capacity(&'static str, u32, u32),
    /// The self-test gave another trace hash than the blob says (low halves): got, expected.
    SelfTest(u32, u32),
}

impl Error {
    /// What was looked at, as a phrase.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::TooShort(_) => "no model: fewer bytes than a header",
            Self::Misaligned(_) => "model not on a 16-byte boundary",
            Self::Magic(_) => "no model: wrong magic",
            Self::Version(_) => "format version unknown to this reader",
            Self::Length(..) => "model cut or padded: wrong length",
            Self::Checksum(..) => "model damaged: wrong CRC-32",
            Self::Layout(_) => "maps laid out for another core",
            Self::Manifest => "manifest unreadable",
            Self::UnknownSection(_) => "required section of unknown kind",
            Self::Missing(name) | Self::LeftOut(name) => name,
            Self::Content(name, ..) | Self::Overflow(name, _) | Self::Capacity(name, ..) => name,
            Self::SelfTest(..) => "self-test gave another trace hash",
        }
    }

    /// The class of the mistake, to follow [`Self::what`].
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => " section is missing",
            Self::LeftOut(_) => " is a part that this program was built without",
            Self::Content(..) => " section is malformed",
            Self::Overflow(..) => " weights could overflow in row",
            Self::Capacity(..) => " exceeds what was compiled in",
            _ => "",
        }
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
            Self::Manifest | Self::Missing(_) | Self::LeftOut(_) => None,
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
            Self::Manifest | Self::UnknownSection(_) | Self::Overflow(..) => None,
            Self::Missing(_) | Self::LeftOut(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.what(), self.kind())?;
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
