//! What a step needs of the manifest, read without decoding the rest.

use super::{Pooling, Section};
use crate::text::{Options, is_utf8};

/// The most sections a blob may have.
pub const MAX_SECTIONS: usize = 16;

/// The manifest as far as a chip wants to know it, borrowed; all of it has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    /// The class labels in UTF-8, in order, separated by line feeds.
    pub labels: &'a [u8],
    /// The tokeniser's options.
    pub text: Options,
    /// Pooling over time.
    pub pooling: Pooling,
    /// The self-test's text.
    pub self_test: &'a [u8],
    /// The trace hash that must follow its last word.
    pub trace: [u8; 8],
    /// The section table.
    sections: Cursor<'a>,
}

impl<'a> Outline<'a> {
    /// Of no manifest.
    pub(crate) const fn empty() -> Self {
        Self {
            labels: &[],
            text: Options { punctuation: false },
            pooling: Pooling::Last,
            self_test: &[],
            trace: [0; 8],
            sections: Cursor(&[]),
        }
    }

    /// Reads a manifest; `None` unless every byte of it is as the [specification](crate::blob) says, each
    /// number in its shortest form.
    #[must_use]
    pub fn read(manifest: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(manifest);
        let labels = cursor.text()?;
        let text = Options { punctuation: cursor.flag()? };
        let pooling = match cursor.byte()? {
            0 => Pooling::Last,
            1 => Pooling::Mean,
            2 => Pooling::Max,
            _ => return None,
        };
        let _writer = cursor.text()?;
        let _corpus = cursor.text()?;
        let _digest = cursor.string()?;
        cursor.skip_u64()?;
        let _examples = cursor.u32()?;
        for _metric in 0..5 {
            if cursor.flag()? && cursor.u32()? > u32::from(u16::MAX) {
                return None;
            }
        }
        let self_test = cursor.text()?;
        let trace = *cursor.take(8)?.first_chunk()?;
        let count = cursor.byte()?;
        if usize::from(count) > MAX_SECTIONS {
            return None;
        }
        let sections = cursor;
        for _section in 0..count {
            cursor.section()?;
        }
        cursor.0.is_empty().then_some(Self { labels, text, pooling, self_test, trace, sections })
    }

    /// The section table.
    pub fn sections(&self) -> impl Iterator<Item = Section> + use<'a> {
        let mut cursor = self.sections;
        core::iter::from_fn(move || cursor.section())
    }
}

/// Takes postcard's encodings from the start of some bytes.
#[derive(Clone, Copy, Debug)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// A varint of at most 32 bits.
    #[inline(never)]
    fn u32(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let part = u32::from(byte & 0x7F);
            if (byte == 0 && shift > 0) || (shift == 28 && byte > 15) {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A varint of at most 64 bits.
    fn skip_u64(&mut self) -> Option<()> {
        for at in 0..10 {
            let byte = self.byte()?;
            if (byte == 0 && at > 0) || (at == 9 && byte > 1) {
                return None;
            }
            if byte < 0x80 {
                return Some(());
            }
        }
        None
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let count = self.u32()?;
        self.take(count as usize)
    }

    #[inline(never)]
    fn text(&mut self) -> Option<&'a [u8]> {
        self.string().filter(|bytes| is_utf8(bytes))
    }

    #[inline(never)]
    fn section(&mut self) -> Option<Section> {
        Some(Section { kind: self.byte()?, required: self.flag()?, offset: self.u32()?, length: self.u32()? })
    }
}
