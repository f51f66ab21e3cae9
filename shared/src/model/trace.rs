//! The fingerprint of a computation, the same on every machine.

use super::{Model, State};

impl Model<'_> {
    /// The trace hash of (`id`, state, pooled state, scores) as [`Self::scores`] left them: FNV-1a, 64 bits,
    /// over their little-endian bytes: u32, \[units\] i16 layer by layer, \[H\] i16, the sums \[K\] i32 of n-grams
    /// if there are any, \[C\] i32.
    #[must_use]
    pub fn trace(&self, id: u32, state: &State<'_>) -> u64 {
        /// Takes the `count` lower bytes of a number.
        #[inline(never)]
        fn take(hash: u64, number: u32, count: usize) -> u64 {
            let bytes = number.to_le_bytes().into_iter().take(count);
            bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
        }
        let unit = |hash, unit: i16| take(hash, i32::from(unit).cast_unsigned(), 2);
        let sum = |hash, sum: &i32| take(hash, sum.cast_unsigned(), 4);
        let hash = take(0xCBF2_9CE4_8422_2325, id, 4);
        let hash = state.units.iter().copied().fold(hash, unit);
        let hash = self.pooled(state).units().fold(hash, unit);
        let hash = state.ngram_sums.iter().fold(hash, sum);
        state.sums.iter().take(self.head.classes()).fold(hash, sum)
    }
}
