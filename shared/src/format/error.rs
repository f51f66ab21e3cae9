//! Why a model is refused.

use core::fmt;

use super::subject::{Subject, line};
use crate::kernel::Layout;
use crate::sentence::{formatted, say_numbers};

/// Why a model cannot be used: what was found, what was expected, and, when printed, what to do.
///
/// Without `core::fmt` (on the chip), [`OpenError::say`] writes the same sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Fewer bytes than a header has: the number of bytes.
    TooShort(u32),
    /// The bytes are misaligned: how far they are from the required boundary.
    Misaligned(u32),
    /// The first four bytes are not the magic: what they are, little endian.
    Magic(u32),
    /// A format version that this reader does not know: the version.
    Version(u32),
    /// The length in the header is wrong: actual bytes, header.
    Length(u32, u32),
    /// The content does not have the CRC-32 in the header: content, header.
    Checksum(u32, u32),
    /// Maps in a [layout](crate::kernel#layout) that this core does not read: its number.
    Layout(u32),
    /// A required section of a kind that this reader does not know: the kind.
    UnknownSection(u32),
    /// A section is missing.
    Missing(Subject),
    /// The model needs a [feature](crate#features) that this program was built without.
    FeatureDisabled(Subject),
    /// A number in a section, the manifest or the header is out of range: the number, and the range.
    Content(Subject, u32, [u32; 2]),
    /// A row's sum could overflow: the matrix's section, the row.
    Overflow(Subject, u32),
    /// The memory is smaller than the model needs: available, needed, in bytes.
    Memory(u32, u32),
    /// The self-test's trace hash differs from the model's (low halves): actual, expected.
    SelfTest(u32, u32),
}

/// The errors' phrases, in the order of [`OpenError::phrase`]; from [`NAMED`] on, a name precedes them.
const PHRASES: &[u8] = b"no model: fewer bytes than a header
model not on its boundary of bytes
no model: wrong magic
format version unknown to this reader
model cut or padded: wrong length
model damaged: wrong CRC-32
model laid out for another core
required section of unknown kind
self-test gave another trace hash
memory smaller than the model needs
 section is missing
 is a feature that this program was built without
 section is malformed
 weights could overflow in row";

/// The first phrase that follows a name.
const NAMED: usize = 10;

impl OpenError {
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
            Self::Memory(..) => 9,
            Self::Missing(_) => NAMED,
            Self::FeatureDisabled(_) => NAMED + 1,
            Self::Content(..) => NAMED + 2,
            Self::Overflow(..) => NAMED + 3,
        }
    }

    /// What was checked and what is wrong with it: the two halves of a phrase, in ASCII.
    #[must_use]
    pub fn text(&self) -> [&'static [u8]; 2] {
        let name = match self {
            Self::Missing(subject)
            | Self::FeatureDisabled(subject)
            | Self::Content(subject, ..)
            | Self::Overflow(subject, _) => subject.text(),
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
            | Self::Memory(found, _)
            | Self::SelfTest(found, _) => Some(found),
            Self::Missing(_) | Self::FeatureDisabled(_) => None,
        }
    }

    /// The least and the greatest number expected, if there are any.
    #[must_use]
    pub const fn expected(&self) -> Option<[u32; 2]> {
        let exactly = match *self {
            Self::TooShort(_) => super::HEADER_BYTES as u32,
            Self::Misaligned(_) => 0,
            // The difference is in the half that is not shown.
            Self::Magic(TELL) => return None,
            Self::Magic(_) => TELL,
            Self::Version(_) => super::VERSION,
            Self::Layout(_) => Layout::OWN as u32,
            Self::Length(_, expected)
            | Self::Checksum(_, expected)
            | Self::Memory(_, expected)
            | Self::SelfTest(_, expected) => expected,
            Self::Content(_, _, range) => return Some(range),
            Self::UnknownSection(_) | Self::Overflow(..) | Self::Missing(_) | Self::FeatureDisabled(_) => {
                return None;
            }
        };
        Some([exactly; 2])
    }

    /// Gives the sentence, without the advice, to `put`, piece by piece in ASCII.
    pub fn say(&self, put: &mut dyn FnMut(&[u8])) {
        self.text().into_iter().for_each(&mut *put);
        say_numbers(put, self.found(), self.expected());
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match *self {
            Self::TooShort(_) => "give the whole file that `train --export` wrote",
            Self::Misaligned(_) => {
                "include it with `telltale::include_model!`, or copy it to a boundary of 16 bytes"
            }
            Self::Magic(found) => match found.to_le_bytes() {
                [0x1F, 0x8B, ..] => "this is a gzip file: unpack it",
                [b'v', b'e', b'r', b's'] => "this is a Git LFS pointer: `git lfs pull` fetches the file",
                [0, 0, 0, 0] | [0xFF, 0xFF, 0xFF, 0xFF] => "the memory is blank: write a model there",
                _ => "give a file that `train --export` wrote",
            },
            Self::Version(found) if found < super::VERSION => "train or import the model again",
            Self::Version(_) => "use a reader as new as the writer",
            Self::Length(..) | Self::Checksum(..) => "copy the file again",
            Self::Layout(_) => {
                "`image --target TRIPLE` or telltale-build lays the model's file out for a core"
            }
            Self::FeatureDisabled(_) => "enable the cargo feature of that name",
            Self::Memory(..) => "give `Memory` as many bytes as `inspect` says",
            Self::SelfTest(..) => "this program computes other numbers than the writer's: report it",
            Self::UnknownSection(_) => "use a reader as new as the writer",
            Self::Missing(_) | Self::Content(..) | Self::Overflow(..) => "the writer of the file is at fault",
        }
    }
}

/// The first half of the magic, little endian.
const TELL: u32 = u32::from_le_bytes(*b"TELL");

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatted(f, |put| self.say(put))?;
        write!(f, "; {}", self.advice())
    }
}

impl core::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sentences() {
        let sentences = [
            (OpenError::TooShort(3), "no model: fewer bytes than a header: found 3, expected 48; "),
            (OpenError::SelfTest(1, 2), "self-test gave another trace hash: found 1, expected 2; "),
            (OpenError::Missing(Subject::Head), "head section is missing; "),
            (
                OpenError::FeatureDisabled(Subject::I4),
                "i4 is a feature that this program was built without; ",
            ),
            (
                OpenError::Content(Subject::Manifest, 0, [1, 1024]),
                "manifest section is malformed: found 0, expected 1 to 1024; ",
            ),
            (OpenError::Overflow(Subject::Layer, 7), "layer weights could overflow in row: found 7; "),
            (OpenError::Memory(8, 9), "memory smaller than the model needs: found 8, expected 9; "),
        ];
        for (error, sentence) in sentences {
            let text = error.to_string();
            assert!(text.starts_with(sentence) && text.len() > sentence.len(), "{text}");
        }
    }

    #[test]
    fn files_of_other_kinds_are_named() {
        for (start, name) in [
            ([0x1F, 0x8B, 8, 0], "gzip"),
            (*b"vers", "Git LFS pointer"),
            ([0xFF; 4], "blank"),
            (*b"{\"a\"", "train --export"),
        ] {
            let text = OpenError::Magic(u32::from_le_bytes(start)).to_string();
            assert!(text.contains(name), "{text}");
        }
    }
}
