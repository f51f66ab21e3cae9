//! Builds the vocabulary that [`telltale::engine::vocab`] reads.

use std::collections::HashMap;
use std::f64::consts::LN_2;
use std::hash::{Hash, Hasher};

use anyhow::{Context, Result, ensure};
use ph::BuildSeededHasher;
use ph::fmph::{BuildConf, Function};
use telltale::engine::text::{Options, Token, Tokeniser, Word};
use telltale::engine::vocab::{MAX_LEVELS, RANK_RUN, Vocabulary, fingerprint, level_hash};

use crate::aligned::AlignedBytes;
use crate::bytes::Bytes;

/// The most words that a vocabulary may have.
pub const MAX_WORDS: usize = 65_535;

/// Bits of a fingerprint: one in 4,096 unknown words passes for a known one.
const FINGERPRINT_BITS: u32 = 12;

/// How often each word occurs, by hash, and which words of symbols tell something about the class.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    words: HashMap<u32, Count>,
    /// Labelled texts of each class.
    texts: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Count {
    text: String,
    occurrences: u64,
    /// Of a word of symbols: the labelled texts of each class that have it, and its occurrences in them.
    symbol: Option<(Vec<u64>, u64)>,
}

impl Counts {
    /// Counts the words of `texts`, each with its class if it has a label.
    pub fn of<'t>(texts: impl Iterator<Item = (&'t [u8], Option<u32>)>, options: Options) -> Self {
        let mut counts = Self::default();
        let mut symbols: Vec<u32> = Vec::new();
        for (text, class) in texts {
            spelled_words_of(text, options, |word, spelling| {
                let count = counts.words.entry(word.hash()).or_insert_with(|| Count {
                    text: spelling.to_owned(),
                    occurrences: 0,
                    symbol: word.is_symbol().then(Default::default),
                });
                count.occurrences += 1;
                if let (Some((_, occurrences)), Some(_)) = (&mut count.symbol, class) {
                    *occurrences += 1;
                    symbols.push(word.hash());
                }
            });
            let Some(class) = class else { continue };
            add(&mut counts.texts, class);
            symbols.sort_unstable();
            symbols.dedup();
            for hash in symbols.drain(..) {
                if let Some(Count { symbol: Some((texts, _)), .. }) = counts.words.get_mut(&hash) {
                    add(texts, class);
                }
            }
        }
        counts
    }

    /// All words that may be in a vocabulary, repetitions included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.words.values().filter(|count| self.is_word(count)).map(|count| count.occurrences).sum()
    }

    /// The share of all words, repetitions included, that the `most` frequent ones are.
    #[must_use]
    pub fn coverage(&self, most: usize) -> f64 {
        let words = self.words.values().filter(|count| self.is_word(count));
        let mut all: Vec<u64> = words.map(|count| count.occurrences).collect();
        all.sort_unstable_by_key(|&count| std::cmp::Reverse(count));
        let total = all.iter().sum::<u64>().max(1) as f64;
        all.iter().take(most).sum::<u64>() as f64 / total
    }

    fn is_word(&self, count: &Count) -> bool {
        count.symbol.as_ref().is_none_or(|(texts, occurrences)| tells(&self.texts, texts, *occurrences))
    }

    /// The `most` most frequent words that occur `min_freq` times, as (hash, text), the most frequent first.
    #[must_use]
    pub fn most_frequent(&self, most: usize, min_freq: u64) -> Vec<(u32, String)> {
        let mut words: Vec<_> = self
            .words
            .iter()
            .filter(|(_, count)| count.occurrences >= min_freq && self.is_word(count))
            .collect();
        words.sort_unstable_by(|(hash_a, a), (hash_b, b)| {
            b.occurrences
                .cmp(&a.occurrences)
                .then_with(|| a.text.cmp(&b.text))
                .then_with(|| hash_a.cmp(hash_b))
        });
        words.into_iter().take(most).map(|(&hash, count)| (hash, count.text.clone())).collect()
    }
}

fn add(counts: &mut Vec<u64>, class: u32) {
    let class = class as usize;
    if counts.len() <= class {
        counts.resize(class + 1, 0);
    }
    counts[class] += 1;
}

/// What an occurrence of a word of symbols must tell about the class, in bits: as every occurrence costs a step
/// of the network, a comma in all texts must tell more than a smiley in a few.
const BITS_PER_OCCURRENCE: f64 = 0.001;

/// Whether the texts that have a word of symbols, `with` of each class, differ from `all` texts enough for the
/// word to be read.
///
/// By the G-test (T. Dunning, "Accurate methods for the statistics of surprise and coincidence",
/// Computational Linguistics 19, 1993) at the level of 1 %, and by the mutual information of presence and
/// class, which is G / (2 N ln 2) bits a text, per occurrence.
fn tells(all: &[u64], with: &[u64], occurrences: u64) -> bool {
    let half = information(all, with);
    2.0 * half > critical(freedom(all)) && half / LN_2 >= BITS_PER_OCCURRENCE * occurrences as f64
}

/// The mutual information of class and of being among the texts `with` something, of `all` of each class: in nats, summed
/// over the texts.
#[must_use]
pub fn information(all: &[u64], with: &[u64]) -> f64 {
    let (texts, having) = (all.iter().sum::<u64>() as f64, with.iter().sum::<u64>() as f64);
    let term = |observed: f64, expected: f64| {
        if observed > 0.0 { observed * (observed / expected).ln() } else { 0.0 }
    };
    all.iter()
        .enumerate()
        .map(|(class, &of_class)| {
            let (of_class, own) = (of_class as f64, with.get(class).map_or(0.0, |&own| own as f64));
            term(own, having * of_class / texts) + term(of_class - own, (texts - having) * of_class / texts)
        })
        .sum()
}

/// Degrees of freedom of that: the classes that have texts, less one. Twice the information exceeds them in the mean
/// where there is none.
#[must_use]
pub fn freedom(all: &[u64]) -> f64 {
    all.iter().filter(|&&of_class| of_class > 0).count().saturating_sub(1) as f64
}

/// What chi-square exceeds with a probability of 1 % (E. Wilson, M. Hilferty, "The distribution of
/// chi-square", PNAS 17, 1931).
fn critical(freedom: f64) -> f64 {
    const QUANTILE: f64 = 2.3263;
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + QUANTILE * part.sqrt()).powi(3)
}

/// Calls `each` with every token of a text.
fn tokens_of(text: &[u8], options: Options, mut each: impl FnMut(Token<'_>)) {
    let mut tokeniser = Tokeniser::new(options);
    tokeniser.feed(text, &mut each);
    tokeniser.finish(&mut each);
}

/// Calls `each` with every word of a text.
pub fn words_of(text: &[u8], options: Options, mut each: impl FnMut(&Word)) {
    tokens_of(text, options, |token| {
        if let Token::Word(word) = token {
            each(word);
        }
    });
}

/// Calls `each` with every word of a text and its whole spelling, of which the [`Word`] keeps the start.
pub fn spelled_words_of(text: &[u8], options: Options, mut each: impl FnMut(&Word, &str)) {
    let mut spelling = String::new();
    tokens_of(text, options, |token| match token {
        Token::Character(code) => match char::from_u32(code) {
            None | Some(' ') => spelling.clear(),
            Some(character) => spelling.push(character),
        },
        Token::Word(word) if Word::hash_of(word.as_bytes()) == word.hash() => {
            each(word, word.as_str());
            spelling.clear();
        }
        Token::Word(word) => {
            // Apostrophes in words are characters of the text, but not of the word.
            spelling.retain(|character| character != '\'');
            each(word, &spelling);
            spelling.clear();
        }
    });
}

/// A vocabulary for the model file.
#[derive(Clone, Debug)]
pub struct Built {
    section: AlignedBytes,
    /// The words in the order of their ids.
    pub words: Vec<String>,
}

impl Built {
    /// Builds the minimal perfect hash of `words` (hash, text), all hashes different.
    ///
    /// # Errors
    /// If there is no word, or more than [`MAX_WORDS`].
    pub fn new(words: &[(u32, String)]) -> Result<Self> {
        ensure!(!words.is_empty(), "no word is frequent enough for the vocabulary: lower --min-freq");
        ensure!(
            words.len() <= MAX_WORDS,
            "a vocabulary of {} words is too large: {MAX_WORDS} is the most (--vocab)",
            words.len()
        );
        Self::with_fingerprints(words, FINGERPRINT_BITS)
    }

    /// As [`Self::new`], of keys without a text; one in 2^`fingerprint_bits` others passes for one of them.
    ///
    /// # Errors
    /// If there is no key, or more than [`MAX_WORDS`].
    pub fn of_keys(keys: &[u32], fingerprint_bits: u32) -> Result<Self> {
        ensure!((1..=MAX_WORDS).contains(&keys.len()), "{} keys, 1 to {MAX_WORDS} are expected", keys.len());
        let words: Vec<(u32, String)> = keys.iter().map(|&key| (key, format!("{key:08x}"))).collect();
        Self::with_fingerprints(&words, fingerprint_bits)
    }

    fn with_fingerprints(words: &[(u32, String)], fingerprint_bits: u32) -> Result<Self> {
        let hashes: Vec<u32> = words.iter().map(|word| word.0).collect();
        let conf = BuildConf { use_multiple_threads: false, ..BuildConf::hash(LevelHasher) };
        let function = Function::try_with_conf_stats(
            ph::fmph::keyset::SliceSourceWithRefs::<u32, u8>::new(&hashes),
            conf,
            &mut (),
        )
        .context("two words of the vocabulary have the same hash")?;
        let mut by_id = vec![(0, String::new()); words.len()];
        for (hash, text) in words {
            let id = function.get(hash).context("the perfect hash lost a word")? as usize;
            by_id[id] = (*hash, text.clone());
        }
        let section = write_section(&function, &by_id, fingerprint_bits)?;
        let built = Self { section, words: by_id.into_iter().map(|(_, text)| text).collect() };
        let vocabulary = built.open()?;
        ensure!(
            words.iter().all(|(hash, text)| built.words[vocabulary.id(*hash) as usize] == *text),
            "the vocabulary written is not the one read back"
        );
        Ok(built)
    }

    /// The section's bytes.
    #[must_use]
    pub fn section(&self) -> &[u8] {
        &self.section
    }

    /// The reader over it.
    ///
    /// # Errors
    /// If the section is malformed.
    pub fn open(&self) -> Result<Vocabulary<'_>> {
        Ok(Vocabulary::open(&self.section)?)
    }
}

/// Words that [`sample`] takes.
const SAMPLE: usize = 12;

/// A short text for the chip's self-test: words spread over the ranks, and one that is unknown.
#[must_use]
pub fn sample(words: &[(u32, String)]) -> String {
    let step = (words.len() / SAMPLE).max(1);
    let mut sample: Vec<&str> = words.iter().step_by(step).take(SAMPLE).map(|(_, word)| &word[..]).collect();
    sample.push("telltale");
    sample.join(" ")
}

/// The hashes of a text's words as a model with this vocabulary reads them: without the words of symbols that
/// are not in it.
#[must_use]
pub fn hashes_of(text: &[u8], options: Options, vocabulary: &Vocabulary<'_>) -> Vec<u32> {
    let mut hashes = Vec::new();
    words_of(text, options, |word| hashes.extend(vocabulary.id_of(word).map(|_| word.hash())));
    hashes
}

/// Makes `ph` hash like the chip: the level's hash in the upper half of 64 bits, so that its mapping to a level of `n`
/// bits is `level_hash · n / 2³²`.
#[derive(Clone, Copy, Debug)]
struct LevelHasher;

impl BuildSeededHasher for LevelHasher {
    type Hasher = OneWord;

    fn build_hasher(&self, seed: u64) -> OneWord {
        OneWord { level: seed as u32, hash: 0 }
    }

    fn hash_one<T: Hash>(&self, value: T, seed: u64) -> u64 {
        let mut hasher = self.build_hasher(seed);
        value.hash(&mut hasher);
        hasher.finish()
    }
}

struct OneWord {
    level: u32,
    hash: u32,
}

impl Hasher for OneWord {
    fn finish(&self) -> u64 {
        u64::from(self.hash) << 32
    }

    fn write(&mut self, bytes: &[u8]) {
        let word = bytes.try_into().map_or(0, u32::from_ne_bytes);
        self.hash = level_hash(word, self.level);
    }
}

fn write_section(
    function: &Function<LevelHasher>,
    words: &[(u32, String)],
    fingerprint_bits: u32,
) -> Result<AlignedBytes> {
    let levels = function.level_sizes();
    ensure!(
        levels.len() <= MAX_LEVELS,
        "the perfect hash has {} levels, {MAX_LEVELS} is the most",
        levels.len()
    );
    let bits = function_bits(function)?;
    let mut to = Bytes::default();
    to.u32(words.len() as u32);
    to.bytes(&[fingerprint_bits as u8, levels.len() as u8, 0, 0]);
    for &blocks in levels {
        to.u32(blocks as u32 * 64);
    }
    let mut before = 0u32;
    for run in bits.chunks(RANK_RUN / 8) {
        to.u16(before as u16);
        before += run.iter().map(|byte| byte.count_ones()).sum::<u32>();
    }
    to.align(4);
    to.bytes(&bits);
    let mut packed = vec![0u8; (words.len() * fingerprint_bits as usize).div_ceil(8)];
    for (id, (hash, _)) in words.iter().enumerate() {
        let bit = id * fingerprint_bits as usize;
        let value = fingerprint(*hash, fingerprint_bits) << (bit % 8);
        packed[bit / 8] |= value as u8;
        // One of 8 bits ends with its byte.
        if let Some(next) = packed.get_mut(bit / 8 + 1) {
            *next |= (value >> 8) as u8;
        }
    }
    to.bytes(&packed);
    to.align(4);
    Ok(AlignedBytes::new(&to.into_vec()))
}

/// The levels' bits, one level after the other, from what `ph` writes: a list of level sizes, then the bits.
fn function_bits(function: &Function<LevelHasher>) -> Result<Vec<u8>> {
    let mut written = Vec::new();
    function.write(&mut written)?;
    let bytes = function.level_sizes().iter().sum::<usize>() * 8;
    let start = written.len().checked_sub(bytes).context("the perfect hash is shorter than its levels")?;
    Ok(written.split_off(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(words: impl Iterator<Item = String>) -> Vec<(u32, String)> {
        words.map(|word| (Word::hash_of(word.as_bytes()), word)).collect()
    }

    #[test]
    fn every_word_is_found_and_strangers_are_rare() {
        for count in [1, 2, 63, 1000, 10_000] {
            let words = hashed((0..count).map(|n| format!("word{n}")));
            let built = Built::new(&words).expect("builds");
            let vocabulary = built.open().expect("opens");
            assert_eq!(vocabulary.len(), count);
            let mut seen = vec![false; words.len()];
            for (hash, text) in &words {
                let id = vocabulary.id(*hash) as usize;
                assert_eq!(&built.words[id], text);
                seen[id] = true;
            }
            assert!(seen.into_iter().all(|seen| seen));
            let strangers = hashed((0..100_000).map(|n| format!("stranger{n}")));
            let hits = strangers.iter().filter(|(hash, _)| vocabulary.id(*hash) != count).count();
            assert!(hits <= 200, "{hits} of 100,000 strangers pass among {count} words");
        }
    }

    #[test]
    fn ten_thousand_words_take_two_bytes_each() {
        let words = hashed((0..10_000).map(|n| format!("w{n}")));
        let built = Built::new(&words).expect("builds");
        assert!(built.section().len() <= 20_000, "{} bytes", built.section().len());
    }

    #[test]
    fn frequency_decides_then_the_alphabet() {
        let texts = ["b b a c c d", "d d e"];
        let counts = Counts::of(texts.iter().map(|text| (text.as_bytes(), None)), Options::default());
        let words: Vec<_> = counts.most_frequent(3, 2).into_iter().map(|word| word.1).collect();
        assert_eq!(words, ["d", "b", "c"]);
        assert_eq!((counts.total(), counts.most_frequent(9, 1).len()), (9, 5));
    }

    fn labelled(texts: &[(&str, u32)]) -> Counts {
        let options = Options { punctuation: true, tags: false };
        Counts::of(texts.iter().map(|(text, class)| (text.as_bytes(), Some(*class))), options)
    }

    #[test]
    fn words_of_any_length_are_known_by_their_whole_text() {
        let long = "достопримечательность".repeat(3);
        let elided = format!("{long}'{long}");
        let counts = labelled(&[(&long, 0), (&elided, 1)]);
        let words = counts.most_frequent(9, 1);
        assert_eq!(words.len(), 2);
        for (hash, text) in words {
            assert_eq!(hash, Word::hash_of(text.as_bytes()));
            assert!(text == long || text == elided.replace('\'', ""), "{text}");
        }
    }

    #[test]
    fn symbols_are_words_where_they_tell_something() {
        let happy = "so, it was: ok. :)".to_owned();
        let sad = "so, it was: ok. ☹".to_owned();
        let texts: Vec<(&str, u32)> =
            (0..40).map(|row| if row % 2 == 0 { (&*happy, 0) } else { (&*sad, 1) }).collect();
        let counts = labelled(&texts);
        let words: Vec<_> = counts.most_frequent(20, 1).into_iter().collect();
        let symbols: Vec<&str> = words
            .iter()
            .map(|word| &*word.1)
            .filter(|word| !word.chars().all(char::is_alphanumeric))
            .collect();
        assert_eq!(symbols, [":)", "☹"]);
        assert_eq!(counts.total(), 40 * 4 + 40);
        // The other symbols are skipped, unknown words are not.
        let built = Built::new(&words).expect("builds");
        let options = Options { punctuation: true, tags: false };
        let read = hashes_of(b"so, strange :) !!", options, &built.open().expect("opens"));
        assert_eq!(read, ["so", "strange", ":)"].map(|word| Word::hash_of(word.as_bytes())));
    }

    #[test]
    fn one_in_a_hundred_exceeds_the_critical_value() {
        for (freedom, exact) in [(1.0, 6.635), (2.0, 9.210), (5.0, 15.086), (76.0, 107.583)] {
            let own = critical(freedom);
            assert!((own / exact - 1.0).abs() < 0.03, "{freedom}: {own}");
        }
    }

    #[test]
    fn an_empty_vocabulary_is_refused() {
        assert!(Built::new(&[]).is_err());
    }
}
