//! `compare`: every corpus below a folder in one table.

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};
use tests::{fail, folder, host, succeed, text};

/// Texts of two classes, told apart by a word.
fn csv(words: [&str; 2], count: usize, first: usize) -> String {
    let mut csv = String::from("text,label\n");
    for at in first..first + count {
        let _ = writeln!(csv, "the {} number {at},{}", words[at % 2], if at % 2 == 0 { "a" } else { "b" });
    }
    csv
}

#[test]
fn every_corpus_is_in_the_table_or_named() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    for (name, words) in [("all/films", ["good", "bad"]), ("all/more/weather", ["rain", "sun"])] {
        fs::create_dir_all(path(name)).expect("made");
        fs::write(path(name).join("train.csv"), csv(words, 120, 0)).expect("written");
        fs::write(path(name).join("test.csv"), csv(words, 40, 500)).expect("written");
    }
    let (peers, table, report) = (path("peers.json"), path("table.md"), path("report.json"));
    let peer = |corpus: &str, accuracy: f64| json!({"corpus": corpus, "peer": "other", "accuracy": accuracy, "macro_f1": 0.5, "bytes": null});
    fs::write(&peers, json!([peer("films", 0.75), peer("weather", 0.5)]).to_string()).expect("written");
    let (data, flags) = (path("all"), ["--epochs", "3", "--peers", text(&peers)]);
    let arguments =
        [&["compare", "--data", text(&data), "--out", text(&table), "--json", text(&report)][..], &flags]
            .concat();
    succeed(&arguments, b"");
    let rows: Value = serde_json::from_slice(&fs::read(&report).expect("written")).expect("JSON");
    assert_eq!([&rows[0]["corpus"], &rows[1]["corpus"]], ["films", "weather"]);
    for row in rows.as_array().expect("rows") {
        assert_eq!(
            (&row["accuracy"], &row["test_texts"], &row["classes"]),
            (&1.0.into(), &40.into(), &2.into())
        );
        assert!(row["alone"]["network"].is_number() && row["alone"]["ngrams"] == 1.0, "{row}");
        assert!(row["bytes"].as_u64().is_some_and(|bytes| bytes <= 180_000), "{row}");
    }
    let lines = fs::read_to_string(&table).expect("written");
    assert!(lines.contains("| 75.00 / 50.00 |") && lines.lines().count() == 5, "{lines}");
    assert!(lines.ends_with("| mean | | | 100.00 / 100.00 | | | | 62.50 / 50.00 |\n"), "{lines}");
    // A corpus that cannot be trained is named, and the others are in the table.
    fs::create_dir(path("all/broken")).expect("made");
    fs::write(path("all/broken/train.csv"), "text,label\n\"never closed,a\nx,b\n").expect("written");
    fs::write(path("all/broken/test.csv"), csv(["x", "y"], 4, 0)).expect("written");
    let output = host(&arguments, b"");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("error: not in the table: broken") && error.contains("line 2: the quote"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&table).expect("written").lines().count(), 5);
    // Nor is one measured on anything but its test file.
    let withheld = csv(["good", "bad"], 40, 500).replace(",a", ",").replace(",b", ",");
    fs::create_dir(path("withheld")).expect("made");
    fs::write(path("withheld/train.csv"), csv(["good", "bad"], 120, 0)).expect("written");
    fs::write(path("withheld/test.csv"), withheld).expect("written");
    let error = fail(&["compare", "--data", text(&path("withheld"))]);
    assert!(error.contains("has no text with a label of the training's"), "{error}");
    assert!(fail(&["compare", "--data", text(&path("all/broken/none"))]).contains("cannot be listed"));
    fs::create_dir(path("empty")).expect("made");
    assert!(
        fail(&["compare", "--data", text(&path("empty"))]).contains("no folder with a train and a test file")
    );
}
