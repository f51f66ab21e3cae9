//! A word's path through the network.

use super::{Model, State};
use crate::format::Pooling;
use crate::ngrams::GAP;
use crate::pooling::{self, Pooled};
use crate::text::Word;

impl Model<'_> {
    /// Reads one word and advances the state. Returns the word's id, or `None` for a [symbol that is
    /// skipped](crate::vocab::Vocabulary::id_of). Symbols are not part of n-grams of words.
    pub fn read(&self, word: &Word, state: &mut State<'_>) -> Option<u32> {
        if !word.is_symbol() {
            self.read_ngrams(word.hash(), state);
        }
        let id = self.vocabulary.id_of(word)?;
        self.step(id, state);
        Some(id)
    }

    /// Reads a word by its id; n-grams do not see it.
    pub fn read_known(&self, id: u32, state: &mut State<'_>) {
        self.step(id, state);
    }

    /// Adds a word's n-grams; the network does not read it.
    pub fn read_ngrams(&self, hash: u32, state: &mut State<'_>) {
        if let Some(ngrams) = self.ngrams() {
            ngrams.word(hash, &mut state.context.keys, state.ngram_sums);
        }
    }

    /// Reads one normalised character of a text, before the word that it ends.
    pub fn read_character(&self, code: u32, state: &mut State<'_>) {
        if let (true, Some(ngrams)) = (cfg!(feature = "characters"), self.ngrams()) {
            ngrams.character(code, &mut state.context.keys, state.ngram_sums);
        }
    }

    /// Ends the text.
    pub fn read_end(&self, state: &mut State<'_>) {
        self.read_character(GAP, state);
    }

    /// The network's step for a word.
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

    /// Computes the class scores after the words read so far, in steps of 2⁻¹².
    pub fn scores<'s>(&self, state: &'s mut State<'_>) -> &'s [i32] {
        let State { x, units, pool, ngram_sums, sums, context } = state;
        let (own, behind) = sums.split_at_mut_checked(self.head.scratch().1).unwrap_or_default();
        let scores = self.head.scores(self.pooled_of(units, pool), x, own);
        if let Some(ngrams) = self.ngrams() {
            ngrams.add(ngram_sums, context.keys.look_ups(), x, behind, scores);
        }
        scores
    }
}
