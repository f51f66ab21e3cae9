//! HTML in text: tags vanish, unless the model reads them as text, and entities become the characters they stand for.
//!
//! What may be a tag or an entity is held back until it is certain; if it is neither, it is text like any other. `<`
//! starts a tag (HTML Living Standard, 13.1.2) if
//!
//! - the name of an HTML element follows, perhaps after `/`, in letters of one case: `Vec<u8>`,
//!   `a<b`, `<Oct 20th` are text;
//! - all that follows up to `>`, or to the `=` of the first attribute with a value, is names of attributes without a
//!   value: `a <b and c> d` is text;
//! - all of this takes at most [`HELD`] bytes.
//!
//! After the first `=` the tag continues to the next `>` outside quotes; comments, declarations and processing
//! instructions are tags, too. After [`TAG_LIMIT`] characters without an end, text resumes.
//!
//! `&` starts an entity (13.5) if a decimal or hexadecimal number or one of the names below
//! follows, and `;`.

use super::word::step;
use super::{END, SPACE};

/// How many characters a tag may have after its first `=` before the rest is read as text again.
pub const TAG_LIMIT: u16 = 1000;

/// The most bytes held back.
pub(super) const HELD: usize = 32;

/// The longest entity: `&#x10FFFF`.
const ENTITY: usize = 9;

/// The names of HTML's elements (chapter 4, and the obsolete ones of 16.2), of its attributes without a
/// value (chapter 4, "Boolean attributes"), and how declarations start.
#[rustfmt::skip]
static NAMES: [u16; 163] = hashes([
    "!doctype", "?xml", // declarations
    "a", "abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base", "basefont",
    "bdi", "bdo", "bgsound", "big", "blink", "blockquote", "body", "br", "button", "canvas", "caption", "center",
    "cite", "code", "col", "colgroup", "data", "datalist", "dd", "del", "details", "dfn", "dialog", "dir", "div",
    "dl", "dt", "em", "embed", "fieldset", "figcaption", "figure", "font", "footer", "form", "frame", "frameset",
    "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html", "i", "iframe", "img", "input",
    "ins", "kbd", "label", "legend", "li", "link", "main", "map", "mark", "marquee", "menu", "meta", "meter",
    "nav", "nobr", "noembed", "noframes", "noscript", "object", "ol", "optgroup", "option", "output", "p",
    "param", "picture", "pre", "progress", "q", "rp", "rt", "ruby", "s", "samp", "script", "search", "section",
    "select", "slot", "small", "source", "span", "strike", "strong", "style", "sub", "summary", "sup", "table",
    "tbody", "td", "template", "textarea", "tfoot", "th", "thead", "time", "title", "tr", "track", "tt", "u",
    "ul", "var", "video", "wbr", "xmp", // elements
    "allowfullscreen", "async", "autofocus", "autoplay", "checked", "compact", "controls", "default", "defer",
    "disabled", "formnovalidate", "hidden", "inert", "ismap", "itemscope", "loop", "multiple", "muted",
    "nohref", "nomodule", "noresize", "noshade", "novalidate", "nowrap", "open", "playsinline", "readonly",
    "required", "reversed", "selected", // attributes
]);

/// Named entities (13.5) and what they stand for; names are read in any case. The name of a mark also ends the names of
/// letters with it: `&eacute;`.
static ENTITIES: [(u16, u16); 51] = [
    named("amp", '&'),
    named("lt", '<'),
    named("gt", '>'),
    named("quot", '"'),
    named("apos", '\''),
    named("nbsp", ' '),
    named("ensp", ' '),
    named("emsp", ' '),
    named("thinsp", ' '),
    named("shy", '\u{AD}'),
    named("zwnj", '\u{200C}'),
    named("zwj", '\u{200D}'),
    named("lsquo", '\''),
    named("rsquo", '\''),
    named("ldquo", '"'),
    named("rdquo", '"'),
    named("laquo", '«'),
    named("raquo", '»'),
    named("ndash", '-'),
    named("mdash", '-'),
    named("hellip", '…'),
    named("middot", '·'),
    named("bull", '•'),
    named("copy", '©'),
    named("reg", '®'),
    named("trade", '™'),
    named("deg", '°'),
    named("sect", '§'),
    named("times", '×'),
    named("frac12", '½'),
    named("larr", '←'),
    named("rarr", '→'),
    named("hearts", '♥'),
    named("iexcl", '¡'),
    named("iquest", '¿'),
    named("cent", '¢'),
    named("euro", '€'),
    named("pound", '£'),
    named("yen", '¥'),
    named("szlig", 'ß'),
    named("aelig", 'æ'),
    named("oslash", 'ø'),
    named("oelig", 'œ'),
    named("grave", '\u{300}'),
    named("acute", '\u{301}'),
    named("circ", '\u{302}'),
    named("tilde", '\u{303}'),
    named("uml", '\u{308}'),
    named("ring", '\u{30A}'),
    named("caron", '\u{30C}'),
    named("cedil", '\u{327}'),
];

const fn named(name: &str, character: char) -> (u16, u16) {
    (hash(name.as_bytes()), character as u16)
}

const fn hashes<const N: usize>(names: [&str; N]) -> [u16; N] {
    let mut hashes = [0; N];
    let mut at = 0;
    while at < N {
        hashes[at] = hash(names[at].as_bytes());
        at += 1;
    }
    hashes
}

/// A name's hash regardless of case: FNV-1a, its halves folded together.
const fn hash(name: &[u8]) -> u16 {
    let (mut hash, mut at) = (0x811C_9DC5, 0);
    while at < name.len() {
        hash = step(hash, name[at].to_ascii_lowercase());
        at += 1;
    }
    (hash >> 16 ^ hash) as u16
}

/// Where a text stands with respect to HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// What is held back may become a tag or an entity.
    Held,
    /// Certainly in a tag, or in a comment: what came last, and how many characters may follow.
    Inside(Inside, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// Between attributes, or in a value without quotes.
    Attributes,
    /// Directly after `=`.
    Equals,
    /// In a value in quotes of one kind or the other.
    Double,
    Single,
    /// In a comment, after no, one, two or more hyphens.
    Comment,
    Hyphen,
    Hyphens,
}

/// The verdict on what is held back, after one more character.
enum Verdict {
    /// It may still become a tag or an entity.
    More,
    /// It is text, and the character is yet to be read.
    Text,
    /// It is a tag that ends here.
    Tag,
    Inside(Inside),
    /// It is an entity: one or two characters, the second of which may be none.
    Entity(u32, u32),
}

/// Takes characters and passes on those that are text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Markup {
    state: State,
    pub(super) held: [u8; HELD],
    pub(super) count: u8,
}

impl Markup {
    pub(super) const fn new() -> Self {
        Self { state: State::Text, held: [0; HELD], count: 0 }
    }

    /// The state as a number, and the characters that may follow inside a tag.
    pub(super) const fn state(&self) -> (u8, u16) {
        match self.state {
            State::Text => (0, 0),
            State::Held => (1, 0),
            State::Inside(inside, left) => (2 + inside as u8, left),
        }
    }

    /// With a [state](Self::state), and bytes held back; `None` if these are not valid.
    pub(super) fn restored(state: u8, left: u16, held: [u8; HELD], count: u8) -> Option<Self> {
        const INSIDE: [Inside; 7] = [
            Inside::Attributes,
            Inside::Equals,
            Inside::Double,
            Inside::Single,
            Inside::Comment,
            Inside::Hyphen,
            Inside::Hyphens,
        ];
        let state = match state {
            0 => State::Text,
            1 => State::Held,
            inside => State::Inside(*INSIDE.get(usize::from(inside) - 2)?, left),
        };
        (usize::from(count) <= HELD && held.is_ascii()).then_some(Self { state, held, count })
    }

    /// Whether the last character was text.
    pub(super) const fn is_text(&self) -> bool {
        matches!(self.state, State::Text)
    }

    /// Takes a character or [`END`]; `text` is called with the characters that are text, and with a space for a tag
    /// unless tags `are_text`.
    pub(super) fn push(&mut self, code: u32, are_text: bool, text: &mut impl FnMut(u32)) {
        match self.state {
            State::Text => {}
            State::Held => match self.judge(code) {
                Verdict::More if self.hold(code as u8) => return,
                Verdict::More | Verdict::Text => self.give_back(text),
                Verdict::Tag => {
                    self.state = State::Text;
                    return text(SPACE);
                }
                Verdict::Inside(inside) => {
                    self.state = State::Inside(inside, TAG_LIMIT);
                    return;
                }
                Verdict::Entity(first, second) => {
                    self.state = State::Text;
                    text(first);
                    if second > 0 {
                        text(second);
                    }
                    return;
                }
            },
            State::Inside(inside, left) => {
                if let Some(inside) = next(inside, code)
                    && left > 0
                    && code != END
                {
                    self.state = State::Inside(inside, left - 1);
                    return;
                }
                self.state = State::Text;
                if code != END {
                    return text(SPACE);
                }
            }
        }
        if code == u32::from(b'<') && !are_text || code == u32::from(b'&') {
            self.count = 0;
            self.hold(code as u8);
            self.state = State::Held;
        } else {
            text(code);
        }
    }

    fn give_back(&mut self, text: &mut impl FnMut(u32)) {
        self.state = State::Text;
        for &byte in self.held() {
            text(byte.into());
        }
    }

    fn held(&self) -> &[u8] {
        self.held.get(..self.count.into()).unwrap_or(&[])
    }

    /// Holds a byte back. Returns whether there was room for it.
    fn hold(&mut self, byte: u8) -> bool {
        let Some(to) = self.held.get_mut(usize::from(self.count)) else { return false };
        *to = byte;
        self.count += 1;
        true
    }

    fn judge(&self, code: u32) -> Verdict {
        let byte = code.min(0xFF) as u8;
        match self.held() {
            [b'&', entity @ ..] => match byte {
                b';' => {
                    decode(entity).map_or(Verdict::Text, |(first, second)| Verdict::Entity(first, second))
                }
                b'#' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' if entity.len() < ENTITY => Verdict::More,
                _ => Verdict::Text,
            },
            [_, tag @ ..] => {
                // The name or attribute that `byte` continues or ends.
                let before = tag.iter().rposition(|&byte| is_between(byte)).map_or(0, |at| at + 1);
                let name = tag.get(before..).unwrap_or(&[]);
                match byte {
                    b'-' if name == b"!-" => Verdict::Inside(Inside::Comment),
                    b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'?' => Verdict::More,
                    b'0'..=b'9' | b'-' | b'_' | b':' if !name.is_empty() => Verdict::More,
                    b'/' if tag.is_empty() => Verdict::More,
                    b'=' if before > 1 && !name.is_empty() => Verdict::Inside(Inside::Equals),
                    _ if !is_between(byte) || matches!(tag, [] | [b'/']) || !is_known(name) => Verdict::Text,
                    b'>' => Verdict::Tag,
                    _ if matches!(name, [b'!' | b'?', ..]) => Verdict::Inside(Inside::Attributes),
                    _ => Verdict::More,
                }
            }
            [] => Verdict::Text,
        }
    }
}

/// Whether a byte separates the names in a tag, or ends the tag.
const fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0C | b'/' | b'>')
}

/// Whether a name is one of HTML's, in letters of one case, or empty.
fn is_known(name: &[u8]) -> bool {
    let one_case = name.iter().all(|byte| !byte.is_ascii_uppercase())
        || name.iter().all(|byte| !byte.is_ascii_lowercase());
    name.is_empty() || one_case && NAMES.contains(&hash(name))
}

/// The state inside a tag after one more character; `None` if the tag has ended.
const fn next(inside: Inside, code: u32) -> Option<Inside> {
    let byte = if code < 0x80 { code as u8 } else { 0 };
    Some(match (inside, byte) {
        (Inside::Hyphens | Inside::Attributes | Inside::Equals, b'>') => return None,
        (Inside::Hyphen | Inside::Hyphens, b'-') => Inside::Hyphens,
        (Inside::Comment, b'-') => Inside::Hyphen,
        (Inside::Comment | Inside::Hyphen | Inside::Hyphens, _) => Inside::Comment,
        (Inside::Equals, b'"') => Inside::Double,
        (Inside::Equals, b'\'') => Inside::Single,
        (Inside::Double, b'"') | (Inside::Single, b'\'') => Inside::Attributes,
        (Inside::Double | Inside::Single, _) => inside,
        (Inside::Attributes, b'=') | (Inside::Equals, b' ') => Inside::Equals,
        _ => Inside::Attributes,
    })
}

/// The characters of the entity between `&` and `;`.
fn decode(entity: &[u8]) -> Option<(u32, u32)> {
    if let [b'#', number @ ..] = entity {
        let (digits, base) = match number {
            [b'x' | b'X', digits @ ..] => (digits, 16),
            digits => (digits, 10),
        };
        let mut code = 0;
        for &digit in digits {
            let value = if digit < b'A' { digit.wrapping_sub(b'0') } else { (digit | 0x20) - (b'a' - 10) };
            if value >= base {
                return None;
            }
            code = code * u32::from(base) + u32::from(value);
        }
        // An invalid character cuts words, like invalid UTF-8.
        let code = char::from_u32(code).map_or(SPACE, u32::from);
        return (!digits.is_empty()).then_some((code, 0));
    }
    let find = |name: &[u8]| {
        let hash = hash(name);
        ENTITIES.iter().find(|entity| entity.0 == hash).map(|entity| u32::from(entity.1))
    };
    let mut found = None;
    for (name, letter) in [(entity.get(1..)?, *entity.first()?), (entity, 0)] {
        if let Some(code) = find(name) {
            found = Some((letter, code));
        }
    }
    found.map(|(letter, code)| if letter > 0 { (letter.into(), code) } else { (code, 0) })
}
