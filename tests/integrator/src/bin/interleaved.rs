//! Three texts at once: one classifier, three saved states, a byte of each in turn.
#![no_std]
#![no_main]

use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;
use telltale::{Memory, OwnedClassifier};

include!(concat!(env!("OUT_DIR"), "/sentiment.rs"));

const TEXTS: [&str; 3] = ["terrible", "a wonderful film", "terrible , caf\u{e9} terrible"];

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut classifier = OwnedClassifier::new(SENTIMENT, Memory::<{ SENTIMENT_MEMORY }>::new()).unwrap();
    let mut states = [[0; 512]; 3];
    let bytes = classifier.saved_bytes();
    for state in &mut states {
        classifier.save(state).unwrap();
    }
    for at in 0..32 {
        for (text, state) in TEXTS.iter().zip(&mut states) {
            classifier.restore(&state[..bytes]).unwrap();
            classifier.feed(text.as_bytes().get(at..at + 1).unwrap_or(&[]), |_, _| {});
            classifier.save(state).unwrap();
        }
    }
    for (text, state) in TEXTS.iter().zip(&states) {
        classifier.restore(&state[..bytes]).unwrap();
        let answer = classifier.finish();
        hprintln!("{} {}", answer.label, answer == classifier.classify(text));
    }
    debug::exit(debug::EXIT_SUCCESS);
    loop {}
}
