//! Means over time as one product with a triangular matrix, for devices on which a step per word is expensive.

use candle_core::{CpuStorage, CudaStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::packed::PackedSequence;
use super::storage::{copied, copied_on_cuda};

/// h \[N×H\] → its means, \[B×H\] or \[N×H\] after every word: texts are padded to \[T×B×H\] and multiplied with a
/// lower triangle of shares.
pub struct MeanByProduct {
    triangle: Triangle,
    /// The results.
    means: Tensor,
}

/// What the product takes.
struct Triangle {
    /// Row t has 1/(t+1) up to column t, \[T×T\].
    shares: Tensor,
    /// For each cell of T×B its row of h, or N where the text is over.
    spread: Tensor,
    /// For each cell of T×B its row of the results, or their number where it has none.
    wanted: Tensor,
    /// For each row of h its cell.
    rows: Tensor,
    /// For each result its cell, or T·B for an empty text.
    results: Tensor,
    texts: usize,
}

/// Rows of x \[R×H\] by index; the index R gives zeros.
fn select(x: &Tensor, index: &Tensor) -> Result<Tensor> {
    x.pad_with_zeros(0, 0, 1)?.index_select(index, 0)
}

impl MeanByProduct {
    /// An operation on exactly these states: the forward pass is done here.
    ///
    /// # Errors
    /// If the shapes do not fit each other.
    pub fn new(packed: &PackedSequence, every_word: bool, h: &Tensor) -> Result<Self> {
        let triangle = Triangle::new(packed, every_word, h.device())?;
        let means = triangle.forward(&h.detach())?;
        Ok(Self { triangle, means })
    }
}

impl Triangle {
    fn new(packed: &PackedSequence, every_word: bool, device: &Device) -> Result<Self> {
        let (steps, texts) = (packed.steps(), packed.texts());
        let results = if every_word { packed.rows() } else { texts };
        let mut shares = vec![0.0f32; steps * steps];
        let mut spread = vec![packed.rows() as u32; steps * texts];
        let mut wanted = vec![results as u32; steps * texts];
        let mut rows = Vec::with_capacity(packed.rows());
        let mut ends = vec![(steps * texts) as u32; texts];
        for step in 0..steps {
            shares[step * steps..=step * steps + step].fill(1.0 / (step + 1) as f32);
            for (text, row) in packed.step(step).enumerate() {
                let cell = step * texts + text;
                spread[cell] = row as u32;
                rows.push(cell as u32);
                if every_word {
                    wanted[cell] = row as u32;
                } else if step + 1 == packed.lengths()[text] {
                    wanted[cell] = text as u32;
                    ends[text] = cell as u32;
                }
            }
        }
        let index = |values: Vec<u32>| Tensor::from_iter(values, device);
        let rows = index(rows)?;
        Ok(Self {
            shares: Tensor::from_vec(shares, (steps, steps), device)?,
            spread: index(spread)?,
            wanted: index(wanted)?,
            results: if every_word { rows.clone() } else { index(ends)? },
            rows,
            texts,
        })
    }

    /// h \[N×H\] → \[N×H\] or \[B×H\].
    fn forward(&self, h: &Tensor) -> Result<Tensor> {
        let (steps, _) = self.shares.dims2()?;
        let width = h.dim(1)?;
        let cells = select(h, &self.spread)?.reshape((steps, self.texts * width))?;
        let means = self.shares.matmul(&cells)?.reshape((steps * self.texts, width))?;
        select(&means, &self.results)
    }

    fn backward(&self, d: &Tensor) -> Result<Tensor> {
        let (steps, _) = self.shares.dims2()?;
        let width = d.dim(1)?;
        let cells = select(d, &self.wanted)?.reshape((steps, self.texts * width))?;
        let d = self.shares.t()?.matmul(&cells)?.reshape((steps * self.texts, width))?;
        d.index_select(&self.rows, 0)
    }
}

impl CustomOp1 for MeanByProduct {
    fn name(&self) -> &'static str {
        "mean-over-time"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        copied(&self.means)
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        copied_on_cuda(&self.means)
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, d: &Tensor) -> Result<Option<Tensor>> {
        self.triangle.backward(d).map(Some)
    }
}
