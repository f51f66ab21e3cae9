//! Clocks and pins of the STM32F1 series (ST RM0008 for F103, RM0041 for F100).

use super::registers::{Registers, wait};
use super::stm32_usart::Usart;
use crate::board::serial::{CLOCK_HZ, PLL_TIMES};

/// Reset and clock control (RM0008, section 7.3; RM0041, section 6.3).
const RCC: usize = 0x4002_1000;
const CONTROL: usize = 0x00;
const HSE_ON: u32 = 1 << 16;
const HSE_READY: u32 = 1 << 17;
const PLL_ON: u32 = 1 << 24;
const PLL_READY: u32 = 1 << 25;
const CONFIGURATION: usize = 0x04;
/// The crystal feeds the PLL.
const PLL_OF_HSE: u32 = 1 << 16;
/// The bus APB1, which may run at 36 MHz, gets half of the core clock.
const APB1_HALF: u32 = 0b100 << 8;
const CORE_OF_PLL: u32 = 0b10;
const APB2_ENABLE: usize = 0x18;
/// Alternate functions, port A, USART1.
const USED: u32 = 1 | 1 << 2 | 1 << 14;

/// Flash access control (RM0008, section 3.3.3); at 24 MHz and below, and so on the F100, there is nothing to set.
const FLASH: usize = 0x4002_2000;
const PREFETCH: u32 = 1 << 4;

/// Port A, pins 8 to 15 (RM0008, section 9.2.2).
const PORT_A: usize = 0x4001_0800;
const PINS_HIGH: usize = 0x04;
/// PA9 sends: alternate function, push-pull. PA10 receives: floating.
const PA9_PA10: u32 = 0x4B << 4;
const PA9_PA10_MASK: u32 = 0xFF << 4;

/// The internal oscillator, on which the chip starts.
const HSI_HZ: u32 = 8_000_000;

/// Starts the crystal and the PLL, and opens USART1 on PA9 and PA10.
///
/// Where the crystal or the PLL does not start, the core stays on the internal oscillator, and the port is set
/// for that.
///
/// # Safety
/// The chip must be an STM32F1 with a crystal of 8 MHz, and nobody else may use these peripherals.
pub unsafe fn open() -> Usart {
    // SAFETY: the chip has these peripherals, says the caller.
    let (rcc, flash, port) = unsafe { (Registers::new(RCC), Registers::new(FLASH), Registers::new(PORT_A)) };
    rcc.write(CONTROL, rcc.read(CONTROL) | HSE_ON);
    let mut clock = HSI_HZ;
    if wait(|| rcc.read(CONTROL) & HSE_READY != 0) {
        // A wait state for each 24 MHz begun after the first.
        if CLOCK_HZ > 24_000_000 {
            flash.write(0, PREFETCH | ((CLOCK_HZ - 1) / 24_000_000));
        }
        let configuration = PLL_OF_HSE | (PLL_TIMES - 2) << 18 | APB1_HALF;
        rcc.write(CONFIGURATION, configuration);
        rcc.write(CONTROL, rcc.read(CONTROL) | PLL_ON);
        if wait(|| rcc.read(CONTROL) & PLL_READY != 0) {
            rcc.write(CONFIGURATION, configuration | CORE_OF_PLL);
            clock = CLOCK_HZ;
        }
    }
    rcc.write(APB2_ENABLE, rcc.read(APB2_ENABLE) | USED);
    port.write(PINS_HIGH, port.read(PINS_HIGH) & !PA9_PA10_MASK | PA9_PA10);
    // SAFETY: USART1 has its clock and its pins.
    unsafe { Usart::new(clock) }
}
