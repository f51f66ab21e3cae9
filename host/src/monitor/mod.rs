//! Talking to a board that runs a session: its greeting, a terminal, and the check that its output equals the PC's.

pub mod check;
mod greeting;
mod screen;
pub mod suite;

pub use greeting::{Facts, Greeting, meet};
pub use screen::Screen;
