//! Linear classifiers over the n-grams of a text: the wide part that goes on the chip, and the teacher
//! that stays on the PC.
//!
//! Both know n-grams by the keys of [`telltale::engine::wide`], so training and chip see the same ones.

mod bayes;
mod linear;
mod teacher;
mod wide;

pub use linear::probabilities;
pub use teacher::Teacher;
pub use wide::{Selection, Wide, eligible};

use anyhow::{Result, ensure};
use rayon::prelude::*;
use telltale::engine::wide::{Chain, MAX_ORDER, grams};

use crate::vocabulary::MAX_WORDS;

/// Checks what the flags `--wide` and `--wide-order` ask for.
///
/// # Errors
/// If the chip cannot have that many n-grams, or such long ones.
pub fn check(most: usize, order: usize) -> Result<()> {
    ensure!(most <= MAX_WORDS, "--wide {most}: 0 to {MAX_WORDS} is possible");
    ensure!((1..=MAX_ORDER).contains(&order), "--wide-order {order}: 1 to {MAX_ORDER} is possible");
    Ok(())
}

/// A text to learn from: the hashes of its words and the probability that it should have of each class.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'t> {
    /// \[words\]
    pub words: &'t [u32],
    /// \[C\]
    pub target: &'t [f32],
}

/// The keys of all n-grams of up to `order` words, in the order in which they end.
fn keys_of(words: &[u32], order: usize) -> Vec<u32> {
    let mut chain = Chain::default();
    let mut keys = Vec::with_capacity(words.len() * order);
    for (at, &word) in words.iter().enumerate() {
        grams(word, at.min(usize::from(u16::MAX)) as u16, order, &mut chain, |key| keys.push(key));
    }
    keys
}

/// Keys with the texts that have them, ascending; those in fewer than `least` texts are left out.
fn counted(texts: &[Vec<u32>], least: usize) -> Vec<(u32, usize)> {
    let mut all: Vec<u32> = texts
        .par_iter()
        .flat_map_iter(|keys| {
            let mut own = keys.clone();
            own.sort_unstable();
            own.dedup();
            own
        })
        .collect();
    all.par_sort_unstable();
    all.chunk_by(|a, b| a == b).filter(|same| same.len() >= least).map(|same| (same[0], same.len())).collect()
}

/// What of each text is known: indices into `known`, which ascends.
fn features(texts: &[Vec<u32>], known: &[u32]) -> Vec<Vec<u32>> {
    texts.par_iter().map(|keys| indices(keys, known)).collect()
}

fn indices(keys: &[u32], known: &[u32]) -> Vec<u32> {
    keys.iter().filter_map(|key| known.binary_search(key).ok()).map(|at| at as u32).collect()
}

/// Weight columns that C classes need: for two, the second one's advantage says everything.
const fn columns(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Word hashes of texts in which only the order of two words tells the class.
    fn lessons() -> Vec<(Vec<u32>, [f32; 2])> {
        (0..400u32)
            .map(|n| {
                let noise = n.wrapping_mul(2_654_435_761) % 50 + 100;
                let pair = if n % 2 == 0 { [1, 2] } else { [2, 1] };
                let words = [&[noise][..], &pair, &[noise + 1]].concat();
                (words, if n % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] })
            })
            .collect()
    }

    fn borrow(lessons: &[(Vec<u32>, [f32; 2])]) -> Vec<Lesson<'_>> {
        lessons.iter().map(|(words, target)| Lesson { words, target }).collect()
    }

    #[test]
    fn order_is_learnt_by_teacher_and_wide_part() {
        let own = lessons();
        let lessons = borrow(&own);
        let teacher = Teacher::fit(&lessons, 2, 1);
        let wide = Wide::fit(&lessons, 2, &Selection { most: 8, order: 2, seed: 1 }).expect("learns");
        assert_eq!(wide.len(), 8);
        for (words, target) in &own {
            let class = usize::from(target[1] > 0.5);
            assert!(teacher.opinion(words)[class] > 0.8);
            let running = wide.logits(words);
            assert_eq!(running.len(), words.len());
            assert_eq!(usize::from(running[words.len() - 1] > 0.0), class);
        }
        let blind = Wide::fit(&lessons, 2, &Selection { most: 8, order: 1, seed: 1 }).expect("learns");
        let right = own
            .iter()
            .filter(|(words, target)| (blind.logits(words)[words.len() - 1] > 0.0) == (target[1] > 0.5));
        assert!(right.count() < 300, "single words do not know about order");
    }

    /// Three classes: a column each.
    #[test]
    fn every_class_has_its_column() {
        let own: Vec<(Vec<u32>, [f32; 3])> = (0..300u32)
            .map(|n| {
                let mut target = [0.0; 3];
                target[n as usize % 3] = 1.0;
                (vec![n % 3 + 10, n * 7 % 40 + 50], target)
            })
            .collect();
        let lessons: Vec<Lesson<'_>> = own.iter().map(|(words, target)| Lesson { words, target }).collect();
        let wide = Wide::fit(&lessons, 3, &Selection { most: 6, order: 1, seed: 1 }).expect("learns");
        let teacher = Teacher::fit(&lessons, 3, 1);
        for (words, target) in &own {
            let best = |values: &[f32]| (0..3).max_by(|&a, &b| values[a].total_cmp(&values[b]));
            assert_eq!(best(&wide.logits(words)[3..]), best(target));
            assert_eq!(best(&teacher.opinion(words)), best(target));
        }
    }
}
