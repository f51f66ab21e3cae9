//! Pooling over time: h \[N×H\] → \[B×H\], or \[N×H\] after every word; then dropout.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::packed::PackedSequence;
use super::simd::vectorised;
use super::storage::{slice, with_values};
use crate::model::config::Pooling;
use crate::model::dropout::Dropout;

/// Pools the states of each text: the final vectors in the batch's order, or those after every word.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What is computed.
    pub pooling: Pooling,
    /// How the rows lie.
    pub packed: Arc<PackedSequence>,
    /// Whether there is a result for each word, not only for each text.
    pub every_word: bool,
    /// Of the results.
    pub dropout: Dropout,
}

impl Pool {
    /// The results' rows: N or B.
    fn results(&self) -> usize {
        if self.every_word { self.packed.rows() } else { self.packed.texts() }
    }

    /// Pools rows of `width` numbers into `out`, a row for each result; empty texts give zeros.
    fn forward(&self, h: &[f32], width: usize, out: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || {
                if !self.every_word {
                    out.fill(0.0);
                }
                for step in 0..self.packed.steps() {
                    self.forward_step(step, h, width, out);
                }
            },
        );
    }

    /// One step: the pooled rows before it are those of the step before, or `out` itself.
    #[inline(always)]
    fn forward_step(&self, step: usize, h: &[f32], width: usize, out: &mut [f32]) {
        let rows = self.packed.step(step);
        let size = rows.len() * width;
        let h = &h[rows.start * width..][..size];
        let out = if self.every_word {
            let (past, now) = out.split_at_mut(rows.start * width);
            let now = &mut now[..size];
            if let Some(before) = step.checked_sub(1) {
                now.copy_from_slice(&past[self.packed.step(before).start * width..][..size]);
            }
            now
        } else {
            &mut out[..size]
        };
        match self.pooling {
            Pooling::Mean if step > 0 => {
                let share = 1.0 / (step + 1) as f32;
                out.iter_mut().zip(h).for_each(|(pooled, &h)| *pooled += (h - *pooled) * share);
            }
            Pooling::Max if step > 0 => {
                out.iter_mut().zip(h).for_each(|(pooled, &h)| *pooled = pooled.max(h));
            }
            _ => out.copy_from_slice(h),
        }
    }

    /// From the results' gradient to that of all rows of h.
    fn backward(&self, h: &[f32], d_out: &[f32], width: usize, d: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || match (self.pooling, self.every_word) {
                (Pooling::Last, true) => d.copy_from_slice(d_out),
                (Pooling::Last, false) => {
                    d.fill(0.0);
                    for (text, own) in d_out.chunks_exact(width).enumerate() {
                        if let Some(last) = self.packed.lengths()[text].checked_sub(1) {
                            d[self.packed.row(text, last) * width..][..width].copy_from_slice(own);
                        }
                    }
                }
                (Pooling::Mean, false) => {
                    for step in 0..self.packed.steps() {
                        let rows = self.packed.step(step);
                        let to = d[rows.start * width..rows.end * width].chunks_exact_mut(width);
                        for (text, to) in to.enumerate() {
                            let share = 1.0 / self.packed.lengths()[text] as f32;
                            let own = &d_out[text * width..][..width];
                            to.iter_mut().zip(own).for_each(|(d, &own)| *d = own * share);
                        }
                    }
                }
                (Pooling::Mean, true) => {
                    // The word at t has a share of 1/s in the mean after every s ≥ t words.
                    for step in (0..self.packed.steps()).rev() {
                        let rows = self.packed.step(step);
                        let share = 1.0 / (step + 1) as f32;
                        let (now, later) = d[rows.start * width..].split_at_mut(rows.len() * width);
                        let own = &d_out[rows.start * width..rows.end * width];
                        now.iter_mut().zip(own).for_each(|(d, &own)| *d = own * share);
                        let next =
                            if step + 1 < self.packed.steps() { self.packed.step(step + 1).len() } else { 0 };
                        now.iter_mut().zip(&later[..next * width]).for_each(|(d, &later)| *d += later);
                    }
                }
                (Pooling::Max, _) => {
                    d.fill(0.0);
                    (0..self.packed.texts()).for_each(|text| self.backward_max(text, h, d_out, width, d));
                }
            },
        );
    }

    /// The gradient of a maximum goes to the first word that had it.
    #[inline(always)]
    fn backward_max(&self, text: usize, h: &[f32], d_out: &[f32], width: usize, d: &mut [f32]) {
        if self.packed.lengths()[text] == 0 {
            return;
        }
        for unit in 0..width {
            let (mut best, mut holder) = (f32::NEG_INFINITY, 0);
            for row in (0..self.packed.lengths()[text]).map(|step| self.packed.row(text, step)) {
                if h[row * width + unit] > best {
                    (best, holder) = (h[row * width + unit], row);
                }
                if self.every_word {
                    d[holder * width + unit] += d_out[row * width + unit];
                }
            }
            if !self.every_word {
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
        if rows != self.packed.rows() {
            bail!("pooling: {rows} rows, expected {}", self.packed.rows());
        }
        let mut out = vec![0.0; self.results() * width];
        self.forward(slice(storage, layout)?, width, &mut out);
        self.dropout.apply(&mut out);
        Ok((CpuStorage::F32(out), Shape::from((self.results(), width))))
    }

    fn bwd(&self, h: &Tensor, _: &Tensor, d_out: &Tensor) -> Result<Option<Tensor>> {
        let width = h.dim(1)?;
        let mut d_out = with_values(d_out, |d_out| Ok(d_out.to_vec()))?;
        self.dropout.apply(&mut d_out);
        let mut d = vec![0.0; h.elem_count()];
        with_values(h, |h| {
            self.backward(h, &d_out, width, &mut d);
            Ok(())
        })?;
        Ok(Some(Tensor::from_vec(d, h.shape(), h.device())?))
    }
}

/// The same pooling out of Candle's own operations, step by step on its tape.
///
/// # Errors
/// If the shapes do not fit each other.
pub fn graph(pooling: Pooling, packed: &PackedSequence, every_word: bool, h: &Tensor) -> Result<Tensor> {
    let width = h.dim(1)?;
    let mut steps: Vec<Tensor> = Vec::new();
    for step in 0..packed.steps() {
        let rows = packed.step(step);
        let own = h.narrow(0, rows.start, rows.len())?;
        let before = steps.last().map(|before| before.narrow(0, 0, rows.len())).transpose()?;
        steps.push(match (pooling, before) {
            (Pooling::Mean, Some(before)) => (&before + ((own - &before)? * (1.0 / (step + 1) as f64))?)?,
            (Pooling::Max, Some(before)) => before.maximum(&own)?,
            _ => own,
        });
    }
    // Empty texts pool to zeros.
    let all = if steps.is_empty() {
        Tensor::zeros((0, width), h.dtype(), h.device())?
    } else {
        Tensor::cat(&steps, 0)?
    };
    if every_word {
        return Ok(all);
    }
    let last = |&length: &usize| length.checked_sub(1);
    let ends = packed.lengths().iter().map(last).enumerate();
    let ends: Vec<u32> =
        ends.map(|(text, last)| last.map_or(packed.rows(), |last| packed.row(text, last)) as u32).collect();
    let count = ends.len();
    all.pad_with_zeros(0, 0, 1)?.index_select(&Tensor::from_vec(ends, count, h.device())?, 0)
}
