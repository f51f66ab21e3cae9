//! A layer's whole sequence as one operation of fused kernels on the CPU.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::buffer::Buffer;
use super::layer::{self, Parameters};
use super::packed::PackedSequence;
use super::simd::padded;
use super::storage::{pad, slice, unpad, with_values};
use crate::model::config::Cell;

/// x \[N×I\], W and U side by side \[GH×(I+H)\], both biases \[2·GH\] and, of a FastGRNN, ζ and ν behind them → h
/// \[N×H\].
pub struct Fused {
    cell: Cell,
    packed: Arc<PackedSequence>,
    bptt: Option<usize>,
    /// What the cell saves for the backward pass, \[N×K×padded H\].
    saved: Mutex<Option<Buffer>>,
}

impl Fused {
    /// An operation for one forward and at most one backward pass; with `bptt`, gradients do not cross multiples of
    /// that many steps.
    #[must_use]
    pub const fn new(cell: Cell, packed: Arc<PackedSequence>, bptt: Option<usize>) -> Self {
        Self { cell, packed, bptt, saved: Mutex::new(None) }
    }
}

/// W and U apart.
struct Weights {
    inputs: usize,
    width: usize,
    weight_ih: Vec<f32>,
    weight_hh: Vec<f32>,
}

impl Weights {
    fn new(weights: &[f32], (gates, columns): (usize, usize), cell: Cell) -> Result<Self> {
        let width = gates / cell.gates();
        if gates != cell.gates() * width || columns <= width {
            bail!("weights {gates}×{columns} are not those of a {cell}");
        }
        let inputs = columns - width;
        let part = |part: std::ops::Range<usize>| {
            weights.chunks_exact(columns).flat_map(|row| &row[part.clone()]).copied().collect()
        };
        Ok(Self { inputs, width, weight_ih: part(0..inputs), weight_hh: part(inputs..columns) })
    }

    fn parameters<'a>(&'a self, biases: &'a [f32], cell: Cell) -> Result<Parameters<'a>> {
        let gates = cell.gates() * self.width;
        let count = 2 * gates + cell.factors().len();
        if biases.len() != count {
            bail!("{} biases for {gates} rows of weights of a {cell}, expected {count}", biases.len());
        }
        let (bias_ih, rest) = biases.split_at(gates);
        let (bias_hh, mix) = rest.split_at(gates);
        Ok(Parameters {
            inputs: self.inputs,
            width: self.width,
            weight_ih: &self.weight_ih,
            weight_hh: &self.weight_hh,
            bias_ih,
            bias_hh,
            mix: mix.first_chunk().copied().unwrap_or_default(),
        })
    }
}

impl CustomOp3 for Fused {
    fn name(&self) -> &'static str {
        "recurrent-sequence"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weights: &CpuStorage,
        weights_layout: &Layout,
        biases: &CpuStorage,
        biases_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let weights =
            Weights::new(slice(weights, weights_layout)?, weights_layout.shape().dims2()?, self.cell)?;
        let parameters = weights.parameters(slice(biases, biases_layout)?, self.cell)?;
        let rows = self.packed.rows();
        if x_layout.shape().dims2()? != (rows, weights.inputs) {
            bail!("x {:?}, expected {rows}×{}", x_layout.shape(), weights.inputs);
        }
        let wide = padded(weights.width);
        let x = pad(slice(x, x_layout)?, weights.inputs);
        let mut h = vec![0.0; rows * wide];
        let mut saved = Buffer::new(rows * wide * layer::saved(self.cell));
        layer::forward(self.cell, &self.packed, &parameters, &x, &mut h, &mut saved);
        if let Ok(mut slot) = self.saved.lock() {
            *slot = Some(saved);
        }
        Ok((CpuStorage::F32(unpad(h, weights.width)), Shape::from((rows, weights.width))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        biases: &Tensor,
        h: &Tensor,
        dh: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let slot = self.saved.lock().ok().and_then(|mut slot| slot.take());
        let Some(saved) = slot else { bail!("a recurrent sequence runs backward once") };
        let (shape, device) = (weights.dims2()?, x.device());
        let apart = with_values(weights, |weights| Weights::new(weights, shape, self.cell))?;
        let values: Vec<f32> = biases.to_vec1()?;
        let parameters = apart.parameters(&values, self.cell)?;
        let (inputs, width) = (apart.inputs, apart.width);
        let mut dx = vec![0.0; self.packed.rows() * padded(inputs)];
        let gradients = with_values(x, |x| {
            with_values(h, |h| {
                with_values(dh, |dh| {
                    let (x, h, dh) = (pad(x, inputs), pad(h, width), pad(dh, width));
                    let (cell, packed) = (self.cell, &self.packed);
                    Ok(layer::backward(cell, packed, self.bptt, &parameters, &x, &h, &saved, &dh, &mut dx))
                })
            })
        })?;
        let rows = gradients.weight_ih.chunks_exact(inputs).zip(gradients.weight_hh.chunks_exact(width));
        let d_weights: Vec<f32> = rows.flat_map(|(w, u)| w.iter().chain(u)).copied().collect();
        let mut d_biases = [gradients.bias_ih, gradients.bias_hh].concat();
        d_biases.extend(&gradients.mix[..self.cell.factors().len()]);
        Ok((
            Some(Tensor::from_vec(unpad(dx, inputs), x.shape(), device)?),
            Some(Tensor::from_vec(d_weights, weights.shape(), device)?),
            Some(Tensor::from_vec(d_biases, biases.shape(), device)?),
        ))
    }
}
