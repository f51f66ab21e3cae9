//! Clocks and pins of the STM32F4 series: F401, F411 and F446 at 84 MHz (ST RM0368, RM0383, RM0390).

use super::registers::{Registers, wait};
use super::stm32_usart::Usart;

/// Reset and clock control (RM0383, section 6.3).
const RCC: usize = 0x4002_3800;
const CONTROL: usize = 0x00;
const PLL_ON: u32 = 1 << 24;
const PLL_READY: u32 = 1 << 25;
const PLL: usize = 0x04;
/// The internal oscillator of 16 MHz by 16, times 336, by 4; by 7 for USB. No crystal: those of Nucleo and Black
/// Pill differ, and 1 % is enough for a serial port. The highest bits, a divisor of the F446 that is not used, keep their least value.
const PLL_84_MHZ: u32 = 16 | 336 << 6 | 0b01 << 16 | 7 << 24 | 2 << 28;
const CONFIGURATION: usize = 0x08;
/// The bus APB1, which may run at 42 MHz, gets half of the core clock.
const APB1_HALF: u32 = 0b100 << 10;
const CORE_OF_PLL: u32 = 0b10;
const AHB1_ENABLE: usize = 0x30;
const PORT_A_ON: u32 = 1;
const APB1_ENABLE: usize = 0x40;
const USART2_ON: u32 = 1 << 17;

/// Flash access control (RM0383, section 3.8.1): prefetch, both caches, two wait states.
const FLASH: usize = 0x4002_3C00;
const FLASH_84_MHZ: u32 = 2 | 1 << 8 | 1 << 9 | 1 << 10;

/// Port A (RM0383, section 8.4).
const PORT_A: usize = 0x4002_0000;
const MODE: usize = 0x00;
const FUNCTION_LOW: usize = 0x20;

/// The internal oscillator, on which the chip starts.
const HSI_HZ: u32 = 16_000_000;
/// What APB1 then gets.
const APB1_HZ: u32 = 42_000_000;

/// Starts the PLL, and opens USART2 on PA2 and PA3.
///
/// Where the PLL does not start, the core stays on the internal oscillator, and the port is set for that.
///
/// # Safety
/// The chip must be an STM32F401, F411 or F446, and nobody else may use these peripherals.
pub unsafe fn open() -> Usart {
    // SAFETY: the chip has these peripherals, says the caller.
    let (rcc, flash, port) = unsafe { (Registers::new(RCC), Registers::new(FLASH), Registers::new(PORT_A)) };
    flash.write(0, FLASH_84_MHZ);
    rcc.write(PLL, PLL_84_MHZ);
    rcc.write(CONTROL, rcc.read(CONTROL) | PLL_ON);
    let mut clock = HSI_HZ;
    if wait(|| rcc.read(CONTROL) & PLL_READY != 0) {
        rcc.write(CONFIGURATION, APB1_HALF | CORE_OF_PLL);
        clock = APB1_HZ;
    }
    rcc.write(AHB1_ENABLE, rcc.read(AHB1_ENABLE) | PORT_A_ON);
    rcc.write(APB1_ENABLE, rcc.read(APB1_ENABLE) | USART2_ON);
    // Both pins: alternate function 7.
    port.write(MODE, port.read(MODE) & !(0b1111 << 4) | 0b1010 << 4);
    port.write(FUNCTION_LOW, port.read(FUNCTION_LOW) & !(0xFF << 8) | 0x77 << 8);
    // SAFETY: USART2 has its clock and its pins.
    unsafe { Usart::new(clock) }
}
