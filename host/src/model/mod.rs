//! Networks in f32: their shape, their parameters, their Candle side ([`network`]) and the CPU's
//! way through them without Candle's tape ([`run`]), and a GPU's ([`device`]).

pub mod config;
pub mod device;
pub mod dropout;
pub mod gradients;
pub mod linear;
pub mod network;
pub mod run;
pub mod sequence;
pub mod weights;

#[cfg(test)]
mod tests;

pub use config::{Cell, Config, Pooling};
pub use gradients::{Gradient, Gradients};
pub use network::{Batch, Network, Pass};
pub use run::Run;
pub use weights::Weights;
