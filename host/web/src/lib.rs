//! The engine's owned handle as WebAssembly: one model and one text an instance, no imports.
//!
//! `npm/telltale.js` is the other side. It compiles the module once and makes an instance for each classifier, whose
//! memory is
//!
//! ```text
//! statics and stack │ the model's file │ what reading texts takes
//!                   └ `tt_reserve`
//! ```
//!
//! Texts come in through [`INPUT`](INPUT_BYTES), everything else goes out through [`OUTPUT`](OUTPUT_BYTES). A word is
//! there as (little endian, packed)
//!
//! | bytes | content |
//! |---|---|
//! | 4 | id |
//! | 4, 4 | trace hash, lower and upper half; 0 without tracing |
//! | 2 | class |
//! | 2 | probability in steps of 10⁻⁴ |
//! | 1 | 1: known, 2: read by the network |
//! | 1 | bytes of the word |
//! | … | the word |
//!
//! and an answer as class (2), probability (2, its highest bit: rejected), words (4) and unknown words (4), after the
//! words that the end completes. Nothing panics: the handler would be an import, and there is none.
#![cfg(target_arch = "wasm32")]
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(unsafe_code)]

mod boundary;
mod output;

use telltale::engine::format::{HEADER_BYTES, memory_bytes};
use telltale::{Class, OpenError, OwnedClassifier};

use output::Output;

/// Bytes of text that are taken at once.
pub const INPUT_BYTES: usize = 1024;

/// Bytes of words that are given at once, which is more than the input can make: a byte at most sets free the 32
/// characters that might have been markup, and each of three bytes at least is normalised to 18 characters at most.
pub const OUTPUT_BYTES: usize = (INPUT_BYTES / 3 * 18 + 64) * output::WORD_MOST;

/// The handle, whose memory lies after the model's file.
type Owned = OwnedClassifier<&'static mut [u8]>;

/// What goes in and out.
struct Buffers {
    input: [u8; INPUT_BYTES],
    output: Output,
}

impl Buffers {
    const fn new() -> Self {
        Self { input: [0; INPUT_BYTES], output: Output::new() }
    }
}

/// A module's instance.
struct Instance<'i> {
    classifier: &'i mut Option<Owned>,
    buffers: &'i mut Buffers,
}

impl Instance<'_> {
    /// Opens a model; the output has the labels. `memory` returns a requested number of bytes for it, if available.
    fn open(
        &mut self,
        file: &'static [u8],
        memory: impl FnOnce(usize) -> Option<&'static mut [u8]>,
        tracing: bool,
    ) -> Result<(), OpenError> {
        // An invalid header is detected when the model is opened.
        let needed = if file.len() < HEADER_BYTES { 0 } else { memory_bytes(file) as usize };
        let owned = OwnedClassifier::empty(memory(needed).unwrap_or_default());
        let classifier = self.classifier.insert(owned);
        classifier.open(file)?;
        classifier.set_tracing(tracing);
        let model = classifier.model();
        for at in 0..model.head().classes() {
            if at > 0 {
                self.buffers.output.put(b"\n");
            }
            self.buffers.output.put(model.label(Class::new(at as u16)).as_bytes());
        }
        Ok(())
    }

    /// Feeds the first `length` bytes of the input; the bytes in the output.
    fn feed(&mut self, length: usize) -> usize {
        let Self { classifier: Some(classifier), buffers: Buffers { input, output } } = self else {
            return 0;
        };
        let text = input.get(..length).unwrap_or_default();
        classifier.feed(text, |word, prediction| output.put_word(word, &prediction));
        output.take()
    }

    /// Ends the text; the bytes in the output.
    fn finish(&mut self) -> usize {
        let Self { classifier: Some(classifier), buffers: Buffers { output, .. } } = self else { return 0 };
        let answer = classifier.finish_with(|word, prediction| output.put_word(word, &prediction));
        output.put_answer(&answer);
        output.take()
    }
}
