//! Memory-mapped registers.

/// How often a condition is asked for before it is given up: some 10 ms on the slowest of the chips' first clocks,
/// ten times what a crystal takes to start.
const PATIENCE: u32 = 1 << 16;

/// Waits until a condition holds, and whether it does: a clock that never starts does not stop the program.
#[allow(dead_code, reason = "not every driver waits")]
pub fn wait(holds: impl Fn() -> bool) -> bool {
    (0..PATIENCE).any(|_| holds())
}

/// A block of registers at a fixed address.
#[derive(Clone, Copy, Debug)]
pub struct Registers(usize);

#[allow(dead_code, reason = "not every chip has registers of either width")]
impl Registers {
    /// The block at `base`.
    ///
    /// # Safety
    /// A peripheral must be there, and volatile accesses of the offsets used must have no effect on
    /// memory that Rust owns.
    pub const unsafe fn new(base: usize) -> Self {
        Self(base)
    }

    /// Reads the 32-bit register at `offset`.
    #[inline(always)]
    pub fn read(self, offset: usize) -> u32 {
        // SAFETY: `new` promises a peripheral; registers are aligned words.
        unsafe { core::ptr::with_exposed_provenance::<u32>(self.0 + offset).read_volatile() }
    }

    /// Writes the 32-bit register at `offset`.
    #[inline(always)]
    pub fn write(self, offset: usize, value: u32) {
        // SAFETY: as in `read`.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(self.0 + offset).write_volatile(value) }
    }

    /// Reads the 8-bit register at `offset`.
    #[inline(always)]
    pub fn read_byte(self, offset: usize) -> u8 {
        // SAFETY: as in `read`; bytes are always aligned.
        unsafe { core::ptr::with_exposed_provenance::<u8>(self.0 + offset).read_volatile() }
    }

    /// Writes the 8-bit register at `offset`.
    #[inline(always)]
    pub fn write_byte(self, offset: usize, value: u8) {
        // SAFETY: as in `read_byte`.
        unsafe { core::ptr::with_exposed_provenance_mut::<u8>(self.0 + offset).write_volatile(value) }
    }
}
