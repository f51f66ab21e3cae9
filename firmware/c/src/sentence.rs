//! Errors as sentences, without `core::fmt`.

use crate::code::Code;
use crate::handle::Failure;

/// A C string being written, cut to its room.
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
            // SAFETY: it is within the room, as the creator promised.
            unsafe { self.to.add(self.written).write(byte) };
        }
        self.written += 1;
    }

    fn text(&mut self, text: &[u8]) {
        text.iter().for_each(|&byte| self.byte(byte));
    }

    /// The sentence.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        match *failure {
            Failure::None => self.text(b"ok"),
            Failure::Call(code) => self.text(wrong_call(code)),
            Failure::Open(error) => error.say(&mut |piece| self.text(piece)),
            Failure::State(error) => error.say(&mut |piece| self.text(piece)),
        }
    }

    /// Writes the final zero, if there is room for it. Returns the bytes of the sentence.
    pub(crate) fn end(self) -> usize {
        if self.room > 0 {
            // SAFETY: it is within the room, as the creator promised.
            unsafe { self.to.add(self.written.min(self.room - 1)).write(0) };
        }
        self.written
    }
}

/// Describes an incorrect call.
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
