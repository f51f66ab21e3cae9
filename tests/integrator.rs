//! The engine in somebody else's program: built for a Cortex-M0, run in an emulated micro:bit.

use std::path::Path;
use std::process::Command;

use host::toolchain::{bare_metal_cargo, workspace};

const TARGET: &str = "thumbv6m-none-eabi";

/// What a program of the integrator's prints.
fn printed(program: &str) -> String {
    let root = workspace().expect("sources");
    let folder = root.join("target/integrator");
    let mut cargo = bare_metal_cargo(TARGET).expect("a compiler");
    cargo.current_dir(root.join("tests/integrator")).args(["build", "--release", "--target", TARGET]);
    let built = cargo.args(["--bin", program, "--target-dir"]).arg(&folder).output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let file = folder.join(TARGET).join("release").join(program);
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
