//! A recurrent layer's whole sequence as one Candle operation with its own backward pass.
//!
//! Letters: N rows (all words of the batch, by time, see [`Plan`]), H units, G gate blocks.
//! The input's products gi \[N×GH\] are made outside in one go; inside, each step multiplies the
//! states of the active texts with U \[GH×H\] and updates them. Backward runs once from the last
//! step to the first and makes the gradient of U as one product at the end.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::plan::Plan;
use super::simd::{multiply, multiply_transposed, transposed, vectorised};

/// One cell's arithmetic on one row: a text at a step.
///
/// Rows: `input` and `state` \[GH\] are the products with their biases, `before` \[H\] the state
/// before the step, `saved` \[SAVED·H\] what backward needs; its first CARRIED·H numbers are carried
/// from step to step (LSTM's c).
pub trait Recurrence: Send + Sync {
    /// G.
    const GATES: usize;
    /// Vectors of H kept for the backward pass.
    const SAVED: usize;
    /// Vectors of H carried beside h: 0 or 1.
    const CARRIED: usize;

    /// Fills `saved` and the new state `h`.
    fn forward(
        &self,
        input: &[f32],
        state: &[f32],
        before: &[f32],
        saved_before: &[f32],
        saved: &mut [f32],
        h: &mut [f32],
    );

    /// From dL/dh' in `dh` and dL/dc' in `dc` to the gradients of both products; leaves in `dh` what
    /// reaches the state before directly (not through U), in `dc` what reaches c before.
    #[allow(clippy::too_many_arguments)]
    fn backward(
        &self,
        saved: &[f32],
        before: &[f32],
        saved_before: &[f32],
        h: &[f32],
        dh: &mut [f32],
        dc: &mut [f32],
        d_input: &mut [f32],
        d_state: &mut [f32],
    );
}

/// `N` blocks of `width` numbers.
#[inline(always)]
pub fn blocks<const N: usize>(values: &[f32], width: usize) -> [&[f32]; N] {
    std::array::from_fn(|block| &values[block * width..(block + 1) * width])
}

/// The same, mutable.
#[inline(always)]
pub fn blocks_mut<const N: usize>(values: &mut [f32], width: usize) -> [&mut [f32]; N] {
    let mut rest = values.chunks_exact_mut(width);
    std::array::from_fn(|_| rest.next().expect("N blocks"))
}

/// The operation: gi \[N×GH\], U \[GH×H\], b \[GH\] → h \[N×H\].
pub struct Sequence<C> {
    cell: C,
    plan: Arc<Plan>,
    /// Truncated BPTT: gradients do not cross multiples of this many steps.
    bptt: Option<usize>,
    saved: Mutex<Vec<f32>>,
}

impl<C: Recurrence> Sequence<C> {
    /// An operation for one forward and at most one backward pass.
    pub fn new(cell: C, plan: Arc<Plan>, bptt: Option<usize>) -> Self {
        Self { cell, plan, bptt, saved: Mutex::new(Vec::new()) }
    }

    #[inline(always)]
    fn run(&self, gi: &[f32], weights: &[f32], bias: &[f32], width: usize, h: &mut [f32], saved: &mut [f32]) {
        let gates = C::GATES * width;
        let kept = C::SAVED * width;
        let turned = transposed(weights, width);
        let zeros = vec![0.0; width.max(kept)];
        let mut products = vec![0.0; self.plan.texts() * gates];
        for step in 0..self.plan.steps() {
            let rows = self.plan.step(step);
            let products = &mut products[..rows.len() * gates];
            for row in products.chunks_exact_mut(gates) {
                row.copy_from_slice(bias);
            }
            let before = step.checked_sub(1).map(|step| self.plan.step(step).start);
            let (past, now) = h.split_at_mut(rows.start * width);
            let (saved_past, saved_now) = saved.split_at_mut(rows.start * kept);
            if let Some(start) = before {
                let states = &past[start * width..(start + rows.len()) * width];
                multiply(states, &turned, products, width, gates);
            }
            for (at, row) in rows.enumerate() {
                let (before, saved_before) = match before {
                    Some(start) => {
                        (&past[(start + at) * width..][..width], &saved_past[(start + at) * kept..][..kept])
                    }
                    None => (&zeros[..width], &zeros[..kept]),
                };
                self.cell.forward(
                    &gi[row * gates..(row + 1) * gates],
                    &products[at * gates..(at + 1) * gates],
                    before,
                    saved_before,
                    &mut saved_now[at * kept..(at + 1) * kept],
                    &mut now[at * width..(at + 1) * width],
                );
            }
        }
    }

    /// Gradients of gi, U and b from those of h.
    #[inline(always)]
    fn run_back(
        &self,
        weights: &[f32],
        h: &[f32],
        dh_out: &[f32],
        saved: &[f32],
        width: usize,
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let gates = C::GATES * width;
        let kept = C::SAVED * width;
        let texts = self.plan.texts();
        let mut d_gi = vec![0.0; self.plan.rows() * gates];
        let mut d_gh = vec![0.0; self.plan.rows() * gates];
        let mut past = vec![0.0; self.plan.rows() * width];
        let mut dh = vec![0.0; texts * width];
        let mut dc = vec![0.0; texts * width * C::CARRIED];
        let zeros = vec![0.0; width.max(kept)];
        for step in (0..self.plan.steps()).rev() {
            let rows = self.plan.step(step);
            let before = step.checked_sub(1).map(|step| self.plan.step(step).start);
            for (at, row) in rows.clone().enumerate() {
                let dh = &mut dh[at * width..(at + 1) * width];
                for (dh, &own) in dh.iter_mut().zip(&dh_out[row * width..(row + 1) * width]) {
                    *dh += own;
                }
                let (before, saved_before) = match before {
                    Some(start) => {
                        (&h[(start + at) * width..][..width], &saved[(start + at) * kept..][..kept])
                    }
                    None => (&zeros[..width], &zeros[..kept]),
                };
                past[row * width..(row + 1) * width].copy_from_slice(before);
                let dc = if C::CARRIED == 0 { &mut [][..] } else { &mut dc[at * width..(at + 1) * width] };
                self.cell.backward(
                    &saved[row * kept..(row + 1) * kept],
                    before,
                    saved_before,
                    &h[row * width..(row + 1) * width],
                    dh,
                    dc,
                    &mut d_gi[row * gates..(row + 1) * gates],
                    &mut d_gh[row * gates..(row + 1) * gates],
                );
            }
            if self.bptt.is_some_and(|limit| step.is_multiple_of(limit)) {
                dh[..rows.len() * width].fill(0.0);
                dc[..rows.len() * width * C::CARRIED].fill(0.0);
            } else {
                let d_products = &d_gh[rows.start * gates..rows.end * gates];
                multiply(d_products, weights, &mut dh[..rows.len() * width], gates, width);
            }
        }
        let mut d_weights = vec![0.0; gates * width];
        multiply_transposed(&d_gh, &past, &mut d_weights, gates, width);
        let mut d_bias = vec![0.0; gates];
        for row in d_gh.chunks_exact(gates) {
            for (sum, &value) in d_bias.iter_mut().zip(row) {
                *sum += value;
            }
        }
        (d_gi, d_weights, d_bias)
    }
}

/// The numbers of a contiguous f32 tensor on the CPU.
fn slice<'s>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a fused sequence takes contiguous tensors"),
    }
}

/// A copy of a tensor's numbers.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

impl<C: Recurrence> CustomOp3 for Sequence<C> {
    fn name(&self) -> &'static str {
        "recurrent-sequence"
    }

    fn cpu_fwd(
        &self,
        gi: &CpuStorage,
        gi_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gates, width) = weights_layout.shape().dims2()?;
        let rows = self.plan.rows();
        if gi_layout.shape().dims2()? != (rows, gates) || gates != C::GATES * width {
            bail!("gi {:?} and U {gates}×{width} do not fit {rows} rows", gi_layout.shape());
        }
        let (gi, weights, bias) =
            (slice(gi, gi_layout)?, slice(weights, weights_layout)?, slice(bias, bias_layout)?);
        let mut h = vec![0.0; rows * width];
        let mut saved = vec![0.0; rows * width * C::SAVED];
        vectorised(
            #[inline(always)]
            || self.run(gi, weights, bias, width, &mut h, &mut saved),
        );
        if let Ok(mut slot) = self.saved.lock() {
            *slot = saved;
        }
        Ok((CpuStorage::F32(h), Shape::from((rows, width))))
    }

    fn bwd(
        &self,
        gi: &Tensor,
        weights: &Tensor,
        bias: &Tensor,
        h: &Tensor,
        dh: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let saved = self.saved.lock().map(|mut slot| std::mem::take(&mut *slot)).unwrap_or_default();
        let (rows, width) = h.dims2()?;
        if saved.len() != rows * width * C::SAVED {
            bail!("a fused sequence runs backward once");
        }
        let (numbers, states, gradient) = (values(weights)?, values(h)?, values(dh)?);
        let (d_gi, d_weights, d_bias) = vectorised(
            #[inline(always)]
            || self.run_back(&numbers, &states, &gradient, &saved, width),
        );
        let device = gi.device();
        Ok((
            Some(Tensor::from_vec(d_gi, gi.shape(), device)?),
            Some(Tensor::from_vec(d_weights, weights.shape(), device)?),
            Some(Tensor::from_vec(d_bias, bias.shape(), device)?),
        ))
    }
}
