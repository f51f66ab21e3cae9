#![no_std]
#![no_main]

use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;
use telltale::{Classifier, Memory, Model};

include!(concat!(env!("OUT_DIR"), "/sentiment.rs"));

#[cortex_m_rt::entry]
fn main() -> ! {
    let model = Model::open(SENTIMENT).unwrap();
    let mut memory = Memory::<{ SENTIMENT_MEMORY }>::new();
    let mut classifier = Classifier::new(&model, &mut memory).unwrap();
    classifier.feed(b"terr", |_, _| {});
    classifier.feed(b"ible", |_, _| {});
    let fed = classifier.finish();
    let classified = classifier.classify("terrible");
    hprintln!("{} {:?} {}", fed.label, SentimentLabel::of(fed.class), fed.probability);
    hprintln!("{} {:?} {}", classified.label, SentimentLabel::of(classified.class), classified.probability);
    debug::exit(debug::EXIT_SUCCESS);
    loop {}
}
