//! Adam and AdamW over the network's variables, with accessible state.
//!
//! Kingma and Ba, "Adam: a method for stochastic optimization", 2015; Loshchilov and Hutter,
//! "Decoupled weight decay regularization", 2019.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor, Var, bail};
use clap::ValueEnum;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::model::gradients::{Gradient, Gradients};
use crate::model::sequence::simd::vectorised;

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

/// What an optimiser has learnt of the gradients so far: enough to go on as if it had never stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    steps: i32,
    /// First and second moments by the variable's name.
    moments: BTreeMap<String, (Vec<f32>, Vec<f32>)>,
}

#[derive(Clone, Debug, Default)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
    /// On a device, these count instead.
    tensors: Option<(Tensor, Tensor)>,
}

impl Moments {
    /// The moments as tensors in the shape of their variable.
    fn on_device(&self, var: &Var) -> candle_core::Result<(Tensor, Tensor)> {
        if let Some(tensors) = &self.tensors {
            return Ok(tensors.clone());
        }
        let tensor = |values: &[f32]| Tensor::from_slice(values, var.shape(), var.device());
        Ok((tensor(&self.first)?, tensor(&self.second)?))
    }
}

impl Optimiser {
    /// An optimiser that has not stepped yet.
    #[must_use]
    pub fn new(rule: Rule, decay: f32, vars: &BTreeMap<String, Var>) -> Self {
        let moments = vars
            .iter()
            .map(|(name, var)| {
                let zeros = vec![0.0; var.elem_count()];
                (name.clone(), Mutex::new(Moments { first: zeros.clone(), second: zeros, tensors: None }))
            })
            .collect();
        Self { rule, decay, steps: 0, moments }
    }

    /// A copy of the state.
    ///
    /// # Errors
    /// If an earlier step failed half-way, or the device fails.
    pub fn state(&self) -> Result<State> {
        let copy = |(name, moments): (&String, &Mutex<Moments>)| -> Result<_> {
            let Ok(moments) = moments.lock() else { anyhow::bail!("an earlier step failed") };
            let values = match &moments.tensors {
                None => (moments.first.clone(), moments.second.clone()),
                Some((first, second)) => (first.flatten_all()?.to_vec1()?, second.flatten_all()?.to_vec1()?),
            };
            Ok((name.clone(), values))
        };
        Ok(State { steps: self.steps, moments: self.moments.iter().map(copy).collect::<Result<_>>()? })
    }

    /// Goes on from `state`, taken from an optimiser of the same variables.
    ///
    /// # Errors
    /// If the variables differ in name or size.
    pub fn restore(&mut self, state: State) -> Result<()> {
        let same = self.moments.len() == state.moments.len()
            && self.state()?.moments.iter().all(|(name, (own, _))| {
                let fits = |(first, second): &(Vec<f32>, Vec<f32>)| {
                    first.len() == own.len() && second.len() == own.len()
                };
                state.moments.get(name).is_some_and(fits)
            });
        ensure!(same, "the optimiser's state is that of another model");
        self.steps = state.steps;
        let moments = |(first, second)| Mutex::new(Moments { first, second, tensors: None });
        self.moments = state.moments.into_iter().map(|(name, values)| (name, moments(values))).collect();
        Ok(())
    }

    /// Moves every variable against its gradient times `clip`.
    ///
    /// # Errors
    /// If a gradient has another size than its variable, or the device fails.
    pub fn step(
        &mut self,
        vars: &BTreeMap<String, Var>,
        gradients: &Gradients,
        rate: f32,
        clip: f32,
    ) -> Result<()> {
        self.steps += 1;
        let scale = (1.0 - BETA_2.powi(self.steps)).sqrt() / (1.0 - BETA_1.powi(self.steps));
        for (name, var) in vars {
            let (Some(gradient), Some(moments)) = (gradients.get(name), self.moments.get(name)) else {
                continue;
            };
            // Neither biases nor factors are decayed.
            let spared = ["bias", ".zeta_", ".nu_"].iter().any(|part| name.contains(part));
            let decay = if spared { 0.0 } else { self.decay };
            let (added, shrink) = match self.rule {
                Rule::Adam => (decay, 1.0),
                Rule::AdamW => (0.0, 1.0 - rate * decay),
            };
            let factors =
                Factors { clip, added, shrink, rate: rate * scale, epsilon: EPSILON * scale.recip() };
            let update = Update { factors, gradient, moments };
            if var.device().is_cpu() {
                var.inplace_op2(gradient.values(), &update)?;
            } else {
                update.on_device(var)?;
            }
        }
        Ok(())
    }
}

/// What a step's rate and decay come to.
#[derive(Clone, Copy, Debug)]
struct Factors {
    /// Share of the gradient that counts.
    clip: f32,
    /// Share of the weight that is added to the gradient.
    added: f32,
    /// Share of the weight that is left.
    shrink: f32,
    /// The rate times √(1 − β₂ᵗ) / (1 − β₁ᵗ).
    rate: f32,
    /// ε divided by the same.
    epsilon: f32,
}

/// One variable's step.
struct Update<'a> {
    factors: Factors,
    gradient: &'a Gradient,
    moments: &'a Mutex<Moments>,
}

/// Rows that a thread updates in one go.
const ROWS: usize = 1024;

impl Update<'_> {
    fn apply(&self, values: &mut [f32], gradient: &[f32]) -> candle_core::Result<()> {
        let Ok(mut moments) = self.moments.lock() else { bail!("an earlier step failed") };
        let Moments { first, second, .. } = &mut *moments;
        match self.gradient {
            Gradient::Dense(_) if gradient.len() == values.len() => {
                adam(self.factors, values, first, second, gradient);
            }
            Gradient::Rows(rows) if values.len().is_multiple_of(rows.values.dim(1)?.max(1)) => {
                let width = rows.values.dim(1)?;
                let size = ROWS * width;
                let parts = values.par_chunks_mut(size).zip(first.par_chunks_mut(size));
                parts.zip(second.par_chunks_mut(size)).enumerate().for_each(
                    |(part, ((values, first), second))| {
                        let from = part * ROWS;
                        adam_rows(self.factors, from, &rows.ids, gradient, width, values, first, second);
                    },
                );
            }
            _ => bail!("a gradient of another size than its variable's {}", values.len()),
        }
        Ok(())
    }

    /// The same in tensor operations on the variable's device, where the moments stay.
    fn on_device(&self, var: &Var) -> Result<()> {
        let Ok(mut moments) = self.moments.lock() else { anyhow::bail!("an earlier step failed") };
        let gradient = match self.gradient {
            Gradient::Dense(gradient) => gradient.clone(),
            Gradient::Rows(rows) => rows.to_dense(var.dim(0)?)?,
        };
        let Factors { clip, added, shrink, rate, epsilon } = self.factors;
        let (first, second) = moments.on_device(var)?;
        let g = ((gradient * f64::from(clip))? + (var.as_tensor() * f64::from(added))?)?;
        let first = ((first * f64::from(BETA_1))? + (&g * f64::from(1.0 - BETA_1))?)?;
        let second = ((second * f64::from(BETA_2))? + (g.sqr()? * f64::from(1.0 - BETA_2))?)?;
        let step = ((&first * f64::from(rate))? / (second.sqrt()? + f64::from(epsilon))?)?;
        var.set(&((var.as_tensor() * f64::from(shrink))? - step)?)?;
        moments.tensors = Some((first, second));
        Ok(())
    }
}

/// Rows of `width` numbers from `from` on; most of them have no gradient, which those `ids` have, but still move by
/// their moments.
#[allow(clippy::too_many_arguments)]
fn adam_rows(
    factors: Factors,
    from: usize,
    ids: &[u32],
    gradients: &[f32],
    width: usize,
    values: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let count = values.len() / width;
    let start = ids.partition_point(|&id| (id as usize) < from);
    let end = ids.partition_point(|&id| (id as usize) < from + count);
    vectorised(
        #[inline(always)]
        || {
            let mut done = 0;
            for at in start..=end {
                let next = if at < end { ids[at] as usize - from } else { count };
                let gap = done * width..next * width;
                for ((w, m), v) in
                    values[gap.clone()].iter_mut().zip(&mut first[gap.clone()]).zip(&mut second[gap.clone()])
                {
                    factors.step(w, m, v, 0.0);
                }
                if at < end {
                    let own = next * width..(next + 1) * width;
                    let gradient = &gradients[at * width..(at + 1) * width];
                    for (((w, m), v), &g) in values[own.clone()]
                        .iter_mut()
                        .zip(&mut first[own.clone()])
                        .zip(&mut second[own.clone()])
                        .zip(gradient)
                    {
                        factors.step(w, m, v, g);
                    }
                }
                done = next + 1;
            }
        },
    );
}

fn adam(factors: Factors, values: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (((w, m), v), &g) in values.iter_mut().zip(first).zip(second).zip(gradient) {
                factors.step(w, m, v, g);
            }
        },
    );
}

impl Factors {
    #[inline(always)]
    fn step(self, w: &mut f32, m: &mut f32, v: &mut f32, g: f32) {
        let g = self.clip * g + self.added * *w;
        let first = BETA_1 * *m + (1.0 - BETA_1) * g;
        // A moment that has faded counts as zero before it gets subnormal, and slow.
        *m = if first.abs() < 1e-30 { 0.0 } else { first };
        *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
        *w = self.shrink * *w - self.rate * *m / (v.sqrt() + self.epsilon);
    }
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        values: &mut CpuStorage,
        values_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), CpuStorage::F32(gradient), Some((start, end)), Some((from, to))) =
            (values, gradient, values_layout.contiguous_offsets(), gradient_layout.contiguous_offsets())
        else {
            bail!("adam updates contiguous f32 variables with contiguous f32 gradients");
        };
        self.apply(&mut values[start..end], &gradient[from..to])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gradients::Rows;
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
                let gradient = (ours.as_tensor() * 2.0).expect("scales");
                let mut gradients = Gradients::default();
                gradients.insert("w".to_owned(), Gradient::Dense(gradient));
                optimiser.step(&vars, &gradients, 0.01, 1.0).expect("steps");
            }
            let (a, b) = (ours.to_vec1::<f32>().expect("values"), theirs.to_vec1::<f32>().expect("values"));
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    /// Sparse rows and tensor operations move a variable as the dense gradient does.
    #[test]
    fn all_ways_make_the_same_step() {
        for rule in [Rule::Adam, Rule::AdamW] {
            let values: Vec<f32> = (0..3000 * 2).map(|at| (at % 17) as f32 / 17.0).collect();
            let start = Tensor::from_vec(values, (3000, 2), &Device::Cpu).expect("tensor");
            let factors = |step: u32| (0..10).map(move |at| (at as f32 - 4.5) * (step + 1) as f32);
            let rows = |step: u32| {
                let values = Tensor::from_iter(factors(step), &Device::Cpu);
                let values = values.and_then(|values| values.reshape((5, 2))).expect("tensor");
                Rows { ids: vec![step, 7, 1023, 1024, 2999], values }
            };
            let moved = |kind: &dyn Fn(Rows) -> Gradient| {
                let var = Var::from_tensor(&start.copy().expect("copies")).expect("var");
                let vars = BTreeMap::from([("w".to_owned(), var.clone())]);
                let mut optimiser = Optimiser::new(rule, 0.1, &vars);
                for step in 0..6 {
                    let mut gradients = Gradients::default();
                    gradients.insert("w".to_owned(), kind(rows(step)));
                    optimiser.step(&vars, &gradients, 0.01, 0.5).expect("steps");
                }
                var.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("values")
            };
            let expected = moved(&|rows| Gradient::Dense(rows.to_dense(3000).expect("dense")));
            assert_eq!(moved(&Gradient::Rows), expected);
            let var = Var::from_tensor(&start.copy().expect("copies")).expect("var");
            let zeros = vec![0.0; 6000];
            let moments = Mutex::new(Moments { first: zeros.clone(), second: zeros, tensors: None });
            for step in 0..6 {
                let scale = (1.0 - BETA_2.powi(step + 1)).sqrt() / (1.0 - BETA_1.powi(step + 1));
                let (added, shrink) = if rule == Rule::Adam { (0.1, 1.0) } else { (0.0, 1.0 - 0.01 * 0.1) };
                let factors =
                    Factors { clip: 0.5, added, shrink, rate: 0.01 * scale, epsilon: EPSILON / scale };
                let gradient = Gradient::Rows(rows(step as u32));
                Update { factors, gradient: &gradient, moments: &moments }.on_device(&var).expect("steps");
            }
            let on_device = var.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("values");
            for (a, b) in on_device.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }
}
