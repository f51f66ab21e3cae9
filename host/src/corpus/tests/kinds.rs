//! Corpora as the world has them: one small input a kind, and what must be read or said.

use super::*;

/// `count` rows of two classes, no text twice.
fn rows(count: usize) -> Vec<(String, &'static str)> {
    (0..count)
        .map(|at| (format!("text number {at} is {}", ["bad", "good"][at % 2]), ["neg", "pos"][at % 2]))
        .collect()
}

/// A file with these rows, `between` their fields and `end` after each line.
fn lines(header: &str, between: &str, end: &str, rows: &[(String, &str)]) -> String {
    let body = rows.iter().map(|(text, label)| format!("{text}{between}{label}{end}"));
    std::iter::once(format!("{header}{end}")).chain(body).collect()
}

fn csv(rows: &[(String, &str)]) -> String {
    lines("text,label", ",", "\n", rows)
}

fn read_file(name: &str, content: impl AsRef<[u8]>) -> Result<Labelled> {
    let folder = folder();
    load_all(&args(&file(&folder, name, content)))
}

/// What is said, warnings and others.
fn said(notes: &Notes) -> String {
    format!("{notes:?}")
}

/// The texts of `name` are those of [`rows`], and of what is said `parts`.
fn reads(name: &str, content: impl AsRef<[u8]>, parts: &[&str]) {
    let read = read_file(name, content).unwrap_or_else(|error| panic!("{name}: {error:#}"));
    let expected: Vec<(String, String)> =
        rows(60).into_iter().map(|(text, label)| (text, label.to_owned())).collect();
    assert_eq!(read.examples, expected, "{name}");
    for part in parts {
        assert!(read.notes.mention(part), "{name}: {part}: {}", said(&read.notes));
    }
    assert_eq!(said(&read.notes).matches("text: ").count(), parts.len(), "{name}: {}", said(&read.notes));
}

fn texts(read: &Labelled) -> Vec<&str> {
    read.examples.iter().map(|(text, _)| &text[..]).collect()
}

fn refused(name: &str, content: impl AsRef<[u8]>) -> String {
    format!("{:#}", read_file(name, content).expect_err("is refused"))
}

fn packed(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content.as_ref()).expect("in memory");
    gzip.finish().expect("in memory")
}

fn utf16(content: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    content.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn delimiters_line_ends_and_marks() {
    let rows = rows(60);
    reads("a.csv", csv(&rows), &[]);
    reads("crlf.csv", lines("text,label", ",", "\r\n", &rows), &[]);
    reads("cr.csv", lines("text,label", ",", "\r", &rows), &[]);
    reads("bom.csv", format!("\u{FEFF}{}", csv(&rows)), &[]);
    reads("semicolon.csv", lines("text;label", ";", "\n", &rows), &["separated by semicolon"]);
    reads("pipe.csv", lines("text|label", "|", "\n", &rows), &["separated by pipe"]);
    reads("caret.txt", lines("text^label", "^", "\n", &rows), &["separated by `^`"]);
    reads("tilde.txt", lines("text~label", "~", "\n", &rows), &["separated by `~`"]);
    reads("tab.csv", lines("text\tlabel", "\t", "\n", &rows), &["separated by tab"]);
    reads("comma.tsv", csv(&rows), &["separated by comma"]);
    reads(
        "sep.csv",
        format!("sep=;\r\n{}", lines("text;label", ";", "\r\n", &rows)),
        &["separated by semicolon"],
    );
    reads("SMSCollection", lines("text\tlabel", "\t", "\n", &rows), &["separated by tab"]);
    reads("packed.csv.gz", packed(csv(&rows)), &[]);
    reads("packed.csv", packed(csv(&rows)), &[]);
    assert!(refused("twice.csv.gz", packed(packed(csv(&rows)))).contains("packed with gzip twice"));
}

#[test]
fn rows_may_have_names() {
    let rows = rows(60).into_iter().enumerate();
    let rows: String =
        rows.map(|(at, (text, label))| format!("\"{}\",\"{text}\",\"{label}\"\n", at + 1)).collect();
    let note = "the header has no name for the first column";
    reads("r.csv", format!("\"text\",\"label\"\n{rows}"), &[note]);
    let wider = rows.replace('\n', ",more\n");
    assert!(!refused("four.csv", format!("text,label\n{wider}")).contains(note));
    // A delimiter in every text is none behind a name.
    for row in ["good, and long {},pos", "superb, film {},neg", "{}, \u{201C}film\u{201D}, x"] {
        let rows: String = (0..9).map(|at| row.replace("{}", &format!("no {at}")) + "\n").collect();
        let error = refused("comma.csv", format!("text,label\n{rows}"));
        assert!(error.contains("line 2: 3 fields, the header has 2"), "{error}");
    }
}

#[test]
fn encodings() {
    let rows = rows(60);
    let japanese = encoding_rs::ISO_2022_JP.encode("text,label\nとても良い,a\n悪い,b\n").0.into_owned();
    assert_eq!(read_file("mail.csv", japanese).expect("is read").examples[0].0, "とても良い");
    reads("le.csv", utf16(&format!("\u{FEFF}{}", csv(&rows)), u16::to_le_bytes), &["read as UTF-16LE"]);
    reads("be.csv", utf16(&format!("\u{FEFF}{}", csv(&rows)), u16::to_be_bytes), &["read as UTF-16BE"]);
    reads("bare.csv", utf16(&csv(&rows), u16::to_le_bytes), &["read as UTF-16LE"]);
    let latin: Vec<u8> = "text,label\ncaf\u{E9} \u{A3}5,a\nna\u{EF}ve,b\n".chars().map(|c| c as u8).collect();
    let read = read_file("latin.csv", &latin).expect("is read");
    assert_eq!(read.examples[0].0, "café £5");
    assert!(
        read.notes.mention("latin.csv: not UTF-8, read as windows-1252 (--encoding NAME"),
        "{}",
        said(&read.notes)
    );
    // Signs alone are no letters of a Slavic language.
    let signs =
        b"text,label\nyou won \xA35000 call now to claim,a\nthe \x93film\x94 was dull \x96 and long,b\n";
    assert_eq!(
        read_file("signs.csv", signs).expect("is read").examples[0].0,
        "you won £5000 call now to claim"
    );
    let folder = folder();
    let asked = |name: &str| CorpusConfig {
        encoding: Some(name.to_owned()),
        ..args(&file(&folder, "asked.csv", "text,label\n\u{44}\n".replace('\u{44}', "x,a").as_bytes()))
    };
    assert!(
        load_all(&asked("utf-9"))
            .expect_err("unknown")
            .to_string()
            .contains("--encoding utf-9: no such encoding")
    );
    let russian = file(&folder, "russian.csv", b"text,label\n\xF4\xE8\xEB\xFC\xEC,a\n\xEA\xE8\xED\xEE,b\n");
    let read =
        load_all(&CorpusConfig { encoding: Some("windows-1251".into()), ..args(&russian) }).expect("is read");
    assert_eq!((&read.examples[0].0[..], &read.examples[1].0[..]), ("фильм", "кино"));
    // UTF-8 with a broken byte stays UTF-8.
    let broken = read_file("broken.csv", b"text,label\nna\xC3\xAFve \xC3\xA9t\xC3\xA9,a\ncut \xC3,b\n")
        .expect("is read");
    assert_eq!(broken.examples[0].0, "naïve été");
    assert!(
        broken.notes.mention("broken.csv: line 3: bytes that are no characters"),
        "{}",
        said(&broken.notes)
    );
    assert!(refused("noise.csv", [0u8, 1, 2, 0, 0, 3].repeat(50)).contains("noise.csv: a binary file"));
}

#[test]
fn quotes_of_spreadsheets_and_of_writers() {
    let read = |name: &str, content: &str| read_file(name, content).expect("is read").examples;
    let pandas = read("pandas.tsv", "text\tlabel\n\"one\ntwo\"\ta\n\"say \"\"hi\"\"\"\tb\n");
    assert_eq!(pandas, [("one\ntwo".into(), "a".into()), ("say \"hi\"".into(), "b".into())]);
    let stray = read("stray.tsv", "text\tlabel\n\"never closed\ta\nplain\tb\n\"raw\" text\ta\n");
    assert_eq!(stray[0].0, "\"never closed");
    assert_eq!((stray.len(), &stray[2].0[..]), (3, "\"raw\" text"));
    // Two quotes that would join whole rows.
    let pair = read("pair.tsv", "text\tlabel\n\"one\ta\ntwo\tb\nthree\"\ta\n");
    assert_eq!(pair.len(), 3);
    let inner = read("inner.csv", "text,label\nmy 5\" disc,a\n\"a, \"\"b\"\"\nc\",b\n");
    assert_eq!(inner, [("my 5\" disc".into(), "a".into()), ("a, \"b\"\nc".into(), "b".into())]);
}

#[test]
fn quotes_behind_blanks_and_backslashes() {
    let rows = rows(60);
    let quoted = |between: &str| -> String {
        rows.iter().map(|(text, label)| format!("\"{text}\"{between}\"{label}\"\n")).collect()
    };
    reads("blank.csv", format!("\"text\", \"label\"\n{}", quoted(", ")), &[]);
    reads("blanks.csv", format!("text;  label\n{}", quoted(";   ")), &["separated by semicolon"]);
    let commas = read_file("c.csv", "label, text\npos, \"good, \"\"very\"\"\"\nneg, bad\n").expect("is read");
    assert_eq!(commas.examples[0], ("good, \"very\"".to_owned(), "pos".to_owned()));
    let note = "quotes within fields stand behind a backslash";
    let escaped = "text,label\n\"he said \\\"good, very\\\"\",pos\n\"a \\\\ b\",neg\n";
    let read = read_file("d.csv", escaped).expect("is read");
    assert_eq!(texts(&read), ["he said \"good, very\"", "a \\ b"]);
    assert!(read.notes.mention(note), "{}", said(&read.notes));
    // A path that ends in a backslash is no such thing.
    let path = read_file("e.csv", "text,label\n\"C:\\\",pos\n\"D:\\\",neg\n").expect("is read");
    assert_eq!(texts(&path), ["C:\\", "D:\\"]);
    // A quote that encloses nothing stays where it is.
    let stray = read_file("f.csv", "text,label\nsay, \"no\nand,yes\n").expect("is read");
    assert_eq!(stray.examples[0].1, "\"no");
}

#[test]
fn unclosed_quotes_are_named_by_the_line_that_opens_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text = |rows: &[&str]| rows.iter().map(|row| format!("{row}{end}")).collect::<String>();
        let never = refused("never.csv", text(&["text,label", "a,x", "\"b,y", "c,x", "d,y"]));
        assert!(
            never.contains("never.csv: line 3: the quote that opens here never closes (1 row before"),
            "{never}"
        );
        let last = refused("last.csv", text(&["text,label", "a,x", "b,y", "\"c,x"]));
        assert!(last.contains("line 4: the quote that opens here never closes"), "{last}");
        let meets = refused("meets.csv", text(&["text,label", "a,x", "\"b,y", "c,x", "\"d, e\",y"]));
        assert!(meets.contains("line 3: the quote that opens here meets the next one in line 5"), "{meets}");
        let swallowed =
            refused("two.csv", text(&["text,label", "a,x", "\"b,y", "c,x", "d,y", "e\",x", "f,y"]));
        assert!(swallowed.contains("line 3: the quote that opens here closes 3 lines later"), "{swallowed}");
        // Multi-line fields count as the lines they are.
        let width = refused(
            "width.csv",
            text(&["text,label", "\"a\nb\",x", "c", "d", "e"]).replace("a\nb", &format!("a{end}b")),
        );
        assert!(
            width.contains("line 4: 1 fields, the header has 2, and so it is with 3 of 4 rows"),
            "{width}"
        );
    }
}

#[test]
fn rows_that_are_left_out_are_counted() {
    let folder = folder();
    let mut content = csv(&rows(60));
    content += "too,many,pos\n,neg\n  ,pos\ntext,label\nno label,\nonly one\n";
    let corpus = load(&args(&file(&folder, "some.csv", content)), 1).expect("is read");
    assert_eq!(
        corpus.notes.left_out().as_deref(),
        Some("1 like the header, 2 of another width, 1 without a label, 2 without a text")
    );
    assert_eq!((corpus.rows, corpus.train.len() + corpus.valid.len() + corpus.test.len()), (66, 60));
    assert!(corpus.notes.mention("some.csv: line 62: 3 fields, the header has 2"), "{}", said(&corpus.notes));
}

#[test]
fn columns() {
    let rows = rows(60);
    let plain: String = rows.iter().map(|(text, label)| format!("{text},{label}\n")).collect();
    reads(
        "bare.csv",
        &plain,
        &[
            "no header, the first row is text number 0 is bad, neg; the text is in column 1, the label in column 2",
        ],
    );
    let odd: String =
        rows.iter().enumerate().map(|(at, (text, label))| format!("{label},{text},{at}\n")).collect();
    reads(
        "odd.csv",
        format!("v1,v2,v3\n{odd}"),
        &[
            "texts are in column `v2` by its content",
            "labels are in column `v1` by its content",
            "the text is column `v2`; not read: `v3`",
        ],
    );
    let folder = folder();
    let numbered = CorpusConfig {
        no_header: true,
        text_column: Some("2".into()),
        label_column: Some("1".into()),
        ..args(&file(&folder, "numbered.csv", &odd))
    };
    assert_eq!(load_all(&numbered).expect("is read").examples.len(), 60);
    let wrong = CorpusConfig { text_column: Some("text".into()), ..numbered };
    let error = load_all(&wrong).expect_err("is refused").to_string();
    assert!(
        error.contains("there is no column `text`")
            && error.contains("1 to 3")
            && error.contains("neg, text number 0"),
        "{error}"
    );
    let texts = |content: &str| {
        let path = file(&folder, "unlabelled.csv", content);
        unlabelled::read_rows(&path, &args(&path)).expect("is read").0
    };
    assert_eq!(texts("7,a film that is good\n8,another one that is bad\n9,and a third one\n").len(), 3);
    assert_eq!(texts("name,remark\n7,a film that is good\n8,another one that is bad\n").len(), 2);
    assert_eq!(texts("one\ntwo\n"), ["one", "two"]);
    assert_eq!(texts("text\ntwo\n"), ["two"]);
    let path = file(&folder, "blank.csv", "text\none\n\ntwo\n");
    let (_, notes) = unlabelled::read_rows(&path, &args(&path)).expect("is read");
    assert!(notes.mention("1 blank line, which are no rows"), "{}", said(&notes));
    let twice = refused("twice.csv", format!("text,label,Text\n{}", "a,x,b\n".repeat(3)));
    assert!(twice.contains("columns 1 and 3 are both called `text`"), "{twice}");
    let unknown = refused("unknown.csv", "a,b\n1,2\n");
    assert!(unknown.contains("the columns are a, b") && unknown.contains("--no-header"), "{unknown}");
}

#[test]
fn json_lines_and_fasttext() {
    let rows = rows(60);
    let object = |(text, label): &(String, &str)| {
        format!("{{\"id\": 1, \"text\": \"{text}\", \"label\": \"{label}\"}}")
    };
    let objects: Vec<String> = rows.iter().map(object).collect();
    let unread = "the text is column `text`; not read: `id`";
    reads("a.jsonl", objects.join("\n"), &[unread]);
    reads("a.csv", objects.join("\n"), &[unread]);
    reads("b.ndjson.gz", packed(objects.join("\r\n")), &[unread]);
    reads("c.json", format!("[{}]", objects.join(",\n")), &[unread]);
    reads("c.txt", format!(" [ {}]", objects.join(",\n")), &[unread]);
    let columnar = refused("columns.json", "{\"text\":[\"a\",\"b\"],\"label\":{\"0\":\"x\",\"1\":\"y\"}}");
    assert!(columnar.contains("one object, whose members `label`, `text` hold everything"), "{columnar}");
    let fast: String = rows.iter().map(|(text, label)| format!("__label__{label} {text}\n")).collect();
    reads("d.txt", &fast, &[]);
    reads("cooking.train", &fast, &[]);
    let unlabelled = read_file("h.txt", format!("no label here\n{fast}")).expect("is read");
    assert!(unlabelled.notes.mention("1 row without a label"), "{}", said(&unlabelled.notes));
    let numbers = read_file(
        "e.jsonl",
        "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\",\"label\":true}\n{\"text\":\"c\",\"label\":null}\n",
    );
    let numbers = numbers.expect("is read");
    assert_eq!(numbers.examples, [("a".into(), "1".into()), ("b".into(), "true".into())]);
    assert!(numbers.notes.mention("1 row without a label"), "{}", said(&numbers.notes));
    for (line, told) in [
        ("{\"text\":", "column 8: EOF while parsing a value"),
        ("{\"text\":\"a\",\"label\":NaN}", "column 21: JSON has no NaN: write null"),
        ("[\"a\", 1]", "an array in place of an object"),
    ] {
        let broken = refused("f.jsonl", format!("{{\"text\":\"a\",\"label\":1}}\r\r\n{line}\r\n"));
        assert!(broken.contains("f.jsonl: line 3: "), "{broken}");
        assert!(broken.contains(told), "{broken}");
    }
    let data = format!("{{\n \"name\": \"x\",\n \"data\": [{}]\n}}", objects.join(",\n"));
    reads("wrapped.json", data, &[unread, "the rows are those of the member `data`"]);
    for (content, told) in [
        ("[[\"a\", \"x\"],\n [\"b\", \"y\"]]", "row 1 of the array is an array; an object a row is expected"),
        (
            "[{\"text\":\"a\",\"label\":1},\n {\"text\":\"b\",\"label\":NaN}]",
            "line 2: not JSON (column 22: JSON has no NaN",
        ),
        (
            "{\"train\": [[\"a\", \"x\"], [\"b\", \"y\"]], \"test\": [[\"c\", \"x\"], [\"d\", \"y\"]]}",
            "one object, whose members `test`, `train`",
        ),
        ("\"a\"", "a string in place of an object"),
        ("[\"a\",1]\n[\"b\",2]", "line 1: an array in place of an object"),
        ("{}", "the corpus is empty"),
        ("{\"text\":\"a\",\"text\":\"b\",\"label\":1}", "line 1: `text` is there twice"),
        ("[{\"text\":\"a\"},{\"label\":1,\"label\":2}]", "line 1: `label` is there twice"),
        ("{\"text\":\"a\"}\n{\"n\":1,\"n\":1}", "line 2: `n` is there twice"),
        ("{\"data\":[{\"text\":\"a\"},\n{\"n\":1,\"n\":1}]}", "line 2: `n` is there twice"),
        ("[{\"a\":\"b\",\"c\":1}]", "--text-column"),
    ] {
        let other = refused("p.json", content);
        assert!(other.contains(told) && !other.contains("--no-header"), "{other}");
    }
    let cut = "{\"text\":\"\\\\u \\ud83d\\ude00 \\uD83D\",\"label\":1}\n{\"text\":\"\\ude00\\ud83d.\",\"label\":2}\n";
    let cut = read_file("o.jsonl", cut).expect("is read");
    assert_eq!(
        cut.examples,
        [("\\u \u{1F600} \u{FFFD}".into(), "1".into()), ("\u{FFFD}\u{FFFD}.".into(), "2".into())]
    );
    assert!(cut.notes.mention("read as U+FFFD: 3 unpaired surrogates"), "{}", said(&cut.notes));
    let nested = "{\"text\":{\"a\":1},\"label\":1}\n{\"text\":{\"a\":2},\"label\":2}\n";
    let nested = read_file("n.jsonl", nested).expect("is read");
    assert!(nested.notes.mention("column `text` holds JSON objects in 2 rows"), "{}", said(&nested.notes));
    let several = read_file("g.txt", "__label__a __label__b one\n__label__b two\n").expect("is read");
    assert!(several.notes.mention("1 line with several labels"), "{}", said(&several.notes));
    let joined = read_file("h.txt", "__label__a,__label__b one\n__label__b two\n").expect("is read");
    assert_eq!(joined.examples[0], ("one".to_owned(), "a".to_owned()));
    assert!(joined.notes.mention("1 line with several labels"), "{}", said(&joined.notes));
    let behind = read_file("i.txt", "one __label__a\ntwo __label__b\n").expect("is read");
    assert_eq!(behind.examples[1], ("two".to_owned(), "b".to_owned()));
}

/// Four rows as pyarrow writes them, packed by snappy, the third without a text; in the metadata that Hugging Face's
/// `datasets` leaves, the classes 0 and 1 are called `neg` and `pos`.
const HUB: &[u8] = include_bytes!("hub.parquet");

/// Four rows as pyarrow writes them, their texts a column of bytes, two of which are no UTF-8.
const BINARY: &[u8] = include_bytes!("binary.parquet");

#[test]
fn parquet_as_hubs_publish_it() {
    let read = read_file("a.parquet", HUB).expect("is read");
    let own = [("a fine film", "pos"), ("a dull, long film", "neg"), ("", "pos"), ("so good", "pos")];
    assert_eq!(read.examples, own.map(|(text, label)| (text.to_owned(), label.to_owned())));
    assert_eq!(read_file("no-ending", HUB).expect("is read").examples, read.examples);
    for length in 4..HUB.len() {
        let error = refused("cut.parquet", &HUB[..length]);
        assert!(error.contains("cut.parquet: a Parquet file that cannot be read"), "{error}");
    }
    for at in 0..HUB.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut flipped = HUB.to_vec();
            flipped[at] ^= flip;
            if let Err(error) = read_file("flipped.parquet", flipped) {
                assert!(!format!("{error:#}").contains('\n'), "{error:#}");
            }
        }
    }
    let latin = read_file("latin.parquet", BINARY).expect("is read");
    assert_eq!(latin.examples[1].0, "caf\u{FFFD} noir");
    let said = said(&latin.notes);
    assert!(said.contains("latin.parquet: bytes that are no characters are U+FFFD in 2 rows"), "{said}");
    let folder = folder();
    let hub = folder.path().join("hub");
    for piece in ["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"] {
        file(&folder, &format!("hub/data/{piece}.parquet"), HUB);
    }
    file(&folder, "hub/README.md", "what it is\n");
    let config = args(&hub);
    assert_eq!(config.inputs().len(), 3);
    assert_eq!(load_all(&config).expect("is read").examples.len(), 3 * own.len());
    std::fs::remove_file(hub.join("data/train-00000-of-00002.parquet")).expect("removed");
    let error = load_all(&config).expect_err("is refused").to_string();
    assert!(
        error.contains("train-00001-of-00002.parquet: 2 pieces of this split are expected, there is 1"),
        "{error}"
    );
}

/// Rows as pyarrow writes them: the classes `neg` and `pos` by number, one by -1, one by 7; 30,000 rows in 2 kB.
const CLASSES: &[u8] = include_bytes!("classes.parquet");

#[test]
fn parquet_with_numbers_of_classes() {
    let read = read_file("c.parquet", CLASSES).expect("is read");
    let labels = read.examples.iter().map(|(_, label)| &label[..]).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), ["7", "neg", "pos"]);
    assert_eq!(read.examples.len(), 29_999, "-1 is no label");
    assert!(read.notes.mention("1 number the file has no name of a class for"), "{}", said(&read.notes));
}

#[test]
fn files_of_another_kind_are_named() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
    assert!(refused("a.csv", pointer).contains("a Git LFS pointer in place of the file: run `git lfs pull`"));
    let folder = folder();
    let noise: Vec<u8> = (0..4000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 | 1).collect();
    assert!(refused("n.csv", &noise).contains("n.csv: a binary file"));
    assert!(refused("c.csv", b"PK\x03\x04\x14\0").contains("an .xlsx workbook"));
    let page = "<!DOCTYPE html>\n<html><body>text,label</body>\n</HTML>\n";
    assert!(refused("d.csv", page).contains("a web page"));
    for page in
        ["<html>\n<head></head>\n</html>\n<!-- padding -->\n", "<!doctype html>\n<title>404</title>\n"]
    {
        assert!(refused("d.csv", page).contains("a web page"));
    }
    assert!(refused("x.csv", "<?xml version=\"1.0\"?>\n<Error/>\n").contains("an XML document"));
    assert!(refused("s.arrow", b"\xFF\xFF\xFF\xFF\x98\0\0\0").contains("an Arrow stream"));
    assert!(refused("m.csv", b"TELLTALE\x01\0\0\0").contains("a model of Telltale's"));
    assert!(refused("t.csv", "text::label\na::b\n").contains("no delimiter between columns"));
    let pages = rows(60).into_iter().map(|(text, label)| (format!("<html>{text}</html>"), label));
    let pages = csv(&pages.collect::<Vec<_>>()).replace("text,label\n", "");
    assert_eq!(read_file("d.csv", pages).expect("is read").examples.len(), 60);
    assert!(refused("e.txt", "lines\nwithout labels\n").contains("__label__x text"));
    assert!(refused("f.csv", "/annex/objects/SHA256E-s9--0.csv\n").contains("git annex get"));
    file(&folder, "classes/pos/1.txt", pointer);
    let error = load(&args(&folder.path().join("classes")), 1).expect_err("is refused").to_string();
    assert!(error.contains("1.txt: a Git LFS pointer"), "{error}");
    file(&folder, "annexed/pos/1.txt", "/annex/objects/SHA256E-s9--0.txt\n");
    let error = load(&args(&folder.path().join("annexed")), 1).expect_err("is refused").to_string();
    assert!(error.contains("1.txt: a git-annex pointer"), "{error}");
}

/// As AG News, CoLA and Sentiment140 are published: no header, the text in a later column.
#[test]
fn a_later_column_may_hold_the_text_of_a_file_without_header() {
    let folder = folder();
    for (name, column, between) in [("three.csv", "3", ""), ("four.csv", "4", "NO_QUERY,")] {
        let row =
            |(number, (text, label)): (usize, (String, &str))| format!("{label},{number},{between}{text}\n");
        let content: String = rows(60).into_iter().enumerate().map(row).collect();
        let config = CorpusConfig {
            no_header: true,
            text_column: Some(column.to_owned()),
            ..args(&file(&folder, name, content))
        };
        let read = load_all(&config).expect("is read");
        assert_eq!(read.examples[0], ("text number 0 is bad".to_owned(), "neg".to_owned()));
    }
}

/// Whole numbers that an f64 cannot tell apart are different labels; a list of several is said.
#[test]
fn labels_are_told_apart_beyond_what_floats_hold() {
    let content = csv(&rows(60)).replace(",neg", ",9007199254740993").replace(",pos", ",9007199254740992");
    let folder = folder();
    let corpus = load(&args(&file(&folder, "a.csv", content)), 1).expect("is read");
    assert_eq!(corpus.labels.len(), 2);
    let line = |(at, (text, label)): (usize, (String, &str))| match at % 4 {
        0 => format!("{{\"text\":\"{text}\",\"label\":[]}}\n"),
        1 => format!("{{\"text\":\"{text}\",\"label\":[\"a\",\"b\"]}}\n"),
        _ => format!("{{\"text\":\"{text}\",\"label\":[\"{label}\"]}}\n"),
    };
    let content: String = rows(60).into_iter().enumerate().map(line).collect();
    let corpus = load(&args(&file(&folder, "a.jsonl", content)), 1).expect("is read");
    assert_eq!(corpus.rows, 60);
    assert!(corpus.notes.mention("1 class has several labels in one"), "{}", said(&corpus.notes));
    for (own, told) in [
        ("neg|pos", "1 class has several labels in one"),
        ("[0, 1]", "1 class has several labels in one"),
        ("{'name': 'x'}", "1 class has several labels in one"),
        ("NaN", "`NaN` is a class of its own, although that often stands for a missing label"),
    ] {
        let content = format!("{}more,\"{own}\"\nyet more,\"{own}\"\n", csv(&rows(60)));
        let corpus = load(&args(&file(&folder, "several.csv", content)), 1).expect("is read");
        assert_eq!(corpus.labels.len(), 3, "{own}");
        assert!(corpus.notes.mention(told), "{own}: {}", said(&corpus.notes));
    }
    let content =
        csv(&rows(60)).replace(",neg", ",cafe\u{301}").replace("1 is good,pos", "1 is good,caf\u{e9}");
    let corpus = load(&args(&file(&folder, "b.csv", content)), 1).expect("is read");
    assert!(corpus.notes.mention("differ by case, space or spelling alone"), "{}", said(&corpus.notes));
}

#[test]
fn folders_with_a_file_for_each_split() {
    let folder = folder();
    let all = rows(100);
    for (name, valid) in [
        ("one", "validation.csv"),
        ("two", "dev.csv"),
        ("three", "valid.csv"),
        ("four", "val.csv.gz"),
        ("five", "development.csv"),
        ("six", "eval.csv"),
    ] {
        file(&folder, &format!("{name}/train.csv"), csv(&all[..60]));
        let content = csv(&all[60..80]);
        let content = if valid.ends_with("gz") { packed(content) } else { content.into_bytes() };
        file(&folder, &format!("{name}/{valid}"), content);
        file(&folder, &format!("{name}/test.csv"), csv(&all[80..]));
        file(&folder, &format!("{name}/._train.csv"), b"\0\x05\x16\x07");
        file(&folder, &format!("{name}/.DS_Store"), b"\0\0");
        file(&folder, &format!("{name}/README.md"), "notes");
        let corpus = load(&args(&folder.path().join(name)), 1).expect("is read");
        assert_eq!((corpus.train.len(), corpus.valid.len(), corpus.test.len()), (60, 20, 20), "{name}");
        assert!(
            corpus.notes.mention("not read: README.md, 2 files of the operating system"),
            "{}",
            said(&corpus.notes)
        );
    }
    file(&folder, "json/train.jsonl", "{\"text\":\"a\",\"label\":\"x\"}\n{\"text\":\"b\",\"label\":\"y\"}\n");
    assert_eq!(load(&args(&folder.path().join("json")), 1).expect("is read").train.len(), 2);
    // As a hub's copy has them: in the only folder, perhaps with a hash in the name.
    for (name, path) in
        [("plain", "plain_text/train.csv"), ("hash", "data/train-00000-of-00001-b42a775f407cee45.csv")]
    {
        file(&folder, &format!("{name}/{path}"), csv(&all[..60]));
        let read = load_all(&args(&folder.path().join(name))).expect("is read");
        assert_eq!(read.examples.len(), 60, "{name}");
    }
}

#[test]
fn class_folders_say_what_they_skip() {
    let folder = folder();
    for (text, label) in rows(60) {
        file(&folder, &format!("c/{label}/{}.txt", text.replace(' ', "_")), &text);
    }
    for junk in [
        "c/neg/._1.txt",
        "c/__MACOSX/._neg",
        "c/pos/Thumbs.db",
        "c/desktop.ini",
        "c/.git/config",
        "c/@eaDir/neg@SynoEAStream",
        "c/lost+found/x",
        "c/pos/~$1.txt",
        "c/pos/1.txt~",
    ] {
        file(&folder, junk, b"\0\x05\x16\x07");
    }
    file(&folder, "c/README.md", "notes");
    file(&folder, "c/pos/deep/x.txt", "deep");
    file(&folder, "c/pos/image.png", b"\x89PNG\0\0\0\0\0\0\0\0");
    file(&folder, "c/pos/leaflet.pdf", "%PDF-1.4 text");
    file(&folder, "c/neg/more.txt.gz", packed("more"));
    file(&folder, "c/neg/old.txt.bak", "old");
    file(&folder, "c/neg/table.csv", "text,label\na,b\n");
    fs::create_dir_all(folder.path().join("c/empty")).expect("made");
    let corpus = load(&args(&folder.path().join("c")), 1).expect("is read");
    assert_eq!(corpus.labels, ["neg", "pos"]);
    assert_eq!(corpus.rows, 62);
    let expected = "not read: 10 files of the operating system, README.md, 1 folder within class folders, 2 files without text";
    assert!(corpus.notes.mention(expected), "{}", said(&corpus.notes));
    assert!(corpus.notes.mention("class folders without a text: empty"), "{}", said(&corpus.notes));
    let table = "each file is one text, names of columns and delimiters and all: table.csv";
    assert!(corpus.notes.mention(table), "{}", said(&corpus.notes));
}

#[test]
fn labels_of_one_split_only() {
    let folder = folder();
    let all = rows(100);
    let withheld: Vec<_> = all[60..].iter().map(|(text, _)| (text.clone(), "-1")).collect();
    file(&folder, "glue/train.csv", csv(&all[..60]));
    file(&folder, "glue/test.csv", csv(&withheld));
    let glue = load(&args(&folder.path().join("glue")), 1).expect("is read");
    assert_eq!((&glue.labels[..], glue.test.len()), (&["neg".to_owned(), "pos".to_owned()][..], 6));
    assert!(
        glue.notes.mention("test.csv has labels that train.csv never has: -1 (40 rows, all of its rows"),
        "{}",
        said(&glue.notes)
    );

    file(
        &folder,
        "kaggle/train.csv",
        lines("id,text,target", "", "\n", &[])
            + &all
                .iter()
                .enumerate()
                .map(|(at, (text, label))| format!("{at},{text},{label}\n"))
                .collect::<String>(),
    );
    file(&folder, "kaggle/test.csv", "id,text\n1,unseen\n2,too\n");
    let kaggle = load(&args(&folder.path().join("kaggle")), 1).expect("is read");
    assert_eq!((kaggle.rows, kaggle.test.len()), (100, 10));
    assert!(
        kaggle
            .notes
            .mention("test.csv has no labels: nothing is measured on its 2 texts (`host label --data"),
        "{}",
        said(&kaggle.notes)
    );

    file(&folder, "some/train.csv", csv(&all[..60]));
    file(&folder, "some/test.csv", csv(&all[60..]) + "a new one,neutral\n");
    let some = load(&args(&folder.path().join("some")), 1).expect("is read");
    assert_eq!((some.labels.len(), some.test.len()), (2, 40));
    assert!(
        some.notes.mention("test.csv has labels that train.csv never has: neutral (1 row)"),
        "{}",
        said(&some.notes)
    );
    file(&folder, "less/train.csv", csv(&all[..60]));
    file(&folder, "less/test.csv", csv(&[("unseen".into(), "pos")]));
    let less = load(&args(&folder.path().join("less")), 1).expect("is read");
    assert!(less.notes.mention("test.csv has no text of 1 class: neg"), "{}", said(&less.notes));
}

#[test]
fn labels_that_are_one_or_look_like_one() {
    let folder = folder();
    let with = |names: [&'static str; 4]| -> String {
        let rows: Vec<_> = (0..80).map(|at| (format!("text {at}"), names[at % 4])).collect();
        csv(&rows)
    };
    let numbers = load(&args(&file(&folder, "a.csv", with(["1", "0", "1.0", "0.0"]))), 1).expect("is read");
    assert_eq!(numbers.labels, ["0", "1"]);
    assert!(
        numbers.notes.mention("the labels 1 and 1.0 are equal numbers: they are one label, `1`"),
        "{}",
        said(&numbers.notes)
    );
    let floats = load(&args(&file(&folder, "b.csv", with(["10.5", "-2", "9", "1e1"]))), 1).expect("is read");
    assert_eq!(floats.labels, ["-2", "9", "1e1", "10.5"], "by value");
    let cases =
        load(&args(&file(&folder, "c.csv", with(["Pos", "neg", "pos ", "neg"]))), 1).expect("is read");
    assert_eq!(cases.labels, ["Pos", "neg", "pos"]);
    assert!(
        cases.notes.mention("the labels `Pos` and `pos` differ by case, space or spelling alone"),
        "{}",
        said(&cases.notes)
    );

    for (names, told) in [
        (["True", "False", "1", "0"], "labels such as true/false and 1/0 stand beside one another"),
        (["'a'", "'b'", "'a'", "'b'"], "every label is in single quotes, such as 'a'"),
        (["caf\u{e9}", "b", "cafe\u{301}", "b"], "the labels `cafe\\u{301}` and `caf\u{e9}` differ"),
    ] {
        let read = load(&args(&file(&folder, "t.csv", with(names))), 1).expect("is read");
        assert!(read.notes.mention(told), "{}", said(&read.notes));
    }
    let names = file(&folder, "names.csv", "Pos,positive\npos,positive\nold,new\n");
    let renamed = CorpusConfig { rename_labels: Some(names), ..args(&folder.path().join("c.csv")) };
    let renamed = load(&renamed, 1).expect("is read");
    assert_eq!(renamed.labels, ["neg", "positive"]);
    assert!(renamed.notes.mention("--rename-labels: no text has the label old"), "{}", said(&renamed.notes));
    for (content, told) in [("a,b\na,b,c\n", "bad.csv: line 2"), ("\n", "bad.csv: it is empty")] {
        let bad = file(&folder, "bad.csv", content);
        let error = load(&CorpusConfig { rename_labels: Some(bad), ..args(&folder.path().join("c.csv")) }, 1);
        let error = error.expect_err("is refused").to_string();
        assert!(error.contains(told), "{error}");
    }
    let hidden = load(&args(&file(&folder, "d.csv", with(["pos", "neg", "p\u{200b}os", "neg"]))), 1);
    let notes = hidden.expect("is read").notes;
    assert!(notes.mention("the labels `pos` and `p\\u{200b}os` differ"), "{}", said(&notes));

    let long = "x".repeat(255);
    let rows: Vec<_> =
        (0..50).map(|at| (format!("text {at}"), if at % 2 == 0 { &long[..] } else { "y" })).collect();
    assert_eq!(load(&args(&file(&folder, "long.csv", csv(&rows))), 1).expect("is read").labels[0].len(), 255);
    let error = refusal(&file(&folder, "longer.csv", csv(&rows).replace(&long, &"x".repeat(256))));
    assert!(error.contains("has 256 bytes, 255 is the most"), "{error}");
    assert!(
        refusal(&file(&folder, "escape.csv", with(["a\u{1b}[2J", "b", "c", "d"])))
            .contains("control character")
    );

    let names = ["1", "pos", "0.50"];
    assert_eq!(
        ["1.0", "pos", "+.5", "2"].map(|label| label_position(&names, label)),
        [Some(0), Some(1), Some(2), None]
    );
}

#[test]
fn repetitions_and_contradictions_are_counted() {
    let folder = folder();
    let mut content = csv(&rows(60));
    content += "the same,pos\nthe same,neg\nthe same,pos\n";
    let corpus = load(&args(&file(&folder, "a.csv", content)), 1).expect("is read");
    assert!(corpus.notes.mention("2 rows repeat a text"), "{}", said(&corpus.notes));
    assert!(corpus.notes.mention("1 text with contradictory labels"), "{}", said(&corpus.notes));

    let all = rows(60);
    file(&folder, "leak/train.csv", csv(&all));
    file(&folder, "leak/test.csv", csv(&all[..10]));
    let leak = load(&args(&folder.path().join("leak")), 1).expect("is read");
    assert_eq!(leak.notes.left_out().as_deref(), Some("10 that also stand in the test"));
    let same = file(&folder, "same.csv", csv(&all));
    let both = CorpusConfig { test_data: Some(same.display().to_string()), ..args(&same) };
    let error = load(&both, 1).expect_err("is refused").to_string();
    assert!(
        error.contains("nothing is left to train on: all 60 training texts also stand in the test"),
        "{error}"
    );
}

#[test]
fn few_texts_are_not_split_and_rare_classes_are_said() {
    let folder = folder();
    let two = load(&args(&file(&folder, "two.csv", "text,label\ngood,pos\nbad,neg\n")), 1).expect("is read");
    assert_eq!((two.train.len(), two.valid == two.train, two.test.len()), (2, true, 0));
    assert!(
        two.validates_on_train && two.notes.mention("the validation is on the training texts"),
        "{}",
        said(&two.notes)
    );
    let none = CorpusConfig { valid: Some(0.0), ..args(&folder.path().join("two.csv")) };
    let none = load(&none, 1).expect("is read");
    assert!(none.valid.is_empty() && !none.validates_on_train);
    assert!(two.set_aside().is_empty() && none.set_aside().is_empty());
    file(&folder, "own/train.csv", csv(&rows(60)));
    file(&folder, "own/dev.csv", "text,label\nfresh,pos\nstale,neg\n");
    let own = CorpusConfig { valid: Some(0.0), ..args(&folder.path().join("own")) };
    let own = load(&own, 1).expect("is read");
    assert_eq!(own.set_aside().len(), 2);
    let idle = "--valid 0 has no effect: the corpus has a validation split of its own";
    assert!(own.notes.mention(idle), "{}", said(&own.notes));
    let asked = CorpusConfig { valid: Some(0.5), ..args(&file(&folder, "ten.csv", csv(&rows(10)))) };
    assert_eq!(load(&asked, 1).expect("is read").valid.len(), 6, "of each class half, rounded");

    // Four texts of each of a hundred classes: their tenth is no text, that of all of them is forty.
    let names: Vec<String> = (0..400).map(|at| format!("class {:02}", at / 4)).collect();
    let many: Vec<_> = names.iter().enumerate().map(|(at, name)| (format!("text {at}"), &name[..])).collect();
    let many = load(&args(&file(&folder, "many.csv", csv(&many))), 1).expect("is read");
    assert_eq!((many.train.len(), many.valid.len(), many.test.len()), (320, 40, 40));
    let learnt: HashSet<u32> = many.train.iter().map(|example| example.label).collect();
    assert_eq!(learnt.len(), 100);
    assert!(many.notes.mention("60 classes without a validation text"), "{}", said(&many.notes));

    let lone = csv(&rows(60)) + "a lone one,rare\n";
    let lone = load(&args(&file(&folder, "lone.csv", lone)), 1).expect("is read");
    assert!(lone.notes.mention("1 class with one training text only: rare"), "{}", said(&lone.notes));
    assert!(lone.notes.mention("classes of unequal size"), "{}", said(&lone.notes));
}

#[test]
fn a_header_is_told_from_rows() {
    // A label that is called as a column often is, and rows of which one column's values come again.
    let acts: Vec<_> =
        (0..40).map(|at| (format!("is that so number {at}"), ["question", "answer"][at % 2])).collect();
    let first: String = acts.iter().map(|(text, label)| format!("{label},{text}\n")).collect();
    let first = read_file("acts.csv", first).expect("is read");
    assert_eq!(
        first.examples,
        acts.iter().map(|(text, label)| (text.clone(), (*label).to_owned())).collect::<Vec<_>>()
    );
    // Files that were joined, each with a mark.
    let all = rows(60);
    let joined = format!("\u{FEFF}{}\u{FEFF}{}", csv(&all[..30]), csv(&all[30..]));
    let joined = read_file("joined.csv", joined).expect("is read");
    assert!(
        joined.examples.len() == 60 && joined.notes.mention("1 row like the header"),
        "{}",
        said(&joined.notes)
    );
    // Quoted, or with blanks.
    let quoted = format!(
        "\u{FEFF}\"text\",\"label\"\n{}\u{FEFF}\"text\",\"label\"\n{}",
        &csv(&all[..30])[11..],
        &csv(&all[30..])[11..]
    );
    assert_eq!(read_file("quoted.csv", quoted).expect("is read").examples.len(), 60);
    let blank = format!("{}text, label\n{}", csv(&all[..30]), &csv(&all[30..])[11..]);
    assert_eq!(read_file("blank.csv", blank).expect("is read").examples.len(), 60);
    // A class that is called as its column.
    let topics: Vec<_> =
        (0..40).map(|at| (format!("a text number {at}"), ["topic", "other"][at % 2])).collect();
    let topics = read_file("topics.csv", lines("text,topic", ",", "\n", &topics)).expect("is read");
    assert_eq!(topics.examples.len(), 40);
    // Columns that pandas numbers.
    let numbered = all.iter().enumerate().map(|(at, (text, _))| format!("{text},{}\n", 3 + at % 2));
    let numbered: String = std::iter::once("0,1\n".to_owned()).chain(numbered).collect();
    assert_eq!(read_file("pandas.csv", numbered).expect("is read").examples.len(), 60);
    // Named by number, above a label that no other row has.
    let folder = folder();
    let lone = file(&folder, "lone.csv", "a,one thing\nb,two things\nc,three things\n");
    let lone = CorpusConfig { text_column: Some("2".into()), label_column: Some("1".into()), ..args(&lone) };
    let lone = load_all(&lone).expect("is read");
    assert!(lone.notes.mention("the first row is taken for a header: a, one thing"), "{}", said(&lone.notes));
    // Who wants every row gets every row.
    let every = file(&folder, "every.csv", "text\ngood film\ntext\nbad film\n");
    let every = unlabelled::read_rows(&every, &CorpusConfig::of("reviews")).expect("is read").0;
    assert_eq!(every, ["good film", "text", "bad film"]);
}

#[test]
fn splits_of_other_columns_are_read() {
    let folder = folder();
    file(&folder, "names/train.csv", csv(&rows(60)));
    file(
        &folder,
        "names/test.csv",
        lines("text,category", ",", "\n", &[("fresh".into(), "pos"), ("stale".into(), "neg")]),
    );
    std::fs::create_dir_all(folder.path().join("names/more")).expect("made");
    let names = load(&args(&folder.path().join("names")), 1).expect("is read");
    assert_eq!((names.test.len(), &names.drawn[..]), (2, &[Split::Valid][..]));
    assert!(names.notes.mention("not read: more/"), "{}", said(&names.notes));
    // Without a header there, there is none here.
    let bare: String = rows(60).iter().map(|(text, label)| format!("{text};{label}\n")).collect();
    file(&folder, "bare/train.csv", bare);
    file(&folder, "bare/test.csv", "fresh one;pos\nstale one;neg\n");
    assert_eq!(load(&args(&folder.path().join("bare")), 1).expect("is read").test.len(), 2);
    // But where its first row has the usual names, it has one.
    file(&folder, "bare/test.csv", "text;label\nfresh one;pos\nstale one;neg\n");
    assert_eq!(load(&args(&folder.path().join("bare")), 1).expect("is read").test.len(), 2);
    // No column that the training file has, too, nor another than was asked for.
    file(&folder, "withheld/train.csv", "text,label,rating\ngood,pos,5\nbad,neg,1\nfine,pos,4\n");
    file(&folder, "withheld/test.csv", "text,rating\nfresh,5\nstale,1\n");
    let withheld = load(&args(&folder.path().join("withheld")), 1).expect("is read");
    assert!(
        withheld.test.is_empty() && withheld.notes.mention("test.csv has no labels"),
        "{}",
        said(&withheld.notes)
    );
    let asked = CorpusConfig { label_column: Some("label".into()), ..args(&folder.path().join("names")) };
    assert!(load(&asked, 1).expect("is read").notes.mention("test.csv has no labels"));
    // Labels that differ by case alone, texts that differ by case alone, and texts to choose by that are tested on.
    let all = rows(60);
    file(&folder, "like/train.csv", csv(&all));
    let loud = [(all[0].0.to_uppercase(), "neg"), ("fresh".into(), "pos"), ("stale".into(), "NEG")];
    file(&folder, "like/test.csv", csv(&loud));
    file(&folder, "like/valid.csv", csv(&loud[..2]));
    let like = load(&args(&folder.path().join("like")), 1).expect("is read");
    for part in [
        "`NEG` differs from `neg` by case",
        "2 rows of the validation that also stand in the test",
        "1 of 2 test texts has the words of a training text",
    ] {
        assert!(like.notes.mention(part), "{part}: {}", said(&like.notes));
    }
    assert!(!like.notes.mention("withheld"), "{}", said(&like.notes));
}

#[test]
fn quotes_of_two_lines_and_quotes_between_tabs() {
    let mut stray: Vec<String> = csv(&rows(60)).lines().map(str::to_owned).collect();
    stray[9] = format!("\"{}", stray[9]);
    stray[10] = stray[10].replace(',', "\",");
    let stray = refused("stray.csv", stray.join("\n"));
    assert!(stray.contains("line 10: the quote that opens here closes 1 line later"), "{stray}");
    // Texts of two lines that are like no rows.
    for (header, text, rest) in [
        ("id,text,label", "2,\"Dear all,\nthanks, bye\",pos", "1,good film,pos\n3,bad film,neg\n"),
        ("label,text,lang", "pos,\"a, b\nc, d\",en", "pos,good film,en\nneg,bad film,de\n"),
        ("text,label", "\"Dear all,\nthanks\",pos", "good film,\nbad film,neg\ngood film,pos\n"),
    ] {
        let whole = read_file("whole.csv", format!("{header}\n{text}\n{rest}")).expect("is read");
        assert!(whole.examples[0].0.contains('\n'), "{whole:?}");
    }
    // As one of Kaggle's competitions has them: quoted, with backslashes.
    let quoted = rows(60)
        .iter()
        .map(|(text, label)| format!("\"{label}\"\t\"say \\\"{text}\\\"\"\n"))
        .collect::<String>();
    let quoted = read_file("quoted.tsv", format!("\"sentiment\"\t\"review\"\n{quoted}")).expect("is read");
    assert_eq!(quoted.examples[0], ("say \"text number 0 is bad\"".to_owned(), "neg".to_owned()));
}

#[test]
fn folders_that_are_called_as_splits_or_by_no_text() {
    let folder = folder();
    for class in ["train", "bus"] {
        for at in 0..3 {
            file(&folder, &format!("traffic/{class}/{at}.txt"), format!("a {class} {at}"));
        }
    }
    let traffic = load_all(&args(&folder.path().join("traffic"))).expect("is read");
    assert_eq!(traffic.examples.len(), 6);
    file(&folder, "bare/train/1.txt", "a text");
    file(&folder, "bare/test/1.txt", "a text");
    let bare = format!("{:#}", load_all(&args(&folder.path().join("bare"))).expect_err("is refused"));
    assert!(bare.contains("no texts in class folders"), "{bare}");
    let wide = refused("wide.csv", b"\0\0\xFE\xFF\0\0\0t");
    assert!(wide.contains("UTF-32: save it in UTF-8"), "{wide}");
    let missing =
        [("one", "NA"), ("two", "\\N"), ("three", "x")].map(|(text, label)| (text.to_owned(), label));
    let missing = load(&args(&file(&folder, "missing.csv", csv(&missing))), 1).expect("is read");
    assert!(missing.notes.mention("`NA`, `\\N` are each a class of its own"), "{}", said(&missing.notes));
}
