//! A state dict: names, shapes and numbers.

use anyhow::{Result, anyhow};
use candle_core::{DType, Device};

/// A tensor of floats.
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

/// What a state dict holds beside floats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its name.
    pub name: String,
    /// Its shape; empty unless it is a tensor.
    pub shape: Vec<usize>,
    /// What it is.
    pub kind: OtherKind,
}

/// Kinds of [`Other`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherKind {
    /// A tensor of whole numbers or truth values of this type.
    Whole(String),
    /// A tensor quantised to this type.
    Quantised(String),
    /// A tensor of another type that is not read.
    Foreign(String),
    /// No tensor at all.
    Object,
}

/// A state dict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Its floats, in the order of the dict (`.pth`) or of their names (safetensors keeps no order).
    pub tensors: Vec<Tensor>,
    /// The rest.
    pub others: Vec<Other>,
    /// Whether the order is that in which the module made its attributes.
    pub ordered: bool,
    /// The keys that lead to it in a checkpoint, separated by dots; empty where it is the whole file.
    pub key: String,
    /// The checkpoint's other keys.
    pub beside: Vec<String>,
}

/// Element types that are read as f32.
const FLOATS: [(&str, DType); 4] =
    [("f32", DType::F32), ("f16", DType::F16), ("bf16", DType::BF16), ("f64", DType::F64)];

/// The candle type of a [float](FLOATS).
pub(super) fn float_type(name: &str) -> Option<DType> {
    FLOATS.iter().find(|(own, _)| *own == name).map(|&(_, dtype)| dtype)
}

/// Little-endian numbers of a [`float_type`].
pub(super) fn floats(bytes: &[u8], dtype: DType) -> Result<Vec<f32>> {
    let count = bytes.len() / dtype.size_in_bytes();
    let tensor = candle_core::Tensor::from_raw_buffer(bytes, dtype, &[count], &Device::Cpu)?;
    Ok(tensor.to_dtype(DType::F32)?.to_vec1()?)
}

/// An error about a tensor that has no place.
#[must_use]
pub fn misfit(tensor: &Tensor, expected: &str) -> anyhow::Error {
    anyhow!("{} does not fit: {expected}", tensor.told())
}
