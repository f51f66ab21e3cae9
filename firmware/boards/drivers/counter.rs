//! A free-running counter to measure with: SysTick (ARMv7-M Architecture Reference Manual, B3.3) or,
//! on RISC-V, the count of retired instructions (Privileged Architecture 1.12, section 3.1.10).

#[cfg(target_arch = "arm")]
mod source {
    use crate::drivers::registers::Registers;

    const BASE: usize = 0xE000_E010;
    const CONTROL: usize = 0;
    const RELOAD: usize = 4;
    const VALUE: usize = 8;

    pub const MASK: u32 = 0x00FF_FFFF;

    fn registers() -> Registers {
        // SAFETY: every Cortex-M core here has SysTick there; it touches no memory.
        unsafe { Registers::new(BASE) }
    }

    pub fn start() {
        registers().write(RELOAD, MASK);
        registers().write(VALUE, 0);
        registers().write(CONTROL, 0b101);
    }

    /// SysTick counts down.
    pub fn read() -> u32 {
        MASK - (registers().read(VALUE) & MASK)
    }
}

#[cfg(target_arch = "riscv32")]
mod source {
    pub const MASK: u32 = u32::MAX;

    pub fn start() {}

    pub fn read() -> u32 {
        let count;
        // SAFETY: the firmware runs in machine mode, and reading the counter changes nothing.
        unsafe { core::arch::asm!("csrr {}, minstret", out(reg) count, options(nomem, nostack)) };
        count
    }
}

/// Counts ticks of the core clock modulo 2²⁴, on RISC-V instructions modulo 2³².
#[derive(Debug)]
pub struct Counter(());

impl Counter {
    /// Starts counting.
    #[must_use]
    pub fn start() -> Self {
        source::start();
        Self(())
    }

    /// The count so far.
    #[must_use]
    pub fn now(&self) -> u32 {
        source::read()
    }

    /// What was counted since an earlier reading.
    #[must_use]
    pub fn since(&self, start: u32) -> u32 {
        self.now().wrapping_sub(start) & source::MASK
    }
}
