//! What the fuzz targets share: the golden models, in aligned memory.
#![forbid(unsafe_code)]

#[path = "../../shared/tests/tape/mod.rs"]
mod tape;

use tape::Tape;
use telltale::session::Session;

telltale::include_model!(static RNN = "../../shared/tests/golden/rnn.bin");
telltale::include_model!(static GRU = "../../shared/tests/golden/gru.bin");
telltale::include_model!(static LSTM = "../../shared/tests/golden/lstm.bin");
telltale::include_model!(static FASTGRNN = "../../shared/tests/golden/fastgrnn.bin");
telltale::include_model!(static FOLDED = "../../shared/tests/golden/folded.bin");
telltale::include_model!(static NGRAMS = "../../shared/tests/golden/ngrams.bin");

/// One of the golden models of the engine's tests, by any number.
#[must_use]
pub fn model(which: u8) -> &'static [u8] {
    let all = [RNN, GRU, LSTM, FASTGRNN, FOLDED, NGRAMS];
    all[usize::from(which) % all.len()]
}

/// Bytes on a boundary of 16.
#[derive(Clone)]
pub struct Aligned {
    blocks: Vec<[u128; 1]>,
    length: usize,
}

impl Aligned {
    /// So many zeros.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        Self { blocks: vec![[0]; length.div_ceil(16)], length }
    }

    /// A copy.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut own = Self::zeroed(bytes.len());
        own.bytes_mut().copy_from_slice(bytes);
        own
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.blocks)[..self.length]
    }

    /// The bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.blocks)[..self.length]
    }
}

/// What a session with a model answers.
///
/// # Panics
/// If the model does not open: it is a sound one.
#[must_use]
pub fn converse(file: &'static [u8], input: &[u8], at_once: usize) -> Vec<u8> {
    let model = telltale::Model::open(file).expect("a sound model");
    let mut memory = Aligned::zeroed(model.requirements().whole_memory_bytes());
    let classifier = telltale::Classifier::within(&model, memory.bytes_mut()).expect("room");
    let mut tape = Tape { input, at_once, output: Vec::new(), lost: 0 };
    match Session::new(classifier, None).converse(&mut tape) {
        Ok(()) => tape.output,
    }
}
