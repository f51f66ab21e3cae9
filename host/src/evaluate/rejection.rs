//! Texts that are none of the classes: when a model says so, and how often it is right to.

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use telltale::{Classifier, Model, Rejection};

use crate::aligned::AlignedBytes;
use crate::engine::memory_for;

/// Of the texts to be rejected, the part that the share of known words rejects; the probability rejects the others.
const BY_WORDS: f64 = 0.25;

/// What a model's rule does to texts of its classes, and to others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Texts of the classes.
    pub texts: usize,
    /// The share of them that is rejected.
    pub rejected: f64,
    /// The share of right answers among the others.
    pub accuracy: f64,
    /// Texts of no class.
    pub strangers: usize,
    /// The share of them that is rejected; `None` where there are none.
    pub strangers_rejected: Option<f64>,
}

/// What the engine says of a text.
#[derive(Clone, Copy, Debug)]
struct Said {
    class: usize,
    /// In units of 10⁻⁴.
    probability: u16,
    /// The share of known words in units of 10⁻⁴, rounded down.
    known: u16,
    rejected: bool,
}

fn read(model: &Model<'_>, texts: &[&str]) -> Result<Vec<Said>> {
    let read = |memory: &mut AlignedBytes, text: &&str| -> Result<Said> {
        let answer = Classifier::within(model, memory)?.classify(text);
        let known = u64::from(answer.words - answer.unknown) * 10_000 / u64::from(answer.words.max(1));
        Ok(Said {
            class: answer.class.index(),
            probability: answer.probability.ten_thousandths(),
            known: known as u16,
            rejected: answer.rejected,
        })
    };
    texts.par_iter().with_min_len(16).map_init(|| memory_for(model), read).collect()
}

/// A rule that rejects as many of these texts, which are all of a class, as it may: at most their `share`.
///
/// # Errors
/// None of a model that has been opened.
pub fn calibrate(model: &Model<'_>, texts: &[&str], share: f64) -> Result<Rejection> {
    Ok(rule(read(model, texts)?, share))
}

fn rule(mut said: Vec<Said>, share: f64) -> Rejection {
    let most = (said.len() as f64 * share) as usize;
    said.sort_by_key(|own| own.known);
    // Those at the threshold itself are not rejected.
    let known = said.get((most as f64 * BY_WORDS) as usize).map_or(0, |own| own.known);
    let mut rest: Vec<u16> =
        said.iter().filter(|own| own.known >= known).map(|own| own.probability).collect();
    rest.sort_unstable();
    let left = most - (said.len() - rest.len());
    Rejection { probability: rest.get(left).copied().unwrap_or(0), known }
}

/// What the model's rule does to texts with their true classes, and to texts of no class.
///
/// # Errors
/// None of a model that has been opened.
pub fn effect(model: &Model<'_>, texts: &[(&str, usize)], strangers: &[&str]) -> Result<Effect> {
    let own: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
    let said = read(model, &own)?;
    let kept: Vec<bool> = said
        .iter()
        .zip(texts)
        .filter(|(said, _)| !said.rejected)
        .map(|(said, (_, truth))| said.class == *truth)
        .collect();
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let others = read(model, strangers)?;
    let rejected = others.iter().filter(|said| said.rejected).count();
    Ok(Effect {
        texts: texts.len(),
        rejected: share(texts.len() - kept.len(), texts.len()),
        accuracy: share(kept.iter().filter(|right| **right).count(), kept.len()),
        strangers: others.len(),
        strangers_rejected: (!others.is_empty()).then(|| share(rejected, others.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_texts_is_rejected_and_no_more() {
        let said = |at: u16| Said {
            class: 0,
            probability: 10 * (at * 37 % 1000),
            known: 100 * (at % 101),
            rejected: false,
        };
        let texts: Vec<Said> = (0..1000).map(said).collect();
        for share in [0.0, 0.05, 0.2, 0.5] {
            let rule = rule(texts.clone(), share);
            let rejected = texts
                .iter()
                .filter(|own| own.probability < rule.probability || own.known < rule.known)
                .count();
            let most = (1000.0 * share) as usize;
            assert!(rejected <= most && rejected + 10 >= most, "{share}: {rejected}");
        }
        assert_eq!(rule(Vec::new(), 0.5), Rejection { probability: 0, known: 0 });
    }
}
