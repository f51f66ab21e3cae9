//! The engine in somebody else's programs: built for a Cortex-M0, run in an emulated micro:bit and an emulated Pico.

use std::path::{Path, PathBuf};
use std::process::Command;

use host::board;
use host::emulator::EmulatedPort;
use host::toolchain::{bare_metal_cargo, workspace};
use serde_json::Value;
use tests::{succeed, text};

const TARGET: &str = "thumbv6m-none-eabi";

/// Builds a program of a package with the versions of its lock file.
fn built(package: &str, program: &str) -> PathBuf {
    let root = workspace().expect("sources");
    let folder = root.join("target/integrator");
    let mut cargo = bare_metal_cargo(TARGET).expect("a compiler");
    cargo.current_dir(root.join(package)).args(["build", "--locked", "--release", "--target", TARGET]);
    let built = cargo.args(["--bin", program, "--target-dir"]).arg(&folder).output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder.join(TARGET).join("release").join(program)
}

/// What a program of the integrator's prints.
fn printed(program: &str) -> String {
    let file = built("tests/integrator", program);
    let mut emulator = Command::new("qemu-system-arm");
    emulator.args(["-machine", "microbit", "-nographic", "-semihosting-config", "enable=on,target=native"]);
    let output = emulator.arg("-kernel").arg(&file).output().expect("qemu-system-arm runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn fed_and_classified_a_text_has_the_same_answer() {
    let lines = printed("answer");
    let answers: Vec<&str> = lines.lines().collect();
    assert_eq!(answers.len(), 2, "{lines}");
    assert!(answers[0].starts_with("neg Some(Neg) 0.") && answers[0] == answers[1], "{lines}");
}

#[test]
fn texts_can_be_interleaved_at_any_byte() {
    assert_eq!(printed("interleaved"), "neg true\npos true\nneg true\n");
}

/// What a user writes around a model is short.
#[test]
fn the_example_has_at_most_twelve_lines_of_its_own() {
    let root = workspace().expect("sources");
    let source = std::fs::read_to_string(root.join("tests/integrator/src/bin/answer.rs")).expect("there");
    let body = source.split_once("fn main() -> ! {\n").expect("a main").1.trim_end().trim_end_matches('}');
    assert!(body.trim_end().lines().count() <= 12, "{body}");
    assert!(Path::new(&root).join("tests/integrator/sentiment.bin").is_file());
}

/// A session that is a task of Embassy's proves itself as a board with our own firmware does.
#[test]
fn a_session_is_a_task_of_embassys() {
    let program = built("firmware/examples/embassy-rp", "embassy-rp-example");
    let pico = board::find("pico").expect("known");
    let port = EmulatedPort::boot(&pico, &program, None).expect("boots");
    let model = workspace().expect("sources").join("tests/integrator/sentiment.bin");
    let flags = ["monitor", "--port", text(port.port()), "--check", "--json", "-"];
    let report = succeed(&[&flags[..], &["--model", text(&model)]].concat(), b"");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!((&report["board"], &report["bytes_lost"]), (&"embassy-rp".into(), &0.into()), "{report}");
}
