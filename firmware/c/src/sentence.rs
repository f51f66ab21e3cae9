//! Errors as sentences, without `core::fmt`.

use telltale::StateError;

use crate::code::Code;
use crate::handle::Failure;

/// A text of C's that is being written, cut where its room ends.
pub(crate) struct Out {
    /// Has [`Self::room`] bytes.
    pub(crate) to: *mut u8,
    pub(crate) room: usize,
    /// Bytes of the whole sentence so far.
    pub(crate) written: usize,
}

impl Out {
    fn byte(&mut self, byte: u8) {
        if self.written + 1 < self.room {
            // SAFETY: it is within the room, which its maker promised.
            unsafe { self.to.add(self.written).write(byte) };
        }
        self.written += 1;
    }

    fn text(&mut self, text: &[u8]) {
        text.iter().for_each(|&byte| self.byte(byte));
    }

    fn number(&mut self, mut number: u32) {
        let mut digits = [0; 10];
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            count += 1;
            if number == 0 {
                break;
            }
        }
        self.text(digits.get(digits.len() - count..).unwrap_or(&[]));
    }

    fn found(&mut self, found: Option<u32>, expected: Option<[u32; 2]>) {
        if let Some(found) = found {
            self.text(b": found ");
            self.number(found);
        }
        if let Some([least, most]) = expected {
            self.text(b", expected ");
            self.number(least);
            if least != most {
                self.text(b" to ");
                self.number(most);
            }
        }
    }

    /// The sentence.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        match *failure {
            Failure::None => self.text(b"ok"),
            Failure::Call(code) => self.text(wrong_call(code)),
            Failure::Open(error) => {
                error.text().into_iter().for_each(|half| self.text(half));
                self.found(error.found(), error.expected());
            }
            Failure::State(error) => {
                let (text, numbers): (&[u8], _) = match error {
                    StateError::BufferTooSmall(found, expected) => (
                        b"buffer smaller than a saved state, in bytes",
                        Some([found as u32, expected as u32]),
                    ),
                    StateError::Length(found, expected) => {
                        (b"no saved state of this model, in bytes", Some([found as u32, expected as u32]))
                    }
                    StateError::Model(found, expected) => {
                        (b"saved state of another model, by its digest", Some([found, expected]))
                    }
                    _ => (b"saved state damaged: a number is out of range", None),
                };
                self.text(text);
                self.found(numbers.map(|[found, _]| found), numbers.map(|[_, expected]| [expected; 2]));
            }
        }
    }

    /// Writes the final zero, if there is room for it; the bytes of the sentence.
    pub(crate) fn end(self) -> usize {
        if self.room > 0 {
            // SAFETY: it is within the room, which its maker promised.
            unsafe { self.to.add(self.written.min(self.room - 1)).write(0) };
        }
        self.written
    }
}

/// What was wrong with a call.
const fn wrong_call(code: Code) -> &'static [u8] {
    match code {
        Code::Null => b"a pointer is null that must not be",
        Code::Misaligned => {
            b"handle, model, memory or answer is not on its boundary of bytes, see telltale.h"
        }
        Code::Length => b"more bytes than there can be behind a pointer",
        Code::Overlap => b"two blocks of bytes overlap: handle, model, memory, text, state or answer",
        Code::NotOpen => b"no model is open in the handle: call tt_open, and look at what it returns",
        Code::Busy => b"a callback called a function on its own handle, which is at work",
        Code::Rule => {
            b"rule of early exit out of range (probability 1 to 10000), or a library built without it"
        }
        _ => b"refused",
    }
}
