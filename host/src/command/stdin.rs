//! Standard input as texts: what is no UTF-8 from its first bytes on is refused.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Stdin};

use encoding_rs::{Encoding, UTF_8, UTF_16BE};

use crate::corpus::{GZIP, utf_16};

/// Standard input for a board, which is checked when it is first read.
pub struct CheckedInput {
    input: BufReader<Stdin>,
    checked: bool,
}

impl CheckedInput {
    /// Nothing is read yet.
    pub fn standard() -> Self {
        Self { input: BufReader::new(std::io::stdin()), checked: false }
    }
}

impl Read for CheckedInput {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        if !self.checked {
            check_encoding(&mut self.input)?;
            self.checked = true;
        }
        self.input.read(to)
    }
}

/// Refuses an input that begins as UTF-16 or gzip does.
///
/// # Errors
/// If it does, which says what to do, or cannot be read.
pub fn check_encoding(input: &mut impl BufRead) -> Result<()> {
    let start = input.fill_buf()?;
    let marked = Encoding::for_bom(start).map(|(encoding, _)| encoding).filter(|own| *own != UTF_8);
    let reason = match marked.or(utf_16(start).flatten()) {
        Some(encoding) => {
            let name = if encoding == UTF_16BE { "UTF-16BE" } else { "UTF-16LE" };
            format!("it is {name}, and UTF-8 is expected: `iconv -f {name} -t UTF-8` makes it that")
        }
        None if start.starts_with(&GZIP) => "it is gzip: `gunzip` unpacks it".to_owned(),
        None => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidData, reason))
}
