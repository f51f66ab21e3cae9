//! UTF-8 → code points, byte by byte.

/// The result of one more byte of the UTF-8 stream.
pub(super) enum Decoded {
    Pending,
    Character(u32),
    Invalid,
    /// An invalid sequence was cut off by this ASCII character.
    InvalidThen(u32),
}

/// An incremental UTF-8 decoder (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoder {
    pub(super) code: u32,
    /// Continuation bytes still to come.
    pub(super) missing: u8,
    /// The range of the next continuation byte.
    pub(super) low: u8,
    pub(super) high: u8,
}

impl Decoder {
    pub(super) const fn new() -> Self {
        Self { code: 0, missing: 0, low: 0x80, high: 0xBF }
    }

    /// Whether the next byte starts a character.
    pub(super) const fn is_between_characters(&self) -> bool {
        self.missing == 0
    }

    pub(super) fn push(&mut self, byte: u8) -> Decoded {
        if self.missing > 0 {
            if (self.low..=self.high).contains(&byte) {
                self.code = self.code << 6 | u32::from(byte & 0x3F);
                self.missing -= 1;
                (self.low, self.high) = (0x80, 0xBF);
                return if self.missing == 0 { Decoded::Character(self.code) } else { Decoded::Pending };
            }
            *self = Self::new();
            // The byte that cut the sequence off may start a new one; the gap separates words either way.
            return match self.push(byte) {
                Decoded::Character(code) => Decoded::InvalidThen(code),
                _ => Decoded::Invalid,
            };
        }
        let (missing, bits, low, high) = match byte {
            0..0x80 => return Decoded::Character(u32::from(byte)),
            0xC2..=0xDF => (1, 0x1F, 0x80, 0xBF),
            0xE0 => (2, 0x0F, 0xA0, 0xBF),
            0xED => (2, 0x0F, 0x80, 0x9F),
            0xE1..=0xEF => (2, 0x0F, 0x80, 0xBF),
            0xF0 => (3, 0x07, 0x90, 0xBF),
            0xF1..=0xF3 => (3, 0x07, 0x80, 0xBF),
            0xF4 => (3, 0x07, 0x80, 0x8F),
            _ => return Decoded::Invalid,
        };
        *self = Self { code: u32::from(byte & bits), missing, low, high };
        Decoded::Pending
    }
}

/// Whether all bytes are valid UTF-8.
#[must_use]
pub fn is_utf8(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new();
    let good = |&byte: &u8| matches!(decoder.push(byte), Decoded::Pending | Decoded::Character(_));
    bytes.iter().all(good) && decoder.missing == 0
}
