//! The kind of a file that is not of the expected kind.

use telltale::engine::format::MAGIC;

/// How files start that stand for others, what they are, and what fetches those.
const POINTERS: [(&[u8], &str); 2] = [
    (b"version https://git-lfs.", "a Git LFS pointer in place of the file: run `git lfs pull`"),
    (b"/annex/objects/", "a git-annex pointer in place of the file: run `git annex get`"),
];

/// How files start that are seldom what is expected, what they are, and the way out.
const KINDS: [(&[u8], &str); 14] = [
    (b"BZh", "a bzip2 archive: unpack it (`bunzip2`)"),
    (b"\xFD7zXZ", "an xz archive: unpack it (`unxz`)"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard archive: unpack it (`unzstd`)"),
    (b"%PDF", "a PDF document"),
    (b"\xD0\xCF\x11\xE0", "an old Office document"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file, as Keras writes it"),
    (b"GGUF", "a GGUF file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\xBA\x16\x4F\x2F", "a model of fastText's: `train` makes one from the same texts"),
    (&MAGIC, "a model of Telltale's: `run` and `inspect` read it"),
    (b"TTCKPT", "a checkpoint: `train --resume` goes on from its folder"),
    (b"\x7FELF", "a program for a board or a PC"),
    (b"UF2\n", "a program for a board"),
];

/// How a web page starts.
const PAGES: [&[u8]; 2] = [b"<!doctype html", b"<html"];

/// What a file is, and the way out, if it starts as one of `own`, or as one of a kind that is seldom expected.
pub fn of(start: &[u8], own: &[(&[u8], &'static str)]) -> Option<&'static str> {
    find(start, own).or_else(|| pointer(start)).or_else(|| find(start, &KINDS))
}

/// As [`of`], where no text is expected: a web page is a kind, too.
pub fn of_binary(start: &[u8], own: &[(&[u8], &'static str)]) -> Option<&'static str> {
    if is_page(start) { Some("a web page: the download failed") } else { of(start, own) }
}

/// What a file is that stands for another one, and the way out.
pub fn pointer(start: &[u8]) -> Option<&'static str> {
    find(start, &POINTERS)
}

fn find(start: &[u8], kinds: &[(&[u8], &'static str)]) -> Option<&'static str> {
    kinds.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, kind)| *kind)
}

/// Whether a file starts as a web page does.
pub fn is_page(start: &[u8]) -> bool {
    PAGES.iter().any(|tag| start.get(..tag.len()).is_some_and(|own| own.eq_ignore_ascii_case(tag)))
}
