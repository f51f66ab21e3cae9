//! Which n-grams suit a corpus: a few recipes, tried on held-out texts.

use std::collections::HashMap;

use anyhow::Result;
use telltale::engine::ngrams::Orders;
use telltale::engine::text::Options;

use crate::evaluate::measures::ConfusionMatrix;
use crate::logits::top;
use crate::vocabulary::MAX_WORDS;

use super::FEW_CLASSES;
use super::fit::{Examples, Method, Ngrams, Recipe, Separation, Weighting};
use super::matrix::{Bag, bags};

/// Fewer texts than this are tried in folds, since a tenth of them would be too small a sample.
const FOLDS_BELOW: usize = 8000;

/// The number of folds.
const FOLDS: usize = 3;

/// More classes than this have only factorised n-grams, unless they have few texts.
pub const MOST_SEPARATE: usize = 64;

/// Numbers of a factorised n-gram that are tried.
const WIDTHS: [usize; 2] = [24, 32];

/// Orders that are tried for n-grams of words alone.
pub const OF_WORDS: Orders = Orders { words: 3, characters: 0 };
/// Orders that are tried for n-grams of words and of characters.
pub const OF_CHARACTERS: Orders = Orders { words: 2, characters: 5 };

/// Orders for many classes, whose n-grams take more bytes each: short ones are then worth more per byte.
const OF_FEW_CHARACTERS: Orders = Orders { words: 2, characters: 3 };

/// If the largest class is more than this many times the mean, balanced weights are tried.
const UNEQUAL: f64 = 1.2;

/// If half of the texts have more words than this, n-grams of characters, of which they have many, are tried only if those of
/// words are right less often than in this share, and if the texts have no more bytes than this.
const LONG_TEXT: usize = 100;
const ENOUGH: f64 = 0.8;
const LONG_BYTES: usize = 2 << 20;

/// With more than [`MOST_SEPARATE`] classes, they are separated if classes times texts are no more than this.
const MOST_SEPARATIONS: usize = 300_000;

/// The input of the choice.
#[derive(Clone, Copy, Debug)]
pub struct Space<'t> {
    /// The training texts.
    pub texts: &'t [&'t str],
    /// \[texts × C\]
    pub targets: &'t [&'t [f32]],
    /// \[texts\]
    pub weights: &'t [f32],
    /// The validation texts; with few texts, both are cut into folds.
    pub valid: (&'t [&'t str], &'t [&'t [f32]]),
    /// The tokeniser's options.
    pub options: Options,
    /// Bytes of flash that n-grams may take.
    pub bytes: usize,
    /// The most n-grams, if given.
    pub most: Option<usize>,
    /// Words and characters of an n-gram, if given.
    pub orders: Option<(u8, u8)>,
    /// The seed of the fits.
    pub seed: u64,
}

/// A recipe that was tried.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// What was tried.
    pub recipe: Recipe,
    /// N-grams that were kept.
    pub kept: usize,
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean F1 of the classes.
    pub macro_f1: f64,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Recipe { words, characters, method, .. } = self.recipe;
        write!(f, "{} of up to {words} words and {characters} characters, ", self.kept)?;
        match method {
            Method::Separate(Separation { cost, weighting, balance, four_bits }) => {
                let by = if weighting == Weighting::Idf { "by frequency" } else { "by class" };
                write!(f, "cost {cost}, {by}")?;
                if balance > 0.0 {
                    write!(f, ", balanced {balance}")?;
                }
                if four_bits {
                    write!(f, ", 4 bits each")?;
                }
            }
            Method::Factorise { width } => write!(f, "{width} numbers each")?,
        }
        write!(f, ": {:.2} %, macro-F1 {:.2} %", 100.0 * self.accuracy, 100.0 * self.macro_f1)
    }
}

impl Choice {
    fn worth(&self) -> f64 {
        self.accuracy + self.macro_f1
    }
}

impl Space<'_> {
    fn classes(&self) -> usize {
        self.targets.first().map_or(0, |target| target.len())
    }

    /// Whether the largest class has many more texts than the average class.
    fn is_unequal(&self) -> bool {
        let mut counts = vec![0usize; self.classes()];
        self.targets.iter().for_each(|target| counts[top(target)] += 1);
        let most = counts.iter().copied().max().unwrap_or(0);
        (most * counts.len()) as f64 > UNEQUAL * self.targets.len() as f64
    }

    /// A recipe with as many n-grams as there is room for.
    #[must_use]
    pub fn filled(&self, recipe: Recipe) -> Recipe {
        let classes = self.classes();
        let room = self.bytes.saturating_sub(recipe.bytes_of_map(classes) + 64);
        let fitting = (room as f64 / recipe.bytes_each(classes)) as usize;
        Recipe { most: self.most.unwrap_or(fitting.min(MAX_WORDS)), ..recipe }
    }

    /// Whether there are too few texts for the validation texts alone to choose by.
    fn needs_folds(&self) -> bool {
        self.valid.0.is_empty() || self.texts.len() + self.valid.0.len() < FOLDS_BELOW
    }

    /// The fold of each text: a class's texts are dealt in turn, and equal texts share a fold.
    fn folds(&self) -> Vec<usize> {
        let mut dealt = vec![0; self.classes()];
        let mut known = HashMap::new();
        let mut folds = Vec::new();
        for (text, target) in
            self.texts.iter().chain(self.valid.0).zip(self.targets.iter().chain(self.valid.1))
        {
            folds.push(*known.entry(*text).or_insert_with(|| {
                let next = &mut dealt[top(target)];
                *next += 1;
                *next % FOLDS
            }));
        }
        folds
    }

    /// Tries a recipe, in [`Self::folds`] or, without them, on the validation texts.
    fn measure(&self, recipe: Recipe, all: &[Bag], fold_of: Option<&[usize]>) -> Result<Choice> {
        let targets: Vec<&[f32]> = self.targets.iter().chain(self.valid.1).copied().collect();
        let weight = |at: usize| self.weights.get(at).copied().unwrap_or(1.0);
        let folds = if fold_of.is_some() { FOLDS } else { 1 };
        let (mut answers, mut kept) = (Vec::new(), 0);
        for fold in 0..folds {
            let is_tried = |at: usize| fold_of.map_or(at >= self.texts.len(), |of| of[at] == fold);
            let (tried, learnt): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|&at| is_tried(at));
            let pick = |of: &[usize]| -> Vec<&Bag> { of.iter().map(|&at| &all[at]).collect() };
            let examples = Examples {
                bags: &pick(&learnt),
                targets: &learnt.iter().map(|&at| targets[at]).collect::<Vec<_>>(),
                weights: &learnt.iter().map(|&at| weight(at)).collect::<Vec<_>>(),
            };
            let ngrams = Ngrams::fit(examples, &recipe, self.seed)?;
            kept = ngrams.len();
            let judged = |(logits, &at): (&Vec<f32>, &usize)| (top(targets[at]), top(logits));
            answers.extend(ngrams.logits(&pick(&tried))?.iter().zip(&tried).map(judged));
        }
        let confusion = ConfusionMatrix::of(answers, self.classes());
        Ok(Choice { recipe, kept, accuracy: confusion.accuracy(), macro_f1: confusion.macro_f1() })
    }
}

/// Returns the recipes tried, the best first; those without room for an n-gram are skipped.
///
/// For separators, first the length of n-grams is tried, then, for the best, one setting of the fit after the other,
/// each from the best so far; for vectors, their width.
///
/// # Errors
/// If nothing could be tried because the texts have no n-gram in common.
pub fn choose(space: &Space<'_>, mut tell: impl FnMut(&Choice)) -> Result<Vec<Choice>> {
    let classes = space.classes();
    let mut words: Vec<usize> = space.texts.iter().map(|text| text.split_whitespace().count()).collect();
    words.sort_unstable();
    let long = words.get(words.len() / 2).is_some_and(|&words| words > LONG_TEXT);
    let bytes: usize = space.texts.iter().map(|text| text.len()).sum();
    let settled = space.orders.map(|(words, characters)| Orders { words, characters });
    let is_separable = classes <= MOST_SEPARATE || classes * space.texts.len() <= MOST_SEPARATIONS;
    let separated = match (is_separable, settled, long) {
        (false, ..) => vec![],
        (true, Some(orders), _) => vec![orders],
        (true, None, true) => vec![OF_WORDS, OF_CHARACTERS],
        (true, None, false) => vec![OF_CHARACTERS, OF_WORDS],
    };
    // Where the search starts.
    let start =
        Separation { cost: 0.5, weighting: Weighting::Bayes, balance: 0.0, four_bits: classes > FEW_CLASSES };
    let texts: Vec<&str> = space.texts.iter().chain(space.valid.0).copied().collect();
    let read = |orders: Orders| bags(&texts, space.options, orders);
    let folds = space.needs_folds().then(|| space.folds());
    // Texts may have characters in common, but no words.
    let mut failed = None;
    let mut measure = |Orders { words, characters }: Orders, method: Method, all: &[Bag]| {
        let recipe = space.filled(Recipe { words, characters, method, most: 0 });
        if recipe.most == 0 {
            return None;
        }
        let choice =
            space.measure(recipe, all, folds.as_deref()).map_err(|error| failed.get_or_insert(error)).ok()?;
        tell(&choice);
        Some(choice)
    };
    let mut tried: Vec<(Choice, Vec<Bag>)> = Vec::new();
    for orders in separated {
        let are_words_enough = || tried.first().is_some_and(|(choice, _)| choice.accuracy >= ENOUGH);
        if long && settled.is_none() && orders == OF_CHARACTERS && (bytes > LONG_BYTES || are_words_enough())
        {
            continue;
        }
        let all = read(orders);
        if let Some(choice) = measure(orders, Method::Separate(start), &all) {
            tried.push((choice, all));
        }
    }
    tried.sort_by(|(a, _), (b, _)| b.worth().total_cmp(&a.worth()));
    let mut choices: Vec<Choice> = tried.iter().map(|(choice, _)| *choice).collect();
    if let Some((first, all)) = tried.first() {
        let mut best = (first.worth(), start);
        let is_unequal = space.is_unequal();
        let steps: [(bool, Step); 9] = [
            (classes > FEW_CLASSES, |fit| Separation { four_bits: false, ..fit }),
            (!long, |fit| Separation { cost: 0.05, ..fit }),
            (true, |fit| Separation { cost: 0.15, ..fit }),
            (true, |fit| Separation { cost: 1.5, ..fit }),
            (is_unequal, |fit| Separation { balance: 0.5, ..fit }),
            (is_unequal, |fit| Separation { balance: 1.0, ..fit }),
            (is_unequal, |fit| Separation { cost: fit.cost * 2.0, ..fit }),
            (is_unequal, |fit| Separation { cost: fit.cost / 2.0, ..fit }),
            (true, |fit| Separation { cost: fit.cost * 2.0, weighting: Weighting::Idf, ..fit }),
        ];
        for (_, step) in steps.into_iter().filter(|(is_tried, _)| *is_tried) {
            let fit = step(best.1);
            let Some(choice) = measure(first.recipe.orders(), Method::Separate(fit), all) else { continue };
            choices.push(choice);
            if choice.worth() > best.0 {
                best = (choice.worth(), fit);
            }
        }
    }
    if classes > FEW_CLASSES {
        let orders = settled.unwrap_or(OF_FEW_CHARACTERS);
        let at = tried.iter().position(|(choice, _)| choice.recipe.orders() == orders);
        let all = at.map_or_else(|| read(orders), |at| tried.swap_remove(at).1);
        drop(tried);
        for width in WIDTHS {
            choices.extend(measure(orders, Method::Factorise { width }, &all));
        }
    }
    choices.sort_by(|a, b| b.worth().total_cmp(&a.worth()));
    match failed {
        Some(error) if choices.is_empty() => Err(error),
        _ => Ok(choices),
    }
}

/// Makes another fit from one.
type Step = fn(Separation) -> Separation;

#[cfg(test)]
mod tests {
    use super::*;

    /// Classes in turn, and texts that are there twice.
    #[test]
    fn every_fold_has_every_class_and_equal_texts_share_one() {
        let own: Vec<String> = (0..30).map(|at| format!("text {}", at % 27)).collect();
        let texts: Vec<&str> = own.iter().map(|text| &text[..]).collect();
        let shares = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let targets: Vec<&[f32]> = (0..30).map(|at| &shares[at % 3][..]).collect();
        let space = Space {
            texts: &texts,
            targets: &targets,
            weights: &[1.0; 30],
            valid: (&[], &[]),
            options: telltale::engine::text::Options { punctuation: false, tags: false },
            bytes: 20_000,
            most: None,
            orders: None,
            seed: 1,
        };
        let folds = space.folds();
        for class in 0..3 {
            for fold in 0..FOLDS {
                let there = (0..27).filter(|&at| at % 3 == class && folds[at] == fold).count();
                assert_eq!(there, 3, "class {class}, fold {fold}");
            }
        }
        assert_eq!(folds[27..], folds[..3]);
    }

    /// No word comes twice, and the last two letters tell the class.
    #[test]
    fn texts_without_a_common_word_get_ngrams_of_characters() {
        let texts: Vec<String> = (0..240)
            .map(|at: u32| {
                let stem: String = (0..4).map(|place| (b'a' + (at >> place & 7) as u8) as char).collect();
                format!("{stem}{}{}", (b'a' + (at % 26) as u8) as char, ["ov", "ez"][at as usize % 2])
            })
            .collect();
        let texts: Vec<&str> = texts.iter().map(|text| &text[..]).collect();
        let targets: Vec<&[f32]> =
            (0..texts.len()).map(|at| if at % 2 == 0 { &[1.0, 0.0][..] } else { &[0.0, 1.0] }).collect();
        let space = Space {
            texts: &texts[..200],
            targets: &targets[..200],
            weights: &[1.0; 200],
            valid: (&texts[200..], &targets[200..]),
            options: telltale::engine::text::Options { punctuation: false, tags: false },
            bytes: 20_000,
            most: None,
            orders: None,
            seed: 1,
        };
        let choices = choose(&space, |_| {}).expect("characters are in common");
        assert!(choices[0].recipe.characters > 0 && choices[0].accuracy > 0.9, "{}", choices[0]);
        let alone = Space { orders: Some((2, 0)), ..space };
        assert!(choose(&alone, |_| {}).is_err(), "no word is in common");
    }
}
