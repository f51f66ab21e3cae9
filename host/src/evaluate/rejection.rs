//! Out-of-scope texts: when a model rejects a text, and how often it is right.

use anyhow::Result;
use serde::Serialize;
use telltale::{Model, Rejection};

use crate::engine::{Answered, answer_all};

/// Of the texts to be rejected, the part that the share of known words rejects; the probability rejects the others.
const BY_WORDS: f64 = 0.25;

/// The effect of a model's rule on texts of its classes, and on others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RejectionEffect {
    /// Texts of the classes.
    pub texts: usize,
    /// The share of them that is rejected.
    pub rejected: f64,
    /// The share of right answers among the others.
    pub accuracy: f64,
    /// Texts of no class.
    pub strangers: usize,
    /// The share of them that is rejected; `None` if there are none.
    pub strangers_rejected: Option<f64>,
}

/// The share of a text's words that are known, in units of 10⁻⁴, rounded down.
fn known(answer: &Answered) -> u16 {
    (u64::from(answer.known) * 10_000 / u64::from(answer.words.max(1))) as u16
}

/// A rule that rejects as many of these texts, all of which belong to a class, as allowed: at most their `share`.
///
/// # Errors
/// None for a model that has been opened.
pub fn calibrate(model: &Model<'_>, texts: &[&str], share: f64) -> Result<Rejection> {
    Ok(rule(answer_all(model, texts)?, share))
}

fn rule(mut answers: Vec<Answered>, share: f64) -> Rejection {
    let most = (answers.len() as f64 * share) as usize;
    answers.sort_by_key(known);
    // Those at the threshold itself are not rejected.
    let least = answers.get((most as f64 * BY_WORDS) as usize).map_or(0, known);
    let rest = answers.iter().filter(|own| known(own) >= least);
    let mut rest: Vec<u16> = rest.map(|own| own.probability.ten_thousandths()).collect();
    rest.sort_unstable();
    let left = most - (answers.len() - rest.len());
    Rejection { probability: rest.get(left).copied().unwrap_or(0), known: least }
}

/// The effect of the model's rule on texts with their true classes, and on texts of no class.
///
/// # Errors
/// None for a model that has been opened.
pub fn effect(model: &Model<'_>, texts: &[(&str, usize)], strangers: &[&str]) -> Result<RejectionEffect> {
    let own: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
    let (own, others) = (answer_all(model, &own)?, answer_all(model, strangers)?);
    Ok(RejectionEffect::of(&own, texts.iter().map(|(_, truth)| *truth), &others))
}

impl RejectionEffect {
    /// Of the answers to texts with their true classes, and to texts of no class.
    pub fn of(own: &[Answered], truths: impl Iterator<Item = usize>, others: &[Answered]) -> Self {
        let kept: Vec<bool> = own
            .iter()
            .zip(truths)
            .filter(|(said, _)| !said.rejected)
            .map(|(said, truth)| said.class == truth)
            .collect();
        let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
        let rejected = others.iter().filter(|said| said.rejected).count();
        Self {
            texts: own.len(),
            rejected: share(own.len() - kept.len(), own.len()),
            accuracy: share(kept.iter().filter(|right| **right).count(), kept.len()),
            strangers: others.len(),
            strangers_rejected: (!others.is_empty()).then(|| share(rejected, others.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use telltale::Probability;

    use super::*;

    #[test]
    fn a_share_of_the_texts_is_rejected_and_no_more() {
        let said = |at: u16| Answered {
            class: 0,
            probability: Probability::from_ten_thousandths(10 * (at * 37 % 1000)),
            words: 100,
            known: u32::from(at % 101),
            rejected: false,
        };
        let texts: Vec<Answered> = (0..1000).map(said).collect();
        for share in [0.0, 0.05, 0.2, 0.5] {
            let rule = rule(texts.clone(), share);
            let rejected = texts
                .iter()
                .filter(|own| own.probability.ten_thousandths() < rule.probability || known(own) < rule.known)
                .count();
            let most = (1000.0 * share) as usize;
            assert!(rejected <= most && rejected + 10 >= most, "{share}: {rejected}");
        }
        assert_eq!(rule(Vec::new(), 0.5), Rejection { probability: 0, known: 0 });
    }
}
