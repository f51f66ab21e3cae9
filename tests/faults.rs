//! Bad input: one clear line, exit code 1, nothing left behind.

use std::fs;
use std::io::Write;
use std::path::Path;

use tests::{fail, folder, text, train};

/// Trains on `data`, which must fail and leave nothing; the error.
fn refused(folder: &Path, data: &str, flags: &[&str]) -> String {
    let before: Vec<_> = listing(folder);
    let model = folder.join("model.bin");
    let json = folder.join("out.json");
    let mut arguments = vec!["train", "--data", data, "--export", text(&model), "--json", text(&json)];
    arguments.extend_from_slice(flags);
    let error = fail(&arguments);
    assert_eq!(listing(folder), before, "something was left behind after: {error}");
    error
}

fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn delimited_files() {
    let folder = folder();
    let long = format!("text,label\n{},a\n", "x".repeat(50 << 20));
    let cases: [(&str, &[u8], &str); 7] = [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"text,label\n", "empty"),
        ("columns.csv", b"foo,bar\n1,2\n", "foo, bar"),
        ("one.csv", b"text,label\ngood,a\nfine,a\n", "only one class"),
        ("long.csv", long.as_bytes(), "line 2: longer than"),
        ("nolabel.csv", b"text,label\ngood,a\nbad,\n", "left out: 1 without a label"),
        ("words.csv", b"text,label\n?,a\n.,b\n!,a\n-,b\n--,a\n..,b\n...,a\n....,b\n", "no words"),
    ];
    for (name, content, expected) in cases {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        let flags: &[&str] =
            if name == "words.csv" { &["--punctuation", "false", "--valid", "0.3"] } else { &[] };
        let error = refused(folder.path(), text(&path), flags);
        assert!(error.contains(expected) && error.contains(name), "{name}: {error}");
        fs::remove_file(path).expect("removed");
    }
    let missing = refused(folder.path(), text(&folder.path().join("nobody.csv")), &[]);
    assert!(missing.contains("no such file"), "{missing}");
    let path = folder.path().join("good.csv");
    fs::write(&path, "text,label\ngood,a\nbad,b\n").expect("written");
    let error = refused(folder.path(), text(&path), &["--text-column", "words"]);
    assert!(error.contains("there is no `words`") && error.contains("text, label"), "{error}");
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).expect("fits");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("compresses")
}

#[test]
fn archives() {
    let folder = folder();
    let path = folder.path().join("imdb.tar.gz");
    let good: Vec<(String, Vec<u8>)> = (0..40)
        .map(|n| {
            let (class, word) = if n % 2 == 0 { ("pos", "good") } else { ("neg", "bad") };
            (
                format!("aclImdb/train/{class}/{n}_{}.txt", n % 10),
                format!("{word} film number {n}").repeat(90).into_bytes(),
            )
        })
        .collect();
    let members: Vec<(&str, &[u8])> = good.iter().map(|(name, content)| (&name[..], &content[..])).collect();
    let whole = archive(&members);
    for keep in [whole.len() / 3, whole.len() * 9 / 10, whole.len() - 4] {
        fs::write(&path, &whole[..keep]).expect("written");
        let error = refused(folder.path(), text(&path), &[]);
        assert!(error.contains("damaged or cut off after aclImdb/train/"), "{keep}: {error}");
    }
    fs::write(&path, archive(&[("notes.txt", b"hello")])).expect("written");
    assert!(refused(folder.path(), text(&path), &[]).contains("no aclImdb archive"));
    fs::write(&path, b"no gzip at all").expect("written");
    refused(folder.path(), text(&path), &[]);
}

#[test]
fn folders() {
    let folder = folder();
    let root = folder.path().join("corpus");
    fs::create_dir_all(root.join("happy")).expect("made");
    let error = refused(folder.path(), text(&root), &[]);
    assert!(error.contains("no texts in class folders"), "{error}");
    fs::write(root.join("happy/1.txt"), "yes").expect("written");
    assert!(refused(folder.path(), text(&root), &[]).contains("only one class"));
}

#[test]
fn bad_models() {
    let folder = folder();
    let path = folder.path().join("model.bin");
    train(&path, &[]);
    let good = fs::read(&path).expect("written");
    type Damage = fn(&mut Vec<u8>);
    let damage: [(&str, Damage); 5] = [
        ("wrong CRC-32", |bytes| bytes[500] ^= 1),
        ("wrong length", |bytes| bytes.truncate(bytes.len() - 1)),
        ("wrong magic", |bytes| bytes[0] = b'?'),
        ("version unknown", |bytes| bytes[8] = 9),
        ("fewer bytes", |bytes| bytes.truncate(7)),
    ];
    for (expected, damage) in damage {
        let mut bytes = good.clone();
        damage(&mut bytes);
        fs::File::create(&path).and_then(|mut file| file.write_all(&bytes)).expect("written");
        for arguments in [["run", "--model"], ["eval", "--model"]] {
            let error = fail(&[arguments[0], arguments[1], text(&path)]);
            assert!(error.contains(expected) && error.contains("model.bin"), "{error}");
        }
        assert!(fail(&["inspect", text(&path)]).contains(expected));
        assert!(fail(&["emulate", "--board", "microbit", "--model", text(&path)]).contains(expected));
    }
}

#[test]
fn labels_that_the_model_does_not_know() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &[]);
    let data = folder.path().join("other.csv");
    fs::write(&data, "text,label\na,cat\nb,dog\n").expect("written");
    let error = fail(&["eval", "--model", text(&model), "--data", text(&data)]);
    assert!(error.contains("`cat`") && error.contains("neg, pos"), "{error}");
}
