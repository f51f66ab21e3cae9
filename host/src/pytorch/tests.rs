//! Against numbers that PyTorch computed: `tests/pytorch/reference.py` wrote them.

use std::path::{Path, PathBuf};

use serde_json::Value;
use telltale::text::Options;

use super::config::Description;
use super::map::{Mapped, map};
use super::state::{Tensor, read};
use super::words::Words;
use crate::model::weights::Ranges;
use crate::model::{Cell, Config, Pooling, Weights};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pytorch/fixtures").join(name)
}

fn reference() -> Value {
    let text = std::fs::read_to_string(fixture("reference.json")).expect("is there");
    serde_json::from_str(&text).expect("JSON")
}

fn description(labels: usize) -> Description {
    let labels: Vec<String> = (0..labels).map(|label| label.to_string()).collect();
    serde_json::from_value(serde_json::json!({ "labels": labels })).expect("is complete")
}

fn mapped(file: &str, labels: usize) -> Mapped {
    let state = read(&fixture(file)).expect("reads");
    map(&state, 11, &description(labels)).unwrap_or_else(|error| panic!("{file}: {error:#}"))
}

/// The f32 step gives PyTorch's logits after every word, to 1e-5, for every cell and depth.
#[test]
fn logits_are_those_of_pytorch() {
    let reference = reference();
    let text: Vec<u32> = reference["text"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|id| id.as_u64().expect("an id") as u32)
        .collect();
    let mut files = Vec::new();
    for name in reference["logits"].as_object().expect("an object").keys() {
        files.push((name.clone(), format!("{name}.safetensors")));
    }
    files.push(("basic_rnn".to_owned(), "basic_rnn.pth".to_owned()));
    files.push(("net".to_owned(), "net.pth".to_owned()));
    files.push(("net".to_owned(), "checkpoint.pth".to_owned()));
    assert_eq!(files.len(), 19);
    for (name, file) in files {
        let rows = reference["logits"][&name].as_array().expect("a list");
        let outputs = rows[0].as_array().expect("a list").len();
        let Mapped { config, tensors, .. } = mapped(&file, outputs.max(2));
        if let Some(kind) = name.split(['1', '2', '_']).next().filter(|kind| name != "net" && kind.len() < 5)
        {
            let cell = match kind {
                "gru" => Cell::Gru,
                "lstm" | "no" => Cell::Lstm,
                _ => Cell::Rnn,
            };
            assert_eq!(config.cell, cell, "{name}");
        }
        let weights = Weights::new(config, tensors).expect("complete");
        let (mut state, mut ranges) = (weights.start(), Ranges::default());
        for (at, (&id, row)) in text.iter().zip(rows).enumerate() {
            weights.step(id, &mut state, &mut ranges);
            let own = weights.logits(&state, &mut ranges);
            let theirs: Vec<f64> = row
                .as_array()
                .expect("a list")
                .iter()
                .map(|logit| logit.as_f64().expect("a number"))
                .collect();
            let own: Vec<f64> = own.into_iter().map(f64::from).collect();
            // One output is the logit of the second class against the first.
            let own = if outputs == 1 { vec![own[1] - own[0]] } else { own };
            assert_eq!(own.len(), theirs.len());
            for (a, b) in own.iter().zip(&theirs) {
                assert!((a - b).abs() < 1e-5, "{file}, word {at}: {a}, PyTorch {b}");
            }
        }
    }
}

#[test]
fn both_files_of_a_model_hold_the_same() {
    for name in ["basic_rnn", "net"] {
        let (a, b) = (mapped(&format!("{name}.pth"), 2), mapped(&format!("{name}.safetensors"), 2));
        assert_eq!((a.config, a.tensors), (b.config, b.tensors));
    }
    let net = mapped("net.pth", 2);
    assert_eq!((net.config.layers, net.config.head_hidden), (2, 0));
    assert!(net.names.contains(&("em.weight".to_owned(), "embed.weight".to_owned())));
    let basic = mapped("basic_rnn.pth", 2);
    assert_eq!((basic.config.layers, basic.config.head_hidden), (1, 6));
}

/// Changes the state dict of `net` and tells the error.
fn refused(change: impl FnOnce(&mut Vec<Tensor>)) -> String {
    let mut state = read(&fixture("net.pth")).expect("reads");
    change(&mut state);
    format!("{:#}", map(&state, 11, &description(2)).expect_err("must not fit"))
}

fn zeros(name: &str, shape: &[usize]) -> Tensor {
    Tensor { name: name.to_owned(), shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
}

#[test]
fn what_does_not_fit_is_named_with_the_shape_expected() {
    let replace = |name: &'static str, shape: &'static [usize]| {
        refused(move |state| {
            for tensor in state.iter_mut().filter(|tensor| tensor.name == name) {
                *tensor = zeros(name, shape);
            }
        })
    };
    let cases: [(&str, &[usize], &str); 8] = [
        ("rnn.weight_hh_l0", &[12, 6], "[3·H, H] (gru)"),
        ("rnn.weight_hh_l1", &[8, 8], "[6, 6]"),
        ("rnn.weight_ih_l1", &[6, 7], "[6, 6]"),
        ("rnn.bias_hh_l1", &[7], "[6]"),
        ("em.weight", &[12, 5], "[11, 5]"),
        ("fc.weight", &[2, 12], "[2, 6]"),
        ("fc.weight", &[4, 6], "[2, 6]"),
        ("fc.bias", &[3], "[2]"),
    ];
    for (name, shape, expected) in cases {
        let error = replace(name, shape);
        assert!(error.contains(name) && error.contains(&format!("{shape:?}")), "{error}");
        assert!(error.contains(expected), "{name} {shape:?}: {error}");
    }
    for (extra, reason) in [
        (zeros("rnn.weight_ih_l0_reverse", &[6, 5]), "bidirectional"),
        (zeros("rnn.weight_hr_l0", &[3, 6]), "proj_size"),
        (zeros("conv.weight", &[3, 6, 2]), "two dimensions"),
        (zeros("norm.running_mean", &[6]), "no embedding, recurrent or linear"),
    ] {
        let name = extra.name.clone();
        let error = refused(|state| state.push(extra));
        assert!(error.contains(&name) && error.contains(reason), "{error}");
    }
    for (missing, reason) in [
        ("rnn.weight_ih_l1", "weight_ih of layer 1 is missing"),
        ("em.weight", "no embedding"),
        ("fc.weight", "fc.bias"),
        ("rnn.", "no recurrent layer"),
    ] {
        let error = refused(|state| state.retain(|tensor| !tensor.name.starts_with(missing)));
        assert!(error.contains(reason), "{missing}: {error}");
    }
}

#[test]
fn files_that_are_no_state_dicts_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let whole = std::fs::read(fixture("net.pth")).expect("is there");
    for (bytes, reason) in [
        (&b""[..], "neither"),
        (b"something else", "neither"),
        (&whole[..whole.len() / 2], "state dict"),
        (b"PK\x03\x04", "state dict"),
    ] {
        std::fs::write(&path, bytes).expect("writable");
        let error = format!("{:#}", read(&path).expect_err("must not be read"));
        assert!(error.contains("file") && error.contains(reason), "{error}");
    }
    // No byte of a pickle makes the reader panic.
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        std::fs::write(&path, &damaged).expect("writable");
        let _ = read(&path).map(|state| map(&state, 11, &description(2)));
    }
}

#[test]
fn rows_follow_their_words() {
    let file = "<pad>\n<unk>\nfilm\nDon't\n<br\ngood\nThe\nthe\nwell-known\n";
    let words = Words::read(file, Options::default(), None, None).expect("reads");
    assert_eq!((words.padding, words.unknown, words.lines), (Some(0), Some(1), 9));
    let texts: Vec<&str> = words.list().iter().map(|(_, text)| &text[..]).collect();
    assert_eq!(texts, ["film", "good", "the", "dont"]);
    assert_eq!(words.warnings.len(), 2);
    assert!(
        words.warnings[0].starts_with("3 words") && words.warnings[0].contains("`<br`, `well-known`, `The`")
    );
    assert!(words.warnings[1].contains("`Don't` as `dont`"));
    let table: Vec<f32> = (0..9).flat_map(|row| [row as f32, -(row as f32)]).collect();
    let (built, ordered) = words.build(&table, 2).expect("builds");
    let reader = built.open().expect("opens");
    for (word, row) in [("film", 2.0), ("good", 5.0), ("the", 7.0), ("dont", 3.0), ("unheard", 1.0)] {
        let id = reader.id(telltale::text::Word::hash_of(word.as_bytes())) as usize;
        assert_eq!(ordered[2 * id..2 * id + 2], [row, -row], "{word}");
    }
    let none = Words::read("good\nbad\n", Options::default(), None, None).expect("reads");
    assert!(none.warnings[0].contains("zeros"));
    assert_eq!(none.build(&[1.0, 2.0], 1).expect("builds").1[2], 0.0);
    for (file, reason) in [("a\nb\na\n", "lines 1 and 3"), ("", "no line"), ("<br>\n", "no line")] {
        let error =
            Words::read(file, Options::default(), None, None).expect_err("must not be read").to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(Words::read("a\n", Options::default(), Some(1), None).is_err());
}

#[test]
fn what_the_engine_cannot_do_is_refused_by_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.json");
    for (more, reason) in [
        (r#""bidirectional": true"#, "bidirectional"),
        (r#""proj_size": 3"#, "proj_size"),
        (r#""nonlinearity": "relu""#, "tanh"),
        (r#""activation": "gelu""#, "relu"),
        (r#""padded": "left""#, "max_len"),
        (r#""hiden": 6"#, "hiden"),
    ] {
        std::fs::write(&path, format!(r#"{{"labels": ["a", "b"], {more}}}"#)).expect("writable");
        let error = format!("{:#}", Description::read(&path).expect_err("must not be read"));
        assert!(error.contains(reason) && error.contains("config.json"), "{error}");
    }
    let sizes = Description { hidden: Some(7), ..description(2) };
    let state = read(&fixture("net.pth")).expect("reads");
    assert!(format!("{:#}", map(&state, 11, &sizes).expect_err("differs")).contains("`hidden` is 7"));
}

/// What `save` writes, the `safetensors` crate reads, under PyTorch's names and shapes.
#[test]
fn saved_models_have_the_names_and_shapes_of_pytorch() {
    let Mapped { config, tensors, .. } = mapped("gru2.safetensors", 3);
    let weights = Weights::new(config.clone(), tensors).expect("complete");
    let folder = tempfile::tempdir().expect("a folder");
    let words: Vec<String> = (0..10).map(|n| format!("w{n}")).collect();
    super::save::save(folder.path(), &weights, &words, &description(3)).expect("writes");
    let bytes = std::fs::read(folder.path().join(super::WEIGHTS)).expect("written");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("reads");
    let Config { hidden, embed, .. } = config;
    for (name, shape) in [
        ("embed.weight", vec![11, embed]),
        ("rnn.weight_ih_l0", vec![3 * hidden, embed]),
        ("rnn.weight_hh_l1", vec![3 * hidden, hidden]),
        ("rnn.bias_ih_l1", vec![3 * hidden]),
        ("fc.weight", vec![3, hidden]),
        ("fc.bias", vec![3]),
    ] {
        let tensor = file.tensor(name).expect("is there");
        assert_eq!(tensor.shape(), shape, "{name}");
        let values: Vec<f32> = tensor
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("4")))
            .collect();
        assert_eq!(values, weights.get(name), "{name}");
    }
    assert_eq!(file.len(), 11);
    let text = std::fs::read_to_string(folder.path().join(super::VOCABULARY)).expect("written");
    assert_eq!(text.lines().last(), Some("<unk>"));
}

/// A FastGRNN has names of our own; each of them is needed and fits no other cell.
#[test]
fn a_fastgrnn_is_read_under_its_own_names() {
    let config = Config {
        cell: Cell::Fastgrnn,
        layers: 2,
        embed: 5,
        hidden: 6,
        vocab: 11,
        pooling: Pooling::Last,
        head_hidden: 0,
        classes: 2,
    };
    let state: Vec<Tensor> = config.parameters().iter().map(|(name, shape)| zeros(name, shape)).collect();
    let mapped = map(&state, 11, &description(2)).expect("fits");
    assert_eq!((&mapped.config, mapped.tensors.len()), (&config, state.len()));
    let refused = |change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut state = state.clone();
        change(&mut state);
        format!("{:#}", map(&state, 11, &description(2)).expect_err("must not fit"))
    };
    let at = |name: &str| state.iter().position(|tensor| tensor.name == name).expect("is there");
    let nu = at("rnn.nu_l1");
    assert!(refused(&|state| drop(state.remove(nu))).contains("nu of layer 1 is missing"));
    assert!(refused(&|state| state[nu] = zeros("rnn.nu_l1", &[6])).contains("[1] is expected"));
    assert!(refused(&|state| state.push(zeros("rnn.bias_hh_l0", &[6]))).contains("of another cell"));
    let gru = Config { cell: Cell::Gru, ..config };
    let mut state: Vec<Tensor> = gru.parameters().iter().map(|(name, shape)| zeros(name, shape)).collect();
    state.push(zeros("rnn.zeta_l0", &[1]));
    let error = map(&state, 11, &description(2)).expect_err("must not fit").to_string();
    assert!(error.contains("it is of a fastgrnn, and the layers are gru"), "{error}");
}
