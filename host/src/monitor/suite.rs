//! The texts that a board is checked with.

use telltale::session::{LINES, PARAGRAPHS, sanitise};

use crate::corpus::review_texts;

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What is difficult about it.
    pub name: &'static str,
    /// What is sent, the end of the text included.
    pub bytes: Vec<u8>,
}

/// Bytes of a long line.
const LONG: usize = 10_000;

/// Texts that are meant, and texts that break readers; each ends by itself. Those of the model's own words are
/// from its `self_test`, since it keeps hashes of the others.
#[must_use]
pub fn texts(self_test: &[u8]) -> Vec<Text> {
    let mut texts: Vec<Text> = review_texts().take(30).map(|review| line("a review", review)).collect();
    let own = String::from_utf8_lossy(self_test);
    let own: Vec<&str> = own.split_whitespace().collect();
    let turned = (0..own.len()).map(|at| [&own[at..], &own[..at]].concat().join(" "));
    texts.extend(turned.map(|words| line("the model's own words", &words)));
    let nasty: [(&str, &str); 8] = [
        ("emoji", "😀 👍🏽 what a film 🎬🎬 I ❤️ it 👨‍👩‍👧 🇪🇺 ☹︎"),
        (
            "scripts without spaces",
            "この映画は最高だった。 这部电影太无聊了! หนังเรื่องนี้สนุกมาก ភាពយន្តល្អណាស់ 정말재미없는영화",
        ),
        ("writing from right to left, with marks", "הסרט היה נפלא. فِيلْمٌ جَمِيلٌ جِدًّا وَلَكِنَّهُ طَوِيلٌ"),
        (
            "marks that belong to letters before",
            "ca\u{301}fe\u{301} Z\u{361}a\u{327}l\u{335}go\u{34f}\u{301}\u{301}\u{301} e\u{301}\u{323}",
        ),
        ("capitals of many scripts", "BAD FILM ÄRGERLICH STRASSE ΟΔΥΣΣΕΥΣ İSTANBUL ПЛОХО Ǆ ﬁne ＷＩＤＥ"),
        (
            "markup",
            "<p class=\"a\">not <b>bad</b><br/>&amp; &lt;fine&gt; &#233;t&eacute; <!-- never > shown --> 3 < 4 <open",
        ),
        (
            "apostrophes, hyphens and digits",
            "it's isn’t 'quoted' ''twas'' well-made e-mail -- 1,000.50 10/10 1980s a_b",
        ),
        ("punctuation", "?!... !!! (so) [so]; «so» — so: so, so. ¿so? “so” $5 50% #1 @me"),
    ];
    texts.extend(nasty.into_iter().map(|(name, text)| line(name, text)));
    let alphabet = "abcdefghijklmnopqrstuvwxyz";
    let lengths: Vec<String> = (30..70).map(|length| alphabet.repeat(3)[..length].to_owned()).collect();
    let words: Vec<&str> = review_texts().flat_map(str::split_whitespace).collect();
    let controls: Vec<u8> = (0..=u8::MAX).filter(|byte| byte.is_ascii_control()).collect();
    let controlled = controls.iter().flat_map(|&byte| [b'b', byte, b'a', b'd', byte, byte]);
    texts.extend([
        of("empty lines, of all three kinds", b"\n\n\r\r\n\r\n\n".to_vec()),
        of("a line of spaces", b"   \t  \n".to_vec()),
        of("lines that end with CR, or CR and LF", b"not bad\rnot\tgood\r\nawful\n\rgood\n".to_vec()),
        of("control bytes", ended(controlled.collect())),
        of("broken UTF-8", ended(broken())),
        of(
            "a character that the line's end breaks",
            b"good \xF0\x9F\x98\nbad \xE2\x82\rfine \xC3\n".to_vec(),
        ),
        of("any bytes", ended(noise(3000))),
        line("words of 30 to 69 bytes", &lengths.join(" ")),
        line("a word of 10 kB", &"a".repeat(LONG)),
        line("a word of 10 kB, two bytes a letter", &"ß".repeat(LONG / 2)),
        line("a word of 10 kB of marks", &format!("e{}", "\u{301}".repeat(LONG / 2))),
        line("a line of 10 kB of spaces", &format!("good{}bad", " ".repeat(LONG))),
        line("a line of 10 kB, full of words", &take_bytes(&words, LONG)),
        line(
            "thousands of words without a pause",
            &words.iter().copied().cycle().take(2500).collect::<Vec<_>>().join(" "),
        ),
        of(
            "many short lines",
            words.iter().take(200).flat_map(|word| [word, "\n"]).collect::<String>().into(),
        ),
        of("paragraphs", paragraphs()),
    ]);
    texts
}

/// A text of very many words, for the clock.
#[must_use]
pub fn long() -> Vec<u8> {
    let words: Vec<&str> = review_texts().flat_map(str::split_whitespace).take(2000).collect();
    ended(words.join(" ").into_bytes())
}

fn line(name: &'static str, text: &str) -> Text {
    of(name, ended(text.as_bytes().to_vec()))
}

const fn of(name: &'static str, bytes: Vec<u8>) -> Text {
    Text { name, bytes }
}

/// As one line, without control bytes of the session.
fn ended(mut bytes: Vec<u8>) -> Vec<u8> {
    for byte in &mut bytes {
        *byte = if matches!(*byte, b'\n' | b'\r') { b' ' } else { sanitise(*byte) };
    }
    bytes.push(b'\n');
    bytes
}

/// Words around sequences of bytes that are no characters: lone and missing continuations, forms that are too long,
/// surrogates, what lies behind the last character.
fn broken() -> Vec<u8> {
    let wrong: [&[u8]; 9] = [
        b"\x80",
        b"\xBF\xBF",
        b"\xC3",
        b"\xC0\xAF",
        b"\xE2\x82",
        b"\xED\xA0\x80",
        b"\xF0\x9F",
        b"\xF4\x90\x80\x80",
        b"\xFF\xFE",
    ];
    wrong.iter().flat_map(|wrong| [b"go", *wrong, b"od ", *wrong, b" bad"].concat()).collect()
}

/// Bytes without a pattern, the same ones each time (a linear congruential generator, Knuth's constants of MMIX).
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn take_bytes(words: &[&str], bytes: usize) -> String {
    let mut text = String::new();
    let mut words = words.iter().cycle();
    while text.len() < bytes
        && let Some(word) = words.next()
    {
        text += word;
        text.push(' ');
    }
    text
}

fn paragraphs() -> Vec<u8> {
    let mut bytes = vec![PARAGRAPHS];
    bytes.extend(b"slow,\nbut superb\r\nall in all\n \t \n\n\nnot\nbad\n\n");
    bytes.push(LINES);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing in a text asks for a greeting, ends the conversation or holds the other side up.
    #[test]
    fn texts_speak_to_the_session_where_that_is_meant() {
        let texts = texts(b"good bad telltale");
        assert!(texts.len() > 50);
        for text in &texts {
            let spoken = text.bytes.iter().filter(|&&byte| byte != sanitise(byte)).count();
            assert_eq!(spoken, if text.name == "paragraphs" { 2 } else { 0 }, "{}", text.name);
        }
        assert!(texts.iter().any(|text| text.bytes.len() > LONG));
        assert!(long().iter().filter(|&&byte| byte == b' ').count() > 1000);
    }
}
