//! A word's way through the network.

use super::{Model, State};
use crate::format::Pooling;
use crate::pooling::{self, Pooled};

impl Model<'_> {
    /// Reads one word by its [hash](crate::text::Word::hash): the state moves on. Gives the word's id.
    pub fn read(&self, hash: u32, state: &mut State<'_>) -> u32 {
        let id = self.vocabulary.id(hash);
        self.read_known(id, hash, state);
        id
    }

    /// As [`Self::read`], of a word that has been looked up before; a model without n-grams does not look at `hash`.
    pub fn read_known(&self, id: u32, hash: u32, state: &mut State<'_>) {
        if let Some(wide) = self.wide() {
            let context = &mut state.context;
            wide.take(hash, context.words, &mut context.chain, state.ngram_sums);
        }
        self.step(id, state);
    }

    /// The network's share of a word.
    fn step(&self, id: u32, state: &mut State<'_>) {
        let State { x, units, pool, sums, context, .. } = state;
        self.embedding.look_up(id, x);
        let mut rest = &mut **units;
        for (at, layer) in self.layers.iter().enumerate() {
            let Some((units, above)) = rest.split_at_mut_checked(layer.units()) else { return };
            layer.step(x, sums, units, |first, sums| self.embedding.add(id, first, sums));
            if let Some(next) = self.layers.get(at + 1)
                && cfg!(feature = "layers")
            {
                next.take_input(units, x);
            }
            rest = above;
        }
        context.words = context.words.saturating_add(1);
        pooling::take(self.manifest.pooling, pool, self.top(units), context.words);
    }

    /// The hidden state of the last layer.
    fn top<'s>(&self, units: &'s [i16]) -> &'s [i16] {
        let own = self.layers.last().map_or(0, crate::cell::Layer::units);
        let start = units.len().saturating_sub(own);
        units.get(start..).and_then(|own| own.get(..self.head.inputs())).unwrap_or(&[])
    }

    /// The pooled state \[H\], zero before the first word.
    #[must_use]
    pub fn pooled<'s>(&self, state: &'s State<'_>) -> Pooled<'s> {
        self.pooled_of(state.units, state.pool)
    }

    fn pooled_of<'s>(&self, units: &'s [i16], pool: &'s [i32]) -> Pooled<'s> {
        match self.manifest.pooling {
            Pooling::Last => Pooled::Units(self.top(units)),
            Pooling::Max => Pooled::Maxima(pool),
            Pooling::Mean => Pooled::Means(pool),
        }
    }

    /// Makes the class scores after the words read so far, in steps of 2⁻¹².
    pub fn scores<'s>(&self, state: &'s mut State<'_>) -> &'s [i32] {
        let State { x, units, pool, ngram_sums, sums, context } = state;
        let scores = self.head.scores(self.pooled_of(units, pool), x, sums);
        if let Some(wide) = self.wide() {
            wide.add(ngram_sums, context.words, scores);
        }
        scores
    }
}
