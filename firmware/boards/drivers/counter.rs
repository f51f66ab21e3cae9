//! A free-running counter to measure with: SysTick (ARMv7-M Architecture Reference Manual, B3.3) or,
//! on RISC-V, the count of retired instructions (Privileged Architecture 1.12, section 3.1.10).

#[cfg(target_arch = "arm")]
mod core_counter {
    use crate::drivers::registers::Registers;

    const BASE: usize = 0xE000_E010;
    const CONTROL: usize = 0;
    const RELOAD: usize = 4;
    const VALUE: usize = 8;
    const WIDTH_MASK: u32 = 0x00FF_FFFF;

    /// Counts ticks of the core clock, modulo 2²⁴.
    #[derive(Debug)]
    pub struct Counter(Registers);

    impl Counter {
        /// Starts counting.
        ///
        /// # Safety
        /// Nobody else may use SysTick.
        pub unsafe fn start() -> Self {
            // SAFETY: SysTick is there, and nobody else uses it, says the caller.
            let registers = unsafe { Registers::new(BASE) };
            registers.write(RELOAD, WIDTH_MASK);
            registers.write(VALUE, 0);
            registers.write(CONTROL, 0b101);
            Self(registers)
        }

        /// Ticks so far.
        pub fn now(&self) -> u32 {
            WIDTH_MASK - (self.0.read(VALUE) & WIDTH_MASK)
        }

        /// Ticks between two readings.
        pub const fn between(&self, from: u32, to: u32) -> u32 {
            to.wrapping_sub(from) & WIDTH_MASK
        }
    }
}

#[cfg(target_arch = "riscv32")]
mod core_counter {
    /// Counts retired instructions, modulo 2³².
    #[derive(Debug)]
    pub struct Counter;

    impl Counter {
        /// Starts counting.
        ///
        /// # Safety
        /// The program must run in machine mode.
        pub const unsafe fn start() -> Self {
            Self
        }

        /// Instructions so far.
        pub fn now(&self) -> u32 {
            let count;
            // SAFETY: reading the counter changes nothing, and `start` promises machine mode.
            unsafe { core::arch::asm!("csrr {}, minstret", out(reg) count, options(nomem, nostack)) };
            count
        }

        /// Instructions between two readings.
        pub const fn between(&self, from: u32, to: u32) -> u32 {
            to.wrapping_sub(from)
        }
    }
}

pub use core_counter::Counter;
