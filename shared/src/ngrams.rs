//! N-grams: selected n-grams of a text's words and characters, each of which adds its own row to the scores.
//!
//! They stand beside the recurrent network (Cheng et al., "Wide & deep learning for recommender systems", 2016). An
//! n-gram is identified by a [key](RollingKeys), and found by a minimal perfect hash with fingerprints, like words, so
//! that the many n-grams that were not selected add nothing. With v \[K\] the sum of the rows of all n-grams so far and
//! n the [look-ups](RollingKeys::look_ups) so far, x = v · m / (2^shift · √n)
//!
//! - is added to the scores of the last K classes, if K is C or C − 1, or
//! - is clamped to ±[`projected_limit`] and goes through a linear map K → C, whose rounded sums are added (a factorised classifier:
//!   Joulin et al., "Bag of tricks for efficient text classification", EACL 2017).
//!
//! # Section
//!
//! Letters: N n-grams, K columns, C classes.
//!
//! | bytes | content |
//! |---|---|
//! | 4 | length T of the table of n-grams, u32, a multiple of 4 |
//! | 1 | most words of an n-gram, 0 to [`MAX_WORD_ORDER`] |
//! | 1 | most characters of an n-gram, 0 to [`MAX_CHARACTER_ORDER`] |
//! | 2 | columns K, u16; even if numbers have 4 bits |
//! | 2 | multiplier m, u16 |
//! | 1 | shift, 0 to 30 |
//! | 1 | bits of a row's numbers, 4 or 8 |
//! | 4 | classes C that K columns are mapped to, u32; 0 without a map |
//! | T | the n-grams, as a [vocabulary](crate::vocab) whose words are keys |
//! | …, padded to 4 | rows, n-gram by n-gram: K i8; or a shift, 0 to [`MAX_ROW_SHIFT`], in a byte, then K i4, the low half of a byte first, each times 2^shift |
//! | … | with a map: padded to 16, then an [affine map](crate::kernel) K → C |

use crate::fixed::{round_shift, round_shift_long};
use crate::format::{OpenError, SectionReader, Subject};
use crate::head::{MAX_CLASSES, SUM_BOUND, SUM_DOWN};
use crate::kernel::{Affine, COLUMN_UNIT, ROW_UNIT, SUM_LIMIT, padded};
use crate::vocab::{Vocabulary, mix};

/// The most words that an n-gram may have.
pub const MAX_WORD_ORDER: usize = 3;

/// The most characters that an n-gram may have.
pub const MAX_CHARACTER_ORDER: usize = 6;

/// The most columns of rows that a map takes to the classes.
pub const MAX_PROJECTED: usize = 256;

/// The largest magnitude of the inputs of a map with `columns` columns, whatever its weights are.
#[must_use]
pub const fn projected_limit(columns: usize) -> i32 {
    let limit = (SUM_LIMIT as usize - 1) / (127 * if columns == 0 { 1 } else { columns });
    if limit > i16::MAX as usize { i16::MAX as i32 } else { limit as i32 }
}

/// The largest shift of a row of i4, with which a number still fits an i8.
pub const MAX_ROW_SHIFT: u8 = 4;

/// The largest magnitude that n-grams add to a score: far beyond certainty.
const SCORE_LIMIT: i64 = 1 << 28;

/// The largest magnitude of a sum that counts: its product with 32 bits stays below 2⁶².
const COUNTED_LIMIT: i32 = 1 << 29;

/// The separator of words, once however long a gap is; a text starts and ends with it.
pub const GAP: u32 = 0x20;

/// The keys of n-grams of one, two … items that end at the last item, from which the next item's n-grams grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chain<const LINKS: usize> {
    keys: [u32; LINKS],
    /// How many of `keys` are in use.
    known: u8,
}

impl<const LINKS: usize> Chain<LINKS> {
    /// Calls `each` with the keys of the n-grams of up to `order` items that end with an item, the shortest first.
    /// Returns their number.
    #[inline(always)]
    fn push(&mut self, seed: u32, item: u32, order: usize, each: &mut impl FnMut(u32)) -> u32 {
        let known = usize::from(self.known);
        let count = order.min(known + 1);
        // An n-gram of one item grows from a key such that its own is `mix(item ^ seed)`.
        let mut shorter = seed.wrapping_mul(INVERSE);
        for length in 0..count {
            let key = extend(shorter, item);
            each(key);
            if let Some(link) = self.keys.get_mut(length) {
                shorter = core::mem::replace(link, key);
            }
        }
        self.known = (known + 1).min(LINKS) as u8;
        count as u32
    }
}

/// A key is multiplied by this before the next item is added.
const MULTIPLIER: u32 = 0x9E37_79B1;

/// Undoes the multiplication by [`MULTIPLIER`].
const INVERSE: u32 = 0x0E8B_2F51;
const _: () = assert!(MULTIPLIER.wrapping_mul(INVERSE) == 1);

/// The key of an n-gram, from that of its items before the last, and the last item.
#[inline(always)]
const fn extend(key: u32, item: u32) -> u32 {
    mix(key.wrapping_mul(MULTIPLIER) ^ item)
}

/// Makes the keys of a text's n-grams as the text streams in.
///
/// An n-gram's key is 32 bits: of one item, `mix(item ^ seed)`; of more, `mix(key of all but the last · 0x9E3779B1 ^ last)`.
/// Items are the hashes of words with the seed 0x6A09E667, or code points of normalised characters, with
/// [`GAP`] for the space between words, with the seed 0xBB67AE85.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingKeys {
    words: Chain<{ MAX_WORD_ORDER - 1 }>,
    characters: Chain<{ MAX_CHARACTER_ORDER - 1 }>,
    /// Whether the last character was not a gap.
    inside: bool,
    look_ups: u32,
}

/// The most words and characters of an n-gram; 0 means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Words.
    pub words: u8,
    /// Characters.
    pub characters: u8,
}

impl Default for RollingKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl RollingKeys {
    /// Bytes of [`Self::save`].
    pub const SAVED_BYTES: usize = 4 * (MAX_WORD_ORDER - 1 + MAX_CHARACTER_ORDER - 1) + 3 + 4;

    /// The start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            words: Chain { keys: [0; MAX_WORD_ORDER - 1], known: 0 },
            characters: Chain { keys: [0; MAX_CHARACTER_ORDER - 1], known: 0 },
            inside: false,
            look_ups: 0,
        }
    }

    /// How many keys have been made so far, at most 2³² − 1.
    #[must_use]
    pub const fn look_ups(&self) -> u32 {
        self.look_ups
    }

    /// Calls `each` with the keys of n-grams that a word ends, from its [hash](crate::text::Word::hash).
    pub fn word(&mut self, hash: u32, orders: Orders, mut each: impl FnMut(u32)) {
        let count = self.words.push(0x6A09_E667, hash, orders.words.into(), &mut each);
        self.look_ups = self.look_ups.saturating_add(count);
    }

    /// Calls `each` with the keys of n-grams that a character ends.
    pub fn character(&mut self, code: u32, orders: Orders, mut each: impl FnMut(u32)) {
        if orders.characters == 0 {
            return;
        }
        let is_gap = code == GAP;
        if !self.inside && is_gap {
            return;
        }
        // A text starts with a gap.
        if self.characters.known == 0 {
            self.push(GAP, orders, &mut each);
        }
        self.inside = !is_gap;
        self.push(code, orders, &mut each);
    }

    /// Calls `each` with the keys of n-grams that the end of the text ends.
    pub fn end(&mut self, orders: Orders, each: impl FnMut(u32)) {
        self.character(GAP, orders, each);
    }

    fn push(&mut self, code: u32, orders: Orders, each: &mut impl FnMut(u32)) {
        let count = self.characters.push(0xBB67_AE85, code, orders.characters.into(), each);
        self.look_ups = self.look_ups.saturating_add(count);
    }

    /// The keys as little-endian bytes.
    #[must_use]
    pub fn save(&self) -> [u8; Self::SAVED_BYTES] {
        let mut to = [0; Self::SAVED_BYTES];
        let keys = self.words.keys.iter().chain(&self.characters.keys).chain([&self.look_ups]);
        let bytes = keys.flat_map(|key| key.to_le_bytes());
        let small = [self.words.known, self.characters.known, u8::from(self.inside)];
        to.iter_mut().zip(bytes.chain(small)).for_each(|(to, byte)| *to = byte);
        to
    }

    /// Restores saved bytes; `None` if they are not valid.
    #[must_use]
    pub fn restore(saved: &[u8; Self::SAVED_BYTES]) -> Option<Self> {
        let (words, rest) = saved.split_last_chunk::<3>()?;
        let mut words = words.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let mut keys = Self::new();
        keys.words
            .keys
            .iter_mut()
            .chain(&mut keys.characters.keys)
            .for_each(|key| *key = words.next().unwrap_or(0));
        keys.look_ups = words.next()?;
        let [known_words, known_characters, inside] = *rest;
        (keys.words.known, keys.characters.known, keys.inside) = (known_words, known_characters, inside == 1);
        let sound = usize::from(known_words) < MAX_WORD_ORDER
            && usize::from(known_characters) < MAX_CHARACTER_ORDER
            && inside < 2;
        sound.then_some(keys)
    }
}

/// The n-grams, borrowed from the model's file.
#[derive(Clone, Copy, Debug)]
pub struct Ngrams<'a> {
    orders: Orders,
    columns: usize,
    multiplier: u16,
    shift: u32,
    bits: u8,
    table: Vocabulary<'a>,
    rows: &'a [u8],
    /// K → C.
    #[cfg(feature = "projection")]
    projection: Option<Projection<'a>>,
}

#[cfg(feature = "projection")]
#[derive(Clone, Copy, Debug)]
struct Projection<'a> {
    classes: usize,
    map: Affine<'a>,
}

impl<'a> Ngrams<'a> {
    /// Reads the section, checking every length.
    ///
    /// # Errors
    /// [`OpenError`] naming the n-grams if the section does not match the table above.
    pub fn open(section: &'a [u8]) -> Result<Self, OpenError> {
        let mut reader = SectionReader::new(section, Subject::Ngrams);
        let ngrams = Self::read(&mut reader);
        reader.end().map(|()| ngrams)
    }

    /// Like [`Self::open`]; errors are the reader's.
    pub(crate) fn read(reader: &mut SectionReader<'a>) -> Self {
        let length = reader.u32();
        let [words, characters, low, high] = reader.bytes4();
        let columns = u16::from_le_bytes([low, high]).into();
        let [multiplier, rest] = reader.u16_pair();
        let [shift, bits] = [rest & 0xFF, rest >> 8];
        let classes = reader.u32();
        reader.within(words.into(), 0, MAX_WORD_ORDER as u32);
        reader.within(characters.into(), 0, MAX_CHARACTER_ORDER as u32);
        reader.need(characters == 0 || cfg!(feature = "characters"), Subject::Characters);
        reader.need(classes == 0 || cfg!(feature = "projection"), Subject::Projection);
        let shift = reader.within(shift, 0, 30);
        reader.expect(bits == 8 || bits == 4 && columns % 2 == 0, bits, 8);
        let most = if classes > 0 { MAX_PROJECTED } else { MAX_CLASSES };
        let columns = reader.within(columns, 1, most as u32) as usize;
        let classes = reader.within(classes, 0, MAX_CLASSES as u32) as usize;
        reader.expect(length.is_multiple_of(4), length, 4);
        let table = Vocabulary::open(reader.bytes(length as usize)).unwrap_or_else(|error| {
            reader.fail(error);
            Vocabulary::default()
        });
        let row = if bits == 4 { 1 + columns / 2 } else { columns };
        let rows = reader.bytes(table.len() as usize * row);
        if bits == 4 {
            let shifts = rows.iter().step_by(row);
            let largest = shifts.max().copied().unwrap_or(0);
            reader.within(largest.into(), 0, MAX_ROW_SHIFT.into());
        }
        reader.align();
        #[cfg(feature = "projection")]
        let projection = (classes > 0).then(|| {
            reader.align16();
            let limit = projected_limit(columns).unsigned_abs();
            let map = reader.map(classes, columns, 0, [limit; 2], SUM_BOUND, 0);
            Projection { classes, map }
        });
        Self {
            orders: Orders { words, characters },
            columns,
            multiplier: multiplier as u16,
            shift,
            bits: bits as u8,
            table,
            rows,
            #[cfg(feature = "projection")]
            projection,
        }
    }

    /// How many n-grams are known.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.table.len()
    }

    /// Whether no n-gram is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The most words and characters of an n-gram.
    #[must_use]
    pub const fn orders(&self) -> Orders {
        self.orders
    }

    /// K, the sums of a text.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// C of the map for the sums, 0 if they are added to the scores directly.
    #[must_use]
    pub fn projected(&self) -> usize {
        #[cfg(feature = "projection")]
        let classes = self.projection.map_or(0, |projection| projection.classes);
        #[cfg(not(feature = "projection"))]
        let classes = 0;
        classes
    }

    /// The map, if there is one.
    #[cfg(feature = "std")]
    pub(crate) fn maps(&self) -> impl Iterator<Item = Affine<'a>> {
        self.projection.map(|projection| projection.map).into_iter()
    }

    /// The entries that [`Self::add`] needs in `x` and `y`.
    #[must_use]
    pub fn scratch(&self) -> (usize, usize) {
        match self.projected() {
            0 => (0, 0),
            classes => (padded(self.columns, COLUMN_UNIT), padded(classes, ROW_UNIT)),
        }
    }

    /// Reads a word: adds the rows of the n-grams that it ends to `sums` \[K\].
    #[inline(never)]
    pub fn word(&self, hash: u32, keys: &mut RollingKeys, sums: &mut [i32]) {
        keys.word(hash, self.orders, |key| self.look_up(key, sums));
    }

    /// Reads a character, like [`Self::word`].
    #[inline(never)]
    pub fn character(&self, code: u32, keys: &mut RollingKeys, sums: &mut [i32]) {
        keys.character(code, self.orders, |key| self.look_up(key, sums));
    }

    #[inline(always)]
    fn look_up(&self, key: u32, sums: &mut [i32]) {
        let Some(id) = self.table.find(key) else { return };
        match sums {
            // One column has numbers of 8 bits, since those of 4 come in pairs.
            [sum] => {
                if let Some(number) = self.rows.get(id as usize) {
                    *sum = sum.saturating_add(number.cast_signed().into());
                }
            }
            sums => self.add_row(id as usize, sums),
        }
    }

    /// Adds the row of an n-gram to `sums` \[K\].
    #[inline(never)]
    fn add_row(&self, id: usize, sums: &mut [i32]) {
        if self.bits == 8 {
            let row = self.rows.get(id * self.columns..).unwrap_or(&[]);
            for (sum, &number) in sums.iter_mut().zip(row) {
                *sum = sum.saturating_add(number.cast_signed().into());
            }
            return;
        }
        let row = self.rows.get(id * (1 + self.columns / 2)..).unwrap_or(&[]);
        let Some((shift, numbers)) = row.split_first() else { return };
        let number = |half: u8| i32::from(half.cast_signed() >> 4) << (shift & 7);
        for ([low, high], &byte) in sums.as_chunks_mut().0.iter_mut().zip(numbers) {
            *low = low.saturating_add(number(byte << 4));
            *high = high.saturating_add(number(byte));
        }
    }

    /// Adds the contribution of `sums` \[K\] after `look_ups` look-ups to `scores` \[C\], in steps of 2⁻¹²; `x` and `y`
    /// are [scratch](Self::scratch).
    pub fn add(&self, sums: &[i32], look_ups: u32, x: &mut [i16], y: &mut [i32], scores: &mut [i32]) {
        let (root, down) = reciprocal_root(look_ups);
        let factor = i64::from(root) * i64::from(self.multiplier);
        let worth = |&sum: &i32| {
            let sum = i64::from(sum.clamp(-COUNTED_LIMIT, COUNTED_LIMIT));
            round_shift_long(sum * factor, down + self.shift)
        };
        #[cfg(feature = "projection")]
        if let Some(Projection { map, .. }) = &self.projection {
            let limit = i64::from(projected_limit(self.columns));
            x.fill(0);
            x.iter_mut().zip(sums).for_each(|(to, sum)| *to = worth(sum).clamp(-limit, limit) as i16);
            map.apply(x, y);
            for (score, &sum) in scores.iter_mut().zip(y.iter()) {
                *score = score.saturating_add(round_shift(sum, SUM_DOWN));
            }
            return;
        }
        #[cfg(not(feature = "projection"))]
        let _ = (x, y);
        let first = scores.len().saturating_sub(self.columns);
        for (score, sum) in scores.iter_mut().skip(first).zip(sums) {
            *score = score.saturating_add(worth(sum).clamp(-SCORE_LIMIT, SCORE_LIMIT) as i32);
        }
    }
}

/// 2^`down` / √`count` as `(value, down)`, `value` of 15 to 16 bits; to 5·10⁻⁴ of the exact root.
#[must_use]
pub const fn reciprocal_root(count: u32) -> (u16, u32) {
    let count = if count == 0 { 1 } else { count };
    // count = mantissa · 4^(half − 3), mantissa 64 to 256: the root of 4^half only shifts.
    let half = count.ilog2() / 2;
    // The mantissa in steps of 2⁻⁴.
    let scaled = match (2 * half).checked_sub(10) {
        None | Some(0) => count << (10 - 2 * half),
        Some(down) => (count >> down) + (count >> (down - 1) & 1),
    };
    let at = (scaled >> 4) as usize;
    let [left, right] = [root_at(at), root_at(at + 1)];
    let value = left - (((left - right) * (scaled & 15) + 8) >> 4);
    (value as u16, 15 + half)
}

/// 2¹⁸/√m.
const fn root_at(m: usize) -> u32 {
    match ROOTS.split_at_checked(m.saturating_sub(64)) {
        Some((_, [root, ..])) => *root as u32,
        _ => 0,
    }
}

/// 2¹⁸/√m for m from 64 to 256.
static ROOTS: [u16; 193] = {
    let mut table = [0; 193];
    let mut root = 32_768u64;
    let mut at = 0;
    while at < 193 {
        // The nearest integer r to 2¹⁸/√m is the largest with (2r − 1)²·m ≤ 4·2³⁶; roots fall.
        while (2 * root - 1) * (2 * root - 1) * (at as u64 + 64) > 1 << 38 {
            root -= 1;
        }
        table[at] = root as u16;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_exact_enough() {
        let large = (16..32).flat_map(|power| [0, 1, 12_345].map(|more| (1 << power) + more));
        for count in (1..=70_000).chain(large).chain([u32::MAX]) {
            let (value, down) = reciprocal_root(count);
            let exact = f64::from(count).sqrt().recip();
            let own = f64::from(value) / f64::from(down).exp2();
            assert!((own / exact - 1.0).abs() < 5e-4, "{count}: {own} {exact}");
        }
        assert_eq!(reciprocal_root(0), reciprocal_root(1));
    }

    fn orders(words: u8, characters: u8) -> Orders {
        Orders { words, characters }
    }

    #[test]
    fn a_word_ends_as_many_ngrams_as_there_are_words() {
        let all = |order: u8| {
            let mut rolling = RollingKeys::new();
            let mut keys = Vec::new();
            for word in [7, 8, 9] {
                rolling.word(word, orders(order, 0), |key| keys.push(key));
            }
            assert_eq!(rolling.look_ups() as usize, keys.len());
            keys
        };
        let [a, b, c] = [7, 8, 9].map(|word: u32| mix(word ^ 0x6A09_E667));
        assert!(all(0).is_empty());
        assert_eq!(all(1), [a, b, c]);
        assert_eq!(all(2), [a, b, extend(a, 8), c, extend(b, 9)]);
        let triple = extend(extend(a, 8), 9);
        assert_eq!(all(3), [a, b, extend(a, 8), c, extend(b, 9), triple]);
    }

    /// The keys of a text's character n-grams.
    fn characters(text: &str, order: u8) -> Vec<u32> {
        let mut rolling = RollingKeys::new();
        let mut keys = Vec::new();
        for character in text.chars() {
            rolling.character(character.into(), orders(0, order), |key| keys.push(key));
        }
        rolling.end(orders(0, order), |key| keys.push(key));
        keys
    }

    fn key(text: &str) -> u32 {
        let mut items = text.chars().map(u32::from);
        let first = items.next().map_or(0, |first| mix(first ^ 0xBB67_AE85));
        items.fold(first, extend)
    }

    #[test]
    fn characters_run_from_gap_to_gap() {
        let expected = [" ", "a", " a", "b", "ab", " ", "b ", "c", " c", " ", "c "].map(key);
        assert_eq!(characters("ab c", 2), expected);
        assert_eq!(characters("  ab   c  ", 2), expected);
        let longest: Vec<u32> = characters("abcde", 6);
        assert_eq!(longest.len(), 1 + 2 + 3 + 4 + 5 + 6 + 6);
        assert!(longest.contains(&key(" abcde")) && longest.contains(&key("abcde ")));
        assert!(characters("", 3).is_empty());
        assert!(characters("abc", 0).is_empty());
    }

    #[test]
    fn keys_go_on_where_they_were_saved() {
        let text = "what is left goes on";
        let orders = orders(3, 6);
        let run = |cut: usize| {
            let mut rolling = RollingKeys::new();
            let mut keys = Vec::new();
            for (at, character) in text.chars().enumerate() {
                if at == cut {
                    rolling = RollingKeys::restore(&rolling.save()).expect("its own bytes");
                }
                rolling.character(character.into(), orders, |key| keys.push(key));
                if character == ' ' {
                    rolling.word(at as u32, orders, |key| keys.push(key));
                }
            }
            keys
        };
        let whole = run(usize::MAX);
        assert!((0..text.len()).all(|cut| run(cut) == whole));
        let mut wrong = RollingKeys::new().save();
        wrong[RollingKeys::SAVED_BYTES - 1] = 2;
        assert_eq!(RollingKeys::restore(&wrong), None);
    }
}
