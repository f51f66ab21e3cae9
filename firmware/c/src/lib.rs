//! Telltale in C and C++: the functions of `include/telltale.h`, which is their documentation, over
//! [`telltale::OwnedClassifier`].
//!
//! Pointers come from C, so all that can be checked is: null, alignment, length, overlap, whether the handle is open.
//! The rest is the caller's promise, which the header states: that a pointer has the given number of bytes, and that
//! model and memory stay.
#![cfg_attr(target_os = "none", no_std)]

mod code;
mod handle;
mod sentence;

use core::ffi::{c_char, c_int, c_void};
use core::{ptr, slice};

use code::Code;
use handle::{Block, Failure, Handle};
use telltale::engine::format::ManifestView;
use telltale::{EarlyExit, Word};

#[cfg(target_os = "none")]
mod missing {
    unsafe extern "C" {
        /// Defined nowhere: the linker names it if a panic can be reached.
        pub fn telltale_a_panic_can_be_reached() -> !;
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        // SAFETY: a program with this call in it is never linked, so it never runs.
        unsafe { telltale_a_panic_can_be_reached() }
    }
}

/// `tt_answer`.
#[repr(C)]
#[derive(Debug)]
pub struct Answer {
    label: *const c_char,
    label_bytes: usize,
    words: u32,
    unknown: u32,
    category: u16,
    probability: u16,
    rejected: u8,
}

impl From<telltale::Answer<'static>> for Answer {
    fn from(answer: telltale::Answer<'static>) -> Self {
        Self {
            label: answer.label.as_ptr().cast(),
            label_bytes: answer.label.len(),
            words: answer.words,
            unknown: answer.unknown,
            category: answer.class.index() as u16,
            probability: answer.probability.ten_thousandths(),
            rejected: answer.rejected.into(),
        }
    }
}

/// `tt_prediction`.
#[repr(C)]
#[derive(Debug)]
pub struct Prediction {
    word: *const c_char,
    word_bytes: usize,
    label: *const c_char,
    label_bytes: usize,
    trace: u64,
    id: u32,
    category: u16,
    probability: u16,
    known: u8,
    decided: u8,
}

/// `tt_on_word`, which may be null.
pub type OnWord = Option<unsafe extern "C" fn(context: *mut c_void, prediction: *const Prediction)>;

/// Calls back into C with a word.
///
/// # Safety
/// As for `on_word` of [`tt_feed`].
unsafe fn tell(
    on_word: OnWord,
    context: *mut c_void,
    manifest: &ManifestView<'static>,
    word: &Word,
    prediction: telltale::Prediction,
) {
    let Some(on_word) = on_word else { return };
    let (word, label) = (word.as_bytes(), manifest.label(prediction.class));
    let prediction = Prediction {
        word: word.as_ptr().cast(),
        word_bytes: word.len(),
        label: label.as_ptr().cast(),
        label_bytes: label.len(),
        trace: prediction.trace.unwrap_or(0),
        id: prediction.id,
        category: prediction.class.index() as u16,
        probability: prediction.probability.ten_thousandths(),
        known: prediction.known.into(),
        decided: (!prediction.read).into(),
    };
    // SAFETY: the caller's promise: it is a function of that type, and the prediction lives until it returns.
    unsafe { on_word(context, &raw const prediction) }
}

/// See `telltale.h`.
///
/// # Safety
/// `classifier` is null or points to a `tt_classifier`, zeroed or used before; model and memory have the given number
/// of bytes as long as the handle is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_open(
    classifier: *mut Handle,
    model: *const c_void,
    model_bytes: usize,
    memory: *mut c_void,
    memory_bytes: usize,
) -> c_int {
    let model = Block { start: model.cast_mut().cast(), bytes: model_bytes };
    let memory = Block { start: memory.cast(), bytes: memory_bytes };
    #[cfg(feature = "deliberate-panic")]
    assert!(model_bytes > 0, "this build must not be linked");
    // SAFETY: the caller's promise is this function's.
    unsafe { handle::open(classifier, model, memory) }
}

/// See `telltale.h`.
///
/// # Safety
/// `classifier` is null or points to a `tt_classifier`, zeroed or used before; `text` has the given number of bytes;
/// `on_word` is null or a function of that type, which returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_feed(
    classifier: *mut Handle,
    text: *const c_char,
    bytes: usize,
    on_word: OnWord,
    context: *mut c_void,
) -> c_int {
    let text = Block { start: text.cast_mut().cast(), bytes };
    // SAFETY: the caller's promise; `enter` has checked what can be checked of the text.
    unsafe {
        handle::with(classifier, text, |reader| {
            let manifest = *reader.model().manifest_view();
            reader.feed(text.bytes(), |word, prediction| tell(on_word, context, &manifest, word, prediction));
            Failure::None
        })
    }
}

/// See `telltale.h`.
///
/// # Safety
/// As for [`tt_feed`]; `answer` is null or points to a `tt_answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_finish(
    classifier: *mut Handle,
    on_word: OnWord,
    context: *mut c_void,
    answer: *mut Answer,
) -> c_int {
    // SAFETY: the caller's promise; `write` has checked what can be checked of the answer.
    unsafe {
        handle::with(classifier, Block::of(answer), |reader| {
            if !answer.is_aligned() {
                return Code::Misaligned.into();
            }
            let manifest = *reader.model().manifest_view();
            let said =
                reader.finish_with(|word, prediction| tell(on_word, context, &manifest, word, prediction));
            if !answer.is_null() {
                answer.write(said.into());
            }
            Failure::None
        })
    }
}

/// See `telltale.h`.
///
/// # Safety
/// `classifier` is null or points to a `tt_classifier`, zeroed or used before; `text` has the given number of bytes;
/// `answer` is null or points to a `tt_answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_classify(
    classifier: *mut Handle,
    text: *const c_char,
    bytes: usize,
    answer: *mut Answer,
) -> c_int {
    if answer.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { handle::refuse(classifier, Code::Null) };
    }
    let text = Block { start: text.cast_mut().cast(), bytes };
    // SAFETY: the caller's promise, twice: the first call checks what can be seen of the text, the second of the answer,
    // before anything is done.
    unsafe {
        match handle::with(classifier, text, |_| Failure::None) {
            0 => handle::with(classifier, Block::of(answer), |reader| {
                if !answer.is_aligned() {
                    return Code::Misaligned.into();
                }
                reader.reset();
                reader.feed(text.bytes(), |_, _| {});
                answer.write(reader.finish().into());
                Failure::None
            }),
            code => code,
        }
    }
}

/// See `telltale.h`.
///
/// # Safety
/// `classifier` is null or points to a `tt_classifier`, zeroed or used before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_reset(classifier: *mut Handle) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        handle::with(classifier, Block::NONE, |reader| {
            reader.reset();
            Failure::None
        })
    }
}

/// See `telltale.h`.
///
/// # Safety
/// As for [`tt_reset`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_set_tracing(classifier: *mut Handle, on: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        handle::with(classifier, Block::NONE, |reader| {
            reader.set_tracing(on != 0);
            Failure::None
        })
    }
}

/// See `telltale.h`.
///
/// # Safety
/// As for [`tt_reset`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_set_early_exit(classifier: *mut Handle, probability: u16, words: u16) -> c_int {
    let rule = (words > 0).then_some(EarlyExit { probability, words });
    let sound = words == 0 || (cfg!(feature = "early-exit") && (1..=10_000).contains(&probability));
    // SAFETY: the caller's promise.
    unsafe {
        handle::with(classifier, Block::NONE, |reader| {
            if !sound {
                return Code::Rule.into();
            }
            reader.set_early_exit(rule);
            Failure::None
        })
    }
}

/// See `telltale.h`.
///
/// # Safety
/// As for [`tt_reset`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_saved_bytes(classifier: *const Handle) -> usize {
    // SAFETY: the caller's promise.
    unsafe { handle::peek(classifier) }.map_or(0, |reader| reader.saved_bytes())
}

/// See `telltale.h`.
///
/// # Safety
/// As for [`tt_reset`]; `buffer` has the given number of bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_save(classifier: *mut Handle, buffer: *mut c_void, bytes: usize) -> c_int {
    let buffer = Block { start: buffer.cast(), bytes };
    // SAFETY: the caller's promise; `with` has checked what can be checked of the buffer.
    unsafe {
        handle::with(classifier, buffer, |reader| {
            let needed = reader.saved_bytes();
            if buffer.bytes < needed {
                return telltale::StateError::BufferTooSmall(buffer.bytes, needed).into();
            }
            // C's buffer may never have been written.
            ptr::write_bytes(buffer.start, 0, needed);
            reader
                .save(slice::from_raw_parts_mut(buffer.start, needed))
                .map_or_else(Failure::from, |_| Failure::None)
        })
    }
}

/// See `telltale.h`.
///
/// # Safety
/// As for [`tt_reset`]; `saved` has the given number of bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_restore(classifier: *mut Handle, saved: *const c_void, bytes: usize) -> c_int {
    let saved = Block { start: saved.cast_mut().cast(), bytes };
    // SAFETY: the caller's promise; `with` has checked what can be checked of the state.
    unsafe {
        handle::with(classifier, saved, |reader| {
            reader.restore(saved.bytes()).map_or_else(Failure::from, |()| Failure::None)
        })
    }
}

/// See `telltale.h`.
///
/// # Safety
/// As for [`tt_reset`]; `text` has the given number of bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_error_text(classifier: *const Handle, text: *mut c_char, bytes: usize) -> usize {
    let bytes = if text.is_null() { 0 } else { bytes.min(isize::MAX.unsigned_abs()) };
    // SAFETY: the caller's promise.
    let failure = unsafe { handle::failure(classifier) };
    let mut out = sentence::Out { to: text.cast(), room: bytes, written: 0 };
    out.failure(&failure);
    out.end()
}

/// The version with its final zero.
static VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();

/// See `telltale.h`.
#[unsafe(no_mangle)]
pub extern "C" fn tt_version() -> *const c_char {
    VERSION.as_ptr().cast()
}
