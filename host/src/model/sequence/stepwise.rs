//! A layer's whole sequence as one operation made of tensor operations step by step, with its own backward pass:
//! for devices other than the CPU.
//!
//! A step back is linear in dL/dh, so its factors are made for all rows at once after the forward
//! pass; the loop from the last step to the first is then a handful of launches a step (GRU: five),
//! and the gradients of U and of the inputs are single products at the end.
//!
//! Letters: N rows by time (see [`PackedSequence`]), H units, G gates.

use std::sync::Arc;

use candle_core::{CpuStorage, CudaStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};
use candle_nn::ops::sigmoid;

use super::packed::PackedSequence;
use super::storage::{copied, copied_on_cuda};
use crate::model::config::Cell;

/// A finished forward pass.
#[derive(Debug)]
struct ForwardPass {
    /// \[N×H\]
    h: Tensor,
    /// U \[GH×H\]
    weight_hh: Tensor,
    /// h before each row's step, \[N×H\]
    before: Tensor,
    factors: Factors,
}

/// What dL/dh (and dL/dc) of a row is multiplied with.
#[derive(Debug)]
enum Factors {
    /// dL/d sum = dh ∘ slope \[N×H\]
    Rnn { slope: Tensor },
    /// \[N×3×H\] towards the state's and the input's products, z \[N×H\] past them
    Gru { state: Tensor, input: Tensor, past: Tensor },
    /// \[N×H\] each: dL/da = dh ∘ sum, through b_z alone dh ∘ gate; past, dL/dζ and dL/dν likewise
    Fastgrnn { sum: Tensor, gate: Tensor, past: Tensor, zeta: Tensor, nu: Tensor },
    /// d = dc + dh ∘ squash; i, f, g from d by `gates` \[N×3×H\], o from dh by `out`, c from d by `past`
    Lstm { squash: Tensor, gates: Tensor, out: Tensor, past: Tensor },
}

/// b_z \[H\] of a FastGRNN, whose gi is without a bias, and ζ and ν \[2\].
#[derive(Clone, Debug)]
struct FastgrnnFactors {
    /// b_z
    bias: Tensor,
    /// ζ and ν
    factors: Tensor,
}

/// Gradients of gi \[N×GH\], U \[GH×H\] and the bias \[GH\].
#[derive(Debug)]
struct LayerGradients {
    /// Of the input's products.
    input: Tensor,
    /// Of U.
    weight_hh: Tensor,
    /// Of the bias beside U.
    bias_hh: Tensor,
    /// Of a FastGRNN's b_z, ζ and ν.
    mix: Option<FastgrnnFactors>,
}

/// Collects one tensor a step.
#[derive(Default)]
struct Steps(Vec<Tensor>);

impl Steps {
    fn all(&self) -> Result<Tensor> {
        Tensor::cat(&self.0, 0)
    }

    fn last(&self, rows: usize) -> Result<Option<Tensor>> {
        self.0.last().map(|tensor| tensor.narrow(0, 0, rows)).transpose()
    }
}

fn rest(x: &Tensor) -> Result<Tensor> {
    x.affine(-1.0, 1.0)
}

/// x (1 − x)
fn slope(x: &Tensor) -> Result<Tensor> {
    x * rest(x)?
}

/// gi \[N×GH\], U \[GH×H\] and its bias \[GH\], b_h of a FastGRNN → the states, outside of any tape.
fn forward(
    cell: Cell,
    packed: &PackedSequence,
    gi: &Tensor,
    weight_hh: &Tensor,
    bias_hh: &Tensor,
    mix: Option<&FastgrnnFactors>,
) -> Result<ForwardPass> {
    let (gates, width) = weight_hh.dims2()?;
    if gates != cell.gates() * width || packed.rows() == 0 {
        bail!("U {gates}×{width} and {} rows for a {cell}", packed.rows());
    }
    let (gi, weight_hh, bias) = (gi.detach(), weight_hh.detach(), bias_hh.detach());
    let turned = weight_hh.t()?.contiguous()?;
    let zeros = Tensor::zeros((packed.step(0).len(), width), gi.dtype(), gi.device())?;
    let (mut h, mut before) = (Steps::default(), Steps::default());
    let last =
        |h: &Steps, rows: usize| -> Result<Tensor> { Ok(h.last(rows)?.unwrap_or_else(|| zeros.clone())) };
    let gate = |tensor: &Tensor, at: usize, count: usize| tensor.narrow(D::Minus1, at * width, count * width);
    let factors = match cell {
        Cell::Rnn => {
            let gi = gi.broadcast_add(&bias)?;
            for rows in (0..packed.steps()).map(|step| packed.step(step)) {
                let past = last(&h, rows.len())?;
                h.0.push((gi.narrow(0, rows.start, rows.len())? + past.matmul(&turned)?)?.tanh()?);
                before.0.push(past);
            }
            Factors::Rnn { slope: rest(&h.all()?.sqr()?)? }
        }
        Cell::Gru => {
            let inner = bias.narrow(0, 2 * width, width)?;
            let outer = Tensor::cat(&[bias.narrow(0, 0, 2 * width)?, inner.zeros_like()?], 0)?;
            let gi = gi.broadcast_add(&outer)?;
            let (mut gates, mut saved, mut new) = (Steps::default(), Steps::default(), Steps::default());
            for rows in (0..packed.steps()).map(|step| packed.step(step)) {
                let past = last(&h, rows.len())?;
                let input = gi.narrow(0, rows.start, rows.len())?;
                let state = past.matmul(&turned)?;
                let rz = sigmoid(&(gate(&input, 0, 2)? + gate(&state, 0, 2)?)?)?;
                let own = gate(&state, 2, 1)?.broadcast_add(&inner)?;
                let n = (gate(&input, 2, 1)? + (gate(&rz, 0, 1)? * &own)?)?.tanh()?;
                h.0.push((&n + (gate(&rz, 1, 1)? * (&past - &n)?)?)?);
                before.0.push(past);
                gates.0.push(rz);
                saved.0.push(own);
                new.0.push(n);
            }
            let (gates, saved, n) = (gates.all()?, saved.all()?, new.all()?);
            let (r, z) = (gate(&gates, 0, 1)?.contiguous()?, gate(&gates, 1, 1)?.contiguous()?);
            let dn = (rest(&z)? * rest(&n.sqr()?)?)?;
            let dz = (slope(&z)? * (before.all()? - &n)?)?;
            let dr = (&dn * (slope(&r)? * saved)?)?;
            Factors::Gru {
                state: Tensor::stack(&[&dr, &dz, &(&dn * &r)?], 1)?,
                input: Tensor::stack(&[&dr, &dz, &dn], 1)?,
                past: z,
            }
        }
        Cell::Fastgrnn => {
            let Some(FastgrnnFactors { bias: of_gate, factors }) = mix else {
                bail!("a {cell} has ζ and ν")
            };
            let (of_gate, factors) = (of_gate.detach(), factors.detach());
            let (zeta, nu) = (factors.narrow(0, 0, 1)?, factors.narrow(0, 1, 1)?);
            let share = |z: &Tensor| rest(z)?.broadcast_mul(&zeta)?.broadcast_add(&nu);
            let (mut gates, mut new) = (Steps::default(), Steps::default());
            for rows in (0..packed.steps()).map(|step| packed.step(step)) {
                let past = last(&h, rows.len())?;
                let sum = (gi.narrow(0, rows.start, rows.len())? + past.matmul(&turned)?)?;
                let z = sigmoid(&sum.broadcast_add(&of_gate)?)?;
                let n = sum.broadcast_add(&bias)?.tanh()?;
                h.0.push(((share(&z)? * &n)? + (&z * &past)?)?);
                before.0.push(past);
                gates.0.push(z);
                new.0.push(n);
            }
            let (z, n) = (gates.all()?, new.all()?);
            let dn = (share(&z)? * rest(&n.sqr()?)?)?;
            let dz = (slope(&z)? * (before.all()? - n.broadcast_mul(&zeta)?)?)?;
            Factors::Fastgrnn { sum: (dn + &dz)?, gate: dz, zeta: (rest(&z)? * &n)?, nu: n, past: z }
        }
        Cell::Lstm => {
            let gi = gi.broadcast_add(&bias)?;
            let (mut c, mut c_before) = (Steps::default(), Steps::default());
            let (mut firsts, mut news, mut outs) = (Steps::default(), Steps::default(), Steps::default());
            for rows in (0..packed.steps()).map(|step| packed.step(step)) {
                let (past, past_c) = (last(&h, rows.len())?, last(&c, rows.len())?);
                let sums = (gi.narrow(0, rows.start, rows.len())? + past.matmul(&turned)?)?;
                let first = sigmoid(&gate(&sums, 0, 2)?.contiguous()?)?;
                let new = gate(&sums, 2, 1)?.contiguous()?.tanh()?;
                let out = sigmoid(&gate(&sums, 3, 1)?.contiguous()?)?;
                let cell = ((gate(&first, 1, 1)? * &past_c)? + (gate(&first, 0, 1)? * &new)?)?;
                h.0.push((&out * cell.tanh()?)?);
                before.0.push(past);
                c_before.0.push(past_c);
                c.0.push(cell);
                firsts.0.push(first);
                news.0.push(new);
                outs.0.push(out);
            }
            let (first, g, o, c) = (firsts.all()?, news.all()?, outs.all()?, c.all()?);
            let (i, f) = (gate(&first, 0, 1)?.contiguous()?, gate(&first, 1, 1)?.contiguous()?);
            let squashed = c.tanh()?;
            let di = (&g * slope(&i)?)?;
            let df = (c_before.all()? * slope(&f)?)?;
            let dg = (&i * rest(&g.sqr()?)?)?;
            Factors::Lstm {
                squash: (&o * rest(&squashed.sqr()?)?)?,
                gates: Tensor::stack(&[di, df, dg], 1)?,
                out: (squashed * slope(&o)?)?,
                past: f,
            }
        }
    };
    Ok(ForwardPass { h: h.all()?, weight_hh, before: before.all()?, factors })
}

/// A step's own gradient plus what came from the step after, which may have fewer rows.
fn plus(own: Tensor, later: Option<&Tensor>) -> Result<Tensor> {
    match later {
        None => Ok(own),
        Some(later) => {
            let missing = own.dim(0)? - later.dim(0)?;
            if missing == 0 { own + later } else { own + later.pad_with_zeros(0, 0, missing)? }
        }
    }
}

/// \[n×H\] ∘ \[n×blocks×H\] → \[n×(blocks·H)\]
fn spread(x: &Tensor, factors: &Tensor) -> Result<Tensor> {
    let (rows, blocks, width) = factors.dims3()?;
    x.unsqueeze(1)?.broadcast_mul(factors)?.reshape((rows, blocks * width))
}

impl ForwardPass {
    /// From dL/dh \[N×H\]; with `bptt`, gradients do not cross multiples of that many steps.
    fn backward(&self, packed: &PackedSequence, bptt: Option<usize>, dh: &Tensor) -> Result<LayerGradients> {
        let (_, width) = self.weight_hh.dims2()?;
        let dh = dh.detach();
        let (mut later, mut later_c): (Option<Tensor>, Option<Tensor>) = (None, None);
        let (mut all, mut all_d) = (Vec::new(), Vec::new());
        for step in (0..packed.steps()).rev() {
            let rows = packed.step(step);
            let own = |tensor: &Tensor| tensor.narrow(0, rows.start, rows.len());
            let total = plus(own(&dh)?, later.as_ref())?;
            let cut = step == 0 || bptt.is_some_and(|limit| step.is_multiple_of(limit));
            let mut next_c = None;
            let next = match &self.factors {
                _ if cut && !matches!(self.factors, Factors::Lstm { .. }) => None,
                Factors::Rnn { slope } => Some((&total * own(slope)?)?.matmul(&self.weight_hh)?),
                Factors::Fastgrnn { sum, past, .. } => {
                    let through = (&total * own(sum)?)?.matmul(&self.weight_hh)?;
                    Some((through + (&total * own(past)?)?)?)
                }
                Factors::Gru { state, past, .. } => {
                    let through = spread(&total, &own(state)?)?.matmul(&self.weight_hh)?;
                    Some((through + (&total * own(past)?)?)?)
                }
                Factors::Lstm { squash, gates, out, past } => {
                    let d = plus((&total * own(squash)?)?, later_c.as_ref())?;
                    all_d.push(d.clone());
                    if cut {
                        None
                    } else {
                        next_c = Some((&d * own(past)?)?);
                        let first =
                            spread(&d, &own(gates)?)?.matmul(&self.weight_hh.narrow(0, 0, 3 * width)?)?;
                        let last =
                            (&total * own(out)?)?.matmul(&self.weight_hh.narrow(0, 3 * width, width)?)?;
                        Some((first + last)?)
                    }
                }
            };
            (later, later_c) = (next, next_c);
            all.push(total);
        }
        all.reverse();
        all_d.reverse();
        let total = Tensor::cat(&all, 0)?;
        let (input, state) = match &self.factors {
            Factors::Rnn { slope } => {
                let sums = (total * slope)?;
                (sums.clone(), sums)
            }
            Factors::Fastgrnn { sum, gate, zeta, nu, .. } => {
                let sums = (&total * sum)?;
                let bias = (&total * gate)?.sum(0)?;
                let factor = |of: &Tensor| (&total * of)?.sum_all()?.reshape(1);
                let factors = Tensor::cat(&[factor(zeta)?, factor(nu)?], 0)?;
                let weight_hh = sums.t()?.matmul(&self.before)?;
                let bias_hh = (sums.sum(0)? - &bias)?;
                return Ok(LayerGradients {
                    input: sums,
                    weight_hh,
                    bias_hh,
                    mix: Some(FastgrnnFactors { bias, factors }),
                });
            }
            Factors::Gru { state, input, .. } => (spread(&total, input)?, spread(&total, state)?),
            Factors::Lstm { gates, out, .. } => {
                let first = spread(&Tensor::cat(&all_d, 0)?, gates)?;
                let sums = Tensor::cat(&[first, (total * out)?], 1)?;
                (sums.clone(), sums)
            }
        };
        let weight_hh = state.t()?.matmul(&self.before)?;
        Ok(LayerGradients { input, weight_hh, bias_hh: state.sum(0)?, mix: None })
    }
}

/// The arguments and the result of [`Fused`](super::fused::Fused), on any device.
pub struct Stepwise {
    cell: Cell,
    packed: Arc<PackedSequence>,
    bptt: Option<usize>,
    forward: ForwardPass,
}

/// W \[GH×I\] of W and U side by side \[GH×(I+H)\].
fn weight_ih(weights: &Tensor, cell: Cell) -> Result<Tensor> {
    let (gates, columns) = weights.dims2()?;
    let Some(inputs) = columns.checked_sub(gates / cell.gates()) else {
        bail!("weights {gates}×{columns} are not those of a {cell}");
    };
    weights.detach().narrow(1, 0, inputs)?.contiguous()
}

impl Stepwise {
    /// An operation on exactly these arguments: the forward pass is done here.
    ///
    /// # Errors
    /// If the shapes do not fit each other, or there are no rows.
    pub fn new(
        cell: Cell,
        packed: Arc<PackedSequence>,
        bptt: Option<usize>,
        [x, weights, biases]: [&Tensor; 3],
    ) -> Result<Self> {
        let weight_ih = weight_ih(weights, cell)?;
        let (gates, inputs) = weight_ih.dims2()?;
        let weight_hh = weights.detach().narrow(1, inputs, gates / cell.gates())?.contiguous()?;
        let biases = biases.detach();
        let (bias_ih, bias_hh) = (biases.narrow(0, 0, gates)?, biases.narrow(0, gates, gates)?);
        let gi = x.detach().matmul(&weight_ih.t()?)?;
        // A FastGRNN's map is without a bias.
        let (gi, mix) = match cell.factors().len() {
            0 => (gi.broadcast_add(&bias_ih)?, None),
            count => {
                let factors = biases.narrow(0, 2 * gates, count)?;
                (gi, Some(FastgrnnFactors { bias: bias_ih, factors }))
            }
        };
        let forward = forward(cell, &packed, &gi, &weight_hh, &bias_hh, mix.as_ref())?;
        Ok(Self { cell, packed, bptt, forward })
    }
}

impl CustomOp3 for Stepwise {
    fn name(&self) -> &'static str {
        "recurrent-sequence-stepwise"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        copied(&self.forward.h)
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        copied_on_cuda(&self.forward.h)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        _: &Tensor,
        dh: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let LayerGradients { input, weight_hh, bias_hh, mix } =
            self.forward.backward(&self.packed, self.bptt, dh)?;
        let d_weight_ih = input.t()?.matmul(&x.detach())?;
        let d_biases = match mix {
            Some(FastgrnnFactors { bias, factors }) => Tensor::cat(&[bias, bias_hh, factors], 0)?,
            None => Tensor::cat(&[input.sum(0)?, bias_hh], 0)?,
        };
        Ok((
            Some(input.matmul(&weight_ih(weights, self.cell)?)?),
            Some(Tensor::cat(&[d_weight_ih, weight_hh], 1)?),
            Some(d_biases),
        ))
    }
}
