//! Pooling over time as one Candle operation: h \[N×H\] → \[B×H\], or after every word \[N×H\].

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::plan::Plan;
use crate::model::config::Pooling;

/// Pools the states of each text: the final vectors in the batch's order, or the running ones.
pub struct Pool {
    /// What is computed.
    pub pooling: Pooling,
    /// How the rows lie.
    pub plan: Arc<Plan>,
    /// Whether there is a result for each word, not only for each text.
    pub running: bool,
}

impl Pool {
    /// For each text, visits its rows in order.
    fn rows(&self, text: usize) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + '_ {
        (0..self.plan.lengths()[text]).map(move |step| self.plan.row(text, step))
    }

    /// The results' rows: N or B.
    fn results(&self) -> usize {
        if self.running { self.plan.rows() } else { self.plan.texts() }
    }

    fn forward(&self, h: &[f32], width: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.results() * width];
        for text in 0..self.plan.texts() {
            let mut pooled = vec![0.0f32; width];
            for (seen, row) in self.rows(text).enumerate() {
                let h = &h[row * width..(row + 1) * width];
                match self.pooling {
                    Pooling::Last => pooled.copy_from_slice(h),
                    Pooling::Max if seen == 0 => pooled.copy_from_slice(h),
                    Pooling::Max => pooled.iter_mut().zip(h).for_each(|(p, &h)| *p = p.max(h)),
                    Pooling::Mean => {
                        let share = 1.0 / (seen + 1) as f32;
                        pooled.iter_mut().zip(h).for_each(|(p, &h)| *p += (h - *p) * share);
                    }
                }
                if self.running {
                    out[row * width..(row + 1) * width].copy_from_slice(&pooled);
                }
            }
            if !self.running {
                out[text * width..(text + 1) * width].copy_from_slice(&pooled);
            }
        }
        out
    }

    fn backward(&self, h: &[f32], d_out: &[f32], width: usize) -> Vec<f32> {
        let mut d = vec![0.0; h.len()];
        for text in 0..self.plan.texts() {
            let length = self.plan.lengths()[text];
            let Some(last) = length.checked_sub(1) else { continue };
            match (self.pooling, self.running) {
                (Pooling::Last, false) => {
                    let row = self.plan.row(text, last);
                    d[row * width..(row + 1) * width]
                        .copy_from_slice(&d_out[text * width..(text + 1) * width]);
                }
                (Pooling::Last, true) => {
                    for row in self.rows(text) {
                        d[row * width..(row + 1) * width]
                            .copy_from_slice(&d_out[row * width..(row + 1) * width]);
                    }
                }
                (Pooling::Mean, false) => {
                    let share = 1.0 / length as f32;
                    let own = &d_out[text * width..(text + 1) * width];
                    for row in self.rows(text) {
                        let to = d[row * width..(row + 1) * width].iter_mut();
                        to.zip(own).for_each(|(d, &own)| *d = own * share);
                    }
                }
                (Pooling::Mean, true) => {
                    // The word at t has a share of 1/s in the mean after every s ≥ t words.
                    let mut sum = vec![0.0f32; width];
                    for (at, row) in self.rows(text).enumerate().rev() {
                        let share = 1.0 / (at + 1) as f32;
                        let own = &d_out[row * width..(row + 1) * width];
                        let to = d[row * width..(row + 1) * width].iter_mut();
                        for ((d, sum), &own) in to.zip(&mut sum).zip(own) {
                            *sum += own * share;
                            *d = *sum;
                        }
                    }
                }
                (Pooling::Max, _) => self.backward_max(text, h, d_out, width, &mut d),
            }
        }
        d
    }

    /// The gradient of a maximum goes to the first word that had it.
    fn backward_max(&self, text: usize, h: &[f32], d_out: &[f32], width: usize, d: &mut [f32]) {
        for unit in 0..width {
            let (mut best, mut holder) = (f32::NEG_INFINITY, 0);
            for row in self.rows(text) {
                if h[row * width + unit] > best {
                    (best, holder) = (h[row * width + unit], row);
                }
                if self.running {
                    d[holder * width + unit] += d_out[row * width + unit];
                }
            }
            if !self.running {
                d[holder * width + unit] += d_out[text * width + unit];
            }
        }
    }
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        "pool-over-time"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("pooling takes a contiguous tensor")
        };
        if rows != self.plan.rows() {
            bail!("pooling: {rows} rows, expected {}", self.plan.rows());
        }
        let out = self.forward(&storage.as_slice::<f32>()?[start..end], width);
        Ok((CpuStorage::F32(out), Shape::from((self.results(), width))))
    }

    fn bwd(&self, h: &Tensor, _: &Tensor, d_out: &Tensor) -> Result<Option<Tensor>> {
        let width = h.dim(1)?;
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let d = self.backward(&values(h)?, &values(d_out)?, width);
        Ok(Some(Tensor::from_vec(d, h.shape(), h.device())?))
    }
}

/// The same pooling out of Candle's own operations, for devices other than the CPU and for tests.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn graph(pooling: Pooling, plan: &Plan, running: bool, h: &Tensor) -> Result<Tensor> {
    let width = h.dim(1)?;
    let device = h.device();
    let mut out = Vec::new();
    for (text, &length) in plan.lengths().iter().enumerate() {
        let rows: Vec<u32> = (0..length).map(|step| plan.row(text, step) as u32).collect();
        if length == 0 {
            out.push((text, Tensor::zeros((usize::from(!running), width), h.dtype(), device)?));
            continue;
        }
        let own = h.index_select(&Tensor::from_vec(rows, length, device)?, 0)?;
        let last = |count: usize| -> Result<Tensor> {
            let seen = own.narrow(0, 0, count)?;
            match pooling {
                Pooling::Last => seen.narrow(0, count - 1, 1),
                Pooling::Mean => seen.mean_keepdim(0),
                Pooling::Max => seen.max_keepdim(0),
            }
        };
        if running {
            let each = (1..=length).map(last).collect::<Result<Vec<_>>>()?;
            out.push((text, Tensor::cat(&each, 0)?));
        } else {
            out.push((text, last(length)?));
        }
    }
    let all: Vec<Tensor> = out.into_iter().map(|(_, rows)| rows).collect();
    let by_text = Tensor::cat(&all, 0)?;
    if !running {
        return Ok(by_text);
    }
    // From text order to time order.
    let starts: Vec<usize> = plan
        .lengths()
        .iter()
        .scan(0, |sum, &length| {
            let start = *sum;
            *sum += length;
            Some(start)
        })
        .collect();
    let positions = plan.positions();
    let order: Vec<u32> = plan
        .texts_of_rows()
        .into_iter()
        .zip(positions)
        .map(|(text, position)| (starts[text as usize] + position as usize - 1) as u32)
        .collect();
    let count = order.len();
    by_text.index_select(&Tensor::from_vec(order, count, device)?, 0)
}
