//! The same layers made of Candle's own operations, on its tape: the reference of the gradient tests.

use candle_core::{Result, Tensor, bail};

use super::Tensors;
use super::packed::PackedSequence;
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
    packed: &PackedSequence,
    bptt: Option<usize>,
    x: &Tensor,
    parameters: &Tensors<'_>,
) -> Result<Tensor> {
    let &Tensors { weight_ih, weight_hh: weights, bias_ih, bias_hh: bias, mix } = parameters;
    // A FastGRNN's biases are its own affair.
    let more = |products: Tensor, bias: &Tensor| {
        if cell == Cell::Fastgrnn { Ok(products) } else { products.broadcast_add(bias) }
    };
    let gi = more(x.matmul(&weight_ih.t()?)?, bias_ih)?;
    let (gates, width) = weights.dims2()?;
    if gates != cell.gates() * width {
        bail!("U has {gates} rows, expected {}", cell.gates() * width);
    }
    let turned = weights.t()?.contiguous()?;
    let zeros = Tensor::zeros((packed.texts(), width), gi.dtype(), gi.device())?;
    let (mut h, mut c) = (zeros.clone(), zeros);
    let mut all = Vec::new();
    for step in 0..packed.steps() {
        let rows = packed.step(step);
        let input = gi.narrow(0, rows.start, rows.len())?;
        if bptt.is_some_and(|limit| step.is_multiple_of(limit)) {
            (h, c) = (h.detach(), c.detach());
        }
        let before = h.narrow(0, 0, rows.len())?.contiguous()?;
        let state = more(before.matmul(&turned)?, bias)?;
        let gate = |tensor: &Tensor, at: usize| tensor.narrow(1, at * width, width);
        let both = |at: usize| gate(&input, at)? + gate(&state, at)?;
        match cell {
            Cell::Rnn => h = both(0)?.tanh()?,
            Cell::Gru => {
                let (r, z) = (sigmoid(&both(0)?)?, sigmoid(&both(1)?)?);
                let n = (gate(&input, 2)? + (r * gate(&state, 2)?)?)?.tanh()?;
                h = (&n + (z * (before - &n)?)?)?;
            }
            Cell::Fastgrnn => {
                let Some(mix) = mix else { bail!("a {cell} has ζ and ν") };
                let (zeta, nu) = (mix.narrow(0, 0, 1)?, mix.narrow(0, 1, 1)?);
                let sum = both(0)?;
                let z = sigmoid(&sum.broadcast_add(bias_ih)?)?;
                let n = sum.broadcast_add(bias)?.tanh()?;
                let share = z.affine(-1.0, 1.0)?.broadcast_mul(&zeta)?.broadcast_add(&nu)?;
                h = ((share * n)? + (z * before)?)?;
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
