//! The file format: one artefact, checked once, read in place.
//!
//! # Specification, version 2
//!
//! All numbers are little endian. The blob starts on a 16-byte boundary.
//!
//! | offset | bytes | content | example |
//! |---|---|---|---|
//! | 0 | 8 | magic `TELLTALE` | `54 45 4C 4C 54 41 4C 45` |
//! | 8 | 4 | format version, 2 | `02 00 00 00` |
//! | 12 | 4 | total length L in bytes | `40 2A 00 00` (10,816) |
//! | 16 | 4 | CRC-32 of bytes 20 to L (ISO-HDLC: reflected 0x04C11DB7, as in zlib) | `.. .. .. ..` |
//! | 20 | 4 | length M of the manifest in bytes | `9C 00 00 00` (156) |
//! | 24 | 4 | [layout](crate::matvec#layout) of maps: 0 pairs, 1 quads | `00 00 00 00` |
//! | 28 | 4 | in pairs 0, otherwise the CRC-32 that the same model has in pairs | `00 00 00 00` |
//! | 32 | M | the manifest, a `Manifest` in postcard 1.x | see below |
//! | … | … | the sections, each on a multiple of 16, zero bytes between them | |
//!
//! A chip reads of the manifest what it needs, [`Outline`]; the PC reads and writes all of it, which
//! takes the feature `std`.
//!
//! The manifest is the concatenation of its fields, in postcard's encoding: strings and byte
//! strings with a varint length in front, integers as varints of their shortest form, enums and `Option` as one byte,
//! the trace of the self-test as eight plain bytes.
//!
//! | field | example | bytes |
//! |---|---|---|
//! | labels, separated by line feeds | `neg`, `pos` | `07 6E 65 67 0A 70 6F 73` |
//! | text: `!` and `?` are words | yes | `01` |
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
//! | – each: kind, required, offset, length | vocabulary, yes, 96, 64 | `01 01 60 40` |
//!
//! Kinds of sections: 1 [vocabulary](crate::vocab), 2 [embedding](crate::embedding),
//! 3 [layer](crate::cell), one for each layer in order, 4 [head](crate::head),
//! 5 [wide part](crate::wide) and 6 [early exit](crate::early_exit), which a blob may lack,
//! 7 [folded embedding](crate::embedding#folded), in place of 2. What each contains is specified on those pages. A reader skips an unknown section that is not required and
//! refuses one that is; new parts of a network come as new kinds, under the same version.
//!
//! # Promises
//!
//! [`Model::open`](crate::Model::open) reads every byte before anything is computed. What it
//! accepts cannot overflow, index out of range or panic, for any text.

mod error;
mod manifest;
pub(crate) mod name;
pub(crate) mod outline;
mod part;

pub use error::Error;
pub use manifest::{Kind, Pooling, Section};
#[cfg(feature = "std")]
pub use manifest::{Manifest, Metrics, Provenance, SelfTest};
pub use name::Name;
pub use outline::{MAX_SECTIONS, Outline};
pub use part::Part;

use crate::matvec::Layout;

/// The first bytes of a blob.
pub const MAGIC: [u8; 8] = *b"TELLTALE";

/// The format version written, and the only one read.
pub const VERSION: u32 = 2;

/// Bytes before the manifest.
pub const HEADER_BYTES: usize = 32;

/// Sections and the blob itself start on multiples of this.
pub const ALIGNMENT: usize = 16;

/// Offsets in the header.
mod field {
    use core::ops::Range;

    pub const MAGIC: Range<usize> = 0..8;
    pub const VERSION: Range<usize> = 8..12;
    pub const LENGTH: Range<usize> = 12..16;
    pub const CHECKSUM: Range<usize> = 16..20;
    pub const MANIFEST: Range<usize> = 20..24;
    pub const LAYOUT: Range<usize> = 24..28;
    pub const ORIGIN: Range<usize> = 28..32;
    /// What the checksum covers starts here.
    pub const CHECKED: usize = 20;
}

fn u32_at(bytes: &[u8], field: core::ops::Range<usize>) -> u32 {
    bytes.get(field).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// CRC-32 as in zlib.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u32 {
    const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
    CRC.checksum(bytes)
}

/// The blob at the start of a region of flash that may be longer than it.
///
/// # Errors
/// If no header is there, or it claims more bytes than the region has.
pub fn in_region(region: &[u8]) -> Result<&[u8], Error> {
    let length = header(region)?;
    region.get(..length as usize).ok_or(Error::Length(length, region.len() as u32))
}

/// The header's total length, once magic and version are right.
fn header(bytes: &[u8]) -> Result<u32, Error> {
    if bytes.len() < HEADER_BYTES {
        return Err(Error::TooShort(bytes.len() as u32));
    }
    if bytes.get(field::MAGIC) != Some(&MAGIC) {
        return Err(Error::Magic(u32_at(bytes, 0..4)));
    }
    match u32_at(bytes, field::VERSION) {
        VERSION => Ok(u32_at(bytes, field::LENGTH)),
        version => Err(Error::Version(version)),
    }
}

/// The digest by which a model is known, on whatever chip: the CRC-32 of its blob in pairs.
#[must_use]
pub fn digest(blob: &[u8]) -> u32 {
    u32_at(blob, if OWN_PAIRS { field::CHECKSUM } else { field::ORIGIN })
}

/// Whether maps in pairs are read.
const OWN_PAIRS: bool = matches!(Layout::OWN, Layout::Pairs);

/// Checks header, checksum and section table.
///
/// # Errors
/// What is wrong, see [`Error`].
pub fn open(blob: &[u8]) -> Result<Outline<'_>, Error> {
    whole(blob)?;
    let mut part = Part::new(&[], Name::Manifest);
    let mut outline = Outline::empty();
    enter(blob, &mut part);
    outline.take(&mut part);
    part.so_far()?;
    for section in outline.sections() {
        section_bytes(blob, &section)?;
    }
    Ok(outline)
}

/// Checks that a blob is as long as its header says.
///
/// # Errors
/// [`Error::Length`], or what is wrong with the header.
pub(crate) fn whole(blob: &[u8]) -> Result<(), Error> {
    match header(blob)? {
        length if length as usize == blob.len() => Ok(()),
        length => Err(Error::Length(length, blob.len() as u32)),
    }
}

/// Goes to the manifest of the blob at the start of a region once header and checksum have proved right, and
/// gives the blob; errors are the part's.
pub(crate) fn enter<'a>(region: &'a [u8], part: &mut Part<'a>) -> &'a [u8] {
    match checked(region) {
        Ok((blob, manifest)) => {
            part.enter(manifest, Name::Manifest);
            blob
        }
        Err(error) => {
            part.fail(error);
            &[]
        }
    }
}

/// The blob at the start of a region, and its manifest.
#[inline(always)]
fn checked(region: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let blob = in_region(region)?;
    let misaligned = blob.as_ptr().addr() % ALIGNMENT;
    if misaligned != 0 {
        return Err(Error::Misaligned(misaligned as u32));
    }
    let computed = checksum(blob.get(field::CHECKED..).unwrap_or(&[]));
    let stored = u32_at(blob, field::CHECKSUM);
    if computed != stored {
        return Err(Error::Checksum(stored, computed));
    }
    let layout = u32_at(blob, field::LAYOUT);
    if layout != Layout::OWN as u32 {
        return Err(Error::Layout(layout));
    }
    let reserved = if OWN_PAIRS { u32_at(blob, field::ORIGIN) } else { 0 };
    match manifest_bytes(blob) {
        Some(manifest) if reserved == 0 => Ok((blob, manifest)),
        _ => Err(Error::Content(Name::Manifest, u32_at(blob, field::MANIFEST), reserved)),
    }
}

fn manifest_bytes(blob: &[u8]) -> Option<&[u8]> {
    blob.get(HEADER_BYTES..)?.get(..u32_at(blob, field::MANIFEST) as usize)
}

/// The whole manifest of a blob.
///
/// # Errors
/// [`Error::Content`] if it is unreadable, which [`open`] excludes.
#[cfg(feature = "std")]
pub fn manifest(blob: &[u8]) -> Result<Manifest<'_>, Error> {
    let manifest = manifest_bytes(blob).and_then(|bytes| postcard::from_bytes(bytes).ok());
    manifest.ok_or(Error::Content(Name::Manifest, u32_at(blob, field::MANIFEST), 0))
}

/// The bytes of a section.
///
/// # Errors
/// [`Error::Content`] if the section is not inside the blob or not aligned, [`Error::UnknownSection`] if it is
/// required and of no known kind.
pub fn section_bytes<'a>(blob: &'a [u8], section: &Section) -> Result<&'a [u8], Error> {
    let start = section.offset as usize;
    let bytes = blob.get(start..).and_then(|rest| rest.get(..section.length as usize));
    match bytes {
        _ if section.required && !(1..=7).contains(&section.kind) => {
            Err(Error::UnknownSection(section.kind.into()))
        }
        Some(bytes) if start.is_multiple_of(ALIGNMENT) => Ok(bytes),
        _ => Err(Error::Content(Name::SectionTable, section.offset, blob.len() as u32)),
    }
}

/// Lays out a blob's header in front of `content` (manifest and sections, from offset 32 on).
///
/// The writer lives with the reader's field table; it allocates nothing: `blob` is the whole blob
/// with room for the header at its start.
pub fn seal(blob: &mut [u8], manifest_length: u32) {
    let length = blob.len() as u32;
    for (field, bytes) in [
        (field::MAGIC, &MAGIC[..]),
        (field::VERSION, &VERSION.to_le_bytes()),
        (field::LENGTH, &length.to_le_bytes()),
        (field::MANIFEST, &manifest_length.to_le_bytes()),
        (field::LAYOUT, &(Layout::OWN as u32).to_le_bytes()),
        (field::ORIGIN, &[0; 4]),
    ] {
        put(blob, field, bytes);
    }
    put_checksum(blob);
}

/// Says in the header that the maps have been laid out anew.
#[cfg(feature = "std")]
pub(crate) fn seal_anew(blob: &mut [u8], layout: Layout) {
    let origin = digest(blob);
    put(blob, field::LAYOUT, &(layout as u32).to_le_bytes());
    put(blob, field::ORIGIN, &origin.to_le_bytes());
    put_checksum(blob);
}

fn put(blob: &mut [u8], field: core::ops::Range<usize>, bytes: &[u8]) {
    if let Some(to) = blob.get_mut(field) {
        to.copy_from_slice(bytes);
    }
}

fn put_checksum(blob: &mut [u8]) {
    let sum = checksum(blob.get(field::CHECKED..).unwrap_or(&[]));
    put(blob, field::CHECKSUM, &sum.to_le_bytes());
}
