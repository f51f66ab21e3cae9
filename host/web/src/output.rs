//! What goes out: words, answers, sentences.

use telltale::engine::text::WORD_BYTES;
use telltale::{Answer, Class, OpenError, Prediction, Probability, Word};

use crate::OUTPUT_BYTES;

/// The most bytes of a word.
pub const WORD_MOST: usize = 18 + WORD_BYTES;

/// Bytes on their way out.
pub struct Output {
    bytes: [u8; OUTPUT_BYTES],
    length: usize,
}

impl Output {
    pub const fn new() -> Self {
        Self { bytes: [0; OUTPUT_BYTES], length: 0 }
    }

    pub const fn start(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    /// How many bytes there are; what comes next takes their place.
    pub const fn take(&mut self) -> usize {
        core::mem::replace(&mut self.length, 0)
    }

    /// Adds bytes, as far as there is room.
    #[inline(never)]
    pub fn put(&mut self, bytes: &[u8]) {
        let to = self.bytes.get_mut(self.length..).unwrap_or_default();
        to.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.length = OUTPUT_BYTES.min(self.length + bytes.len());
    }

    #[inline(never)]
    pub fn put_word(&mut self, word: &Word, prediction: &Prediction) {
        let text = word.as_bytes();
        let trace = prediction.trace.unwrap_or(0);
        self.put_numbers(&[prediction.id, trace as u32, (trace >> 32) as u32]);
        self.put_said(prediction.class, prediction.probability);
        self.put(&[u8::from(prediction.known) | u8::from(prediction.read) << 1, text.len() as u8]);
        self.put(text);
    }

    pub fn put_answer(&mut self, answer: &Answer<'_>) {
        let steps = u32::from(answer.probability.ten_thousandths());
        let said = answer.class.index() as u32 | steps << 16 | u32::from(answer.rejected) << 31;
        self.put_numbers(&[said, answer.words, answer.unknown]);
    }

    fn put_said(&mut self, class: Class, probability: Probability) {
        let steps = u32::from(probability.ten_thousandths());
        self.put_numbers(&[class.index() as u32 | steps << 16]);
    }

    fn put_numbers(&mut self, numbers: &[u32]) {
        numbers.iter().for_each(|number| self.put(&number.to_le_bytes()));
    }

    /// Adds what an error is printed from: how many numbers there are (1: found, 2: the least and the greatest expected),
    /// those numbers, the sentence, a line feed and the advice. `core::fmt` would be a tenth of the module.
    pub fn put_error(&mut self, error: &OpenError) {
        let (found, expected) = (error.found(), error.expected());
        let [least, most] = expected.unwrap_or_default();
        let there = u32::from(found.is_some()) | u32::from(expected.is_some()) << 1;
        self.put_numbers(&[there, found.unwrap_or(0), least, most]);
        for half in error.text() {
            self.put(half);
        }
        self.put(b"\n");
        self.put(error.advice().as_bytes());
    }
}
