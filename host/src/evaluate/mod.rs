//! How good a model is: measures by class, each part alone, early exit, rejection, and the contributions of words.

pub mod early_exit;
pub mod explain;
pub mod measures;
pub mod parts;
pub mod rejection;
