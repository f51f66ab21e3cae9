//! Reads a state dict: names, shapes and numbers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::pickle::{PthTensors, TensorInfo, read_pth_tensor_info};
use candle_core::{DType, Device};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

/// A tensor of a state dict.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name, attributes separated by dots.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, row by row.
    pub values: Vec<f32>,
}

impl Tensor {
    /// Its name and shape, for people.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{} {:?}", self.name, self.shape)
    }
}

/// Names under which a state dict may lie in a checkpoint of a training script.
const KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// Reads a `.safetensors` file, or a `.pth`/`.pt` file of `torch.save`; which one it is, its first
/// bytes tell. The order is that of the state dict (`.pth`) or of the names (safetensors keeps no order).
///
/// # Errors
/// If it is neither, is damaged, or holds no tensors; the error names the file.
pub fn read(path: &Path) -> Result<Vec<Tensor>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let tensors = if bytes.starts_with(b"PK\x03\x04") {
        pickled(path, bytes.len()).with_context(|| path.display().to_string())?
    } else {
        safe(&bytes).with_context(|| {
            format!(
                "{}: neither a .safetensors file nor one of torch.save(model.state_dict(), …) by PyTorch 1.6 or later",
                path.display()
            )
        })?
    };
    ensure!(!tensors.is_empty(), "{}: no tensors in it (a state dict is expected)", path.display());
    for tensor in &tensors {
        ensure!(
            tensor.values.iter().all(|value| value.is_finite()),
            "{}: {} holds a number that is not finite",
            path.display(),
            tensor.told()
        );
    }
    Ok(tensors)
}

fn safe(bytes: &[u8]) -> Result<Vec<Tensor>> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        tensors.push(from_view(name, &view)?);
    }
    tensors.sort_by_key(|tensor| natural(&tensor.name));
    Ok(tensors)
}

fn from_view(name: String, view: &TensorView<'_>) -> Result<Tensor> {
    use candle_core::safetensors::Load;
    let tensor = view.load(&Device::Cpu).with_context(|| format!("{name}: {:?}", view.dtype()))?;
    flat(name, &tensor)
}

fn flat(name: String, tensor: &candle_core::Tensor) -> Result<Tensor> {
    let shape = tensor.dims().to_vec();
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    Ok(Tensor { name, shape, values })
}

/// Digits by their value, so that `l10` comes after `l9`.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (before, from) = rest.split_at(text);
        let digits = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(digits);
        parts.push((0, before.to_owned()));
        parts.push((number.parse().unwrap_or(u64::MAX), String::new()));
        rest = after;
    }
    parts
}

fn pickled(path: &Path, bytes: usize) -> Result<Vec<Tensor>> {
    let listed = |key: Option<&str>| -> Result<Vec<TensorInfo>> {
        let mut infos = guarded(|| read_pth_tensor_info(path, false, key))?
            .context("no state dict: save it with torch.save(model.state_dict(), …)")?;
        // Candle reads a dictionary from its end.
        infos.reverse();
        Ok(infos)
    };
    let (mut key, mut infos) = (None, listed(None)?);
    for name in KEYS {
        if infos.is_empty() {
            key = Some(name);
            infos = listed(key).unwrap_or_default();
        }
    }
    for info in &infos {
        let numbers = info.layout.dims().iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        ensure!(
            numbers
                .and_then(|numbers| numbers.checked_mul(info.dtype.size_in_bytes()))
                .is_some_and(|size| size <= bytes),
            "{} {:?} is larger than the file",
            info.name,
            info.layout.dims()
        );
    }
    if infos.is_empty() {
        return Ok(Vec::new());
    }
    let file = guarded(|| PthTensors::new(path, key))??;
    let mut tensors = Vec::new();
    for info in infos {
        let tensor = guarded(|| file.get(&info.name))?.with_context(|| info.name.clone())?;
        tensors.push(flat(info.name.clone(), &tensor.with_context(|| info.name.clone())?)?);
    }
    Ok(tensors)
}

/// Candle's reader of pickles panics on some damaged ones: an error instead.
fn guarded<T>(read: impl FnOnce() -> T) -> Result<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(read));
    std::panic::set_hook(hook);
    let Ok(value) = result else { bail!("the file is damaged") };
    Ok(value)
}

/// An error about a tensor that has no place.
#[must_use]
pub fn misfit(tensor: &Tensor, expected: &str) -> anyhow::Error {
    anyhow!("{} does not fit: {expected}", tensor.told())
}
