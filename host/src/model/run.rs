//! A pass over a batch on the CPU without Candle's tape: forward keeps what the way back needs, in
//! buffers that are used again from batch to batch.
//!
//! Letters: N rows (all words by time), R results (N after every word, otherwise B texts), E, H and
//! C as in [`Config`](super::Config). Rows are padded ([`padded`]).

use std::collections::BTreeMap;
use std::ops::Deref;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Storage, Var};
use rand_pcg::Pcg64;

use super::config::Config;
use super::dropout::drop;
use super::gradients::{Gradient, Gradients, Rows};
use super::linear::Linear;
use super::network::{Batch, Network, Pass, Seeds};
use super::sequence::buffer::Buffer;
use super::sequence::layer::{self, Parameters};
use super::sequence::pool::Pool;
use super::sequence::simd::padded;
use super::weights::sigmoid;

/// The numbers of variables on the CPU, locked for reading.
struct View<'n>(BTreeMap<&'n str, (Lock<'n>, usize, usize)>);

type Lock<'n> = Box<dyn Deref<Target = Storage> + 'n>;

impl<'n> View<'n> {
    fn new(vars: &'n BTreeMap<String, Var>) -> Result<Self> {
        let mut view: BTreeMap<&str, (Lock<'n>, usize, usize)> = BTreeMap::new();
        for (name, var) in vars {
            let (storage, layout) = var.storage_and_layout();
            let Some((start, end)) = layout.contiguous_offsets() else { bail!("{name} is not contiguous") };
            view.insert(&name[..], (Box::new(storage), start, end));
        }
        Ok(Self(view))
    }

    fn get(&self, name: &str) -> Result<&[f32]> {
        let (storage, start, end) = self.0.get(name).with_context(|| format!("no parameter {name}"))?;
        let Storage::Cpu(storage) = &***storage else { bail!("{name} is not on the CPU") };
        Ok(&storage.as_slice::<f32>()?[*start..*end])
    }

    fn linear(&self, name: &str, inputs: usize) -> Result<Linear<'_>> {
        let bias = self.get(&format!("{name}.bias"))?;
        Ok(Linear { inputs, outputs: bias.len(), weight: self.get(&format!("{name}.weight"))?, bias })
    }

    fn layer(&self, config: &Config, layer: usize) -> Result<Parameters<'_>> {
        let get = |what: &str| self.get(&format!("rnn.{what}_l{layer}"));
        let [bias_ih, bias_hh] = config.cell.biases();
        let mut mix = [0.0; 2];
        for (factor, what) in mix.iter_mut().zip(config.cell.factors()) {
            *factor = get(what)?.first().map_or(0.0, |&raw| sigmoid(raw));
        }
        Ok(Parameters {
            inputs: config.inputs(layer),
            width: config.hidden,
            weight_ih: get("weight_ih")?,
            weight_hh: get("weight_hh")?,
            bias_ih: get(bias_ih)?,
            bias_hh: get(bias_hh)?,
            mix,
        })
    }
}

/// A layer's states \[N×padded H\] and what it keeps beside them.
struct Layer {
    h: Buffer,
    kept: Buffer,
}

/// A finished forward pass.
pub struct Run<'n> {
    network: &'n Network,
    batch: &'n Batch,
    pass: Pass,
    seeds: Seeds,
    /// \[N×padded E\]
    x: Buffer,
    layers: Vec<Layer>,
    pool: Pool,
    /// \[R×padded H\], after dropout
    pooled: Buffer,
    /// \[R×padded F\], after ReLU, if the head has a hidden layer
    hidden: Option<Buffer>,
    /// \[R×C\]
    logits: Vec<f32>,
}

impl Network {
    /// Runs a batch forward on the CPU.
    ///
    /// # Errors
    /// If an id is out of range, or the network is not on the CPU.
    pub fn run<'n>(&'n self, batch: &'n Batch, pass: &Pass, random: &mut Pcg64) -> Result<Run<'n>> {
        let config = &self.config;
        self.check(batch)?;
        let seeds = Seeds::draw(random);
        let view = View::new(self.vars())?;
        let rows = batch.ids.len();
        let (wide_x, wide) = (padded(config.embed), padded(config.hidden));

        let table = view.get("embed.weight")?;
        let mut x = Buffer::new(rows * wide_x);
        for (row, &id) in x.chunks_exact_mut(wide_x).zip(&batch.ids) {
            row[..config.embed].copy_from_slice(&table[id as usize * config.embed..][..config.embed]);
            row[config.embed..].fill(0.0);
        }
        drop(&mut x, wide_x, config.embed, pass.dropout_embed, seeds.embed);

        let mut layers: Vec<Layer> = Vec::new();
        for at in 0..config.layers {
            let parameters = view.layer(config, at)?;
            let mut h = Buffer::new(rows * wide);
            let mut kept = Buffer::new(rows * wide * layer::kept(config.cell));
            let input = layers.last().map_or(&x, |layer| &layer.h);
            layer::forward(config.cell, &batch.plan, &parameters, input, &mut h, &mut kept);
            layers.push(Layer { h, kept });
        }

        let pool = Pool { pooling: config.pooling, plan: batch.plan.clone(), running: pass.every_word };
        let mut pooled = Buffer::new(pool.results() * wide);
        let states = layers.last().map_or(&x, |layer| &layer.h);
        pool.forward(states, wide, &mut pooled);
        drop(&mut pooled, wide, config.hidden, pass.dropout_head, seeds.head);

        let mut hidden = None;
        let scores = if config.head_hidden == 0 {
            apply(&view.linear("fc", config.hidden)?, &pooled)
        } else {
            let mut units = apply(&view.linear("fc1", config.hidden)?, &pooled);
            units.iter_mut().for_each(|unit| *unit = unit.max(0.0));
            let scores = apply(&view.linear("fc2", config.head_hidden)?, &units);
            hidden = Some(units);
            scores
        };
        let classes = config.classes;
        let logits = scores.chunks_exact(padded(classes)).flat_map(|row| &row[..classes]).copied().collect();
        Ok(Run { network: self, batch, pass: *pass, seeds, x, layers, pool, pooled, hidden, logits })
    }
}

fn apply(linear: &Linear<'_>, x: &[f32]) -> Buffer {
    let mut y = Buffer::new(x.len() / padded(linear.inputs) * padded(linear.outputs));
    linear.forward(x, &mut y);
    y
}

impl Run<'_> {
    /// \[R×C\] in the batch's sorted order.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// From dL/dlogits \[R×C\] to the gradients of all parameters.
    ///
    /// # Errors
    /// If `d_logits` has another size than the logits.
    pub fn backward(mut self, d_logits: &[f32]) -> Result<Gradients> {
        let config = &self.network.config;
        ensure!(d_logits.len() == self.logits.len(), "{} gradients of logits", d_logits.len());
        let view = View::new(self.network.vars())?;
        let mut gradients = Gradients::default();
        let (wide_x, wide) = (padded(config.embed), padded(config.hidden));

        let mut d_scores = Buffer::zeros(d_logits.len() / config.classes * padded(config.classes));
        let own = d_scores.chunks_exact_mut(padded(config.classes));
        own.zip(d_logits.chunks_exact(config.classes))
            .for_each(|(row, d)| row[..config.classes].copy_from_slice(d));
        let mut linear = |name: &str, inputs: usize, x: &[f32], dy: &[f32]| -> Result<Buffer> {
            let mut dx = Buffer::new(x.len());
            let (weight, bias) = view.linear(name, inputs)?.backward(x, dy, &mut dx);
            gradients.insert(format!("{name}.weight"), Gradient::Dense(weight));
            gradients.insert(format!("{name}.bias"), Gradient::Dense(bias));
            Ok(dx)
        };
        let mut d_pooled = match &self.hidden {
            None => linear("fc", config.hidden, &self.pooled, &d_scores)?,
            Some(units) => {
                let mut d_units = linear("fc2", config.head_hidden, units, &d_scores)?;
                let own = d_units.iter_mut().zip(&units[..]);
                own.for_each(|(d, &unit)| *d = if unit > 0.0 { *d } else { 0.0 });
                linear("fc1", config.hidden, &self.pooled, &d_units)?
            }
        };
        drop(&mut d_pooled, wide, config.hidden, self.pass.dropout_head, self.seeds.head);

        let mut dh = Buffer::new(self.batch.ids.len() * wide);
        let states = self.layers.last().map_or(&self.x, |layer| &layer.h);
        self.pool.backward(states, &d_pooled, wide, &mut dh);

        for at in (0..config.layers).rev() {
            let Some(Layer { h, kept }) = self.layers.pop() else { bail!("a layer is missing") };
            let input = self.layers.last().map_or(&self.x, |layer| &layer.h);
            let parameters = view.layer(config, at)?;
            let mut dx = Buffer::new(input.len());
            let own = layer::backward(
                config.cell,
                &self.batch.plan,
                self.pass.bptt,
                &parameters,
                input,
                &h,
                &kept,
                &dh,
                &mut dx,
            );
            let [bias_ih, bias_hh] = config.cell.biases();
            let mut insert = |what: &str, gradient: Vec<f32>| {
                gradients.insert(format!("rnn.{what}_l{at}"), Gradient::Dense(gradient));
            };
            insert("weight_ih", own.weight_ih);
            insert("weight_hh", own.weight_hh);
            insert(bias_ih, own.bias_ih);
            insert(bias_hh, own.bias_hh);
            for ((what, factor), d) in config.cell.factors().iter().zip(parameters.mix).zip(own.mix) {
                // Through the sigmoid.
                insert(what, vec![d * factor * (1.0 - factor)]);
            }
            dh = dx;
        }

        drop(&mut dh, wide_x, config.embed, self.pass.dropout_embed, self.seeds.embed);
        let rows = Rows::gathered(&self.batch.ids, config.vocab, &dh, wide_x, config.embed);
        gradients.insert("embed.weight".to_owned(), Gradient::Rows(rows));
        Ok(gradients)
    }
}
