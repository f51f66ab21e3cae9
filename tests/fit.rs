//! `fit`: what it picks for a board, and that its estimates hold.

use std::fs;

use serde_json::Value;
use tests::{fail, folder, succeed, text};

/// The candidates for the micro:bit with some limits.
fn candidates(limits: &[&str]) -> Vec<Value> {
    let flags = ["fit", "--board", "microbit", "--dry-run", "--candidates", "-"];
    serde_json::from_slice(&succeed(&[&flags[..], limits].concat(), b"")).expect("JSON")
}

fn chosen(candidates: &[Value]) -> &Value {
    let mut all = candidates.iter().filter(|candidate| candidate["chosen"] == true);
    let one = all.next().expect("one is chosen");
    assert!(all.next().is_none());
    one
}

#[test]
fn the_largest_that_fits_is_trained_and_as_large_as_estimated() {
    let folder = folder();
    for (name, limits) in [("free", &[][..]), ("tight", &["--flash", "56000"]), ("lstm", &["--cell", "lstm"])]
    {
        let (model, json) = (folder.path().join(name), folder.path().join("candidates.json"));
        let flags = ["fit", "--board", "microbit", "--epochs", "1", "--export", text(&model)];
        let lines = succeed(&[&flags[..], &["--candidates", text(&json)], limits].concat(), b"");
        let lines = String::from_utf8(lines).expect("UTF-8");
        let before = lines.find("epoch 1/1").expect("it trains");
        assert!(lines.find("the largest that fits: chosen").is_some_and(|at| at < before), "{lines}");
        let all: Vec<Value> = serde_json::from_slice(&fs::read(&json).expect("written")).expect("JSON");
        let estimate = chosen(&all)["bytes"].as_f64().expect("a number");
        let bytes = fs::metadata(&model).expect("a model").len() as f64;
        assert!((estimate / bytes - 1.0).abs() < 0.05, "{name}: {estimate} of {bytes}");
        let inspected: Value =
            serde_json::from_slice(&succeed(&["inspect", text(&model), "--json", "-"], b"")).expect("JSON");
        let board = &inspected["boards"][0];
        assert_eq!((&board["board"], &board["fits"]), (&"microbit".into(), &true.into()));
        assert_eq!(board["instructions_per_word"], chosen(&all)["instructions_per_word"]);
    }
}

#[test]
fn every_limit_rules_out() {
    let all = candidates(&[]);
    let free = chosen(&all)["bytes"].as_u64().expect("bytes");
    assert!(all.iter().all(|one| one["reason"] != "" || one["bytes"].as_u64() <= Some(free)));
    let half = (40_960 + free / 2).to_string();
    let tight = candidates(&["--flash", &half]);
    assert!(chosen(&tight)["bytes"].as_u64().expect("bytes") <= free / 2);
    let why = |list: &[Value], what: &str| {
        list.iter().filter(|one| one["reason"].as_str().is_some_and(|why| why.starts_with(what))).count()
    };
    assert!(why(&tight, "flash") > why(&all, "flash"));

    let smallest = all.iter().filter_map(|one| one["ram"].as_u64()).min().expect("some").to_string();
    let poor = candidates(&["--ram", &smallest]);
    assert_eq!(chosen(&poor)["preset"], "nano");
    assert!(why(&poor, "RAM") > 0);

    let fast = candidates(&["--words-per-second", "1000"]);
    assert!(chosen(&fast)["words_per_second"].as_f64() >= Some(1000.0));
    assert!(why(&fast, "words/s") > 0);

    let fit = |flags: &[&str]| fail(&[&["fit", "--board", "microbit", "--dry-run"], flags].concat());
    assert!(fit(&["--words-per-second", "1000000"]).contains("no model fits"));
    assert!(fit(&["--flash", "40000"]).contains("40960"));
    assert!(fit(&["--ram", "1000"]).contains("4096"));
    assert!(fit(&["--preset", "nano"]).contains("--preset"));
    assert!(fail(&["fit", "--board", "pdp-11"]).contains("microbit"));
}

/// What is picked can be taken to PyTorch, which has no n-grams.
#[test]
fn what_is_picked_is_saved_without_ngrams() {
    let folder = folder();
    let saved = folder.path().join("saved");
    succeed(&["fit", "--board", "microbit", "--epochs", "1", "--vocab", "400", "--save", text(&saved)], b"");
    for name in ["config.json", "model.safetensors", "vocab.txt"] {
        assert!(saved.join(name).is_file(), "{name}");
    }
}
