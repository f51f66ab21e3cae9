//! Any bytes on a serial line: every model answers them, and however they are cut, it answers the same.
#![no_main]

use fuzz::{converse, model};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [which, at_once, input @ ..] = bytes else { return };
    let model = model(*which);
    let whole = converse(model, input, usize::MAX);
    assert!(whole == converse(model, input, usize::from(*at_once).max(1)));
    assert!(whole.is_empty() || whole.ends_with(b"\n"));
});
