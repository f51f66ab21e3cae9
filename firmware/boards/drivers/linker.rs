//! What the linker knows: the model's region, how much flash and RAM is taken, and the engine's memory.

use core::cell::UnsafeCell;
use core::ptr::addr_of;
use core::sync::atomic::{AtomicBool, Ordering};

use telltale::session::Footprint;

use crate::MEMORY;

unsafe extern "C" {
    static _model_start: u8;
    static _model_end: u8;
    static _flash_start: u8;
    static _stack_start: u8;
    static __sidata: u8;
    static __sdata: u8;
    static __edata: u8;
    static __ebss: u8;
}

/// Places a model in the region at build time (`MODEL=model.bin`).
#[allow(unused_macros)]
macro_rules! embed_model {
    ($bytes:expr) => {
        #[repr(C, align(16))]
        struct Aligned<T>(T);

        // SAFETY: the section is the model's region, which nothing else uses.
        #[unsafe(link_section = ".model")]
        #[used]
        static MODEL: Aligned<[u8; $bytes.len()]> = Aligned(*$bytes);
    };
}

include!(concat!(env!("OUT_DIR"), "/model.rs"));

/// The region that starts with the model, whether embedded or written there later.
///
/// On a board that reads RAM faster than flash, a model that fits is copied there first, once.
#[must_use]
pub fn model_region() -> &'static [u8] {
    let (start, end) = (addr_of!(_model_start), addr_of!(_model_end));
    // SAFETY: the linker script reserves the region from start to end for the model; it is readable, and nothing
    // writes to it while the program runs.
    let flash = unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) };
    #[cfg(model_in_ram)]
    let flash = in_ram::copied(flash);
    flash
}

#[cfg(model_in_ram)]
mod in_ram {
    use core::ptr::{addr_of, addr_of_mut};
    use core::sync::atomic::{AtomicBool, Ordering};

    unsafe extern "C" {
        static mut _model_ram_start: u8;
        static _model_ram_end: u8;
    }

    static DONE: AtomicBool = AtomicBool::new(false);

    /// The model in RAM, or the region as it is if it starts with no model or one that is too large.
    pub fn copied(region: &'static [u8]) -> &'static [u8] {
        let (to, end) = (addr_of_mut!(_model_ram_start), addr_of!(_model_ram_end));
        match telltale::engine::format::in_region(region) {
            Ok(model) if model.len() <= end.addr() - to.addr() => {
                // SAFETY: the linker script reserves this RAM for the model; it is written before the first
                // reference to it is made, and not again.
                unsafe {
                    if !DONE.load(Ordering::Relaxed) {
                        core::ptr::copy_nonoverlapping(model.as_ptr(), to, model.len());
                        DONE.store(true, Ordering::Relaxed);
                    }
                    core::slice::from_raw_parts(to, model.len())
                }
            }
            _ => region,
        }
    }
}

/// What the program takes of flash and RAM, stack aside.
#[must_use]
pub fn footprint(board: &'static str) -> Footprint {
    let address = |symbol: *const u8| symbol.addr();
    let data = address(addr_of!(__edata)) - address(addr_of!(__sdata));
    let flash = address(addr_of!(__sidata)) + data - address(addr_of!(_flash_start));
    let ram = address(addr_of!(__ebss)) - address(addr_of!(__sdata));
    Footprint { board, flash: flash as u32, ram: ram as u32 }
}

/// What unused stack is painted with.
const PAINT: u32 = 0x7E11_7A1E;

/// Bytes below this function's own frame that are left alone.
const MARGIN: usize = 256;

/// An address in the current frame, near the stack's lower end.
#[inline(always)]
fn stack_pointer() -> usize {
    let local = 0u32;
    addr_of!(local).addr()
}

/// The words between static memory and an address.
fn stack_words(top: usize) -> impl Iterator<Item = *mut u32> {
    let bottom = addr_of!(__ebss).addr().next_multiple_of(4);
    (bottom..top & !3).step_by(4).map(core::ptr::with_exposed_provenance_mut)
}

/// Paints the stack that is not in use.
#[inline(never)]
pub fn paint_stack() {
    for word in stack_words(stack_pointer() - MARGIN) {
        // SAFETY: RAM between static memory and the stack's frames belongs to nobody.
        unsafe { word.write_volatile(PAINT) };
    }
}

/// How many bytes of stack have been in use since [`paint_stack`].
#[must_use]
pub fn painted_stack_used() -> usize {
    let top = addr_of!(_stack_start).addr();
    // SAFETY: as in `paint_stack`; the words are only read.
    let untouched = |word: &*mut u32| unsafe { word.read_volatile() } == PAINT;
    let first = stack_words(top).find(|word| !untouched(word));
    first.map_or(0, |word| top - word.addr())
}

/// The engine's memory.
pub type Memory = telltale::Memory<MEMORY>;

struct Once(UnsafeCell<Memory>, AtomicBool);

// SAFETY: `memory` hands the cell out at most once.
unsafe impl Sync for Once {}

static ONLY: Once = Once(UnsafeCell::new(Memory::new()), AtomicBool::new(false));

/// The engine's memory, for the one who asks first; asking again stops the program.
#[must_use]
pub fn memory() -> &'static mut Memory {
    if ONLY.1.load(Ordering::Relaxed) {
        loop {
            core::hint::spin_loop();
        }
    }
    ONLY.1.store(true, Ordering::Relaxed);
    // SAFETY: there is one core, and the interrupt handler does not ask, so nobody comes between load and store:
    // this is the only reference there will ever be.
    unsafe { &mut *ONLY.0.get() }
}
