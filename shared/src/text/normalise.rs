//! Texts that look the same become the same characters.
//!
//! | input | becomes | source |
//! |---|---|---|
//! | upper case | lower case, by the simple mapping | UAX #44, `Simple_Lowercase_Mapping` |
//! | `İ`, `I`, `ı`, `i̇` | `i` | UTS #39 (confusable); the tailorings for Turkish would require knowing the language |
//! | final sigma, long s | `σ`, `s` | CaseFolding.txt, status C |
//! | a letter and its marks, in any canonical order | the composed letter | UAX #15, composition, including its exclusions |
//! | two-part vowels of Thai and Lao, also with a tone mark between the parts | `ำ`, `ຳ`, after the tone mark | UAX #15, compatibility mappings |
//! | `เเ`, `ເເ` | `แ`, `ແ` | they look the same |
//! | `ş`, `ţ` | `ș`, `ț` | the same letters of Romanian in older encodings |
//! | kaf and yeh of Persian | those of Arabic | UTS #39 (confusables) |
//! | conjoining jamo | the syllable | Unicode Standard 3.12 |
//! | canonical singletons (`Å`, `Ω`, `;` of Greek …) | what they decompose to | UAX #15 |
//! | full-width and half-width forms, ligatures `ﬀ` to `ﬆ`, `…` | ordinary characters | UAX #15, compatibility mappings |
//! | Latin letters and digits of mathematics, the forms of the letters of Arabic, Persian and Urdu and of lam-alef | ordinary characters | UAX #15, compatibility mappings |
//! | `’`, `‘`, `ʼ`, `` ` ``, `´`, `′`, geresh and the like | `'` | UTS #39 (confusables) |
//! | `“`, `”`, `„`, `″` and the like | `"` | UTS #39 |
//! | hyphens, dashes, the minus sign | `-` | UTS #39; general category Pd |
//! | white space and control characters | a space | UAX #44, `White_Space`; category Cc |
//! | soft hyphens, joiners, variation selectors, marks of direction, byte order marks | nothing | UAX #44, `Default_Ignorable_Code_Point` |
//! | tatweel, enclosing marks (keycaps) | nothing | they are only decoration |
//!
//! U+0091 to U+0097 count as the quotes and dashes that they are in Windows-1252 (Encoding Standard). A zero width
//! joiner is kept after an emoji, which it turns into another. Compatibility ideographs and superscripts stay as they
//! are, and so do letters of one script that look like those of another.
//!
//! Marks that do not compose follow the letter in the order of their code points; this is not the canonical order, but
//! equivalent: canonically equivalent orders give the same result.

use super::characters::{JOINER, Kind, Numbers, is_picture, is_plain_letter};
use super::{APOSTROPHE, END, SPACE, unicode};

/// How many marks of one letter are ordered; later ones are read one by one.
pub(super) const ORDERED: usize = 5;

/// Room for [`ORDERED`] marks, and three that the letter had.
pub(super) const MARKS: usize = ORDERED + 3;

/// No character.
const NONE: u32 = 0;

/// The first parts of two-part vowels of Thai and Lao.
const NIKHAHIT: u32 = 0xE4D;
const NIGGAHITA: u32 = 0xECD;

/// The vowels of Thai and Lao that look, doubled, like the vowel that follows them in code order.
const SARA_E: u32 = 0xE40;
const VOWEL_E: u32 = 0xEC0;

/// Composes characters: one letter, and the marks on it, are held back until the next letter comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normaliser {
    /// The letter, or any other character.
    pub(super) held: u32,
    pub(super) marks: [u16; MARKS],
    pub(super) count: u8,
}

impl Normaliser {
    pub(super) const fn new() -> Self {
        Self { held: NONE, marks: [0; MARKS], count: 0 }
    }

    /// Takes a visible ASCII character, in lower case. Returns the character held before, if that had no marks.
    #[inline(always)]
    pub(super) const fn exchange(&mut self, code: u32) -> Option<u32> {
        if self.count > 0 || self.held == NONE {
            return None;
        }
        let before = self.held;
        self.held = code;
        Some(before)
    }

    /// Takes a character or [`END`]; `out` is called with those that are settled.
    pub(super) fn push(&mut self, code: u32, out: &mut impl FnMut(u32)) {
        let (code, is_mark) = fold(code);
        match code {
            NONE => {}
            JOINER if is_picture(self.held) => {
                self.flush(out);
                out(JOINER);
            }
            JOINER => {}
            END => {
                self.flush(out);
                out(END);
            }
            0x2026 | 0xFB00..=0xFB06 => {
                let parts: &[u8] = match code {
                    0xFB00 => b"ff",
                    0xFB01 => b"fi",
                    0xFB02 => b"fl",
                    0xFB03 => b"ffi",
                    0xFB04 => b"ffl",
                    0x2026 => b"...",
                    _ => b"st",
                };
                for &part in parts {
                    self.place(part.into(), false, out);
                }
            }
            0xFEF5..=0xFEFC => {
                let alefs = [0x622, 0x623, 0x625, 0x627];
                self.place(0x644, false, out);
                self.place(alefs.get((code as usize - 0xFEF5) / 2).copied().unwrap_or(NONE), false, out);
            }
            _ => self.place(code, is_mark, out),
        }
    }

    /// Passes what is held back to `out`.
    fn flush(&mut self, out: &mut impl FnMut(u32)) {
        if self.held == NONE {
            return;
        }
        if self.count > 0 {
            self.compose();
        }
        out(self.held);
        self.give_marks(out);
        self.held = NONE;
    }

    fn give_marks(&mut self, out: &mut impl FnMut(u32)) {
        for &mark in self.marks.get(..self.count.into()).unwrap_or(&[]) {
            out(mark.into());
        }
        self.count = 0;
    }

    fn place(&mut self, code: u32, is_mark: bool, out: &mut impl FnMut(u32)) {
        if self.held != NONE {
            if is_mark && usize::from(self.count) < ORDERED {
                return self.insert(code as u16, 1);
            }
            if (self.count == 0 || matches!(self.held, NIKHAHIT | NIGGAHITA))
                && let Some(both) = join(self.held, code)
            {
                self.give_marks(out);
                self.held = both;
                return;
            }
            self.flush(out);
        }
        self.held = code;
        // A space takes no marks, and the word before it has ended.
        if code == SPACE {
            self.flush(out);
        }
    }

    /// Puts a mark in its place: after (`after` = 1) or before (0) those of its class.
    fn insert(&mut self, mark: u16, after: u32) {
        let place = order(mark) + after;
        let mut at = usize::from(self.count);
        // From the back, so that each mark moves by one.
        while at > 0 {
            let Some(&before) = self.marks.get(at - 1) else { return };
            if order(before) < place {
                break;
            }
            if let Some(to) = self.marks.get_mut(at) {
                *to = before;
            }
            at -= 1;
        }
        if let Some(to) = self.marks.get_mut(at) {
            *to = mark;
            self.count += 1;
        }
    }

    /// Composes the letter with as many of its marks as it can.
    fn compose(&mut self) {
        self.join_marks();
        let composes = |&mark: &u16| order(mark) < NEVER;
        if self.held >= 0x80 && self.marks.iter().take(self.count.into()).any(composes) {
            // The letter may have marks that come after one of these: `ê` and a dot below are `ệ`.
            while let Some((base, mark)) = split(self.held) {
                self.held = base;
                self.insert(mark, 0);
            }
            self.join_marks();
        }
    }

    fn join_marks(&mut self) {
        let mut left = 0;
        for at in 0..usize::from(self.count) {
            let Some(&mark) = self.marks.get(at) else { return };
            if let Some(both) = pair(self.held, mark.into()) {
                self.held = both;
            } else if let Some(to) = self.marks.get_mut(left) {
                *to = mark;
                left += 1;
            }
        }
        self.count = left as u8;
    }
}

/// The normalised character for a character, [`NONE`] if it is invisible, and whether it is a combining mark.
fn fold(code: u32) -> (u32, bool) {
    let code = match code {
        // Full-width ASCII.
        0xFF01..=0xFF5E => code - 0xFEE0,
        // Alphabets and digits of mathematics.
        0x1_D400..=0x1_D6A3 => 0x61 + (code - 0x1_D400) % 26,
        0x1_D7CE..=0x1_D7FF => 0x30 + (code - 0x1_D7CE) % 10,
        0xFB50..=0xFBB1 => letter_of_form(code - 0xFB50),
        0xFBFC..=0xFBFF => letter_of_form(code - 0xFBFC + 98),
        0xFE80..=0xFEF4 => letter_of_form(code - 0xFE80 + 102),
        0xFF65..=0xFF9F => {
            0x3000 | unicode::HALF_WIDTH_KANA.get(code as usize - 0xFF65).map_or(0, |&low| u32::from(low))
        }
        _ => code,
    };
    let one = match code {
        0x41..=0x5A => code + 0x20,
        0x60 => APOSTROPHE,
        0..0x20 | 0x7F => SPACE,
        0..0x80 | JOINER => code,
        _ if is_plain_letter(code) => code,
        _ => match Kind::of(code) {
            Kind::Ignored => NONE,
            Kind::Space => SPACE,
            Kind::Apostrophe => APOSTROPHE,
            Kind::Quote => u32::from(b'"'),
            Kind::Dash => u32::from(b'-'),
            Kind::Alone | Kind::Mark => code,
            Kind::Combining => return (mapped(code), true),
            Kind::None => mapped(code),
        },
    };
    (one, false)
}

/// The letter of a form, by the form's index among all one-letter Arabic Presentation Forms.
fn letter_of_form(place: u32) -> u32 {
    let mut numbers = Numbers::new(&unicode::FORMS, 0);
    let (mut letter, mut end) = (0u32, 0);
    while end <= place {
        letter = letter.wrapping_add(numbers.next_signed());
        end += 1 + numbers.next();
    }
    letter
}

/// Single characters for others: simple lower case, canonical singletons and half-width jamo.
pub(super) fn mapped(code: u32) -> u32 {
    if code >= 0x2_0000 {
        return code;
    }
    let (mut last, mut numbers) = Numbers::of(code - 1, &unicode::FOLD_STARTS, &unicode::FOLD);
    loop {
        let first = last + 1 + numbers.next();
        let extent = numbers.next();
        let add = numbers.next_signed();
        let every_other = extent & 1;
        last = first + ((extent >> 1) << every_other);
        if code <= last {
            let mapped = first <= code && (code - first) & every_other == 0;
            return if mapped { code.wrapping_add(add) } else { code };
        }
    }
}

/// The character composed of two that are not letter and mark: parts of a syllable (Unicode Standard 3.12), of a vowel.
fn join(first: u32, second: u32) -> Option<u32> {
    const SYLLABLES: u32 = 0xAC00;
    let (lead, vowel, tail) =
        (first.wrapping_sub(0x1100), second.wrapping_sub(0x1161), second.wrapping_sub(0x11A7));
    if lead < 19 && vowel < 21 {
        return Some(SYLLABLES + (lead * 21 + vowel) * 28);
    }
    let syllable = first.wrapping_sub(SYLLABLES);
    if syllable < 19 * 21 * 28 && syllable.is_multiple_of(28) && tail.wrapping_sub(1) < 27 {
        return Some(first + tail);
    }
    if first == second && matches!(first, SARA_E | VOWEL_E) {
        return Some(first + 1);
    }
    if second < 0x900 { None } else { pair(first, second) }
}

/// The order of marks that do not compose with any letter.
const NEVER: u32 = 0x100;

/// A mark's rank among others: composing marks by canonical combining class, then the rest by code point.
fn order(mark: u16) -> u32 {
    let Some(at) = group(mark.into()) else { return NEVER + 2 * u32::from(mark) };
    let at = if at + 1 < unicode::PAIRS_STARTS.len() { at.min(unicode::FIRST_ABOVE) } else { at };
    2 * at as u32
}

/// The group of pairs of a mark.
fn group(mark: u32) -> Option<usize> {
    unicode::PAIRS_STARTS.iter().position(|start| start >> 16 == mark)
}

/// Calls `each` with the composed letters of a group and their bases until it returns something.
fn search<T>(start: u32, mut each: impl FnMut(u32, u32) -> Option<T>) -> Option<T> {
    let mut numbers = Numbers::new(&unicode::PAIRS, start & 0xFFFF);
    let (mut both, mut base) = (0, 0u32);
    loop {
        match numbers.next() {
            0 => return None,
            further => both += further,
        }
        base = base.wrapping_add(numbers.next_signed());
        if let Some(found) = each(both, base) {
            return Some(found);
        }
    }
}

/// The composed letter of a letter and a mark.
fn pair(letter: u32, mark: u32) -> Option<u32> {
    let &start = unicode::PAIRS_STARTS.get(group(mark)?)?;
    search(start, |both, base| (base == letter).then_some(both))
}

/// The letter and the mark of a composed letter.
fn split(letter: u32) -> Option<(u32, u16)> {
    let own = |both, base| (both == letter && both != base).then_some(base);
    unicode::PAIRS_STARTS.iter().find_map(|&start| Some((search(start, own)?, (start >> 16) as u16)))
}
