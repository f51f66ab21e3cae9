//! Which texts form a batch, and which part of them is read.

use clap::ValueEnum;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

/// Which end of a long text is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The last words.
    Tail,
    /// The first words.
    Head,
}

/// At most `limit` of a text's words, or of items per word; 0 means all.
#[must_use]
pub fn cut<T>(ids: &[T], limit: usize, keep: Keep) -> &[T] {
    match keep {
        _ if limit == 0 || ids.len() <= limit => ids,
        Keep::Tail => &ids[ids.len() - limit..],
        Keep::Head => &ids[..limit],
    }
}

/// Batches sorted by length within a window of this many, so that little time is spent on few texts.
const WINDOW: usize = 40;

/// The indices of each batch of an epoch: all texts once, batches in random order.
pub fn shuffled(lengths: &[usize], size: usize, random: &mut Pcg64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(random);
    let mut batches = Vec::new();
    for window in order.chunks_mut(size * WINDOW) {
        window.sort_by_key(|&text| lengths[text]);
        batches.extend(window.chunks(size).map(<[usize]>::to_vec));
    }
    batches.shuffle(random);
    batches
}

/// The indices of each batch for evaluation: by length, at most `size` texts and, of more than one text, `words` words.
#[must_use]
pub fn by_length(lengths: &[usize], size: usize, words: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&text| lengths[text]);
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut sum = 0;
    for text in order {
        match batches.last_mut() {
            Some(batch) if batch.len() < size && sum + lengths[text] <= words => {
                batch.push(text);
                sum += lengths[text];
            }
            _ => {
                batches.push(vec![text]);
                sum = lengths[text];
            }
        }
    }
    batches
}

/// Replaces a share `p` of the words by `unknown`.
#[must_use]
pub fn drop_words(ids: &[u32], p: f32, unknown: u32, random: &mut Pcg64) -> Vec<u32> {
    ids.iter().map(|&id| if p > 0.0 && random.random::<f32>() < p { unknown } else { id }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_text_is_in_one_batch() {
        let lengths: Vec<usize> = (0..1003).map(|n| n * 7 % 50).collect();
        let mut all: Vec<usize> = shuffled(&lengths, 10, &mut Pcg64::seed_from_u64(1)).concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1003));
        let batches = by_length(&lengths, 64, 1000);
        assert_eq!(batches.concat().len(), 1003);
        let words = |batch: &Vec<usize>| batch.iter().map(|&text| lengths[text]).sum::<usize>();
        assert!(batches.iter().all(|batch| batch.len() <= 64 && words(batch) <= 1000));
        assert_eq!(by_length(&[7, 2, 3], 9, 5), [vec![1, 2], vec![0]], "a long text is alone");
    }

    #[test]
    fn long_texts_are_cut_at_the_chosen_end() {
        assert_eq!(cut(&[1, 2, 3], 2, Keep::Tail), [2, 3]);
        assert_eq!(cut(&[1, 2, 3], 2, Keep::Head), [1, 2]);
        assert_eq!(cut(&[1, 2, 3], 0, Keep::Head), [1, 2, 3]);
    }
}
