//! Texts that belong together: a group is solved if every text of it is right.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::engine::{Reading, Verdict};
use crate::evaluate::parts::Alone;

/// The groups of a column.
#[derive(Serialize)]
pub struct Pairs {
    pub column: String,
    #[serde(flatten)]
    pub all: Solved,
}

/// The share of groups that are solved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solved {
    pub groups: usize,
    /// By the whole model.
    pub model: f64,
    /// By the network without the n-grams, with --parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<f64>,
    /// By the n-grams without the network, with --parts and if the model has some.
    #[serde(rename = "wide", skip_serializing_if = "Option::is_none")]
    pub ngrams: Option<f64>,
    /// Expected from guessing each text independently: the mean of C⁻ᵗ over groups of t texts, C labels.
    pub chance: f64,
}

impl Solved {
    /// Counts the `groups` (positions in `texts`) that the model and its parts solve.
    pub fn count(
        texts: &[Reading<'_>],
        whole: &[Verdict],
        alone: Option<&Alone>,
        groups: &[Vec<usize>],
        classes: usize,
    ) -> Self {
        let count = groups.len().max(1) as f64;
        let share = |verdicts: &[Verdict]| {
            let right = |&at: &usize| verdicts[at].class == texts[at].truth as usize;
            groups.iter().filter(|group| group.iter().all(right)).count() as f64 / count
        };
        let guess = |group: &Vec<usize>| (classes as f64).powi(-(group.len() as i32));
        Self {
            groups: groups.len(),
            model: share(whole),
            network: alone.map(|alone| share(alone.network())),
            ngrams: alone.and_then(Alone::ngrams).map(share),
            chance: groups.iter().map(guess).sum::<f64>() / count,
        }
    }
}

/// The groups restricted to `which`, without empty ones.
pub fn within(groups: &BTreeMap<String, Vec<usize>>, which: &[usize]) -> Vec<Vec<usize>> {
    let which: HashSet<usize> = which.iter().copied().collect();
    let inside = |group: &Vec<usize>| -> Vec<usize> {
        group.iter().copied().filter(|at| which.contains(at)).collect()
    };
    groups.values().map(inside).filter(|group| !group.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(classes: [usize; 6]) -> Vec<Verdict> {
        classes.into_iter().map(|class| Verdict { class, loss: 0.0, probability: 1.0, tie: false }).collect()
    }

    #[test]
    fn a_group_counts_only_as_a_whole() {
        let texts: Vec<Reading<'_>> =
            [0, 1, 0, 1, 0, 1].into_iter().map(|truth| Reading { items: &[], truth }).collect();
        let groups: BTreeMap<String, Vec<usize>> =
            [("a", vec![0, 1]), ("b", vec![2, 3]), ("c", vec![4]), ("d", vec![5])]
                .map(|(name, group)| (name.to_owned(), group))
                .into();
        let all = within(&groups, &[0, 1, 2, 3, 4, 5]);
        let whole = verdicts([0, 1, 0, 0, 0, 0]);
        let solved = Solved::count(&texts, &whole, None, &all, 2);
        assert_eq!((solved.groups, solved.model, solved.chance), (4, 0.5, 0.375));
        assert_eq!((solved.network, solved.ngrams), (None, None));
        // Five of six texts are right, and all but one of the groups.
        assert_eq!(Solved::count(&texts, &verdicts([0, 1, 1, 1, 0, 1]), None, &all, 2).model, 0.75);
        // Always the same answer: every pair fails.
        let pairs = within(&groups, &[0, 1, 2, 3]);
        assert_eq!(Solved::count(&texts, &verdicts([1; 6]), None, &pairs, 2).model, 0.0);
        assert_eq!(within(&groups, &[3, 4]), [vec![3], vec![4]]);
        let alone = Alone::of_verdicts(verdicts([0, 1, 0, 1, 1, 1]), Some(verdicts([1, 0, 0, 1, 1, 0])));
        let apart = Solved::count(&texts, &whole, Some(&alone), &all, 2);
        assert_eq!((apart.network, apart.ngrams), (Some(0.75), Some(0.25)));
    }
}
