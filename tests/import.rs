//! `import` as a user calls it: the tutorial's two modules, saved by PyTorch.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::{fail, folder, host, succeed, text};

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
        assert_eq!(lines.lines().filter(|line| !line.starts_with("=\t")).count(), 3, "{lines}");
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
    assert!(import(&files.vocab, &[]).contains("vocab.txt: a .safetensors file or one of torch.save"));
    assert!(import(Path::new("nothing"), &[]).contains("cannot read nothing"));
    let endless = import(Path::new("/dev/zero"), &[]);
    assert!(endless.contains("/dev/zero: a .safetensors file"), "{endless}");
    assert!(import(&net, &["--data", "nothing"]).contains("nothing: no such file"));
    assert!(import(&net, &["--export", "/proc/x"]).contains("cannot write /proc/x"));
    fs::write(&files.vocab, format!("{WORDS}more\n")).expect("writable");
    let error = import(&net, &[]);
    assert!(error.contains("em.weight [11, 5]") && error.contains("12 rows by the vocabulary"), "{error}");
    fs::write(&files.vocab, b"<pad>\n<unk>\nd\xe9j\xe0\n").expect("writable");
    assert!(import(&net, &[]).contains("vocab.txt: line 3: not UTF-8"));
    fs::write(&files.vocab, WORDS).expect("writable");
    fs::write(&files.config, r#"{"labels": ["neg", "neutral", "pos"]}"#).expect("writable");
    assert!(import(&net, &[]).contains("fc.weight [2, 6] does not fit: [3, 6] is expected"));
    fs::write(&files.config, r#"{"labels": ["neg", "neg"]}"#).expect("writable");
    assert!(import(&net, &[]).contains("twice"));
    fs::write(&files.config, r#"{"labels": ["bad", "good"]}"#).expect("writable");
    assert!(import(&net, &["--data", "reviews"]).contains("is not one of the configuration's: bad, good"));
}

/// Eleven words, none of them special.
const NUMBERS: [&str; 11] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/// Runs `import` with the vocabulary of [`NUMBERS`]; standard output, or the JSON for `--json -`.
fn import(files: &Files, weights: &Path, more: &[&str]) -> String {
    let all = [
        &["import", "--weights", text(weights), "--vocab", text(&files.vocab)][..],
        &["--config", text(&files.config)],
        more,
    ];
    String::from_utf8(succeed(&all.concat(), b"")).expect("UTF-8")
}

/// PyTorch's logits of a fixture after every prefix of the reference's text, as `--check` reads them.
fn answers(of: &str) -> String {
    let reference = fs::read_to_string(fixture("reference.json")).expect("is there");
    let reference: Value = serde_json::from_str(&reference).expect("JSON");
    let mut words: Vec<&str> = Vec::new();
    let mut lines = String::new();
    for (id, logits) in reference["text"]
        .as_array()
        .expect("a list")
        .iter()
        .zip(reference["logits"][of].as_array().expect("a list"))
    {
        words.push(NUMBERS[id.as_u64().expect("an id") as usize]);
        lines += &serde_json::json!({ "text": words.join(" "), "logits": logits }).to_string();
        lines.push('\n');
    }
    lines
}

#[test]
fn agreement_is_with_pytorchs_own_answers() {
    let files = files(r#"{"labels": ["a", "b", "c"]}"#);
    fs::write(&files.vocab, NUMBERS.join("\n")).expect("writable");
    let check = files.model.with_file_name("check.jsonl");
    for cell in ["rnn1", "gru2", "lstm_cells2"] {
        fs::write(&check, answers(cell)).expect("writable");
        let weights = fixture(&format!("{cell}.safetensors"));
        let report = import(&files, &weights, &["--check", text(&check), "--json", "-"]);
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let own = |side: &str, what: &str| report["pytorch"][side][what].as_f64().expect("a number");
        assert_eq!((own("float", "labels_equal"), own("quantised", "labels_equal")), (1.0, 1.0), "{report}");
        assert!(own("float", "largest_difference") < 1e-5 && own("quantised", "largest_difference") < 0.01);
    }
    // Answers of another network: said.
    fs::write(&check, answers("rnn2")).expect("writable");
    let weights = fixture("rnn1.safetensors");
    let told = host(
        &[
            &["import", "--weights", text(&weights), "--vocab", text(&files.vocab)][..],
            &["--config", text(&files.config), "--check", text(&check)],
        ]
        .concat(),
        b"",
    );
    let (out, warnings) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(out.contains("agreement with PyTorch on 12 texts"), "{out}");
    assert!(warnings.contains("the network as read is not PyTorch's"), "{warnings}");
}

#[test]
fn what_was_taken_left_out_and_assumed_is_printed() {
    let files = files(r#"{"labels": ["neg", "pos"]}"#);
    let vocabulary: String =
        NUMBERS.iter().enumerate().map(|(row, word)| format!("{row}\t{word}\r\n")).collect();
    fs::write(&files.vocab, format!("\u{FEFF}{vocabulary}\r\n")).expect("writable");
    fs::write(files.model.with_file_name("corpus.csv"), "text,label\none two,neg\nthree don't,pos\n")
        .expect("writable");
    let corpus = files.model.with_file_name("corpus.csv");
    let told = import(&files, &fixture("checkpoint.pth"), &["--data", text(&corpus)]);
    for line in [
        "rnn.weight_hh_l1",
        "rnn layer 1: recurrent weights",
        "the state dict lies under `state_dict`",
        "left out of the file: epoch",
        "the vocabulary's lines are an index and a word",
        "nonlinearity of nn.RNN: tanh (assumed; key \"nonlinearity\")",
        "padding: none",
        "not whether PyTorch computes the same",
        "agreement with PyTorch: not measured (--check FILE",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    fs::write(&files.config, r#"{"labels": ["neg", "pos"], "nonlinearity": "tanh"}"#).expect("writable");
    assert!(import(&files, &fixture("net.pth"), &[]).contains("tanh (as configured"));
}

/// A .safetensors file of f32.
fn safetensors(tensors: &[(&str, &[usize], Vec<f32>)]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let about =
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert((*name).to_owned(), about);
    }
    let mut header = serde_json::to_vec(&header).expect("JSON");
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// An LSTM whose first cell counts words: beyond 16, the engine's states end.
#[test]
fn a_counter_that_saturates_is_said() {
    let files = files(r#"{"labels": ["few", "many"]}"#);
    fs::write(&files.vocab, NUMBERS.join("\n")).expect("writable");
    // Gates i, f, g, o of one unit, wide open.
    let weights = safetensors(&[
        ("embed.weight", &[11, 1], vec![0.0; 11]),
        ("rnn.weight_ih_l0", &[4, 1], vec![0.0; 4]),
        ("rnn.weight_hh_l0", &[4, 1], vec![0.0; 4]),
        ("rnn.bias_ih_l0", &[4], vec![20.0; 4]),
        ("rnn.bias_hh_l0", &[4], vec![0.0; 4]),
        ("fc.weight", &[2, 1], vec![-1.0, 1.0]),
        ("fc.bias", &[2], vec![0.0; 2]),
    ]);
    let (path, corpus) =
        (files.model.with_file_name("lstm.safetensors"), files.model.with_file_name("corpus.csv"));
    fs::write(&path, weights).expect("writable");
    for (words, share) in [(40, 25.0 / 40.0), (10, 0.0)] {
        let long = "one ".repeat(words);
        fs::write(&corpus, format!("text,label\n{long},many\n{long},few\n")).expect("writable");
        let report = import(&files, &path, &["--data", text(&corpus), "--json", "-"]);
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["saturation"]["largest"], words as f64);
        assert_eq!(report["saturation"]["limit"], 16.0);
        assert_eq!(report["saturation"]["share"], share);
        assert_eq!(report["warnings"].to_string().contains("saturate"), share > 0.0, "{report}");
    }
}
