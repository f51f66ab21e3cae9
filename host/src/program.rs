//! A program for a chip, in the formats of tools and boot loaders: ELF, Intel HEX, UF2, or the bare bytes of flash.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::elf::{FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSection as _};

use crate::board::Board;

/// Contents of flash by address.
type Pieces = Vec<(u32, Vec<u8>)>;

/// What flash shall hold, and what the program takes of RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The linker's file.
    elf: Vec<u8>,
    /// Apart from each other.
    pieces: Pieces,
    /// Bytes of RAM that are taken statically.
    ram: u64,
}

/// A format to write a program in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// What the linker wrote, for debuggers.
    Elf,
    /// Intel HEX.
    Hex,
    /// USB Flashing Format, for boot loaders that are drives.
    Uf2,
    /// Flash as it is, from its first address on.
    Bin,
}

impl ImageFormat {
    /// The format that an ending names.
    ///
    /// # Errors
    /// If it names none; the error lists them.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).as_deref() {
            Some("elf") => Ok(Self::Elf),
            Some("hex") => Ok(Self::Hex),
            Some("uf2") => Ok(Self::Uf2),
            Some("bin") => Ok(Self::Bin),
            _ => bail!(
                "{}: the ending says the format, and there are .elf, .hex (Intel HEX), .uf2 and .bin (flash from its first address on)",
                path.display()
            ),
        }
    }

    /// Finds out before a program is built whether a board takes the format.
    ///
    /// # Errors
    /// If it has no drive that takes UF2, or maps its flash more than once, which Intel HEX cannot tell.
    pub fn check(self, board: &Board) -> Result<()> {
        ensure!(
            self != Self::Hex || board.flashing.window.is_none(),
            "{}: its flash has several addresses, and .hex has one for each byte; write .{}",
            board.name,
            usual(board)
        );
        if self == Self::Uf2 { uf2_family(board).map(|_| ()) } else { Ok(()) }
    }
}

/// By what a boot loader knows programs for its chip.
fn uf2_family(board: &Board) -> Result<u32> {
    let family = board.flashing.uf2_family;
    family.with_context(|| format!("{}: its boot loader takes no .uf2; write .{}", board.name, usual(board)))
}

/// The ending of the file that a board's drive or flashing tool takes.
pub fn usual(board: &Board) -> &str {
    board.flashing.file.as_deref().unwrap_or("hex")
}

/// UF2: a block, what is in it, and the marks around that ("USB Flashing Format" specification).
const UF2_BLOCK: usize = 512;
const UF2_PAGE: usize = 256;
/// What the chips erase at once.
const UF2_SECTOR: u32 = 4096;
const UF2_MAGIC: [u32; 2] = [0x0A32_4655, 0x9E5D_5157];
const UF2_END: u32 = 0x0AB1_6F30;
/// The field behind the count of blocks is the chip's family.
const UF2_FAMILY: u32 = 0x2000;

/// Bytes of a line of Intel HEX.
const HEX_LINE: usize = 16;
/// Kinds of lines of Intel HEX.
const HEX_DATA: u8 = 0;
const HEX_END: u8 = 1;
const HEX_UPPER: u8 = 4;

/// What flash holds where nothing was written.
const ERASED: u8 = 0xFF;

impl Program {
    /// Reads an ELF file of 32 bits.
    ///
    /// # Errors
    /// If it is none, or has nothing for flash.
    pub fn of_elf(elf: Vec<u8>) -> Result<Self> {
        let (mut pieces, ram) = segments(&elf).context("the linker's file cannot be read")?;
        pieces.sort();
        let mut joined: Pieces = Vec::new();
        for (address, bytes) in pieces {
            match joined.last_mut() {
                Some((start, before)) if *start as usize + before.len() == address as usize => {
                    before.extend(bytes);
                }
                _ => joined.push((address, bytes)),
            }
        }
        ensure!(!joined.is_empty(), "the program has nothing for flash");
        Ok(Self { elf, pieces: joined, ram })
    }

    /// The first address of flash that is written.
    #[must_use]
    pub fn first(&self) -> u32 {
        self.pieces.first().map_or(0, |piece| piece.0)
    }

    /// Bytes of RAM that are taken statically.
    #[must_use]
    pub const fn ram(&self) -> u64 {
        self.ram
    }

    /// Bytes of flash in the model's region of a board, and outside of it.
    #[must_use]
    pub fn flash(&self, board: &Board) -> (u64, u64) {
        let region = board.memory.model_address..board.memory.model_address + board.memory.model;
        let of_model = |piece: &&(u32, Vec<u8>)| region.contains(&u64::from(piece.0));
        let bytes = |pieces: Vec<&(u32, Vec<u8>)>| pieces.iter().map(|piece| piece.1.len() as u64).sum();
        let (model, program) = self.pieces.iter().partition(of_model);
        (bytes(model), bytes(program))
    }

    /// The file in a format.
    ///
    /// # Errors
    /// If the board has no drive that takes UF2.
    pub fn write(&self, format: ImageFormat, board: &Board) -> Result<Vec<u8>> {
        Ok(match format {
            ImageFormat::Elf => self.elf.clone(),
            ImageFormat::Hex => self.hex().into_bytes(),
            ImageFormat::Uf2 => self.uf2(uf2_family(board)?),
            ImageFormat::Bin => self.bin(board.flashing.window),
        })
    }

    /// Intel HEX, with lines of 16 bytes.
    fn hex(&self) -> String {
        let mut text = String::new();
        let mut line = |kind: u8, low: u16, bytes: &[u8]| {
            let [high_byte, low_byte] = low.to_be_bytes();
            let head = [bytes.len() as u8, high_byte, low_byte, kind];
            let sum = head.iter().chain(bytes).fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            text.push(':');
            for byte in head.iter().chain(bytes).chain(&[sum.wrapping_neg()]) {
                let _ = write!(text, "{byte:02X}");
            }
            text.push('\n');
        };
        let mut upper = None;
        for (start, bytes) in &self.pieces {
            let mut at = 0;
            while at < bytes.len() {
                let address = start + at as u32;
                if upper != Some(address >> 16) {
                    line(HEX_UPPER, 0, &((address >> 16) as u16).to_be_bytes());
                    upper = Some(address >> 16);
                }
                // A line does not cross the limit of its 64 kB.
                let room = HEX_LINE.min(0x1_0000 - (address & 0xFFFF) as usize).min(bytes.len() - at);
                line(HEX_DATA, address as u16, &bytes[at..at + room]);
                at += room;
            }
        }
        line(HEX_END, 0, &[]);
        text
    }

    /// UF2 with pages of 256 bytes, which is what the chips' boot loaders program at once.
    fn uf2(&self, family: u32) -> Vec<u8> {
        let mut pages: BTreeMap<u32, [u8; UF2_PAGE]> = BTreeMap::new();
        for (start, bytes) in &self.pieces {
            for (at, &byte) in bytes.iter().enumerate() {
                let address = start + at as u32;
                let within = address % UF2_PAGE as u32;
                pages.entry(address - within).or_insert([ERASED; UF2_PAGE])[within as usize] = byte;
            }
        }
        // RP2040 datasheet, erratum RP2040-E14: a sector may be written wrongly that the file holds a part of, but for the
        // last one.
        let sectors: BTreeSet<u32> = pages.keys().map(|address| address / UF2_SECTOR).collect();
        for sector in sectors.iter().rev().skip(1) {
            for address in (sector * UF2_SECTOR..(sector + 1) * UF2_SECTOR).step_by(UF2_PAGE) {
                pages.entry(address).or_insert([ERASED; UF2_PAGE]);
            }
        }
        let count = pages.len() as u32;
        let mut file = Vec::with_capacity(pages.len() * UF2_BLOCK);
        for (number, (address, page)) in pages.iter().enumerate() {
            let end = file.len() + UF2_BLOCK;
            let fields = [UF2_FAMILY, *address, UF2_PAGE as u32, number as u32, count, family];
            for field in UF2_MAGIC.iter().chain(&fields) {
                file.extend(field.to_le_bytes());
            }
            file.extend(page);
            file.resize(end - 4, 0);
            file.extend(UF2_END.to_le_bytes());
        }
        file
    }

    /// Flash from its first address on, or, with a `window` that the chip maps flash through more than once, from
    /// that window's start on.
    fn bin(&self, window: Option<u32>) -> Vec<u8> {
        let first = self.first();
        let mut file = Vec::new();
        for (start, bytes) in &self.pieces {
            let at = window.map_or(start - first, |window| start % window) as usize;
            let end = at + bytes.len();
            if file.len() < end {
                file.resize(end, ERASED);
            }
            file[at..end].copy_from_slice(bytes);
        }
        file
    }
}

/// What an ELF file loads, by physical address, and the bytes from the start of its initialised data to the end of its
/// zeroed data.
fn segments(elf: &[u8]) -> Result<(Pieces, u64)> {
    let header = FileHeader32::<Endianness>::parse(elf)?;
    let endian = header.endian()?;
    let mut pieces = Vec::new();
    for segment in header.program_headers(endian, elf)? {
        if segment.p_type(endian) == PT_LOAD && segment.p_filesz(endian) > 0 {
            let bytes = segment.data(endian, elf).ok().context("a segment lies outside of the file")?;
            pieces.push((segment.p_paddr(endian), bytes.to_vec()));
        }
    }
    let file = object::File::parse(elf)?;
    let is_data = |section: &object::Section<'_, '_>| {
        section.name().is_ok_and(|name| name == ".data" || name == ".bss")
    };
    let data = file.sections().filter(is_data).filter(|section| section.size() > 0);
    let (start, end) = data.fold((u64::MAX, 0), |(start, end), section| {
        (start.min(section.address()), end.max(section.address() + section.size()))
    });
    Ok((pieces, end.saturating_sub(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(pieces: &[(u32, Vec<u8>)]) -> Program {
        Program { elf: Vec::new(), pieces: pieces.to_vec(), ram: 0 }
    }

    #[test]
    fn a_line_of_hex_ends_at_64_kilobytes() {
        let text = program(&[(0x0800_FFFE, vec![1, 2, 3])]).hex();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [":020000040800F2", ":02FFFE000102FE", ":020000040801F1", ":0100000003FC", ":00000001FF"]
        );
    }

    #[test]
    fn pages_of_uf2_are_whole_and_numbered() {
        let program = program(&[(0x1000_00FF, vec![7]), (0x1000_0200, vec![8; 2])]);
        let file = program.uf2(0xE48B_FF56);
        assert_eq!(file.len(), 2 * UF2_BLOCK);
        let word = |block: usize, field: usize| {
            let at = block * UF2_BLOCK + 4 * field;
            u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"))
        };
        let head = [UF2_MAGIC[0], UF2_MAGIC[1], UF2_FAMILY, 0x1000_0000, 256, 0, 2, 0xE48B_FF56];
        assert!((0..8).all(|field| word(0, field) == head[field]));
        assert_eq!((word(1, 3), word(1, 5), word(0, 127), word(1, 127)), (0x1000_0200, 1, UF2_END, UF2_END));
        assert_eq!(
            (file[32 + 254], file[32 + 255], file[512 + 32 + 1], file[512 + 32 + 2]),
            (0xFF, 7, 8, 0xFF)
        );
        // A sector is whole unless it is the last one.
        let apart = Program { pieces: vec![(0x1000_0100, vec![7]), (0x1000_2000, vec![8])], ..program };
        let file = apart.uf2(0xE48B_FF56);
        let addresses: Vec<u32> = file
            .chunks_exact(UF2_BLOCK)
            .map(|block| u32::from_le_bytes(block[12..16].try_into().expect("four bytes")))
            .collect();
        let expected: Vec<u32> = (0x1000_0000..0x1000_1000).step_by(UF2_PAGE).chain([0x1000_2000]).collect();
        assert_eq!(addresses, expected);
    }

    #[test]
    fn flash_that_is_mapped_twice_is_written_once() {
        let pieces = [(0x3C01_0000, vec![3]), (0x4200_0000, vec![1, 2])];
        let file = program(&pieces).bin(Some(0x80_0000));
        assert_eq!((file.len(), &file[..3], file[0x1_0000]), (0x1_0001, &[1, 2, ERASED][..], 3));
        assert_eq!(program(&[(8, vec![1]), (10, vec![2])]).bin(None), [1, ERASED, 2]);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(Program::of_elf(b"no program".to_vec()).is_err());
        let error = ImageFormat::of(Path::new("program.exe")).expect_err("no format").to_string();
        assert!(error.contains(".uf2"), "{error}");
    }
}
