//! The part of the manifest that a chip needs, read without decoding the rest.

use super::subject::{Subject, line};
use super::{OpenError, Pooling, Section, SectionReader};
use crate::prediction::Class;
use crate::text::Options;

/// The most sections in a model file.
pub const MAX_SECTIONS: usize = 16;

/// The part of the manifest that a chip needs, borrowed; all of it has been checked.
#[derive(Clone, Copy, Debug)]
pub struct ManifestView<'a> {
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
    /// The section table, as encoded in the manifest.
    sections: &'a [u8],
}

impl<'a> ManifestView<'a> {
    /// The view of no manifest.
    pub(crate) const fn empty() -> Self {
        Self {
            labels: &[],
            text: Options::of_bits(0),
            pooling: Pooling::Last,
            self_test: &[],
            trace: [0; 8],
            sections: &[],
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`OpenError::Content`] unless every byte conforms to the [specification](crate::format), with each number in its
    /// shortest form.
    pub fn read(manifest: &'a [u8]) -> Result<Self, OpenError> {
        let mut outline = Self::empty();
        let mut reader = SectionReader::new(manifest, Subject::Manifest);
        outline.take(&mut reader);
        reader.so_far().map(|()| outline)
    }

    /// Like [`Self::read`], in place; errors are the reader's.
    pub(crate) fn take(&mut self, reader: &mut SectionReader<'a>) {
        self.labels = reader.text();
        self.text = Options::of_bits(reader.byte(Options::MOST));
        self.pooling = match reader.byte(2) {
            0 => Pooling::Last,
            1 => Pooling::Mean,
            _ => Pooling::Max,
        };
        let (_writer, _corpus) = (reader.text(), reader.text());
        let (_digest, _seed, _examples) = (reader.string(), reader.varint(64), reader.varint(32));
        for _metric in 0..5 {
            if reader.flag() {
                reader.varint(16);
            }
        }
        self.self_test = reader.text();
        self.trace = reader.bytes(8).first_chunk().copied().unwrap_or_default();
        let count = reader.byte(MAX_SECTIONS as u8);
        self.sections = reader.rest();
        for _section in 0..count {
            next_section(reader);
        }
        reader.close();
    }

    /// The label of a class in UTF-8; empty for a class that does not exist.
    #[must_use]
    pub fn label(&self, class: Class) -> &'a [u8] {
        line(self.labels, class.index())
    }

    /// The section table.
    pub fn sections(&self) -> impl Iterator<Item = Section> + use<'a> {
        let mut table = self.table();
        core::iter::from_fn(move || (!table.rest().is_empty()).then(|| next_section(&mut table)))
    }

    /// The section table, to be read by [`next_section`].
    pub(crate) const fn table(&self) -> SectionReader<'a> {
        SectionReader::new(self.sections, Subject::Manifest)
    }
}

/// The next entry of the section table.
#[inline(never)]
pub(crate) fn next_section(reader: &mut SectionReader<'_>) -> Section {
    Section {
        kind: reader.byte(u8::MAX),
        required: reader.flag(),
        offset: reader.varint(32),
        length: reader.varint(32),
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::format::{Manifest, Metrics, OpenError, Provenance, SelfTest};

    fn encoded(labels: &str, sections: usize) -> Vec<u8> {
        let section = Section { kind: 1, required: true, offset: 112, length: 64 };
        let manifest = Manifest {
            labels,
            text: Options { punctuation: true, tags: false },
            pooling: Pooling::Max,
            provenance: Provenance {
                writer: "w",
                corpus: "c",
                digest: &[],
                seed: u64::MAX,
                examples: 5,
                metrics: Metrics { float_valid: Some(1), ..Metrics::default() },
            },
            self_test: SelfTest { text: "ok", trace: [1, 2, 3, 4, 5, 6, 7, 8] },
            sections: core::iter::repeat_n(section, sections).collect(),
        };
        postcard::to_stdvec(&manifest).expect("encodes")
    }

    #[test]
    fn the_fields_are_those_that_were_encoded() {
        let bytes = encoded("neg\npos", 2);
        let view = ManifestView::read(&bytes).expect("sound");
        assert_eq!((view.labels, view.self_test), (&b"neg\npos"[..], &b"ok"[..]));
        assert_eq!([0, 1, 2].map(|class| view.label(Class::new(class))), [&b"neg"[..], b"pos", b""]);
        assert_eq!((view.pooling, view.text.punctuation), (Pooling::Max, true));
        assert_eq!(view.trace, [1, 2, 3, 4, 5, 6, 7, 8]);
        let sections: Vec<Section> = view.sections().collect();
        assert_eq!(sections, [Section { kind: 1, required: true, offset: 112, length: 64 }; 2]);
    }

    #[test]
    fn every_cut_and_every_tail_is_refused() {
        let bytes = encoded("neg\npos", 1);
        for length in 0..bytes.len() {
            assert!(ManifestView::read(&bytes[..length]).is_err(), "{length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(ManifestView::read(&longer).is_err());
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let mut bytes = encoded("neg\npos", 1);
        let text = 1 + 7;
        bytes[text] = 4;
        let error = OpenError::Content(Subject::Manifest, 4, [0, 3]);
        assert_eq!(ManifestView::read(&bytes).err(), Some(error));
        bytes[text] = 3;
        assert!(ManifestView::read(&bytes).expect("sound").text.tags);
        let pooling = text + 1;
        bytes[pooling] = 3;
        let error = OpenError::Content(Subject::Manifest, 3, [0, 2]);
        assert_eq!(ManifestView::read(&bytes).err(), Some(error));
    }
}
