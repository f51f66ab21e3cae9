//! The verbs as a user calls them.

use std::path::Path;

use serde_json::Value;
use tests::{fail, folder, host, nasty_texts, succeed, text, train};

#[test]
fn train_eval_run_inspect() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let json = folder.path().join("train.json");
    let lines = succeed(&["train", "--epochs", "2", "--export", text(&model), "--json", text(&json)], b"");
    let lines = String::from_utf8(lines).expect("UTF-8");
    assert_eq!(lines.lines().filter(|line| line.starts_with("epoch ")).count(), 2, "{lines}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).expect("written")).expect("JSON");
    for keys in ["cell", "layers", "embed", "hidden", "vocab", "parameters"] {
        assert!(!report["model"][keys].is_null(), "model.{keys}");
    }
    for keys in ["epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "seconds"] {
        assert!(report["epochs"][1][keys].is_number(), "epochs.{keys}");
    }
    for split in ["valid", "test"] {
        for keys in ["examples", "accuracy", "loss"] {
            assert!(report[split][keys].is_number(), "{split}.{keys}");
        }
    }
    for keys in ["valid_accuracy", "test_accuracy", "agreement"] {
        assert!(report["quantised"][keys].is_number(), "quantised.{keys}");
    }
    let size = std::fs::metadata(&model).expect("written").len();
    assert_eq!(report["blob"]["bytes"].as_u64(), Some(size));
    assert!(report["blob"]["vocab_bytes"].is_number() && report["blob"]["weight_bytes"].is_number());

    // The same split, read by the integer engine alone, gives the accuracy that training stated.
    let stated = report["quantised"]["test_accuracy"].as_f64().expect("a number");
    let output = succeed(&["eval", "--model", text(&model), "--split", "test", "--json", "-"], b"");
    let evaluation: Value = serde_json::from_slice(&output).expect("JSON");
    assert!((evaluation["accuracy"].as_f64().expect("a number") - stated).abs() < 1e-9);
    // Words of another language say nothing.
    let said = |arguments: &[&str]| {
        let output = host(&[&["eval", "--model", text(&model)], arguments].concat(), b"");
        assert!(output.status.success());
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert_eq!(said(&["--split", "test"]), "");
    let foreign = folder.path().join("foreign.csv");
    std::fs::write(&foreign, "text,label\nmañana será,pos\nayer fue,neg\n").expect("written");
    let foreign = said(&["--data", text(&foreign)]);
    assert!(foreign.contains("the model knows 0 of the texts' 4 words"), "{foreign}");
    let confusion = evaluation["confusion"].as_array().expect("rows");
    let sum: u64 =
        confusion.iter().flat_map(|row| row.as_array().expect("columns")).filter_map(Value::as_u64).sum();
    assert_eq!(Some(sum), evaluation["examples"].as_u64());
    assert!(
        evaluation["words"].is_number()
            && evaluation["seconds"].is_number()
            && evaluation["loss"].is_number()
    );

    let shown = String::from_utf8(succeed(&["inspect", text(&model)], b"")).expect("UTF-8");
    for part in ["vocabulary", "embedding", "layer", "head", "microbit", "mps2-an386"] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
}

#[test]
fn answers_are_measured_by_class_and_explained_by_words() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let errors = folder.path().join("errors.jsonl");
    train(&model, &["--ngram-words", "2"]);
    let flags =
        ["eval", "--model", text(&model), "--split", "test", "--json", "-", "--errors", text(&errors)];
    let report: Value = serde_json::from_slice(&succeed(&flags, b"")).expect("JSON");
    let number = |value: &Value| value.as_f64().expect("a number");
    let confusion = |truth: usize, answer: usize| number(&report["confusion"][truth][answer]);
    let mut f1 = 0.0;
    for (class, other) in [(0, 1), (1, 0)] {
        let own = &report["per_class"][class];
        assert_eq!(own["label"], report["labels"][class]);
        let (right, missed, taken) =
            (confusion(class, class), confusion(class, other), confusion(other, class));
        assert!((number(&own["recall"]) - right / (right + missed)).abs() < 1e-9);
        assert!((number(&own["precision"]) - right / (right + taken)).abs() < 1e-9);
        assert!((number(&own["support"]) - (right + missed)).abs() < 1e-9);
        f1 += 2.0 * right / (2.0 * right + missed + taken) / 2.0;
    }
    assert!((number(&report["macro_f1"]) - f1).abs() < 1e-9);
    assert!((0.0..0.5).contains(&number(&report["calibration_error"])));
    let rows: Vec<Value> = std::fs::read_to_string(&errors)
        .expect("written")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.len() as f64, confusion(0, 1) + confusion(1, 0));
    assert!(rows.iter().all(|row| row["label"] != row["answer"] && row["text"].is_string()));
    let text_of = |row: &Value| row["text"].as_str().expect("a text").to_owned();
    let answers = succeed(&["run", "--model", text(&model), "--answers"], text_of(&rows[0]).as_bytes());
    let answers = String::from_utf8(answers).expect("UTF-8");
    let answer = format!(
        "=\t{}\t{:.4}\t",
        rows[0]["answer"].as_str().expect("a label"),
        number(&rows[0]["probability"])
    );
    assert!(answers.starts_with(&answer), "{answers} is not {answer}");

    let input = b"The acting is superb, the plot terrible.\rdull\n\nA delight";
    let explained = succeed(&["run", "--model", text(&model), "--answers", "--explain"], input);
    let explained = String::from_utf8(explained).expect("UTF-8");
    let lines: Vec<&str> = explained.lines().collect();
    let marks: String = lines.iter().map(|line| &line[..1]).collect();
    assert_eq!(marks, "=+-=+-=+-", "{explained}");
    // What speaks for one answer speaks against the other, and the louder side has won.
    let sides = if lines[0].starts_with("=\tpos") { (lines[1], lines[2]) } else { (lines[2], lines[1]) };
    assert!(sides.0.contains("superb +") || sides.0.contains("superb -"), "{explained}");
    assert!(sides.1.contains("terrible"), "{explained}");
    let plain = succeed(&["run", "--model", text(&model), "--answers"], input);
    let answers: Vec<&str> = lines.iter().filter(|line| line.starts_with('=')).copied().collect();
    assert_eq!(String::from_utf8(plain).expect("UTF-8").lines().collect::<Vec<_>>(), answers);
}

#[test]
fn a_network_that_fills_all_bytes_has_no_n_grams_and_says_so() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    let flags = ["train", "--epochs", "1", "--hidden", "8", "--bytes", "3000", "--export", text(&model)];
    let output = host(&flags, b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("no room for n-grams"), "{said}");
    let shown = String::from_utf8(succeed(&["inspect", text(&model)], b"")).expect("UTF-8");
    assert!(!shown.contains("n-grams  "), "{shown}");
}

#[test]
fn run_prints_a_line_per_word() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    // Without n-grams of characters, for which the end of a text is a character.
    train(&model, &["--ngram-words", "2"]);
    let plain = succeed(&["run", "--model", text(&model)], b"A good film.\n\nBad! Xyzzy");
    let plain = String::from_utf8(plain).expect("UTF-8");
    let lines: Vec<Vec<&str>> = plain.lines().map(|line| line.split('\t').collect()).collect();
    let starts: Vec<_> = lines.iter().filter(|line| line[0] != "=").map(|line| (line[0], line[1])).collect();
    // Neither the full stop nor the exclamation mark tells anything about the reviews.
    assert_eq!(starts, [("0", "a"), ("1", "good"), ("2", "film"), ("0", "bad"), ("1", "xyzzy")]);
    for fields in &lines {
        let (label, probability) = if fields[0] == "=" { (1, 2) } else { (2, 3) };
        assert!(["neg", "pos"].contains(&fields[label]), "{plain}");
        let share: f64 = fields[probability].parse().expect("a number");
        assert!((0.5..=1.0).contains(&share) && fields[probability].len() == 6);
        match fields[1] {
            "xyzzy" => assert_eq!(fields[4..], ["?"], "{plain}"),
            _ if fields[0] == "=" => assert_eq!(fields.len(), 6, "{plain}"),
            _ => assert_eq!(fields.len(), 4, "{plain}"),
        }
    }
    // Words, unknown ones, bytes lost: after the last word, the answer is what it was after that word.
    let (first, second) = (&lines[3], &lines[6]);
    assert_eq!((&first[3..], &second[3..]), (&["3", "0", "0"][..], &["2", "1", "0"][..]));
    assert_eq!((&first[1..3], &second[1..3]), (&lines[2][2..4], &lines[5][2..4]));
    let traced = succeed(&["run", "--trace", "--model", text(&model)], &nasty_texts());
    let traced = String::from_utf8(traced).expect("words are UTF-8");
    for line in traced.lines().filter(|line| !line.starts_with("=\t")) {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 6, "{line}");
        assert!(fields[1].len() <= 32 && fields[5].len() == 16, "{line}");
        assert!(u64::from_str_radix(fields[5], 16).is_ok(), "{line}");
    }
    assert!(traced.lines().count() > 1000);
}

/// Each line is a text and is answered once, in order, however lines end; paragraphs are texts if asked for.
#[test]
fn every_text_is_answered_once() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &[]);
    let answers = |input: &[u8], flags: &[&str]| -> Vec<(String, String)> {
        let output = succeed(&[&["run", "--model", text(&model), "--answers"], flags].concat(), input);
        let output = String::from_utf8(output).expect("UTF-8");
        let fields = output.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        fields
            .map(|fields| {
                assert!(fields.len() == 6 && fields[0] == "=" && fields[5] == "0", "{output}");
                (fields[1].to_owned(), fields[3].to_owned())
            })
            .collect()
    };
    let expected = answers(b"good superb film\nbad dull\n", &[]);
    assert_eq!(expected.iter().map(|answer| &answer.1[..]).collect::<Vec<_>>(), ["3", "2"]);
    for input in [
        &b"good superb film\r\rbad dull\r\r"[..],
        b"good superb film\r\nbad dull\r\n",
        b"\n\ngood superb film\n\n\nbad dull",
        b"good superb film\rbad dull",
    ] {
        assert_eq!(answers(input, &[]), expected, "{:?}", String::from_utf8_lossy(input));
    }
    // Without a word, too.
    let silent = answers(b"\t\n \ngood\n", &[]);
    assert_eq!(silent.iter().map(|answer| &answer.1[..]).collect::<Vec<_>>(), ["0", "0", "1"]);
    let paragraphs = answers(b"\n good\r\nsuperb film\r\n \r\n\r\nbad\ndull", &["--paragraphs"]);
    assert_eq!(paragraphs, expected);
    let many = "a good film\nawful, just awful\n".repeat(200);
    assert_eq!(answers(many.as_bytes(), &[]).len(), 400);
    assert_eq!(answers(b"", &[]), []);
    for mark in [b"\xFF\xFE", b"\xFE\xFF"] {
        let refused = host(&["run", "--model", text(&model)], &[&mark[..], b"g\0o\0o\0d\0"].concat());
        assert!(!refused.status.success() && refused.stdout.is_empty());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("it is UTF-16"));
    }
    for (input, told) in
        [(&b"good \xE9\n"[..], Some("1 place in the input that is no UTF-8")), (b"good \xC3\xA9\n", None)]
    {
        let read = String::from_utf8(host(&["run", "--model", text(&model)], input).stderr).expect("UTF-8");
        assert_eq!(told.is_some_and(|told| read.contains(told)), !read.is_empty(), "{read}");
    }
}

/// Whoever measures a model and whoever uses it read as far as its rule of early exit says.
#[test]
fn a_model_with_early_exit_is_measured_as_it_answers() {
    let folder = folder();
    let [whole, stops, errors] =
        ["whole.bin", "stops.bin", "errors.csv"].map(|name| folder.path().join(name));
    train(&whole, &["--seed", "3", "--ngram-words", "2"]);
    succeed(&["early-exit", "--model", text(&whole), "--agreement", "0.5", "--export", text(&stops)], b"");
    let data = host::toolchain::workspace().expect("sources").join("data/test.tsv");
    let measured = |model: &Path| -> f64 {
        let flags =
            ["eval", "--model", text(model), "--data", text(&data), "--errors", text(&errors), "--json", "-"];
        let report: Value = serde_json::from_slice(&succeed(&flags, b"")).expect("JSON");
        report["accuracy"].as_f64().expect("a number")
    };
    let answered = succeed(&["label", "--model", text(&stops), "--data", text(&data), "--out", "-"], b"");
    let answered = String::from_utf8(answered).expect("UTF-8");
    let truth = std::fs::read_to_string(&data).expect("there");
    let pairs = answered.lines().zip(truth.lines()).skip(1);
    let right = pairs.clone().filter(|(own, row)| own.split(',').next() == row.split('\t').next()).count();
    assert!((measured(&stops) - right as f64 / pairs.count() as f64).abs() < 1e-9);
    assert_eq!(
        std::fs::read_to_string(&errors).expect("written").lines().count() - 1,
        truth.lines().count() - 1 - right
    );
    assert!((measured(&whole) - measured(&stops)).abs() > 1e-9, "the rule changes some answers");
    // The splits are those of the model's own seed.
    let split = |more: &[&str]| {
        let flags =
            ["eval", "--model", text(&whole), "--data", text(&data), "--split", "valid", "--json", "-"];
        let report: Value = serde_json::from_slice(&succeed(&[&flags, more].concat(), b"")).expect("JSON");
        report["accuracy"].as_f64().expect("a number")
    };
    assert!((split(&[]) - split(&["--seed", "3"])).abs() < 1e-9);
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let folder = folder();
    let [first, second, third] = ["a", "b", "c"].map(|name| folder.path().join(name));
    train(&first, &["--seed", "5"]);
    train(&second, &["--seed", "5"]);
    train(&third, &["--seed", "6"]);
    let [first, second, third] = [first, second, third].map(|path| std::fs::read(path).expect("written"));
    assert!(first == second, "the same seed gave two models");
    assert!(first != third, "the seed has no effect");
}

#[test]
fn every_verb_has_help_and_wrong_flags_are_explained() {
    let help = String::from_utf8(succeed(&["--help"], b"")).expect("UTF-8");
    let listed =
        help.split_once("Commands:\n").and_then(|(_, rest)| rest.split_once("\n\n")).expect("verbs").0;
    let verbs: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split(' ').next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() > 15 && verbs.contains(&"train"), "{help}");
    for verb in verbs {
        assert!(!succeed(&[verb, "--help"], b"").is_empty());
    }
    for what in ["device", "eval", "train", "vocab"] {
        assert!(!succeed(&["bench", what, "--help"], b"").is_empty());
    }
    assert_eq!(host(&["train", "--no-such-flag"], b"").status.code(), Some(2));
    assert!(fail(&["train", "--layers", "9"]).contains("1 to 4"));
    assert!(fail(&["train", "--embed-bits", "5"]).contains("4 or 8"));
    assert!(fail(&["train", "--valid", "0.7", "--test", "0.7"]).contains("--valid"));
    assert!(fail(&["train", "--dropout", "1.5"]).contains("--dropout"));
    assert!(fail(&["train", "--export", "-"]).contains("--export -: this is not written to standard output"));
    assert!(fail(&["train", "--ngrams", "9", "--save", "no/where"]).contains("PyTorch has no n-grams"));
    assert!(fail(&["emulate", "--board", "pdp-11", "--model", "none"]).contains("microbit"));
}

#[test]
fn boards_are_listed() {
    let lines = String::from_utf8(succeed(&["boards"], b"")).expect("UTF-8");
    assert!(lines.contains("microbit") && lines.contains("Cortex-M4"));
    let json: Value = serde_json::from_slice(&succeed(&["boards", "--json", "-"], b"")).expect("JSON");
    assert_eq!(json[0]["board"], "microbit");
}

#[test]
fn a_vocabulary_is_measured_on_words_that_are_not_in_it() {
    let output = succeed(&["bench", "vocab", "--vocab", "2000", "--json", "-"], b"");
    let report: Value = serde_json::from_slice(&output).expect("JSON");
    let number = |value: &Value| value.as_f64().expect("a number");
    assert_eq!(report["words"], 2000);
    assert!(number(&report["bytes_per_word"]) < 2.1, "{report}");
    assert!(number(&report["unseen"]["words"]) > 500.0, "{report}");
    assert!(number(&report["random"]["words"]) > 800_000.0, "{report}");
    for strangers in ["unseen", "random"] {
        let [hits, rate, words] = ["false_hits", "rate", "words"].map(|key| number(&report[strangers][key]));
        assert!((rate * words - hits).abs() < 0.5 && rate <= 1.0 / 500.0, "{report}");
    }
    let shown = String::from_utf8(succeed(&["bench", "vocab", "--vocab", "100"], b"")).expect("UTF-8");
    assert!(shown.starts_with("100 words in "), "{shown}");
}

#[test]
fn early_exit_is_calibrated_written_and_obeyed() {
    let folder = folder();
    let [model, hasty, json] = ["model.bin", "hasty.bin", "exit.json"].map(|name| folder.path().join(name));
    succeed(&["train", "--epochs", "4", "--export", text(&model)], b"");
    let arguments = ["early-exit", "--model", text(&model), "--agreement", "0.95"];
    let files = ["--export", text(&hasty), "--json", text(&json)];
    let shown = String::from_utf8(succeed(&[&arguments[..], &files].concat(), b"")).expect("UTF-8");
    assert!(shown.contains("chosen: "), "{shown}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).expect("written")).expect("JSON");
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(number(&report["valid"]["agreement"]) >= 0.95, "{report}");
    assert!((0.01..1.0).contains(&number(&report["valid"]["skipped"])), "{report}");
    // The model's own rule does to the test split what calibration said.
    let evaluate = |model, flags: &[&str]| -> Value {
        let arguments = [&["eval", "--split", "test", "--json", "-", "--model", model], flags].concat();
        serde_json::from_slice(&succeed(&arguments, b"")).expect("JSON")
    };
    let (plain, own) = (evaluate(text(&model), &[]), evaluate(text(&hasty), &[]));
    assert!(plain["early_exit"].is_null());
    assert_eq!(own["early_exit"], report["test"]);
    assert_eq!(own["accuracy"], report["test"]["accuracy"]);
    assert_eq!(plain["accuracy"], report["test"]["full_accuracy"]);
    let [probability, words] = ["probability", "words"].map(|key| report["valid"][key].to_string());
    let flags = ["--early-exit", &probability, "--patience", &words];
    assert_eq!(evaluate(text(&model), &flags)["early_exit"], report["test"]);
    // A text that is decided keeps its answer, until the next one.
    let input = format!("{}\n\nok", "this is a wonderful film , i loved it ".repeat(30));
    let lines =
        |model| String::from_utf8(succeed(&["run", "--model", model], input.as_bytes())).expect("UTF-8");
    let words = |model| -> String {
        lines(model).lines().filter(|line| !line.starts_with("=\t")).map(|line| format!("{line}\n")).collect()
    };
    let (full, cut) = (words(text(&model)), words(text(&hasty)));
    let differing = full.lines().zip(cut.lines()).position(|(full, cut)| full != cut).expect("decided");
    let answer = |line: &str| line.split('\t').skip(2).collect::<Vec<_>>().join(" ");
    let decided: Vec<String> = cut.lines().skip(differing).map(answer).collect();
    let (next, rest) = decided.split_last().expect("lines");
    assert!(rest.iter().all(|answer| *answer == rest[0]), "{cut}");
    assert_eq!(*next, answer(full.lines().last().expect("a line")));
    let shown = String::from_utf8(succeed(&["inspect", text(&hasty)], b"")).expect("UTF-8");
    assert!(shown.contains("early exit: once"), "{shown}");
    assert!(fail(&["eval", "--model", text(&model), "--early-exit", "0.2"]).contains("--early-exit 0.2"));
    assert!(fail(&["early-exit", "--model", text(&model), "--agreement", "2"]).contains("--agreement 2"));
}

#[test]
fn texts_of_no_class_are_rejected() {
    let folder = folder();
    let [model, corpus, texts, answers] =
        ["model.bin", "corpus.csv", "texts.txt", "answers.csv"].map(|name| folder.path().join(name));
    train(&model, &["--reject", "0.1"]);
    let run = |input: &[u8]| succeed(&["run", "--answers", "--model", text(&model)], input);
    let said = String::from_utf8(run(b"a wonderful, superb film\nqwx zzkt vvrp\n \n")).expect("UTF-8");
    let labels: Vec<&str> = said.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(labels, ["pos", "?", "?"], "{said}");
    let shown = String::from_utf8(succeed(&["inspect", text(&model)], b"")).expect("UTF-8");
    assert!(shown.contains("rejects answers of less than"), "{shown}");
    // What was calibrated on one split holds on another, about.
    let evaluate = |data: &[&str]| -> Value {
        let arguments = [&["eval", "--json", "-", "--model", text(&model)], data].concat();
        serde_json::from_slice(&succeed(&arguments, b"")).expect("JSON")
    };
    let apart = fail(&["eval", "--model", text(&model), "--test-data", "nowhere.csv"]);
    assert!(apart.contains("name a --split"), "{apart}");
    let own = &evaluate(&["--split", "test"])["rejection"];
    assert!((0.03..0.2).contains(&own["rejected"].as_f64().expect("a share")), "{own}");
    assert!(own["strangers_rejected"].is_null(), "{own}");
    std::fs::write(
        &corpus,
        "text,label\na wonderful superb film,pos\nqwx zzkt vvrp,weather\nzzkt qwx qq,taxes\n",
    )
    .expect("written");
    let all = evaluate(&["--data", text(&corpus)]);
    assert_eq!((&all["examples"], &all["rejection"]["strangers"]), (&1.into(), &2.into()), "{all}");
    assert_eq!(all["rejection"]["strangers_rejected"], 1.0, "{all}");
    // Other labels than the model's are told, and are not all there is.
    let evaluated = |rows: &str| {
        std::fs::write(&corpus, format!("text,label\n{rows}")).expect("written");
        host(&["eval", "--model", text(&model), "--data", text(&corpus)], b"")
    };
    let said = evaluated("a superb film,pos\nan awful film,Neg\nrain,weather\n");
    let said = String::from_utf8([said.stdout, said.stderr].concat()).expect("UTF-8");
    assert!(said.contains("taken for texts of no class: `Neg` 1, `weather` 1"), "{said}");
    assert!(said.contains("the label `Neg` differs from the model's `neg`"), "{said}");
    let none = evaluated("rain,weather\nmoney,taxes\n");
    let error = String::from_utf8(none.stderr).expect("UTF-8");
    assert!(!none.status.success() && error.contains("no text has a label that the model knows"), "{error}");
    std::fs::write(&texts, "qwx zzkt vvrp\n").expect("written");
    succeed(&["label", "--model", text(&model), "--data", text(&texts), "--out", text(&answers)], b"");
    let rows = std::fs::read_to_string(&answers).expect("written");
    assert!(rows.contains("\n?,0."), "{rows}");
    assert!(fail(&["train", "--reject", "0.6"]).contains("--reject 0.6: 0 to 0.5"));
}

/// Single words cannot tell apart two texts of the same words, so n-grams of one word get one text of every
/// such pair right and one wrong; the network reads them in order.
#[test]
fn the_parts_of_a_model_are_measured_apart() {
    let folder = folder();
    let [model, plain] = ["model.bin", "plain.bin"].map(|name| folder.path().join(name));
    succeed(
        &["train", "--epochs", "4", "--ngrams", "26000", "--ngram-words", "1", "--export", text(&model)],
        b"",
    );
    train(&plain, &["--ngrams", "0"]);
    let order = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/order.csv");
    let evaluate = |model, flags: &[&str]| -> Value {
        let arguments = [&["eval", "--json", "-", "--model", model, "--parts"], flags].concat();
        serde_json::from_slice(&succeed(&arguments, b"")).expect("JSON")
    };
    let pairs = evaluate(text(&model), &["--data", order, "--by", "pair"]);
    let groups = pairs["by"]["groups"].as_array().expect("groups");
    assert_eq!((pairs["by"]["column"].as_str(), groups.len()), (Some("pair"), 100));
    let contrast: Vec<&Value> = groups
        .iter()
        .filter(|pair| pair["value"].as_str().is_some_and(|name| name.starts_with('c')))
        .collect();
    assert_eq!(contrast.len(), 50);
    for pair in &contrast {
        assert_eq!(
            (pair["examples"].as_u64(), pair["parts"]["wide"]["accuracy"].as_f64()),
            (Some(2), Some(0.5))
        );
    }
    assert!(contrast.iter().any(|pair| pair["parts"]["network"]["accuracy"] != 0.5), "{pairs}");
    let kinds = evaluate(text(&model), &["--data", order, "--by", "kind"]);
    assert_eq!(kinds["by"]["groups"][0]["parts"]["wide"]["accuracy"], 0.5);
    assert_eq!(kinds["parts"], pairs["parts"]);

    // A pair counts only as a whole, so that whoever counts words solves none.
    let whole = evaluate(text(&model), &["--data", order, "--by", "kind", "--pairs", "pair"]);
    assert_eq!(
        (whole["pairs"]["column"].as_str(), whole["pairs"]["groups"].as_u64()),
        (Some("pair"), Some(100))
    );
    assert_eq!(whole["pairs"]["chance"], 0.25);
    let [contrast, negation] = [0, 1].map(|kind| &whole["by"]["groups"][kind]["pairs"]);
    assert_eq!((contrast["groups"].as_u64(), negation["groups"].as_u64()), (Some(50), Some(50)));
    assert_eq!(contrast["wide"], 0.0);
    let solved = |part: &str| {
        groups.iter().filter(|pair| pair["parts"][part]["accuracy"] == 1.0).count() as f64
            / groups.len() as f64
    };
    assert_eq!((whole["pairs"]["network"].as_f64(), whole["pairs"]["wide"].as_f64()), {
        (Some(solved("network")), Some(solved("wide")))
    });
    assert!(solved("network") > 0.0, "{whole}");

    // Single words weigh the same in any order; the network reads something else.
    let test = ["--split", "test"];
    let ordered = evaluate(text(&model), &test);
    let shuffled = |seed: &str| evaluate(text(&model), &[&test[..], &["--shuffle", seed]].concat());
    let other = shuffled("7");
    assert_eq!((other["shuffle"].as_u64(), other["words"].as_u64()), (Some(7), ordered["words"].as_u64()));
    assert_eq!(other["parts"]["wide"]["loss"], ordered["parts"]["wide"]["loss"]);
    assert_ne!(other["parts"]["network"]["loss"], ordered["parts"]["network"]["loss"]);
    assert_eq!(other["loss"], shuffled("7")["loss"]);
    assert_ne!(other["loss"], shuffled("8")["loss"]);
    assert!(ordered["shuffle"].is_null() && ordered["pairs"].is_null());

    // That half is not for want of knowledge: on whole reviews, the words alone are right far more often.
    let test = ordered;
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(number(&test["parts"]["wide"]["accuracy"]) > 0.65, "{test}");
    assert!(number(&test["parts"]["network"]["agreement"]) < 1.0, "{test}");
    assert!(test["by"].is_null());

    let lone = evaluate(text(&plain), &["--split", "test"]);
    assert!(lone["parts"]["wide"].is_null());
    assert_eq!(lone["parts"]["network"]["accuracy"], lone["accuracy"]);
    assert_eq!(lone["parts"]["network"]["agreement"], 1.0);

    let shown = |model| {
        let arguments = [
            "eval",
            "--model",
            model,
            "--parts",
            "--data",
            order,
            "--by",
            "kind",
            "--pairs",
            "pair",
            "--shuffle",
        ];
        String::from_utf8(succeed(&arguments, b"")).expect("UTF-8")
    };
    let (whole, network) = (shown(text(&model)), shown(text(&plain)));
    assert!(
        ["network ", "n-grams ", "negation ", "contrast "].iter().all(|row| whole.contains(row)),
        "{whole}"
    );
    assert!(whole.contains("random order (seed 1)"), "{whole}");
    let row = whole.lines().rfind(|line| line.starts_with("contrast ")).expect("a row of pairs");
    assert!(row.contains(" 50 ") && row.contains(" 0.00 % ") && row.ends_with("25.00 %"), "{whole}");
    assert!(network.lines().any(|line| line.starts_with("n-grams ") && line.ends_with(" none")), "{network}");
    let refused = |flags: &[&str]| fail(&[&["eval", "--model", text(&plain)], flags].concat());
    assert!(refused(&["--by", "kind"]).contains("only a .csv, .tsv, .jsonl or .parquet"));
    assert!(refused(&["--data", order, "--by", "sort"]).contains("there is no `sort`"));
    for flag in ["--by", "--pairs"] {
        assert!(refused(&["--data", order, flag, "kind", "--split", "test"]).contains("leave --split out"));
    }
    let clash = host(&["eval", "--model", text(&plain), "--shuffle", "1", "--early-exit", "0.9"], b"");
    assert_eq!(clash.status.code(), Some(2), "{clash:?}");
}
