//! A network with random weights, quantised: the work of a word depends on its shape alone.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use candle_core::Device;
use clap::Args as ClapArgs;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;
use telltale::engine::format::Metrics;
use telltale::engine::ngrams::{MAX_CHARACTER_ORDER, MAX_WORD_ORDER, Orders, RollingKeys};
use telltale::engine::text::{Options as TextOptions, Word};

use crate::aligned::AlignedBytes;
use crate::model::{Cell, Config, Network, Pooling};
use crate::ngrams::Ngrams;
use crate::quantise::{self, Description, EmbeddingBits};
use crate::vocabulary::Built;

/// Words w0, w1, … of the vocabulary.
const WORDS: usize = 1000;

/// Fewer words if each takes much of a small flash: the model file also has its f32 numbers, or its row is folded.
const LARGE_WORDS: usize = 250;

/// The most n-grams.
const MOST_NGRAMS: usize = 100_000;

/// The shape of the network.
#[derive(ClapArgs, Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// Recurrent cell
    #[arg(long, value_enum, default_value_t = Cell::Gru)]
    pub cell: Cell,
    /// Recurrent layers, 1 to 4
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub layers: usize,
    /// Width of a word's embedding
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub embed: usize,
    /// Units of a recurrent layer
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub hidden: usize,
}

/// Work per word beyond the shape's.
#[derive(ClapArgs, Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extras {
    /// Bits of an embedding weight, 8 or 4
    #[arg(long, value_name = "BITS", default_value_t = 8)]
    pub embed_bits: u32,
    /// Fold the first layer's input weights into the words' rows (see `train --fold`)
    #[arg(long, conflicts_with = "embed_bits")]
    pub fold: bool,
    /// Number of n-grams, 0 for none: the first ones of w0 w1 w2 … that end with every second word
    #[arg(long, alias = "wide", value_name = "N", default_value_t = 0)]
    #[serde(rename = "wide")]
    pub ngrams: usize,
    /// The most words of such an n-gram, 1 to 3
    #[arg(long, alias = "wide-order", value_name = "N", default_value_t = 2)]
    #[serde(rename = "wide_order")]
    pub ngram_words: u8,
    /// The most characters of such an n-gram, 0 to 6; 0 means none
    #[arg(long, alias = "wide-characters", value_name = "N", default_value_t = 0)]
    #[serde(rename = "wide_characters")]
    pub ngram_characters: u8,
}

/// Mean characters of w0 to w63, including the gap after each.
pub const SYNTHETIC_CHARACTERS: f64 = (10.0 * 3.0 + 54.0 * 4.0) / 64.0;

impl Extras {
    /// None of them.
    pub const NONE: Self =
        Self { embed_bits: 8, fold: false, ngrams: 0, ngram_words: 2, ngram_characters: 0 };

    /// The n-grams' section, if there are any.
    fn section(self, classes: usize) -> Result<Option<Vec<u8>>> {
        let most = self.ngrams;
        let orders = Orders { words: self.ngram_words, characters: self.ngram_characters };
        ensure!(most <= MOST_NGRAMS, "--ngrams {most}: 0 to {MOST_NGRAMS} is possible");
        ensure!(
            (1..=MAX_WORD_ORDER).contains(&usize::from(orders.words)),
            "--ngram-words {}: 1 to {MAX_WORD_ORDER} is possible",
            orders.words
        );
        ensure!(
            usize::from(orders.characters) <= MAX_CHARACTER_ORDER,
            "--ngram-characters {}: 0 to {MAX_CHARACTER_ORDER} is possible",
            orders.characters
        );
        let mut known = BTreeSet::new();
        let mut rolling = RollingKeys::new();
        for number in 0u32.. {
            if known.len() >= most {
                break;
            }
            let word = format!("w{number} ");
            let mut learn = |key| {
                if number % 2 == 0 && known.len() < most {
                    known.insert(key);
                }
            };
            rolling.word(Word::hash_of(word.trim_end().as_bytes()), orders, &mut learn);
            word.chars().for_each(|character| rolling.character(character.into(), orders, &mut learn));
        }
        if known.is_empty() {
            return Ok(None);
        }
        let known: Vec<u32> = known.into_iter().collect();
        let ngrams = Ngrams::untrained(&known, classes, orders)?;
        quantise::ngrams(&ngrams, 1.0).map(Some)
    }
}

/// The model file of such a network with two classes.
pub fn blob(shape: &Shape, pooling: Pooling, extras: Extras) -> Result<AlignedBytes> {
    blob_of(shape, pooling, 2, extras)
}

/// The model file of such a network with `classes` classes.
pub fn blob_of(shape: &Shape, pooling: Pooling, classes: usize, extras: Extras) -> Result<AlignedBytes> {
    build(shape, pooling, classes, extras, if extras.fold { LARGE_WORDS } else { WORDS }, false)
}

/// The model file of such a network with its f32 numbers beside the integers.
pub fn blob_with_floats(shape: &Shape, pooling: Pooling) -> Result<AlignedBytes> {
    build(shape, pooling, 2, Extras::NONE, LARGE_WORDS, true)
}

fn build(
    shape: &Shape,
    pooling: Pooling,
    classes: usize,
    extras: Extras,
    words: usize,
    floats: bool,
) -> Result<AlignedBytes> {
    let config = Config {
        cell: shape.cell,
        layers: shape.layers,
        embed: shape.embed,
        hidden: shape.hidden,
        vocab: words + 1,
        pooling,
        head_hidden: 0,
        classes,
    };
    config.check()?;
    let weights = Network::new(&config, &Device::Cpu, 1)?.weights()?;
    let mut random = Pcg64::seed_from_u64(1);
    let ids: Vec<u32> = (0..200).map(|_| random.random_range(0..=words as u32)).collect();
    let ranges = quantise::calibrate(&weights, std::iter::once(&ids[..]));
    let mut sections =
        quantise::quantise(&weights, &ranges, EmbeddingBits::asked(extras.embed_bits, extras.fold)?)?;
    sections.ngrams = extras.section(classes)?;
    if floats {
        sections.optional.push(quantise::float_reference(&weights));
    }
    let words: Vec<_> = (0..words).map(|n| format!("w{n}")).collect();
    let words: Vec<_> = words.into_iter().map(|word| (Word::hash_of(word.as_bytes()), word)).collect();
    let vocabulary = Built::new(&words)?;
    let description = Description {
        labels: (0..classes).map(|class| class.to_string()).collect(),
        text: TextOptions { punctuation: true, tags: false },
        pooling,
        corpus: "bench".to_owned(),
        digest: [0; 32],
        seed: 1,
        examples: 0,
        self_test: "w1 w2 w3".to_owned(),
        metrics: Metrics::default(),
    };
    quantise::write_blob(&description, vocabulary.section(), &sections)
}
