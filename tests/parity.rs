//! Promise 2: the PC and every emulated board give the same lines, trace hashes included.

use std::io::Cursor;
use std::path::Path;
use std::thread;

use host::board::{self, Board, RunnerKind};
use host::corpus::review_texts;
use host::emulator::Emulator;
use host::toolchain::build;
use tests::{assert_lines, folder, nasty_texts, succeed, text, train};

/// Texts of our own: some of the embedded reviews, then the nasty ones.
fn texts(reviews: usize) -> Vec<u8> {
    let reviews: Vec<&str> = review_texts().take(reviews).collect();
    [reviews.join("\n\n").as_bytes(), b"\n\n", &nasty_texts()].concat()
}

/// A text, and the lines that the PC says about it.
struct Conversation {
    input: Vec<u8>,
    expected: Vec<u8>,
}

impl Conversation {
    fn about(input: &[u8], model: &Path) -> Self {
        let expected = succeed(&["run", "--trace", "--model", text(model)], input);
        Self { input: input.to_vec(), expected }
    }

    /// Says the same things to a board.
    fn agrees(&self, board: &Board, program: &Path, model: &Path) {
        let name = format!("{} with {}", board.name, model.display());
        let mut emulator = Emulator::boot(board, program, Some(model)).expect("boots");
        let hello = emulator.line().expect("says hello");
        assert!(hello.ends_with("self-test ok"), "{name}: {hello}");
        let mut lines = Vec::new();
        emulator.converse(Cursor::new(self.input.clone()), &mut lines, true).expect("talks");
        assert_lines(&lines, &self.expected, &name);
    }
}

/// Whether a board runs a model here: where the core alone is emulated, one cell tells what there is to be told. Folded,
/// it is too large for one of those boards.
fn runs(board: &Board, cell: &str, fold: bool) -> bool {
    board.runner.kind != RunnerKind::Unicorn || cell == "gru" && !fold
}

#[test]
fn every_board_gives_the_lines_of_the_pc() {
    let folder = folder();
    // The Pico's emulator runs a fiftieth of what QEMU does in the same time.
    let (long, short) = (texts(20), texts(0));
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
                // A third of its answers are that a text is none of the classes.
                ("lstm", "1") => &["--pooling", "max", "--reject", "0.3"],
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
            let [long, short] = [&long, &short].map(|input| Conversation::about(input, &model));
            assert!(long.expected.iter().filter(|&&byte| byte == b'\n').count() > 1000);
            // Side by side.
            thread::scope(|scope| {
                for (board, program) in
                    boards.iter().zip(&programs).filter(|(board, _)| runs(board, cell, fold))
                {
                    let conversation = if board.runner.kind == RunnerKind::Qemu { &long } else { &short };
                    let model = &model;
                    scope.spawn(move || conversation.agrees(board, program, model));
                }
            });
        }
    }
}
