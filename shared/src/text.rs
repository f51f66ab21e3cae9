//! Bytes → words, streaming.
//!
//! UTF-8 comes in byte by byte, in chunks of any size; words come out, lower-cased and hashed,
//! as soon as they end. Memory is constant whatever the length of a word or a text:
//!
//! - a word is a run of letters or digits (Unicode categories L, N, Mn, Mc), of any length;
//! - letters are lower-cased by Unicode's simple mapping;
//! - an apostrophe (`'` or `’`) between two letters is dropped: `don't` gives `dont`;
//! - Han and kana characters are words of one character each;
//! - HTML tags vanish and separate words. A tag starts with `<` directly followed by an ASCII
//!   letter, `/`, `!` or `?`, and ends with `>`, or after [`TAG_LIMIT`] characters if none comes;
//! - `!` and `?` are words of their own if [`Options::punctuation`] says so;
//! - everything else, invalid UTF-8 included, separates words.
//!
//! ```
//! use telltale::text::{Options, Tokeniser};
//!
//! let mut words = Vec::new();
//! let mut tokeniser = Tokeniser::new(Options { punctuation: true });
//! tokeniser.feed("I DON'T like it!<br />".as_bytes(), &mut |word| words.push(word.as_str().to_owned()));
//! tokeniser.finish(&mut |word| words.push(word.as_str().to_owned()));
//! assert_eq!(words, ["i", "dont", "like", "it", "!"]);
//! ```

#[rustfmt::skip]
mod unicode;

#[cfg(feature = "std")]
use serde::{Deserialize, Serialize};

/// The version of the Unicode Character Database that the tokeniser follows.
pub const UNICODE_VERSION: &str = unicode::VERSION;

/// How many characters an HTML tag may have before it is taken for text again.
pub const TAG_LIMIT: u8 = 255;

/// How many bytes of a word [`Word::as_str`] keeps; the hash covers all of them.
pub const WORD_BYTES: usize = 32;

/// Choices of the tokeniser that travel in the blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize))]
pub struct Options {
    /// Whether each `!` and each `?` is a word.
    pub punctuation: bool,
}

/// FNV-1a, 32 bits (Fowler, Noll, Vo; draft-eastlake-fnv): offset basis and prime.
const FNV_BASIS: u32 = 0x811C_9DC5;
const FNV_PRIME: u32 = 0x0100_0193;

/// One normalised word: the hash of all its bytes and the text of the first few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    hash: u32,
    text: [u8; WORD_BYTES],
    /// Bytes of `text` in use; the top bit tells that a character did not fit.
    length: u8,
}

impl Word {
    const CUT: u8 = 0x80;

    const fn empty() -> Self {
        Self { hash: FNV_BASIS, text: [0; WORD_BYTES], length: 0 }
    }

    /// Becomes empty, in place.
    fn clear(&mut self) {
        self.hash = FNV_BASIS;
        self.text.fill(0);
        self.length = 0;
    }

    /// FNV-1a (32 bits) over the UTF-8 bytes of the whole normalised word.
    #[must_use]
    pub const fn hash(&self) -> u32 {
        self.hash
    }

    /// The first [`WORD_BYTES`] bytes at most, cut at a character's boundary.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let length = usize::from(self.length & !Self::CUT);
        self.text.get(..length).unwrap_or(&[])
    }

    /// [`Self::as_bytes`] as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The hash that a word of these bytes has.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> u32 {
        bytes.iter().fold(FNV_BASIS, |hash, &byte| step(hash, byte))
    }

    /// Adds a character's UTF-8 (RFC 3629).
    fn push(&mut self, code: u32) {
        let more = u32::from(code >= 0x80) + u32::from(code >= 0x800) + u32::from(code >= 0x1_0000);
        let start = usize::from(self.length & !Self::CUT);
        if start + more as usize >= WORD_BYTES {
            self.length |= Self::CUT;
        }
        // Above what the first byte has of the code: a one for each byte, and a zero.
        let mut byte = if more == 0 { code } else { (0xFF00 >> (more + 1)) & 0xFF | code >> (6 * more) };
        for left in (0..=more).rev() {
            self.hash = step(self.hash, byte as u8);
            let at = usize::from(self.length);
            // Behind a cut, the length is beyond the text.
            if let Some(to) = self.text.get_mut(at) {
                *to = byte as u8;
                self.length += 1;
            }
            byte = 0x80 | (code >> (6 * left.saturating_sub(1)) & 0x3F);
        }
    }
}

const fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(FNV_PRIME)
}

/// Where the tokeniser stands with respect to HTML tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// In ordinary text.
    Outside,
    /// The last character was `<`.
    Opened,
    /// Inside a tag, this many characters of which have been seen.
    Inside(u8),
}

/// The streaming tokeniser; a few dozen bytes that can be copied at any moment.
#[derive(Clone, Copy, Debug)]
pub struct Tokeniser {
    options: Options,
    decoder: Decoder,
    tag: Tag,
    word: Word,
    /// Whether a word is open.
    open: bool,
    /// Whether the last character of the open word is a letter.
    letter: bool,
    /// Whether an apostrophe came directly after that letter.
    apostrophe: bool,
}

impl Tokeniser {
    /// A tokeniser at the start of a text.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self {
            options,
            decoder: Decoder::new(),
            tag: Tag::Outside,
            word: Word::empty(),
            open: false,
            letter: false,
            apostrophe: false,
        }
    }

    /// Takes the next bytes of the text; `emit` gets each word that ends among them.
    pub fn feed(&mut self, bytes: &[u8], emit: &mut impl FnMut(&Word)) {
        for &byte in bytes {
            self.push(byte, emit);
        }
    }

    /// Takes one byte; `emit` gets the words that end with it (two at most).
    pub fn push(&mut self, byte: u8, emit: &mut impl FnMut(&Word)) {
        match self.decoder.push(byte) {
            Decoded::Pending => {}
            Decoded::Character(code) => self.character(code, emit),
            Decoded::Invalid => self.separator(emit),
            Decoded::InvalidThen(code) => {
                self.separator(emit);
                self.character(code, emit);
            }
        }
    }

    /// Ends the text: the open word goes to `emit` and the tokeniser is as new.
    pub fn finish(&mut self, emit: &mut impl FnMut(&Word)) {
        self.end_word(emit);
        self.decoder = Decoder::new();
        self.tag = Tag::Outside;
    }

    fn separator(&mut self, emit: &mut impl FnMut(&Word)) {
        self.character(u32::from(b' '), emit);
    }

    fn character(&mut self, code: u32, emit: &mut impl FnMut(&Word)) {
        match self.tag {
            Tag::Outside => {}
            Tag::Opened if opens_tag(code) => {
                self.tag = Tag::Inside(1);
                return;
            }
            Tag::Opened => self.tag = Tag::Outside,
            Tag::Inside(seen) => {
                self.tag = match seen {
                    _ if code == u32::from(b'>') => Tag::Outside,
                    TAG_LIMIT => Tag::Outside,
                    _ => Tag::Inside(seen + 1),
                };
                return;
            }
        }
        match class(code) {
            Class::Letter => self.extend(lower(code), true, emit),
            Class::Digit => self.extend(code, false, emit),
            Class::Alone => self.alone(code, emit),
            Class::Apostrophe if self.open && self.letter && !self.apostrophe => self.apostrophe = true,
            Class::Mark if self.options.punctuation => self.alone(code, emit),
            Class::Less => {
                self.end_word(emit);
                self.tag = Tag::Opened;
            }
            Class::Apostrophe | Class::Mark | Class::Separator => self.end_word(emit),
        }
    }

    fn extend(&mut self, code: u32, letter: bool, emit: &mut impl FnMut(&Word)) {
        if self.apostrophe && !letter {
            self.end_word(emit);
        }
        self.apostrophe = false;
        self.open = true;
        self.letter = letter;
        self.word.push(code);
    }

    fn alone(&mut self, code: u32, emit: &mut impl FnMut(&Word)) {
        self.end_word(emit);
        self.word.push(code);
        self.open = true;
        self.end_word(emit);
    }

    fn end_word(&mut self, emit: &mut impl FnMut(&Word)) {
        if self.open {
            emit(&self.word);
            self.word.clear();
        }
        self.open = false;
        self.letter = false;
        self.apostrophe = false;
    }
}

const fn opens_tag(code: u32) -> bool {
    matches!(code, 0x41..=0x5A | 0x61..=0x7A | 0x21 | 0x2F | 0x3F)
}

/// What a character does to the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    /// A word by itself: Han and kana.
    Alone,
    Apostrophe,
    /// `!` or `?`.
    Mark,
    /// `<`
    Less,
    Separator,
}

fn class(code: u32) -> Class {
    match code {
        0x61..=0x7A | 0x41..=0x5A => Class::Letter,
        0x30..=0x39 => Class::Digit,
        0x27 | 0x2019 => Class::Apostrophe,
        0x21 | 0x3F => Class::Mark,
        0x3C => Class::Less,
        0..0x80 => Class::Separator,
        _ if stands_alone(code) => Class::Alone,
        _ if in_word(code) => Class::Letter,
        _ => Class::Separator,
    }
}

/// Han (with its iteration mark and zero), hiragana, katakana and its half-width forms.
const fn stands_alone(code: u32) -> bool {
    matches!(code,
        0x3005 | 0x3007 | 0x3041..=0x3096 | 0x309D..=0x309F | 0x30A1..=0x30FA | 0x30FD..=0x30FF
        | 0x31F0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF
        | 0xFF66..=0xFF6F | 0xFF71..=0xFF9D | 0x20000..=0x3FFFD)
}

/// Letters of frequent scripts that are lower-case or have no case: Latin, Greek, Cyrillic, Hangul.
const fn is_plain_letter(code: u32) -> bool {
    matches!(code, 0xDF..=0xF6 | 0x3B1..=0x3C9 | 0x430..=0x44F | 0xAC00..=0xD7A3)
}

/// Numbers packed into nibbles, three bits each, the lowest first; a nibble's top bit tells that more follow.
struct Numbers {
    packed: &'static [u8],
    /// The next nibble, the low one of a byte first.
    at: usize,
}

impl Numbers {
    /// The code point before the run of entries that `code` is in, and the run's numbers.
    fn of(code: u32, starts: &[u32], packed: &'static [u8]) -> (u32, Self) {
        let after = starts.partition_point(|&start| start >> 15 <= code);
        let run = starts.get(after.wrapping_sub(1)).copied().unwrap_or(0);
        (run >> 15, Self { packed, at: (run & 0x7FFF) as usize })
    }

    #[inline(never)]
    fn next(&mut self) -> u32 {
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
}

/// Whether a code point is in a plane that the tables do not cover: those beyond the second.
const fn is_beyond(code: u32) -> bool {
    code >> 17 > 0
}

fn in_word(code: u32) -> bool {
    if is_plain_letter(code) || is_beyond(code) {
        return !is_beyond(code);
    }
    let (mut flip, mut numbers) = Numbers::of(code, &unicode::WORD_STARTS, &unicode::WORD);
    let mut inside = true;
    while flip <= code {
        flip += 1 + numbers.next();
        inside = !inside;
    }
    inside
}

/// Unicode's simple lower-case mapping.
fn lower(code: u32) -> u32 {
    if code < 0x80 {
        return if code.wrapping_sub(0x41) < 26 { code + 0x20 } else { code };
    }
    if is_plain_letter(code) || is_beyond(code) {
        return code;
    }
    let (mut last, mut numbers) = Numbers::of(code - 1, &unicode::LOWER_STARTS, &unicode::LOWER);
    loop {
        let first = last + 1 + numbers.next();
        let (extent, add) = (numbers.next(), numbers.next());
        let every_other = extent & 1;
        last = first + ((extent >> 1) << every_other);
        if code <= last {
            let mapped = first <= code && (code - first) & every_other == 0;
            let add = (add >> 1) ^ (add & 1).wrapping_neg();
            return if mapped { code.wrapping_add(add) } else { code };
        }
    }
}

/// What one more byte made of the UTF-8 stream.
enum Decoded {
    Pending,
    Character(u32),
    Invalid,
    /// An invalid sequence was cut off by this ASCII character.
    InvalidThen(u32),
}

/// An incremental UTF-8 decoder (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#[derive(Clone, Copy, Debug)]
struct Decoder {
    code: u32,
    /// Continuation bytes still to come.
    missing: u8,
    /// The range of the next continuation byte.
    low: u8,
    high: u8,
}

impl Decoder {
    const fn new() -> Self {
        Self { code: 0, missing: 0, low: 0x80, high: 0xBF }
    }

    fn push(&mut self, byte: u8) -> Decoded {
        if self.missing > 0 {
            if (self.low..=self.high).contains(&byte) {
                self.code = self.code << 6 | u32::from(byte & 0x3F);
                self.missing -= 1;
                (self.low, self.high) = (0x80, 0xBF);
                return if self.missing == 0 { Decoded::Character(self.code) } else { Decoded::Pending };
            }
            *self = Self::new();
            // What cut the sequence off may start a new one; the gap separates words either way.
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

/// Whether bytes are UTF-8 throughout.
#[must_use]
pub fn is_utf8(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new();
    let good = |&byte: &u8| matches!(decoder.push(byte), Decoded::Pending | Decoded::Character(_));
    bytes.iter().all(good) && decoder.missing == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(options: Options, chunks: &[&[u8]]) -> Vec<(u32, String)> {
        let mut out = Vec::new();
        let mut tokeniser = Tokeniser::new(options);
        let mut emit = |word: &Word| out.push((word.hash(), word.as_str().to_owned()));
        for chunk in chunks {
            tokeniser.feed(chunk, &mut emit);
        }
        tokeniser.finish(&mut emit);
        out
    }

    fn plain(text: impl AsRef<[u8]>) -> Vec<String> {
        words(Options { punctuation: false }, &[text.as_ref()]).into_iter().map(|word| word.1).collect()
    }

    #[test]
    fn words_of_ordinary_text() {
        assert_eq!(plain("It's NOT the dogs' 2nd film."), ["its", "not", "the", "dogs", "2nd", "film"]);
        assert_eq!(plain("rock’n’roll ''quoted'' 1950's"), ["rocknroll", "quoted", "1950", "s"]);
        assert_eq!(plain("o''clock a'"), ["o", "clock", "a"]);
        assert_eq!(plain(""), [""; 0]);
        assert_eq!(plain("ÉCOLE Straße ΣΊΣΥΦΟΣ İx Ⅷ"), ["école", "straße", "σίσυφοσ", "ix", "ⅷ"]);
    }

    #[test]
    fn tags_vanish_and_separate() {
        assert_eq!(plain("good<br /><br/>bad</p>x<!-- y -->z"), ["good", "bad", "x", "z"]);
        assert_eq!(plain("I <3 a < b"), ["i", "3", "a", "b"]);
        assert_eq!(plain("a <<b>c"), ["a", "c"]);
        let open = format!("a <b{} lost found", " x".repeat(127));
        assert_eq!(plain(open), ["a", "lost", "found"]);
    }

    #[test]
    fn scripts_without_spaces_give_one_word_a_character() {
        assert_eq!(plain("映画はABC良い𠀀"), ["映", "画", "は", "abc", "良", "い", "𠀀"]);
        assert_eq!(plain("영화가 좋다"), ["영화가", "좋다"]);
        assert_eq!(plain("हिन्दी ❤️ 😀 cafe\u{301}"), ["हिन्दी", "cafe\u{301}"]);
    }

    #[test]
    fn marks_are_words_only_on_request() {
        let marks = words(Options { punctuation: true }, &[b"what?! no."]);
        let marks: Vec<_> = marks.into_iter().map(|word| word.1).collect();
        assert_eq!(marks, ["what", "?", "!", "no"]);
        assert_eq!(plain("what?! no."), ["what", "no"]);
    }

    #[test]
    fn invalid_utf8_separates() {
        assert_eq!(plain(b"ab\xFFcd\xC3ef\xE2\x82gh\0ij"), ["ab", "cd", "ef", "gh", "ij"]);
        assert_eq!(
            plain(b"a\xC0\xAFb\xED\xA0\x80c\xF4\x90\x80\x80d\xE2\x82\xC3\xA9"),
            ["a", "b", "c", "d", "é"]
        );
    }

    #[test]
    fn a_long_word_is_hashed_whole_and_shown_cut() {
        let long = "é".repeat(5000);
        let word = &words(Options::default(), &[long.as_bytes()])[0];
        assert_eq!(word.0, Word::hash_of(long.as_bytes()));
        assert_eq!(word.1, "é".repeat(16));
        assert_eq!(plain(format!("x{}", "é".repeat(20)))[0], format!("x{}", "é".repeat(15)));
    }

    #[test]
    fn fnv_1a_has_its_published_values() {
        assert_eq!(Word::hash_of(b""), 0x811C_9DC5);
        assert_eq!(Word::hash_of(b"a"), 0xE40C_292C);
        assert_eq!(Word::hash_of(b"foobar"), 0xBF9C_F968);
    }

    /// Every code point's class and lower case, as one number: words never change under a format version.
    #[test]
    fn every_character_is_what_it_has_been() {
        let mut hash = FNV_BASIS;
        for code in 0x80..0x11_0000 {
            hash = step(hash, u8::from(in_word(code)));
            hash = lower(code).to_le_bytes().into_iter().fold(hash, step);
        }
        assert_eq!(hash, 0xDE7B_6E8B);
    }

    /// The table and the compiler's own data agree wherever both know a character.
    #[test]
    fn lower_casing_is_the_simple_mapping() {
        for code in 0..0x20000 {
            let Some(character) = char::from_u32(code) else { continue };
            let expected = character.to_lowercase().next().map_or(code, u32::from);
            // Characters younger than the table have no lower case in it.
            assert!(lower(code) == expected || !in_word(code), "U+{code:04X}");
        }
    }

    #[test]
    fn letters_and_digits_are_in_words() {
        let (mut missing, mut added) = (0, 0);
        for code in (0..0x10000).filter(|&code| !stands_alone(code)) {
            let Some(character) = char::from_u32(code) else { continue };
            let word = matches!(class(code), Class::Letter | Class::Digit);
            missing += u32::from(!word && character.is_alphanumeric());
            added += u32::from(word && !character.is_alphanumeric());
        }
        // Circled letters and letters younger than the table; marks that core does not count as letters.
        assert!(missing < 200 && added < 700, "{missing} missing, {added} added");
    }

    proptest! {
        #[test]
        fn chunking_never_changes_words(
            bytes in prop::collection::vec(prop_oneof![
                any::<u8>(), Just(b'<'), Just(b'>'), Just(b'\''), Just(b' '), b'a'..=b'e',
                Just(0xE2), Just(0x80), Just(0x99),
            ], 0..300),
            cuts in prop::collection::vec(0usize..300, 0..8),
            punctuation: bool,
        ) {
            let options = Options { punctuation };
            let whole = words(options, &[&bytes]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut start = 0;
            for cut in cuts {
                chunks.push(&bytes[start..cut]);
                start = cut;
            }
            chunks.push(&bytes[start..]);
            prop_assert_eq!(whole, words(options, &chunks));
        }

        #[test]
        fn decoding_agrees_with_core(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80u8..0xC0, 0xE0u8..0xF8], 0..40)) {
            let mut decoder = Decoder::new();
            let mut valid = String::new();
            for &byte in bytes.iter().chain(b" ") {
                if let Decoded::Character(code) | Decoded::InvalidThen(code) = decoder.push(byte) {
                    valid.push(char::from_u32(code).expect("the decoder gives scalar values"));
                }
            }
            let expected: String = bytes.utf8_chunks().map(|chunk| chunk.valid().to_owned()).collect();
            prop_assert_eq!(valid, expected + " ");
            prop_assert_eq!(is_utf8(&bytes), core::str::from_utf8(&bytes).is_ok());
        }
    }
}
