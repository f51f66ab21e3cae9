//! What a board says beside words: who it is, and what is wrong with its model.

use std::fs;
use std::path::PathBuf;

use host::board;
use host::toolchain::{Emulator, build};
use tests::{folder, succeed, text, train};

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
    train(&model, &["--cell", "rnn", "--hidden", "400", "--embed", "2"]);
    let mut emulator = Emulator::boot(&board, &program, Some(&model)).expect("boots");
    let hello = emulator.line().expect("says hello");
    assert!(hello.contains("exceeds what was compiled in: found 400, expected 256"), "{hello}");
    assert!(
        String::from_utf8_lossy(&succeed(&["inspect", text(&model)], b"")).contains("needs 400, has 256")
    );
}

#[test]
fn a_model_can_be_linked_into_the_firmware() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &[]);
    let input = b"not a bad film at all\n\nawful";
    let expected = succeed(&["run", "--model", text(&model)], input);
    let lines = succeed(&["qemu", "--board", "microbit", "--embed", "--model", text(&model)], input);
    assert_eq!(String::from_utf8_lossy(&lines), String::from_utf8_lossy(&expected));
}
