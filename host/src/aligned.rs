//! Bytes on a 16-byte boundary, as required for a model file that is read in place.

use std::path::Path;

use anyhow::{Context, Result};

/// Owned bytes whose start is a multiple of 16.
#[derive(Clone, Debug, Default)]
pub struct AlignedBytes {
    words: Vec<u128>,
    length: usize,
}

impl AlignedBytes {
    /// A copy of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut words = vec![0; bytes.len().div_ceil(16)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self { words, length: bytes.len() }
    }

    /// So many zero bytes.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(16)], length }
    }

    /// The contents of a file.
    ///
    /// # Errors
    /// If the file cannot be read; the error names it.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes =
            crate::files::read(path).with_context(|| format!("cannot read the model {}", path.display()))?;
        Ok(Self::new(&bytes))
    }
}

impl AsMut<[u8]> for AlignedBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl std::ops::DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.length]
    }
}

impl std::ops::Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
}
