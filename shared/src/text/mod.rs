//! Bytes → characters and words, streaming.
//!
//! UTF-8 comes in byte by byte, in chunks of any size; the text's normalised characters and hashed words come out as
//! soon as they end. Memory is constant, whatever the length of a word or text.
//!
//! ```text
//! bytes ─ decode ─ markup ─ normalise ─ Segmenter ─ Token
//! ```
//!
//! - `decode`: UTF-8; invalid bytes are a gap;
//! - [`markup`]: HTML's tags are gaps, unless [`Options::tags`] makes them text; its entities are characters;
//! - [`normalise`]: texts that look the same become the same characters, in lower case;
//! - characters become words:
//!   - a run of letters or digits (Unicode categories L, N, Mn, Mc), of any length;
//!   - an apostrophe between two letters is dropped: `don't` becomes `dont`;
//!   - in Han, kana and the scripts of South East Asia without spaces, each character with its marks;
//!   - a run of punctuation, in which a character repeated more than [`REPEATS`] times counts only that often: `:)`,
//!     `++`, `!!!`; other symbols, and emoji with their modifiers, are words by themselves. Words of symbols are
//!     [marked](Word::is_symbol) and made only with [`Options::punctuation`]; a model reads those that its vocabulary has.
//!
//! ```
//! use telltale::text::{Options, Token, Tokeniser};
//!
//! let mut words = Vec::new();
//! let mut keep = |token: Token<'_>| {
//!     if let Token::Word(word) = token {
//!         words.push(word.as_str().to_owned());
//!     }
//! };
//! let mut tokeniser = Tokeniser::new(Options { punctuation: true, tags: false });
//! tokeniser.feed("I DON'T like it!<br />&lt;3".as_bytes(), &mut keep);
//! tokeniser.finish(&mut keep);
//! assert_eq!(words, ["i", "dont", "like", "it", "!", "<", "3"]);
//! ```

mod characters;
mod decode;
pub mod markup;
pub mod normalise;
mod saved;
#[cfg(test)]
mod tests;
#[rustfmt::skip]
mod unicode;
mod word;

#[cfg(feature = "std")]
use serde::{Deserialize, Serialize};

use characters::{Class, JOINER, class, is_modifier, is_regional};
pub use decode::is_utf8;
use decode::{Decoded, Decoder};
use markup::Markup;
use normalise::Normaliser;
pub use word::{WORD_BYTES, Word};

/// The version of the Unicode Character Database that the tokeniser follows.
pub const UNICODE_VERSION: &str = unicode::VERSION;

/// How often a punctuation character that is repeated counts in a word.
pub const REPEATS: u8 = 3;

/// Options of the tokeniser that are stored in the model file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(Serialize, Deserialize), serde(into = "u8", try_from = "u8"))]
pub struct Options {
    /// Whether punctuation, other symbols and emoji make words.
    pub punctuation: bool,
    /// Whether HTML's tags are text, as in code; otherwise they are gaps.
    pub tags: bool,
}

impl Options {
    /// The largest [`Self::bits`].
    pub const MOST: u8 = 3;

    /// As in a file: bit 0 for punctuation, bit 1 for tags; others count for nothing.
    #[must_use]
    pub const fn of_bits(bits: u8) -> Self {
        Self { punctuation: bits & 1 > 0, tags: bits & 2 > 0 }
    }

    /// As in a file.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.punctuation as u8 | (self.tags as u8) << 1
    }
}

impl From<Options> for u8 {
    fn from(options: Options) -> Self {
        options.bits()
    }
}

impl TryFrom<u8> for Options {
    type Error = &'static str;

    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        if bits <= Self::MOST { Ok(Self::of_bits(bits)) } else { Err("options of the tokeniser are 0 to 3") }
    }
}

/// What a text is made of, in its order. The characters of a word come before the word.
#[derive(Clone, Copy, Debug)]
pub enum Token<'w> {
    /// A character, normalised and in lower case. U+0020 stands for each gap between visible characters: white
    /// space, tags, invalid UTF-8; it comes after the word that the gap ends, together with the next character.
    Character(u32),
    /// A word that has just ended.
    Word(&'w Word),
}

const SPACE: u32 = b' ' as u32;
const APOSTROPHE: u32 = b'\'' as u32;

/// Whether there are short cuts for ASCII; a chip and a page have better uses for the room.
const FAST: bool = cfg!(not(any(target_os = "none", target_arch = "wasm32")));

/// Stands for the end of the text among characters.
const END: u32 = 0x11_0000;

/// The streaming tokeniser; a hundred bytes that can be copied at any moment.
#[derive(Clone, Copy, Debug)]
pub struct Tokeniser {
    decoder: Decoder,
    markup: Markup,
    normaliser: Normaliser,
    segmenter: Segmenter,
}

impl Tokeniser {
    /// A tokeniser at the start of a text.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self {
            decoder: Decoder::new(),
            markup: Markup::new(),
            normaliser: Normaliser::new(),
            segmenter: Segmenter::new(options),
        }
    }

    /// Takes the next bytes of the text; `emit` gets each token that is complete with them.
    pub fn feed(&mut self, bytes: &[u8], emit: &mut impl FnMut(Token<'_>)) {
        for &byte in bytes {
            // Most of most texts: visible ASCII among its like, with which the first stages have nothing to do.
            if FAST
                && matches!(byte, b'!'..0x7F)
                && !matches!(byte, b'<' | b'&' | b'`')
                && self.decoder.is_between_characters()
                && self.markup.is_text()
                && let Some(before) = self.normaliser.exchange(byte.to_ascii_lowercase().into())
            {
                self.segmenter.push(before, emit);
            } else {
                self.push(byte, emit);
            }
        }
    }

    /// Drops the text: the tokeniser is as new.
    pub const fn reset(&mut self) {
        *self = Self::new(self.segmenter.options);
    }

    /// Takes one byte.
    fn push(&mut self, byte: u8, emit: &mut impl FnMut(Token<'_>)) {
        match self.decoder.push(byte) {
            Decoded::Pending => {}
            Decoded::Character(code) => self.character(code, emit),
            Decoded::Invalid => self.character(SPACE, emit),
            Decoded::InvalidThen(code) => {
                self.character(SPACE, emit);
                self.character(code, emit);
            }
        }
    }

    fn character(&mut self, code: u32, emit: &mut impl FnMut(Token<'_>)) {
        let Self { markup, normaliser, segmenter, .. } = self;
        let are_text = segmenter.options.tags;
        markup.push(code, are_text, &mut |code| {
            normaliser.push(code, &mut |code| segmenter.push(code, emit));
        });
    }

    /// Ends the text: the open word goes to `emit` and the tokeniser is as new.
    pub fn finish(&mut self, emit: &mut impl FnMut(Token<'_>)) {
        self.decoder = Decoder::new();
        self.character(END, emit);
    }
}

/// What kind of word is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    /// Letters and digits.
    Letters,
    /// A character of a script without spaces.
    Alone,
    Symbols,
    Picture,
}

/// Normalised characters → tokens.
#[derive(Clone, Copy, Debug)]
struct Segmenter {
    options: Options,
    word: Word,
    open: Open,
    /// Whether the last character of the open word is a letter.
    letter: bool,
    /// Whether an apostrophe came directly after that letter.
    apostrophe: bool,
    /// Whether the text has had a visible character.
    begun: bool,
    /// Whether a gap came after it.
    gap: bool,
    /// The last character of a word of symbols, and how often it came in a row.
    last: u32,
    repeats: u8,
}

impl Segmenter {
    const fn new(options: Options) -> Self {
        Self {
            options,
            word: Word::empty(),
            open: Open::Nothing,
            letter: false,
            apostrophe: false,
            begun: false,
            gap: false,
            last: 0,
            repeats: 0,
        }
    }

    fn push(&mut self, code: u32, emit: &mut impl FnMut(Token<'_>)) {
        if FAST && self.open == Open::Letters && !self.apostrophe && matches!(code, 0x61..=0x7A) {
            self.letter = true;
            emit(Token::Character(code));
            return self.word.push(code);
        }
        if code == JOINER {
            self.last = code;
            return;
        }
        let class = class(code);
        if self.apostrophe {
            self.apostrophe = false;
            if class == Class::Letter {
                self.visible(APOSTROPHE, emit);
            } else {
                self.symbol(APOSTROPHE, Open::Symbols, emit);
            }
        }
        match class {
            Class::Letter | Class::Digit => {
                self.go_on(Open::Letters, self.open == Open::Letters, code, emit);
                self.letter = class == Class::Letter;
            }
            Class::Alone => self.go_on(Open::Alone, false, code, emit),
            Class::Mark => {
                let same = matches!(self.open, Open::Letters | Open::Alone);
                self.go_on(Open::Letters, same, code, emit);
            }
            Class::Apostrophe if self.open == Open::Letters && self.letter => self.apostrophe = true,
            Class::Apostrophe | Class::Symbol => self.symbol(code, Open::Symbols, emit),
            Class::Picture => self.symbol(code, Open::Picture, emit),
            Class::Gap => {
                self.end_word(emit);
                self.begun &= code != END;
                self.gap = self.begun;
            }
        }
    }

    fn symbol(&mut self, code: u32, kind: Open, emit: &mut impl FnMut(Token<'_>)) {
        let same = self.open == kind;
        let flag =
            is_regional(code) && is_regional(self.last) && self.word.as_bytes().len() == REGIONAL_BYTES;
        let joined = self.last == JOINER;
        let more = same && (kind == Open::Symbols || joined || is_modifier(code) || flag);
        // One that joins nothing is not to be seen.
        if more && joined && kind == Open::Picture {
            self.word.push(JOINER);
        }
        self.repeats = if more && self.last == code { self.repeats.saturating_add(1) } else { 1 };
        self.last = code;
        if self.repeats > REPEATS {
            return self.visible(code, emit);
        }
        self.go_on(kind, more, code, emit);
        self.word.mark_symbol();
    }

    /// Goes on with the open word if it can take `code`, starts one of a kind otherwise.
    fn go_on(&mut self, kind: Open, same: bool, code: u32, emit: &mut impl FnMut(Token<'_>)) {
        if !same {
            self.end_word(emit);
            self.open = kind;
        }
        self.visible(code, emit);
        self.word.push(code);
    }

    fn visible(&mut self, code: u32, emit: &mut impl FnMut(Token<'_>)) {
        if self.gap {
            self.gap = false;
            emit(Token::Character(SPACE));
        }
        self.begun = true;
        emit(Token::Character(code));
    }

    fn end_word(&mut self, emit: &mut impl FnMut(Token<'_>)) {
        if self.open != Open::Nothing {
            if !self.word.is_symbol() || self.options.punctuation {
                emit(Token::Word(&self.word));
            }
            self.word.clear();
            self.open = Open::Nothing;
        }
        self.letter = false;
    }
}

/// Bytes of half a flag.
const REGIONAL_BYTES: usize = 4;
