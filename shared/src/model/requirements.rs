//! How much memory a model needs.

use super::Model;
use crate::cell::Layer;
use crate::format::Pooling;
use crate::ngrams::Ngrams;

/// The buffers needed to read a text with a model, in entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// i16 of state, over all layers.
    pub units: usize,
    /// i32 of pooling.
    pub pool: usize,
    /// i32 of sums of n-gram weights.
    pub ngram_sums: usize,
    /// i16 of activations, a multiple of 8.
    pub input: usize,
    /// i32 of sums, at least.
    pub sums: usize,
    /// i32 of sums with which every GRU is updated as a whole, not in [blocks](crate::cell::BLOCK), which is faster.
    pub whole_sums: usize,
}

impl Requirements {
    /// Bytes of [`Memory`](crate::Memory) that the model needs.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.bytes_with(self.sums)
    }

    /// Bytes of [`Memory`](crate::Memory) with which every GRU is updated as a whole.
    #[must_use]
    pub const fn whole_memory_bytes(&self) -> usize {
        self.bytes_with(self.whole_sums)
    }

    /// Bytes of a text's state between words.
    #[must_use]
    pub const fn state_bytes(&self) -> usize {
        2 * self.units + 4 * (self.pool + self.ngram_sums)
    }

    const fn bytes_with(&self, sums: usize) -> usize {
        2 * self.input + self.state_bytes().next_multiple_of(4) + 4 * sums
    }
}

impl Model<'_> {
    /// The buffers needed to read a text.
    #[must_use]
    pub fn requirements(&self) -> Requirements {
        let (mut input, mut sums) = self.head.scratch();
        // The n-grams' mapped sums lie after the head's scores.
        let (ngram_input, ngram_scores) = self.ngrams().map_or((0, 0), Ngrams::scratch);
        input = input.max(ngram_input);
        sums += ngram_scores;
        let (mut units, mut whole_sums) = (0, sums);
        for layer in &self.layers {
            let (x, y) = layer.scratch();
            input = input.max(x);
            sums = sums.max(y);
            whole_sums = whole_sums.max(layer.whole_sums());
            units += layer.units();
        }
        let pool = match self.manifest.pooling {
            Pooling::Last => 0,
            Pooling::Mean | Pooling::Max => self.head.inputs(),
        };
        Requirements {
            units,
            pool,
            ngram_sums: self.ngrams().map_or(0, Ngrams::columns),
            input,
            sums,
            whole_sums,
        }
    }

    /// Multiply-accumulates per word in the layers, and in the head.
    #[must_use]
    pub fn macs(&self) -> (usize, usize) {
        let (inputs, classes) = (self.head.inputs(), self.head.classes());
        let head = match self.head.hidden() {
            0 => inputs * classes,
            hidden => hidden * (inputs + classes),
        };
        (self.layers.iter().map(Layer::macs).sum(), head)
    }
}
