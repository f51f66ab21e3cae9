//! The learning rate over time.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Constant.
    Constant,
    /// Linearly to zero.
    Linear,
    /// Along half a cosine to zero.
    Cosine,
}

/// The share of all steps in which the rate rises to its full height.
const WARM_UP: f64 = 0.05;

impl Schedule {
    /// The factor of step `step` (from 0) of `steps`.
    #[must_use]
    pub fn factor(self, step: usize, steps: usize) -> f32 {
        let done = (step as f64 + 0.5) / steps.max(1) as f64;
        let rise = (done / WARM_UP).min(1.0);
        let rest = ((done - WARM_UP) / (1.0 - WARM_UP)).clamp(0.0, 1.0);
        let factor = match self {
            Self::Constant => return 1.0,
            Self::Linear => rise * (1.0 - rest),
            Self::Cosine => rise * 0.5 * (1.0 + (std::f64::consts::PI * rest).cos()),
        };
        factor as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_and_fall() {
        for schedule in [Schedule::Linear, Schedule::Cosine] {
            let factors: Vec<f32> = (0..200).map(|step| schedule.factor(step, 200)).collect();
            assert!(factors[0] < 0.1 && factors[10] > 0.95 && factors[199] < 0.01);
            assert!(factors[10..].is_sorted_by(|a, b| a >= b));
        }
        assert!((Schedule::Constant.factor(3, 9) - 1.0).abs() < 1e-9);
    }
}
