//! Words in random order: what a model loses by it, it had from their order.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

/// Puts the words of one text after the other into random order; a seed gives the same orders to the same texts.
pub struct Shuffle(Pcg64);

impl Shuffle {
    /// With the seed of the orders.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// Shuffles the words of the next text; each order is equally likely.
    pub fn words(&mut self, words: &mut [u32]) {
        words.shuffle(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stays_and_the_seed_tells_the_order() {
        let text: Vec<u32> = (0..200).collect();
        let read = |seed| {
            let mut shuffle = Shuffle::new(seed);
            [0; 2].map(|_| {
                let mut words = text.clone();
                shuffle.words(&mut words);
                words
            })
        };
        let [one, other] = read(1);
        assert_ne!(one, text);
        assert_ne!(one, other, "each text has an order of its own");
        assert_eq!([one.clone(), other], read(1));
        assert_ne!(one, read(2)[0]);
        let mut sorted = one;
        sorted.sort_unstable();
        assert_eq!(sorted, text);
    }
}
