//! A pass over a batch in tensor operations, on any device: what trains on a GPU.
//!
//! Candle's tape carries the cheap ends (embedding, input products, head, loss); the recurrent part
//! goes forward and back by [`tensor`](super::sequence::tensor), pooling by one product with a
//! triangular matrix. Where the tape is interrupted, a variable takes its place on one side and a
//! product with the known gradient on the other.

use anyhow::{Context, Result};
use candle_core::{D, DType, Tensor, Var};
use rand_pcg::Pcg64;

use super::config::Pooling;
use super::dropout::dropped;
use super::gradients::{Gradient, Gradients};
use super::network::{Batch, Network, Pass, Seeds};
use super::sequence::plan::Plan;
use super::sequence::{pool, tensor};

/// One layer on the way: its input's products on the tape, its states off it.
struct Layer {
    gi: Tensor,
    mix: Option<tensor::Mix>,
    pass: tensor::Pass,
    /// The states of the layer below as a variable, for all layers but the first.
    input: Option<Var>,
}

/// Pooled states and how their gradient gets back.
enum Pooled {
    /// By a matrix product over padded texts.
    Mean { means: Tensor, mean: Mean },
    /// On the tape, from the states as a variable.
    Tape { states: Var, pooled: Tensor },
}

impl Pooled {
    fn tensor(&self) -> &Tensor {
        match self {
            Self::Mean { means, .. } => means,
            Self::Tape { pooled, .. } => pooled,
        }
    }
}

/// Means over time: texts padded to \[T×B×H\] and multiplied with a lower triangle of shares.
struct Mean {
    /// Row t has 1/(t+1) up to column t, \[T×T\].
    shares: Tensor,
    /// For each cell of T×B its row of h, or N where the text is over.
    spread: Tensor,
    /// For each cell of T×B its row of the results, or their number where it has none.
    wanted: Tensor,
    /// For each row of h its cell.
    rows: Tensor,
    /// For each result its cell, or T·B for an empty text.
    results: Tensor,
    texts: usize,
}

/// Rows of x \[R×H\] by index; the index R gives zeros.
fn select(x: &Tensor, index: &Tensor) -> candle_core::Result<Tensor> {
    x.pad_with_zeros(0, 0, 1)?.index_select(index, 0)
}

impl Mean {
    fn new(plan: &Plan, running: bool, like: &Tensor) -> Result<Self> {
        let (steps, texts, device) = (plan.steps(), plan.texts(), like.device());
        let results = if running { plan.rows() } else { texts };
        let mut shares = vec![0.0f32; steps * steps];
        let mut spread = vec![plan.rows() as u32; steps * texts];
        let mut wanted = vec![results as u32; steps * texts];
        let mut rows = Vec::with_capacity(plan.rows());
        let mut ends = vec![(steps * texts) as u32; texts];
        for step in 0..steps {
            shares[step * steps..=step * steps + step].fill(1.0 / (step + 1) as f32);
            for (text, row) in plan.step(step).enumerate() {
                let cell = step * texts + text;
                spread[cell] = row as u32;
                rows.push(cell as u32);
                if running {
                    wanted[cell] = row as u32;
                } else if step + 1 == plan.lengths()[text] {
                    wanted[cell] = text as u32;
                    ends[text] = cell as u32;
                }
            }
        }
        let index = |values: Vec<u32>| Tensor::from_iter(values, device);
        let rows = index(rows)?;
        Ok(Self {
            shares: Tensor::from_vec(shares, (steps, steps), device)?,
            spread: index(spread)?,
            wanted: index(wanted)?,
            results: if running { rows.clone() } else { index(ends)? },
            rows,
            texts,
        })
    }

    /// h \[N×H\] → \[N×H\] or \[B×H\].
    fn forward(&self, h: &Tensor) -> Result<Tensor> {
        let (steps, _) = self.shares.dims2()?;
        let width = h.dim(1)?;
        let cells = select(h, &self.spread)?.reshape((steps, self.texts * width))?;
        let means = self.shares.matmul(&cells)?.reshape((steps * self.texts, width))?;
        Ok(select(&means, &self.results)?)
    }

    fn backward(&self, d: &Tensor) -> Result<Tensor> {
        let (steps, _) = self.shares.dims2()?;
        let width = d.dim(1)?;
        let cells = select(d, &self.wanted)?.reshape((steps, self.texts * width))?;
        let d = self.shares.t()?.matmul(&cells)?.reshape((steps * self.texts, width))?;
        Ok(d.index_select(&self.rows, 0)?)
    }
}

/// A pass up to the pooled states.
struct Body {
    layers: Vec<Layer>,
    pooled: Option<Pooled>,
}

fn body(network: &Network, batch: &Batch, pass: &Pass, seeds: Seeds) -> Result<Body> {
    let config = &network.config;
    let var = |name: &str| network.var(name);
    let mut layers: Vec<Layer> = Vec::new();
    if batch.ids.is_empty() {
        return Ok(Body { layers, pooled: None });
    }
    let ids = Tensor::from_slice(&batch.ids, batch.ids.len(), network.device())?;
    let x = dropped(&var("embed.weight")?.index_select(&ids, 0)?, pass.dropout_embed, seeds.embed)?;
    for at in 0..config.layers {
        let input = layers.last().map(|layer| Var::from_tensor(&layer.pass.h)).transpose()?;
        let below = input.as_ref().map_or(&x, |input| input.as_tensor());
        let get = |what: &str| var(&format!("rnn.{what}_l{at}"));
        let [first, second] = config.cell.biases();
        let gi = below.matmul(&get("weight_ih")?.t()?)?;
        let mix = match network.mix(at)? {
            Some(factors) => Some(tensor::Mix { bias: get(first)?.clone(), factors }),
            None => None,
        };
        // A FastGRNN's map is without a bias.
        let gi = if mix.is_some() { gi } else { gi.broadcast_add(get(first)?)? };
        let (weight_hh, bias) = (get("weight_hh")?, get(second)?);
        let pass = tensor::forward(config.cell, &batch.plan, &gi, weight_hh, bias, mix.as_ref())?;
        layers.push(Layer { gi, mix, pass, input });
    }
    let h = &layers.last().context("there is no layer")?.pass.h;
    let pooled = match (config.pooling, pass.every_word) {
        (Pooling::Mean, running) => {
            let mean = Mean::new(&batch.plan, running, h)?;
            Pooled::Mean { means: mean.forward(h)?, mean }
        }
        (pooling, running) => {
            let states = Var::from_tensor(h)?;
            let pooled = pool::graph(pooling, &batch.plan, running, &states)?;
            Pooled::Tape { states, pooled }
        }
    };
    Ok(Body { layers, pooled: Some(pooled) })
}

/// From pooled states \[R×H\] to logits \[R×C\], on the tape.
fn head(network: &Network, pooled: &Tensor, pass: &Pass, seeds: Seeds) -> Result<Tensor> {
    let pooled = dropped(pooled, pass.dropout_head, seeds.head)?;
    if network.config.head_hidden == 0 {
        return network.linear("fc", &pooled);
    }
    network.linear("fc2", &network.linear("fc1", &pooled)?.relu()?)
}

impl Network {
    /// The pooled states, zeros if there are no words.
    fn pooled(&self, body: &Body, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let empty = if pass.every_word { 0 } else { batch.order.len() };
        Ok(match &body.pooled {
            Some(pooled) => pooled.tensor().clone(),
            None => Tensor::zeros((empty, self.config.hidden), DType::F32, self.device())?,
        })
    }

    /// Logits \[B×C\] (or \[N×C\]) in the batch's sorted order, on the network's device.
    ///
    /// # Errors
    /// If an id is out of range or the device fails.
    pub fn logits(&self, batch: &Batch, pass: &Pass, random: &mut Pcg64) -> Result<Tensor> {
        self.check(batch)?;
        let seeds = Seeds::draw(random);
        let body = body(self, batch, pass, seeds)?;
        Ok(head(self, &self.pooled(&body, batch, pass)?, pass, seeds)?.detach())
    }

    /// Forward and backward on the network's device: the loss −Σ wanted · log softmax(logits) with
    /// `wanted` \[R×C\], the logits, to which `offsets` \[R×C\] are added, and the gradients of all parameters.
    ///
    /// # Errors
    /// If an id is out of range or the device fails.
    pub fn learn(
        &self,
        batch: &Batch,
        pass: &Pass,
        random: &mut Pcg64,
        wanted: &[f32],
        offsets: &[f32],
    ) -> Result<(f64, Tensor, Gradients)> {
        self.check(batch)?;
        let seeds = Seeds::draw(random);
        let body = body(self, batch, pass, seeds)?;
        let leaf = Var::from_tensor(&self.pooled(&body, batch, pass)?)?;
        let logits = head(self, &leaf, pass, seeds)?;
        let logits = (&logits + Tensor::from_slice(offsets, logits.shape(), self.device())?)?;
        let wanted = Tensor::from_slice(wanted, logits.shape(), self.device())?;
        let loss = (candle_nn::ops::log_softmax(&logits, D::Minus1)? * wanted)?.sum_all()?.neg()?;
        let mut gradients = Gradients::default();
        let mut take = |store: &mut candle_core::backprop::GradStore| {
            for (name, var) in self.vars() {
                if let Some(gradient) = store.remove(var) {
                    gradients.insert(name.clone(), Gradient::Tensor(gradient));
                }
            }
        };
        let mut store = loss.backward()?;
        take(&mut store);
        let d_pooled = store.remove(&leaf).context("the pooled states have no gradient")?;
        let mut own = Vec::new();
        if let Some(pooled) = &body.pooled {
            let mut dh = match pooled {
                Pooled::Mean { mean, .. } => mean.backward(&d_pooled)?,
                Pooled::Tape { states, pooled } => {
                    let mut store = (pooled * d_pooled)?.sum_all()?.backward()?;
                    store.remove(states).context("the states have no gradient")?
                }
            };
            for (at, layer) in body.layers.iter().enumerate().rev() {
                let tensor::Gradients { input, weight_hh, bias_hh, mix } =
                    layer.pass.backward(&batch.plan, pass.bptt, &dh)?;
                own.push((format!("rnn.weight_hh_l{at}"), weight_hh));
                let [first, second] = self.config.cell.biases();
                own.push((format!("rnn.{second}_l{at}"), bias_hh));
                if let (Some(d), Some(tensor::Mix { factors, .. })) = (mix, &layer.mix) {
                    own.push((format!("rnn.{first}_l{at}"), d.bias));
                    // Through the sigmoid.
                    let slope = (factors * factors.affine(-1.0, 1.0)?)?.detach();
                    let d = (d.factors * slope)?;
                    for (index, what) in self.config.cell.factors().iter().enumerate() {
                        own.push((format!("rnn.{what}_l{at}"), d.narrow(0, index, 1)?));
                    }
                }
                let mut store = (&layer.gi * input)?.sum_all()?.backward()?;
                take(&mut store);
                if let Some(input) = &layer.input {
                    dh = store.remove(input).context("a layer's input has no gradient")?;
                }
            }
        }
        for (name, gradient) in own {
            gradients.insert(name, Gradient::Tensor(gradient));
        }
        Ok((f64::from(loss.to_scalar::<f32>()?), logits.detach(), gradients))
    }
}
