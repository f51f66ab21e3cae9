//! Builds the vocabulary that [`telltale::vocab`] reads.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use anyhow::{Context, Result, ensure};
use ph::BuildSeededHasher;
use ph::fmph::{BuildConf, Function};
use telltale::text::{Options, Tokeniser, Word};
use telltale::vocab::{MAX_LEVELS, RANK_RUN, Vocabulary, fingerprint, level_hash};

use crate::aligned::AlignedBytes;
use crate::bytes::Bytes;

/// The most words that a vocabulary may have.
pub const MAX_WORDS: usize = 65_535;

/// Bits of a fingerprint: one in 4,096 unknown words passes for a known one.
const FINGERPRINT_BITS: u32 = 12;

/// How often each word occurs, by hash.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    words: HashMap<u32, (u64, String)>,
    total: u64,
}

impl Counts {
    /// Counts the words of `texts`.
    pub fn of<'t>(texts: impl Iterator<Item = &'t [u8]>, options: Options) -> Self {
        let mut counts = Self::default();
        for text in texts {
            words_of(text, options, |word| {
                counts.total += 1;
                counts.words.entry(word.hash()).or_insert_with(|| (0, word.as_str().to_owned())).0 += 1;
            });
        }
        counts
    }

    /// All words counted, repetitions included.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The `most` most frequent words that occur `min_freq` times, as (hash, text), the most frequent first.
    /// Words of which [`Word`] does not keep the whole text are left out, so that the texts tell the vocabulary.
    #[must_use]
    pub fn most_frequent(&self, most: usize, min_freq: u64) -> Vec<(u32, String)> {
        let mut words: Vec<_> = self
            .words
            .iter()
            .filter(|(hash, (count, text))| *count >= min_freq && Word::hash_of(text.as_bytes()) == **hash)
            .collect();
        words.sort_unstable_by(|(hash_a, (a, text_a)), (hash_b, (b, text_b))| {
            b.cmp(a).then_with(|| text_a.cmp(text_b)).then_with(|| hash_a.cmp(hash_b))
        });
        words.into_iter().take(most).map(|(&hash, (_, text))| (hash, text.clone())).collect()
    }
}

/// Calls `each` with every word of a text.
pub fn words_of(text: &[u8], options: Options, mut each: impl FnMut(&Word)) {
    let mut tokeniser = Tokeniser::new(options);
    tokeniser.feed(text, &mut each);
    tokeniser.finish(&mut each);
}

/// A vocabulary as it goes into the blob.
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
        let section = write_section(&function, &by_id)?;
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

/// The hashes of a text's words.
#[must_use]
pub fn hashes_of(text: &[u8], options: Options) -> Vec<u32> {
    let mut hashes = Vec::new();
    words_of(text, options, |word| hashes.push(word.hash()));
    hashes
}

/// Makes `ph` hash as the chip does: the level's hash in the upper half of 64 bits, so that its
/// mapping to a level of `n` bits is `level_hash · n / 2³²`.
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

fn write_section(function: &Function<LevelHasher>, words: &[(u32, String)]) -> Result<AlignedBytes> {
    let levels = function.level_sizes();
    ensure!(
        levels.len() <= MAX_LEVELS,
        "the perfect hash has {} levels, {MAX_LEVELS} is the most",
        levels.len()
    );
    let bits = function_bits(function)?;
    let mut to = Bytes::default();
    to.u32(words.len() as u32);
    to.bytes(&[FINGERPRINT_BITS as u8, levels.len() as u8, 0, 0]);
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
    let mut packed = vec![0u8; (words.len() * FINGERPRINT_BITS as usize).div_ceil(8)];
    for (id, (hash, _)) in words.iter().enumerate() {
        let bit = id * FINGERPRINT_BITS as usize;
        let value = fingerprint(*hash, FINGERPRINT_BITS) << (bit % 8);
        packed[bit / 8] |= value as u8;
        packed[bit / 8 + 1] |= (value >> 8) as u8;
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
        let counts = Counts::of(texts.iter().map(|text| text.as_bytes()), Options::default());
        let words: Vec<_> = counts.most_frequent(3, 2).into_iter().map(|word| word.1).collect();
        assert_eq!(words, ["d", "b", "c"]);
        assert_eq!((counts.total(), counts.most_frequent(9, 1).len()), (9, 5));
    }

    #[test]
    fn an_empty_vocabulary_is_refused() {
        assert!(Built::new(&[]).is_err());
    }
}
