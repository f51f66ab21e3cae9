//! Texts as sparse rows over a table of n-grams.

use rayon::prelude::*;
use telltale::engine::ngrams::{Orders, RollingKeys};
use telltale::engine::text::{Options, Token, Tokeniser};

/// The different n-grams of a text, by ascending key, and how often each is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bag {
    keys: Vec<u32>,
    counts: Vec<u8>,
    /// All of them, repetitions included: what the chip looks up.
    pub look_ups: u32,
}

impl Bag {
    /// Reads a text like the chip.
    #[must_use]
    pub fn of(text: &[u8], options: Options, orders: Orders) -> Self {
        let mut all = Vec::with_capacity(text.len() * usize::from(orders.characters + 1));
        let mut rolling = RollingKeys::new();
        let mut tokeniser = Tokeniser::new(options);
        let mut each = |token: Token<'_>| match token {
            Token::Character(code) => rolling.character(code, orders, |key| all.push(key)),
            Token::Word(word) if word.is_symbol() => {}
            Token::Word(word) => rolling.word(word.hash(), orders, |key| all.push(key)),
        };
        tokeniser.feed(text, &mut each);
        tokeniser.finish(&mut each);
        rolling.end(orders, |key| all.push(key));
        all.sort_unstable();
        let same = || all.chunk_by(|a, b| a == b);
        let counts = same().map(|same| same.len().min(usize::from(u8::MAX)) as u8).collect();
        Self { keys: same().map(|same| same[0]).collect(), counts, look_ups: rolling.look_ups() }
    }

    /// The features that `find` makes of the keys, those from `features` on left out, and how often each is there.
    pub fn known(&self, find: impl Fn(u32) -> usize, features: usize) -> impl Iterator<Item = (usize, f32)> {
        let counted = self.keys.iter().zip(&self.counts);
        counted.map(move |(&key, &count)| (find(key), f32::from(count))).filter(move |&(at, _)| at < features)
    }
}

/// The bags of some texts.
#[must_use]
pub fn bags(texts: &[&str], options: Options, orders: Orders) -> Vec<Bag> {
    texts.par_iter().map(|text| Bag::of(text.as_bytes(), options, orders)).collect()
}

/// The keys of bags, each once for every bag that has it.
#[must_use]
pub fn keys_of(bags: &[&Bag]) -> Vec<u32> {
    bags.par_iter().flat_map_iter(|bag| bag.keys.iter().copied()).collect()
}

/// Different keys, ascending, and how often each is there; at most `most` of those that are there at least `least`
/// times, the most frequent.
#[must_use]
pub fn frequent(mut all: Vec<u32>, least: usize, most: usize) -> Vec<(u32, u32)> {
    all.par_sort_unstable();
    let same = all.chunk_by(|a, b| a == b).filter(|same| same.len() >= least);
    let mut counted: Vec<(u32, u32)> = same.map(|same| (same[0], same.len() as u32)).collect();
    if counted.len() > most {
        counted.par_sort_unstable_by_key(|&(key, texts)| (std::cmp::Reverse(texts), key));
        counted.truncate(most);
        counted.par_sort_unstable();
    }
    counted
}

/// Rows of numbers, most of which are zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    /// √look-ups of each text over the norm that its row was divided by: what the chip's scaling differs by.
    pub stretches: Vec<f32>,
}

impl Matrix {
    /// The rows \[texts × features\] of `bags`, count times `scale` \[features\], each of length 1; `find` gives the feature of
    /// a key, if it is one.
    #[must_use]
    pub fn new(bags: &[&Bag], scale: &[f32], find: &(impl Fn(u32) -> Option<usize> + Sync)) -> Self {
        let row = |bag: &&Bag| {
            let known = bag.known(|key| find(key).unwrap_or(scale.len()), scale.len());
            let (columns, mut values): (Vec<u32>, Vec<f32>) =
                known.map(|(at, count)| (at as u32, count * scale[at])).unzip();
            let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
            let norm = if norm > 0.0 { norm } else { 1.0 };
            values.iter_mut().for_each(|value| *value /= norm);
            (columns, values, (bag.look_ups.max(1) as f32).sqrt() / norm)
        };
        let rows: Vec<_> = bags.par_iter().map(row).collect();
        let mut all = Self { starts: vec![0], ..Self::default() };
        for (columns, values, stretch) in rows {
            all.columns.extend(columns);
            all.values.extend(values);
            all.starts.push(all.columns.len());
            all.stretches.push(stretch);
        }
        all
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stretches.len()
    }

    /// The numbers of a row that are not zero, with their columns.
    pub fn row(&self, at: usize) -> impl Iterator<Item = (usize, f32)> + Clone + '_ {
        let range = self.starts[at]..self.starts[at + 1];
        self.columns[range.clone()]
            .iter()
            .map(|&column| column as usize)
            .zip(self.values[range].iter().copied())
    }

    /// The same with each row scaled like on the chip, by 1/√look-ups, to the same mean length.
    #[must_use]
    pub fn as_on_chip(&self, mean_stretch: f32) -> Self {
        let mut chip = self.clone();
        for (at, stretch) in self.stretches.iter().enumerate() {
            let values = &mut chip.values[self.starts[at]..self.starts[at + 1]];
            values.iter_mut().for_each(|value| *value *= mean_stretch / stretch);
        }
        chip
    }
}
