//! Runs that are killed or stopped and gone on with end as if nothing had happened.
//!
//! `TELLTALE_SEED=N` replays the moments of a failed run, `TELLTALE_KILLS=N` kills more often.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use tests::{fail, folder, host, program, succeed, text};

/// Two layers, n-grams, dropout and a running average: all that a checkpoint must hold.
const FLAGS: [&str; 14] = [
    "--epochs", "8", "--vocab", "500", "--layers", "2", "--hidden", "40", "--ngrams", "2000", "--batch",
    "16", "--seed", "7",
];

/// A run of [`FLAGS`] and more, in the background.
fn start(more: &[&str]) -> Child {
    Command::new(program())
        .arg("train")
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("host starts")
}

/// What a run that nobody stopped gives: its model and its epochs; and how long it takes.
fn reference(folder: &Path) -> (Vec<u8>, Value, Duration) {
    let (model, json) = (folder.join("whole.bin"), folder.join("whole.json"));
    let started = Instant::now();
    succeed(&[&["train"], &FLAGS[..], &["--export", text(&model), "--json", text(&json)]].concat(), b"");
    (fs::read(model).expect("written"), epochs(&json), started.elapsed())
}

/// The epochs of a report, durations aside.
fn epochs(json: &Path) -> Value {
    let mut report: Value = serde_json::from_slice(&fs::read(json).expect("written")).expect("JSON");
    let mut epochs = report["epochs"].take();
    for epoch in epochs.as_array_mut().expect("a list") {
        epoch.as_object_mut().expect("an object").remove("seconds");
    }
    epochs
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn killed_runs_end_in_the_same_model() {
    let wanted = number("TELLTALE_KILLS").unwrap_or(6);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    let seed = number("TELLTALE_SEED").unwrap_or(now);
    println!("TELLTALE_SEED={seed}");
    let mut random = Pcg64::seed_from_u64(seed);
    let folder = folder();
    let (model, history, whole) = reference(folder.path());
    let mut kills = 0;
    for chain in 0.. {
        let checkpoints = folder.path().join(format!("checkpoints {chain}"));
        fs::create_dir(&checkpoints).expect("a new folder");
        let (own, json) = (folder.path().join("own.bin"), folder.path().join("own.json"));
        // Every other chain writes a checkpoint after each batch: many kills fall into the writing.
        let minutes = if chain % 2 == 0 { "0.002" } else { "0" };
        let mut from = vec!["--checkpoint", text(&checkpoints), "--checkpoint-minutes", minutes];
        from.extend(FLAGS);
        from.extend(["--export", text(&own), "--json", text(&json)]);
        // Three kills a chain, then it may end.
        let mut left = 3;
        loop {
            let mut child = start(&from);
            if left > 0 && kills < wanted {
                let moment = whole.mul_f64(random.random_range(0.0..0.9));
                println!("chain {chain}: killed after {moment:?}");
                std::thread::sleep(moment);
                let _ = child.kill();
                let output = child.wait_with_output().expect("ends");
                (kills, left) = (kills + 1, left - 1);
                assert!(output.status.code() != Some(1), "{}", String::from_utf8_lossy(&output.stderr));
                from = vec!["--resume", text(&checkpoints)];
                if !["latest", "previous"]
                    .iter()
                    .any(|name| checkpoints.join(format!("{name}.checkpoint")).exists())
                {
                    // Killed before it had written its flags.
                    from = vec!["--checkpoint", text(&checkpoints)];
                    from.extend(FLAGS);
                    from.extend(["--export", text(&own), "--json", text(&json)]);
                }
                continue;
            }
            let output = child.wait_with_output().expect("ends");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            break;
        }
        assert!(fs::read(&own).expect("written") == model, "TELLTALE_SEED={seed}: another model");
        assert_eq!(epochs(&json), history, "TELLTALE_SEED={seed}");
        if kills >= wanted {
            break;
        }
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// Reads a child's lines until one starts with `start`.
fn wait_for(child: &mut Child, start: &str) {
    let mut lines = BufReader::new(child.stdout.as_mut().expect("a pipe"));
    let mut line = String::new();
    while lines.read_line(&mut line).expect("UTF-8") > 0 && !line.starts_with(start) {
        line.clear();
    }
    assert!(line.starts_with(start), "no line `{start}…`");
}

/// The status and the lines of standard error of a child whose standard output has been read in part.
fn end(mut child: Child) -> (Option<i32>, String) {
    let mut rest = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut rest).expect("reads");
    let Output { status, stderr, .. } = child.wait_with_output().expect("ends");
    (status.code(), String::from_utf8(stderr).expect("UTF-8"))
}

#[test]
fn ctrl_c_stops_after_the_batch_and_the_run_goes_on() {
    let folder = folder();
    let (model, history, _) = reference(folder.path());
    let checkpoints = folder.path().join("checkpoints");
    let (own, json) = (folder.path().join("own.bin"), folder.path().join("own.json"));
    let first = [&["--checkpoint", text(&checkpoints)][..], &FLAGS].concat();
    let resumed = ["--resume", text(&checkpoints), "--export", text(&own), "--json", text(&json)];
    for (flags, name, line) in [(&first[..], "INT", "epoch 2/"), (&resumed[..], "TERM", "epoch 5/")] {
        let mut child = start(flags);
        wait_for(&mut child, line);
        signal(&child, name);
        let (status, error) = end(child);
        assert_eq!(status, Some(130), "{error}");
        assert!(error.starts_with("stopped: epoch ") && error.trim_end().lines().count() == 1, "{error}");
        assert!(error.contains(&format!("--resume {}", checkpoints.display())), "{error}");
    }
    assert!(!own.exists());
    // A flag that says where things go may be new; one that says what is trained may not.
    let error = fail(&["train", "--resume", text(&checkpoints), "--epochs", "9", "--hidden", "40"]);
    assert!(error.contains("--epochs 9 (then 8)") && !error.contains("--hidden"), "{error}");
    succeed(&[&["train"], &resumed[..]].concat(), b"");
    assert!(fs::read(&own).expect("written") == model, "another model");
    assert_eq!(epochs(&json), history);
}

#[test]
fn without_checkpoints_ctrl_c_says_that_nothing_is_kept() {
    let mut child = start(&FLAGS);
    wait_for(&mut child, "epoch 1/");
    signal(&child, "INT");
    let (status, error) = end(child);
    assert_eq!(status, Some(130));
    assert!(error.starts_with("stopped: epoch ") && error.contains("--checkpoint DIR"), "{error}");
}

#[test]
fn a_second_ctrl_c_stops_at_once() {
    // One batch takes many seconds.
    let flags = [
        "--epochs", "1", "--batch", "5000", "--hidden", "600", "--layers", "3", "--cell", "lstm", "--ngrams",
        "0",
    ];
    let mut child = start(&flags);
    wait_for(&mut child, "lstm ×3");
    // From the description to the first batch, where the signal is noted, takes a moment.
    std::thread::sleep(Duration::from_millis(600));
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("can be asked").is_none(), "the first one must only be noted");
    let asked = Instant::now();
    signal(&child, "INT");
    let (status, error) = end(child);
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!((status, &error[..]), (Some(130), ""));
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused_and_the_one_before_is_used() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let (first, second) = (path("a.bin"), path("b.bin"));
    let flags = ["train", "--epochs", "2", "--vocab", "300", "--export", text(&first), "--checkpoint"];
    let checkpoints = path("checkpoints");
    succeed(&[&flags[..], &[text(&checkpoints)]].concat(), b"");
    let model = fs::read(&first).expect("written");
    let (latest, previous) = (checkpoints.join("latest.checkpoint"), checkpoints.join("previous.checkpoint"));
    let whole = [&latest, &previous].map(|path| fs::read(path).expect("written"));
    assert!(fail(&[&flags[..], &[text(&checkpoints)]].concat()).contains("go on with --resume"));

    let resume = ["train", "--resume", text(&checkpoints), "--export", text(&second)];
    let mut flipped = whole[0].clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let mut later = whole[0].clone();
    later[8] = 9;
    let damages: [(&[u8], &str); 6] = [
        (&flipped, "SHA-256"),
        (&whole[0][..middle], "cut short"),
        (&whole[0][..15], "cut short"),
        (b"", "does not start with"),
        (b"PK\x03\x04 something else", "does not start with"),
        (&later, "version 9"),
    ];
    for (damaged, reason) in damages {
        fs::write(&latest, damaged).expect("writable");
        fs::write(&previous, &whole[1]).expect("writable");
        let output = host(&resume, b"");
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.success() && error.contains(reason), "{reason}: {error}");
        assert!(error.contains("previous.checkpoint"), "{error}");
        assert!(fs::read(&second).expect("written") == model, "{reason}: another model");
        // Both of them: nothing can be used, and both reasons are told.
        fs::write(&latest, damaged).expect("writable");
        fs::write(&previous, damaged).expect("writable");
        let error = fail(&resume);
        assert_eq!(error.matches(reason).count(), 2, "{error}");
    }
    fs::write(&latest, &whole[0]).expect("writable");
    let other = path("other corpus");
    for (class, word) in [("good", "fine"), ("bad", "poor")] {
        fs::create_dir_all(other.join(class)).expect("writable");
        for n in 0..30 {
            fs::write(other.join(class).join(n.to_string()), format!("{word} film {n} {word}"))
                .expect("writable");
        }
    }
    assert!(fail(&[&resume[..], &["--data", text(&other)]].concat()).contains("--data"));
    assert!(fail(&["train", "--resume", text(&path("nowhere"))]).contains("no such folder"));
    assert!(fail(&["train", "--resume", text(&other)]).contains("no checkpoint"));
}

/// The same path, but what is there has changed.
#[test]
fn another_corpus_in_the_same_place_is_noticed() {
    let folder = folder();
    let corpus = folder.path().join("corpus");
    let write = |words: [&str; 2]| {
        for (class, word) in ["good", "bad"].iter().zip(words) {
            fs::create_dir_all(corpus.join(class)).expect("writable");
            for n in 0..40 {
                let text = format!("{word} film {} {word}", n % 7);
                fs::write(corpus.join(class).join(n.to_string()), text).expect("writable");
            }
        }
    };
    write(["fine", "poor"]);
    let checkpoints = folder.path().join("checkpoints");
    succeed(&["train", "--epochs", "1", "--data", text(&corpus), "--checkpoint", text(&checkpoints)], b"");
    write(["fine", "dull"]);
    let error = fail(&["train", "--resume", text(&checkpoints)]);
    assert!(error.contains("differs in") && error.contains("corpus"), "{error}");
}

/// The model is the same, to the byte, on any number of rayon's and of Candle's threads.
#[test]
fn threads_do_not_change_a_model() {
    let folder = folder();
    let trained = |rayon: &str, candle: &str| {
        let model = folder.path().join(rayon);
        let status = Command::new(program())
            .args([
                "train",
                "--epochs",
                "1",
                "--vocab",
                "500",
                "--hidden",
                "48",
                "--batch",
                "64",
                "--balance",
            ])
            .args(["--loss", "every-word", "--ngrams", "500", "--export", text(&model)])
            .envs([("RAYON_NUM_THREADS", rayon), ("CANDLE_NUM_THREADS", candle)])
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("host starts").success());
        fs::read(model).expect("written")
    };
    assert!(trained("1", "1") == trained("3", "2"));
}

/// What a checkpoint's run has beside its network is not left out of what `--save` writes.
#[test]
fn a_run_with_ngrams_is_not_saved_on_going_on() {
    let folder = folder();
    let [checkpoints, saved] = ["checkpoints", "saved"].map(|name| folder.path().join(name));
    succeed(&["train", "--epochs", "1", "--vocab", "400", "--checkpoint", text(&checkpoints)], b"");
    let error = fail(&["train", "--resume", text(&checkpoints), "--save", text(&saved)]);
    assert!(error.contains("the run that this goes on with has some, and cannot be saved"), "{error}");
}

/// `train --save` writes what `import` reads: the blob is the same.
#[test]
fn a_saved_model_imports_as_the_same_blob() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let sets: [&[&str]; 4] = [
        &["--cell", "lstm", "--layers", "2", "--hidden", "20"],
        &["--cell", "fastgrnn", "--layers", "2", "--hidden", "20"],
        &["--head-hidden", "9", "--pooling", "max", "--embed-bits", "4"],
        &["--preset", "rnn-cell", "--hidden", "24", "--embed", "12"],
    ];
    for flags in sets {
        let (whole, own, saved) = (path("whole.bin"), path("own.bin"), path("saved"));
        let run = [
            "train",
            "--epochs",
            "1",
            "--vocab",
            "500",
            "--ngrams",
            "0",
            "--export",
            text(&whole),
            "--save",
            text(&saved),
        ];
        succeed(&[&run[..], flags].concat(), b"");
        let [weights, vocab, config] =
            ["model.safetensors", "vocab.txt", "config.json"].map(|name| saved.join(name));
        let import =
            ["import", "--weights", text(&weights), "--vocab", text(&vocab), "--config", text(&config)];
        succeed(&[&import[..], &["--export", text(&own)]].concat(), b"");
        assert!(fs::read(&whole).expect("written") == fs::read(&own).expect("written"), "{flags:?}");
        // Weights that were changed since are calibrated and measured anew.
        let mut changed = fs::read(&weights).expect("written");
        *changed.last_mut().expect("not empty") ^= 1;
        fs::write(&weights, changed).expect("writable");
        let said = succeed(&[&import[..], &["--export", text(&own)]].concat(), b"");
        assert!(
            String::from_utf8_lossy(&said)
                .contains("are not those that `train --save` of this version wrote")
        );
        let card = String::from_utf8(succeed(&["inspect", text(&own)], b"")).expect("UTF-8");
        assert!(card.contains("trained in PyTorch") && !card.contains("SHA-256: 0"), "{card}");
        assert!(card.contains("quantised accuracy: validation –, test –"), "{card}");
    }
}
