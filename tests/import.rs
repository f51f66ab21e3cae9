//! `import` as a user calls it: the tutorial's two modules, saved by PyTorch.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::{fail, folder, succeed, text};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pytorch/fixtures").join(name)
}

/// The fixtures' vocabulary: 11 rows.
const WORDS: &str = "<pad>\n<unk>\nthe\nfilm\ngood\nbad\nDon't\n<br\nnot\nand\nwonderful\n";

struct Files {
    _folder: tempfile::TempDir,
    vocab: PathBuf,
    config: PathBuf,
    model: PathBuf,
}

fn files(config: &str) -> Files {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let files = Files {
        vocab: path("vocab.txt"),
        config: path("config.json"),
        model: path("m.bin"),
        _folder: folder,
    };
    fs::write(&files.vocab, WORDS).expect("writable");
    fs::write(&files.config, config).expect("writable");
    files
}

#[test]
fn both_modules_of_the_tutorial_import_from_both_kinds_of_file() {
    let files = files(r#"{"labels": ["neg", "pos"], "max_len": 200, "keep": "head", "padded": "left"}"#);
    for name in ["basic_rnn", "net"] {
        let mut blobs = Vec::new();
        for kind in ["pth", "safetensors"] {
            let weights = fixture(&format!("{name}.{kind}"));
            let report = succeed(
                &[
                    "import",
                    "--weights",
                    text(&weights),
                    "--vocab",
                    text(&files.vocab),
                    "--config",
                    text(&files.config),
                    "--data",
                    "reviews",
                    "--export",
                    text(&files.model),
                    "--json",
                    "-",
                ],
                b"",
            );
            let report: Value = serde_json::from_slice(&report).expect("JSON");
            let measured = |name: &str| report["measured"][name].as_f64().expect("a number");
            assert!(measured("agreement") >= 0.98, "{name}: {report}");
            assert!((measured("float_accuracy") - measured("quantised_accuracy")).abs() < 0.02);
            assert!(measured("padded_accuracy") > 0.3 && measured("padded_agreement") > 0.3);
            let warnings = report["warnings"].to_string();
            assert!(warnings.contains("`<br`") && warnings.contains("`Don't` as `dont`"), "{warnings}");
            blobs.push(fs::read(&files.model).expect("written"));
        }
        assert!(blobs[0] == blobs[1], "{name}: .pth and .safetensors give two models");
        let lines = succeed(&["run", "--model", text(&files.model)], b"don't <br /> good padding");
        let lines = String::from_utf8(lines).expect("UTF-8");
        assert_eq!(lines.lines().count(), 3, "{lines}");
    }
}

#[test]
fn errors_name_the_file_and_what_is_wrong() {
    let files = files(r#"{"labels": ["neg", "pos"]}"#);
    let import = |weights: &Path, more: &[&str]| {
        let all = [
            &[
                "import",
                "--weights",
                text(weights),
                "--vocab",
                text(&files.vocab),
                "--config",
                text(&files.config),
            ],
            more,
        ];
        fail(&all.concat())
    };
    let net = fixture("net.pth");
    assert!(import(&files.vocab, &[]).contains("vocab.txt: neither a .safetensors"));
    assert!(import(Path::new("nothing"), &[]).contains("cannot read nothing"));
    assert!(import(&net, &["--data", "nothing"]).contains("nothing: no such file"));
    assert!(import(&net, &["--export", "/proc/x"]).contains("cannot write /proc/x"));
    fs::write(&files.vocab, format!("{WORDS}more\n")).expect("writable");
    let error = import(&net, &[]);
    assert!(error.contains("em.weight [11, 5]") && error.contains("12 lines in the vocabulary"), "{error}");
    fs::write(&files.vocab, WORDS).expect("writable");
    fs::write(&files.config, r#"{"labels": ["neg", "neutral", "pos"]}"#).expect("writable");
    assert!(import(&net, &[]).contains("fc.weight [2, 6] does not fit: [3, 6] is expected"));
    fs::write(&files.config, r#"{"labels": ["bad", "good"]}"#).expect("writable");
    assert!(import(&net, &["--data", "reviews"]).contains("is not one of the configuration's: bad, good"));
}
