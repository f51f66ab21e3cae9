//! A recurrent layer's whole sequence as one Candle operation with its own backward pass (CPU).

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::buffer::Buffer;
use super::layer::{self, Parameters};
use super::plan::Plan;
use super::simd::padded;
use crate::model::config::Cell;

/// x \[N×I\], W and U side by side \[GH×(I+H)\], both biases \[2·GH\] and, of a FastGRNN, ζ and ν behind them → h
/// \[N×H\].
pub struct Sequence {
    cell: Cell,
    plan: Arc<Plan>,
    bptt: Option<usize>,
    kept: Mutex<Option<Kept>>,
}

/// What the way back needs, padded.
struct Kept {
    x: Buffer,
    h: Buffer,
    kept: Buffer,
}

/// The parameters apart.
struct Apart {
    inputs: usize,
    width: usize,
    weight_ih: Vec<f32>,
    weight_hh: Vec<f32>,
    biases: Vec<f32>,
    mix: [f32; 2],
}

impl Apart {
    fn new(weights: &[f32], (gates, columns): (usize, usize), biases: &[f32], cell: Cell) -> Result<Self> {
        let width = gates / cell.gates();
        let (biases, mix) = biases.split_at_checked(2 * gates).unwrap_or((&[], biases));
        if gates != cell.gates() * width || columns <= width || mix.len() != cell.factors().len() {
            bail!("weights {gates}×{columns} and {} biases are not those of a {cell}", biases.len());
        }
        let inputs = columns - width;
        let part = |from: usize, to: usize| {
            weights.chunks_exact(columns).flat_map(|row| &row[from..to]).copied().collect()
        };
        let (weight_ih, weight_hh) = (part(0, inputs), part(inputs, columns));
        let mix = mix.first_chunk().copied().unwrap_or_default();
        Ok(Self { inputs, width, weight_ih, weight_hh, biases: biases.to_vec(), mix })
    }

    fn parameters(&self) -> Parameters<'_> {
        let (bias_ih, bias_hh) = self.biases.split_at(self.biases.len() / 2);
        Parameters {
            inputs: self.inputs,
            width: self.width,
            weight_ih: &self.weight_ih,
            weight_hh: &self.weight_hh,
            bias_ih,
            bias_hh,
            mix: self.mix,
        }
    }
}

impl Sequence {
    /// An operation for one forward and at most one backward pass.
    #[must_use]
    pub const fn new(cell: Cell, plan: Arc<Plan>, bptt: Option<usize>) -> Self {
        Self { cell, plan, bptt, kept: Mutex::new(None) }
    }
}

/// Rows of `width` numbers with their padding.
fn pad(rows: &[f32], width: usize) -> Buffer {
    let mut out = Buffer::zeros(rows.len() / width * padded(width));
    for (to, row) in out.chunks_exact_mut(padded(width)).zip(rows.chunks_exact(width)) {
        to[..width].copy_from_slice(row);
    }
    out
}

/// Rows of `width` numbers without their padding.
fn unpad(rows: &[f32], width: usize) -> Vec<f32> {
    rows.chunks_exact(padded(width)).flat_map(|row| &row[..width]).copied().collect()
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

impl CustomOp3 for Sequence {
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
        let shape = weights_layout.shape().dims2()?;
        let apart =
            Apart::new(slice(weights, weights_layout)?, shape, slice(biases, biases_layout)?, self.cell)?;
        let rows = self.plan.rows();
        if x_layout.shape().dims2()? != (rows, apart.inputs) {
            bail!("x {:?}, expected {rows}×{}", x_layout.shape(), apart.inputs);
        }
        let wide = padded(apart.width);
        let x = pad(slice(x, x_layout)?, apart.inputs);
        let mut h = Buffer::new(rows * wide);
        let mut kept = Buffer::new(rows * wide * layer::kept(self.cell));
        layer::forward(self.cell, &self.plan, &apart.parameters(), &x, &mut h, &mut kept);
        let out = unpad(&h, apart.width);
        if let Ok(mut slot) = self.kept.lock() {
            *slot = Some(Kept { x, h, kept });
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, apart.width))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        biases: &Tensor,
        _: &Tensor,
        dh: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let slot = self.kept.lock().ok().and_then(|mut slot| slot.take());
        let Some(kept) = slot else { bail!("a fused sequence runs backward once") };
        let apart = Apart::new(&values(weights)?, weights.dims2()?, &values(biases)?, self.cell)?;
        let dh = pad(&values(dh)?, apart.width);
        let mut dx = Buffer::new(kept.x.len());
        let parameters = apart.parameters();
        let gradients = layer::backward(
            self.cell,
            &self.plan,
            self.bptt,
            &parameters,
            &kept.x,
            &kept.h,
            &kept.kept,
            &dh,
            &mut dx,
        );
        let own = gradients.weight_ih.chunks_exact(apart.inputs);
        let own = own.zip(gradients.weight_hh.chunks_exact(apart.width));
        let d_weights: Vec<f32> = own.flat_map(|(w, u)| w.iter().chain(u)).copied().collect();
        let mut d_biases = [gradients.bias_ih, gradients.bias_hh].concat();
        d_biases.extend(&gradients.mix[..self.cell.factors().len()]);
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(unpad(&dx, apart.inputs), x.shape(), device)?),
            Some(Tensor::from_vec(d_weights, weights.shape(), device)?),
            Some(Tensor::from_vec(d_biases, biases.shape(), device)?),
        ))
    }
}
