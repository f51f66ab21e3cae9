//! Disks that are full, folders that cannot be written, numbers that are none: each has its own end.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Output};

use tests::{fail, folder, host, program, succeed, text};

/// Runs `host` in a shell that allows files of so many blocks of 1,024 bytes, with this standard output.
fn limited(blocks: u32, arguments: &[&str]) -> Output {
    Command::new("bash")
        .args(["-c", "ulimit -f \"$1\"; shift; exec \"$@\"", "bash", &blocks.to_string(), text(program())])
        .args(arguments)
        .output()
        .expect("bash runs")
}

fn one_line(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with("error: ") && error.trim_end().lines().count() == 1, "{error}");
    error
}

const SHORT: [&str; 5] = ["train", "--epochs", "1", "--vocab", "400"];

#[test]
fn a_full_disk_is_told_and_the_model_is_kept() {
    let folder = folder();
    let error = fail(&[&SHORT[..], &["--export", "/dev/full"]].concat());
    assert!(error.contains("/dev/full: No space left"), "{error}");
    // What was trained is elsewhere, and whole.
    let elsewhere = error.split("written to ").nth(1).and_then(|rest| rest.split(" instead").next());
    let elsewhere = elsewhere.unwrap_or_else(|| panic!("{error}"));
    succeed(&["inspect", elsewhere], b"");
    fs::remove_file(elsewhere).expect("was written");

    let model = folder.path().join("model.bin");
    let error = one_line(&limited(10, &[&SHORT[..], &["--export", text(&model)]].concat()));
    assert!(error.contains("model.bin: File too large"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "something half-written is left");

    let error = fail(&[&SHORT[..], &["--json", "/dev/full"]].concat());
    assert!(error.contains("/dev/full: No space left"), "{error}");
}

#[test]
fn a_full_disk_stops_checkpoints_and_the_run_goes_on_when_there_is_room() {
    let folder = folder();
    let (whole, own) = (folder.path().join("whole.bin"), folder.path().join("own.bin"));
    let checkpoints = folder.path().join("checkpoints");
    succeed(&[&SHORT[..], &["--export", text(&whole)]].concat(), b"");
    let keep = ["--export", text(&own), "--checkpoint", text(&checkpoints)];
    let error = one_line(&limited(100, &[&SHORT[..], &keep[..]].concat()));
    assert!(error.contains("latest.checkpoint") && error.contains("--resume"), "{error}");
    assert!(!checkpoints.join("writing").exists());
    succeed(&["train", "--resume", text(&checkpoints)], b"");
    assert!(fs::read(own).expect("written") == fs::read(whole).expect("written"));
}

/// With a checkpoint, a model that found no room is exported without a second training.
#[test]
fn a_model_without_room_waits_in_the_checkpoint() {
    let folder = folder();
    let (checkpoints, model) = (folder.path().join("checkpoints"), folder.path().join("model.bin"));
    let error = fail(&[&SHORT[..], &["--checkpoint", text(&checkpoints), "--export", "/dev/full"]].concat());
    assert!(error.contains(&format!("--resume {}", checkpoints.display())), "{error}");
    let lines = succeed(&["train", "--resume", text(&checkpoints), "--export", text(&model)], b"");
    let lines = String::from_utf8(lines).expect("UTF-8");
    assert!(!lines.contains("\nepoch ") && lines.contains("going on from the end"), "{lines}");
    succeed(&["inspect", text(&model)], b"");
}

#[test]
fn folders_that_cannot_be_written_are_told_before_the_training() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").expect("writable");
    for flag in ["--export", "--json"] {
        let error = fail(&["train", flag, text(&file.join("x"))]);
        assert!(error.contains("cannot write") && error.contains("Not a directory"), "{error}");
        assert!(fail(&["train", flag, text(folder.path())]).contains("it is a folder"));
        assert!(fail(&["train", flag, text(&folder.path().join("no/x"))]).contains("No such file"));
    }
    for inside in [file.clone(), file.join("x"), "/proc/telltale".into()] {
        let error = fail(&["train", "--checkpoint", text(&inside)]);
        assert!(error.contains("cannot make the folder"), "{error}");
    }
    assert!(fail(&["train", "--checkpoint-minutes=-1"]).contains("--checkpoint-minutes"));
}

/// Weights that double with each step leave the numbers of f32 after some forty epochs.
const EXPLOSIVE: [&str; 22] = [
    "--cell",
    "gru",
    "--batch",
    "4000",
    "--loss",
    "every-word",
    "--embed",
    "16",
    "--hidden",
    "48",
    "--schedule",
    "constant",
    "--lr",
    "1",
    "--weight-decay",
    "3",
    "--average",
    "0",
    "--vocab",
    "400",
    "--ngrams",
    "0",
];

#[test]
fn a_loss_that_is_no_number_ends_with_the_best_epoch() {
    let folder = folder();
    let (model, again) = (folder.path().join("model.bin"), folder.path().join("again.bin"));
    let checkpoints = folder.path().join("checkpoints");
    let flags = ["--epochs", "200", "--export", text(&model), "--checkpoint", text(&checkpoints)];
    let output = host(&[&["train"], &EXPLOSIVE[..], &flags].concat(), b"");
    let (lines, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(3), "{error}");
    // The epoch and the batch where it happened: the one after the last line.
    let done = lines.lines().filter(|line| line.starts_with("epoch ")).count();
    assert!((1..200).contains(&done), "{lines}");
    assert!(error.starts_with("training diverged: ") && error.trim_end().lines().count() == 1, "{error}");
    assert!(error.contains(&format!(" epoch {}", done + 1)), "{error}");
    assert!(error.contains("best epoch before was kept"), "{error}");
    succeed(&["inspect", text(&model)], b"");
    // The checkpoint knows it, too.
    let output = host(&["train", "--resume", text(&checkpoints), "--export", text(&again)], b"");
    assert_eq!(output.status.code(), Some(3));
    assert!(fs::read(model).expect("written") == fs::read(again).expect("written"));
}

/// A FastGRNN's best weights before are too large for the chip's formats: nothing is exported.
#[test]
fn a_run_that_diverges_and_leaves_nothing_to_quantise_says_both() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let flags = ["--cell", "fastgrnn", "--epochs", "200", "--export", text(&model)];
    let output = host(&[&["train"], &EXPLOSIVE[2..], &flags].concat(), b"");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.starts_with("training diverged: ") && error.contains("too large"), "{error}");
    assert!(!model.exists());
}

#[test]
fn a_loss_that_is_no_number_in_the_first_epoch_is_an_error() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let flags = ["--epochs", "2", "--export", text(&model), "--batch", "16"];
    let flags = [&["train"], &EXPLOSIVE[..2], &EXPLOSIVE[4..], &flags].concat();
    let error = fail(&flags);
    assert!(error.contains("in epoch 1, batch ") && error.contains("lower --lr"), "{error}");
    assert!(!model.exists());
}
