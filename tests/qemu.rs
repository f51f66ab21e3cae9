//! What a board says beside words: who it is, and what is wrong with its model.

use std::fs;
use std::path::PathBuf;

use host::board;
use host::emulator::Emulator;
use host::engine::with_model;
use host::toolchain::{build, build_for, workspace};
use serde_json::Value;
use tests::{fail, folder, host, succeed, text, train};

#[test]
fn a_bad_model_is_named_and_the_board_stays_alive() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &[]);
    let mut bytes = fs::read(&model).expect("written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&model, bytes).expect("written");
    for name in ["microbit", "mps2-an386"] {
        let board = board::find(name).expect("known");
        let program = build(&board, "classifier", None).expect("builds");
        for (loaded, expected) in [(Some(&model), "wrong CRC-32"), (None, "wrong magic")] {
            let mut emulator = Emulator::boot(&board, &program, loaded.map(PathBuf::as_path)).expect("boots");
            let hello = emulator.line().expect("says hello");
            assert!(hello.contains(name) && hello.contains(expected), "{hello}");
            for _ in 0..2 {
                let mut lines = Vec::new();
                emulator.converse(&b"some words\n"[..], &mut lines, false).expect("is alive");
                assert!(String::from_utf8_lossy(&lines).contains(expected));
            }
        }
    }
}

#[test]
fn a_model_too_large_for_a_board_says_what_is_missing() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &["--cell", "lstm", "--hidden", "300"]);
    let board = board::find("microbit").expect("known");
    let program = build(&board, "classifier", None).expect("builds");
    let Err(error) = Emulator::boot(&board, &program, Some(&model)) else {
        panic!("the region cannot hold it");
    };
    assert!(error.to_string().contains("the model's region of microbit"), "{error}");
    // A program with the memory of a smaller model.
    let small = folder.path().join("small.bin");
    let flags = ["--cell", "rnn", "--pooling", "mean", "--ngrams", "0", "--embed", "8", "--hidden"];
    train(&small, &[&flags[..], &["8"]].concat());
    train(&model, &[&flags[..], &["24"]].concat());
    let program = with_model(&small, |model| build_for(&board, "classifier", model)).expect("builds");
    let mut emulator = Emulator::boot(&board, &program, Some(&model)).expect("boots");
    let hello = emulator.line().expect("says hello");
    // Activations, units, pooling, sums.
    let [there, needed] = [8, 24].map(|hidden| 2 * (8 + hidden) + 2 * hidden + 4 * hidden + 4 * hidden);
    let refusal = format!("memory smaller than the model needs: found {there}, expected {needed}");
    assert!(hello.ends_with(&refusal), "{hello}");
}

/// What goes onto a chip whose core reads another layout is the same model, and others refuse it.
#[test]
fn an_image_is_the_model_laid_out_for_its_core() {
    let folder = folder();
    let [model, image, same] = ["model.bin", "image.bin", "same.bin"].map(|name| folder.path().join(name));
    train(&model, &["--cell", "gru", "--layers", "2", "--head-hidden", "12", "--ngrams", "64"]);
    let write = |board, to| {
        succeed(&["image", "--board", board, "--model", text(&model), "--export", text(to)], b"");
    };
    write("microbit", &image);
    write("mps2-an386", &same);
    let [of_file, of_image, of_same] = [&model, &image, &same].map(|path| fs::read(path).expect("written"));
    assert_eq!(of_file, of_same);
    assert_eq!(of_file.len(), of_image.len());
    assert_ne!(of_file, of_image);
    let refusal = "model laid out for another core: found 1, expected 0";
    assert!(fail(&["run", "--model", text(&image)]).contains(refusal));
    let digest = format!("model {:08x}", with_model(&model, |model| Ok(model.digest())).expect("sound"));
    for (board, expected) in [("microbit", "self-test ok"), ("mps2-an386", refusal)] {
        let board = board::find(board).expect("known");
        let program = build(&board, "classifier", None).expect("builds");
        let hello = Emulator::boot(&board, &program, Some(&image)).and_then(|mut board| board.line());
        let hello = hello.expect("says hello");
        assert!(hello.ends_with(expected), "{hello}");
        assert_eq!(hello.contains(&digest), expected != refusal, "{hello}");
    }
}

/// A model linked into the firmware gets a program with the parts that it needs alone, and the same integers.
#[test]
fn a_model_can_be_linked_into_the_firmware() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let input = b"not a bad film at all\n\nawful";
    for (board, flags) in [
        ("microbit", &[][..]),
        ("mps2-an386", &["--cell", "gru", "--pooling", "last", "--ngrams", "0"]),
        ("microbit", &["--cell", "lstm", "--pooling", "max", "--layers", "2", "--head-hidden", "8"]),
        ("riscv-virt", &["--cell", "rnn", "--pooling", "mean", "--embed-bits", "4"]),
    ] {
        train(&model, flags);
        let expected = succeed(&["run", "--trace", "--model", text(&model)], input);
        let arguments = ["emulate", "--trace", "--board", board, "--embed", "--model", text(&model)];
        let lines = succeed(&arguments, input);
        assert_eq!(String::from_utf8_lossy(&lines), String::from_utf8_lossy(&expected), "{board} {flags:?}");
    }
}

#[test]
fn a_program_for_one_model_names_the_feature_that_another_needs() {
    let folder = folder();
    let models = ["gru", "lstm"].map(|cell| folder.path().join(cell));
    for (model, cell) in models.iter().zip(["gru", "lstm"]) {
        train(
            model,
            &["--cell", cell, "--pooling", "mean", "--ngrams", "0", "--embed", "8", "--hidden", "8"],
        );
    }
    let board = board::find("mps2-an386").expect("known");
    let program = with_model(&models[0], |model| build_for(&board, "classifier", model)).expect("builds");
    for (model, expected) in
        models.iter().zip(["self-test ok", ": lstm is a feature that this program was built without"])
    {
        let mut emulator = Emulator::boot(&board, &program, Some(model)).expect("boots");
        let hello = emulator.line().expect("says hello");
        assert!(hello.ends_with(expected), "{hello}");
    }
}

/// Every feature of the engine is one of the firmware.
#[test]
fn the_firmware_has_the_features_of_the_engine() {
    let features = |path: &str| -> Vec<String> {
        let text = fs::read_to_string(workspace().expect("sources").join(path)).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        let full = manifest["features"]["full"].as_array().expect("full").clone();
        let table = manifest["features"].as_table().expect("features").clone();
        assert!(
            table["default"].as_array().expect("default").iter().any(|name| name.as_str() == Some("full"))
        );
        full.iter()
            .map(|name| name.as_str().expect("a name").to_owned())
            .chain(table.keys().cloned())
            .collect()
    };
    let (own, all) = (features("firmware/Cargo.toml"), features("shared/Cargo.toml"));
    assert!(own.contains(&"telltale/full".to_owned()), "{own:?}");
    for feature in all.iter().filter(|name| !["default", "full", "std"].contains(&&name[..])) {
        assert!(own.contains(feature), "{feature} is no feature of the firmware");
    }
}

/// The parts of a word, each measured by itself, make up the whole word.
#[test]
fn a_word_costs_what_its_parts_cost() {
    for (board, cell, faster) in [("microbit", "lstm", 10.0), ("mps2-an386", "gru", 1.5)] {
        let arguments =
            ["bench", "device", "--board", board, "--cell", cell, "--embed", "16", "--hidden", "24"];
        let output = succeed(&[&arguments[..], &["--float", "--json", "-"]].concat(), b"");
        let row: Value = serde_json::from_slice(&output).expect("JSON");
        let number = |value: &Value| value.as_f64().expect("a number");
        let word = number(&row["instructions_per_word"]);
        let phases = row["phases"].as_object().expect("phases");
        let sum: f64 = phases.values().map(number).sum();
        assert!(phases.len() == 5 && phases.values().all(|part| number(part) > 0.0), "{row}");
        assert!((word - sum).abs() < 0.02 * word, "{board}: {sum} in parts, {word} as a whole");
        let gates = if cell == "lstm" { 4 } else { 3 };
        assert_eq!(row["macs"], gates * 24 * (16 + 24) + 2 * 24);
        assert!((number(&row["instructions_per_mac"]) * number(&row["macs"]) - word).abs() < 1.0);
        let (stack, ram) = (number(&row["stack_bytes"]), number(&row["ram_bytes"]));
        assert!((500.0..=host::board::STACK as f64).contains(&stack), "{row}");
        assert!((200.0..2000.0).contains(&ram), "{row}");
        let startup = number(&row["startup_ms_at_best"]);
        assert!(startup > 0.0 && startup < 50.0, "{row}");
        assert!(number(&row["code_bytes"]) + number(&row["table_bytes"]) < 40_960.0, "{row}");
        // A core without a floating-point unit is an order of magnitude slower in f32.
        assert!(number(&row["float"]["ratio"]) > faster, "{row}");
        assert_eq!(row["float"]["unit"], board != "microbit");
    }
}

/// A table says what its figures count.
#[test]
fn figures_name_their_unit() {
    for (board, unit) in [("microbit", "instr."), ("pico", "cycles")] {
        let flags = ["bench", "device", "--board", board, "--cell", "rnn", "--embed", "8", "--hidden", "8"];
        let table = String::from_utf8(succeed(&flags, b"")).expect("UTF-8");
        let [head, row] = table.lines().collect::<Vec<_>>()[..] else { panic!("{table}") };
        let column = head.find("unit").expect("a column");
        assert!(row[column..].starts_with(unit), "{table}");
    }
}

/// A GRU 32→64 takes as many instructions a multiply-accumulate as before, at most.
#[test]
fn no_core_takes_more_instructions_than_before() {
    let most = [
        ("microbit", 3.30),
        ("stm32vldiscovery", 2.20),
        ("nucleo-f4", 1.25),
        ("mps2-an386", 1.25),
        ("mps2-an505", 1.30),
        ("mps3-an547", 0.40),
        ("riscv-virt", 3.30),
    ];
    for (board, most) in most {
        let cost: Value =
            serde_json::from_slice(&succeed(&["bench", "device", "--board", board, "--json", "-"], b""))
                .expect("JSON");
        let own = cost["instructions_per_mac"].as_f64().expect("a number");
        assert!((0.5 * most..=most).contains(&own), "{board}: {own}, {most} at most");
    }
}

#[test]
fn a_network_too_large_to_measure_says_why() {
    let error = fail(&["bench", "device", "--board", "microbit", "--cell", "lstm", "--hidden", "300"]);
    assert!(error.contains("microbit: the network does not fit: flash for the model"), "{error}");
}

/// What `inspect` estimates is near to what `bench device` measures, for networks that the fit did not see.
#[test]
fn estimates_are_near_to_measurements() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let plain = ["--ngrams", "0", "--embed-bits", "8"];
    let wide = ["--ngrams", "300", "--embed-bits", "4"];
    for (board, shape, extras) in [
        ("microbit", ["--cell", "gru", "--embed", "20", "--hidden", "56", "--layers", "1"], plain),
        ("microbit", ["--cell", "gru", "--embed", "8", "--hidden", "16", "--layers", "1"], wide),
        ("mps2-an386", ["--cell", "lstm", "--embed", "24", "--hidden", "48", "--layers", "2"], plain),
        ("mps2-an386", ["--cell", "rnn", "--embed", "48", "--hidden", "24", "--layers", "1"], wide),
        ("mps3-an547", ["--cell", "rnn", "--embed", "40", "--hidden", "72", "--layers", "1"], plain),
        ("mps3-an547", ["--cell", "gru", "--embed", "24", "--hidden", "32", "--layers", "1"], wide),
        ("riscv-virt", ["--cell", "gru", "--embed", "16", "--hidden", "32", "--layers", "2"], plain),
    ] {
        let shape = [&shape[..], &extras, &["--ngram-words", "2"]].concat();
        let measured =
            succeed(&[&["bench", "device", "--board", board, "--json", "-"], &shape[..]].concat(), b"");
        let measured: Value = serde_json::from_slice(&measured).expect("JSON");
        train(&model, &[&shape[..], &["--pooling", "mean"]].concat());
        let inspected = succeed(&["inspect", "--json", "-", text(&model)], b"");
        let inspected: Value = serde_json::from_slice(&inspected).expect("JSON");
        let boards = inspected["boards"].as_array().expect("boards");
        let own = boards.iter().find(|row| row["board"] == board).expect("all boards");
        let number = |value: &Value| value.as_f64().expect("a number");
        let (estimate, word) =
            (number(&own["instructions_per_word"]), number(&measured["instructions_per_word"]));
        assert!(
            (estimate / word - 1.0).abs() < 0.1,
            "{board} {shape:?}: {estimate} estimated, {word} measured; after a change of the kernels run \
             `bench device --fit`"
        );
        let speed = number(&own["words_per_second_at_best"]);
        assert!((speed * estimate / number(&own["clock_hz"]) - 1.0).abs() < 1e-9);
    }
}

/// What is no text is refused as `run` refuses it.
#[test]
fn input_that_is_packed_is_named() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &["--cell", "gru"]);
    let flags = ["emulate", "--board", "mps2-an386", "--model", text(&model)];
    let output = host(&flags, b"\x1f\x8b\x08\0packed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("it is gzip: `gunzip` unpacks it"), "{said}");
}
