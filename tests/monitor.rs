//! The monitor over pseudo-terminals: what it shows, the proof of a board, and that the proof can fail.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use host::aligned::AlignedBytes;
use host::board;
use host::emulator::EmulatedPort;
use host::engine::{memory_for, with_model};
use host::monitor::{check, suite};
use host::serial::Terminal;
use host::toolchain::build;
use serde_json::Value;
use telltale::engine::format::{Kind, checksum};
use telltale::session::{END, HELLO, TRACED, XOFF, XON};
use telltale::{Classifier, Model};
use tests::{fail, folder, nasty_texts, program, succeed, text, train};

fn emulated(board: &str, model: &Path) -> EmulatedPort {
    let board = board::find(board).expect("known");
    let program = build(&board, "classifier", None).expect("builds");
    EmulatedPort::boot(&board, &program, Some(model)).expect("boots")
}

/// The report of a board that must pass.
fn proven(port: &EmulatedPort, model: &Path) -> Value {
    let flags = ["monitor", "--port", text(port.port()), "--check", "--model", text(model), "--json", "-"];
    serde_json::from_slice(&succeed(&flags, b"")).expect("JSON")
}

#[test]
fn a_board_proves_itself_and_can_be_talked_to() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &["--cell", "gru"]);
    let port = emulated("microbit", &model);
    let report = proven(&port, &model);
    let digest = with_model(&model, |model| Ok(model.digest())).expect("sound");
    assert_eq!(report["model"], format!("{digest:08x}"));
    assert_eq!((&report["board"], &report["chip"]), (&"microbit".into(), &"nRF51822_xxAA".into()));
    assert_eq!((&report["bytes_lost"], &report["baud"]), (&0.into(), &115_200.into()));
    let number = |key: &str| report[key].as_f64().expect("a number");
    assert!(number("texts") > 50.0 && number("answers") > 250.0 && number("words") > 5000.0, "{report}");
    assert!(number("words_per_second") > 1.0, "{report}");
    assert!(number("words_per_second") < 1.01 * number("line_words_per_second"), "{report}");

    // Piped text gives the lines of `run`, a second time, too, and after a proof.
    let monitor = ["monitor", "--port", text(port.port())];
    for (input, flags) in [(&b"slow, but superb\n\nnot bad"[..], &[][..]), (&nasty_texts(), &["--trace"])] {
        let expected = succeed(&[&["run", "--model", text(&model)], flags].concat(), input);
        let lines = succeed(&[&monitor[..], flags].concat(), input);
        assert_eq!(String::from_utf8_lossy(&lines), String::from_utf8_lossy(&expected));
    }
    let error = fail(&[&monitor[..], &["--board", "pico"]].concat());
    assert!(error.contains("--board pico: at this port is microbit"), "{error}");

    // Another model than the one that was flashed.
    let other = folder.path().join("other.bin");
    train(&other, &["--cell", "gru", "--seed", "7"]);
    let error = fail(&[&monitor[..], &["--check", "--model", text(&other)]].concat());
    assert!(
        error.contains(&format!("microbit runs the model {digest:08x}")) && error.contains("flash"),
        "{error}"
    );
}

/// The bytes of the first section of a kind.
fn section(file: &[u8], kind: Kind) -> std::ops::Range<usize> {
    let bytes = AlignedBytes::new(file);
    let model = Model::open(&bytes).expect("sound");
    let section = model.manifest_view().sections().find(|section| section.kind == kind as u8).expect("there");
    section.offset as usize..(section.offset + section.length) as usize
}

/// Changes four bytes at `at` so that the file's checksum is `sum`: a CRC is linear in what it covers.
fn mend(file: &mut [u8], at: usize, sum: u32) {
    file[at..at + 4].fill(0);
    let zero = checksum(&file[20..]);
    // What each bit does, with the bits that do it; eliminated so that each has a leading bit of its own.
    let mut rows: Vec<(u32, u32)> = Vec::new();
    let reduce = |rows: &[(u32, u32)], mut row: (u32, u32)| {
        for &(effect, bits) in rows {
            if row.0 & (1 << effect.ilog2()) != 0 {
                row = (row.0 ^ effect, row.1 ^ bits);
            }
        }
        row
    };
    for bit in 0..32 {
        file[at..at + 4].copy_from_slice(&(1u32 << bit).to_le_bytes());
        let row = reduce(&rows, (checksum(&file[20..]) ^ zero, 1 << bit));
        assert_ne!(row.0, 0, "a CRC tells all changes of four bytes apart");
        rows.push(row);
    }
    let (rest, bits) = reduce(&rows, (zero ^ sum, 0));
    assert_eq!(rest, 0);
    file[at..at + 4].copy_from_slice(&bits.to_le_bytes());
    assert_eq!(checksum(&file[20..]), sum);
}

/// What the PC says to the suite with a model, and whether that passes its self-test.
fn said(file: &[u8]) -> (Vec<Vec<Vec<u8>>>, bool) {
    let bytes = AlignedBytes::new(file);
    let model = Model::open(&bytes).expect("sound");
    let mut memory = memory_for(&model);
    let passes = Classifier::within(&model, &mut memory).expect("room").self_test().is_ok();
    (check::expected(&model, TRACED, &suite::texts(model.manifest_view().self_test)).expect("reads"), passes)
}

/// A weight that the board's own checks do not see: the model's digest and its self-test are as they were.
#[test]
fn one_changed_weight_is_told_by_text_and_word() {
    let folder = folder();
    let [model, changed] = ["model.bin", "changed.bin"].map(|name| folder.path().join(name));
    train(&model, &["--cell", "gru", "--ngrams", "0"]);
    let file = fs::read(&model).expect("written");
    let sum = u32::from_le_bytes(file[16..20].try_into().expect("four bytes"));
    let bytes = AlignedBytes::new(&file);
    let of_corpus = |manifest: telltale::engine::format::Manifest<'_>| manifest.provenance.digest.to_vec();
    let corpus = of_corpus(Model::open(&bytes).expect("sound").manifest().expect("read"));
    assert_eq!(corpus.len(), 32, "four bytes of the corpus' digest are free");
    let free = file.windows(32).position(|bytes| bytes == corpus).expect("in the manifest");
    let (before, passes) = said(&file);
    assert!(passes);
    // Weights from the end on: rows of words that are rare, which the self-test does not have.
    let (file, after) = section(&file, Kind::Embedding)
        .rev()
        .step_by(7)
        .find_map(|at| {
            let mut file = file.clone();
            file[at] ^= 0x15;
            mend(&mut file, free, sum);
            let (after, passes) = said(&file);
            (passes && after != before).then_some((file, after))
        })
        .expect("a weight that the suite uses and the self-test does not");
    fs::write(&changed, file).expect("written");
    let differs = |number: &usize| before[*number] != after[*number];
    let number = (0..before.len()).find(differs).expect("they differ");
    let (own, pc) = after[number].iter().zip(&before[number]).find(|(own, pc)| own != pc).expect("a line");
    let fields = |line: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(line).split('\t').map(str::to_owned).collect()
    };
    let (own, pc) = (fields(own), fields(pc));
    let port = emulated("microbit", &changed);
    let error = fail(&["monitor", "--port", text(port.port()), "--check", "--model", text(&model)]);
    let name = suite::texts(Model::open(&bytes).expect("sound").manifest_view().self_test)[number].name;
    let place = format!("text {} of {} ({name}), word {} `{}`", number + 1, before.len(), pc[0], pc[1]);
    assert!(error.contains(&place), "{place}: {error}");
    assert!(error.contains(&format!("trace {} on the board, {} on the PC", own[5], pc[5])), "{error}");
    // And the model that it was made of passes.
    drop(port);
    proven(&emulated("microbit", &model), &model);
}

#[test]
fn ports_without_a_board_say_what_to_try() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &[]);
    let error = fail(&["monitor", "--port", "/dev/ttyNOBODY9"]);
    assert!(error.contains("/dev/ttyNOBODY9: no such port"), "{error}");
    let silent = Terminal::new().expect("a pseudo-terminal");
    let port = text(silent.path());
    let start = Instant::now();
    for rest in [&[][..], &["--check", "--model", text(&model)]] {
        let error = fail(&[&["monitor", "--time-limit", "2", "--port", port], rest].concat());
        assert!(error.contains("has said no line for 2 s") && error.contains("greeting"), "{error}");
        assert!(error.contains("reset button") && error.contains("--baud"), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(fail(&["monitor", "--port", text(&model)]).contains("no serial port"));
}

/// A board of the test's own.
struct Puppet {
    terminal: Terminal,
}

impl Puppet {
    /// Greets, answers the first line as a session does, and then calls `talk` with each byte that comes; what that
    /// gives is said.
    fn new(hello: Vec<u8>, mut talk: impl FnMut(u8) -> Vec<u8> + Send + 'static) -> Self {
        let terminal = Terminal::new().expect("a pseudo-terminal");
        let (mut from, mut to) = terminal.own_ends().expect("descriptors");
        std::thread::spawn(move || {
            let (mut byte, mut word, mut met) = ([0], Vec::new(), false);
            while from.read_exact(&mut byte).is_ok() {
                let said = match byte[0] {
                    HELLO => hello.clone(),
                    byte if met => talk(byte),
                    b'\n' => {
                        met = true;
                        [b"0\t", &word[..], b"\tx\t0.5000\t?\n=\tx\t0.5000\t1\t1\t0\n"].concat()
                    }
                    byte => {
                        word.extend(byte.is_ascii_lowercase().then_some(byte));
                        Vec::new()
                    }
                };
                if to.write_all(&said).is_err() {
                    break;
                }
            }
        });
        Self { terminal }
    }
}

const HELLO_LINE: &[u8] =
    b"telltale 0.1.0 on puppet: model 00000001, 2 classes, 3 words, flash 4 + 5 bytes, ram 6 bytes, \
                            self-test ok\n";

/// What comes behind an XOFF is a piece at most, and the rest comes after the XON.
#[test]
fn the_monitor_stops_when_the_board_asks_it_to() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let stopped = Arc::new(AtomicBool::new(false));
    let (record, stop) = (Arc::clone(&sent), Arc::clone(&stopped));
    let puppet = Puppet::new(HELLO_LINE.to_vec(), move |byte| match byte {
        END => vec![END, b'\n'],
        b'a' if !stop.swap(true, Ordering::Relaxed) => vec![XOFF],
        b'.' => {
            record.lock().expect("sound").push(byte);
            Vec::new()
        }
        _ => Vec::new(),
    });
    let mut child = Command::new(program())
        .args(["monitor", "--port", text(puppet.terminal.path())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("host starts");
    let mut to = child.stdin.take().expect("a pipe");
    to.write_all(&[b"a", &b".".repeat(5000)[..]].concat()).expect("sent");
    drop(to);
    while !stopped.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(700));
    let before = sent.lock().expect("sound").len();
    assert!(before <= 256, "{before} bytes came behind XOFF");
    let (_, mut own) = puppet.terminal.own_ends().expect("descriptors");
    own.write_all(&[XON]).expect("said");
    assert!(child.wait_with_output().expect("ends").status.success());
    assert_eq!(sent.lock().expect("sound").len(), 5000);
}

/// A board that stops answering in the middle is given up, and so is one that greets with a bad model.
#[test]
fn a_board_that_falls_silent_is_given_up() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &[]);
    let digest = with_model(&model, |model| Ok(model.digest())).expect("sound");
    let hello =
        String::from_utf8_lossy(HELLO_LINE).replace("00000001", &format!("{digest:08x}")).into_bytes();
    let puppet = Puppet::new(hello, |_| Vec::new());
    let check = |puppet: &Puppet| {
        let port = text(puppet.terminal.path()).to_owned();
        let flags = ["monitor", "--time-limit", "2", "--port", &port, "--check", "--model", text(&model)];
        fail(&flags)
    };
    let error = check(&puppet);
    assert!(
        error.contains("text 1 of") && error.contains("word 0") && error.contains("nothing for 2 s"),
        "{error}"
    );
    let refusal = b"telltale 0.1.0 on puppet: wrong CRC-32: found 1, expected 2\n";
    let refusing = Puppet::new(refusal.to_vec(), |_| Vec::new());
    let error = check(&refusing);
    assert!(error.contains("puppet cannot use its model: wrong CRC-32: found 1, expected 2"), "{error}");
    let other = Puppet::new(b"login:\r\n".to_vec(), |_| Vec::new());
    assert!(check(&other).contains("other things than a greeting of Telltale (`login:"));
}
