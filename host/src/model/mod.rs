//! Networks in f32: their shape, their parameters, and [`Network::forward`], which trains and evaluates them on
//! every device.

pub mod config;
pub mod dropout;
pub mod gradients;
pub mod network;
pub mod sequence;
pub mod weights;

#[cfg(test)]
mod tests;

pub use config::{Cell, Config, Pooling};
pub use gradients::{Gradient, Gradients};
pub use network::{Batch, ForwardOptions, ForwardPass, Network};
pub use weights::Weights;
