//! The same layers out of Candle's own operations, on its tape: the reference of the gradient tests.

use candle_core::{Result, Tensor, bail};

use super::Tensors;
use super::plan::Plan;
use crate::model::config::Cell;

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    candle_nn::ops::sigmoid(x)
}

/// x \[N×I\] → h \[N×H\], the input's products in one go and then step by step.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn layer(
    cell: Cell,
    plan: &Plan,
    bptt: Option<usize>,
    x: &Tensor,
    parameters: &Tensors<'_>,
) -> Result<Tensor> {
    let gi = x.matmul(&parameters.weight_ih.t()?)?.broadcast_add(parameters.bias_ih)?;
    sequence(cell, plan, bptt, &gi, parameters.weight_hh, parameters.bias_hh)
}

/// gi \[N×GH\], U \[GH×H\], b \[GH\] → h \[N×H\], step by step.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn sequence(
    cell: Cell,
    plan: &Plan,
    bptt: Option<usize>,
    gi: &Tensor,
    weights: &Tensor,
    bias: &Tensor,
) -> Result<Tensor> {
    let (gates, width) = weights.dims2()?;
    if gates != cell.gates() * width {
        bail!("U has {gates} rows, expected {}", cell.gates() * width);
    }
    let turned = weights.t()?.contiguous()?;
    let zeros = Tensor::zeros((plan.texts(), width), gi.dtype(), gi.device())?;
    let (mut h, mut c) = (zeros.clone(), zeros);
    let mut all = Vec::new();
    for step in 0..plan.steps() {
        let rows = plan.step(step);
        let input = gi.narrow(0, rows.start, rows.len())?;
        if bptt.is_some_and(|limit| step.is_multiple_of(limit)) {
            (h, c) = (h.detach(), c.detach());
        }
        let before = h.narrow(0, 0, rows.len())?.contiguous()?;
        let state = before.matmul(&turned)?.broadcast_add(bias)?;
        let gate = |tensor: &Tensor, at: usize| tensor.narrow(1, at * width, width);
        let both = |at: usize| gate(&input, at)? + gate(&state, at)?;
        match cell {
            Cell::Rnn => h = both(0)?.tanh()?,
            Cell::Gru => {
                let (r, z) = (sigmoid(&both(0)?)?, sigmoid(&both(1)?)?);
                let n = (gate(&input, 2)? + (r * gate(&state, 2)?)?)?.tanh()?;
                h = (&n + (z * (before - &n)?)?)?;
            }
            Cell::Lstm => {
                let own = c.narrow(0, 0, rows.len())?;
                let (i, f, g, o) =
                    (sigmoid(&both(0)?)?, sigmoid(&both(1)?)?, both(2)?.tanh()?, sigmoid(&both(3)?)?);
                c = ((f * own)? + (i * g)?)?;
                h = (o * c.tanh()?)?;
            }
        }
        all.push(h.clone());
    }
    if all.is_empty() {
        return Tensor::zeros((0, width), gi.dtype(), gi.device());
    }
    Tensor::cat(&all, 0)
}
