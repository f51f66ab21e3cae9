//! The effect of a normalised character on the words around it.

use super::{END, unicode};

/// Zero width joiner: joins several emoji into one (UTS #51, 1.4.4).
pub(super) const JOINER: u32 = 0x200D;

/// A character's effect on the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Letter,
    Digit,
    /// Starts a word of its own: a character of a script without spaces.
    Alone,
    /// Continues any word of letters.
    Mark,
    Apostrophe,
    /// Makes words with others of its class: punctuation.
    Symbol,
    /// A word of its own: other symbols, emoji among them.
    Picture,
    Gap,
}

/// The class of a character from [the normaliser](super::normalise).
pub(super) fn class(code: u32) -> Class {
    match code {
        0x61..=0x7A => Class::Letter,
        0x30..=0x39 => Class::Digit,
        0x27 => Class::Apostrophe,
        0..=0x20 | 0x7F | END => Class::Gap,
        0..0x80 => Class::Symbol,
        _ if is_plain_letter(code) => Class::Letter,
        _ => match Kind::of(code) {
            Kind::Alone => Class::Alone,
            Kind::Mark | Kind::Combining => Class::Mark,
            _ if in_word(code) => Class::Letter,
            _ if is_picture(code) => Class::Picture,
            _ => Class::Symbol,
        },
    }
}

/// Letters of frequent scripts that are lower-case or caseless: Latin, Greek, Cyrillic, Hangul.
pub(super) const fn is_plain_letter(code: u32) -> bool {
    matches!(code, 0xDF..=0xF6 | 0x3B1..=0x3C1 | 0x3C3..=0x3C9 | 0x430..=0x44F | 0xAC00..=0xD7A3)
}

/// Whether a symbol is a word by itself: all from the arrows on; other symbols are punctuation.
pub(super) const fn is_picture(code: u32) -> bool {
    code >= 0x2190
}

/// Whether a character continues the emoji before it: a skin tone (UTS #51, 1.4.2).
pub(super) const fn is_modifier(code: u32) -> bool {
    matches!(code, 0x1F3FB..=0x1F3FF)
}

/// Whether a character is half a flag (UTS #51, 1.4.3).
pub(super) const fn is_regional(code: u32) -> bool {
    matches!(code, 0x1F1E6..=0x1F1FF)
}

/// Numbers packed into nibbles, three bits each, the lowest first; a nibble's top bit means that more follow.
pub(super) struct Numbers {
    packed: &'static [u8],
    /// The next nibble, the low one of a byte first.
    at: usize,
}

impl Numbers {
    pub(super) const fn new(packed: &'static [u8], at: u32) -> Self {
        Self { packed, at: at as usize }
    }

    /// The code point before the run of entries that `code` is in, and the run's numbers.
    pub(super) fn of(code: u32, starts: &[u32], packed: &'static [u8]) -> (u32, Self) {
        let after = starts.partition_point(|&start| start >> 15 <= code);
        let run = starts.get(after.wrapping_sub(1)).copied().unwrap_or(0);
        (run >> 15, Self::new(packed, run & 0x7FFF))
    }

    #[inline(never)]
    pub(super) fn next(&mut self) -> u32 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let pair = self.packed.get(self.at / 2).copied().unwrap_or(0);
            let nibble = u32::from(pair >> (self.at % 2 * 4));
            self.at += 1;
            value |= (nibble & 7) << (shift & 31);
            shift += 3;
            if nibble & 8 == 0 {
                return value;
            }
        }
    }

    /// The next number, signed: its lowest bit is the sign.
    pub(super) fn next_signed(&mut self) -> u32 {
        let number = self.next();
        (number >> 1) ^ (number & 1).wrapping_neg()
    }
}

/// Kinds of characters other than letters and symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Invisible.
    Ignored,
    Space,
    Apostrophe,
    Quote,
    Dash,
    /// A letter of a script without spaces: Han, kana, line breaking class SA (UAX #14).
    Alone,
    /// A mark on such a letter (`SpacingMark` and `Extend` of UAX #29, table 2).
    Mark,
    /// A mark of a canonical combining class other than 0 (UAX #44).
    Combining,
    None,
}

impl Kind {
    /// The kind of a character beyond ASCII.
    pub(super) fn of(code: u32) -> Self {
        match code {
            0x2_0000..=0x3_FFFD => return Self::Alone,
            0xE_0000..=0xE_0FFF => return Self::Ignored,
            0x1_0000.. => return Self::None,
            _ => {}
        }
        let (mut last, mut numbers) = Numbers::of(code - 1, &unicode::KIND_STARTS, &unicode::KIND);
        loop {
            let first = last + 1 + numbers.next();
            last = first + numbers.next();
            let kind = numbers.next();
            if code < first {
                return Self::None;
            }
            if code <= last {
                return match kind {
                    0 => Self::Ignored,
                    1 => Self::Space,
                    2 => Self::Apostrophe,
                    3 => Self::Quote,
                    4 => Self::Dash,
                    5 => Self::Alone,
                    6 => Self::Mark,
                    _ => Self::Combining,
                };
            }
        }
    }
}

/// Letters, numbers and marks (UAX #44: categories L, N, Mn, Mc) of no [`Kind`]. Beyond plane 0 it is decided by
/// blocks: all except music (U+1D000 to U+1D3FF), pictographs, private use and unassigned ones.
pub(super) fn in_word(code: u32) -> bool {
    if code >= 0x1_0000 {
        return matches!(code, 0x1_0000..=0x1_CFFF | 0x1_D400..=0x1_EFFF);
    }
    let (mut flip, mut numbers) = Numbers::of(code, &unicode::WORD_STARTS, &unicode::WORD);
    let mut inside = true;
    while flip <= code {
        flip += 1 + numbers.next();
        inside = !inside;
    }
    inside
}
