use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::Path;

use telltale::engine::text::{Options, Token, Tokeniser};
use tempfile::TempDir;

use super::*;

mod kinds;

fn args(data: &Path) -> CorpusConfig {
    CorpusConfig::of(data.display().to_string())
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for temporary files")
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("is in the folder")).expect("writable");
    fs::write(&path, content).expect("writable");
    path
}

fn refusal(path: &Path) -> String {
    let message = format!("{:#}", load(&args(path), 1).expect_err("is refused"));
    assert!(!message.contains('\n') && message.contains(&*path.display().to_string()), "{message}");
    message
}

fn texts(examples: &[Example]) -> Vec<&str> {
    examples.iter().map(|example| &example.text[..]).collect()
}

/// The words of a text as the engine reads it.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut tokeniser = Tokeniser::new(Options { punctuation: true, tags: false });
    let mut keep = |token: Token<'_>| {
        if let Token::Word(word) = token {
            words.push(word.as_str().to_owned());
        }
    };
    tokeniser.feed(text.as_bytes(), &mut keep);
    tokeniser.finish(&mut keep);
    words
}

/// How often each word occurs.
fn bag(text: &str) -> BTreeMap<String, usize> {
    let mut bag = BTreeMap::new();
    words(text).into_iter().for_each(|word| *bag.entry(word).or_default() += 1);
    bag
}

/// An archive with the given members.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, *content).expect("in memory");
    }
    builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("in memory")
}

/// What an archive has in place of names and numbers is quoted in one line.
#[test]
fn a_broken_archive_is_told_in_one_line() {
    let mut header = [b'\n'; 512];
    header[..4].copy_from_slice(b"name");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&header).expect("in memory");
    let packed = gzip.finish().expect("in memory");
    let folder = folder();
    assert!(refusal(&file(&folder, "broken.tar.gz", packed)).contains("damaged or cut off"));
}

#[test]
fn the_embedded_corpus_keeps_its_promises() {
    let corpus = load(&args(Path::new("reviews")), 1).expect("is sound");
    assert_eq!(corpus.labels, ["neg", "pos"]);
    let written = embedded::read().expect("is sound");
    let different: HashSet<&str> = written.iter().map(|example| &example.text[..]).collect();
    assert_eq!(different.len(), written.len(), "all different");
    assert!(written.len() >= 1000 && corpus.test.len() >= 300);
    for split in [false, true] {
        let labels: Vec<_> =
            written.iter().filter(|example| (example.split == Split::Test) == split).collect();
        assert_eq!(
            labels.iter().filter(|example| example.label == "pos").count() * 2,
            labels.len(),
            "balanced"
        );
    }
    let composed: HashSet<String> =
        generate::reviews(1).expect("is sound").into_iter().map(|example| example.text).collect();
    for judge in [&corpus.valid, &corpus.test] {
        assert!(judge.iter().all(|example| different.contains(&example.text[..])));
        assert!(judge.iter().all(|example| !composed.contains(&example.text)));
    }
    assert_eq!(corpus, load(&args(Path::new("reviews")), 1).expect("is sound"), "same seed, same corpus");
}

#[test]
fn splits_are_stratified_disjoint_and_repeatable() {
    let folder = folder();
    let mut lines = String::from("label,text\n");
    for number in 0..400 {
        let label = ["rare", "usual", "usual", "usual"][number % 4];
        // Every tenth text is there twice.
        for _ in 0..1 + usize::from(number % 10 == 0) {
            lines += &format!("{label},\"text, {number}\"\n");
        }
    }
    let path = file(&folder, "corpus.csv", lines);
    let corpus = load(&args(&path), 7).expect("is sound");
    let parts = [&corpus.train, &corpus.valid, &corpus.test];
    assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 440);
    for (part, share) in parts.iter().zip([0.8, 0.1, 0.1]) {
        for (label, all) in [(0, 120.0), (1, 320.0)] {
            let count = part.iter().filter(|example| example.label == label).count() as f64;
            assert!((count - all * share).abs() <= 1.0, "{label}: {count} of {all}");
        }
    }
    let sets: Vec<HashSet<&str>> = parts.iter().map(|part| texts(part).into_iter().collect()).collect();
    assert!(sets[0].is_disjoint(&sets[1]) && sets[0].is_disjoint(&sets[2]) && sets[1].is_disjoint(&sets[2]));
    assert_eq!(corpus, load(&args(&path), 7).expect("is sound"));
    assert_ne!(corpus.test, load(&args(&path), 8).expect("is sound").test);
}

#[test]
fn archive_and_folder_read_the_same() {
    let members: Vec<(String, String)> = (0..40)
        .map(|number| {
            let class = ["neg", "pos"][number % 2];
            (format!("aclImdb/train/{class}/{number}_{}.txt", number % 10 + 1), format!("review {number}"))
        })
        .chain([
            ("aclImdb/test/pos/0_9.txt".to_owned(), "a test".to_owned()),
            ("aclImdb/train/unsup/0_0.txt".to_owned(), "no label".to_owned()),
            ("aclImdb/README".to_owned(), "not a review".to_owned()),
        ])
        .collect();
    let folder = folder();
    for (name, content) in &members {
        file(&folder, name, content);
    }
    let packed: Vec<_> = members.iter().map(|(name, text)| (&name[..], text.as_bytes())).collect();
    let path = file(&folder, "corpus.tar.gz", archive(&packed));
    let from_archive = load(&args(&path), 1).expect("is sound");
    let from_folder = load(&args(&folder.path().join("aclImdb")), 1).expect("is sound");
    assert_eq!(texts(&from_archive.test), ["a test"]);
    assert_eq!(from_archive.train.len() + from_archive.valid.len(), 40);
    let sorted = |corpus: &Corpus| {
        let mut all = corpus.train.clone();
        all.extend(corpus.valid.clone());
        all.sort_by(|a, b| a.text.cmp(&b.text));
        all
    };
    assert_eq!(sorted(&from_archive), sorted(&from_folder));
}

#[test]
fn a_folder_with_both_files_and_a_second_corpus() {
    let folder = folder();
    let line = |number: usize| format!("text {number},class {}\n", number % 3);
    let train: String = (0..90).map(line).collect();
    file(&folder, "pair/train.csv", format!("text,category\n{train}"));
    file(&folder, "pair/test.csv", "text,category\ntext 5,class 2\nunseen,class 0\n");
    let corpus = load(&args(&folder.path().join("pair")), 1).expect("is sound");
    assert_eq!(texts(&corpus.test), ["text 5", "unseen"]);
    assert_eq!(corpus.train.len() + corpus.valid.len(), 89, "what is in the test is not trained on");
    let other = file(&folder, "other.tsv", "label\tsentence\nclass 1\t\"raw\" text\n");
    let with =
        CorpusConfig { test_data: Some(other.display().to_string()), ..args(&folder.path().join("pair")) };
    let with = load(&with, 1).expect("is sound");
    assert_eq!(texts(&with.test), ["\"raw\" text"]);
    assert!(with.notes.mention("2 rows of its own test split, since --test-data brings another"));
}

#[test]
fn bad_input_gets_one_line_that_names_the_place() {
    let folder = folder();
    let missing = folder.path().join("missing.csv");
    assert!(refusal(&missing).contains("no such file"));
    assert!(refusal(&file(&folder, "empty.csv", "")).contains("empty"));
    assert!(refusal(&file(&folder, "header.csv", "text,label\n")).contains("empty"));
    assert!(refusal(&file(&folder, "one.csv", "text,label\na,x\nb,x\n")).contains("only one class (`x`)"));
    assert!(refusal(&file(&folder, "columns.csv", "a,b\n1,2\n")).contains("the columns are a, b"));
    assert!(refusal(&file(&folder, "broken.csv", "\"a\nb\",c\n1,2\n")).contains("the columns are a b, c"));
    let most = refusal(&file(&folder, "fields.csv", "text,label\na,x\nb\nc\nd\n"));
    assert!(most.contains("line 3: 1 fields, the header has 2, and so it is with 3 of 4 rows"), "{most}");
    let mut long = b"text,label\na,x\n".to_vec();
    long.resize(50 << 20, b'a');
    assert!(refusal(&file(&folder, "long.csv", long)).contains("line 3: longer than"));
}

#[test]
fn an_archive_cut_anywhere_is_refused() {
    // Noise, so that the compressed archive is long.
    let noise: Vec<String> = (0..8u64)
        .map(|text| {
            (0..400).map(|at| format!("{:x} ", (at * 8 + text).wrapping_mul(0x9E37_79B9_7F4A))).collect()
        })
        .collect();
    let names: Vec<String> =
        (0..8).map(|at| format!("a/train/{}/{at}_1.txt", ["neg", "pos"][at % 2])).collect();
    let members: Vec<_> = names.iter().zip(&noise).map(|(name, text)| (&name[..], text.as_bytes())).collect();
    let whole = archive(&members);
    let folder = folder();
    assert!(load_all(&args(&file(&folder, "whole.tar.gz", &whole))).is_ok());
    for cut in (0..whole.len()).step_by(97) {
        let message = refusal(&file(&folder, "cut.tar.gz", &whole[..cut]));
        assert!(message.contains("damaged or cut off"), "{cut}: {message}");
    }
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 0x10;
    refusal(&file(&folder, "flipped.tar.gz", flipped));
    let mut noise = fs::File::create(folder.path().join("noise.tar.gz")).expect("writable");
    noise.write_all(b"this is not gzip at all, but it is long enough to look at").expect("writable");
    refusal(&folder.path().join("noise.tar.gz"));
}

/// What `data/README.md` says of `data/order.csv`.
#[test]
fn the_pairs_about_order_keep_their_promises() {
    let args = args(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/order.csv"));
    let found = load_all(&args).expect("is sound").examples;
    let [kinds, names] = ["kind", "pair"].map(|column| load_column(&args, column).expect("is there"));
    let embedded =
        load_all(&CorpusConfig { data: embedded::NAME.into(), ..args }).expect("is sound").examples;
    let known: HashSet<&str> = embedded.iter().map(|(text, _)| &text[..]).collect();
    assert!(found.iter().all(|(text, _)| !known.contains(&text[..])));
    assert_eq!(found.iter().map(|(text, _)| text).collect::<HashSet<_>>().len(), 200);

    let mut pairs = BTreeMap::<_, Vec<_>>::new();
    for (((text, label), kind), name) in found.iter().zip(&kinds).zip(&names) {
        pairs.entry((&kind[..], name)).or_default().push((&label[..], bag(text)));
    }
    let mut count = BTreeMap::<_, usize>::new();
    for ((kind, name), mut pair) in pairs {
        pair.sort();
        let [("neg", one), ("pos", other)] = &pair[..] else { panic!("{name}: {pair:?}") };
        *count.entry(kind).or_default() += 1;
        let words: HashSet<&String> = one.keys().chain(other.keys()).collect();
        let of = |bag: &BTreeMap<String, usize>, word| bag.get(word).copied().unwrap_or(0);
        let changed: usize = words.into_iter().map(|word| of(one, word).abs_diff(of(other, word))).sum();
        match kind {
            "contrast" => assert_eq!(changed, 0, "{name}"),
            _ => assert!((1..=7).contains(&changed), "{name}: {changed}"),
        }
    }
    assert_eq!(count, BTreeMap::from([("contrast", 50), ("negation", 50)]));
}

/// The pairs are unseen: nothing longer than a turn of phrase is in both.
#[test]
fn what_frames_compose_shares_no_six_words_with_the_pairs_about_order() {
    let args = args(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/order.csv"));
    let pairs: Vec<_> =
        load_all(&args).expect("is sound").examples.into_iter().map(|(text, _)| words(&text)).collect();
    let runs: HashSet<&[String]> = pairs.iter().flat_map(|words| words.windows(6)).collect();
    assert!(runs.len() > 1000);
    for seed in 1..=3 {
        for review in generate::reviews(seed).expect("is sound").into_iter().skip(generate::PLAIN) {
            let words = words(&review.text);
            let shared = words.windows(6).find(|run| runs.contains(run));
            assert!(shared.is_none(), "{shared:?}: {}", review.text);
        }
    }
}

#[test]
fn a_column_is_read_as_it_is_named() {
    let folder = folder();
    let path = file(&folder, "some.tsv", "text\tlabel\tkind\ngood\ta\tx\nbad\tb\ty\n");
    assert_eq!(load_column(&args(&path), "kind").expect("is there"), ["x", "y"]);
    let missing = format!("{:#}", load_column(&args(&path), "sort").expect_err("is not there"));
    assert!(missing.contains("the columns are text, label, kind; there is no `sort`"), "{missing}");
    let lines = file(&folder, "lines.txt", "__label__a good\n__label__b bad\n");
    let none = format!("{:#}", load_column(&args(&lines), "kind").expect_err("has none"));
    assert!(
        none.contains("lines.txt: fastText's lines have no columns, and none that is called `kind`"),
        "{none}"
    );
    let other = format!("{:#}", load_column(&args(Path::new("reviews")), "kind").expect_err("has none"));
    assert!(other.contains("only a .csv, .tsv, .jsonl or .parquet has a column `kind`"), "{other}");
}
