//! How good a model is: its measures by class, what its parts say alone, what early exit saves, which texts it rejects, and what words say.

pub mod early_exit;
pub mod explain;
pub mod measures;
pub mod parts;
pub mod rejection;
