//! The rows of an embedding that a batch reads, with dropout: one operation on the CPU.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::storage::{slice, with_values};
use crate::model::dropout::Dropout;

/// rows \[U×E\] → x \[N×E\], x's row n being row `places[n]`.
pub struct Lookup {
    /// \[N\] below U.
    pub places: Vec<u32>,
    /// Of x.
    pub dropout: Dropout,
}

impl CustomOp1 for Lookup {
    fn name(&self) -> &'static str {
        "embedding-lookup"
    }

    fn cpu_fwd(&self, rows: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (count, width) = layout.shape().dims2()?;
        let rows = slice(rows, layout)?;
        let mut x = Vec::with_capacity(self.places.len() * width);
        for &place in &self.places {
            let Some(row) = rows.get(place as usize * width..(place as usize + 1) * width) else {
                bail!("row {place} of {count} rows");
            };
            x.extend_from_slice(row);
        }
        self.dropout.apply(&mut x);
        Ok((CpuStorage::F32(x), Shape::from((self.places.len(), width))))
    }

    fn bwd(&self, rows: &Tensor, _: &Tensor, dx: &Tensor) -> Result<Option<Tensor>> {
        let width = rows.dim(1)?;
        let mut dx = with_values(dx, |dx| Ok(dx.to_vec()))?;
        self.dropout.apply(&mut dx);
        let mut d = vec![0.0; rows.elem_count()];
        for (&place, dx) in self.places.iter().zip(dx.chunks_exact(width)) {
            d[place as usize * width..][..width].iter_mut().zip(dx).for_each(|(sum, dx)| *sum += dx);
        }
        Ok(Some(Tensor::from_vec(d, rows.shape(), rows.device())?))
    }
}
