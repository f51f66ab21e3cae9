//! `bench vocab`: bytes of a vocabulary, and its rate of false hits.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args as ClapArgs;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;
use telltale::engine::text::{Options, Word};
use telltale::engine::vocab::Vocabulary;

use crate::command::corpus::CorpusArgs;
use crate::command::write_json;
use crate::console::say;
use crate::corpus;
use crate::vocabulary::{Built, Counts, spelled_words_of};

/// Random strings that are looked up.
const RANDOM_WORDS: usize = 1_000_000;

/// Bytes of a vocabulary and its false hits: words not in it that are found all the same
///
/// The vocabulary holds the most frequent words of the corpus's training split. All other words of the corpus, each
/// once, and a million random strings of 2 to 12 letters are looked up.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    corpus: CorpusArgs,
    /// The most words in the vocabulary
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    vocab: usize,
    /// Seed of splits and random strings
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Results for words that are not in the vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Strangers {
    /// Different words looked up.
    words: usize,
    /// Those that got the id of a word in the vocabulary.
    false_hits: usize,
    /// Their share.
    rate: f64,
}

#[derive(Serialize)]
struct Report {
    words: u32,
    /// Bytes of its section.
    bytes: usize,
    bytes_per_word: f64,
    fingerprint_bits: u32,
    /// Words of the corpus.
    unseen: Strangers,
    /// Random strings.
    random: Strangers,
}

/// Runs the verb.
///
/// # Errors
/// If the corpus cannot be read or the vocabulary is impossible.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default()
        .read("the corpus", args.corpus.inputs())
        .print("--json", &args.json)
        .check()?;
    let corpus = corpus::load(&args.corpus.config(), args.seed)?;
    corpus.notes.print();
    let options = Options { punctuation: true, tags: false };
    let counts = Counts::of(
        corpus.train.iter().map(|example| (example.text.as_bytes(), Some(example.label))),
        options,
    );
    let built = Built::new(&counts.most_frequent(args.vocab, 1))?;
    let mut words: HashSet<(String, u32)> = HashSet::new();
    for example in corpus.train.iter().chain(&corpus.valid).chain(&corpus.test) {
        spelled_words_of(example.text.as_bytes(), options, |word, text| {
            words.insert((text.to_owned(), word.hash()));
        });
    }
    let report = measure(&built, words.into_iter(), args.seed)?;
    print(&report);
    write_json(args.json.as_ref(), &report)
}

/// Looks up `words` (text, hash), those of the vocabulary left out, and random strings.
fn measure(built: &Built, words: impl Iterator<Item = (String, u32)>, seed: u64) -> Result<Report> {
    let vocabulary = built.open()?;
    let known: HashSet<&str> = built.words.iter().map(String::as_str).collect();
    let mut random = Pcg64::seed_from_u64(seed);
    let strings: HashSet<(String, u32)> = (0..RANDOM_WORDS)
        .map(|_| {
            let length = random.random_range(2..=12);
            let text: String = (0..length).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect();
            let hash = Word::hash_of(text.as_bytes());
            (text, hash)
        })
        .collect();
    let report = Report {
        words: vocabulary.len(),
        bytes: built.section().len(),
        bytes_per_word: built.section().len() as f64 / f64::from(vocabulary.len()),
        fingerprint_bits: vocabulary.fingerprint_bits(),
        unseen: strangers(&vocabulary, &known, words),
        random: strangers(&vocabulary, &known, strings.into_iter()),
    };
    ensure!(report.random.words > 0, "no random string is unknown");
    Ok(report)
}

fn strangers(
    vocabulary: &Vocabulary<'_>,
    known: &HashSet<&str>,
    words: impl Iterator<Item = (String, u32)>,
) -> Strangers {
    let (mut count, mut false_hits) = (0, 0);
    for (_, hash) in words.filter(|(text, _)| !known.contains(&text[..])) {
        count += 1;
        false_hits += usize::from(vocabulary.id(hash) != vocabulary.len());
    }
    Strangers { words: count, false_hits, rate: false_hits as f64 / count.max(1) as f64 }
}

fn print(report: &Report) {
    say!(
        "{} words in {} bytes ({:.3} a word), fingerprints of {} bits",
        report.words,
        report.bytes,
        report.bytes_per_word,
        report.fingerprint_bits
    );
    for (what, strangers) in [("other words of the corpus", report.unseen), ("random strings", report.random)]
    {
        let one_in = match strangers.false_hits {
            0 => "none".to_owned(),
            hits => format!("1 in {:.0}", strangers.words as f64 / hits as f64),
        };
        say!("{what}: {} of {} pass for known ones ({one_in})", strangers.false_hits, strangers.words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The promise for a vocabulary of 10,000 words: two bytes a word, one stranger in 500 at most.
    ///
    /// The words are those of the embedded corpus, filled up with made-up ones; the strangers are made-up words
    /// of the same kind and random strings.
    #[test]
    fn ten_thousand_words_take_little_and_keep_strangers_out() {
        let reviews =
            concat!(include_str!("../../../../data/train.tsv"), include_str!("../../../../data/test.tsv"));
        let options = Options { punctuation: true, tags: false };
        let counts = Counts::of(std::iter::once((reviews.as_bytes(), None)), options);
        let real = counts.most_frequent(10_000, 1);
        assert!(real.len() > 2000, "{}", real.len());
        let syllables = ["ba", "ne", "ti", "lo", "gru", "sta", "mel", "pon", "dir", "fex", "wash", "yun"];
        let made_up = |number: usize| {
            let text: String = (0..5)
                .map(|place| syllables[number / syllables.len().pow(place) % syllables.len()])
                .collect();
            let hash = Word::hash_of(text.as_bytes());
            (text, hash)
        };
        let mut words = real;
        let filling = 10_000 - words.len();
        words.extend((0..filling).map(|number| made_up(number * 7)).map(|(text, hash)| (hash, text)));
        let built = Built::new(&words).expect("builds");
        let report = measure(&built, (0..200_000).map(made_up), 1).expect("measures");
        assert_eq!(report.words, 10_000);
        assert!(report.bytes <= 20_000, "{} bytes", report.bytes);
        for strangers in [report.unseen, report.random] {
            assert!(strangers.words > 190_000, "{strangers:?}");
            assert!(strangers.rate <= 1.0 / 500.0, "{strangers:?}");
            // Fingerprints of 12 bits cannot do better than chance.
            assert!(strangers.rate > 1.0 / 20_000.0, "{strangers:?}");
        }
    }
}
