//! Which n-grams a model keeps, and their weights.
//!
//! A linear classifier over all frequent n-grams ranks them by |weight| · √texts; the best are kept, with many classes
//! in several steps, and fitted again by themselves, found as the chip finds them, so that the fit includes other
//! n-grams whose fingerprints match.

use std::borrow::Borrow;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use telltale::engine::ngrams::Orders;
use telltale::engine::text::Options;

use super::bayes::log_ratios;
use super::factorised::{self, Factors};
use super::matrix::{Bag, Matrix, bags, frequent, keys_of};
use super::svc::{self, Separator};
use super::{FEW_CLASSES, columns};
use crate::vocabulary::{Built, MAX_WORDS};

/// Of more than [`FEW_CLASSES`], at least one n-gram in so many stays at a time until as many are left as there is room
/// for: n-grams that say the same share their weight, and are weighed again when some of them are gone.
const PRUNING: usize = 4;

/// The most n-grams that are ranked, for separators and for factors.
const RANKED: [usize; 2] = [400_000, 100_000];

/// Passes over the texts of factors that rank, and of those that count; and the most texts that they make in all.
const PASSES: [usize; 2] = [8, 32];
const MOST_STEPS: [usize; 2] = [480_000, 1_200_000];

/// Step sizes of factors that rank, and of those that count.
const RATES: [f32; 2] = [0.2, 0.1];

/// Texts in which an n-gram must occur to be chosen; one where there are fewer texts than this in all.
const LEAST_TEXTS: usize = 2;
const RARE_NGRAMS_BELOW: usize = 40;
/// The same for the texts of each class.
const RARE_NGRAMS_BELOW_EACH: usize = 4;

/// Added to counts before ratios are taken.
const SMOOTHING: f32 = 0.5;

/// Bits of an n-gram's fingerprint.
pub const FINGERPRINT_BITS: u32 = 8;

/// How much an n-gram counts before anything is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// By inverse document frequency.
    Idf,
    /// The same, times the largest naive Bayes log-ratio of a class (Wang and Manning, "Baselines and bigrams", ACL 2012).
    Bayes,
}

/// How n-grams speak for classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A number for each class, by support vector classifiers.
    Separate(Separation),
    /// This many numbers, which a map takes to the classes.
    Factorise {
        /// K, even.
        width: usize,
    },
}

/// How [`Method::Separate`] fits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// C of the classifiers.
    pub cost: f32,
    /// How n-grams count.
    pub weighting: Weighting,
    /// How much more rare classes count, 0 to 1.
    pub balance: f32,
    /// Whether a number takes four bits instead of eight.
    #[serde(default)]
    pub four_bits: bool,
}

/// Which n-grams to learn, and how.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The most words of an n-gram.
    pub words: u8,
    /// The most characters of one.
    pub characters: u8,
    /// How they speak for classes.
    pub method: Method,
    /// The most n-grams.
    pub most: usize,
}

impl Recipe {
    /// The engine's form of both orders.
    #[must_use]
    pub const fn orders(&self) -> Orders {
        Orders { words: self.words, characters: self.characters }
    }

    /// K, the numbers of four bits that an n-gram has; `None` if it has one of eight bits for each class but the first.
    const fn width(&self, classes: usize) -> Option<usize> {
        match self.method {
            Method::Separate(Separation { four_bits: false, .. }) => None,
            Method::Separate(_) => Some(classes.next_multiple_of(2)),
            Method::Factorise { width } => Some(width),
        }
    }

    /// Bytes of flash that an n-gram takes, of `classes` classes.
    #[must_use]
    pub fn bytes_each(&self, classes: usize) -> f64 {
        // A perfect hash takes 3.15 bits an entry beside its fingerprint.
        let table = (f64::from(FINGERPRINT_BITS) + 3.15) / 8.0;
        table + self.width(classes).map_or(classes - 1, |width| 1 + width / 2) as f64
    }

    /// Bytes that the map to the classes takes.
    #[must_use]
    pub fn bytes_of_map(&self, classes: usize) -> usize {
        let bytes = |width: usize| classes.next_multiple_of(4) * (width.next_multiple_of(8) + 6);
        self.width(classes).map_or(0, bytes)
    }
}

/// Texts to learn from.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'t> {
    /// What n-grams they have, read with the recipe's orders.
    pub bags: &'t [&'t Bag],
    /// \[texts × C\] the probability that each should have of each class.
    pub targets: &'t [&'t [f32]],
    /// What each text counts, 1 in the mean.
    pub weights: &'t [f32],
}

impl Examples<'_> {
    fn classes(&self) -> usize {
        self.targets.first().map_or(0, |target| target.len())
    }
}

/// What an n-gram's numbers become.
#[derive(Clone, Debug)]
pub enum Rows {
    /// \[n-grams × (C − 1)\] they are logits of all classes but the first.
    Logits(Vec<f32>),
    /// They go through a map to the classes.
    Factors(Factors),
}

/// Selected n-grams.
#[derive(Clone, Debug)]
pub struct Ngrams {
    /// The most words and characters.
    pub orders: Orders,
    /// Finds them, by key.
    pub table: Built,
    /// By id; a text's logits are those of the sum over √look-ups.
    pub rows: Rows,
    /// \[C\] added to the logits.
    pub bias: Vec<f32>,
    /// The largest magnitude of the numbers of the map's input on the texts learnt from, and their mean square.
    pub hidden: (f32, f32),
}

impl Ngrams {
    /// Selects and fits.
    ///
    /// # Errors
    /// If no n-gram occurs often enough.
    pub fn fit(examples: Examples<'_>, recipe: &Recipe, seed: u64) -> Result<Self> {
        let bags = examples.bags;
        let classes = examples.classes();
        let factorised = matches!(recipe.method, Method::Factorise { .. });
        let is_rare = bags.len() < RARE_NGRAMS_BELOW.max(RARE_NGRAMS_BELOW_EACH * classes);
        let mut least = if is_rare { 1 } else { LEAST_TEXTS };
        let mut counted = frequent(keys_of(bags), least, RANKED[usize::from(factorised)]);
        if counted.is_empty() && bags.len() < 3 * RARE_NGRAMS_BELOW {
            least = 1;
            counted = frequent(keys_of(bags), least, RANKED[usize::from(factorised)]);
        }
        ensure!(
            !counted.is_empty(),
            "no n-gram of words or characters, symbols and emoji aside, occurs in {least} of the texts to learn from (--ngrams 0 asks for none)"
        );
        let most = recipe.most.min(MAX_WORDS);
        let (first, ranked) = loop {
            let (fitted, mut ranked) = rank(examples, &counted, recipe.method, seed);
            let kept = if classes > FEW_CLASSES && !factorised { counted.len() / PRUNING } else { 0 };
            ranked.truncate(kept.max(most));
            if kept <= most {
                break (fitted, ranked);
            }
            ranked.sort_unstable();
            counted = ranked.iter().map(|&at| counted[at]).collect();
        };

        let keys: Vec<u32> = ranked.iter().map(|&at| counted[at].0).collect();
        let table = Built::of_keys(&keys, FINGERPRINT_BITS)?;
        let reader = table.open()?;
        let mut by_id = vec![0; keys.len()];
        ranked.iter().for_each(|&at| by_id[reader.id(counted[at].0) as usize] = at);
        let find = |key: u32| Some(reader.id(key) as usize).filter(|&id| id < by_id.len());
        let counted: Vec<(u32, u32)> = by_id.iter().map(|&at| counted[at]).collect();
        let scale = scales(examples, &counted, recipe.method, &find);
        let rows = Matrix::new(bags, &scale, &find);
        let start = first.factors().map(|factors| factors.select(&by_id));
        let fitted = Fitted::new(&rows, by_id.len(), examples, recipe.method, start, seed);
        let stretch = rows.stretches.iter().sum::<f32>() / rows.len() as f32;
        let folded: Vec<f32> = scale.iter().map(|scale| scale * stretch).collect();
        let on_chip = rows.as_on_chip(stretch);
        let fitted = match (fitted, recipe.width(classes)) {
            (Fitted::Separators(all), Some(width)) => Fitted::Factors(factors_of(&all, by_id.len(), width)),
            (fitted, _) => fitted,
        };
        Ok(fitted.fold(recipe.orders(), table, &folded, &on_chip))
    }

    /// N-grams of these keys that have learnt nothing: for their size and speed.
    ///
    /// # Errors
    /// If there are too many of them.
    pub fn untrained(keys: &[u32], classes: usize, orders: Orders) -> Result<Self> {
        let numbers = vec![1.0; keys.len() * (classes - 1)];
        let table = Built::of_keys(keys, FINGERPRINT_BITS)?;
        Ok(Self { orders, table, rows: Rows::Logits(numbers), bias: vec![0.0; classes], hidden: (0.0, 0.0) })
    }

    /// \[C\] the logits of each text.
    ///
    /// # Errors
    /// None of a table that has been built.
    pub fn logits<B: Borrow<Bag>>(&self, bags: &[B]) -> Result<Vec<Vec<f32>>> {
        let table = self.table.open()?;
        let logits = |bag: &B| {
            let bag = bag.borrow();
            let columns = self.columns();
            let mut sums = vec![0.0; columns];
            for (id, count) in bag.known(|key| table.id(key) as usize, self.len()) {
                let row = &self.numbers()[id * columns..][..columns];
                sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += count * number);
            }
            let scale = (bag.look_ups.max(1) as f32).sqrt().recip();
            sums.iter_mut().for_each(|sum| *sum *= scale);
            match &self.rows {
                Rows::Logits(_) => {
                    let first = self.bias.len() - columns;
                    let sum = |class: usize| class.checked_sub(first).map_or(0.0, |at| sums[at]);
                    self.bias.iter().enumerate().map(|(class, bias)| bias + sum(class)).collect()
                }
                Rows::Factors(factors) => factors.classify(&sums),
            }
        };
        Ok(bags.iter().map(logits).collect())
    }

    /// \[C\] what the network's head has to add where n-grams count `gain` times.
    #[must_use]
    pub fn head_bias(&self, gain: f32) -> Vec<f32> {
        match &self.rows {
            Rows::Logits(_) => self.bias.iter().map(|bias| bias * gain).collect(),
            // It is in the map.
            Rows::Factors(factors) => vec![0.0; factors.bias.len()],
        }
    }

    /// How many n-grams were kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.words.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.words.is_empty()
    }

    /// K, the numbers of an n-gram.
    #[must_use]
    pub const fn columns(&self) -> usize {
        match &self.rows {
            Rows::Logits(_) => self.bias.len() - 1,
            Rows::Factors(factors) => factors.width,
        }
    }

    /// \[n-grams × K\]
    #[must_use]
    pub fn numbers(&self) -> &[f32] {
        match &self.rows {
            Rows::Logits(numbers) => numbers,
            Rows::Factors(factors) => &factors.vectors,
        }
    }
}

/// The keys of the n-grams that [`Ngrams::fit`] would choose from.
#[must_use]
pub fn eligible(texts: &[&str], options: Options, orders: Orders) -> Vec<u32> {
    let bags = bags(texts, options, orders);
    let bags: Vec<&Bag> = bags.iter().collect();
    frequent(keys_of(&bags), LEAST_TEXTS, RANKED[0]).into_iter().map(|(key, _)| key).collect()
}

/// A classifier over n-grams, and these in the order of what they are worth to it, the best first.
fn rank(examples: Examples<'_>, counted: &[(u32, u32)], method: Method, seed: u64) -> (Fitted, Vec<usize>) {
    let find = |key: u32| counted.binary_search_by_key(&key, |&(own, _)| own).ok();
    let scale = scales(examples, counted, method, &find);
    let rows = Matrix::new(examples.bags, &scale, &find);
    let fitted = Fitted::new(&rows, counted.len(), examples, method, None, seed);
    let worth = |at: usize| fitted.magnitude(at) * scale[at] * (counted[at].1 as f32).sqrt();
    let mut ranks: Vec<(f32, usize)> = (0..counted.len()).map(|at| (worth(at), at)).collect();
    ranks.sort_unstable_by(|(a, at_a), (b, at_b)| b.total_cmp(a).then(at_a.cmp(at_b)));
    (fitted, ranks.into_iter().map(|(_, at)| at).collect())
}

/// What n-grams count before anything is fitted.
fn scales(
    examples: Examples<'_>,
    counted: &[(u32, u32)],
    method: Method,
    find: &(impl Fn(u32) -> Option<usize> + Sync),
) -> Vec<f32> {
    let texts = examples.bags.len() as f32;
    let idf = counted.iter().map(|&(_, own)| 1.0 + ((1.0 + texts) / (1.0 + own as f32)).ln());
    if !matches!(method, Method::Separate(Separation { weighting: Weighting::Bayes, .. })) {
        return idf.collect();
    }
    let classes = examples.classes();
    let mut counts = vec![SMOOTHING; counted.len() * classes];
    for (bag, target) in examples.bags.iter().zip(examples.targets) {
        for (id, _) in bag.known(|key| find(key).unwrap_or(counted.len()), counted.len()) {
            let counts = &mut counts[id * classes..][..classes];
            counts.iter_mut().zip(*target).for_each(|(count, share)| *count += share);
        }
    }
    let largest = |row: Vec<f64>| row.into_iter().map(|ratio| ratio.abs() as f32).fold(0.0, f32::max);
    idf.zip(log_ratios(&counts, classes, SMOOTHING.into())).map(|(idf, row)| idf * largest(row)).collect()
}

/// Separators of more than two classes as vectors with a number a class, which the map leaves as they are.
fn factors_of(all: &[Separator], features: usize, width: usize) -> Factors {
    let classes = all.len();
    let mut vectors = vec![0.0; features * width];
    for (at, vector) in vectors.chunks_exact_mut(width).enumerate() {
        // What all classes have in common decides nothing.
        let mean = all.iter().map(|own| own.weights[at]).sum::<f32>() / classes as f32;
        vector.iter_mut().zip(all).for_each(|(number, own)| *number = own.weights[at] - mean);
    }
    let mut map = vec![0.0; classes * width];
    (0..classes).for_each(|class| map[class * (width + 1)] = 1.0);
    Factors { width, vectors, map, bias: all.iter().map(|own| own.bias).collect() }
}

/// A classifier over scaled rows.
enum Fitted {
    Separators(Vec<Separator>),
    Factors(Factors),
}

impl Fitted {
    fn new(
        rows: &Matrix,
        features: usize,
        examples: Examples<'_>,
        method: Method,
        start: Option<Factors>,
        seed: u64,
    ) -> Self {
        let Examples { targets, weights, .. } = examples;
        let classes = examples.classes();
        match method {
            Method::Separate(Separation { cost, balance, .. }) => {
                let columns = columns(classes);
                let fit = svc::Fit { cost, balance, seed };
                Self::Separators(fit.run(rows, features, targets, weights, columns))
            }
            Method::Factorise { width } => {
                let counts = usize::from(start.is_some());
                let rate = RATES[counts];
                let epochs = (MOST_STEPS[counts] / rows.len().max(1)).clamp(2, PASSES[counts]);
                let mut factors = start.unwrap_or_else(|| Factors::new(features, width, classes, seed));
                factors.fit(rows, targets, weights, factorised::Fit { epochs, rate, seed });
                Self::Factors(factors)
            }
        }
    }

    /// The value of a feature.
    fn magnitude(&self, at: usize) -> f32 {
        let norm = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|w| w * w).sum::<f32>().sqrt();
        match self {
            Self::Separators(all) => norm(&mut all.iter().map(|own| own.weights[at])),
            Self::Factors(factors) => norm(&mut factors.vector(at).iter().copied()),
        }
    }

    const fn factors(&self) -> Option<&Factors> {
        match self {
            Self::Factors(factors) => Some(factors),
            Self::Separators(_) => None,
        }
    }

    /// With what features count in their numbers.
    fn fold(self, orders: Orders, table: Built, scale: &[f32], rows: &Matrix) -> Ngrams {
        match self {
            Self::Separators(all) => {
                // What all classes have in common decides nothing: the first one's numbers become zero.
                let (first, others) = match &all[..] {
                    [only] => (None, std::slice::from_ref(only)),
                    [first, others @ ..] => (Some(first), others),
                    [] => (None, &[][..]),
                };
                let less = |own: f32, first: Option<f32>| own - first.unwrap_or(0.0);
                let row = |(at, scale): (usize, &f32)| -> Vec<f32> {
                    let number =
                        |own: &Separator| scale * less(own.weights[at], first.map(|first| first.weights[at]));
                    others.iter().map(number).collect()
                };
                let numbers = scale.iter().enumerate().flat_map(row).collect();
                let bias = others.iter().map(|own| less(own.bias, first.map(|first| first.bias)));
                let bias = [0.0].into_iter().chain(bias).collect();
                Ngrams { orders, table, rows: Rows::Logits(numbers), bias, hidden: (0.0, 0.0) }
            }
            Self::Factors(mut factors) => {
                let hidden: Vec<f32> = (0..rows.len()).flat_map(|at| factors.hidden(rows, at)).collect();
                let largest = hidden.iter().fold(0.0f32, |largest, number| largest.max(number.abs()));
                let square =
                    hidden.iter().map(|number| number * number).sum::<f32>() / hidden.len().max(1) as f32;
                for (vector, scale) in factors.vectors.chunks_exact_mut(factors.width).zip(scale) {
                    vector.iter_mut().for_each(|number| *number *= scale);
                }
                let bias = factors.bias.clone();
                Ngrams { orders, table, rows: Rows::Factors(factors), bias, hidden: (largest, square) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word that stands in four texts of a rare class, and in four of a frequent one.
    #[test]
    fn a_rare_class_weighs_more_where_it_is_balanced() {
        let mut texts = vec!["common"; 86];
        texts.extend(["doubtful common"; 4]);
        texts.extend(["doubtful common"; 4]);
        texts.extend(["common"; 6]);
        let targets: Vec<[f32; 2]> =
            (0..100).map(|at| if at < 90 { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
        let targets: Vec<&[f32]> = targets.iter().map(|target| &target[..]).collect();
        let lead = |balance: f32| {
            let method = Method::Separate(Separation {
                cost: 1.0,
                weighting: Weighting::Idf,
                balance,
                four_bits: false,
            });
            let recipe = Recipe { words: 1, characters: 0, method, most: 10 };
            let bags = bags(&texts, Options { punctuation: true, tags: false }, recipe.orders());
            let bags: Vec<&Bag> = bags.iter().collect();
            let examples = Examples { bags: &bags, targets: &targets, weights: &[1.0; 100] };
            let ngrams = Ngrams::fit(examples, &recipe, 1).expect("fits");
            let logits = ngrams.logits(&bags[88..89]).expect("opens");
            logits[0][1] - logits[0][0]
        };
        let leads = [0.0, 0.5, 1.0].map(lead);
        assert!(leads[0] + 0.5 < leads[1] && leads[1] < leads[2], "{leads:?}");
    }
}
