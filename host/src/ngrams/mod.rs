//! Linear classifiers over the n-grams of a text: those that go on the chip, and the teacher that stays on the PC.
//!
//! Both know n-grams by the keys of [`telltale::engine::ngrams`], so training and chip see the same ones.

mod bayes;
mod choose;
mod factorised;
mod fit;
mod linear;
mod matrix;
mod mix;
mod svc;
mod teacher;

pub use bayes::Lesson;
pub use choose::{Choice, MOST_SEPARATE, OF_CHARACTERS, OF_WORDS, Space, choose};
pub use factorised::Factors;
pub use fit::{Examples, Method, Ngrams, Recipe, Rows, Separation, Weighting, eligible};
pub use matrix::{Bag, bags, frequent};
pub use mix::Mix;
pub use teacher::NgramTeacher;

use anyhow::{Result, ensure};
use telltale::engine::ngrams::{MAX_CHARACTER_ORDER, MAX_WORD_ORDER, Orders};

use crate::vocabulary::MAX_WORDS;

/// Checks what the flags `--ngrams`, `--ngram-words` and `--ngram-characters` ask for.
///
/// # Errors
/// If the chip cannot have that many n-grams, or such long ones.
pub fn check(most: usize, orders: Orders) -> Result<()> {
    ensure!(most <= MAX_WORDS, "--ngrams {most}: 0 to {MAX_WORDS} is possible");
    let Orders { words, characters } = orders;
    ensure!(usize::from(words) <= MAX_WORD_ORDER, "--ngram-words {words}: 0 to {MAX_WORD_ORDER} is possible");
    ensure!(
        usize::from(characters) <= MAX_CHARACTER_ORDER,
        "--ngram-characters {characters}: 0 to {MAX_CHARACTER_ORDER} is possible"
    );
    ensure!(
        most == 0 || words > 0 || characters > 0,
        "--ngram-words 0 --ngram-characters 0: one of them has to be 1 at least, or --ngrams 0"
    );
    Ok(())
}

/// More classes than this make an n-gram with a number for each of them dear.
pub const FEW_CLASSES: usize = 12;

/// Weight columns that C classes need: for two, the second one's advantage is enough.
const fn columns(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
}
