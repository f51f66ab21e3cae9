//! Interrupts: the one of the serial port, and sections that none comes into.

/// Runs `act` with interrupts masked.
#[cfg(serial_interrupt)]
pub fn masked<T>(act: impl FnOnce() -> T) -> T {
    let before = core::mask();
    let result = act();
    core::restore(before);
    result
}

/// Cortex-M: PRIMASK and the NVIC (ARMv6-M and ARMv7-M Architecture Reference Manuals, B1.4 and B3.4).
#[cfg(all(target_arch = "arm", serial_interrupt))]
mod core {
    pub fn mask() -> u32 {
        let before;
        // SAFETY: masking interrupts touches no memory; what follows must not be moved before it.
        unsafe { core::arch::asm!("mrs {}, PRIMASK", "cpsid i", out(reg) before, options(nostack)) };
        before
    }

    pub fn restore(before: u32) {
        // SAFETY: gives back the mask of `mask`, after what came before it.
        unsafe { core::arch::asm!("msr PRIMASK, {}", in(reg) before, options(nostack)) };
    }
}

/// RISC-V: `mstatus.MIE` (Privileged Architecture 1.12, section 3.1.6).
#[cfg(all(target_arch = "riscv32", serial_interrupt))]
mod core {
    const MIE: u32 = 1 << 3;

    pub fn mask() -> u32 {
        let before: u32;
        // SAFETY: masking interrupts touches no memory; what follows must not be moved before it.
        unsafe { core::arch::asm!("csrrci {}, mstatus, 8", out(reg) before, options(nostack)) };
        before & MIE
    }

    pub fn restore(before: u32) {
        // SAFETY: gives back the bit of `mask`, after what came before it.
        unsafe { core::arch::asm!("csrs mstatus, {}", in(reg) before, options(nostack)) };
    }
}

/// Lets an interrupt line of a Cortex-M through.
#[cfg(all(target_arch = "arm", serial_interrupt))]
pub fn enable(line: u32) {
    const SET_ENABLE: usize = 0xE000_E100;
    // SAFETY: every Cortex-M has the NVIC there; it touches no memory.
    let nvic = unsafe { super::registers::Registers::new(SET_ENABLE) };
    nvic.write(4 * (line / 32) as usize, 1 << (line % 32));
}

/// The interrupts' part of the vector table. It ends with the serial port's line, the only one that is
/// enabled; one that comes all the same stops the program.
#[cfg(target_arch = "arm")]
mod vectors {
    unsafe extern "C" {
        fn DefaultHandler();
        #[cfg(serial_interrupt)]
        fn serial_interrupt();
    }

    #[cfg(serial_interrupt)]
    const LINE: usize = crate::board::serial::INTERRUPT as usize;
    #[cfg(serial_interrupt)]
    const LAST: unsafe extern "C" fn() = serial_interrupt;
    // The linker script wants a first entry.
    #[cfg(not(serial_interrupt))]
    const LINE: usize = 0;
    #[cfg(not(serial_interrupt))]
    const LAST: unsafe extern "C" fn() = DefaultHandler;

    // SAFETY: cortex-m-rt looks for the table under this name and in this section.
    #[unsafe(no_mangle)]
    #[unsafe(link_section = ".vector_table.interrupts")]
    #[used]
    static __INTERRUPTS: [unsafe extern "C" fn(); LINE + 1] = {
        let mut table = [DefaultHandler as unsafe extern "C" fn(); LINE + 1];
        table[LINE] = LAST;
        table
    };
}
