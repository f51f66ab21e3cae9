//! The functions that JavaScript calls: the only unsafe code. An instance has one thread, and none of them calls
//! JavaScript, so that no two of them run at once.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;

use crate::{Buffers, Instance, Owned};

/// Bytes of a page of WebAssembly's memory.
const PAGE: usize = 1 << 16;

/// The alignment of a model.
const ALIGNMENT: usize = 16;

struct Only<T>(UnsafeCell<T>);

// SAFETY: there is one thread.
unsafe impl<T> Sync for Only<T> {}

/// Apart from the buffers, which are zeros at the start and therefore not in the module.
static CLASSIFIER: Only<Option<Owned>> = Only(UnsafeCell::new(None));

static BUFFERS: Only<Buffers> = Only(UnsafeCell::new(Buffers::new()));

/// The instance; each function below takes it once.
const fn instance() -> Instance<'static> {
    // SAFETY: no two functions of this module run at once, and none keeps what it gets.
    unsafe { Instance { classifier: &mut *CLASSIFIER.0.get(), buffers: &mut *BUFFERS.0.get() } }
}

unsafe extern "C" {
    /// Defined by the linker: its address is the first after statics and stack.
    static __heap_base: u8;
    /// Defined nowhere: a panic that can be reached would be an import.
    fn telltale_a_panic_can_be_reached() -> !;
}

/// Where the model's file lies.
fn model_start() -> usize {
    (&raw const __heap_base).addr().next_multiple_of(ALIGNMENT)
}

/// Whether memory reaches to `end`, after growing if need be.
fn reach(end: usize) -> bool {
    let pages = core::arch::wasm32::memory_size::<0>();
    let missing = end.div_ceil(PAGE).saturating_sub(pages);
    missing == 0 || core::arch::wasm32::memory_grow::<0>(missing) != usize::MAX
}

/// Drops the model and makes room for a file of `length` bytes; returns where to write it, or 0 if there is not enough
/// memory.
#[unsafe(no_mangle)]
extern "C" fn tt_reserve(length: usize) -> usize {
    *instance().classifier = None;
    let start = model_start();
    if start.checked_add(length).is_some_and(reach) { start } else { 0 }
}

/// Opens the file of `length` bytes that [`tt_reserve`] made room for, so that words carry trace hashes if `tracing` is
/// not 0. Returns the bytes in the output: the labels, in order, separated by line feeds. After an error it is their
/// number below zero: they say why, and the instance is of no more use.
#[unsafe(no_mangle)]
extern "C" fn tt_open(length: usize, tracing: u32) -> i32 {
    let mut instance = instance();
    let start = model_start();
    // SAFETY: `tt_reserve` made sure that the memory is there and dropped the classifier before; nothing but
    // JavaScript writes to it, and only before this call.
    let file = unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(start), length) };
    let behind = (start + length).next_multiple_of(ALIGNMENT);
    let memory = |bytes: usize| {
        let end = behind.checked_add(bytes)?;
        // SAFETY: the memory is there, after the model's file, and belongs to this classifier alone, as the one before
        // it is gone.
        reach(end).then(|| unsafe {
            core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(behind), bytes)
        })
    };
    match instance.open(file, memory, tracing != 0) {
        Ok(()) => instance.buffers.output.take() as i32,
        Err(error) => {
            instance.buffers.output.put_error(&error);
            -(instance.buffers.output.take() as i32)
        }
    }
}

/// Where texts are written, [`INPUT_BYTES`](crate::INPUT_BYTES) at a time.
#[unsafe(no_mangle)]
extern "C" fn tt_input() -> *const u8 {
    instance().buffers.input.as_ptr()
}

/// Where words, answers and sentences lie.
#[unsafe(no_mangle)]
extern "C" fn tt_output() -> *const u8 {
    instance().buffers.output.start()
}

/// Feeds the first `length` bytes of the input. Returns the bytes in the output: the words that end in them.
#[unsafe(no_mangle)]
extern "C" fn tt_feed(length: usize) -> usize {
    instance().feed(length)
}

/// Ends the text. Returns the bytes in the output: the words that end with it, and the answer.
#[unsafe(no_mangle)]
extern "C" fn tt_finish() -> usize {
    instance().finish()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: a module with this call in it has an import, which the suites refuse.
    unsafe { telltale_a_panic_can_be_reached() }
}
