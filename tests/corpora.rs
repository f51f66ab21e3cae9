//! Corpora, flags and streams as users give them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::{fail, folder, host, program, succeed, text};

const SMALL: [&str; 8] = ["--epochs", "20", "--hidden", "8", "--embed", "8", "--ngrams", "0"];

/// `count` rows of two classes, no text twice.
fn rows(count: usize) -> String {
    let row = |at: usize| format!("text number {at} is {}", ["very bad,neg\n", "very good,pos\n"][at % 2]);
    (0..count).map(row).collect()
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, content).expect("written");
    text(&path).to_owned()
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_model_labels_files_that_have_no_labels() {
    let folder = folder();
    let data = write(folder.path(), "train.csv", format!("text,label\n{}", rows(100)));
    let model = folder.path().join("model.bin");
    let told =
        utf8(succeed(&[&["train", "--data", &data, "--export", text(&model)], &SMALL[..]].concat(), b""));
    for part in [
        "train.csv: 100 rows read",
        "classes: neg 50, pos 50",
        "words a text: 6.0 in the mean",
        "not in the vocabulary: ",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let unlabelled =
        write(folder.path(), "new.csv", "id,text\n7,\"very good,\nvery good\"\n8,xyzzy\n9,\n10,very bad\n");
    let label = |out: &str| {
        utf8(succeed(&["label", "--model", text(&model), "--data", &unlabelled, "--out", out], b""))
    };
    let csv = label("-");
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0], ["label", "probability", "known"]);
    let column = |at: usize| lines[1..].iter().map(|line| line[at]).collect::<Vec<_>>();
    assert_eq!(column(2), ["1.0", "0.0", "0.0", "1.0"], "{csv}");
    assert_eq!((column(0)[0], column(0)[3]), ("pos", "neg"), "{csv}");
    assert!(
        column(1).iter().all(|share| (0.5..=1.0).contains(&share.parse::<f64>().expect("a number"))),
        "{csv}"
    );
    let out = folder.path().join("out.jsonl");
    label(text(&out));
    let json: Vec<Value> = fs::read_to_string(&out)
        .expect("written")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        json.iter().map(|answer| answer["label"].as_str().expect("a label")).collect::<Vec<_>>(),
        column(0)
    );
    // The answers are those of `run`, whose lines say the same of the last word.
    let run = utf8(succeed(&["run", "--model", text(&model)], b"very good very good"));
    let last = run.lines().last().and_then(|line| line.split('\t').nth(2)).expect("a probability");
    assert_eq!(last.parse::<f64>().ok(), column(1)[0].parse().ok());
    let piped =
        utf8(succeed(&["label", "--model", text(&model), "--data", "-", "--out", "-"], b"text\nvery bad\n"));
    assert!(piped.lines().nth(1).is_some_and(|line| line.starts_with("neg,")), "{piped}");
    assert!(
        fail(&["label", "--model", text(&model), "--data", &unlabelled, "--out", &unlabelled])
            .contains("read as --data")
    );
    assert!(
        fail(&["label", "--model", text(&model), "--data", &unlabelled, "--out", "x.bin"]).contains(".jsonl")
    );
}

#[test]
fn few_texts_train_and_validation_can_be_left_out() {
    let folder = folder();
    let train = |content: &str, flags: &[&str]| {
        let data = write(folder.path(), "few.csv", format!("text,label\n{content}"));
        let json = folder.path().join("few.json");
        let output =
            host(&[&["train", "--data", &data, "--json", text(&json)], &SMALL[..], flags].concat(), b"");
        let said = utf8(output.stderr) + &utf8(output.stdout);
        assert!(output.status.success(), "{said}");
        let report: Value = serde_json::from_slice(&fs::read(&json).expect("written")).expect("JSON");
        (said, report)
    };
    let (said, report) = train("good,pos\nbad,neg\n", &[]);
    assert!(said.contains("warning: few.csv: 2 texts to learn from are too few"), "{said}");
    assert!(said.contains("all 2 are in the vocabulary"), "{said}");
    assert_eq!(
        (&report["validates_on_train"], &report["valid"]["examples"]),
        (&Value::Bool(true), &2.into())
    );
    let (said, report) = train(&rows(100), &["--valid", "0"]);
    assert!(said.contains("no validation") && said.contains("the last epoch was taken"), "{said}");
    assert_eq!((&report["valid"]["examples"], &report["valid"]["accuracy"]), (&0.into(), &Value::Null));
    assert!(report["quantised"]["agreement"].as_f64().is_some_and(|share| share > 0.5), "{report}");
    let error = fail(&["train", "--data", &write(folder.path(), "one.csv", "text,label\na,x\nb,x\n")]);
    assert!(error.contains("only one class"), "{error}");
}

/// HTML's tags are left out of reviews and read in code, on the PC as on the chip.
#[test]
fn tags_are_read_where_they_tell_classes_apart() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let train = |row: &dyn Fn(usize) -> String, flags: &[&str]| {
        let rows: String = (0..100).map(row).collect();
        let data = write(folder.path(), "tags.csv", format!("text,label\n{rows}"));
        utf8(succeed(
            &[&["train", "--data", &data, "--export", text(&model)], &SMALL[..], flags].concat(),
            b"",
        ))
    };
    let words = || {
        let traces = utf8(succeed(&["run", "--model", text(&model), "--trace"], b"<b>number</b>\n"));
        traces.lines().filter(|line| !line.starts_with('=')).count()
    };
    let alike = |at: usize| format!("number<br />{at} is {}", ["very bad,neg\n", "very good,pos\n"][at % 2]);
    let said = train(&alike, &[]);
    assert!(said.contains("HTML's tags are left out (--tags true reads them): "), "{said}");
    assert_eq!(words(), 1);
    let code = |at: usize| {
        let number = format!("number {at}");
        if at.is_multiple_of(2) { format!("<b>{number}</b>,html\n") } else { format!("{number} << 1;,c\n") }
    };
    let said = train(&code, &[]);
    assert!(said.contains("HTML's tags are read as text (--tags false leaves them out): "), "{said}");
    assert!(said.contains("100.0 % of html and 0.0 % of c"), "{said}");
    assert!(words() > 1);
    assert!(utf8(succeed(&["inspect", text(&model)], b"")).contains("HTML's tags are read as text"));
    let said = train(&code, &["--tags", "false"]);
    assert!(said.contains("HTML's tags are left out (--tags true reads them): "), "{said}");
}

/// An input is never overwritten, and what cannot be written is told before the work.
#[test]
fn outputs_are_no_inputs() {
    let folder = folder();
    let content = format!("text,label\n{}", rows(60));
    let data = write(folder.path(), "p.csv", &content);
    for flag in ["--export", "--json"] {
        let error = fail(&["train", "--data", &data, flag, &data]);
        assert!(error.contains(&format!("{flag} {data}: that file is read as the corpus")), "{error}");
    }
    let same = text(&folder.path().join("same")).to_owned();
    assert!(
        fail(&["train", "--data", &data, "--export", &same, "--json", &same])
            .contains("goes to the same file")
    );
    let vocabulary = write(folder.path(), "vocab.txt", "good\nbad\n");
    assert!(fail(&["train", "--data", &data, "--save", text(folder.path())]).contains("vocab.txt is there"));
    let weights = write(folder.path(), "w", "x");
    for (flag, path) in [("--export", &weights), ("--json", &vocabulary)] {
        let error =
            fail(&["import", "--weights", &weights, "--vocab", &vocabulary, "--config", &data, flag, path]);
        assert!(error.contains("no input is ever overwritten"), "{error}");
    }
    assert!(
        fail(&["image", "--board", "microbit", "--model", &weights, "--export", &weights])
            .contains("read as --model")
    );
    assert!(
        fail(&["eval", "--model", &weights, "--data", &data, "--json", &weights]).contains("read as --model")
    );
    assert!(
        fail(&["eval", "--model", &weights, "--data", &data, "--json", &data]).contains("read as the corpus")
    );
    assert!(fail(&["inspect", &weights, "--json", &weights]).contains("read as the model"));
    let below = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        write(folder.path(), name, &content)
    };
    let (one, other) = (below("all/a/train.csv"), below("all/a/test.csv"));
    let all = text(&folder.path().join("all")).to_owned();
    for (flag, path) in [("--out", &one), ("--json", &other)] {
        assert!(fail(&["compare", "--data", &all, flag, path]).contains("read as --data"));
    }
    let unlabelled = below("texts/deep/1.txt");
    let texts = text(&folder.path().join("texts")).to_owned();
    let error = fail(&["train", "--data", &data, "--unlabelled", &texts, "--export", &unlabelled]);
    assert!(error.contains("read as --unlabelled"), "{error}");
    let checkpoints = text(&folder.path().join("checkpoints")).to_owned();
    let latest = format!("{checkpoints}/latest.checkpoint");
    let error = fail(&["train", "--data", &data, "--checkpoint", &checkpoints, "--export", &latest]);
    assert!(error.contains("read as --checkpoint"), "{error}");
    // A text behind a link, and one in a folder behind a link, are inputs as well.
    for class in ["store/neg", "links/pos"] {
        fs::create_dir_all(folder.path().join(class)).expect("made");
    }
    let kept = write(&folder.path().join("store/neg"), "1.txt", "bad");
    let single = write(folder.path(), "single.txt", "good");
    std::os::unix::fs::symlink(folder.path().join("store/neg"), folder.path().join("links/neg"))
        .expect("linked");
    std::os::unix::fs::symlink(&single, folder.path().join("links/pos/1.txt")).expect("linked");
    for output in [&kept, &single] {
        let error = fail(&["train", "--data", text(&folder.path().join("links")), "--export", output]);
        assert!(error.contains("that file is read as the corpus"), "{error}");
    }
    let error = fail(&["train", "--data", &data, "--export", text(&folder.path().join("no/model.bin"))]);
    assert!(error.contains("no/model.bin: No such file") && !error.contains("no/.tmp"), "{error}");
    assert_eq!(fs::read_to_string(&data).expect("is there"), content);
    assert_eq!(fs::read_to_string(&vocabulary).expect("is there"), "good\nbad\n");
}

#[test]
fn splits_that_are_not_those_of_the_training_are_told() {
    let folder = folder();
    let data = write(folder.path(), "p.csv", format!("text,label\n{}", rows(60)));
    let model = folder.path().join("model.bin");
    let asked = ["--valid", "0.2", "--test", "0.2"];
    succeed(&[&["train", "--data", &data, "--export", text(&model)], &asked[..], &SMALL].concat(), b"");
    let told = |flags: &[&str]| {
        let eval = ["eval", "--model", text(&model), "--data", &data, "--split", "test"];
        let output = host(&[&eval[..], flags].concat(), b"");
        assert!(output.status.success());
        utf8(output.stderr).contains("texts of them may have been learnt")
    };
    assert!(!told(&asked));
    assert!(told(&["--valid", "0.2", "--test", "0.3"]) && told(&[&asked[..], &["--seed", "9"]].concat()));
}

#[test]
fn negative_numbers_are_values_and_no_flags() {
    for (flag, value) in [("--lr", "-1"), ("--epochs", "-1"), ("--valid", "-0.5"), ("--clip", "-2")] {
        let [apart, joined] =
            [vec!["train", flag, value], vec!["train", &format!("{flag}={value}")]].map(|arguments| {
                let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                utf8(host(&arguments, b"").stderr)
            });
        assert_eq!(apart, joined);
        assert!(apart.contains(value), "{apart}");
    }
    assert!(fail(&["train", "--lr", "0"]).contains("--lr 0: nothing would be learnt"));
}

#[test]
fn json_on_standard_output_is_json_alone() {
    let folder = folder();
    let data = write(folder.path(), "p.csv", format!("text;label\n{}", rows(60).replace(',', ";")));
    let output = host(&[&["train", "--data", &data, "--json", "-"], &SMALL[..]].concat(), b"");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    assert_eq!(report["epochs"].as_array().map(Vec::len), Some(20));
    let told = utf8(output.stderr);
    assert!(told.contains("separated by semicolon") && told.contains("epoch 20/20"), "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_is_full_fails_and_one_that_is_closed_does_not() {
    let folder = folder();
    let data = write(folder.path(), "p.csv", format!("text,label\n{}", rows(60)));
    let model = folder.path().join("model.bin");
    let run = |arguments: &[&str], stdout: Stdio| {
        Command::new(program())
            .args(arguments)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .output()
            .expect("host runs")
    };
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").expect("opens"));
    let train = [&["train", "--data", &data, "--export", text(&model)], &SMALL[..]].concat();
    for arguments in
        [&train[..], &["inspect", text(&model)], &["inspect", text(&model), "--json", "-"], &["boards"]]
    {
        let output = run(arguments, full());
        let error = utf8(output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("cannot write to standard output: No space left on device"), "{error}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = run(arguments, Stdio::from(writer));
        assert!(output.status.success(), "{arguments:?}: {}", utf8(output.stderr));
    }
    assert!(model.exists(), "a run goes on without its lines");
}

#[test]
fn a_run_goes_on_when_its_corpus_has_moved() {
    let folder = folder();
    let data = write(folder.path(), "here.csv", format!("text,label\n{}", rows(100)));
    let (checkpoints, model) = (folder.path().join("checkpoints"), folder.path().join("model.bin"));
    let flags = ["train", "--data", "here.csv", "--checkpoint", "checkpoints", "--export", "model.bin"];
    let output = Command::new(program())
        .args(flags)
        .args(SMALL)
        .current_dir(folder.path())
        .output()
        .expect("host runs");
    assert!(output.status.success(), "{}", utf8(output.stderr));
    let first = fs::read(&model).expect("written");
    let resume = |more: &[&str]| {
        fs::remove_file(&model).expect("was there");
        succeed(&[&["train", "--resume", text(&checkpoints)], more].concat(), b"");
        let again = fs::read(&model).expect("written");
        assert!(again == first, "another model: {more:?}");
    };
    // From another folder, then from another path, of another name.
    resume(&[]);
    let there = folder.path().join("there.csv");
    fs::rename(&data, &there).expect("moved");
    let error = fail(&["train", "--resume", text(&checkpoints)]);
    assert!(error.contains("here.csv: the checkpoint's run read it") && error.contains("--data"), "{error}");
    fs::rename(&there, folder.path().join("here.txt.csv")).expect("moved");
    fs::create_dir(folder.path().join("new")).expect("made");
    fs::rename(folder.path().join("here.txt.csv"), folder.path().join("new/here.csv")).expect("moved");
    resume(&["--data", text(&folder.path().join("new/here.csv"))]);
    let other = write(folder.path(), "other.csv", format!("text,label\n{}", rows(102)));
    assert!(
        fail(&["train", "--resume", text(&checkpoints), "--data", &other])
            .contains("another run, which differs in: corpus")
    );
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("made");
    assert!(fail(&["train", "--resume", text(&empty)]).contains("no checkpoint is in it"));
}

#[cfg(target_os = "linux")]
#[test]
fn devices_without_end_are_refused() {
    let folder = folder();
    let config = write(folder.path(), "config.json", "{\"labels\":[\"a\",\"b\"]}");
    assert!(fail(&["inspect", "/dev/zero"]).contains("/dev/zero"));
    assert!(fail(&["run", "--model", "/dev/zero"]).contains("/dev/zero"));
    assert!(
        fail(&["import", "--weights", "/dev/zero", "--vocab", &config, "--config", &config])
            .contains("/dev/zero")
    );
    assert!(fail(&["train", "--data", "/dev/zero"]).contains("longer than"));
}

/// Memory follows the corpus, not the longest text.
#[cfg(target_os = "linux")]
#[test]
fn a_long_text_takes_little_memory() {
    let folder = folder();
    let long = "very good ".repeat(400_000);
    let data = write(folder.path(), "long.csv", format!("text,label\n{long},pos\n{}", rows(60)));
    let limit = "ulimit -v 1500000; exec \"$@\"";
    let output = Command::new("bash")
        .args([
            "-c",
            limit,
            "bash",
            text(program()),
            "train",
            "--data",
            &data,
            "--epochs",
            "1",
            "--valid",
            "0.5",
        ])
        .output()
        .expect("bash runs");
    assert!(output.status.success(), "{}", utf8(output.stderr));
}
