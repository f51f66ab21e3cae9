//! The memory for reading texts, of a size fixed at compile time.

/// Memory for a [`Classifier`](crate::Classifier): `BYTES` is at least the number that `host inspect` prints and
/// [`include_model!`](crate::include_model) defines.
///
/// From [`Requirements::whole_memory_bytes`](crate::engine::model::Requirements::whole_memory_bytes) on, a GRU is
/// updated as a whole, which is faster on cores with vectors.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct Memory<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Memory<BYTES> {
    /// Memory for any model that needs at most `BYTES`.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; BYTES])
    }
}

impl<const BYTES: usize> Default for Memory<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> AsMut<[u8]> for Memory<BYTES> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
