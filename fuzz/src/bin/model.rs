//! A model file of any bytes, its checksum mended so that the checks behind it are met: it is refused, or it reads any
//! text without a panic.
#![no_main]

use fuzz::Aligned;
use libfuzzer_sys::fuzz_target;
use telltale::engine::format::checksum;
use telltale::engine::image::file_of;
use telltale::{Classifier, Model};

/// Short and long words, a tag, entities, digits, other scripts, broken UTF-8.
const TEXT: &[u8] = "It isn\u{2019}t <b>good</b> &amp; 1,000 \u{e9}te\u{301} \u{4f60}\u{597d} \u{e01}\u{e32} \u{1f600}\u{1f3fd} ------ \
    abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
    .as_bytes();

/// A model that asks for more memory is not tried.
const MOST_MEMORY: usize = 1 << 24;

fuzz_target!(|bytes: &[u8]| {
    let mut file = Aligned::new(bytes);
    let sum = bytes.get(20..).map(checksum);
    if let (Some(sum), Some(field)) = (sum, file.bytes_mut().get_mut(16..20)) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
    let _ = file_of(file.bytes());
    let model = match Model::open(file.bytes()) {
        Ok(model) => model,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let needed = model.requirements().whole_memory_bytes();
    if needed > MOST_MEMORY {
        return;
    }
    let mut memory = Aligned::zeroed(needed);
    let mut classifier = Classifier::within(&model, memory.bytes_mut()).expect("as much as it asks for");
    classifier.set_tracing(true);
    for text in [TEXT, b"\xff\xc3", b"", bytes] {
        classifier.feed(text, |_, prediction| {
            assert!(prediction.probability.ten_thousandths() <= 10_000);
        });
        let answer = classifier.finish();
        assert!(answer.class.index() < model.labels().count());
    }
});
