//! A layer in tensor operations with its way back written by hand, for devices other than the CPU.
//!
//! A step back is linear in dL/dh, so its factors are made for all rows at once after the forward
//! pass; the loop from the last step to the first is then a handful of launches a step (GRU: five),
//! and the gradients of U and of the inputs are single products at the end.
//!
//! Letters: N rows by time (see [`Plan`]), H units, G gates.

use candle_core::{D, Result, Tensor, bail};
use candle_nn::ops::sigmoid;

use super::plan::Plan;
use crate::model::config::Cell;

/// A finished forward pass.
#[derive(Debug)]
pub struct Pass {
    /// \[N×H\]
    pub h: Tensor,
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
pub struct Mix {
    /// b_z
    pub bias: Tensor,
    /// ζ and ν
    pub factors: Tensor,
}

/// Gradients of gi \[N×GH\], U \[GH×H\] and the bias \[GH\].
#[derive(Debug)]
pub struct Gradients {
    /// Of the input's products.
    pub input: Tensor,
    /// Of U.
    pub weight_hh: Tensor,
    /// Of the bias beside U.
    pub bias_hh: Tensor,
    /// Of a FastGRNN's b_z, ζ and ν.
    pub mix: Option<Mix>,
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
///
/// # Errors
/// If the shapes do not fit each other, or there are no rows.
pub fn forward(
    cell: Cell,
    plan: &Plan,
    gi: &Tensor,
    weight_hh: &Tensor,
    bias_hh: &Tensor,
    mix: Option<&Mix>,
) -> Result<Pass> {
    let (gates, width) = weight_hh.dims2()?;
    if gates != cell.gates() * width || plan.rows() == 0 {
        bail!("U {gates}×{width} and {} rows for a {cell}", plan.rows());
    }
    let (gi, weight_hh, bias) = (gi.detach(), weight_hh.detach(), bias_hh.detach());
    let turned = weight_hh.t()?.contiguous()?;
    let zeros = Tensor::zeros((plan.step(0).len(), width), gi.dtype(), gi.device())?;
    let (mut h, mut before) = (Steps::default(), Steps::default());
    let last =
        |h: &Steps, rows: usize| -> Result<Tensor> { Ok(h.last(rows)?.unwrap_or_else(|| zeros.clone())) };
    let gate = |tensor: &Tensor, at: usize, count: usize| tensor.narrow(D::Minus1, at * width, count * width);
    let factors = match cell {
        Cell::Rnn => {
            let gi = gi.broadcast_add(&bias)?;
            for rows in (0..plan.steps()).map(|step| plan.step(step)) {
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
            let (mut gates, mut kept, mut new) = (Steps::default(), Steps::default(), Steps::default());
            for rows in (0..plan.steps()).map(|step| plan.step(step)) {
                let past = last(&h, rows.len())?;
                let input = gi.narrow(0, rows.start, rows.len())?;
                let state = past.matmul(&turned)?;
                let rz = sigmoid(&(gate(&input, 0, 2)? + gate(&state, 0, 2)?)?)?;
                let own = gate(&state, 2, 1)?.broadcast_add(&inner)?;
                let n = (gate(&input, 2, 1)? + (gate(&rz, 0, 1)? * &own)?)?.tanh()?;
                h.0.push((&n + (gate(&rz, 1, 1)? * (&past - &n)?)?)?);
                before.0.push(past);
                gates.0.push(rz);
                kept.0.push(own);
                new.0.push(n);
            }
            let (gates, kept, n) = (gates.all()?, kept.all()?, new.all()?);
            let (r, z) = (gate(&gates, 0, 1)?.contiguous()?, gate(&gates, 1, 1)?.contiguous()?);
            let dn = (rest(&z)? * rest(&n.sqr()?)?)?;
            let dz = (slope(&z)? * (before.all()? - &n)?)?;
            let dr = (&dn * (slope(&r)? * kept)?)?;
            Factors::Gru {
                state: Tensor::stack(&[&dr, &dz, &(&dn * &r)?], 1)?,
                input: Tensor::stack(&[&dr, &dz, &dn], 1)?,
                past: z,
            }
        }
        Cell::Fastgrnn => {
            let Some(Mix { bias: of_gate, factors }) = mix else { bail!("a {cell} has ζ and ν") };
            let (of_gate, factors) = (of_gate.detach(), factors.detach());
            let (zeta, nu) = (factors.narrow(0, 0, 1)?, factors.narrow(0, 1, 1)?);
            let share = |z: &Tensor| rest(z)?.broadcast_mul(&zeta)?.broadcast_add(&nu);
            let (mut gates, mut new) = (Steps::default(), Steps::default());
            for rows in (0..plan.steps()).map(|step| plan.step(step)) {
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
            for rows in (0..plan.steps()).map(|step| plan.step(step)) {
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
    Ok(Pass { h: h.all()?, weight_hh, before: before.all()?, factors })
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

impl Pass {
    /// From dL/dh \[N×H\]; with `bptt`, gradients do not cross multiples of that many steps.
    ///
    /// # Errors
    /// If the device fails.
    pub fn backward(&self, plan: &Plan, bptt: Option<usize>, dh: &Tensor) -> Result<Gradients> {
        let (_, width) = self.weight_hh.dims2()?;
        let dh = dh.detach();
        let (mut later, mut later_c): (Option<Tensor>, Option<Tensor>) = (None, None);
        let (mut all, mut all_d) = (Vec::new(), Vec::new());
        for step in (0..plan.steps()).rev() {
            let rows = plan.step(step);
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
                return Ok(Gradients { input: sums, weight_hh, bias_hh, mix: Some(Mix { bias, factors }) });
            }
            Factors::Gru { state, input, .. } => (spread(&total, input)?, spread(&total, state)?),
            Factors::Lstm { gates, out, .. } => {
                let first = spread(&Tensor::cat(&all_d, 0)?, gates)?;
                let sums = Tensor::cat(&[first, (total * out)?], 1)?;
                (sums.clone(), sums)
            }
        };
        let weight_hh = state.t()?.matmul(&self.before)?;
        Ok(Gradients { input, weight_hh, bias_hh: state.sum(0)?, mix: None })
    }
}
