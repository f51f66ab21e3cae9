//! The state of a text, apart from the model.

use super::Requirements;
use crate::format::OpenError;
use crate::ngrams::RollingKeys;

/// The part of a text's state that is not in a buffer; by default the start of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The keys from which the next n-grams grow.
    pub(crate) keys: RollingKeys,
    /// Words read, at most 65,535.
    pub(crate) words: u16,
}

impl Context {
    /// The start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { keys: RollingKeys::new(), words: 0 }
    }
}

/// State of a text and working memory of a step, carved from one block of memory.
#[derive(Debug, PartialEq, Eq)]
pub struct State<'m> {
    /// Activations, a step's input.
    pub(super) x: &'m mut [i16],
    /// Hidden states, layer by layer.
    pub(crate) units: &'m mut [i16],
    /// Of pooling.
    pub(crate) pool: &'m mut [i32],
    /// Sums of n-gram weights, one for each column.
    pub(crate) ngram_sums: &'m mut [i32],
    /// Sums of maps.
    pub(super) sums: &'m mut [i32],
    /// The rest of the state.
    pub(crate) context: Context,
}

impl<'m> State<'m> {
    /// Carves the buffers from the start of `memory`, which lies on a word's boundary; sums get all that is left. Their
    /// contents are kept.
    ///
    /// # Errors
    /// [`OpenError::Memory`] if `memory` is too short, [`OpenError::Misaligned`] if it is not on a boundary of 4 bytes.
    pub fn carve(
        memory: &'m mut [u8],
        requirements: &Requirements,
        context: Context,
    ) -> Result<Self, OpenError> {
        let (needed, there) = (requirements.memory_bytes(), memory.len());
        let misaligned = memory.as_ptr().addr() % 4;
        if needed > there {
            return Err(OpenError::Memory(there as u32, needed as u32));
        }
        let &Requirements { units, pool, ngram_sums, input, .. } = requirements;
        let mut rest = memory;
        let x = halves(&mut rest, input);
        let units = halves(&mut rest, units);
        let _padding = halves(&mut rest, units.len() % 2);
        let pool = words(&mut rest, pool);
        let ngram_sums = words(&mut rest, ngram_sums);
        let left = rest.len() / 4;
        let sums = words(&mut rest, left);
        if misaligned != 0 {
            return Err(OpenError::Misaligned(misaligned as u32));
        }
        Ok(Self { x, units, pool, ngram_sums, sums, context })
    }

    /// The state of an empty model.
    pub(crate) const fn nothing() -> Self {
        let (x, units, pool, ngram_sums, sums) = (&mut [], &mut [], &mut [], &mut [], &mut []);
        Self { x, units, pool, ngram_sums, sums, context: Context::new() }
    }

    /// Back to the start of a text.
    #[inline(never)]
    pub fn reset(&mut self) {
        self.units.fill(0);
        self.pool.fill(0);
        self.ngram_sums.fill(0);
        self.context = Context::new();
    }

    /// Words read, at most 65,535.
    #[must_use]
    pub const fn words(&self) -> u16 {
        self.context.words
    }
}

/// Takes the first `count` i16.
fn halves<'m>(rest: &mut &'m mut [u8], count: usize) -> &'m mut [i16] {
    bytemuck::try_cast_slice_mut(bytes(rest, 2 * count)).unwrap_or_default()
}

/// Takes the first `count` i32.
fn words<'m>(rest: &mut &'m mut [u8], count: usize) -> &'m mut [i32] {
    bytemuck::try_cast_slice_mut(bytes(rest, 4 * count)).unwrap_or_default()
}

fn bytes<'m>(rest: &mut &'m mut [u8], count: usize) -> &'m mut [u8] {
    match core::mem::take(rest).split_at_mut_checked(count) {
        Some((taken, behind)) => {
            *rest = behind;
            taken
        }
        None => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIREMENTS: Requirements =
        Requirements { units: 5, pool: 3, ngram_sums: 2, input: 8, sums: 4, whole_sums: 16 };

    #[test]
    fn buffers_lie_one_behind_the_other() {
        assert_eq!(
            (REQUIREMENTS.memory_bytes(), REQUIREMENTS.whole_memory_bytes()),
            (16 + 12 + 20 + 16, 112)
        );
        let mut memory = crate::Memory::<80>::new();
        let state = State::carve(memory.as_mut(), &REQUIREMENTS, Context::new()).expect("fits");
        let lengths = [state.pool.len(), state.ngram_sums.len(), state.sums.len()];
        // Four words more than needed are sums.
        assert_eq!((state.x.len(), state.units.len(), lengths), (8, 5, [3, 2, 8]));
        state.units.fill(-1);
        state.ngram_sums.fill(7);
        let again = State::carve(memory.as_mut(), &REQUIREMENTS, Context::new()).expect("fits");
        assert_eq!((&*again.units, &*again.ngram_sums), (&[-1; 5][..], &[7; 2][..]));
        let mut fresh = again;
        fresh.reset();
        assert_eq!((&*fresh.units, &*fresh.ngram_sums, fresh.words()), (&[0; 5][..], &[0; 2][..], 0));
    }

    #[test]
    fn memory_that_is_too_short_or_misaligned_is_refused() {
        let mut memory = crate::Memory::<80>::new();
        let mut carve = |from: usize, to: usize| {
            State::carve(&mut memory.as_mut()[from..to], &REQUIREMENTS, Context::new()).err()
        };
        assert_eq!(carve(0, 63), Some(OpenError::Memory(63, 64)));
        assert_eq!(carve(2, 80), Some(OpenError::Misaligned(2)));
        assert_eq!(carve(4, 68), None);
    }
}
