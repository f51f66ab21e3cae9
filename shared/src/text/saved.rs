//! The tokeniser's state as bytes, even in the middle of a word, tag or character.
//!
//! | bytes | content |
//! |---|---|
//! | 4, 1, 1, 1 | decoder: code so far, continuation bytes missing, range of the next |
//! | 1, 2, 1, 32 | markup: state, characters that may follow, bytes held back, these |
//! | 4, 1, 2 · 8 | normaliser: character held, its marks |
//! | 4, 1, [`WORD_BYTES`] | word: hash, length with its flags, text |
//! | 1, 1 | kind of the open word; letter, apostrophe, begun, gap: bits 0 to 3 |
//! | 4, 1 | last symbol, its repetitions |

use super::decode::Decoder;
use super::markup::{HELD, Markup};
use super::normalise::{MARKS, Normaliser, ORDERED};
use super::{Open, Options, Segmenter, Tokeniser, WORD_BYTES, Word, is_utf8};

const OPEN: [Open; 5] = [Open::Nothing, Open::Letters, Open::Alone, Open::Symbols, Open::Picture];

impl Tokeniser {
    /// Bytes of a saved state.
    pub const SAVED_BYTES: usize = 7 + 4 + HELD + 5 + 2 * MARKS + 5 + WORD_BYTES + 2 + 5;

    /// The state as bytes.
    pub fn save(&self) -> [u8; Self::SAVED_BYTES] {
        let Self { decoder, markup, normaliser, segmenter } = self;
        let Segmenter { word, open, letter, apostrophe, begun, gap, last, repeats, .. } = *segmenter;
        let (state, left) = markup.state();
        let flags =
            [letter, apostrophe, begun, gap].into_iter().rev().fold(0, |all, flag| all << 1 | u8::from(flag));
        let mut saved = [0; Self::SAVED_BYTES];
        let mut rest = &mut saved[..];
        put(&mut rest, &decoder.code.to_le_bytes());
        put(&mut rest, &[decoder.missing, decoder.low, decoder.high, state]);
        put(&mut rest, &left.to_le_bytes());
        put(&mut rest, &[markup.count]);
        put(&mut rest, &markup.held);
        put(&mut rest, &normaliser.held.to_le_bytes());
        put(&mut rest, &[normaliser.count]);
        for mark in normaliser.marks {
            put(&mut rest, &mark.to_le_bytes());
        }
        put(&mut rest, &word.hash.to_le_bytes());
        put(&mut rest, &[word.length]);
        put(&mut rest, &word.text);
        put(&mut rest, &[open as u8, flags]);
        put(&mut rest, &last.to_le_bytes());
        put(&mut rest, &[repeats]);
        saved
    }

    /// The tokeniser from a saved state; `None` if that is not valid.
    pub fn restored(options: Options, saved: &[u8; Self::SAVED_BYTES]) -> Option<Self> {
        let rest = &mut &saved[..];
        let code = u32::from_le_bytes(take(rest)?);
        let [missing, low, high, state] = take(rest)?;
        let left = u16::from_le_bytes(take(rest)?);
        let [held_bytes] = take(rest)?;
        let markup = Markup::restored(state, left, take(rest)?, held_bytes)?;
        let held = char::from_u32(u32::from_le_bytes(take(rest)?))?.into();
        let [count] = take(rest)?;
        let mut marks = [0; MARKS];
        for mark in &mut marks {
            *mark = u16::from_le_bytes(take(rest)?);
        }
        let hash = u32::from_le_bytes(take(rest)?);
        let [length] = take(rest)?;
        let word = Word { hash, text: take(rest)?, length };
        let [open, flags] = take(rest)?;
        let last = u32::from_le_bytes(take(rest)?);
        let [repeats] = take(rest)?;
        // The missing bytes complete at most one code point.
        let possible =
            missing <= 3 && code < 1 << (21 - 6 * u32::from(missing)) && low >= 0x80 && high <= 0xBF;
        let marks_fit =
            usize::from(count) <= ORDERED && marks.iter().all(|&mark| char::from_u32(mark.into()).is_some());
        let word_fits = word.kept() <= WORD_BYTES && is_utf8(word.as_bytes());
        (possible && marks_fit && word_fits && flags < 16).then_some(Self {
            decoder: Decoder { code, missing, low, high },
            markup,
            normaliser: Normaliser { held, marks, count },
            segmenter: Segmenter {
                options,
                word,
                open: *OPEN.get(usize::from(open))?,
                letter: flags & 1 > 0,
                apostrophe: flags & 2 > 0,
                begun: flags & 4 > 0,
                gap: flags & 8 > 0,
                last,
                repeats,
            },
        })
    }
}

/// Writes bytes to the front of `rest`.
fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    if let Some((to, behind)) = core::mem::take(rest).split_at_mut_checked(bytes.len()) {
        to.copy_from_slice(bytes);
        *rest = behind;
    }
}

/// Takes bytes from the front of `rest`.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (&bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Token;

    /// Saved and restored behind every byte, a tokeniser emits the same.
    #[test]
    fn a_text_goes_on_behind_any_byte() {
        let options = Options { punctuation: true, tags: false };
        let text = "I DON'T l\u{ef}ke <b>\u{4e2d}\u{6587} \u{1f468}\u{200D}\u{1f469} e\u{323}\u{301}t\u{e9}!!!!! \
                    <a href='x>'>o'clock</a> \u{2019} a<b &lt; &am <!-- - -- --> \u{E17}\u{E35}\u{E48}";
        let long = format!("{text} {} <{} <i x={}", "w\u{f6}rd".repeat(20), "x".repeat(300), "y".repeat(50));
        let keep = |to: &mut Vec<(u32, Option<Word>)>, token: Token<'_>| {
            to.push(match token {
                Token::Character(code) => (code, None),
                Token::Word(word) => (0, Some(*word)),
            });
        };
        let mut expected = Vec::new();
        let mut plain = Tokeniser::new(options);
        plain.feed(long.as_bytes(), &mut |token| keep(&mut expected, token));
        plain.finish(&mut |token| keep(&mut expected, token));
        let mut seen = Vec::new();
        let mut tokeniser = Tokeniser::new(options);
        for byte in long.bytes() {
            tokeniser.feed(&[byte], &mut |token| keep(&mut seen, token));
            tokeniser = Tokeniser::restored(options, &tokeniser.save()).expect("was saved");
        }
        tokeniser.finish(&mut |token| keep(&mut seen, token));
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_cannot_be_a_state_is_refused() {
        let good = Tokeniser::new(Options::default()).save();
        let marks = 11 + HELD + 5;
        let word = marks + 2 * MARKS;
        for (at, byte) in [
            (4, 4),
            (3, 0xFF),
            (5, 0),
            (6, 0xFF),
            (7, 99),
            (10, 33),
            (11, 0x80),
            (14 + HELD, 0x20),
            (15 + HELD, 6),
            (marks + 1, 0xD8),
            (word + 4, 33),
            (word + 5 + WORD_BYTES, 5),
            (word + 6 + WORD_BYTES, 16),
        ] {
            let mut bad = good;
            bad[at] = byte;
            assert!(Tokeniser::restored(Options::default(), &bad).is_none(), "{at}");
        }
    }
}
