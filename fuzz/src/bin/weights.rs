//! A file of weights of any bytes: it is refused in one line, or read.
#![no_main]

use std::sync::LazyLock;

use host::pytorch::weights;
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|bytes: &[u8]| {
    let [which, content @ ..] = bytes else { return };
    let path = FOLDER.path().join(["w.safetensors", "w.pth"][usize::from(*which) % 2]);
    std::fs::write(&path, content).expect("written");
    if let Err(error) = weights::read(&path, None) {
        assert!(!format!("{error:#}").trim_end().contains('\n'));
    }
});
