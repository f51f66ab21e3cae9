//! Composed reviews that enlarge the embedded corpus's training split, never the others.
//!
//! The written reviews teach how people talk; the composed ones teach the weight of single words and the effect of
//! `not`, `but`, `than` and mock praise on them. Each is one to three sentences of one frame: plain, negation, contrast
//! (the second half decides), comparison or irony. Those of [`frames`] teach the effect of word order.

mod frames;

use anyhow::Result;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::Example;

/// How many reviews are composed by the functions in this file.
pub const PLAIN: usize = 4000;

/// How many reviews about order are composed, at least.
const ORDERED: usize = 6000;

/// What a review talks about, with the verb that fits.
const ASPECTS: [&str; 40] = [
    "the acting is",
    "the story is",
    "the plot is",
    "the script is",
    "the music is",
    "the ending is",
    "the pacing is",
    "the camera work is",
    "the dialogue is",
    "the cast is",
    "the lead actor is",
    "the lead actress is",
    "the humour is",
    "the opening is",
    "the last act is",
    "the final scene is",
    "the direction is",
    "the romance is",
    "the mystery is",
    "the villain is",
    "the hero is",
    "the idea is",
    "the whole film is",
    "this movie is",
    "this comedy is",
    "this thriller is",
    "this drama is",
    "this sequel is",
    "this documentary is",
    "this cartoon is",
    "this horror film is",
    "the songs are",
    "the jokes are",
    "the characters are",
    "the performances are",
    "the effects are",
    "the fights are",
    "the costumes are",
    "the pictures are",
    "the twists are",
];

const GOOD: [&str; 64] = [
    "good",
    "great",
    "excellent",
    "wonderful",
    "superb",
    "brilliant",
    "fantastic",
    "lovely",
    "beautiful",
    "charming",
    "funny",
    "hilarious",
    "clever",
    "smart",
    "witty",
    "sharp",
    "touching",
    "moving",
    "warm",
    "tender",
    "honest",
    "sincere",
    "natural",
    "believable",
    "convincing",
    "strong",
    "powerful",
    "gripping",
    "tense",
    "thrilling",
    "exciting",
    "fresh",
    "original",
    "inventive",
    "playful",
    "delightful",
    "enjoyable",
    "entertaining",
    "satisfying",
    "perfect",
    "magnificent",
    "gorgeous",
    "stunning",
    "memorable",
    "unforgettable",
    "impressive",
    "lively",
    "rich",
    "elegant",
    "thoughtful",
    "intelligent",
    "fascinating",
    "heartfelt",
    "uplifting",
    "marvellous",
    "amazing",
    "outstanding",
    "fine",
    "first rate",
    "fun",
    "joyful",
    "rewarding",
    "well made",
    "worth seeing",
];

const BAD: [&str; 64] = [
    "bad",
    "awful",
    "terrible",
    "horrible",
    "dreadful",
    "poor",
    "weak",
    "dull",
    "boring",
    "tedious",
    "slow",
    "flat",
    "lifeless",
    "empty",
    "hollow",
    "fake",
    "forced",
    "wooden",
    "stiff",
    "clumsy",
    "silly",
    "stupid",
    "dumb",
    "pointless",
    "predictable",
    "obvious",
    "stale",
    "tired",
    "lazy",
    "cheap",
    "ugly",
    "messy",
    "confusing",
    "loud",
    "annoying",
    "irritating",
    "painful",
    "unfunny",
    "bland",
    "forgettable",
    "disappointing",
    "a mess",
    "a disaster",
    "a waste of time",
    "a bore",
    "ridiculous",
    "laughable",
    "unbelievable in the worst way",
    "badly written",
    "badly acted",
    "poorly made",
    "sloppy",
    "cold",
    "shallow",
    "dreary",
    "endless",
    "far too long",
    "hard to sit through",
    "without charm",
    "without life",
    "amateurish",
    "pathetic",
    "worthless",
    "not worth seeing",
];

const GOOD_CLOSINGS: [&str; 34] = [
    "I loved it",
    "I loved every minute of it",
    "I enjoyed it very much",
    "I was never bored",
    "I laughed a lot",
    "I laughed until I cried",
    "I cried at the end and I was glad of it",
    "I could not look away",
    "I would see it again tomorrow",
    "I want to see it again",
    "I recommend it with all my heart",
    "highly recommended",
    "do not miss it",
    "go and see it",
    "a pleasure from start to finish",
    "a joy to watch",
    "a real gem",
    "a small treasure",
    "a triumph",
    "one of the best films of the year",
    "worth every penny",
    "time well spent",
    "it stayed with me for days",
    "it made my day",
    "we all had a great time",
    "my children loved it",
    "my whole family loved it",
    "I left the cinema with a smile",
    "I was on the edge of my seat",
    "it won me over",
    "I cannot praise it enough",
    "it deserves a big audience",
    "bravo to everyone involved",
    "I was charmed from the first scene",
];

const BAD_CLOSINGS: [&str; 34] = [
    "I hated it",
    "I hated every minute of it",
    "I did not enjoy it at all",
    "I was bored to tears",
    "I did not laugh once",
    "I fell asleep",
    "I nearly fell asleep",
    "I kept looking at my watch",
    "I walked out",
    "I would never see it again",
    "I want my money back",
    "I want those two hours back",
    "avoid it",
    "stay away from it",
    "do not waste your time",
    "do not waste your money",
    "save your money",
    "a total waste of time",
    "a complete failure",
    "a disaster from start to finish",
    "one of the worst films of the year",
    "not worth a penny",
    "I had forgotten it before I got home",
    "it ruined my evening",
    "we left before the end",
    "my children were bored",
    "nobody in my family liked it",
    "I left the cinema in a bad mood",
    "I could not wait for it to end",
    "it lost me after ten minutes",
    "I cannot recommend it to anyone",
    "it deserves to be forgotten",
    "shame on everyone involved",
    "I was annoyed from the first scene",
];

/// Said of something good or bad that the other half of the sentence overrules.
const CONCESSIONS_GOOD: [&str; 14] = [
    "the pictures are pretty",
    "the cast is famous",
    "the idea is good",
    "it starts well",
    "the first scene is great",
    "the music is nice",
    "the costumes are lovely",
    "the trailer was funny",
    "the poster is beautiful",
    "the book was wonderful",
    "the effects cost a fortune",
    "everybody tries hard",
    "there is one good joke",
    "I like the director",
];
const CONCESSIONS_BAD: [&str; 14] = [
    "it starts slowly",
    "the first half hour is slow",
    "the title is silly",
    "the effects look cheap",
    "the plot is old",
    "the trailer was terrible",
    "the reviews were bad",
    "it is a little too long",
    "I expected nothing",
    "I was ready to hate it",
    "the budget is tiny",
    "some jokes fall flat",
    "the poster is ugly",
    "the story has a few holes",
];

const RIVALS: [&str; 12] = [
    "the first film",
    "the book",
    "the original",
    "the last one",
    "the old version",
    "anything else this year",
    "most films of its kind",
    "the television series",
    "what the critics say",
    "the sequel",
    "the stage play",
    "the other one that everybody talks about",
];

const MOCK_PRAISE: [&str; 16] = [
    "a perfect film if you need to sleep",
    "great, if you like watching paint dry",
    "the best part is the end, because then it is over",
    "the best thing about it is the popcorn",
    "I have had more fun at the dentist",
    "brilliant, if the aim was to empty the cinema",
    "a wonderful cure for people who cannot sleep",
    "my favourite scene was the exit sign",
    "I laughed once, when the lights came back on",
    "thrilling like a wet towel",
    "it is as funny as a flat tyre",
    "as romantic as a tax letter",
    "as exciting as a queue at the bank",
    "thank heaven for the pause, it had the best plot",
    "the chairs were comfortable, which is all I can praise",
    "it made me long for the adverts",
];

/// Composes at least [`PLAIN`] + [`ORDERED`] reviews, half of them positive, the same ones for the same seed.
///
/// # Errors
/// If `data/frames.txt` is malformed.
pub fn reviews(seed: u64) -> Result<Vec<Example>> {
    let mut random = Pcg64::seed_from_u64(seed ^ 0x00C0_9705);
    let example = |text, good| Example { text, label: u32::from(good) };
    let mut reviews: Vec<Example> = (0..PLAIN)
        .map(|index| index % 2 == 1)
        .map(|good| example(compose(good, &mut random), good))
        .collect();
    let frames = frames::Frames::parse(frames::TEXT)?;
    while reviews.len() < PLAIN + ORDERED {
        reviews.extend(frames.compose(&mut random).into_iter().map(|(text, good)| example(text, good)));
    }
    Ok(reviews)
}

fn pick<'a>(list: &[&'a str], random: &mut Pcg64) -> &'a str {
    list.choose(random).copied().unwrap_or_default()
}

fn praise(good: bool, random: &mut Pcg64) -> &'static str {
    pick(if good { &GOOD } else { &BAD }, random)
}

fn closing(good: bool, random: &mut Pcg64) -> &'static str {
    pick(if good { &GOOD_CLOSINGS } else { &BAD_CLOSINGS }, random)
}

fn compose(good: bool, random: &mut Pcg64) -> String {
    let frames: &[fn(bool, &mut Pcg64) -> String] = &[plain, plain, negated, contrast, compared, ironic];
    let frame = frames.choose(random).copied().unwrap_or(plain);
    let mut text = sentence(&frame(good, random));
    let more = random.random_range(0..3);
    for _ in 0..more {
        let next = if random.random() { plain(good, random) } else { closing(good, random).to_owned() };
        text.push(' ');
        text += &sentence(&next);
    }
    text
}

/// Two qualities of the same kind.
fn plain(good: bool, random: &mut Pcg64) -> String {
    let aspect = pick(&ASPECTS, random);
    match random.random_range(0..3) {
        0 => format!("{aspect} {}", praise(good, random)),
        1 => format!("{aspect} {} and {}", praise(good, random), praise(good, random)),
        _ => format!(
            "{aspect} {}, and {} {}",
            praise(good, random),
            pick(&ASPECTS, random),
            praise(good, random)
        ),
    }
}

/// The opposite quality, denied.
fn negated(good: bool, random: &mut Pcg64) -> String {
    let opposite = praise(!good, random);
    let aspect = pick(&ASPECTS, random);
    match random.random_range(0..6) {
        0 => format!("{aspect} not {opposite} at all"),
        1 => format!("{aspect} never {opposite}"),
        2 => format!("nobody could say that {aspect} {opposite}"),
        3 => format!("{aspect} anything but {opposite}"),
        4 => format!("I did not find it {opposite} for a second"),
        _ => format!("there is nothing {opposite} about it"),
    }
}

/// The second half decides.
fn contrast(good: bool, random: &mut Pcg64) -> String {
    let given = pick(if good { &CONCESSIONS_BAD } else { &CONCESSIONS_GOOD }, random);
    let own = match random.random_range(0..3) {
        0 => closing(good, random).to_owned(),
        1 => format!("it is {}", praise(good, random)),
        _ => format!("{} {}", pick(&ASPECTS, random), praise(good, random)),
    };
    match random.random_range(0..4) {
        0 => format!("{given}, but {own}"),
        1 => format!("{given}, yet {own}"),
        2 => format!("although {given}, {own}"),
        _ => format!("{given}. still, {own}"),
    }
}

fn compared(good: bool, random: &mut Pcg64) -> String {
    let rival = pick(&RIVALS, random);
    match (good, random.random_range(0..4)) {
        (true, 0) => format!("it is much better than {rival}"),
        (true, 1) => format!("I liked it far more than {rival}"),
        (true, 2) => format!("{rival} looks poor beside it"),
        (true, _) => format!("it is even funnier than {rival}"),
        (false, 0) => format!("it is much worse than {rival}"),
        (false, 1) => format!("I liked it far less than {rival}"),
        (false, 2) => format!("it looks poor beside {rival}"),
        (false, _) => format!("it is not half as good as {rival}"),
    }
}

/// Mock praise; what is good is said plainly.
fn ironic(good: bool, random: &mut Pcg64) -> String {
    if good { closing(true, random).to_owned() } else { pick(&MOCK_PRAISE, random).to_owned() }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
