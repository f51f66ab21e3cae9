//! Recurrent layers over whole batches: fused on the CPU, Candle's graph elsewhere.

pub mod fused;
pub mod graph;
mod gru;
mod lstm;
pub mod plan;
pub mod pool;
mod rnn;
mod simd;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::config::{Cell, Pooling};
use fused::Sequence;
use plan::Plan;

/// gi \[N×GH\], U \[GH×H\], b \[GH\] → h \[N×H\] in one fused operation (CPU only).
///
/// # Errors
/// If the shapes do not fit each other.
pub fn fused(
    cell: Cell,
    plan: &Arc<Plan>,
    bptt: Option<usize>,
    gi: &Tensor,
    weights: &Tensor,
    bias: &Tensor,
) -> Result<Tensor> {
    let plan = plan.clone();
    match cell {
        Cell::Rnn => gi.apply_op3(weights, bias, Sequence::new(rnn::Rnn, plan, bptt)),
        Cell::Gru => gi.apply_op3(weights, bias, Sequence::new(gru::Gru, plan, bptt)),
        Cell::Lstm => gi.apply_op3(weights, bias, Sequence::new(lstm::Lstm, plan, bptt)),
    }
}

/// Pools h \[N×H\]: \[B×H\], or \[N×H\] after every word if `running`.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn pooled(pooling: Pooling, plan: &Arc<Plan>, running: bool, h: &Tensor) -> Result<Tensor> {
    if h.device().is_cpu() {
        h.apply_op1(pool::Pool { pooling, plan: plan.clone(), running })
    } else {
        pool::graph(pooling, plan, running, h)
    }
}
