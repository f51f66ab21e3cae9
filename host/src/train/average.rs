//! The running average of the weights.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::model::Network;

/// The running average of the weights (Polyak and Juditsky, 1992, with exponential forgetting).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Average {
    decay: f32,
    steps: usize,
    values: BTreeMap<String, Vec<f32>>,
}

impl Average {
    /// The average of what the network holds now; a `decay` of 0 makes an average that does nothing.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(network: &Network, decay: f32) -> Result<Self> {
        let mut values = BTreeMap::new();
        if decay > 0.0 {
            for (name, var) in network.vars() {
                values.insert(name.clone(), var.flatten_all()?.to_vec1()?);
            }
        }
        Ok(Self { decay, steps: 0, values })
    }

    /// Checks that it is an average of this network's weights.
    ///
    /// # Errors
    /// If a name or a size differs.
    pub fn check(&self, network: &Network) -> Result<()> {
        let fits = |(name, values): (&String, &Vec<f32>)| {
            network.vars().get(name).is_some_and(|var| var.elem_count() == values.len())
        };
        let complete = self.values.is_empty() || self.values.len() == network.vars().len();
        ensure!(complete && self.values.iter().all(fits), "the average is that of another model");
        Ok(())
    }

    /// Takes in the weights after a step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn update(&mut self, network: &Network) -> Result<()> {
        self.steps += 1;
        // Young averages forget faster, so that the first steps do not linger.
        let decay = self.decay.min(self.steps as f32 / (self.steps as f32 + 9.0));
        for (name, average) in &mut self.values {
            let now: Vec<f32> = network.vars()[name].flatten_all()?.to_vec1()?;
            average
                .iter_mut()
                .zip(now)
                .for_each(|(average, now)| *average += (now - *average) * (1.0 - decay));
        }
        Ok(())
    }

    /// Puts the average into the network; what was there is returned.
    ///
    /// # Errors
    /// If the device fails.
    pub fn swap(&self, network: &Network) -> Result<BTreeMap<String, Tensor>> {
        let mut before = BTreeMap::new();
        for (name, average) in &self.values {
            let var = &network.vars()[name];
            before.insert(name.clone(), var.copy()?);
            var.set(&Tensor::from_slice(average, var.shape(), var.device())?)?;
        }
        Ok(before)
    }

    /// Puts back what [`Self::swap`] returned.
    ///
    /// # Errors
    /// If the device fails.
    pub fn swap_back(&self, network: &Network, before: BTreeMap<String, Tensor>) -> Result<()> {
        for (name, tensor) in before {
            network.vars()[&name].set(&tensor)?;
        }
        Ok(())
    }
}
