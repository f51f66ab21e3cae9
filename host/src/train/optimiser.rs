//! Adam and AdamW over the network's variables, its state in plain sight.
//!
//! Kingma and Ba, "Adam: a method for stochastic optimization", 2015; Loshchilov and Hutter,
//! "Decoupled weight decay regularization", 2019.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::Result;
use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor, Var, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which rule makes a step of a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Weight decay is added to the gradient.
    Adam,
    /// Weight decay is applied to the weights.
    #[value(name = "adamw")]
    AdamW,
}

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// First and second moments of every variable.
#[derive(Debug)]
pub struct Optimiser {
    rule: Rule,
    decay: f32,
    steps: i32,
    moments: BTreeMap<String, Mutex<Moments>>,
}

#[derive(Clone, Debug, Default)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Optimiser {
    /// An optimiser that has not stepped yet.
    #[must_use]
    pub fn new(rule: Rule, decay: f32, vars: &BTreeMap<String, Var>) -> Self {
        let moments = vars
            .iter()
            .map(|(name, var)| {
                let zeros = vec![0.0; var.elem_count()];
                (name.clone(), Mutex::new(Moments { first: zeros.clone(), second: zeros }))
            })
            .collect();
        Self { rule, decay, steps: 0, moments }
    }

    /// Moves every variable against its gradient.
    ///
    /// # Errors
    /// If a gradient has another size than its variable.
    pub fn step(
        &mut self,
        vars: &BTreeMap<String, Var>,
        gradients: &BTreeMap<String, Vec<f32>>,
        rate: f32,
    ) -> Result<()> {
        self.steps += 1;
        let scale = (1.0 - BETA_2.powi(self.steps)).sqrt() / (1.0 - BETA_1.powi(self.steps));
        for (name, var) in vars {
            let (Some(gradient), Some(moments)) = (gradients.get(name), self.moments.get(name)) else {
                continue;
            };
            // Biases are not decayed.
            let decay = if name.contains("bias") { 0.0 } else { self.decay };
            let update = Update { rule: self.rule, rate, decay, scale, gradient, moments };
            if var.device().is_cpu() {
                var.inplace_op1(&update)?;
            } else {
                let mut values = var.flatten_all()?.to_vec1::<f32>()?;
                update.apply(&mut values)?;
                var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
            }
        }
        Ok(())
    }
}

/// One variable's step.
struct Update<'a> {
    rule: Rule,
    rate: f32,
    decay: f32,
    /// √(1 − β₂ᵗ) / (1 − β₁ᵗ)
    scale: f32,
    gradient: &'a [f32],
    moments: &'a Mutex<Moments>,
}

impl Update<'_> {
    fn apply(&self, values: &mut [f32]) -> candle_core::Result<()> {
        let Ok(mut moments) = self.moments.lock() else { bail!("an earlier step failed") };
        if values.len() != self.gradient.len() || values.len() != moments.first.len() {
            bail!("a gradient of {} numbers for a variable of {}", self.gradient.len(), values.len());
        }
        let Moments { first, second } = &mut *moments;
        let (added, shrink) = match self.rule {
            Rule::Adam => (self.decay, 1.0),
            Rule::AdamW => (0.0, 1.0 - self.rate * self.decay),
        };
        let (rate, epsilon) = (self.rate * self.scale, EPSILON * self.scale.recip());
        adam(values, self.gradient, first, second, added, shrink, rate, epsilon);
        Ok(())
    }
}

#[allow(clippy::too_many_arguments)]
fn adam(
    values: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    added: f32,
    shrink: f32,
    rate: f32,
    epsilon: f32,
) {
    for (((w, &g), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
        let g = g + added * *w;
        *m = BETA_1 * *m + (1.0 - BETA_1) * g;
        *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
        *w = shrink * *w - rate * *m / (v.sqrt() + epsilon);
    }
}

impl InplaceOp1 for Update<'_> {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("adam updates contiguous f32 variables");
        };
        self.apply(&mut values[start..end])
    }
}

/// Scales all gradients so that their common norm is at most `limit`; the norm before.
pub fn clip(gradients: &mut BTreeMap<String, Vec<f32>>, limit: f32) -> f64 {
    let square = |values: &Vec<f32>| values.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
    let norm = gradients.values().map(square).sum::<f64>().sqrt();
    if norm > f64::from(limit) {
        let factor = (f64::from(limit) / norm) as f32;
        gradients.values_mut().flatten().for_each(|g| *g *= factor);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use candle_nn::Optimizer;

    /// Candle's own AdamW makes the same steps.
    #[test]
    fn steps_are_those_of_candle() {
        for decay in [0.0, 0.1] {
            let start = Tensor::new(&[0.5f32, -0.3, 2.0], &Device::Cpu).expect("tensor");
            let ours = Var::from_tensor(&start).expect("var");
            let theirs = Var::from_tensor(&start.copy().expect("copies")).expect("var");
            let vars = BTreeMap::from([("w".to_owned(), ours.clone())]);
            let mut optimiser = Optimiser::new(Rule::AdamW, decay, &vars);
            let params = candle_nn::ParamsAdamW {
                lr: 0.01,
                weight_decay: decay.into(),
                ..candle_nn::ParamsAdamW::default()
            };
            let mut reference = candle_nn::AdamW::new(vec![theirs.clone()], params).expect("optimiser");
            for _ in 0..20 {
                let loss = theirs.sqr().and_then(|t| t.sum_all()).expect("loss");
                reference.backward_step(&loss).expect("steps");
                let gradient = ours.to_vec1::<f32>().expect("values").iter().map(|w| 2.0 * w).collect();
                let gradients = BTreeMap::from([("w".to_owned(), gradient)]);
                optimiser.step(&vars, &gradients, 0.01).expect("steps");
            }
            let (a, b) = (ours.to_vec1::<f32>().expect("values"), theirs.to_vec1::<f32>().expect("values"));
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn clipping_bounds_the_norm() {
        let mut gradients = BTreeMap::from([("a".to_owned(), vec![3.0]), ("b".to_owned(), vec![4.0])]);
        assert!((clip(&mut gradients, 1.0) - 5.0).abs() < 1e-6);
        assert!((clip(&mut gradients, 1.0) - 1.0).abs() < 1e-6);
    }
}
