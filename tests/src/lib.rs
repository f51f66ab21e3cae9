//! What the suites share: the program, a folder of one's own, models, and difficult texts.
#![forbid(unsafe_code)]

pub mod browser;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The `host` program, built if need be.
///
/// # Panics
/// If it does not build.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let status = Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "host"]).status();
        assert!(status.expect("cargo runs").success(), "the host does not build");
        let own = std::env::current_exe().expect("a test has a path");
        let folder = own.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
        folder.join("host")
    })
}

/// Runs `host` with arguments and an input; both streams are captured.
///
/// # Panics
/// If it cannot be started.
pub fn host(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("host starts");
    let mut to = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = to.write_all(&input);
    });
    let output = child.wait_with_output().expect("host ends");
    writer.join().expect("the input is written");
    output
}

/// Runs `host`, which must succeed; its standard output.
///
/// # Panics
/// If it fails; the message holds the command and both streams.
pub fn succeed(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = host(arguments, input);
    assert!(
        output.status.success(),
        "host {arguments:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Runs `host`, which must fail with exit code 1 and one line behind what it has noticed until then; all of these lines.
///
/// # Panics
/// If it succeeds or fails in another way.
pub fn fail(arguments: &[&str]) -> String {
    let output = host(arguments, b"");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "host {arguments:?}: {error}");
    let is_error: Vec<bool> = error.trim_end().lines().map(|line| line.starts_with("error: ")).collect();
    assert!(is_error.iter().position(|own| *own) == Some(is_error.len() - 1), "{error}");
    error
}

/// A folder that vanishes with the test.
///
/// # Panics
/// If there is no room for temporary files.
#[must_use]
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A path as an argument.
///
/// # Panics
/// If it is not UTF-8.
#[must_use]
pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Trains a small model on the embedded reviews, with n-grams beside the network unless `flags` say how many.
pub fn train(model: &Path, flags: &[&str]) {
    let mut arguments = vec!["train", "--epochs", "1", "--vocab", "400", "--export", text(model)];
    if !flags.contains(&"--ngrams") {
        arguments.extend(["--ngrams", "2000"]);
    }
    arguments.extend_from_slice(flags);
    succeed(&arguments, b"");
}

/// Texts that break tokenisers, separated by blank lines.
#[must_use]
pub fn nasty_texts() -> Vec<u8> {
    let long = "a".repeat(10_000);
    let many = "the film was not bad but the ending ".repeat(125);
    let texts: [&[u8]; 16] = [
        b"",
        long.as_bytes(),
        "😀 👍🏽 great 🎬🎬 film ❤️".as_bytes(),
        "정말 재미있는 영화였다 강력 추천".as_bytes(),
        "这部电影非常好看,我很喜欢。映画は最高!".as_bytes(),
        b"broken \xFF\xFE utf \xC3\x28 eight \xE2\x82 here \xF0\x9F\x98 end",
        b"nul\0bytes\0in\0the middle",
        b"control \x01 \x02 \x03 \x04 \x05 bytes\x04here",
        b"<p>html <b>bold</b><br /><br />and <!-- gone --> <unclosed tag of a film",
        b"don't can't o'clock 'quoted' rock'n'roll it''s",
        "DON’T ÉCOLE STRASSE ΟΔΥΣΣΕΥΣ İSTANBUL ǅ".as_bytes(),
        b"!!! ??? wow!? 10/10 1950's 3.14 e-mail",
        b"tabs\tand\rreturns\r\nand\nlines",
        b"   \t  ",
        many.as_bytes(),
        b"no line break at the end",
    ];
    texts.join(&b"\n\n"[..])
}

/// Both are the same lines, or the first that differ.
///
/// # Panics
/// If they are not.
pub fn assert_lines(own: &[u8], expected: &[u8], of: &str) {
    let lines = |bytes: &'_ [u8]| -> Vec<String> {
        bytes.split(|&byte| byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    };
    for (number, (own, expected)) in (1..).zip(lines(own).iter().zip(&lines(expected))) {
        assert_eq!(own, expected, "{of}, line {number}");
    }
    assert_eq!(own.len(), expected.len(), "{of}: so many bytes");
}
