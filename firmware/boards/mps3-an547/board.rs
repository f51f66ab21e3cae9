//! Arm MPS3 with image AN547 (Cortex-M55, all of it in the secure state; DAI 0547B, section 3).

use super::serial;
use crate::drivers::cmsdk_uart::Uart;

// Enables the vector unit, coprocessors 10 and 11, before anything else runs (ARMv8-M Architecture
// Reference Manual, CPACR).
core::arch::global_asm!(
    r#"
    .section .text.__pre_init, "ax", %progbits
    .global __pre_init
    .type __pre_init, %function
    .thumb_func
__pre_init:
    movw  r0, #0xED88
    movt  r0, #0xE000
    ldr   r1, [r0]
    orr   r1, r1, #0xF00000
    str   r1, [r0]
    dsb
    isb
    bx    lr
    .size __pre_init, . - __pre_init
"#
);

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: UART0 is there, and the program asks for it once.
    unsafe { Uart::new(serial::BASE, serial::CLOCK_HZ, serial::BAUD) }
}
