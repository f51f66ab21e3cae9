//! The handle: a classifier, and the state of calls on it.

use core::ffi::c_int;
use core::{ptr, slice};

use telltale::{OpenError, OwnedClassifier, StateError};

use crate::code::Code;

/// `TT_CLASSIFIER_BYTES` and `TT_CLASSIFIER_ALIGN` of `telltale.h`.
pub(crate) const BYTES: usize = if usize::BITS > 32 { 1160 } else { 728 };
pub(crate) const ALIGN: usize = 8;

/// `TT_MODEL_ALIGN` and `TT_MEMORY_ALIGN`.
const MODEL_ALIGN: usize = 16;
const MEMORY_ALIGN: usize = 4;

// The size is that of a library with all features.
const _: () = assert!(size_of::<Handle>() <= BYTES && align_of::<Handle>() <= ALIGN);
const _: () = assert!(size_of::<Handle>() + 16 > BYTES || !cfg!(feature = "full"));

/// The stages of a handle; any other value means that it was never opened.
const OPEN: u32 = 0x5454_4F50;
/// A function is working on it.
const BUSY: u32 = 0x5454_4253;
/// No model is open because `tt_open` failed.
const FAILED: u32 = 0x5454_4641;

/// The content of a `tt_classifier`.
#[repr(C)]
#[derive(Debug)]
pub struct Handle {
    stage: u32,
    failure: Failure,
    memory: Block,
    reader: OwnedClassifier<Block>,
}

/// The last error of a handle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    None,
    Call(Code),
    Open(OpenError),
    State(StateError),
}

impl Failure {
    /// The return value of a function.
    pub(crate) const fn code(&self) -> c_int {
        let code = match *self {
            Self::None => return 0,
            Self::Call(code) => code,
            Self::Open(error) => Code::of_open(error),
            Self::State(error) => Code::of_state(error),
        };
        code as c_int
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Call(code)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// A block of bytes from C.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) start: *mut u8,
    pub(crate) bytes: usize,
}

impl Block {
    /// No bytes.
    pub(crate) const NONE: Self = Self { start: ptr::null_mut(), bytes: 0 };

    /// The block of a value; no bytes if the pointer is null.
    pub(crate) fn of<T>(value: *const T) -> Self {
        let bytes = if value.is_null() { 0 } else { size_of::<T>() };
        Self { start: value.cast_mut().cast(), bytes }
    }

    /// # Errors
    /// If that many bytes cannot exist there.
    fn check(self) -> Result<(), Code> {
        if self.bytes == 0 {
            return Ok(());
        }
        if self.start.is_null() {
            return Err(Code::Null);
        }
        let fits =
            self.bytes <= isize::MAX.unsigned_abs() && self.start.addr().checked_add(self.bytes).is_some();
        if fits { Ok(()) } else { Err(Code::Length) }
    }

    /// Whether two checked blocks have a byte in common.
    fn overlaps(self, other: Self) -> bool {
        let [start, begin] = [self.start.addr(), other.start.addr()];
        self.bytes > 0 && other.bytes > 0 && start < begin + other.bytes && begin < start + self.bytes
    }

    /// # Safety
    /// The block has been checked, its bytes exist, and nothing writes to them for `'a`.
    pub(crate) const unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.bytes == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { slice::from_raw_parts(self.start, self.bytes) }
    }
}

impl AsMut<[u8]> for Block {
    fn as_mut(&mut self) -> &mut [u8] {
        if self.bytes == 0 {
            return &mut [];
        }
        // SAFETY: only `open` makes a reader's memory from a block: it was checked and zeroed there, apart from model
        // and handle, and `with` keeps other blocks apart from it; the caller has promised not to touch it.
        unsafe { slice::from_raw_parts_mut(self.start, self.bytes) }
    }
}

/// Refuses null and misaligned handles.
fn check(handle: *const Handle) -> Result<(), Code> {
    match handle {
        handle if handle.is_null() => Err(Code::Null),
        handle if !handle.addr().is_multiple_of(ALIGN) => Err(Code::Misaligned),
        _ => Ok(()),
    }
}

/// The block of a whole `tt_classifier`.
fn block_of(handle: *const Handle) -> Block {
    Block { start: handle.cast_mut().cast(), bytes: BYTES }
}

/// Opens a model in a handle: `tt_open`.
///
/// # Safety
/// As for [`crate::tt_open`].
pub(crate) unsafe fn open(handle: *mut Handle, model: Block, memory: Block) -> c_int {
    if let Err(code) = check(handle) {
        return code as c_int;
    }
    // SAFETY: it is not null, aligned, and zeroed or used before.
    if unsafe { (*handle).stage } == BUSY {
        return Code::Busy as c_int;
    }
    let own = block_of(handle);
    let seen = model.check().and(memory.check()).and(match () {
        () if model.start.is_null() || memory.start.is_null() => Err(Code::Null),
        () if !memory.start.addr().is_multiple_of(MEMORY_ALIGN) => Err(Code::Misaligned),
        () if !model.start.addr().is_multiple_of(MODEL_ALIGN) => Err(Code::Misaligned),
        () if own.overlaps(model) || own.overlaps(memory) || model.overlaps(memory) => Err(Code::Overlap),
        () => Ok(()),
    });
    let memory = if seen.is_ok() { memory } else { Block::NONE };
    // SAFETY: the handle has room for it; memory has those bytes, and nothing else is there.
    let reader = unsafe {
        ptr::write_bytes(memory.start, 0, memory.bytes);
        let empty = OwnedClassifier::empty(memory);
        handle.write(Handle { stage: FAILED, failure: Failure::None, memory, reader: empty });
        &mut (*handle).reader
    };
    let failure = match seen {
        Err(code) => code.into(),
        Ok(()) => {
            // SAFETY: the caller's promise: the bytes exist as long as the handle is used.
            let model = unsafe { model.bytes() };
            match reader.open(model).and_then(|()| reader.self_test()) {
                Ok(()) => Failure::None,
                Err(error) => error.into(),
            }
        }
    };
    let stage = if failure.code() == 0 { OPEN } else { FAILED };
    // SAFETY: as above.
    unsafe { leave(handle, stage, failure) }
}

/// Lets `act` work on an open handle's reader, beside `block`.
///
/// # Safety
/// `handle` is null or points to a `tt_classifier`, zeroed or used before.
pub(crate) unsafe fn with(
    handle: *mut Handle,
    block: Block,
    act: impl FnOnce(&mut OwnedClassifier<Block>) -> Failure,
) -> c_int {
    // SAFETY: the caller's promise. While the stage is `BUSY`, nothing else uses the reader: a callback that calls this
    // handle is refused by its stage, which is not part of the reader.
    unsafe {
        match enter(handle, block) {
            Err(code) => refuse(handle, code),
            Ok(reader) => {
                let failure = act(&mut *reader);
                leave(handle, OPEN, failure)
            }
        }
    }
}

/// An open handle's reader; from now on the handle is busy.
///
/// # Safety
/// As for [`with`].
#[inline(never)]
unsafe fn enter(handle: *mut Handle, block: Block) -> Result<*mut OwnedClassifier<Block>, Code> {
    check(handle)?;
    // SAFETY: it is not null, aligned, and zeroed or used before.
    let (stage, memory) = unsafe { (&raw mut (*handle).stage, (*handle).memory) };
    // SAFETY: as above.
    match unsafe { *stage } {
        OPEN => {}
        BUSY => return Err(Code::Busy),
        _ => return Err(Code::NotOpen),
    }
    block.check()?;
    if block.overlaps(block_of(handle)) || block.overlaps(memory) {
        return Err(Code::Overlap);
    }
    // SAFETY: as above.
    unsafe {
        *stage = BUSY;
        Ok(&raw mut (*handle).reader)
    }
}

/// # Safety
/// `handle` points to one that was entered or opened.
#[inline(never)]
unsafe fn leave(handle: *mut Handle, stage: u32, failure: Failure) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        (*handle).stage = stage;
        if failure.code() != 0 {
            (*handle).failure = failure;
        }
    }
    failure.code()
}

/// Notes an error in the handle while a model is open in it.
///
/// # Safety
/// As for [`with`].
#[inline(never)]
pub(crate) unsafe fn refuse(handle: *mut Handle, code: Code) -> c_int {
    // SAFETY: it is not null, aligned, and zeroed or used before.
    if check(handle).is_ok() && matches!(unsafe { (*handle).stage }, OPEN | BUSY) {
        // SAFETY: as above.
        unsafe { (*handle).failure = code.into() };
    }
    code as c_int
}

/// An open handle's reader, read-only.
///
/// # Safety
/// As for [`with`].
pub(crate) unsafe fn peek<'h>(handle: *const Handle) -> Option<&'h OwnedClassifier<Block>> {
    // SAFETY: it is not null, aligned, and zeroed or used before; if it is open and not busy, nothing else works on the
    // reader.
    unsafe { (check(handle).is_ok() && (*handle).stage == OPEN).then(|| &(*handle).reader) }
}

/// The last error of a handle.
///
/// # Safety
/// As for [`with`].
pub(crate) unsafe fn failure(handle: *const Handle) -> Failure {
    if let Err(code) = check(handle) {
        return code.into();
    }
    // SAFETY: it is not null, aligned, and zeroed or used before.
    unsafe {
        match (*handle).stage {
            OPEN | BUSY | FAILED => (*handle).failure,
            _ => Code::NotOpen.into(),
        }
    }
}
