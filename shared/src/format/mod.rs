//! The file format: one artefact, checked once, read in place.
//!
//! # Specification, version 5
//!
//! All numbers are little endian. The file is read in place, from a 16-byte boundary.
//!
//! | offset | bytes | content | example |
//! |---|---|---|---|
//! | 0 | 8 | magic `TELLTALE` | `54 45 4C 4C 54 41 4C 45` |
//! | 8 | 4 | format version, 5 | `05 00 00 00` |
//! | 12 | 4 | total length L in bytes | `40 2A 00 00` (10,816) |
//! | 16 | 4 | CRC-32 of bytes 20 to L (ISO-HDLC: reflected 0x04C11DB7, as in zlib) | `.. .. .. ..` |
//! | 20 | 4 | length M of the manifest in bytes | `28 00 00 00` (40) |
//! | 24 | 4 | [layout](crate::kernel#layout) of maps: 0 pairs, 1 quads | `00 00 00 00` |
//! | 28 | 4 | in pairs 0, otherwise the CRC-32 of the same model in pairs | `00 00 00 00` |
//! | 32 | 4 | bytes of [memory](crate::Memory) that the model needs, checked on opening | `40 04 00 00` (1,088) |
//! | 36 | 12 | 0 | `00 00 00 00 00 00 00 00 00 00 00 00` |
//! | 48 | M | the manifest, a `Manifest` in postcard 1.x | see below |
//! | … | … | the sections, each on a multiple of 16, zero bytes between them | |
//!
//! The version number rises with every change after which a reader would refuse a file of an older writer, or read it
//! differently; then, and only then, the golden models in `tests/golden` are rewritten.
//!
//! A chip reads only the part of the manifest that it needs, [`ManifestView`]; the PC reads and writes all of it, which
//! requires the feature `std`.
//!
//! The manifest is the concatenation of its fields, in postcard's encoding: strings and byte
//! strings with a varint length in front, integers as varints of their shortest form, enums and `Option` as one byte,
//! the trace of the self-test as eight plain bytes.
//!
//! | field | example | bytes |
//! |---|---|---|
//! | labels, separated by line feeds | `neg`, `pos` | `07 6E 65 67 0A 70 6F 73` |
//! | text: bit 0, punctuation, symbols and emoji make words; bit 1, HTML's tags are text | punctuation | `01` |
//! | pooling: 0 last, 1 mean, 2 max | mean | `01` |
//! | provenance: writer | `t` | `01 74` |
//! | – corpus | `c` | `01 63` |
//! | – SHA-256 of the corpus | none | `00` |
//! | – seed | 300 | `AC 02` |
//! | – examples trained on | 5 | `05` |
//! | – five accuracies in 10⁻⁴ | 1, then none | `01 01 00 00 00 00` |
//! | self-test: text | `ok` | `02 6F 6B` |
//! | – trace hash | 1 | `01 00 00 00 00 00 00 00` |
//! | sections: how many | 1 | `01` |
//! | – each: kind, required, offset, length | vocabulary, yes, 112, 64 | `01 01 70 40` |
//!
//! Kinds of sections: 1 [vocabulary](crate::vocab), 2 [embedding](crate::embedding), 3 [layer](crate::cell), one for
//! each layer in order, 4 [head](crate::head), 5 [n-grams](crate::ngrams) and 6 [early exit](crate::early_exit), both
//! optional, 7 [folded embedding](crate::embedding#folded), in place of 2, 8 [rejection](crate::rejection), optional.
//! Those pages specify the content of each. A reader skips an unknown section that is not required and refuses one that
//! is; new parts of a network come as new kinds, under the same version.
//!
//! # Promises
//!
//! [`Model::open`](crate::Model::open) reads every byte before anything is computed. What it
//! accepts cannot overflow, index out of range or panic, for any text.

mod error;
mod manifest;
pub(crate) mod manifest_view;
mod reader;
pub(crate) mod subject;

pub use error::OpenError;
pub use manifest::{Kind, Pooling, Section};
#[cfg(feature = "std")]
pub use manifest::{Manifest, Metrics, Provenance, SelfTest};
pub use manifest_view::{MAX_SECTIONS, ManifestView};
pub use reader::SectionReader;
pub use subject::Subject;

use crate::kernel::Layout;

/// The first bytes of a model file.
pub const MAGIC: [u8; 8] = *b"TELLTALE";

/// The format version written, and the only one read.
pub const VERSION: u32 = 5;

/// Bytes before the manifest.
pub const HEADER_BYTES: usize = 48;

/// Sections and the file itself start on multiples of this.
pub const ALIGNMENT: usize = 16;

/// Offsets in the header.
pub(crate) mod field {
    use core::ops::Range;

    pub const MAGIC: Range<usize> = 0..8;
    pub const VERSION: Range<usize> = 8..12;
    pub const LENGTH: Range<usize> = 12..16;
    pub const CHECKSUM: Range<usize> = 16..20;
    pub const MANIFEST: Range<usize> = 20..24;
    pub const LAYOUT: Range<usize> = 24..28;
    pub const ORIGIN: Range<usize> = 28..32;
    pub const MEMORY: Range<usize> = 32..36;
    pub const RESERVED: Range<usize> = 36..48;
    /// The bytes that the checksum covers start here.
    pub const CHECKED: usize = 20;
}

/// The number in a field, 0 after the end.
pub(crate) const fn u32_at(bytes: &[u8], field: core::ops::Range<usize>) -> u32 {
    match bytes.split_at_checked(field.start) {
        Some((_, rest)) => match rest.first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => 0,
        },
        None => 0,
    }
}

/// How a CRC is computed: with a table of 1 kB, or a bit at a time.
#[cfg(feature = "checksum-table")]
type CrcTable = crc::Table<1>;
#[cfg(not(feature = "checksum-table"))]
type CrcTable = crc::NoTable;

/// CRC-32 as in zlib.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    static CRC: crc::Crc<u32, CrcTable> = crc::Crc::<u32, CrcTable>::new(&crc::CRC_32_ISO_HDLC);
    CRC.checksum(bytes)
}

/// The model file at the start of a region of flash, which may be longer.
///
/// # Errors
/// If there is no header, or it claims more bytes than the region has.
pub fn in_region(region: &[u8]) -> Result<&[u8], OpenError> {
    let length = header(region)?;
    region.get(..length as usize).ok_or(OpenError::Length(region.len() as u32, length))
}

/// The header's total length, if magic and version are right.
fn header(bytes: &[u8]) -> Result<u32, OpenError> {
    if bytes.len() < HEADER_BYTES {
        return Err(OpenError::TooShort(bytes.len() as u32));
    }
    if bytes.get(field::MAGIC) != Some(&MAGIC) {
        return Err(OpenError::Magic(u32_at(bytes, 0..4)));
    }
    match u32_at(bytes, field::VERSION) {
        VERSION => Ok(u32_at(bytes, field::LENGTH)),
        version => Err(OpenError::Version(version)),
    }
}

/// The digest that identifies a model on any chip: the CRC-32 of its file in pairs.
#[must_use]
pub fn digest(blob: &[u8]) -> u32 {
    u32_at(blob, if OWN_PAIRS { field::CHECKSUM } else { field::ORIGIN })
}

/// Whether maps in pairs are read.
const OWN_PAIRS: bool = matches!(Layout::OWN, Layout::Pairs);

/// Checks header, checksum and section table.
///
/// # Errors
/// What is wrong, see [`OpenError`].
pub fn open(blob: &[u8]) -> Result<ManifestView<'_>, OpenError> {
    whole(blob)?;
    let mut reader = SectionReader::new(&[], Subject::Manifest);
    let mut outline = ManifestView::empty();
    enter(blob, &mut reader);
    outline.take(&mut reader);
    reader.so_far()?;
    for section in outline.sections() {
        section_bytes(blob, &section)?;
    }
    Ok(outline)
}

/// Checks that a file has the length in its header.
///
/// # Errors
/// [`OpenError::Length`], or what is wrong with the header.
pub(crate) fn whole(blob: &[u8]) -> Result<(), OpenError> {
    match header(blob)? {
        length if length as usize == blob.len() => Ok(()),
        length => Err(OpenError::Length(blob.len() as u32, length)),
    }
}

/// Checks header and checksum of the file at the start of a region and goes to its manifest. Returns the file; errors
/// are the reader's.
pub(crate) fn enter<'a>(region: &'a [u8], reader: &mut SectionReader<'a>) -> &'a [u8] {
    match checked(region, reader.takes_any_layout()) {
        Ok((blob, manifest)) => {
            reader.enter(manifest, Subject::Manifest);
            blob
        }
        Err(error) => {
            reader.fail(error);
            &[]
        }
    }
}

/// The file at the start of a region, and its manifest.
#[inline(always)]
fn checked(region: &[u8], any_layout: bool) -> Result<(&[u8], &[u8]), OpenError> {
    let blob = in_region(region)?;
    let misaligned = blob.as_ptr().addr() % ALIGNMENT;
    if misaligned != 0 {
        return Err(OpenError::Misaligned(misaligned as u32));
    }
    let computed = checksum(blob.get(field::CHECKED..).unwrap_or(&[]));
    let stored = u32_at(blob, field::CHECKSUM);
    if computed != stored {
        return Err(OpenError::Checksum(computed, stored));
    }
    let layout = u32_at(blob, field::LAYOUT);
    if layout != Layout::OWN as u32 && !(any_layout && layout == Layout::Quads as u32) {
        return Err(OpenError::Layout(layout));
    }
    let origin = if OWN_PAIRS && !any_layout { u32_at(blob, field::ORIGIN) } else { 0 };
    let reserved = blob.get(field::RESERVED).unwrap_or(&[]);
    if origin != 0 || reserved.iter().any(|&byte| byte != 0) {
        return Err(OpenError::Content(Subject::Header, 1, [0; 2]));
    }
    let most = blob.len().saturating_sub(HEADER_BYTES) as u32;
    let manifest = manifest_bytes(blob);
    let manifest =
        manifest.ok_or(OpenError::Content(Subject::Header, u32_at(blob, field::MANIFEST), [0, most]))?;
    Ok((blob, manifest))
}

fn manifest_bytes(blob: &[u8]) -> Option<&[u8]> {
    blob.get(HEADER_BYTES..)?.get(..u32_at(blob, field::MANIFEST) as usize)
}

/// The whole manifest of a model file.
///
/// # Errors
/// [`OpenError::Missing`] if it is unreadable, which [`open`] excludes.
#[cfg(feature = "std")]
pub fn manifest(blob: &[u8]) -> Result<Manifest<'_>, OpenError> {
    let manifest = manifest_bytes(blob).and_then(|bytes| postcard::from_bytes(bytes).ok());
    manifest.ok_or(OpenError::Missing(Subject::Manifest))
}

/// The bytes of a section.
///
/// # Errors
/// [`OpenError::Content`] if the section is not inside the file or not aligned, [`OpenError::UnknownSection`] if it is
/// required and of no known kind.
pub fn section_bytes<'a>(blob: &'a [u8], section: &Section) -> Result<&'a [u8], OpenError> {
    let start = section.offset as usize;
    let bytes = blob.get(start..).and_then(|rest| rest.get(..section.length as usize));
    match bytes {
        _ if section.required && !Kind::KNOWN.contains(&section.kind) => {
            Err(OpenError::UnknownSection(section.kind.into()))
        }
        Some(bytes) if start.is_multiple_of(ALIGNMENT) => Ok(bytes),
        _ => Err(OpenError::Content(
            Subject::SectionTable,
            section.offset,
            [HEADER_BYTES as u32, blob.len() as u32],
        )),
    }
}

/// Bytes of [memory](crate::Memory) that a model needs, by its header.
#[must_use]
pub fn memory_bytes(blob: &[u8]) -> u32 {
    u32_at(blob, field::MEMORY)
}

/// Writes a file's header in front of its content, manifest and sections, which start at [`HEADER_BYTES`].
///
/// `blob` is the whole file, on a 16-byte boundary, with room for the header at its start. If the content is not a
/// sound model, the header's memory is 0.
#[cfg(feature = "std")]
pub fn seal(blob: &mut [u8], manifest_length: u32) {
    let length = blob.len() as u32;
    for (field, bytes) in [
        (field::MAGIC, &MAGIC[..]),
        (field::VERSION, &VERSION.to_le_bytes()),
        (field::LENGTH, &length.to_le_bytes()),
        (field::MANIFEST, &manifest_length.to_le_bytes()),
        (field::LAYOUT, &(Layout::OWN as u32).to_le_bytes()),
        (field::ORIGIN, &[0; 4]),
        (field::MEMORY, &[0; 4]),
        (field::RESERVED, &[0; 12]),
    ] {
        put(blob, field, bytes);
    }
    put_checksum(blob);
    if let Ok(requirements) = crate::Model::requirements_of(blob) {
        put(blob, field::MEMORY, &(requirements.memory_bytes() as u32).to_le_bytes());
        put_checksum(blob);
    }
}

/// Marks an image's maps as in pairs again, in its header.
///
/// # Errors
/// [`OpenError::Checksum`] if this does not restore the file from which the image was made.
#[cfg(feature = "std")]
pub(crate) fn seal_again(image: &mut [u8]) -> Result<(), OpenError> {
    let origin = u32_at(image, field::ORIGIN);
    put(image, field::LAYOUT, &(Layout::Pairs as u32).to_le_bytes());
    put(image, field::ORIGIN, &[0; 4]);
    put_checksum(image);
    match u32_at(image, field::CHECKSUM) {
        sum if sum == origin => Ok(()),
        sum => Err(OpenError::Checksum(sum, origin)),
    }
}

/// The layout with the number in a header.
#[cfg(feature = "std")]
#[must_use]
pub fn layout_of(blob: &[u8]) -> u32 {
    u32_at(blob, field::LAYOUT)
}

/// Marks the maps as laid out anew, in the header.
#[cfg(feature = "std")]
pub(crate) fn seal_anew(blob: &mut [u8], layout: Layout) {
    let origin = digest(blob);
    put(blob, field::LAYOUT, &(layout as u32).to_le_bytes());
    put(blob, field::ORIGIN, &origin.to_le_bytes());
    put_checksum(blob);
}

#[cfg(feature = "std")]
fn put(blob: &mut [u8], field: core::ops::Range<usize>, bytes: &[u8]) {
    if let Some(to) = blob.get_mut(field) {
        to.copy_from_slice(bytes);
    }
}

#[cfg(feature = "std")]
fn put_checksum(blob: &mut [u8]) {
    let sum = checksum(blob.get(field::CHECKED..).unwrap_or(&[]));
    put(blob, field::CHECKSUM, &sum.to_le_bytes());
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use crate::text::Options;

    /// The bytes in the last backquotes of the lines of a table in the specification, from `first` to `last`.
    fn example(first: &str, last: &str) -> Vec<u8> {
        let specification = include_str!("mod.rs").lines().map_while(|line| line.strip_prefix("//!"));
        let mut lines = specification.skip_while(|line| !line.contains(first));
        let mut bytes = Vec::new();
        for line in lines.by_ref() {
            let quoted = line.split('`').rfind(|part| {
                !part.is_empty() && part.split(' ').all(|byte| byte == ".." || byte.len() == 2)
            });
            let digits = quoted.unwrap_or_else(|| panic!("no example: {line}"));
            bytes.extend(digits.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap_or(0)));
            if line.contains(last) {
                break;
            }
        }
        bytes
    }

    #[test]
    fn the_examples_of_the_header_are_its_fields() {
        let header = example("| 0 | 8 | magic", "| 36 | 12 |");
        assert_eq!(header.len(), HEADER_BYTES);
        assert_eq!(header[field::MAGIC], MAGIC);
        let numbers =
            [field::VERSION, field::LENGTH, field::MANIFEST, field::LAYOUT, field::ORIGIN, field::MEMORY];
        assert_eq!(numbers.map(|field| u32_at(&header, field)), [VERSION, 10_816, 40, 0, 0, 1088]);
        let mut sealed = vec![0; 10_816];
        seal(&mut sealed, 40);
        // What is no model needs no memory.
        put(&mut sealed, field::CHECKSUM, &[0; 4]);
        put(&mut sealed, field::MEMORY, &1088u32.to_le_bytes());
        assert_eq!(sealed[..HEADER_BYTES], header);
    }

    #[test]
    fn the_examples_of_the_manifest_are_its_bytes() {
        let bytes = example("| labels, separated by", "| – each: kind");
        let manifest = Manifest {
            labels: "neg\npos",
            text: Options { punctuation: true, tags: false },
            pooling: Pooling::Mean,
            provenance: Provenance {
                writer: "t",
                corpus: "c",
                digest: &[],
                seed: 300,
                examples: 5,
                metrics: Metrics { float_valid: Some(1), ..Metrics::default() },
            },
            self_test: SelfTest { text: "ok", trace: [1, 0, 0, 0, 0, 0, 0, 0] },
            sections: [Section { kind: 1, required: true, offset: 112, length: 64 }].into_iter().collect(),
        };
        assert_eq!(postcard::to_stdvec(&manifest).expect("encodes"), bytes);
        assert_eq!(bytes.len(), 40);
        assert_eq!(ManifestView::read(&bytes).expect("sound").labels, b"neg\npos");
    }

    #[test]
    fn headers_are_checked_field_by_field() {
        let mut words = [0u128; 8];
        let blob: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        seal(blob, 40);
        let refused = |at: usize, byte: u8| {
            let mut words = words;
            bytemuck::cast_slice_mut::<_, u8>(&mut words)[at] = byte;
            open(bytemuck::cast_slice(&words)).err()
        };
        assert_eq!(refused(0, b'P'), Some(OpenError::Magic(u32::from_le_bytes(*b"PELL"))));
        assert_eq!(refused(8, 2), Some(OpenError::Version(2)));
        assert_eq!(refused(12, 127), Some(OpenError::Length(128, 127)));
        assert!(matches!(refused(16, 1), Some(OpenError::Checksum(..))));
        assert_eq!(open(&[1, 2, 3]).err(), Some(OpenError::TooShort(3)));
        let bytes = bytemuck::cast_slice::<_, u8>(&words);
        assert_eq!(in_region(&bytes[..100]).err(), Some(OpenError::Length(100, 128)));
        assert_eq!(layout_of(bytes), Layout::OWN as u32);
        assert_eq!(memory_bytes(bytes), 0);
    }

    /// Damage with a right checksum.
    #[test]
    fn a_manifest_beyond_the_file_and_reserved_bytes_are_refused() {
        for (at, byte, found) in [
            (20, 81, OpenError::Content(Subject::Header, 81, [0, 80])),
            (40, 1, OpenError::Content(Subject::Header, 1, [0, 0])),
            (28, 1, OpenError::Content(Subject::Header, 1, [0, 0])),
            (24, 1, OpenError::Layout(1)),
            (24, 9, OpenError::Layout(9)),
        ] {
            let mut words = [0u128; 8];
            let blob: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
            seal(blob, 40);
            blob[at] = byte;
            put_checksum(blob);
            assert_eq!(open(blob).err(), Some(found));
        }
        let mut words = [0u128; 8];
        let blob: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        seal(blob, 40);
        // A length inside the header.
        put(blob, field::LENGTH, &10u32.to_le_bytes());
        assert!(crate::Model::open(blob).is_err() && crate::Model::empty().read_region(blob).is_err());
    }
}
