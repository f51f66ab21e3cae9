//! The state of a text as bytes: saved and restored even in the middle of a word, on one machine or across machines.
//!
//! Letters: U units, P sums of pooling, K sums of n-gram weights. All numbers are little endian.
//!
//! | bytes | content |
//! |---|---|
//! | 4 | the model's digest, u32 |
//! | 4, 4 | words of the text, those not in the vocabulary, u32 |
//! | 2 | words for pooling, u16, 65,535 at most |
//! | 35 | n-grams so far: keys of words, keys of characters, look-ups, u32; how many keys of both are in use, u8; whether the last character was not a gap, u8 |
//! | 9 | early exit: answers in a row, their class, decided or not, class, probability: u16, u16, u8, u16, u16 |
//! | … | the tokeniser |
//! | 2U, 4P, 4K | units i16, sums of pooling and of n-gram weights i32 |

use core::fmt;

use crate::fixed::{Mean, UNIT_MAX, Unit};
use crate::model::{Context, Model, Requirements, State};
use crate::ngrams::RollingKeys;
use crate::reading::{Exit, Reading};
use crate::sentence::{formatted, say_numbers};
use crate::text::Tokeniser;

/// Why a state could not be saved or restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// The buffer is smaller than a state: its bytes, the bytes needed.
    BufferTooSmall(usize, usize),
    /// The bytes are more or fewer than a state of this model: their number, the expected one.
    Length(usize, usize),
    /// The state belongs to another model: its digest, this model's.
    Model(u32, u32),
    /// A number in the state is out of range: the bytes are damaged.
    Damaged,
}

impl StateError {
    /// Gives the sentence to `put`, piece by piece in ASCII.
    pub fn say(&self, put: &mut dyn FnMut(&[u8])) {
        let (text, numbers): (&[u8], _) = match *self {
            Self::BufferTooSmall(found, expected) => {
                (b"buffer smaller than a saved state, in bytes", Some([found as u32, expected as u32]))
            }
            Self::Length(found, expected) => {
                (b"no saved state of this model, in bytes", Some([found as u32, expected as u32]))
            }
            Self::Model(found, expected) => {
                (b"saved state of another model, by its digest", Some([found, expected]))
            }
            Self::Damaged => (b"saved state damaged: a number is out of range", None),
        };
        let (found, expected) = (numbers.map(|[found, _]| found), numbers.map(|[_, expected]| [expected; 2]));
        put(text);
        say_numbers(put, found, expected);
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatted(f, |put| self.say(put))
    }
}

impl core::error::Error for StateError {}

/// Bytes before the buffers' content.
const FIXED: usize = 4 + 4 + 4 + 2 + RollingKeys::SAVED_BYTES + Exit::SAVED_BYTES + Tokeniser::SAVED_BYTES;

/// Bytes of a saved state.
pub(crate) const fn bytes(state: &State<'_>) -> usize {
    FIXED + 2 * state.units.len() + 4 * (state.pool.len() + state.ngram_sums.len())
}

/// Like [`bytes`], before there is a state.
pub(crate) const fn bytes_of(requirements: &Requirements) -> usize {
    FIXED + requirements.state_bytes()
}

/// Writes a state. Returns the bytes written.
pub(crate) fn save<'b>(
    model: &Model<'_>,
    reading: &Reading,
    state: &State<'_>,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], StateError> {
    let (there, needed) = (buffer.len(), bytes(state));
    let to = buffer.get_mut(..needed).ok_or(StateError::BufferTooSmall(there, needed))?;
    let Context { keys, words } = state.context;
    let head = [model.digest(), reading.words, reading.unknown].map(u32::to_le_bytes);
    let all = head
        .into_iter()
        .flatten()
        .chain(words.to_le_bytes())
        .chain(keys.save())
        .chain(reading.exit.save())
        .chain(reading.tokeniser.save())
        .chain(state.units.iter().flat_map(|unit| unit.to_le_bytes()))
        .chain(state.pool.iter().flat_map(|sum| sum.to_le_bytes()))
        .chain(state.ngram_sums.iter().flat_map(|sum| sum.to_le_bytes()));
    for (to, byte) in to.iter_mut().zip(all) {
        *to = byte;
    }
    Ok(to)
}

/// Restores a saved state; changes nothing if it fails.
pub(crate) fn restore(
    model: &Model<'_>,
    reading: &mut Reading,
    state: &mut State<'_>,
    saved: &[u8],
) -> Result<(), StateError> {
    let expected = bytes(state);
    if saved.len() != expected {
        return Err(StateError::Length(saved.len(), expected));
    }
    let mut rest = saved;
    let digest = u32::from_le_bytes(take(&mut rest));
    if digest != model.digest() {
        return Err(StateError::Model(digest, model.digest()));
    }
    let [words, unknown] = [(); 2].map(|()| u32::from_le_bytes(take(&mut rest)));
    let pooled_words = u16::from_le_bytes(take(&mut rest));
    let keys = RollingKeys::restore(&take(&mut rest));
    let mut exit = reading.exit;
    let sound = exit.restore(take(&mut rest), model.head().classes());
    let tokeniser = Tokeniser::restored(model.manifest_view().text, &take(&mut rest));
    let (units, sums) = rest.split_at_checked(2 * state.units.len()).unwrap_or_default();
    let (units, (sums, _)) = (units.as_chunks::<2>().0, sums.as_chunks::<4>());
    let (pool, ngram_sums) = sums.split_at_checked(state.pool.len()).unwrap_or_default();
    // The range for which the arithmetic of pooling is proven.
    let range = -1 << Mean::FRAC_NBITS..=UNIT_MAX << (Mean::FRAC_NBITS - Unit::FRAC_NBITS);
    let in_range = pool.iter().all(|bytes| range.contains(&i32::from_le_bytes(*bytes)));
    let (Some(tokeniser), Some(keys), true) = (tokeniser, keys, sound && in_range && unknown <= words) else {
        return Err(StateError::Damaged);
    };
    *reading = Reading { tokeniser, words, unknown, exit, tracing: reading.tracing };
    state.context = Context { keys, words: pooled_words };
    state.units.iter_mut().zip(units).for_each(|(to, bytes)| *to = i16::from_le_bytes(*bytes));
    state.pool.iter_mut().zip(pool).for_each(|(to, bytes)| *to = i32::from_le_bytes(*bytes));
    state.ngram_sums.iter_mut().zip(ngram_sums).for_each(|(to, bytes)| *to = i32::from_le_bytes(*bytes));
    Ok(())
}

/// The next `N` bytes, zeros after the end.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk() {
        Some((taken, behind)) => {
            *rest = behind;
            *taken
        }
        None => [0; N],
    }
}
