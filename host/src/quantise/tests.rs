//! The integer engine against the f32 reference, and blobs against damage.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use telltale::engine::format::HEADER_BYTES;
use telltale::engine::text::{Options, Word};
use telltale::{Model, OpenError, StateError};

use super::*;
use crate::aligned::AlignedBytes;
use crate::engine::{memory_for, state_in};
use crate::model::config::{Config, Pooling};
use crate::vocabulary::Built;

/// How far a unit of the pooled state may be from the reference: i8 weights of a random network.
const UNIT_TOLERANCE: f32 = 0.02;
/// How far a logit may be from the reference.
const LOGIT_TOLERANCE: f32 = 0.06;

const WORDS: usize = 40;

pub fn random_weights(config: &Config, seed: u64) -> Weights {
    let mut random = Pcg64::seed_from_u64(seed);
    let range = 1.0 / (config.hidden as f32).sqrt();
    let tensors: BTreeMap<_, _> = config
        .parameters()
        .into_iter()
        .map(|(name, shape)| {
            let range = if name == "embed.weight" { 1.5 } else { range };
            let size = shape.iter().product();
            (name, (0..size).map(|_| random.random_range(-range..range)).collect())
        })
        .collect();
    Weights::new(config.clone(), tensors).expect("all parameters are there")
}

pub fn config(cell: Cell, layers: usize, pooling: Pooling, head_hidden: usize) -> Config {
    Config { cell, layers, embed: 12, hidden: 20, vocab: WORDS + 1, pooling, head_hidden, classes: 3 }
}

fn vocabulary() -> Built {
    let words: Vec<_> = (0..WORDS).map(|n| format!("w{n}")).collect();
    let words: Vec<_> = words.into_iter().map(|word| (Word::hash_of(word.as_bytes()), word)).collect();
    Built::new(&words).expect("builds")
}

pub fn texts(seed: u64, count: usize, longest: usize) -> Vec<Vec<u32>> {
    let mut random = Pcg64::seed_from_u64(seed);
    let text = |_| {
        let length = random.random_range(0..=longest);
        (0..length).map(|_| random.random_range(0..=WORDS as u32)).collect()
    };
    (0..count).map(text).collect()
}

fn blob(weights: &Weights, bits: EmbeddingBits) -> AlignedBytes {
    blob_of(weights, bits, Vec::new())
}

/// A blob that has optional sections, too.
pub fn blob_with(weights: &Weights, optional: Vec<(u8, Vec<u8>)>) -> AlignedBytes {
    blob_of(weights, EmbeddingBits::Eight, optional)
}

fn ranges(weights: &Weights) -> Ranges {
    let calibration = texts(7, 30, 60);
    calibrate(weights, calibration.iter().map(Vec::as_slice))
}

fn blob_of(weights: &Weights, bits: EmbeddingBits, optional: Vec<(u8, Vec<u8>)>) -> AlignedBytes {
    blob_within(weights, &ranges(weights), bits, optional)
}

fn blob_within(
    weights: &Weights,
    ranges: &Ranges,
    bits: EmbeddingBits,
    optional: Vec<(u8, Vec<u8>)>,
) -> AlignedBytes {
    let mut sections = quantise(weights, ranges, bits).expect("quantises");
    sections.optional = optional;
    write_sections(weights, &sections).expect("writes")
}

fn write_sections(weights: &Weights, sections: &Sections) -> Result<AlignedBytes> {
    let description = Description {
        labels: vec!["a".into(), "b".into(), "c".into()],
        text: telltale::engine::text::Options { punctuation: true, tags: false },
        pooling: weights.config.pooling,
        corpus: "none".into(),
        digest: [7; 32],
        seed: 1,
        examples: 30,
        self_test: "w1 w2 unknown w3".into(),
        metrics: telltale::engine::format::Metrics::default(),
    };
    write_blob(&description, vocabulary().section(), sections)
}

/// A small GRU as a file.
pub(crate) fn small_model() -> AlignedBytes {
    let shape = Config { embed: 4, hidden: 4, ..config(Cell::Gru, 1, Pooling::Mean, 0) };
    blob(&random_weights(&shape, 1), EmbeddingBits::Eight)
}

/// The largest distances of pooled states and logits, over all words of the texts.
fn distances(weights: &Weights, blob: &[u8], texts: &[Vec<u32>]) -> (f32, f32) {
    let model = Model::open(blob).expect("opens");
    let mut memory = memory_for(&model);
    let mut state = state_in(&model, &mut memory).expect("fits");
    let (mut units, mut logits) = (0.0f32, 0.0f32);
    let divisor = fastgrnn::divisor(weights, &ranges(weights));
    for ids in texts {
        let mut reference = weights.start();
        let mut ranges = Ranges::default();
        state.reset();
        for step in 0..=ids.len() {
            let pooled = model.pooled(&state).units().zip(&reference.pooled);
            units = pooled.map(|(a, b)| (f32::from(a) / 32_768.0 - b / divisor).abs()).fold(units, f32::max);
            let expected = weights.logits(&reference, &mut ranges);
            let scores = model.scores(&mut state).iter().zip(&expected);
            logits = scores.map(|(&a, b)| (a as f32 / 4096.0 - b).abs()).fold(logits, f32::max);
            if let Some(&id) = ids.get(step) {
                weights.step(id, &mut reference, &mut ranges);
                model.read_known(id, &mut state);
            }
        }
    }
    (units, logits)
}

#[test]
fn the_engine_follows_the_reference() {
    for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm, Cell::Fastgrnn] {
        for layers in [1, 2, 4] {
            for (pooling, head_hidden) in
                [(Pooling::Last, 0), (Pooling::Mean, 0), (Pooling::Max, 0), (Pooling::Mean, 9)]
            {
                let weights = random_weights(&config(cell, layers, pooling, head_hidden), 3);
                let blob = blob(&weights, EmbeddingBits::Eight);
                let (units, logits) = distances(&weights, &blob, &texts(11, 12, 80));
                assert!(
                    units < UNIT_TOLERANCE && logits < LOGIT_TOLERANCE,
                    "{cell} ×{layers} {pooling:?} {head_hidden}: units {units}, logits {logits}"
                );
                assert!(units > 0.0, "the reference cannot be exact");
            }
        }
    }
}

#[test]
fn the_mean_of_a_long_text_does_not_drift() {
    let weights = random_weights(&config(Cell::Gru, 1, Pooling::Mean, 0), 5);
    let blob = blob(&weights, EmbeddingBits::Eight);
    let mut long = texts(13, 1, 0);
    long[0] = (0..20_000).map(|n| (n * n % 41) as u32).collect();
    let (units, _) = distances(&weights, &blob, &long);
    assert!(units < UNIT_TOLERANCE, "{units}");
}

#[test]
fn four_bit_rows_are_coarser_but_close() {
    let weights = random_weights(&config(Cell::Gru, 1, Pooling::Mean, 0), 3);
    let (eight, _) = distances(&weights, &blob(&weights, EmbeddingBits::Eight), &texts(11, 12, 80));
    let (four, _) = distances(&weights, &blob(&weights, EmbeddingBits::Four), &texts(11, 12, 80));
    assert!(eight < four && four < 10.0 * UNIT_TOLERANCE, "{eight} {four}");
}

/// Sums of 8 bits, of a multiplier a word, are about as near as the embedding's map.
#[test]
fn a_folded_network_follows_the_reference() {
    for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm, Cell::Fastgrnn] {
        for layers in [1, 2] {
            let weights = random_weights(&config(cell, layers, Pooling::Mean, 0), 3);
            let blob = blob(&weights, EmbeddingBits::Folded);
            let model = Model::open(&blob).expect("opens");
            let first = model.layers()[0];
            assert_eq!((model.embedding().width(), first.inputs()), (cell.engine().gates() * 20, 0));
            assert_eq!(first.macs(), cell.engine().gates() * 20 * 20);
            assert!(model.features().contains(&"fold"));
            let (units, logits) = distances(&weights, &blob, &texts(11, 12, 80));
            assert!(
                units < UNIT_TOLERANCE && logits < LOGIT_TOLERANCE,
                "{cell} ×{layers}: units {units}, logits {logits}"
            );
        }
    }
}

/// A section of another kind than its content, and rows that the sums have no room for.
#[test]
fn a_fold_that_does_not_fit_its_layer_is_refused() {
    let weights = random_weights(&config(Cell::Gru, 1, Pooling::Mean, 0), 3);
    let own = ranges(&weights);
    let good = quantise(&weights, &own, EmbeddingBits::Folded).expect("quantises");
    let plain = quantise(&weights, &own, EmbeddingBits::Eight).expect("quantises");
    let refused = |sections: &Sections| {
        let error = write_sections(&weights, sections).expect_err("does not fit");
        format!("{error:#}")
    };
    let mixed = [
        Sections { folded: false, ..good.clone() },
        Sections { folded: true, ..plain.clone() },
        Sections { layers: plain.layers.clone(), ..good.clone() },
        Sections { layers: good.layers.clone(), ..plain },
    ];
    for sections in &mixed {
        let error = refused(sections);
        assert!(error.contains("malformed") || error.contains("overflow"), "{error}");
    }
    let mut late = good.clone();
    late.optional = vec![(telltale::engine::format::Kind::Folded as u8, good.embedding.clone())];
    assert!(refused(&late).contains("section table section is malformed: found 7"), "{}", refused(&late));
    let mut narrow = good.clone();
    narrow.embedding[6] = 4;
    assert!(refused(&narrow).contains("embedding section is malformed: found 4, expected 8"));
    // The largest shift: sums of up to 2²⁹ are added to the first row's bias, which has no room for them.
    let mut large = good.clone();
    large.embedding[7] = 14;
    assert!(write_sections(&weights, &large).is_ok());
    // Behind the header and 24 columns of two pairs of rows.
    let bias = 16 + 24 * 2 * 2;
    large.layers[0][bias..bias + 4].copy_from_slice(&0x7000_0000i32.to_le_bytes());
    assert!(refused(&large).contains("overflow in row: found 0"), "{}", refused(&large));
    let mut alone = good;
    alone.layers[0][bias..bias + 4].copy_from_slice(&0x5F00_0000i32.to_le_bytes());
    assert!(write_sections(&weights, &alone).is_ok());
}

#[test]
fn odd_sizes_and_large_weights_fit() {
    for (embed, hidden, scale) in [(1, 1, 1.0), (3, 5, 4.0), (17, 33, 1.0), (128, 256, 1.0), (8, 130, 20.0)] {
        let shape = Config { embed, hidden, ..config(Cell::Gru, 2, Pooling::Mean, 3) };
        let mut weights = random_weights(&shape, 9);
        let tensors = shape.parameters().into_iter().map(|(name, _)| {
            let values = weights.get(&name).iter().map(|value| value * scale).collect();
            (name, values)
        });
        weights = Weights::new(shape.clone(), tensors.collect()).expect("all there");
        let (units, _) = distances(&weights, &blob(&weights, EmbeddingBits::Eight), &texts(2, 4, 30));
        assert!(scale > 1.0 || units < 2.0 * UNIT_TOLERANCE, "{embed} {hidden}: {units}");
    }
}

#[test]
fn any_flipped_bit_any_cut_and_any_tail_is_refused() {
    let shape = Config { embed: 4, hidden: 4, ..config(Cell::Gru, 1, Pooling::Mean, 0) };
    let good = blob(&random_weights(&shape, 1), EmbeddingBits::Eight);
    assert!(Model::open(&good).is_ok());
    for length in 0..good.len() {
        let cut = AlignedBytes::new(&good[..length]);
        assert!(Model::open(&cut).is_err(), "cut to {length}");
    }
    for bit in 0..good.len() * 8 {
        let mut bytes = good.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Model::open(&AlignedBytes::new(&bytes)).is_err(), "bit {bit}");
    }
    let longer = AlignedBytes::new(&[&good[..], &[0]].concat());
    assert_eq!(Model::open(&longer).err(), Some(OpenError::Length(good.len() as u32 + 1, good.len() as u32)));
}

/// Damage that the checksum does not see, as from a faulty writer: refused or harmless, never a panic.
#[test]
fn a_resealed_blob_never_panics() {
    let shape = Config { embed: 4, hidden: 4, ..config(Cell::Lstm, 2, Pooling::Mean, 3) };
    resealed(&blob(&random_weights(&shape, 1), EmbeddingBits::Eight));
    resealed(&blob(&random_weights(&shape, 1), EmbeddingBits::Folded));
}

fn resealed(good: &[u8]) {
    let manifest = u32::from_le_bytes(good[20..24].try_into().expect("four bytes"));
    let mut random = Pcg64::seed_from_u64(5);
    let mut accepted = 0;
    for round in 0..20_000 {
        let mut bytes = AlignedBytes::new(good);
        for _ in 0..1 + round % 3 {
            let at = random.random_range(HEADER_BYTES..bytes.len());
            bytes[at] = random.random();
        }
        telltale::engine::format::seal(&mut bytes, manifest);
        let Ok(model) = Model::open(&bytes) else { continue };
        accepted += 1;
        let mut memory = memory_for(&model);
        let mut classifier = telltale::Classifier::within(&model, &mut memory).expect("fits");
        classifier.feed("w1 w2 w3 nobody w4 ".repeat(20).as_bytes(), |_, _| {});
    }
    assert!(accepted > 1000, "{accepted}");
}

/// What the chip's reader takes, postcard takes, too, and both see the same.
#[test]
fn the_view_is_that_of_the_manifest() {
    let shape = Config { embed: 4, hidden: 4, ..config(Cell::Gru, 2, Pooling::Max, 3) };
    let good = blob(&random_weights(&shape, 1), EmbeddingBits::Eight);
    let length = u32::from_le_bytes(good[20..24].try_into().expect("four bytes"));
    let mut random = Pcg64::seed_from_u64(6);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = AlignedBytes::new(&good);
        if round > 0 {
            let at = HEADER_BYTES + random.random_range(0..length as usize);
            bytes[at] = random.random();
        }
        telltale::engine::format::seal(&mut bytes, length);
        let Ok(outline) = telltale::engine::format::open(&bytes) else {
            refused += 1;
            continue;
        };
        accepted += 1;
        let manifest = telltale::engine::format::manifest(&bytes).expect("postcard reads it");
        assert_eq!((outline.labels, outline.text), (manifest.labels.as_bytes(), manifest.text));
        assert_eq!(outline.pooling, manifest.pooling);
        assert_eq!(outline.self_test, manifest.self_test.text.as_bytes());
        assert_eq!(outline.trace, manifest.self_test.trace);
        assert!(outline.sections().eq(manifest.sections.iter().copied()));
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} {refused}");
}

#[test]
fn a_newer_version_says_so() {
    let good = blob(&random_weights(&config(Cell::Rnn, 1, Pooling::Last, 0), 1), EmbeddingBits::Eight);
    let mut bytes = good.to_vec();
    bytes[8] += 1;
    let error =
        Model::open(&AlignedBytes::new(&bytes)).expect_err("a version that is not yet there").to_string();
    assert!(error.starts_with("format version unknown to this reader: found 6, expected 5; "), "{error}");
}

#[test]
fn a_model_too_large_for_the_memory_says_so() {
    let good = blob(&random_weights(&config(Cell::Gru, 1, Pooling::Mean, 0), 1), EmbeddingBits::Eight);
    let model = Model::open(&good).expect("opens");
    // Activations, units and pooling of 20, a multiple of 8 where they are columns, and sums.
    let needed = 2 * 40 + 2 * 20 + 4 * 20 + 4 * 80;
    assert_eq!(model.requirements().memory_bytes(), needed);
    let mut small = telltale::Memory::<32>::new();
    let error = telltale::Classifier::new(&model, &mut small).expect_err("too small").to_string();
    assert!(
        error.starts_with(&format!("memory smaller than the model needs: found 32, expected {needed}; "))
    );
}

#[test]
fn a_saved_state_goes_on_alike() {
    let weights = random_weights(&config(Cell::Lstm, 2, Pooling::Mean, 0), 1);
    let good = blob(&weights, EmbeddingBits::Eight);
    let model = Model::open(&good).expect("opens");
    let (mut own, mut others) = (memory_for(&model), memory_for(&model));
    let mut classifier = telltale::Classifier::within(&model, &mut own).expect("fits");
    let mut other = telltale::Classifier::within(&model, &mut others).expect("fits");
    classifier.set_tracing(true);
    other.set_tracing(true);
    classifier.feed("w1 w2 w3 nobody w4 w".repeat(9).as_bytes(), |_, _| {});
    let mut buffer = vec![0; classifier.saved_bytes() + 1];
    let saved = classifier.save(&mut buffer).expect("room for it").to_vec();
    assert_eq!(saved.len(), classifier.saved_bytes());
    assert_eq!(classifier.save(&mut [0; 9]), Err(StateError::BufferTooSmall(9, saved.len())));
    assert_eq!(other.restore(&saved[1..]), Err(StateError::Length(saved.len() - 1, saved.len())));
    assert!(matches!(other.restore(&vec![0; saved.len()]), Err(StateError::Model(0, _))));
    other.restore(&saved).expect("restores");
    let mut traces = [Vec::new(), Vec::new()];
    for (classifier, traces) in [&mut classifier, &mut other].into_iter().zip(&mut traces) {
        classifier.feed(b"2 w5 ", |word, prediction| traces.push((*word, prediction.trace)));
    }
    assert_eq!(traces[0], traces[1]);
    assert_eq!(traces[0].iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>(), ["w2", "w5"]);
    assert_eq!(classifier.finish(), other.finish());
}

/// States beyond ±1: divided, they are in range, and scores follow the reference; divided by too little, they
/// saturate.
#[test]
fn states_of_a_fastgrnn_are_brought_into_range() {
    let shape = config(Cell::Fastgrnn, 2, Pooling::Last, 0);
    let mut tensors = random_weights(&shape, 3).into_tensors();
    for (name, values) in &mut tensors {
        match name.split_once("_l") {
            Some(("rnn.nu", _)) => values.fill(0.0),
            Some(("rnn.bias_gate", _)) => values.fill(3.0),
            // Large states would make the network chaotic.
            Some(("rnn.weight_hh", _)) => values.iter_mut().for_each(|value| *value *= 0.1),
            _ => {}
        }
    }
    let weights = Weights::new(shape, tensors).expect("all there");
    let own = ranges(&weights);
    let divisor = fastgrnn::divisor(&weights, &own);
    assert!(own.state > 3.0 && divisor > own.state, "{own:?} {divisor}");
    let [zeta, nu] = weights.mix(1);
    let [in_steps, nu_in_steps] =
        fastgrnn::mix(&weights, 1, divisor).map(|steps| f32::from(steps) / 32_768.0);
    assert!((in_steps * divisor - zeta).abs() < 1e-3 && (nu_in_steps * divisor - nu).abs() < 1e-3);
    let (units, logits) = distances(&weights, &blob(&weights, EmbeddingBits::Eight), &texts(11, 12, 80));
    assert!(units < UNIT_TOLERANCE && logits < divisor * LOGIT_TOLERANCE, "{units} {logits}");
    // As if calibration had seen next to nothing.
    let narrow = blob_within(&weights, &Ranges { state: 0.1, ..own }, EmbeddingBits::Eight, Vec::new());
    let (_, saturated) = distances(&weights, &narrow, &texts(11, 12, 80));
    assert!(saturated > 5.0 * logits, "{saturated} {logits}");
}

/// The chip's scores are the float network's and the float n-grams' logits, for rows of logits and for factors.
#[test]
fn ngrams_and_network_add_up() {
    use crate::engine::{ReadWith, Reading, classify, items};
    use crate::ngrams::{Examples, Method, Ngrams, Recipe, Separation, Weighting, bags};

    let text = |n: usize| format!("w{} w{} {} w{}", n % 7, n % 5, ["ax", "bx", "cx"][n % 3], n % 11);
    let own: Vec<String> = (0..300).map(text).collect();
    let texts: Vec<&str> = own.iter().map(String::as_str).collect();
    let targets: Vec<[f32; 3]> =
        (0..300).map(|n| [0, 1, 2].map(|class| if n % 3 == class { 1.0 } else { 0.0 })).collect();
    let targets: Vec<&[f32]> = targets.iter().map(|target| &target[..]).collect();
    let options = Options { punctuation: true, tags: false };
    let methods = [
        (
            Method::Separate(Separation {
                cost: 1.0,
                weighting: Weighting::Bayes,
                balance: 0.0,
                four_bits: false,
            }),
            0.03,
        ),
        (
            Method::Separate(Separation {
                cost: 1.0,
                weighting: Weighting::Idf,
                balance: 1.0,
                four_bits: false,
            }),
            0.03,
        ),
        // Rows of 4 bits.
        (
            Method::Separate(Separation {
                cost: 1.0,
                weighting: Weighting::Bayes,
                balance: 0.0,
                four_bits: true,
            }),
            0.1,
        ),
        (Method::Factorise { width: 8 }, 0.1),
    ];
    let weights = random_weights(&config(Cell::Gru, 1, Pooling::Mean, 0), 5);
    for (method, tolerance) in methods {
        let recipe = Recipe { words: 2, characters: 3, method, most: 150 };
        let bags = bags(&texts, options, recipe.orders());
        let bags: Vec<_> = bags.iter().collect();
        let examples = Examples { bags: &bags, targets: &targets, weights: &[1.0; 300] };
        let ngrams = Ngrams::fit(examples, &recipe, 1).expect("fits");
        assert_eq!(ngrams.len(), 150);
        let logits = ngrams.logits(&bags).expect("opens");
        let right = logits.iter().zip(0..).filter(|(logits, n)| crate::logits::top(logits) == n % 3).count();
        assert_eq!(right, 300, "{method:?}");
        let whole = weights.with_head(1.0, &ngrams.head_bias(0.5));
        let section = super::ngrams(&ngrams, 0.5).expect("fits");
        let file = blob_with(&whole, vec![(telltale::engine::format::Kind::Ngrams as u8, section)]);
        let (with, without) = (Model::open(&file).expect("opens"), Model::open(&file).expect("opens"));
        let without = without.without_ngrams();
        let mut memory = [memory_for(&with), memory_for(&with)];
        let [first, second] = &mut memory;
        let (mut state, mut lone) =
            (state_in(&with, first).expect("fits"), state_in(&with, second).expect("fits"));
        for (text, logits) in texts.iter().zip(&logits) {
            let items = items(&with, text);
            let read = Reading { items: &items, truth: 0 };
            let _ = classify(&with, &mut state, &read, ReadWith::Whole);
            let _ = classify(&without, &mut lone, &read, ReadWith::Whole);
            let (own, network) = (with.scores(&mut state).to_vec(), without.scores(&mut lone));
            let bias = ngrams.head_bias(0.5);
            for (class, logit) in logits.iter().enumerate() {
                let added = f64::from(own[class] - network[class]) / 4096.0;
                let expected = f64::from(0.5 * logit - bias[class]);
                assert!(
                    (added - expected).abs() < 0.05 + tolerance * expected.abs(),
                    "{method:?} {added} {expected}"
                );
            }
        }
    }
}
