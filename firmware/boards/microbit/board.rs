//! BBC micro:bit v1: nRF51822, 256 kB flash, 16 kB RAM (nRF51822 PS 3.4, section 1).

use crate::drivers::nrf51_uart::Uart;

/// The board's name.
pub const NAME: &str = "microbit";

/// i16 of state: an RNN, GRU or LSTM layer of 256, or several smaller ones.
pub const UNITS: usize = 1024;
/// i32 of pooling: units of the last layer.
pub const POOL: usize = 256;
/// i16 of activations: the widest input, rounded up to 8.
pub const INPUT: usize = 256;
/// i32 of sums: 4 per unit of a GRU or LSTM layer, 1 of an RNN, and 2.
pub const SUMS: usize = 1026;

/// The serial port that the session runs on.
#[must_use]
pub fn uart() -> Uart {
    // SAFETY: the board has an nRF51822 with its USB bridge on these pins, and the program asks once.
    unsafe { Uart::new(24, 25) }
}
