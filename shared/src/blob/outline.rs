//! What a step needs of the manifest, read without decoding the rest.

use super::name::Name;
use super::{Error, Part, Pooling, Section};
use crate::text::Options;

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
    /// The section table, as it is in the manifest.
    sections: &'a [u8],
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
            sections: &[],
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Content`] unless every byte of it is as the [specification](crate::blob) says, each number in
    /// its shortest form.
    pub fn read(manifest: &'a [u8]) -> Result<Self, Error> {
        let mut outline = Self::empty();
        let mut part = Part::new(manifest, Name::Manifest);
        outline.take(&mut part);
        part.so_far().map(|()| outline)
    }

    /// As [`Self::read`], in place; errors are the part's.
    pub(crate) fn take(&mut self, part: &mut Part<'a>) {
        self.labels = part.text();
        self.text = Options { punctuation: part.flag() };
        self.pooling = match part.byte(2) {
            0 => Pooling::Last,
            1 => Pooling::Mean,
            _ => Pooling::Max,
        };
        let (_writer, _corpus) = (part.text(), part.text());
        let (_digest, _seed, _examples) = (part.string(), part.varint(64), part.varint(32));
        for _metric in 0..5 {
            if part.flag() {
                part.varint(16);
            }
        }
        self.self_test = part.text();
        self.trace = part.bytes(8).first_chunk().copied().unwrap_or_default();
        let count = part.byte(MAX_SECTIONS as u8);
        self.sections = part.rest();
        for _section in 0..count {
            next_section(part);
        }
        part.close();
    }

    /// The section table.
    pub fn sections(&self) -> impl Iterator<Item = Section> + use<'a> {
        let mut table = self.table();
        core::iter::from_fn(move || (!table.rest().is_empty()).then(|| next_section(&mut table)))
    }

    /// The section table, to be read by [`next_section`].
    pub(crate) const fn table(&self) -> Part<'a> {
        Part::new(self.sections, Name::Manifest)
    }
}

/// The next entry of the section table.
#[inline(never)]
pub(crate) fn next_section(part: &mut Part<'_>) -> Section {
    Section {
        kind: part.byte(u8::MAX),
        required: part.flag(),
        offset: part.varint(32),
        length: part.varint(32),
    }
}
