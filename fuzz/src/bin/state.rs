//! A saved state of any bytes, its model's digest mended: it is refused, or reading goes on from it without a panic
//! and it is saved as it was restored.
#![no_main]

use fuzz::{Aligned, model};
use libfuzzer_sys::fuzz_target;
use telltale::{Classifier, Model};

fuzz_target!(|bytes: &[u8]| {
    let [which, saved @ ..] = bytes else { return };
    let model = Model::open(model(*which)).expect("a sound model");
    let mut memory = Aligned::zeroed(model.requirements().whole_memory_bytes());
    let mut classifier = Classifier::within(&model, memory.bytes_mut()).expect("room");
    let mut saved = saved.to_vec();
    saved.resize(classifier.saved_bytes(), 0);
    saved[..4].copy_from_slice(&model.digest().to_le_bytes());
    if classifier.restore(&saved).is_ok() {
        let mut again = vec![0; saved.len()];
        let again = classifier.save(&mut again).expect("room").to_vec();
        classifier.restore(&again).expect("what was saved is restored");
        classifier.feed(b"so good, caf\xc3\xa9 <i>and", |_, _| {});
        classifier.finish();
    }
});
