//! `frontier`: one table and one picture, and no run twice.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::{folder, host, succeed, text};

const SMALL: [&str; 7] = ["frontier", "--presets", "nano", "--seeds", "1,2", "--epochs", "1"];

/// Runs it on the embedded reviews; its lines and its report.
fn frontier(out: &Path, flags: &[&str]) -> (Vec<String>, Value) {
    let json = out.with_extension("report");
    let place = ["--out", text(out), "--json", text(&json)];
    let lines = String::from_utf8(succeed(&[&SMALL[..], flags, &place].concat(), b"")).expect("UTF-8");
    let report = serde_json::from_slice(&fs::read(json).expect("written")).expect("JSON");
    (lines.lines().map(str::to_owned).collect(), report)
}

fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| line.starts_with('[') && line.ends_with(what)).count()
}

#[test]
fn every_run_is_trained_once() {
    let folder = folder();
    let out = folder.path().join("out");
    let (lines, report) = frontier(&out, &[]);
    assert_eq!((count(&lines, ": training"), count(&lines, ": done before")), (2, 0), "{lines:#?}");

    let preset = &report["presets"][0];
    assert_eq!(preset["preset"], "nano");
    let runs = preset["runs"].as_array().expect("a list");
    assert_eq!(runs.iter().map(|run| run["seed"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(2)]);
    for run in runs {
        let name = format!("nano-{}", run["seed"]);
        let model = out.join(format!("{name}.bin"));
        assert_eq!(run["bytes"].as_u64(), Some(fs::metadata(&model).expect("a model").len()));
        let inspected: Value =
            serde_json::from_slice(&succeed(&["inspect", text(&model), "--json", "-"], b"")).expect("JSON");
        assert_eq!(run["quantised_valid"], round(&inspected["quantised_valid_accuracy"], run));
        for (board, own) in [("microbit", 0), ("mps2-an386", 1)] {
            let boards = inspected["boards"].as_array().expect("a list");
            let there = boards.iter().find(|there| there["board"] == board).expect("a board");
            assert_eq!(there["instructions_per_word"], run["instructions_per_word"][own]);
        }
        assert!(!out.join(format!("{name}.checkpoint")).exists());
    }
    let mean = runs.iter().filter_map(|run| run["quantised_valid"].as_f64()).sum::<f64>() / 2.0;
    let stated = preset["quantised_valid"]["mean"].as_f64().expect("a number");
    assert!((stated - mean).abs() < 1e-12 && preset["quantised_valid"]["deviation"].is_number());

    let table = fs::read_to_string(out.join("frontier.md")).expect("a table");
    assert_eq!(table.lines().filter(|line| line.starts_with("| nano |")).count(), 1, "{table}");
    assert!(table.contains("host frontier --presets nano --seeds 1,2 --epochs 1 --out "), "{table}");
    let svg = fs::read_to_string(out.join("frontier.svg")).expect("a picture");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("nano"));
    let png = fs::read(out.join("frontier.png")).expect("a picture");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.windows(4).any(|bytes| bytes == b"IEND"));

    // All is there: nothing is trained again, and the table says the same.
    let models = || ["nano-1.bin", "nano-2.bin"].map(|name| fs::read(out.join(name)).expect("a model"));
    let before = models();
    let times = || fs::metadata(out.join("nano-1.bin")).and_then(|data| data.modified()).expect("a time");
    let time = times();
    let (lines, again) = frontier(&out, &[]);
    assert_eq!((count(&lines, ": training"), count(&lines, ": done before")), (0, 2), "{lines:#?}");
    assert_eq!(again["presets"], report["presets"]);
    assert!(models() == before && times() == time);

    // What is damaged is trained again, by the same seed to the same bytes, and nothing else.
    fs::write(out.join("nano-2.bin"), &before[1][..before[1].len() / 2]).expect("written");
    let (lines, _) = frontier(&out, &[]);
    assert_eq!((count(&lines, ": training"), count(&lines, ": done before")), (1, 1), "{lines:#?}");
    assert!(models() == before && times() == time);

    // Other flags make other runs.
    let (lines, other) = frontier(&out, &["--lr", "0.001"]);
    assert_eq!((count(&lines, ": training"), count(&lines, ": done before")), (2, 0), "{lines:#?}");
    assert_ne!(other["presets"][0]["float_valid"], report["presets"][0]["float_valid"]);
}

/// The exact figure of a run, if the four decimals that a blob holds are its.
fn round(held: &Value, run: &Value) -> Value {
    let (held, exact) = (held.as_f64(), run["quantised_valid"].as_f64());
    let near = held.zip(exact).is_some_and(|(held, exact)| (held - exact).abs() <= 0.000_05);
    if near { run["quantised_valid"].clone() } else { Value::Null }
}

/// What is in the corpus decides what a run is of, not what the file is called.
#[test]
fn other_texts_are_other_runs() {
    let folder = folder();
    let (corpus, out) = (folder.path().join("corpus.csv"), folder.path().join("out"));
    let rows = |word: &str| -> String {
        (0..60)
            .map(|row| format!("{} {word} {row},{}\n", ["good", "bad"][row % 2], ["pos", "neg"][row % 2]))
            .collect()
    };
    for (word, trained) in [("film", 2), ("film", 0), ("play", 2)] {
        fs::write(&corpus, format!("text,label\n{}", rows(word))).expect("written");
        let (lines, _) = frontier(&out, &["--data", text(&corpus)]);
        assert_eq!(count(&lines, ": training"), trained, "{lines:#?}");
    }
}

#[test]
fn a_run_that_fails_is_told() {
    let folder = folder();
    let out = text(folder.path()).to_owned();
    for (flags, said) in [
        (["--data", "no-such-file"], "error: no-such-file: no such file or folder"),
        (["--dropout", "1.5"], "error: nano-1: --dropout"),
    ] {
        let all = [&["frontier", "--presets", "nano", "--out", &out], &flags[..]].concat();
        let output = host(&all, b"");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(said), "{error}");
    }
    assert!(!folder.path().join("frontier.md").exists());
    assert_eq!(host(&["frontier", "--presets", "mega", "--out", &out], b"").status.code(), Some(2));
}
