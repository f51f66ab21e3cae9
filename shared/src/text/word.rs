//! A normalised word: its hash and the text of its first bytes.

use super::FAST;

/// How many bytes of a word [`Word::as_str`] keeps; the hash covers all of them.
pub const WORD_BYTES: usize = 32;

/// FNV-1a, 32 bits (Fowler, Noll, Vo; draft-eastlake-fnv): offset basis and prime.
const FNV_BASIS: u32 = 0x811C_9DC5;
const FNV_PRIME: u32 = 0x0100_0193;

/// One normalised word: the hash of all its bytes and the text of the first few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub(super) hash: u32,
    pub(super) text: [u8; WORD_BYTES],
    /// Bytes of `text` in use, and the flags below.
    pub(super) length: u8,
}

impl Word {
    /// A character did not fit into `text`.
    const CUT: u8 = 0x80;
    /// The word is made of symbols.
    const SYMBOL: u8 = 0x40;

    pub(super) const fn empty() -> Self {
        Self { hash: FNV_BASIS, text: [0; WORD_BYTES], length: 0 }
    }

    /// Becomes empty, in place.
    pub(super) fn clear(&mut self) {
        self.hash = FNV_BASIS;
        self.text.fill(0);
        self.length = 0;
    }

    /// Sets [`Self::is_symbol`].
    pub(super) const fn mark_symbol(&mut self) {
        self.length |= Self::SYMBOL;
    }

    /// FNV-1a (32 bits) over the UTF-8 bytes of the whole normalised word.
    #[must_use]
    pub const fn hash(&self) -> u32 {
        self.hash
    }

    /// Whether the word is made of punctuation, other symbols or an emoji: no letter, no digit.
    #[must_use]
    pub const fn is_symbol(&self) -> bool {
        self.length & Self::SYMBOL != 0
    }

    /// At most the first [`WORD_BYTES`] bytes, cut at a character boundary.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.kept()).unwrap_or(&[])
    }

    /// [`Self::as_bytes`] as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The hash of a word with these bytes.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> u32 {
        bytes.iter().fold(FNV_BASIS, |hash, &byte| step(hash, byte))
    }

    /// Bytes of `text` in use.
    pub(super) const fn kept(&self) -> usize {
        (self.length & !(Self::CUT | Self::SYMBOL)) as usize
    }

    /// Adds a character's UTF-8 (RFC 3629).
    pub(super) fn push(&mut self, code: u32) {
        if FAST
            && code < 0x80
            && self.length & Self::CUT == 0
            && let Some(to) = self.text.get_mut((self.length & !Self::SYMBOL) as usize)
        {
            *to = code as u8;
            self.hash = step(self.hash, code as u8);
            self.length += 1;
            return;
        }
        let more = u32::from(code >= 0x80) + u32::from(code >= 0x800) + u32::from(code >= 0x1_0000);
        if self.kept() + more as usize >= WORD_BYTES {
            self.length |= Self::CUT;
        }
        // Above the first byte's bits of the code: a one for each byte, and a zero.
        let mut byte = if more == 0 { code } else { (0xFF00 >> (more + 1)) & 0xFF | code >> (6 * more) };
        for left in (0..=more).rev() {
            self.hash = step(self.hash, byte as u8);
            let at = self.kept();
            if self.length & Self::CUT == 0
                && let Some(to) = self.text.get_mut(at)
            {
                *to = byte as u8;
                self.length += 1;
            }
            byte = 0x80 | (code >> (6 * left.saturating_sub(1)) & 0x3F);
        }
    }
}

pub(super) const fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(FNV_PRIME)
}
