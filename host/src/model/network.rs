//! The network as Candle sees it: variables under PyTorch's names, and the forward pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::config::Config;
use super::sequence::plan::Plan;
use super::sequence::{self, graph};
use super::weights::Weights;

/// The spread of freshly drawn embedding rows.
const EMBEDDING_RANGE: f32 = 0.2;

/// A trainable network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its shape.
    pub config: Config,
    vars: BTreeMap<String, Var>,
    device: Device,
}

/// Texts laid out for one pass.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The layout by time, texts by falling length.
    pub plan: Arc<Plan>,
    /// \[N\] ids by time.
    pub ids: Vec<u32>,
    /// \[B\] the index that each text had in the list the batch was made of.
    pub order: Vec<usize>,
}

impl Batch {
    /// Lays out texts given as ids.
    #[must_use]
    pub fn new(texts: &[&[u32]]) -> Self {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&text| std::cmp::Reverse(texts[text].len()));
        let plan = Plan::new(order.iter().map(|&text| texts[text].len()).collect());
        let mut ids = Vec::with_capacity(plan.rows());
        for step in 0..plan.steps() {
            ids.extend(order[..plan.step(step).len()].iter().map(|&text| texts[text][step]));
        }
        Self { plan: Arc::new(plan), ids, order }
    }
}

/// Dropout and truncation of a training pass; the default is plain evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pass {
    /// Dropout on embeddings.
    pub dropout_embed: f32,
    /// Dropout before the head.
    pub dropout_head: f32,
    /// Back-propagation through time stops at multiples of this many words.
    pub bptt: Option<usize>,
    /// Whether there are logits after every word, not only after the last.
    pub every_word: bool,
}

impl Network {
    /// Fresh parameters: uniform within ±1/√H for layers, ±1/√inputs for linear maps (PyTorch's
    /// choices), ±0.2 for embeddings.
    ///
    /// # Errors
    /// If the shape is out of range or the device has no memory for it.
    pub fn new(config: &Config, device: &Device, seed: u64) -> Result<Self> {
        config.check()?;
        let mut random = Pcg64::seed_from_u64(seed);
        let mut tensors = BTreeMap::new();
        let mut inputs = config.hidden;
        for (name, shape) in config.parameters() {
            if let ([_, columns], true) = (&shape[..], name.starts_with("fc")) {
                inputs = *columns;
            }
            let range = match &name[..3] {
                "emb" => EMBEDDING_RANGE,
                "rnn" => 1.0 / (config.hidden as f32).sqrt(),
                _ => 1.0 / (inputs as f32).sqrt(),
            };
            let values: Vec<f32> =
                (0..shape.iter().product()).map(|_| random.random_range(-range..range)).collect();
            tensors.insert(name, values);
        }
        Self::from_weights(&Weights::new(config.clone(), tensors)?, device)
    }

    /// A network of these parameters.
    ///
    /// # Errors
    /// If the device has no memory for it.
    pub fn from_weights(weights: &Weights, device: &Device) -> Result<Self> {
        let mut vars = BTreeMap::new();
        for (name, shape) in weights.config.parameters() {
            let tensor = Tensor::from_slice(weights.get(&name), shape, device)?;
            vars.insert(name, Var::from_tensor(&tensor)?);
        }
        Ok(Self { config: weights.config.clone(), vars, device: device.clone() })
    }

    /// The parameters as plain numbers.
    ///
    /// # Errors
    /// If one is not finite, or the device fails.
    pub fn weights(&self) -> Result<Weights> {
        let mut tensors = BTreeMap::new();
        for (name, var) in &self.vars {
            tensors.insert(name.clone(), var.flatten_all()?.to_vec1()?);
        }
        Weights::new(self.config.clone(), tensors)
    }

    /// The variables by name.
    #[must_use]
    pub const fn vars(&self) -> &BTreeMap<String, Var> {
        &self.vars
    }

    /// Where the network lives.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    fn var(&self, name: &str) -> Result<&Tensor> {
        Ok(self.vars.get(name).with_context(|| format!("no parameter {name}"))?.as_tensor())
    }

    fn linear(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let weight = self.var(&format!("{name}.weight"))?;
        Ok(x.matmul(&weight.t()?)?.broadcast_add(self.var(&format!("{name}.bias"))?)?)
    }

    /// Logits \[B×C\] in the batch's sorted order, or \[N×C\] after every word.
    ///
    /// # Errors
    /// If an id is out of range or the device fails.
    pub fn forward(&self, batch: &Batch, pass: &Pass, random: &mut Pcg64) -> Result<Tensor> {
        let rows = batch.ids.len();
        ensure!(
            batch.ids.iter().all(|&id| (id as usize) < self.config.vocab),
            "a word's id is outside of the vocabulary"
        );
        let mut x = if rows == 0 {
            Tensor::zeros((0, self.config.embed), DType::F32, &self.device)?
        } else {
            let ids = Tensor::from_slice(&batch.ids, rows, &self.device)?;
            let x = self.var("embed.weight")?.index_select(&ids, 0)?;
            dropout(&x, pass.dropout_embed, random)?
        };
        for layer in 0..self.config.layers {
            x = self.layer(layer, &x, batch, pass)?;
        }
        let pooled = sequence::pooled(self.config.pooling, &batch.plan, pass.every_word, &x)?;
        let pooled = dropout(&pooled, pass.dropout_head, random)?;
        if self.config.head_hidden == 0 {
            return self.linear("fc", &pooled);
        }
        self.linear("fc2", &self.linear("fc1", &pooled)?.relu()?)
    }

    fn layer(&self, layer: usize, x: &Tensor, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let var = |what: &str| self.var(&format!("rnn.{what}_l{layer}"));
        let (u, bias) = (var("weight_hh")?, var("bias_hh")?);
        if batch.ids.is_empty() {
            return Ok(Tensor::zeros((0, self.config.hidden), DType::F32, &self.device)?);
        }
        let gi = x.matmul(&var("weight_ih")?.t()?)?.broadcast_add(var("bias_ih")?)?;
        let states = if self.device.is_cpu() {
            sequence::fused(self.config.cell, &batch.plan, pass.bptt, &gi, u, bias)
        } else {
            graph::sequence(self.config.cell, &batch.plan, pass.bptt, &gi, u, bias)
        };
        Ok(states?)
    }
}

/// Zeroes a share `p` of the numbers and scales the others by 1/(1 − p).
fn dropout(x: &Tensor, p: f32, random: &mut Pcg64) -> Result<Tensor> {
    if p <= 0.0 || x.elem_count() == 0 {
        return Ok(x.clone());
    }
    let kept = 1.0 / (1.0 - p);
    // 16 random bits decide about a number.
    let threshold = (p * 65_536.0) as u64;
    let mut mask = Vec::with_capacity(x.elem_count() + 3);
    while mask.len() < x.elem_count() {
        let mut bits: u64 = random.random();
        for _ in 0..4 {
            mask.push(if bits & 0xFFFF < threshold { 0.0 } else { kept });
            bits >>= 16;
        }
    }
    mask.truncate(x.elem_count());
    Ok((x * Tensor::from_vec(mask, x.shape(), x.device())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::{Cell, Pooling};
    use crate::model::weights::Ranges;

    /// Candle's forward pass and the plain step agree on every text, of any length.
    #[test]
    fn the_forward_pass_is_the_step() {
        let texts: [&[u32]; 5] = [&[1, 2, 3, 4], &[], &[5], &[6, 7, 8, 9, 1, 2], &[0, 0]];
        for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm] {
            for (layers, pooling, head_hidden) in
                [(1, Pooling::Last, 0), (2, Pooling::Mean, 7), (3, Pooling::Max, 0)]
            {
                let config =
                    Config { cell, layers, embed: 6, hidden: 9, vocab: 10, pooling, head_hidden, classes: 4 };
                let network = Network::new(&config, &Device::Cpu, 3).expect("builds");
                let weights = network.weights().expect("finite");
                let batch = Batch::new(&texts);
                let random = &mut Pcg64::seed_from_u64(0);
                let logits = network.forward(&batch, &Pass::default(), random).expect("runs");
                let logits: Vec<Vec<f32>> = logits.to_vec2().expect("two dimensions");
                for (row, &text) in batch.order.iter().enumerate() {
                    let (mut state, mut ranges) = (weights.start(), Ranges::default());
                    texts[text].iter().for_each(|&id| weights.step(id, &mut state, &mut ranges));
                    for (a, b) in weights.logits(&state, &mut ranges).iter().zip(&logits[row]) {
                        assert!((a - b).abs() < 1e-5, "{cell} {layers} {pooling:?}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn dropout_keeps_the_mean() {
        let ones = Tensor::ones((100, 100), DType::F32, &Device::Cpu).expect("ones");
        let random = &mut Pcg64::seed_from_u64(1);
        let dropped = dropout(&ones, 0.25, random).expect("drops");
        let mean = dropped.mean_all().and_then(|mean| mean.to_scalar::<f32>()).expect("mean");
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }
}
