//! The network: variables under PyTorch's names, and the forward pass that trains and evaluates it on every device.
//!
//! Letters: N rows (all words by time), B texts, R results (N after every word, otherwise B), U distinct words, E, H
//! and C as in [`Config`].

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{Linear, Module};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::config::Config;
use super::dropout::Dropout;
use super::gradients::{Gradient, Gradients, Rows};
use super::sequence::packed::PackedSequence;
use super::sequence::{self, Tensors};
use super::weights::Weights;

/// What a FastGRNN's layers start with: the sigmoids of ζ and ν are 0.73 and 0.018, and z keeps 0.73 of the state.
const STARTS: [(&str, f32); 3] = [("rnn.zeta_", 1.0), ("rnn.nu_", -4.0), ("rnn.bias_gate_", 1.0)];

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
    pub packed: Arc<PackedSequence>,
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
        let packed = PackedSequence::new(order.iter().map(|&text| texts[text].len()).collect());
        let mut ids = Vec::with_capacity(packed.rows());
        for step in 0..packed.steps() {
            ids.extend(order[..packed.step(step).len()].iter().map(|&text| texts[text][step]));
        }
        Self { packed: Arc::new(packed), ids, order }
    }

    /// The distinct ids, ascending \[U\], and for each row its id's place among them \[N\].
    fn distinct(&self) -> (Vec<u32>, Vec<u32>) {
        let mut places = vec![0; self.ids.iter().max().map_or(0, |&id| id as usize + 1)];
        self.ids.iter().for_each(|&id| places[id as usize] = 1);
        let distinct: Vec<u32> = (0..places.len() as u32).filter(|&id| places[id as usize] == 1).collect();
        distinct.iter().zip(0..).for_each(|(&id, place)| places[id as usize] = place);
        let of_rows = self.ids.iter().map(|&id| places[id as usize]).collect();
        (distinct, of_rows)
    }
}

/// How a batch goes through the network; the default is plain evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForwardOptions {
    /// Dropout on embeddings.
    pub dropout_embed: f32,
    /// Dropout before the head.
    pub dropout_head: f32,
    /// Back-propagation through time stops at multiples of this many words.
    pub bptt: Option<usize>,
    /// Whether there are logits after every word, not only after the last.
    pub every_word: bool,
}

/// The seeds of a pass's dropout masks.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// Of the embeddings' mask.
    pub embed: u32,
    /// Of the head's mask.
    pub head: u32,
}

impl Seeds {
    /// Draws seeds.
    pub fn draw(random: &mut Pcg64) -> Self {
        Self { embed: random.random(), head: random.random() }
    }
}

impl Network {
    /// Fresh parameters: uniform within ±1/√H for layers, ±1/√inputs for linear maps (PyTorch's
    /// choices), ±0.2 for embeddings; ζ, ν and the gates' biases of a FastGRNN start as in its authors' own code.
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
            if let Some(&(_, start)) = STARTS.iter().find(|(prefix, _)| name.starts_with(prefix)) {
                tensors.insert(name, vec![start; shape.iter().product()]);
                continue;
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
        let (weight, bias) = (self.var(&format!("{name}.weight"))?, self.var(&format!("{name}.bias"))?);
        Ok(Linear::new(weight.clone(), Some(bias.clone())).forward(x)?)
    }

    fn check(&self, batch: &Batch) -> Result<()> {
        ensure!(
            batch.ids.iter().all(|&id| (id as usize) < self.config.vocab),
            "a word's id is outside of the vocabulary"
        );
        Ok(())
    }

    /// Runs a batch forward on Candle's tape.
    ///
    /// The embedding's rows that the batch reads are a variable of their own: so their gradient, and not one of the
    /// whole table, is what comes back.
    ///
    /// # Errors
    /// If an id is out of range or the device fails.
    pub fn forward(
        &self,
        batch: &Batch,
        options: &ForwardOptions,
        random: &mut Pcg64,
    ) -> Result<ForwardPass<'_>> {
        self.check(batch)?;
        let seeds = Seeds::draw(random);
        let mut embedding = None;
        let mut x = Tensor::zeros((0, self.config.hidden), DType::F32, &self.device)?;
        if !batch.ids.is_empty() {
            let (ids, places) = batch.distinct();
            let index = Tensor::new(&ids[..], &self.device)?;
            let rows = Var::from_tensor(&self.var("embed.weight")?.index_select(&index, 0)?)?;
            x = sequence::lookup(&rows, places, Dropout { p: options.dropout_embed, seed: seeds.embed })?;
            for layer in 0..self.config.layers {
                x = self.layer(layer, &x, batch, options)?;
            }
            embedding = Some((ids, rows));
        }
        let dropout = Dropout { p: options.dropout_head, seed: seeds.head };
        let pooled = sequence::pooled(self.config.pooling, &batch.packed, options.every_word, dropout, &x)?;
        let logits = match self.config.head_hidden {
            0 => self.linear("fc", &pooled)?,
            _ => self.linear("fc2", &self.linear("fc1", &pooled)?.relu()?)?,
        };
        Ok(ForwardPass { network: self, embedding, logits })
    }

    /// ζ and ν \[2\] of a FastGRNN's layer.
    fn mix(&self, layer: usize) -> Result<Option<Tensor>> {
        let factors = self.config.cell.factors();
        let raw = factors.iter().map(|what| self.var(&format!("rnn.{what}_l{layer}")));
        let raw = raw.collect::<Result<Vec<_>>>()?;
        if raw.is_empty() {
            return Ok(None);
        }
        Ok(Some(candle_nn::ops::sigmoid(&Tensor::cat(&raw, 0)?)?))
    }

    fn layer(&self, layer: usize, x: &Tensor, batch: &Batch, options: &ForwardOptions) -> Result<Tensor> {
        let var = |what: &str| self.var(&format!("rnn.{what}_l{layer}"));
        let mix = self.mix(layer)?;
        let [bias_ih, bias_hh] = self.config.cell.biases();
        let tensors = Tensors {
            weight_ih: var("weight_ih")?,
            weight_hh: var("weight_hh")?,
            bias_ih: var(bias_ih)?,
            bias_hh: var(bias_hh)?,
            mix: mix.as_ref(),
        };
        Ok(sequence::layer(self.config.cell, &batch.packed, options.bptt, x, &tensors)?)
    }
}

/// A finished forward pass.
#[derive(Debug)]
pub struct ForwardPass<'n> {
    network: &'n Network,
    /// The distinct ids \[U\] and their rows \[U×E\], if there are words.
    embedding: Option<(Vec<u32>, Var)>,
    /// \[R×C\] in the batch's sorted order, on the tape.
    pub logits: Tensor,
}

impl ForwardPass<'_> {
    /// The gradients of all parameters that `loss`, a number made of the logits, depends on.
    ///
    /// # Errors
    /// If the device fails, or a pass runs backward a second time.
    pub fn backward(self, loss: &Tensor) -> Result<Gradients> {
        let mut store = loss.backward()?;
        let mut gradients = Gradients::default();
        for (name, var) in &self.network.vars {
            if let Some(gradient) = store.remove(var) {
                gradients.insert(name.clone(), Gradient::Dense(gradient));
            }
        }
        if let Some((ids, rows)) = self.embedding
            && let Some(values) = store.remove(&rows)
        {
            gradients.insert("embed.weight".to_owned(), Gradient::Rows(Rows { ids, values }));
        }
        Ok(gradients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::{Cell, Pooling};
    use crate::model::weights::Ranges;

    /// The forward pass and the plain step agree on every text, of any length.
    #[test]
    fn the_forward_pass_is_the_step() {
        let texts: [&[u32]; 5] = [&[1, 2, 3, 4], &[], &[5], &[6, 7, 8, 9, 1, 2], &[0, 0]];
        for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm, Cell::Fastgrnn] {
            for (layers, pooling, head_hidden) in
                [(1, Pooling::Last, 0), (2, Pooling::Mean, 7), (3, Pooling::Max, 0)]
            {
                let config =
                    Config { cell, layers, embed: 6, hidden: 9, vocab: 10, pooling, head_hidden, classes: 4 };
                let network = Network::new(&config, &Device::Cpu, 3).expect("builds");
                let weights = network.weights().expect("finite");
                let batch = Batch::new(&texts);
                let random = &mut Pcg64::seed_from_u64(0);
                let pass = network.forward(&batch, &ForwardOptions::default(), random).expect("runs");
                let logits: Vec<Vec<f32>> = pass.logits.to_vec2().expect("two dimensions");
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
}
