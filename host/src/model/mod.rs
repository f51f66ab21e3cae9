//! Networks in f32: their shape, their parameters, and their Candle side.

pub mod config;
pub mod network;
pub mod sequence;
pub mod weights;

pub use config::{Cell, Config, Pooling};
pub use network::{Batch, Network, Pass};
pub use weights::Weights;
