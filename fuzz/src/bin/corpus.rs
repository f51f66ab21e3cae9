//! A corpus of any bytes, as each kind of file: it is refused in one line, or read.
#![no_main]

use std::sync::LazyLock;

use host::corpus::{CorpusConfig, load_all};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

const NAMES: [&str; 8] = ["c.csv", "c.tsv", "c.jsonl", "c.json", "c.txt", "c.csv.gz", "c.jsonl.gz", "c.tar.gz"];

fuzz_target!(|bytes: &[u8]| {
    let [which, content @ ..] = bytes else { return };
    let path = FOLDER.path().join(NAMES[usize::from(*which) % NAMES.len()]);
    std::fs::write(&path, content).expect("written");
    if let Err(error) = load_all(&CorpusConfig::of(path.to_string_lossy())) {
        assert!(!format!("{error:#}").trim_end().contains('\n'));
    }
});
