//! Golden models: files of this format's version and what a session says of texts with them, word by word.
//!
//! They are written anew only when the number of the version rises; see `golden/make.sh`.
#![cfg(feature = "std")]

mod tape;

use tape::Tape;
use telltale::engine::format::{VERSION, checksum};
use telltale::engine::image::{file_of, image};
use telltale::engine::kernel::Layout;
use telltale::session::{Session, TRACED};
use telltale::{Answer, Classifier, Model, OpenError, OwnedClassifier};

telltale::include_model!(static RNN = "golden/rnn.bin");
telltale::include_model!(static GRU = "golden/gru.bin");
telltale::include_model!(static LSTM = "golden/lstm.bin");
telltale::include_model!(static FASTGRNN = "golden/fastgrnn.bin");
telltale::include_model!(static FOLDED = "golden/folded.bin");
telltale::include_model!(static NGRAMS = "golden/ngrams.bin");

const TEXTS: &[u8] = include_bytes!("golden/texts.txt");

/// Every golden model with what is said, and the memory that it needs.
fn models() -> [(&'static str, &'static [u8], &'static str, usize); 6] {
    [
        ("rnn", RNN, include_str!("golden/rnn.txt"), RNN_MEMORY),
        ("gru", GRU, include_str!("golden/gru.txt"), GRU_MEMORY),
        ("lstm", LSTM, include_str!("golden/lstm.txt"), LSTM_MEMORY),
        ("fastgrnn", FASTGRNN, include_str!("golden/fastgrnn.txt"), FASTGRNN_MEMORY),
        ("folded", FOLDED, include_str!("golden/folded.txt"), FOLDED_MEMORY),
        ("ngrams", NGRAMS, include_str!("golden/ngrams.txt"), NGRAMS_MEMORY),
    ]
}

/// Memory on a boundary of 16 bytes.
fn memory(bytes: usize) -> Vec<u128> {
    vec![0; bytes.div_ceil(16)]
}

/// What a session says of `input`.
fn said(model: &Model<'_>, input: &[u8], at_once: usize, lost: u32) -> String {
    let mut words = memory(model.requirements().memory_bytes());
    let classifier = Classifier::within(model, bytemuck::cast_slice_mut(&mut words)).expect("fits");
    let mut tape = Tape { input, at_once, output: Vec::new(), lost };
    let Ok(()) = Session::new(classifier, None).converse(&mut tape);
    String::from_utf8(tape.output).expect("UTF-8")
}

#[test]
fn every_word_and_every_answer_is_as_it_was() {
    for (name, file, expected, bytes) in models() {
        let model = Model::open(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(model.requirements().memory_bytes(), bytes, "{name}");
        let mut words = memory(bytes);
        let mut classifier = Classifier::within(&model, bytemuck::cast_slice_mut(&mut words)).expect("fits");
        assert_eq!(classifier.self_test(), Ok(()), "{name}");
        let input = [&[TRACED], TEXTS].concat();
        assert_eq!(said(&model, &input, 1, 0), expected, "{name}");
        assert_eq!(said(&model, &input, 16, 0), expected, "{name}");
        assert_eq!(file[8], VERSION as u8);
    }
}

/// Images of files, and files that call themselves one: the file comes back, or an error, whatever the bytes.
#[test]
fn an_image_gives_back_its_file_or_an_error() {
    for (name, file, ..) in models() {
        let model = Model::open(file).expect("sound");
        let whole = image(&model, Layout::Quads);
        let mut words = memory(file.len());
        let bytes = &mut bytemuck::cast_slice_mut::<_, u8>(&mut words)[..file.len()];
        let mend = |bytes: &mut [u8]| {
            let sum = checksum(&bytes[20..]).to_le_bytes();
            bytes[16..20].copy_from_slice(&sum);
        };
        for source in [file, &whole] {
            bytes.copy_from_slice(source);
            assert_eq!(file_of(bytes).as_deref(), Ok(file), "{name}");
            for at in 20..file.len() {
                for value in [1, 2, 0x80, 0xFF] {
                    bytes.copy_from_slice(source);
                    bytes[at] = value;
                    mend(bytes);
                    let _ = file_of(bytes);
                }
            }
        }
        bytes.copy_from_slice(file);
        bytes[24] = 2;
        mend(bytes);
        assert_eq!(file_of(bytes).err(), Some(OpenError::Layout(2)), "{name}");
    }
}

/// Fed, classified, owned or borrowed, whole or cut, with a saved state at every byte: one answer.
#[test]
fn a_text_has_one_answer() {
    for (name, file, _, bytes) in models() {
        let model = Model::open(file).expect("sound");
        let mut words = [memory(bytes), memory(bytes)];
        let [own, others] = &mut words;
        let mut classifier = Classifier::within(&model, bytemuck::cast_slice_mut(own)).expect("fits");
        let mut owned =
            OwnedClassifier::new(file, bytemuck::cast_slice_mut::<u128, u8>(others)).expect("fits");
        for text in std::str::from_utf8(TEXTS).expect("UTF-8").lines() {
            let whole = classifier.classify(text);
            assert_eq!(whole, owned.classify(text), "{name}");
            assert_eq!(whole, fed(text, &mut classifier), "{name}");
            let mut saved = vec![0; owned.saved_bytes()];
            owned.feed(text.as_bytes(), |_, _| {});
            owned.reset();
            for byte in text.bytes() {
                owned.feed(&[byte], |_, _| {});
                owned.save(&mut saved).expect("room");
                let _ = owned.classify("something else, a film");
                classifier.restore(&saved).expect("a state of this model");
                owned.restore(&saved).expect("its own state");
            }
            assert_eq!(owned.finish(), whole, "{name}");
            assert_eq!(classifier.finish(), whole, "{name}");
        }
    }
}

fn fed<'m>(text: &str, classifier: &mut Classifier<'m>) -> Answer<'m> {
    for chunk in text.as_bytes().chunks(3) {
        classifier.feed(chunk, |_, _| {});
    }
    classifier.finish()
}

/// Whatever bytes come in for a saved state, reading goes on without a panic.
#[test]
fn damaged_states_are_refused_or_harmless() {
    let mut random = 1u64;
    let mut next = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize
    };
    for (name, file, _, bytes) in models() {
        let mut owned = OwnedClassifier::new(file, AlignedBytes(memory(bytes))).expect("fits");
        owned.feed("a wonderful fi".as_bytes(), |_, _| {});
        let mut saved = vec![0; owned.saved_bytes()];
        owned.save(&mut saved).expect("room");
        let mut accepted = 0;
        for _ in 0..2000 {
            let mut damaged = saved.clone();
            for _ in 0..1 + next() % 3 {
                let at = 4 + next() % (saved.len() - 4);
                damaged[at] = next() as u8;
            }
            accepted += usize::from(owned.restore(&damaged).is_ok());
            owned.feed("lm, it was \u{e9}t\u{e9} <b> terrible".as_bytes(), |_, _| {});
            owned.finish();
        }
        assert!((100..2000).contains(&accepted), "{name}: {accepted}");
    }
}

struct AlignedBytes(Vec<u128>);

impl AsMut<[u8]> for AlignedBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

#[test]
fn an_empty_classifier_knows_no_word() {
    let mut owned = OwnedClassifier::empty(telltale::Memory::<0>::new());
    let answer = owned.classify("a film");
    assert_eq!((answer.label, answer.words, answer.unknown), ("", 2, 2));
    assert!(owned.open(GRU).is_err());
    assert_eq!(owned.classify("a film"), answer);
}

#[test]
fn an_answer_tells_what_was_lost() {
    let model = Model::open(GRU).expect("sound");
    let lines = said(&model, b"terrible\nfilm\n", 16, 7);
    let answers: Vec<&str> = lines.lines().filter(|line| line.starts_with('=')).collect();
    assert!(answers.len() == 2 && answers[0].ends_with("\t7") && answers[1].ends_with("\t0"), "{lines}");
}
