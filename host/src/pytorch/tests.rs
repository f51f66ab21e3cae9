//! Against numbers that PyTorch computed: `tests/pytorch/reference.py` wrote them.

use std::path::{Path, PathBuf};

use serde_json::Value;
use telltale::engine::text::Options;

use super::config::Description;
use super::map::{Mapped, map};
use super::rows::Rows;
use super::state::{Other, OtherKind, State, Tensor};
use super::weights::read;
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
    let state = read(&fixture(file), None).expect("reads");
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
    let mut state = read(&fixture("net.pth"), None).expect("reads");
    change(&mut state.tensors);
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
        (zeros("norm.running_mean", &[6]), "BatchNorm"),
        (zeros("attend.query", &[6, 6]), "no embedding, recurrent or linear"),
    ] {
        let name = extra.name.clone();
        let error = refused(|state| state.push(extra));
        assert!(error.contains(&name) && error.contains(reason), "{error}");
    }
    for (missing, reason) in [
        ("rnn.weight_ih_l1", "rnn.weight_ih_l1 is missing"),
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
        (&b""[..], "file: a .safetensors file"),
        (b"something else", "file: a .safetensors file"),
        (&whole[..whole.len() / 2], "cut short or damaged"),
        (b"PK\x03\x04", "cut short or damaged"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "before 1.6"),
        (b"<!DOCTYPE html>", "web page"),
        (b"<pad>\n<unk>\nthe\n", "file: a .safetensors file"),
        (b"TELLTALE\x01\0\0\0", "a model of Telltale's"),
        (b"\x10\0\0\0\0\0\0\0{\"a\": 1", "cut short or damaged"),
    ] {
        std::fs::write(&path, bytes).expect("writable");
        let error = format!("{:#}", read(&path, None).expect_err("must not be read"));
        assert!(error.contains("file") && error.contains(reason), "{error}");
    }
    // No byte of a pickle makes the reader panic.
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        std::fs::write(&path, &damaged).expect("writable");
        let _ = read(&path, None).map(|state| map(&state, 11, &description(2)));
    }
}

fn words(file: &str, unknown: Option<usize>) -> anyhow::Result<Words> {
    Words::new(Rows::read(file, |_| true)?, Options::default(), unknown, None)
}

#[test]
fn rows_follow_their_words() {
    let read =
        words("<pad>\n<unk>\nfilm\nDon't\n[CLS]\ngood\nThe\nthe\nbad film\nN’t\n", None).expect("reads");
    assert_eq!((read.padding, read.unknown, read.count), (Some(0), Some(1), 10));
    let texts: Vec<&str> = read.list().iter().map(|(_, text)| &text[..]).collect();
    assert_eq!(texts, ["film", "good", "the", "dont"]);
    assert_eq!(read.warnings.len(), 2);
    let impossible = &read.warnings[0];
    assert!(impossible.starts_with("4 words"), "{impossible}");
    for word in ["`[CLS]` (a special token)", "`bad film`", "`The` (read as `the`", "`N’t` (read together"]
    {
        assert!(impossible.contains(word), "{impossible}");
    }
    assert!(read.warnings[1].contains("`Don't` as `dont`"));
    let table: Vec<f32> = (0..10).flat_map(|row| [row as f32, -(row as f32)]).collect();
    let (built, ordered) = read.build(&table, 2).expect("builds");
    let reader = built.open().expect("opens");
    for (word, row) in [("film", 2.0), ("good", 5.0), ("the", 7.0), ("dont", 3.0), ("unheard", 1.0)] {
        let id = reader.id(telltale::engine::text::Word::hash_of(word.as_bytes())) as usize;
        assert_eq!(ordered[2 * id..2 * id + 2], [row, -row], "{word}");
    }
    let none = words("good\nbad\n", None).expect("reads");
    assert!(none.warnings[0].contains("zeros"));
    assert_eq!(none.build(&[1.0, 2.0], 1).expect("builds").1[2], 0.0);
    for (file, reason) in [
        ("a\nb\na\n", "line 1 and line 3"),
        ("[\"a\", \"b\", \"a\"]", "entry 1 and entry 3"),
        ("{\"z\": 0, \"a\": 1, \"z\": 2}", "entry 1 and entry 3"),
        ("{\"z\": 0, \"a\": 0}", "entry 1 and entry 2"),
        ("", "no line"),
        ("<br>\n", "no line"),
        ("0\ta\n1\ta\n", "line 1 and line 2"),
        ("{\"itos\": [\"a\", \"b\"]}", "is JSON, but neither"),
        ("[\n\"a\",\nnull\n]\n", "is JSON, but neither"),
        ("the\nplay\n##ing\n", "1 of 3 rows of the vocabulary are pieces of words"),
        ("Ġthe\nĠfilm\n", "pieces of words"),
        ("the\nnot@@\n", "1 of 2 rows of the vocabulary are pieces of words"),
        ("the</w>\nin\n", "1 of 2 rows of the vocabulary are pieces of words"),
    ] {
        let error = words(file, None).expect_err("must not be read").to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(words("a\n", Some(1)).is_err());
    let special = words("film\n_UNK\n[PAD]\npad\nunk\n", None).expect("reads");
    assert_eq!((special.unknown, special.padding), (Some(1), Some(2)));
}

/// `bad film` and `The` are never made; special tokens are in no text.
#[test]
fn what_the_engine_never_sees_is_weighed_by_use() {
    use super::rows::Seen;
    let read = words("<unk> 50\n[SEP] 40\nthe 20\nThe 6\nfilm 3\nbad+film 1\n", None).expect("reads");
    assert_eq!(read.seen(), Seen { tokens: 4, unseen: 2 });
    assert_eq!(read.seen_in_training(), Some(Seen { tokens: 30, unseen: 7 }));
    let texts = ["The film the bad+film", "film film"];
    assert_eq!(read.seen_in(texts.into_iter()), Seen { tokens: 6, unseen: 2 });
    assert_eq!(words("the\nfilm\n", None).expect("reads").seen_in_training(), None);
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
        (r#""negative_slope": 0.1"#, "leaky_relu"),
        (r#""padded": "left""#, "max_len"),
        (r#""padded": "left", "max_len": 1000000000000"#, "0 to 10000 words"),
        (r#""tags": true, "max_len": "200""#, "`max_len`: invalid type: string"),
        (r#""hiden": 6"#, "hiden"),
    ] {
        std::fs::write(&path, format!(r#"{{"labels": ["a", "b"], {more}}}"#)).expect("writable");
        let error = format!("{:#}", Description::read(&path).expect_err("must not be read"));
        assert!(error.contains(reason) && error.contains("config.json"), "{error}");
    }
    for (labels, reason) in [(r#"["a", "b", "a"]"#, "labels 0 and 2"), (r#"["a", "b\u0007"]"#, "control")] {
        std::fs::write(&path, format!(r#"{{"labels": {labels}}}"#)).expect("writable");
        let error = format!("{:#}", Description::read(&path).expect_err("must not be read"));
        assert!(error.contains(reason), "{error}");
    }
    let long = "l".repeat(255);
    std::fs::write(&path, format!(r#"{{"labels": ["a", "{long}"]}}"#)).expect("writable");
    assert_eq!(Description::read(&path).expect("255 bytes are allowed").labels[1], long);
    std::fs::write(&path, format!(r#"{{"labels": ["a", "{long}l"]}}"#)).expect("writable");
    assert!(format!("{:#}", Description::read(&path).expect_err("too long")).contains("256 bytes, 255"));
    std::fs::write(&path, "\u{FEFF}{\"labels\": [\"a\", \"b\"], \"pooling\": \"mean\"}").expect("writable");
    let marked = Description::read(&path).expect("a byte order mark is skipped");
    assert!(marked.given.contains("pooling") && !marked.given.contains("nonlinearity"));
    std::fs::write(&path, "{\"labels\": [\"a\", \"b\"], \"activation\": null}").expect("writable");
    assert!(!Description::read(&path).expect("nothing is said").given.contains("activation"));
    let sizes = Description { hidden: Some(7), ..description(2) };
    let state = read(&fixture("net.pth"), None).expect("reads");
    assert!(format!("{:#}", map(&state, 11, &sizes).expect_err("differs")).contains("`hidden` is 7"));
}

/// An error that quotes a name has one line, whatever the name is.
#[test]
fn names_with_line_breaks_are_quoted_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    let header = br#"{"a\nb":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend([0; 8]);
    std::fs::write(&path, file).expect("writable");
    let error = format!("{:#}", read(&path, None).expect_err("a hole before its only tensor"));
    assert!(error.contains("a b") && !error.contains('\n'), "{error}");
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
    let state = parameters(&config).tensors;
    let mapped = map(&of(state.clone()), 11, &description(2)).expect("fits");
    assert_eq!((&mapped.config, mapped.tensors.len()), (&config, state.len()));
    let refused = |change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut state = state.clone();
        change(&mut state);
        format!("{:#}", map(&of(state), 11, &description(2)).expect_err("must not fit"))
    };
    let at = |name: &str| state.iter().position(|tensor| tensor.name == name).expect("is there");
    let nu = at("rnn.nu_l1");
    assert!(refused(&|state| drop(state.remove(nu))).contains("rnn.nu_l1 is missing"));
    assert!(refused(&|state| state[nu] = zeros("rnn.nu_l1", &[6])).contains("[1] is expected"));
    assert!(refused(&|state| state.push(zeros("rnn.bias_hh_l0", &[6]))).contains("of another cell"));
    let gru = Config { cell: Cell::Gru, ..config };
    let mut state = parameters(&gru);
    state.tensors.push(zeros("rnn.zeta_l0", &[1]));
    let error = map(&state, 11, &description(2)).expect_err("must not fit").to_string();
    assert!(error.contains("it is of a fastgrnn, and the layers are gru"), "{error}");
}

fn of(tensors: Vec<Tensor>) -> State {
    State { tensors, ..State::default() }
}

/// A state dict of zeros.
fn parameters(config: &Config) -> State {
    of(config.parameters().iter().map(|(name, shape)| zeros(name, shape)).collect())
}

/// A network of one layer of 6 units, 11 words and 2 labels.
fn small(cell: Cell, embed: usize, head_hidden: usize) -> State {
    let (vocab, pooling) = (11, Pooling::Last);
    parameters(&Config { cell, layers: 1, embed, hidden: 6, vocab, pooling, head_hidden, classes: 2 })
}

fn error(state: &State, description: &Description) -> String {
    format!("{:#}", map(state, 11, description).expect_err("must not fit"))
}

fn described(json: serde_json::Value) -> Description {
    let mut all = serde_json::json!({ "labels": ["a", "b"] });
    all.as_object_mut().expect("an object").extend(json.as_object().expect("an object").clone());
    serde_json::from_value(all).expect("a configuration")
}

#[test]
fn a_layer_has_both_biases_or_none() {
    let without = |names: &[&str]| {
        let mut state = small(Cell::Gru, 5, 0);
        state.tensors.retain(|tensor| !names.contains(&&tensor.name[..]));
        state
    };
    for (lost, there) in [("rnn.bias_hh_l0", "rnn.bias_ih_l0"), ("rnn.bias_ih_l0", "rnn.bias_hh_l0")] {
        let error = error(&without(&[lost]), &description(2));
        assert!(error.contains(&format!("{lost} is missing, and {there} [18] is there")), "{error}");
    }
    let none = map(&without(&["rnn.bias_ih_l0", "rnn.bias_hh_l0"]), 11, &description(2)).expect("bias=False");
    assert_eq!(none.tensors["rnn.bias_hh_l0"], [0.0; 18]);
    assert_eq!(none.taken.iter().filter(|row| row.meaning.contains("zeros")).count(), 2);
    // One layer of a module without biases, the other with them: such a module cannot be made.
    let two = Config { layers: 2, ..map(&small(Cell::Gru, 5, 0), 11, &description(2)).expect("fits").config };
    for bare in ["l0", "l1"] {
        let mut state = parameters(&two);
        state.tensors.retain(|tensor| !tensor.name.ends_with(bare) || !tensor.name.contains("bias"));
        assert!(error(&state, &description(2)).contains("other layers of `rnn` have biases"), "{bare}");
    }
}

#[test]
fn modules_side_by_side_are_no_stack_unless_it_is_said() {
    let two = |embed: usize, names: [&str; 2]| {
        let mut state = small(Cell::Gru, embed, 0);
        for name in ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"] {
            let shape: &[usize] = if name.starts_with("weight") { &[18, 6] } else { &[18] };
            state.tensors.push(zeros(&format!("{}.{name}", names[1]), shape));
        }
        for tensor in &mut state.tensors {
            tensor.name = tensor.name.replace("rnn.", &format!("{}.", names[0]));
        }
        state
    };
    for embed in [6, 5] {
        let error = error(&two(embed, ["forwards", "second"]), &description(2));
        for part in ["`forwards`, `second`", "\"stack\": [\"forwards\", \"second\"]", "\"ignore\""] {
            assert!(error.contains(part), "{error}");
        }
    }
    let parallel = two(6, ["forwards", "second"]);
    let stacked = map(&parallel, 11, &described(serde_json::json!({ "stack": ["second", "forwards"] })));
    let stacked = stacked.expect("confirmed");
    assert_eq!(stacked.config.layers, 2);
    assert!(stacked.names.contains(&("second.weight_hh_l0".to_owned(), "rnn.weight_hh_l0".to_owned())));
    let one =
        map(&parallel, 11, &described(serde_json::json!({ "ignore": ["second"] }))).expect("one is left");
    assert_eq!((one.config.layers, one.left_out.len()), (1, 4));
    for (key, reason) in [("stack", "the recurrent modules are"), ("ignore", "no tensor or module `third`")] {
        let own = described(serde_json::json!({ key: ["third"] }));
        assert!(error(&parallel, &own).contains(reason));
    }
    // Numbered siblings, the second of which is too wide for the embedding.
    assert_eq!(map(&two(5, ["cells.0", "cells.1"]), 11, &description(2)).expect("fits").config.layers, 2);
    assert!(error(&two(6, ["cells.0", "cells.1"]), &description(2)).contains("`cells.0`, `cells.1`"));
    // A layer of a module that is missing.
    let mut state = two(6, ["rnn", "second"]);
    for tensor in &mut state.tensors {
        tensor.name = tensor.name.replace("second.", "rnn.").replace("l0", "l2");
    }
    assert!(error(&state, &description(2)).contains("layer 0 is missing"));
}

/// Each kind of module that the engine does not have is named as what it is.
#[test]
fn modules_that_the_engine_lacks_are_named() {
    let cases: [(&str, &[usize], &str); 15] = [
        ("ln.weight", &[6], "LayerNorm"),
        ("bn.running_var", &[6], "BatchNorm"),
        ("act.weight", &[1], "PReLU"),
        ("rnn.weight_hh_l0_raw", &[18, 6], "weight drop"),
        ("rnn.weight_hr_l0", &[3, 6], "projection"),
        ("rnn.bias_ih_l0_reverse", &[18], "bidirectional"),
        ("fc.weight_g", &[2, 1], "normalisation"),
        ("fc.parametrizations.weight.original0", &[2, 1], "normalisation"),
        ("fc.weight_orig", &[2, 6], "pruning"),
        ("fc.lora_A.weight", &[2, 6], "LoRA"),
        ("attn.weight", &[1, 6], "attention"),
        ("conv.weight", &[6, 6, 3], "convolution"),
        ("h0", &[1, 1, 6], "initial state"),
        ("crf.transitions", &[2, 2], "CRF"),
        ("temperature", &[], "single number"),
    ];
    for (name, shape, reason) in cases {
        let mut state = small(Cell::Gru, 5, 0);
        state.tensors.push(zeros(name, shape));
        let error = error(&state, &description(2));
        assert!(error.contains(name) && error.contains(reason), "{name}: {error}");
        let ignoring = described(serde_json::json!({ "ignore": [name] }));
        assert_eq!(map(&state, 11, &ignoring).expect("is ignored").left_out.len(), 1, "{name}");
    }
    for (name, kind) in [
        ("fc._packed_params._packed_params", OtherKind::Object),
        ("rnn._all_weight_values.0.param", OtherKind::Object),
        ("fc.zero_point", OtherKind::Whole("i64".to_owned())),
        ("fc.weight", OtherKind::Whole("i8".to_owned())),
        ("fc.weight", OtherKind::Quantised("qint8".to_owned())),
    ] {
        let mut state = small(Cell::Gru, 5, 0);
        state.others.push(Other { name: name.to_owned(), shape: vec![2, 6], kind });
        let error = error(&state, &description(2));
        assert!(error.contains(name) && error.contains("quantised module"), "{name}: {error}");
    }
}

#[test]
fn counters_buffers_and_losses_are_left_out_and_said() {
    let mut state = small(Cell::Gru, 5, 0);
    for (name, kind) in [
        ("steps", OtherKind::Whole("i64".to_owned())),
        ("mask", OtherKind::Whole("bool".to_owned())),
        ("epoch", OtherKind::Object),
    ] {
        state.others.push(Other { name: name.to_owned(), shape: vec![1], kind });
    }
    state.tensors.push(Tensor { values: vec![f32::NAN], ..zeros("best_loss", &[]) });
    state.tensors.push(zeros("criterion.weight", &[2]));
    let mapped = map(&state, 11, &description(2)).expect("fits");
    let left: Vec<&str> = mapped.left_out.iter().map(|row| &row.name[..]).collect();
    assert_eq!(left, ["steps", "mask", "epoch", "best_loss", "criterion.weight"]);
    assert!(mapped.left_out[0].meaning.contains("i64") && mapped.left_out[1].meaning.contains("bool"));
    assert_eq!(mapped.taken.len(), 7);
    state.tensors[0].values[3] = f32::NAN;
    assert!(
        error(&state, &description(2)).contains("embed.weight [11, 5] holds a number that is not finite")
    );
}

#[test]
fn linear_layers_are_not_guessed() {
    // Between embedding and recurrent layer.
    let mut state = small(Cell::Gru, 5, 0);
    state.tensors[0] = zeros("embed.weight", &[11, 4]);
    state.tensors.push(zeros("project.weight", &[5, 4]));
    state.tensors.push(zeros("project.bias", &[5]));
    let told = error(&state, &description(2));
    assert!(
        told.contains("project.weight [5, 4] stands between the embedding embed.weight [11, 4]"),
        "{told}"
    );
    // As wide as everything: before the recurrent layer, or the head's first.
    let mut state = small(Cell::Gru, 6, 6);
    let told = error(&state, &description(2));
    assert!(
        told.contains("fc1.weight [6, 6] could stand before")
            && told.contains("\"head\": [\"fc1\", \"fc2\"]"),
        "{told}"
    );
    for own in [serde_json::json!({ "head": ["fc1", "fc2"] }), serde_json::json!({ "activation": "relu" })] {
        assert_eq!(map(&state, 11, &described(own)).expect("is said").config.head_hidden, 6);
    }
    let told = error(&state, &described(serde_json::json!({ "head": ["fc1", "fc3"] })));
    assert!(told.contains("the linear layers are `fc1`, `fc2`"), "{told}");
    let told = error(&small(Cell::Gru, 5, 0), &described(serde_json::json!({ "head": ["a", "b"] })));
    assert!(told.contains("names `a`, `b`, the only linear layer is `fc`"), "{told}");
    // A file with an order tells.
    state.ordered = true;
    assert_eq!(map(&state, 11, &description(2)).expect("in order").config.head_hidden, 6);
    let first = state.tensors.iter().position(|tensor| tensor.name == "fc1.weight").expect("is there");
    let first = state.tensors.remove(first);
    state.tensors.insert(1, first);
    assert!(error(&state, &description(2)).contains("could stand before"));
    // What is as wide as the states and comes behind the scores, or has no bias where they have one.
    for (name, told) in [("gate.bias", "comes behind it"), ("gate.other", "has no bias")] {
        let mut beside = small(Cell::Gru, 5, 0);
        beside.ordered = name == "gate.bias";
        beside.tensors.push(zeros("gate.weight", &[6, 6]));
        if beside.ordered {
            beside.tensors.push(zeros(name, &[6]));
        }
        let error = error(&beside, &description(2));
        assert!(error.contains(told) && error.contains("\"head\": [\"gate\", \"fc\"]"), "{error}");
    }
    // Heads that have more inputs, outputs or layers.
    let head = |shape: &[usize]| {
        let mut state = small(Cell::Gru, 5, 0);
        for tensor in state.tensors.iter_mut().filter(|tensor| tensor.name == "fc.weight") {
            *tensor = zeros("fc.weight", shape);
        }
        error(&state, &description(2))
    };
    assert!(head(&[2, 12]).contains("12 columns are 2 × 6"), "{}", head(&[2, 12]));
    assert!(head(&[4, 6]).contains("4 outputs") && head(&[4, 6]).contains("`<unk>`"), "{}", head(&[4, 6]));
    let mut three = small(Cell::Gru, 5, 6);
    three.tensors.push(zeros("fc3.weight", &[6, 6]));
    assert!(error(&three, &description(2)).contains("3 linear layers, `fc1`, `fc2`, `fc3`"));
    for (shape, told) in [
        ([2, 6], "fc.weight [2, 6] and aux.weight [2, 6] could each be the head"),
        ([30, 3], "aux.weight [30, 3] does not fit: fc.weight [2, 6] is the head by itself"),
    ] {
        let mut beside = small(Cell::Gru, 5, 0);
        beside.tensors.push(zeros("aux.weight", &shape));
        let error = error(&beside, &description(2));
        assert!(error.contains(told) && error.contains("\"ignore\""), "{error}");
    }
    let mut twice = small(Cell::Gru, 5, 0);
    twice.tensors.push(zeros("other.weight", &[11, 5]));
    assert!(error(&twice, &description(2)).contains("`embed`, `other` could each be the embedding"));
}

/// A head without an activation, or with a leaky one, gives what its formula says.
#[test]
fn other_activations_are_turned_into_relu_exactly() {
    let state = read(&fixture("rnn_cells1.safetensors"), None).expect("reads");
    let tensor =
        |name: &str| &state.tensors.iter().find(|own| own.name == name).expect("is there").values[..];
    let affine = |name: &str, x: &[f32]| -> Vec<f32> {
        let rows = tensor(&format!("{name}.weight")).chunks_exact(x.len());
        let dot = |row: &[f32]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
        rows.zip(tensor(&format!("{name}.bias"))).map(|(row, bias)| dot(row) + bias).collect()
    };
    for (json, slope, units) in [
        (serde_json::json!({}), 0.0, 7),
        (serde_json::json!({ "activation": "none" }), 1.0, 0),
        (serde_json::json!({ "activation": "leaky_relu" }), 0.01, 14),
        (serde_json::json!({ "activation": "leaky_relu", "negative_slope": 0.3 }), 0.3, 14),
    ] {
        let own =
            Description { labels: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], ..described(json) };
        let Mapped { config, tensors, .. } = map(&state, 11, &own).expect("fits");
        assert_eq!(config.head_hidden, units);
        let weights = Weights::new(config, tensors).expect("complete");
        let (mut memory, mut ranges) = (weights.start(), Ranges::default());
        for id in [3, 9, 4] {
            weights.step(id, &mut memory, &mut ranges);
        }
        let hidden = affine("a", &memory.hidden[0]).into_iter().map(|x| if x < 0.0 { slope * x } else { x });
        let expected = affine("b", &hidden.collect::<Vec<_>>());
        for (own, expected) in weights.logits(&memory, &mut ranges).iter().zip(expected) {
            assert!((own - expected).abs() < 1e-5, "slope {slope}: {own}, expected {expected}");
        }
    }
}

#[test]
fn what_is_assumed_is_listed_with_its_key() {
    let keys = |state: &State, description: &Description| -> Vec<(&str, bool)> {
        let mapped = map(state, 11, description).expect("fits");
        mapped.assumed.iter().map(|own| (own.key, own.configured)).collect()
    };
    let rnn = keys(&small(Cell::Rnn, 5, 7), &description(2));
    let all = ["nonlinearity", "activation", "pooling", "padded", "punctuation", "tags"];
    assert_eq!(rnn, all.map(|key| (key, false)));
    let mut said = description(2);
    said.given.insert("pooling".to_owned());
    let gru = keys(&small(Cell::Gru, 5, 0), &said);
    assert_eq!(gru, [("pooling", true), ("padded", false), ("punctuation", false), ("tags", false)]);
}
