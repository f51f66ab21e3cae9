//! Reads a state dict: names, shapes and numbers.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use candle_core::{DType, Device};
use safetensors::tensor::{Dtype, SafeTensors};

use super::archive;

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

/// First bytes of files that are often given by mistake, and what they are.
const MISTAKEN: [(&[u8], &str); 11] = [
    (
        b"\x80\x02\x8a\nl\xfc\x9cF",
        "written by torch.save of PyTorch before 1.6 (or with _use_new_zipfile_serialization=False): load it and save the state dict anew",
    ),
    (b"\x80", "a bare pickle: load it in Python and save the state dict with torch.save"),
    (b"\x1f\x8b", "a gzip: unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer: run `git lfs pull` where it comes from"),
    (b"\x89HDF", "an HDF5 file (Keras): PyTorch's state dicts only"),
    (b"GGUF", "a GGUF file: PyTorch's state dicts only"),
    (b"\x93NUMPY", "a NumPy array: PyTorch's state dicts only"),
    (b"<!DOCTYPE", "a web page: the download failed"),
    (b"<!doctype", "a web page: the download failed"),
    (b"<html", "a web page: the download failed"),
    (&telltale::engine::format::MAGIC, "a model for the chip: `inspect` and `run` read it"),
];

/// The longest header of a safetensors file, as its format says.
const LONGEST_HEADER: u64 = 100_000_000;

/// Reads a `.safetensors` file, or a `.pth`/`.pt`/`.ckpt` file of `torch.save`; which one it is, its first
/// bytes tell. `key` says which of several state dicts of a checkpoint is meant.
///
/// # Errors
/// If it is neither, is damaged, or holds no tensors; the error names the file.
pub fn read(path: &Path, key: Option<&str>) -> Result<State> {
    let named = || path.display().to_string();
    let unreadable = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(unreadable)?;
    let mut bytes = Vec::new();
    file.by_ref().take(32).read_to_end(&mut bytes).with_context(unreadable)?;
    let zip = bytes.starts_with(b"PK\x03\x04");
    let header = bytes.first_chunk().map_or(0, |&length| u64::from_le_bytes(length));
    let safetensors = (2..=LONGEST_HEADER).contains(&header) && bytes.get(8) == Some(&b'{');
    if !zip && !safetensors {
        for (start, what) in MISTAKEN {
            ensure!(!bytes.starts_with(start), "{}: {what}", path.display());
        }
        bail!(
            "{}: neither a .safetensors file nor one of torch.save(model.state_dict(), …) by PyTorch 1.6 or later",
            path.display()
        );
    }
    file.read_to_end(&mut bytes).with_context(unreadable)?;
    let state = if zip {
        archive::read(Cursor::new(&bytes), key).with_context(named)?
    } else {
        safe(&bytes).with_context(named)?
    };
    ensure!(
        !state.tensors.is_empty() || !state.others.is_empty(),
        "{}: no tensors in it (a state dict is expected: torch.save(model.state_dict(), …))",
        path.display()
    );
    Ok(state)
}

fn safe(bytes: &[u8]) -> Result<State> {
    // The crate's own error has a line for developers only.
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| anyhow!("the .safetensors file is cut short or damaged ({error})"))?;
    let mut state = State::default();
    for (name, view) in file.tensors() {
        let shape = view.shape().to_vec();
        let dtype = format!("{:?}", view.dtype()).to_lowercase();
        match (view.dtype(), float_type(&dtype)) {
            (_, Some(dtype)) => {
                let values = floats(view.data(), dtype).with_context(|| format!("{name} {shape:?}"))?;
                state.tensors.push(Tensor { name, shape, values });
            }
            (
                Dtype::BOOL
                | Dtype::U8
                | Dtype::I8
                | Dtype::I16
                | Dtype::U16
                | Dtype::I32
                | Dtype::U32
                | Dtype::I64
                | Dtype::U64,
                _,
            ) => state.others.push(Other { name, shape, kind: OtherKind::Whole(dtype) }),
            _ => state.others.push(Other { name, shape, kind: OtherKind::Foreign(dtype) }),
        }
    }
    state.tensors.sort_by_key(|tensor| natural(&tensor.name));
    state.others.sort_by_key(|other| natural(&other.name));
    Ok(state)
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

/// An error about a tensor that has no place.
#[must_use]
pub fn misfit(tensor: &Tensor, expected: &str) -> anyhow::Error {
    anyhow!("{} does not fit: {expected}", tensor.told())
}
