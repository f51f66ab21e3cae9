//! Reads a file of weights in either of two formats.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use safetensors::tensor::{Dtype, SafeTensors};

use super::archive;
use super::state::{Other, OtherKind, State, Tensor, float_type, floats};
use crate::console::one_line;
use crate::file_kind;

/// First bytes of PyTorch's files that are not read, and of packed ones, and what they are.
const MISTAKEN: [(&[u8], &str); 3] = [
    (
        b"\x80\x02\x8a\nl\xfc\x9cF",
        "written by torch.save of PyTorch before 1.6 (or with _use_new_zipfile_serialization=False): load it and save the state dict anew",
    ),
    (b"\x80", "a bare pickle: load it in Python and save the state dict with torch.save"),
    (b"\x1f\x8b", "a gzip: unpack it first"),
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
        let kind = file_kind::of_binary(&bytes, &MISTAKEN);
        bail!(
            "{}: {}a .safetensors file or one of torch.save(model.state_dict(), …) by PyTorch 1.6 or later is expected",
            path.display(),
            kind.map_or_else(String::new, |kind| format!("{kind}; "))
        );
    }
    file.read_to_end(&mut bytes).with_context(unreadable)?;
    ensure!(
        zip || key.is_none(),
        "{}: a .safetensors file is one state dict, so that \"state_dict\" of the configuration has no effect",
        path.display()
    );
    let state = if zip { archive::read(Cursor::new(&bytes), key) } else { safe(&bytes) };
    // Names of a damaged file may be anything.
    let state = state.map_err(|error| anyhow!("{}", one_line(&format!("{error:#}")))).with_context(named)?;
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
