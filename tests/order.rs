//! What recurrence adds is order: the network solves pairs of texts that n-grams cannot tell apart.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use tests::{folder, succeed, text};

/// Words that say nothing.
const FILLERS: [&str; 16] = [
    "stone", "river", "lamp", "cloud", "table", "bridge", "paper", "window", "garden", "engine", "letter",
    "market", "button", "island", "candle", "basket",
];

/// How many words of either kind there are.
const WORDS: usize = 10;

/// Pairs of texts with the same words, of which two count: one of the `ups` and one of the `downs`, never side by
/// side. Whichever comes last is the label; in the other text of the pair they have changed places.
/// Every fifth combination of the two is only in the pairs that are `held_out`.
fn pairs(held_out: bool, random: &mut Pcg64) -> String {
    let mut csv = String::from("text,label,pair\n");
    let mut number = 0;
    let filler = |least: usize, random: &mut Pcg64| {
        let count = random.random_range(least..least + 4);
        (0..count).filter_map(|_| FILLERS.choose(random).copied()).collect::<Vec<_>>().join(" ")
    };
    for up in 0..WORDS {
        for down in (0..WORDS).filter(|down| ((up + down) % 5 == 0) == held_out) {
            for _ in 0..10 {
                let [before, between, behind] = [2, 3, 2].map(|least| filler(least, random));
                for (label, first, last) in [
                    ("up", format!("down{down}"), format!("up{up}")),
                    ("down", format!("up{up}"), format!("down{down}")),
                ] {
                    writeln!(csv, "{before} {first} {between} {last} {behind},{label},{number}")
                        .expect("in memory");
                }
                number += 1;
            }
        }
    }
    csv
}

/// Reads pairs with a model, and with its parts.
fn evaluate(model: &Path, data: &Path, flags: &[&str]) -> Value {
    let arguments =
        ["eval", "--model", text(model), "--data", text(data), "--pairs", "pair", "--parts", "--json", "-"];
    serde_json::from_slice(&succeed(&[&arguments[..], flags].concat(), b"")).expect("JSON")
}

/// The share of pairs that are solved, by `model`, `network` or `wide`.
fn solved(pairs: &Value, by: &str) -> f64 {
    pairs[by].as_f64().unwrap_or_else(|| panic!("{by}: {pairs}"))
}

#[test]
fn a_network_learns_what_comes_last_and_n_grams_do_not() {
    let folder = folder();
    let [data, held_out, model] =
        ["train.csv", "pairs.csv", "model.bin"].map(|name| folder.path().join(name));
    let mut random = Pcg64::seed_from_u64(11);
    fs::write(&data, pairs(false, &mut random)).expect("writable");
    fs::write(&held_out, pairs(true, &mut random)).expect("writable");
    let flags =
        ["--ngrams", "4000", "--ngram-words", "3", "--embed", "12", "--hidden", "24", "--epochs", "12"];
    succeed(&[&["train", "--data", text(&data), "--export", text(&model)], &flags[..]].concat(), b"");
    let ordered = evaluate(&model, &held_out, &[]);
    let pairs = &ordered["pairs"];
    assert_eq!((pairs["groups"].as_u64(), pairs["chance"].as_f64()), (Some(200), Some(0.25)));
    assert!(solved(pairs, "model") > 0.9 && solved(pairs, "network") > 0.9, "{pairs}");
    assert!(solved(pairs, "wide") < 0.4, "{pairs}");
    let shuffled = &evaluate(&model, &held_out, &["--shuffle"])["pairs"];
    assert!(solved(shuffled, "model") < 0.4, "{shuffled}");
}

/// Pairs about order that the training has not seen, of the same words each, in another order.
#[test]
fn the_default_solves_contrasts_that_it_has_not_seen() {
    let folder = folder();
    let [model, counting] = ["model.bin", "counting.bin"].map(|name| folder.path().join(name));
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../data/order.csv"));
    succeed(&["train", "--export", text(&model)], b"");
    succeed(
        &["train", "--ngrams", "26000", "--ngram-words", "3", "--epochs", "1", "--export", text(&counting)],
        b"",
    );
    let contrasts = |model: &Path, flags: &[&str]| {
        let groups = evaluate(model, data, &[&["--by", "kind"], flags].concat())["by"]["groups"].take();
        assert_eq!(groups[0]["value"], "contrast");
        groups[0].clone()
    };
    let ordered = contrasts(&model, &[]);
    assert!(
        solved(&ordered["pairs"], "model") > 0.28 && ordered["accuracy"].as_f64() > Some(0.55),
        "{ordered}"
    );
    let shuffled = contrasts(&model, &["--shuffle"]);
    assert!(solved(&shuffled["pairs"], "model") < solved(&ordered["pairs"], "model") - 0.05, "{shuffled}");
    let counting = contrasts(&counting, &[]);
    assert!(solved(&counting["pairs"], "wide") < 0.1, "{counting}");
}
