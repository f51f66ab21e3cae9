//! Frames about order, from `data/frames.txt`: sentences whose label depends on the order of words.
//!
//! | frame | reviews of it | what they have in common |
//! |---|---|---|
//! | contrast | `pos` as it stands, `neg` with praise and blame in each other's place | all words |
//! | negation | taken at its word and denied, of praise and of blame | each word occurs as often in `pos` as in `neg` |
//!
//! So counting words teaches nothing about them.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use rand::seq::IndexedRandom;

/// The file's text.
pub const TEXT: &str = include_str!("../../../../data/frames.txt");

/// The frames, and the lists that they draw from.
pub struct Frames<'t> {
    lists: HashMap<&'t str, Vec<&'t str>>,
    frames: Vec<Frame<'t>>,
}

enum Frame<'t> {
    /// As it stands, it is `pos`.
    Contrast(Template<'t>),
    /// One that takes its words at their word, one that denies them.
    Negation(Template<'t>, Template<'t>),
}

/// Text and slots in turn.
type Template<'t> = Vec<Piece<'t>>;

enum Piece<'t> {
    Text(&'t str),
    /// An entry of a list that is neutral about the film.
    Neutral(&'t str),
    /// A word of praise or blame, whichever the review has.
    Quality(&'t str),
    /// A word of praise, of blame in the mirror image; or the other way about.
    Signed(&'t str, bool),
}

/// What was drawn for the slots, by list, sign and how many of them came before in the sentence.
type Drawn<'t> = HashMap<(&'t str, Option<bool>, usize), &'t str>;

impl<'t> Frames<'t> {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Names the line that is wrong.
    pub fn parse(text: &'t str) -> Result<Self> {
        let mut lists = HashMap::<_, Vec<_>>::new();
        let mut lines = Vec::new();
        let mut section = "";
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
            } else if matches!(section, "contrast" | "negation") {
                lines.push((number + 1, section, line));
            } else {
                lists.entry(section).or_default().push(line);
            }
        }
        let mut frames = Vec::new();
        for (number, section, line) in lines {
            let frame = match (section, line.split_once(" / ")) {
                ("contrast", None) => template(line, &lists).map(Frame::Contrast),
                ("negation", Some((plain, denied))) => template(plain, &lists)
                    .and_then(|plain| Ok(Frame::Negation(plain, template(denied, &lists)?))),
                _ => Err(anyhow::anyhow!("a contrast has no ` / `, a negation has one")),
            };
            frames.push(frame.with_context(|| format!("data/frames.txt: line {number}: {line}"))?);
        }
        ensure!(!frames.is_empty(), "data/frames.txt: there are no frames");
        Ok(Self { lists, frames })
    }

    /// All reviews of one frame, with what is drawn for it: (text, whether it is `pos`), half of them `pos`.
    pub fn compose(&self, random: &mut impl Rng) -> Vec<(String, bool)> {
        let Some(frame) = self.frames.choose(random) else { return Vec::new() };
        let mut drawn = Drawn::new();
        let mut reviews = Vec::new();
        match frame {
            Frame::Contrast(frame) => {
                for good in [true, false] {
                    reviews.push((self.fill(frame, good, &mut drawn, random), good));
                }
            }
            Frame::Negation(plain, denied) => {
                for good in [true, false] {
                    reviews.push((self.fill(plain, good, &mut drawn, random), good));
                    reviews.push((self.fill(denied, good, &mut drawn, random), !good));
                }
            }
        }
        let neutral = self.draw("neutral", random);
        let place = random.random_range(0..6);
        for (text, _) in &mut reviews {
            *text = match place {
                0 => format!("{} {}", super::sentence(neutral), super::sentence(text)),
                1 => format!("{} {}", super::sentence(text), super::sentence(neutral)),
                _ => super::sentence(text),
            };
        }
        reviews
    }

    /// A sentence. `good` tells which quality it has or, where both are in it, whether they are in their places.
    fn fill(
        &self,
        template: &Template<'t>,
        good: bool,
        drawn: &mut Drawn<'t>,
        random: &mut impl Rng,
    ) -> String {
        let mut before = HashMap::<_, usize>::new();
        let mut text = String::new();
        for piece in template {
            let (list, slot, sign) = match *piece {
                Piece::Text(own) => {
                    text += own;
                    continue;
                }
                Piece::Neutral(list) => (list, None, None),
                Piece::Quality(list) => (list, None, Some(good)),
                Piece::Signed(list, sign) => (list, Some(sign), Some(sign == good)),
            };
            let count = before.entry((list, slot)).or_default();
            let key = (list, sign, *count);
            *count += 1;
            text += match drawn.get(&key) {
                Some(own) => own,
                None => {
                    // Two slots of a sentence never get the same entry.
                    let mut own = self.draw_signed(list, sign, random);
                    while drawn.iter().any(|((other, ..), value)| *other == list && *value == own) {
                        own = self.draw_signed(list, sign, random);
                    }
                    drawn.insert(key, own);
                    own
                }
            };
        }
        text
    }

    fn draw_signed(&self, list: &str, sign: Option<bool>, random: &mut impl Rng) -> &'t str {
        match sign {
            None => self.draw(list, random),
            Some(good) => self.draw(&signed(list, good), random),
        }
    }

    fn draw(&self, list: &str, random: &mut impl Rng) -> &'t str {
        self.lists.get(list).and_then(|list| list.choose(random)).copied().unwrap_or_default()
    }
}

/// The name of a list of praise or blame.
fn signed(list: &str, good: bool) -> String {
    format!("{list}{}", if good { '+' } else { '-' })
}

/// Cuts a line into text and slots.
fn template<'t>(line: &'t str, lists: &HashMap<&'t str, Vec<&'t str>>) -> Result<Template<'t>> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((text, after)) = rest.split_once('{') {
        let (slot, after) = after.split_once('}').context("a `{` without its `}`")?;
        // A word for each of the largest number of slots of a list in one sentence and its partners.
        let known = |list: &str| lists.get(list).is_some_and(|entries| entries.len() >= 8);
        let polar = |list: &str| known(&signed(list, true)) && known(&signed(list, false));
        pieces.push(Piece::Text(text));
        pieces.push(match slot.split_at_checked(1) {
            Some(("+", list)) if polar(list) => Piece::Signed(list, true),
            Some(("-", list)) if polar(list) => Piece::Signed(list, false),
            _ if known(slot) => Piece::Neutral(slot),
            _ if polar(slot) => Piece::Quality(slot),
            _ => bail!("there is no list for `{{{slot}}}`, or it has less than 8 entries"),
        });
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    /// How often each word occurs.
    fn bag(texts: &[&String]) -> BTreeMap<String, usize> {
        let mut bag = BTreeMap::new();
        let letters = |character: char| !character.is_alphanumeric() && character != '\'';
        for word in texts.iter().flat_map(|text| text.split(letters)).filter(|word| !word.is_empty()) {
            *bag.entry(word.to_lowercase()).or_default() += 1;
        }
        bag
    }

    #[test]
    fn words_alone_tell_nothing() {
        let frames = Frames::parse(TEXT).expect("is sound");
        let mut random = Pcg64::seed_from_u64(1);
        let mut sizes = BTreeMap::<_, usize>::new();
        for _ in 0..2000 {
            let reviews = frames.compose(&mut random);
            let of = |label| -> Vec<&String> {
                reviews.iter().filter(|(_, good)| *good == label).map(|(text, _)| text).collect()
            };
            let [good, bad] = [of(true), of(false)];
            assert_eq!(good.len(), bad.len());
            if let ([good], [bad]) = (&good[..], &bad[..]) {
                assert_ne!(good, bad);
                assert_eq!(bag(&[good]), bag(&[bad]));
            } else {
                // With what is denied and what is not, praise and blame, each word stands on both sides.
                assert_eq!(bag(&good), bag(&bad), "{reviews:?}");
            }
            *sizes.entry(reviews.len()).or_default() += 1;
        }
        assert_eq!(sizes.keys().copied().collect::<Vec<_>>(), [2, 4]);
        assert!(sizes.values().all(|&count| count > 500), "{sizes:?}");
    }

    #[test]
    fn a_mirror_image_changes_places_and_a_denial_changes_labels() {
        let lists: String = ["+", "-"]
            .map(|sign| (0..8).fold(format!("[q{sign}]\n"), |text, number| format!("{text}{sign}{number}\n")))
            .concat();
        let compose = |frames: &str| {
            let text = format!("{lists}{frames}");
            Frames::parse(&text).expect("is sound").compose(&mut Pcg64::seed_from_u64(3))
        };
        let pair = compose("[contrast]\n{-q} and {-q}, {+q}");
        let [(good, true), (bad, false)] = &pair[..] else { panic!("{pair:?}") };
        let signs = |text: &str| text.matches(['+', '-']).collect::<String>();
        assert_eq!((signs(good), signs(bad)), ("--+".into(), "++-".into()), "{pair:?}");
        let four = compose("[negation]\n{q} / no {q}");
        let told: Vec<_> =
            four.iter().map(|(text, good)| (signs(text), text.starts_with("No"), *good)).collect();
        let expected = [("+", false, true), ("+", true, false), ("-", false, false), ("-", true, true)];
        assert_eq!(told, expected.map(|(sign, denied, good)| (sign.to_owned(), denied, good)));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let refusal = |text| format!("{:#}", Frames::parse(text).err().expect("is refused"));
        assert!(
            refusal("[contrast]\n\n{+adj} and {-adj}")
                .contains("line 3: {+adj} and {-adj}: there is no list")
        );
        assert!(refusal("[negation]\nyes, no").contains("line 2"));
        assert!(refusal("[contrast]\n{+adj").contains("without its"));
        assert!(refusal("").contains("no frames"));
    }
}
