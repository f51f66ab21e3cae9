//! `bench train`: a training step here and with Candle's own layers, on the same data.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::ops::sigmoid;
use candle_nn::rnn::{GRUState, RNN};
use candle_nn::{
    AdamW, Embedding, GRU, GRUConfig, LSTM, LSTMConfig, Linear, Module, Optimizer, ParamsAdamW, VarBuilder,
};
use clap::Args as ClapArgs;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rayon::prelude::*;
use serde::Serialize;

use super::synthetic::Shape;
use crate::command::write_json;
use crate::console::say;
use crate::model::{Batch, Cell, Config, ForwardOptions, Gradients, Network, Pooling};
use crate::threads::{RAYON, start_over};
use crate::train::SHARDS;
use crate::train::loss::{Target, cross_entropy, weighted_targets};
use crate::train::optimiser::{Optimiser, Rule};
use crate::vocabulary::MAX_WORDS;

const CLASSES: usize = 2;
const RATE: f32 = 1e-3;
const DECAY: f32 = 0.01;

/// Batches before the measured ones.
const WARM_UP: usize = 2;

/// The largest difference between the two losses of the first batch.
const SAME_LOSS: f64 = 1e-4;

/// Milliseconds of a training step: Candle's own layers against the fused ones
///
/// Both start from the same weights and read the same words: embedding, recurrent layers, the last state, a linear
/// head, cross-entropy, AdamW. Candle's side consists of candle_nn's Embedding, GRU or LSTM, Linear and AdamW; it has
/// no plain RNN and no FastGRNN, so these are written step by step like its GRU. Batches alternate between the two;
/// figures are medians.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    shape: Shape,
    /// Texts in a batch
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// Words in a text
    #[arg(long, value_name = "N", default_value_t = 200)]
    words: usize,
    /// Rows of the embedding
    #[arg(long, value_name = "N", default_value_t = 10_001)]
    vocab: usize,
    /// Threads, for both sides (of Candle's own operations: for the products)
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Measured batches per side
    #[arg(long, value_name = "N", default_value_t = 9)]
    batches: usize,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Milliseconds of a batch.
#[derive(Clone, Copy, Debug, Serialize)]
struct Times {
    forward_ms: f64,
    backward_ms: f64,
    update_ms: f64,
    #[serde(skip)]
    total_ms: f64,
}

impl Times {
    /// From the start and the end of each part.
    fn between(moments: [Instant; 4]) -> Self {
        let ms = |from: usize, to: usize| (moments[to] - moments[from]).as_secs_f64() * 1e3;
        Self { forward_ms: ms(0, 1), backward_ms: ms(1, 2), update_ms: ms(2, 3), total_ms: ms(0, 3) }
    }

    fn medians(all: &[Self]) -> Self {
        let median = |of: fn(&Self) -> f64| {
            let mut values: Vec<f64> = all.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
        };
        Self {
            forward_ms: median(|times| times.forward_ms),
            backward_ms: median(|times| times.backward_ms),
            update_ms: median(|times| times.update_ms),
            total_ms: median(|times| times.total_ms),
        }
    }
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    shape: Shape,
    batch: usize,
    words: usize,
    threads: usize,
    candle_ms: f64,
    fused_ms: f64,
    ratio: f64,
    words_per_second: f64,
    candle: Times,
    fused: Times,
}

/// Words of a batch.
const MOST_WORDS: usize = 1_000_000;

/// Runs the verb.
///
/// # Errors
/// If the network is impossible, threads cannot be started, or the two sides do not agree.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default().print("--json", &args.json).check()?;
    for (flag, value, most) in [
        ("--batch", args.batch, MOST_WORDS / args.words.max(1)),
        ("--words", args.words, MOST_WORDS),
        ("--vocab", args.vocab, MAX_WORDS),
        ("--threads", args.threads, 256),
        ("--batches", args.batches, 1_000_000),
    ] {
        ensure!((1..=most).contains(&value), "{flag} {value}: 1 to {most} is possible");
    }
    let threads = args.threads;
    // Candle's matrix products take their number of threads from the environment, whatever pool they run in.
    let wanted = threads.to_string();
    if std::env::var(RAYON).ok().as_deref() != Some(&wanted[..]) {
        return start_over(&[(RAYON, wanted)]);
    }
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start threads")?;
    let report = pool.install(|| measure(args, threads))?;
    let Shape { cell, layers, embed, hidden } = report.shape;
    say!(
        "{cell} ×{layers}, {embed} → {hidden}, {} texts of {} words, {threads} thread{}; milliseconds a batch:",
        args.batch,
        args.words,
        if threads == 1 { "" } else { "s" }
    );
    say!("{:<8} {:>10} {:>10} {:>10} {:>10}", "", "forward", "backward", "update", "total");
    for (name, times) in [("candle", report.candle), ("fused", report.fused)] {
        say!(
            "{name:<8} {:>10.2} {:>10.2} {:>10.2} {:>10.2}",
            times.forward_ms,
            times.backward_ms,
            times.update_ms,
            times.total_ms
        );
    }
    say!("ratio {:.2}, {:.0} words/s", report.ratio, report.words_per_second);
    write_json(args.json.as_ref(), &report)
}

fn measure(args: &Args, threads: usize) -> Result<Report> {
    let Shape { cell, layers, embed, hidden } = args.shape;
    let config = Config {
        cell,
        layers,
        embed,
        hidden,
        vocab: args.vocab,
        pooling: Pooling::Last,
        head_hidden: 0,
        classes: CLASSES,
    };
    let network = Network::new(&config, &Device::Cpu, 1)?;
    let mut candle = Theirs::new(&network)?;
    let mut fused = Ours::new(&network);
    let mut random = Pcg64::seed_from_u64(2);
    let (mut of_candle, mut of_fused) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + args.batches {
        eprint!("\rbatch {} of {}", round + 1, WARM_UP + args.batches);
        let data = Data::draw(args, &mut random);
        let (their_loss, their_times) = candle.step(&data)?;
        let (own_loss, own_times) = fused.step(&data)?;
        ensure!(
            round > 0 || (their_loss - own_loss).abs() < SAME_LOSS,
            "the same network has a loss of {their_loss} in Candle's layers and {own_loss} in the fused ones"
        );
        if round >= WARM_UP {
            of_candle.push(their_times);
            of_fused.push(own_times);
        }
    }
    eprint!("\r                    \r");
    let (candle, fused) = (Times::medians(&of_candle), Times::medians(&of_fused));
    Ok(Report {
        shape: args.shape.clone(),
        batch: args.batch,
        words: args.words,
        threads,
        candle_ms: candle.total_ms,
        fused_ms: fused.total_ms,
        ratio: candle.total_ms / fused.total_ms,
        words_per_second: (args.batch * args.words) as f64 / fused.total_ms * 1e3,
        candle,
        fused,
    })
}

/// A batch of texts of equal length.
struct Data {
    texts: Vec<Vec<u32>>,
    labels: Vec<u32>,
}

impl Data {
    /// Words are drawn roughly as in natural language: frequency falls as one over the rank (Zipf).
    fn draw(args: &Args, random: &mut Pcg64) -> Self {
        let most = args.vocab as f64;
        let mut word = || ((most.powf(random.random::<f64>()) - 1.0) as u32).min(args.vocab as u32 - 1);
        let texts: Vec<Vec<u32>> =
            (0..args.batch).map(|_| (0..args.words).map(|_| word()).collect()).collect();
        let labels = (0..args.batch).map(|_| random.random_range(0..CLASSES as u32)).collect();
        Self { texts, labels }
    }
}

/// The trainer's way: shards through [`Network::forward`], sparse gradients, its own optimiser.
struct Ours<'n> {
    network: &'n Network,
    optimiser: Optimiser,
}

impl<'n> Ours<'n> {
    fn new(network: &'n Network) -> Self {
        Self { network, optimiser: Optimiser::new(Rule::AdamW, DECAY, network.vars()) }
    }

    fn step(&mut self, data: &Data) -> Result<(f64, Times)> {
        let start = Instant::now();
        let shards: Vec<(Batch, Vec<u32>)> = (0..SHARDS)
            .map(|shard| {
                let own = || (shard..data.texts.len()).step_by(SHARDS);
                let batch = Batch::new(&own().map(|text| &data.texts[text][..]).collect::<Vec<_>>());
                let labels: Vec<u32> = own().map(|text| data.labels[text]).collect();
                let labels = batch.order.iter().map(|&at| labels[at]).collect();
                (batch, labels)
            })
            .filter(|(batch, _)| !batch.order.is_empty())
            .collect();
        let weight = 1.0 / data.texts.len() as f32;
        let passes: Vec<Result<_>> = shards
            .par_iter()
            .map(|(batch, labels)| {
                let random = &mut Pcg64::seed_from_u64(0);
                let pass = self.network.forward(batch, &ForwardOptions::default(), random)?;
                let targets = labels.iter().map(|&label| (Target::Label(label), weight));
                let loss = cross_entropy(&pass.logits, weighted_targets(targets, 0.0, CLASSES))?;
                Ok((loss, pass))
            })
            .collect();
        let passes = passes.into_iter().collect::<Result<Vec<_>>>()?;
        let mut total = 0.0;
        for (loss, _) in &passes {
            total += f64::from(loss.to_scalar::<f32>()?);
        }
        let forward = Instant::now();
        let parts: Vec<Result<Gradients>> =
            passes.into_par_iter().map(|(loss, pass)| pass.backward(&loss)).collect();
        let mut gradients = Gradients::default();
        for part in parts {
            gradients.add(part?)?;
        }
        let backward = Instant::now();
        self.optimiser.step(self.network.vars(), &gradients, RATE, 1.0)?;
        Ok((total, Times::between([start, forward, backward, Instant::now()])))
    }
}

/// Candle's own layers, loss and optimiser, from a copy of a network's weights.
struct Theirs {
    embedding: Embedding,
    layers: Vec<Layer>,
    head: Linear,
    optimiser: AdamW,
}

enum Layer {
    Gru(GRU),
    Lstm(LSTM),
    Rnn(Elman),
    Fastgrnn(FastGrnn),
}

impl Theirs {
    fn new(network: &Network) -> Result<Self> {
        let config = &network.config;
        let mut vars = HashMap::new();
        for (name, var) in network.vars() {
            vars.insert(name.clone(), Var::from_tensor(&var.copy()?)?);
        }
        let var = |name: &str| -> Result<Tensor> {
            Ok(vars.get(name).with_context(|| format!("no parameter {name}"))?.as_tensor().clone())
        };
        let mut layers = Vec::new();
        for layer in 0..config.layers {
            let mut own = HashMap::new();
            let biases = config.cell.biases();
            for what in ["weight_ih", "weight_hh"].iter().chain(&biases).chain(config.cell.factors()) {
                own.insert(format!("{what}_l0"), var(&format!("rnn.{what}_l{layer}"))?);
            }
            let builder = VarBuilder::from_tensors(own, DType::F32, &Device::Cpu);
            let (inputs, width) = (config.inputs(layer), config.hidden);
            layers.push(match config.cell {
                Cell::Gru => Layer::Gru(GRU::new(inputs, width, GRUConfig::default(), builder)?),
                Cell::Lstm => Layer::Lstm(LSTM::new(inputs, width, LSTMConfig::default(), builder)?),
                Cell::Rnn => Layer::Rnn(Elman::new(inputs, width, &builder)?),
                Cell::Fastgrnn => Layer::Fastgrnn(FastGrnn::new(inputs, width, &builder)?),
            });
        }
        let params = ParamsAdamW { lr: RATE.into(), weight_decay: DECAY.into(), ..ParamsAdamW::default() };
        Ok(Self {
            embedding: Embedding::new(var("embed.weight")?, config.embed),
            layers,
            head: Linear::new(var("fc.weight")?, Some(var("fc.bias")?)),
            optimiser: AdamW::new(vars.into_values().collect(), params)?,
        })
    }

    fn step(&mut self, data: &Data) -> Result<(f64, Times)> {
        let start = Instant::now();
        let (texts, words) = (data.texts.len(), data.texts.first().map_or(0, Vec::len));
        let ids = Tensor::from_vec(data.texts.concat(), (texts, words), &Device::Cpu)?;
        let labels = Tensor::new(&data.labels[..], &Device::Cpu)?;
        let mut x = self.embedding.forward(&ids)?;
        let mut last = x.narrow(1, words - 1, 1)?.squeeze(1)?;
        for (at, layer) in self.layers.iter().enumerate() {
            let all = layer.states(&x)?;
            last = all.last().context("there are no words")?.clone();
            if at + 1 < self.layers.len() {
                x = Tensor::stack(&all, 1)?;
            }
        }
        let loss = candle_nn::loss::cross_entropy(&self.head.forward(&last)?, &labels)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        let forward = Instant::now();
        let gradients = loss.backward()?;
        let backward = Instant::now();
        self.optimiser.step(&gradients)?;
        Ok((value, Times::between([start, forward, backward, Instant::now()])))
    }
}

impl Layer {
    /// h after each word.
    fn states(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        Ok(match self {
            Self::Gru(layer) => layer.seq(x)?.into_iter().map(|state| state.h).collect(),
            Self::Lstm(layer) => layer.seq(x)?.into_iter().map(|state| state.h).collect(),
            Self::Rnn(layer) => layer.seq(x)?.into_iter().map(|state| state.h).collect(),
            Self::Fastgrnn(layer) => layer.seq(x)?.into_iter().map(|state| state.h).collect(),
        })
    }
}

/// A plain RNN in the manner of `candle_nn::GRU`.
struct Elman {
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor,
    b_hh: Tensor,
    width: usize,
}

impl Elman {
    fn new(inputs: usize, width: usize, builder: &VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            w_ih: builder.get((width, inputs), "weight_ih_l0")?,
            w_hh: builder.get((width, width), "weight_hh_l0")?,
            b_ih: builder.get(width, "bias_ih_l0")?,
            b_hh: builder.get(width, "bias_hh_l0")?,
            width,
        })
    }
}

impl RNN for Elman {
    type State = GRUState;

    fn zero_state(&self, texts: usize) -> candle_core::Result<GRUState> {
        Ok(GRUState { h: Tensor::zeros((texts, self.width), DType::F32, &Device::Cpu)? })
    }

    fn step(&self, input: &Tensor, state: &GRUState) -> candle_core::Result<GRUState> {
        let input = input.matmul(&self.w_ih.t()?)?.broadcast_add(&self.b_ih)?;
        let own = state.h.matmul(&self.w_hh.t()?)?.broadcast_add(&self.b_hh)?;
        Ok(GRUState { h: (input + own)?.tanh()? })
    }

    fn states_to_tensor(&self, states: &[GRUState]) -> candle_core::Result<Tensor> {
        Tensor::stack(&states.iter().map(|state| state.h.clone()).collect::<Vec<_>>(), 1)
    }
}

/// A FastGRNN in the manner of `candle_nn::GRU`.
struct FastGrnn {
    w_ih: Tensor,
    w_hh: Tensor,
    of_gate: Tensor,
    of_update: Tensor,
    zeta: Tensor,
    nu: Tensor,
    width: usize,
}

impl FastGrnn {
    fn new(inputs: usize, width: usize, builder: &VarBuilder<'_>) -> candle_core::Result<Self> {
        Ok(Self {
            w_ih: builder.get((width, inputs), "weight_ih_l0")?,
            w_hh: builder.get((width, width), "weight_hh_l0")?,
            of_gate: builder.get(width, "bias_gate_l0")?,
            of_update: builder.get(width, "bias_update_l0")?,
            zeta: builder.get(1, "zeta_l0")?,
            nu: builder.get(1, "nu_l0")?,
            width,
        })
    }
}

impl RNN for FastGrnn {
    type State = GRUState;

    fn zero_state(&self, texts: usize) -> candle_core::Result<GRUState> {
        Ok(GRUState { h: Tensor::zeros((texts, self.width), DType::F32, &Device::Cpu)? })
    }

    fn step(&self, input: &Tensor, state: &GRUState) -> candle_core::Result<GRUState> {
        let sum = (input.matmul(&self.w_ih.t()?)? + state.h.matmul(&self.w_hh.t()?)?)?;
        let z = sigmoid(&sum.broadcast_add(&self.of_gate)?)?;
        let n = sum.broadcast_add(&self.of_update)?.tanh()?;
        let share = z.affine(-1.0, 1.0)?.broadcast_mul(&sigmoid(&self.zeta)?)?;
        let share = share.broadcast_add(&sigmoid(&self.nu)?)?;
        Ok(GRUState { h: ((share * n)? + (z * &state.h)?)? })
    }

    fn states_to_tensor(&self, states: &[GRUState]) -> candle_core::Result<Tensor> {
        Tensor::stack(&states.iter().map(|state| state.h.clone()).collect::<Vec<_>>(), 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Candle's side and ours lose the same on every batch, so they do the same work.
    #[test]
    fn both_sides_train_the_same_network() {
        for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm, Cell::Fastgrnn] {
            let shape = Shape { cell, layers: 2, embed: 5, hidden: 7 };
            let args = Args { shape, batch: 5, words: 6, vocab: 30, threads: 1, batches: 1, json: None };
            let config = Config {
                cell,
                layers: 2,
                embed: 5,
                hidden: 7,
                vocab: 30,
                pooling: Pooling::Last,
                head_hidden: 0,
                classes: CLASSES,
            };
            let network = Network::new(&config, &Device::Cpu, 3).expect("builds");
            let (mut theirs, mut ours) = (Theirs::new(&network).expect("builds"), Ours::new(&network));
            let mut random = Pcg64::seed_from_u64(4);
            for _ in 0..5 {
                let data = Data::draw(&args, &mut random);
                let ((a, _), (b, _)) = (theirs.step(&data).expect("steps"), ours.step(&data).expect("steps"));
                // Adam divides by a gradient's size: rounding shows where gradients are tiny, and biases
                // are decayed on Candle's side.
                assert!((a - b).abs() < 1e-3, "{cell}: {a} {b}");
            }
        }
    }
}
