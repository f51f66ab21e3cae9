//! Recurrent layers over whole batches, each its whole sequence as one operation on Candle's tape: fused on the CPU
//! ([`fused`]), in tensor operations elsewhere ([`stepwise`]); what comes before and after likewise.

pub mod buffer;
mod fastgrnn;
mod fused;
#[cfg(test)]
pub mod graph;
mod gru;
mod layer;
mod lookup;
mod lstm;
mod mean;
pub mod packed;
pub mod pool;
mod product;
mod recurrence;
mod rnn;
pub mod simd;
mod stepwise;
mod storage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::config::{Cell, Pooling};
use super::dropout::Dropout;
use packed::PackedSequence;

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

impl Tensors<'_> {
    /// W and U side by side \[GH×(I+H)\]; the biases, then ζ and ν if there are any.
    fn joined(&self) -> Result<(Tensor, Tensor)> {
        let biases: Vec<&Tensor> = [self.bias_ih, self.bias_hh].into_iter().chain(self.mix).collect();
        Ok((Tensor::cat(&[self.weight_ih, self.weight_hh], 1)?, Tensor::cat(&biases, 0)?))
    }
}

/// The rows of the embedding `rows` \[U×E\] at `places` \[N\], with dropout: x \[N×E\] with gradients.
///
/// # Errors
/// If a place is not below U.
pub fn lookup(rows: &Tensor, places: Vec<u32>, dropout: Dropout) -> Result<Tensor> {
    if rows.device().is_cpu() {
        return rows.apply_op1(lookup::Lookup { places, dropout });
    }
    dropout.on_tape(&rows.index_select(&Tensor::from_iter(places, rows.device())?, 0)?)
}

/// x \[N×I\] → h \[N×H\] with gradients, which do not cross multiples of `bptt` steps: one operation, of fused
/// kernels on the CPU, in tensor operations elsewhere.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn layer(
    cell: Cell,
    packed: &Arc<PackedSequence>,
    bptt: Option<usize>,
    x: &Tensor,
    parameters: &Tensors<'_>,
) -> Result<Tensor> {
    let (weights, biases) = parameters.joined()?;
    let packed = packed.clone();
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op3(&weights, &biases, fused::Fused::new(cell, packed, bptt));
    }
    x.apply_op3(&weights, &biases, stepwise::Stepwise::new(cell, packed, bptt, [x, &weights, &biases])?)
}

/// Pools h \[N×H\], with dropout: \[B×H\], or \[N×H\] after every word.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn pooled(
    pooling: Pooling,
    packed: &Arc<PackedSequence>,
    every_word: bool,
    dropout: Dropout,
    h: &Tensor,
) -> Result<Tensor> {
    if h.device().is_cpu() {
        let packed = packed.clone();
        return h.contiguous()?.apply_op1(pool::Pool { pooling, packed, every_word, dropout });
    }
    dropout.on_tape(&match pooling {
        Pooling::Mean if packed.rows() > 0 => {
            h.apply_op1(mean::MeanByProduct::new(packed, every_word, h)?)?
        }
        _ => pool::graph(pooling, packed, every_word, h)?,
    })
}
