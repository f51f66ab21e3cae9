//! Words in random order: what a model loses by this, it owed to their order.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

/// Shuffles the words of one text after the other; the same seed and texts give the same orders.
pub struct Shuffle(Pcg64);

impl Shuffle {
    /// With the seed of the orders.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// The next text, its words (separated by white space) in random order, each order equally likely.
    pub fn text(&mut self, text: &str) -> String {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        words.shuffle(&mut self.0);
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stays_and_the_seed_tells_the_order() {
        let words: Vec<String> = (0..200).map(|word| format!("w{word:03}")).collect();
        let text = words.join(" ");
        let read = |seed| {
            let mut shuffle = Shuffle::new(seed);
            [0; 2].map(|_| shuffle.text(&text))
        };
        let [one, other] = read(1);
        assert_ne!(one, text);
        assert_ne!(one, other, "each text has an order of its own");
        assert_eq!([one.clone(), other], read(1));
        assert_ne!(one, read(2)[0]);
        let mut sorted: Vec<&str> = one.split(' ').collect();
        sorted.sort_unstable();
        assert_eq!(sorted, words);
    }
}
