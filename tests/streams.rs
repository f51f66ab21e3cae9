//! Nothing is lost in silence: a board whose receive buffer is too small says what it lost.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use tests::{folder, program, text, train};

/// The emulator is a process of its own, which must not outlive the program that asks it.
#[test]
fn an_emulation_ends_with_its_program() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &["--cell", "gru"]);
    let mut child = Command::new(program())
        .args(["emulate", "--board", "mps2-an386", "--model", text(&model)])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("host starts");
    // To wait for a program closes its input, and the end of the input ends it.
    let input = child.stdin.take();
    let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let booted = said.any(|line| line.expect("UTF-8").ends_with("self-test ok"));
    assert!(booted);
    let parent = |process: &fs::DirEntry| -> Option<String> {
        let stat = fs::read_to_string(process.path().join("stat")).ok()?;
        Some(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned())
    };
    let own = child.id().to_string();
    let emulators: Vec<fs::DirEntry> = fs::read_dir("/proc")
        .expect("Linux")
        .flatten()
        .filter(|process| parent(process).as_deref() == Some(&own))
        .collect();
    assert_eq!(emulators.len(), 1);
    assert!(Command::new("sh").args(["-c", &format!("kill -TERM {own}")]).status().expect("runs").success());
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    drop((input, said));
    assert!(emulators.iter().all(|emulator| parent(emulator).is_none()), "{emulators:?}");
}

/// What is missing of the text is within what the board says it lost.
#[test]
fn a_board_with_too_small_a_buffer_says_how_much_it_lost() {
    const LETTERS: usize = 3000;
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &["--cell", "gru"]);
    let flags = ["emulate", "--board", "microbit", "--embed", "--model", text(&model)];
    for (ring, loses) in [("16", true), ("512", false)] {
        let mut child = Command::new(program())
            .args(flags)
            .env("RING", ring)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("host starts");
        let mut to = child.stdin.take().expect("a pipe");
        to.write_all(&b"a ".repeat(LETTERS)).expect("sent");
        drop(to);
        let output = child.wait_with_output().expect("ends");
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let lines: Vec<Vec<&str>> = lines.lines().map(|line| line.split('\t').collect()).collect();
        let (answer, words) = lines.split_last().expect("an answer");
        assert_eq!(answer[0], "=", "{answer:?}");
        let letters: usize = words.iter().map(|word| word[1].len()).sum();
        let lost: usize = answer[5].parse().expect("a number");
        assert_eq!((lost > 0, letters < LETTERS), (loses, loses), "a ring of {ring} bytes: {answer:?}");
        // The letters that are missing were lost, and so were no more than those and the spaces that are missing.
        let spaces = words.len().saturating_sub(1);
        assert!((LETTERS - letters..=2 * LETTERS - letters - spaces).contains(&lost), "{letters} {answer:?}");
    }
}
