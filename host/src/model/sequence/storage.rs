//! The numbers of tensors, for operations that are not made of Candle's own.

use std::borrow::Cow;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, Layout, Result, Shape, Storage, Tensor, bail};

use super::simd::padded;

/// The numbers of a contiguous f32 tensor on the CPU.
///
/// # Errors
/// If it is another tensor.
pub fn slice<'s>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a contiguous tensor is expected, found {layout:?}"),
    }
}

/// Calls `act` with the numbers of a contiguous f32 tensor on the CPU.
///
/// # Errors
/// If it is another tensor, or those of `act`.
pub fn with_values<R>(tensor: &Tensor, act: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => act(slice(storage, layout)?),
        _ => bail!("a tensor on the CPU is expected"),
    }
}

/// Rows of `width` numbers with zeros behind each, up to its [`padded`] width.
#[must_use]
pub fn pad(rows: &[f32], width: usize) -> Cow<'_, [f32]> {
    let wide = padded(width);
    if wide == width {
        return Cow::Borrowed(rows);
    }
    let mut out = vec![0.0; rows.len() / width * wide];
    for (to, row) in out.chunks_exact_mut(wide).zip(rows.chunks_exact(width)) {
        to[..width].copy_from_slice(row);
    }
    Cow::Owned(out)
}

/// Rows without the zeros behind each.
#[must_use]
pub fn unpad(rows: Vec<f32>, width: usize) -> Vec<f32> {
    let wide = padded(width);
    if wide == width {
        return rows;
    }
    rows.chunks_exact(wide).flat_map(|row| &row[..width]).copied().collect()
}

/// A copy of a CPU tensor as the result of an operation.
///
/// # Errors
/// If it is on another device.
pub fn copied(tensor: &Tensor) -> Result<(CpuStorage, Shape)> {
    let values = with_values(tensor, |values| Ok(values.to_vec()))?;
    Ok((CpuStorage::F32(values), tensor.shape().clone()))
}

/// A copy of a tensor on a GPU as the result of an operation.
///
/// # Errors
/// If it is on another device, or this one has no memory for it.
pub fn copied_on_cuda(tensor: &Tensor) -> Result<(CudaStorage, Shape)> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, tensor.shape().clone())),
        _ => bail!("a tensor on a GPU is expected"),
    }
}
