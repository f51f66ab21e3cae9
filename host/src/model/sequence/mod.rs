//! Recurrent layers over whole batches: fused on the CPU ([`layer`](mod@layer)), in tensor operations with a
//! written way back elsewhere ([`tensor`]), on Candle's tape for comparison ([`graph`]).

pub mod buffer;
mod fastgrnn;
pub mod graph;
mod gru;
pub mod layer;
mod lstm;
pub mod op;
pub mod plan;
pub mod pool;
pub mod product;
mod rnn;
pub mod simd;
pub mod tensor;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::config::{Cell, Pooling};
use plan::Plan;

/// A layer's parameters as tensors: W \[GH×I\], U \[GH×H\] and the biases \[GH\].
#[derive(Clone, Copy, Debug)]
pub struct Tensors<'a> {
    /// W.
    pub weight_ih: &'a Tensor,
    /// U.
    pub weight_hh: &'a Tensor,
    /// The bias beside W.
    pub bias_ih: &'a Tensor,
    /// The bias beside U.
    pub bias_hh: &'a Tensor,
    /// ζ and ν \[2\] of a FastGRNN, whose b_z and b_h are the two biases; `None` of others.
    pub mix: Option<&'a Tensor>,
}

/// x \[N×I\] → h \[N×H\] with gradients: one fused operation on the CPU, [`graph`] elsewhere.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn layer(
    cell: Cell,
    plan: &Arc<Plan>,
    bptt: Option<usize>,
    x: &Tensor,
    parameters: &Tensors<'_>,
) -> Result<Tensor> {
    let &Tensors { weight_ih, weight_hh, bias_ih, bias_hh, mix } = parameters;
    if x.device().is_cpu() {
        let weights = Tensor::cat(&[weight_ih, weight_hh], 1)?;
        let more: Vec<&Tensor> = [bias_ih, bias_hh].into_iter().chain(mix).collect();
        let biases = Tensor::cat(&more, 0)?;
        return x.contiguous()?.apply_op3(&weights, &biases, op::Sequence::new(cell, plan.clone(), bptt));
    }
    graph::layer(cell, plan, bptt, x, parameters)
}

/// Pools h \[N×H\]: \[B×H\], or \[N×H\] after every word if `running`.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn pooled(pooling: Pooling, plan: &Arc<Plan>, running: bool, h: &Tensor) -> Result<Tensor> {
    if h.device().is_cpu() {
        h.contiguous()?.apply_op1(pool::Pool { pooling, plan: plan.clone(), running })
    } else {
        pool::graph(pooling, plan, running, h)
    }
}
