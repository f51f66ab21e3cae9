//! Talking to a board that runs a session: who is there, what it says to people, and the proof that it says what the
//! PC says.

pub mod check;
mod greeting;
mod screen;
pub mod suite;

pub use greeting::{Facts, Greeting, meet};
pub use screen::Screen;
