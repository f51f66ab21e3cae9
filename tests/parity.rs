//! Promise 2: the PC and every emulated board give the same lines, trace hashes included.

use std::path::Path;

use host::board::{self, Board};
use host::toolchain::{Emulator, build};
use tests::{folder, nasty_texts, succeed, text, train};

/// Texts of our own: some of the embedded reviews, then the nasty ones.
fn input() -> Vec<u8> {
    let reviews = include_str!("../data/test.tsv").lines().skip(1).take(20);
    let reviews: Vec<&str> =
        reviews.filter_map(|line| line.split_once('\t')).map(|(_, review)| review).collect();
    [reviews.join("\n\n").as_bytes(), b"\n\n", &nasty_texts()].concat()
}

fn agree(board: &Board, program: &Path, model: &Path, input: &[u8], expected: &[u8], name: &str) {
    let mut emulator = Emulator::boot(board, program, Some(model)).expect("boots");
    let hello = emulator.line().expect("says hello");
    assert!(hello.ends_with("self-test ok"), "{} with {name}: {hello}", board.name);
    let mut lines = Vec::new();
    emulator.converse(std::io::Cursor::new(input.to_vec()), &mut lines, true).expect("talks");
    for (board_line, host_line) in
        lines.split(|&byte| byte == b'\n').zip(expected.split(|&byte| byte == b'\n'))
    {
        let [board_line, host_line] = [board_line, host_line].map(String::from_utf8_lossy);
        assert_eq!(board_line, host_line, "{} with {name}", board.name);
    }
    assert_eq!(lines.len(), expected.len(), "{} with {name}", board.name);
}

#[test]
fn every_board_gives_the_lines_of_the_pc() {
    let folder = folder();
    let input = input();
    let boards = board::all().expect("boards");
    let programs: Vec<_> =
        boards.iter().map(|board| build(board, "classifier", None).expect("builds")).collect();
    for cell in ["rnn", "gru", "lstm", "fastgrnn"] {
        for (layers, fold) in [("1", false), ("2", false), ("1", true), ("2", true)] {
            let name = format!("{cell}-{layers}{}", if fold { "-folded" } else { "" });
            let mut model = folder.path().join(&name);
            let rest: &[&str] = match (cell, layers) {
                _ if fold => &["--fold"],
                ("rnn", "1") => &["--pooling", "last", "--head-hidden", "20"],
                ("lstm", "1") => &["--pooling", "max"],
                ("gru", "2") => &["--embed-bits", "4", "--embed", "13", "--hidden", "21"],
                _ => &[],
            };
            let flags = [&["--cell", cell, "--layers", layers, "--embed", "12", "--hidden", "20"], rest];
            // A later flag of the same name would be an error: the odd sizes replace the even ones.
            let flags: Vec<&str> =
                if rest.contains(&"--embed") { [&flags[0][..4], rest].concat() } else { flags.concat() };
            train(&model, &flags);
            if (cell, layers, fold) == ("gru", "1", false) {
                // A model that stops reading does so at the same word everywhere.
                let whole = std::mem::replace(&mut model, folder.path().join("stops"));
                let flags = ["--model", text(&whole), "--agreement", "0.8", "--export", text(&model)];
                succeed(&[&["early-exit"], &flags[..]].concat(), b"");
            }
            let expected = succeed(&["run", "--trace", "--model", text(&model)], &input);
            assert!(expected.iter().filter(|&&byte| byte == b'\n').count() > 1000);
            for (board, program) in boards.iter().zip(&programs) {
                agree(board, program, &model, &input, &expected, &name);
            }
        }
    }
}
