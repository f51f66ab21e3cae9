//! Word → id, read in place: a minimal perfect hash with fingerprints.
//!
//! The hash is FMPH (P. Beling, "Fingerprinting-based minimal perfect hashing revisited", ACM JEA
//! 28, 2023): a cascade of bit arrays. At each level a word's hash picks a bit; the first bit that
//! is set decides, and the number of set bits before it is the word's id. A fingerprint per id then
//! tells strangers apart: one of 2^`fingerprint_bits` unknown words passes for a known one.
//! Embedding rows lie in the order of the ids; the id after the last stands for unknown words.
//!
//! The host builds the levels with the `ph` crate and [`level_hash`]; this module only reads.
//!
//! # Section
//!
//! | bytes | content |
//! |---|---|
//! | 4 | words N, u32 |
//! | 1 | fingerprint bits, 8, 12 or 16 |
//! | 1 | levels L, 1 to [`MAX_LEVELS`] |
//! | 2 | 0 |
//! | 4·L | bits of each level, u32, multiples of 64 up to 65,536 |
//! | 2·⌈bits/128⌉, padded to 4 | rank: set bits before each run of 128, u16 |
//! | bits/8 | the levels, one after the other, least significant bit first |
//! | ⌈N·f/8⌉, padded to 4 | fingerprints, f bits each, least significant bit first |

use crate::format::{OpenError, SectionReader, Subject};
use crate::text::Word;

/// The most levels a cascade may have.
pub const MAX_LEVELS: usize = 64;

/// Set bits are counted up to each run of this many bits.
pub const RANK_RUN: usize = 128;

/// The vocabulary, borrowed from the model file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vocabulary<'a> {
    words: u16,
    fingerprint_bits: u8,
    levels: &'a [u32],
    ranks: &'a [u16],
    bits: &'a [u32],
    fingerprints: &'a [u8],
}

/// The 32-bit finaliser of MurmurHash3 (A. Appleby, public domain), of full avalanche.
#[cfg_attr(kernel = "armv6m", inline(never))]
#[cfg_attr(not(kernel = "armv6m"), inline(always))]
pub(crate) const fn mix(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x85EB_CA6B);
    x = (x ^ x >> 13).wrapping_mul(0xC2B2_AE35);
    x ^ x >> 16
}

/// The bits that are set, spread over the bytes: [`total`] of a sum of up to four of these is the number of all.
#[inline(always)]
const fn byte_ones(word: u32) -> u32 {
    if cfg!(target_family = "wasm") {
        // It has an instruction for all of them.
        return word.count_ones();
    }
    let pairs = word - (word >> 1 & 0x5555_5555);
    let nibbles = (pairs & 0x3333_3333) + (pairs >> 2 & 0x3333_3333);
    (nibbles + (nibbles >> 4)) & 0x0F0F_0F0F
}

/// The sum of the bytes, which is below 256.
#[inline(always)]
const fn total(bytes: u32) -> u32 {
    bytes.wrapping_mul(0x0101_0101) >> 24
}

/// Whether the bit `bit % 32` is set.
#[inline(always)]
const fn is_set(bits: u32, bit: u32) -> bool {
    if cfg!(target_arch = "arm") {
        // A core that rotates by any number, and shifts by one that has been masked.
        bits.rotate_right(bit) & 1 == 1
    } else {
        bits >> (bit % 32) & 1 == 1
    }
}

/// Where a word's hash points in a level, as a fraction of the level's size in steps of 2⁻³².
#[inline(always)]
#[must_use]
pub const fn level_hash(word: u32, level: u32) -> u32 {
    mix(word ^ level.wrapping_mul(0x9E37_79B9))
}

/// `⌊hash · size / 2³²⌋` for a size up to 2¹⁶.
#[inline(always)]
const fn share(hash: u32, size: u32) -> u32 {
    if cfg!(kernel = "armv6m") {
        // For a core without long products: one half at a time.
        ((hash >> 16) * size + (((hash & 0xFFFF) * size) >> 16)) >> 16
    } else {
        ((hash as u64 * size as u64) >> 32) as u32
    }
}

/// Makes fingerprints independent of [`level_hash`].
const FINGERPRINT_SEED: u32 = 0xA5A5_5A5A;

/// The part of its word's hash that an id keeps: the low `bits` bits of this.
#[inline(always)]
#[must_use]
pub const fn fingerprint(word: u32, bits: u32) -> u32 {
    mix(word ^ FINGERPRINT_SEED) & ((1 << bits) - 1)
}

impl<'a> Vocabulary<'a> {
    /// Reads the section, checking every length.
    ///
    /// # Errors
    /// [`OpenError`] naming the vocabulary if the section does not match the table above.
    pub fn open(section: &'a [u8]) -> Result<Self, OpenError> {
        let mut part = SectionReader::new(section, Subject::Vocabulary);
        let vocabulary = Self::read(&mut part);
        part.end().map(|()| vocabulary)
    }

    /// Like [`Self::open`]; errors are the reader's.
    pub(crate) fn read(part: &mut SectionReader<'a>) -> Self {
        let words = part.u32();
        let [bits_each, level_count, zero_a, zero_b] = part.bytes4();
        part.expect(matches!(bits_each, 8 | 12 | 16), bits_each.into(), 12);
        part.expect(zero_a == 0 && zero_b == 0, zero_a.into(), 0);
        let level_count = part.within(level_count.into(), 1, MAX_LEVELS as u32);
        let words = part.within(words, 0, 65_535);
        let levels: &[u32] = part.words(level_count as usize);
        let mut bits = 0u32;
        for &level in levels {
            part.expect(level.is_multiple_of(64), level, 64);
            bits += part.within(level, 64, 1 << 16);
        }
        let ranks = part.halves(bits.div_ceil(RANK_RUN as u32) as usize, 4);
        let array: &[u32] = part.words(bits as usize / 32);
        let fingerprints = part.bytes((words as usize * usize::from(bits_each)).div_ceil(8));
        part.align();
        let mut before = 0;
        let mut ranks_left = ranks.iter();
        for (at, word) in array.iter().enumerate() {
            if at.is_multiple_of(RANK_RUN / 32) {
                let rank = ranks_left.next().map_or(0, |&rank| u32::from(rank));
                part.expect(rank == before, rank, before);
            }
            before += total(byte_ones(*word));
        }
        part.expect(before == words, before, words);
        Self { words: words as u16, fingerprint_bits: bits_each, levels, ranks, bits: array, fingerprints }
    }

    /// How many words are known; also the id of every unknown word.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.words as u32
    }

    /// Whether there is no section, which would have at least one level.
    pub(crate) const fn is_missing(&self) -> bool {
        self.levels.is_empty()
    }

    /// Whether no word is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// Bits of a fingerprint.
    #[must_use]
    pub const fn fingerprint_bits(&self) -> u32 {
        self.fingerprint_bits as u32
    }

    /// The id of the word with this [hash](crate::text::Word::hash), [`Self::len`] if it is unknown.
    #[must_use]
    pub fn id(&self, word: u32) -> u32 {
        self.find(word).unwrap_or(self.len())
    }

    /// The id by which a word is read: [`Self::id`], but `None` for a [word of symbols](Word::is_symbol) that is
    /// unknown. Such a word is skipped as if absent, so that punctuation costs nothing if it is not informative.
    #[must_use]
    pub fn id_of(&self, word: &Word) -> Option<u32> {
        let id = self.id(word.hash());
        (id != self.len() || !word.is_symbol()).then_some(id)
    }

    /// Like [`Self::id`], but `None` if the word is unknown.
    #[inline(never)]
    pub(crate) fn find(&self, word: u32) -> Option<u32> {
        let mut start = 0u32;
        for (level, &size) in (0u32..).zip(self.levels) {
            let bit = start + share(level_hash(word, level), size);
            let bits = *self.bits.get(bit as usize / 32)?;
            if is_set(bits, bit) {
                return self.known_by(bit, word);
            }
            start += size;
        }
        None
    }

    /// The id of a set bit if it is the word's: apart from the search, which then has the registers to itself.
    #[inline(never)]
    fn known_by(&self, bit: u32, word: u32) -> Option<u32> {
        self.rank(bit).filter(|&id| self.is_stored(id, word))
    }

    /// Set bits before `bit`.
    #[inline(always)]
    fn rank(&self, bit: u32) -> Option<u32> {
        let run = bit as usize / RANK_RUN;
        let words = self.bits.get(run * (RANK_RUN / 32)..=bit as usize / 32)?;
        let (last, whole) = words.split_last()?;
        let inside = byte_ones(last & ((1 << (bit % 32)) - 1));
        let counts = whole.iter().fold(inside, |sum, &word| sum + byte_ones(word));
        Some(u32::from(*self.ranks.get(run)?) + total(counts))
    }

    /// Whether an id's fingerprint is that of a word.
    #[inline(always)]
    fn is_stored(&self, id: u32, word: u32) -> bool {
        let bits = self.fingerprint_bits();
        let byte = |at: u32| self.fingerprints.get(at as usize).map_or(0, |&byte| u32::from(byte));
        let stored = match bits {
            8 => byte(id),
            _ => {
                let bit = id * bits;
                (byte(bit / 8) | byte(bit / 8 + 1) << 8) >> (bit % 8)
            }
        };
        (stored ^ mix(word ^ FINGERPRINT_SEED)) << (32 - bits) == 0
    }
}
