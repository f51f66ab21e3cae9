//! Each word's contribution to an answer: how the scores change when it is read.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};

use anyhow::Result;
use telltale::Model;
use telltale::engine::decide;
use telltale::engine::fixed::Score;
use telltale::engine::model::State;
use telltale::engine::text::{Token, Tokeniser};

use crate::engine::{Exit, memory_for, state_in};
use crate::logits::log_sum_exp;

/// A word and its contribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    /// The word, as the engine reads it.
    pub word: String,
    /// The rise of the answer's log odds when the word was read; negative if it contributes against the answer.
    pub speaks: f64,
}

/// A text's answer, and its words' contributions.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The words in order, without symbols that the engine skips.
    pub words: Vec<Spoken>,
}

impl Explanation {
    /// Reads a text, as far as the model's own rule of early exit lets it, and explains the answer.
    ///
    /// # Errors
    /// None for a model that has been opened.
    pub fn of(model: &Model<'_>, text: &str) -> Result<Self> {
        let mut memory = memory_for(model);
        let mut state = state_in(model, &mut memory)?;
        let scores = |state: &mut State<'_>| model.scores(state).to_vec();
        let mut read = Vec::new();
        let before = scores(&mut state);
        let (mut exit, mut decided) = (Exit::of(model), false);
        let mut each = |token: Token<'_>| match token {
            _ if decided => {}
            Token::Character(code) => model.read_character(code, &mut state),
            Token::Word(word) => {
                if model.read(word, &mut state).is_some() {
                    decided = exit.is_decided(|| model.scores(&mut state));
                    read.push((word.as_str().to_owned(), scores(&mut state)));
                }
            }
        };
        let mut tokeniser = Tokeniser::new(model.manifest_view().text);
        tokeniser.feed(text.as_bytes(), &mut each);
        tokeniser.finish(&mut each);
        if !decided {
            model.read_end(&mut state);
        }
        let last = scores(&mut state);
        let answer = decide(&last).0.index();
        // The contribution of characters at the text's end belongs to the last word.
        if let Some((_, own)) = read.last_mut() {
            *own = last;
        }
        let mut odds = log_odds(&before, answer);
        let words = read
            .into_iter()
            .map(|(word, scores)| {
                let now = log_odds(&scores, answer);
                let speaks = now - std::mem::replace(&mut odds, now);
                Spoken { word, speaks }
            })
            .collect();
        Ok(Self { words })
    }

    /// The words that contribute most for the answer, and those most against it, the largest first; a word that occurs
    /// several times is one entry.
    #[must_use]
    pub fn loudest(&self, most: usize) -> (Loudest<'_>, Loudest<'_>) {
        let mut by_word = BTreeMap::<&str, f64>::new();
        self.words.iter().for_each(|own| *by_word.entry(&own.word).or_default() += own.speaks);
        let mut sums: Vec<(&str, f64)> = by_word.into_iter().collect();
        sums.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
        let some = |keep: fn(f64) -> bool| {
            Loudest(sums.iter().filter(|(_, sum)| keep(*sum)).take(most).copied().collect())
        };
        (some(|sum| sum > 0.0), some(|sum| sum < 0.0))
    }
}

/// ln (p / (1 − p)) of a class, from scores of all.
fn log_odds(scores: &[i32], class: usize) -> f64 {
    let logit = |score: &i32| Score::from_bits(*score).to_num::<f64>();
    let others = scores.iter().enumerate().filter(|(at, _)| *at != class).map(|(_, score)| logit(score));
    scores.get(class).map_or(0.0, logit) - log_sum_exp(others)
}

/// Words and their contributions; shown as `good +1.20, fine +0.31`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loudest<'t>(pub Vec<(&'t str, f64)>);

impl Display for Loudest<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for (at, (word, speaks)) in self.0.iter().enumerate() {
            write!(f, "{}{word} {speaks:+.2}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_of_two_and_of_three() {
        let one = Score::from_num(1).to_bits();
        assert!((log_odds(&[0, one], 1) - 1.0).abs() < 1e-9);
        assert!((log_odds(&[0, one, 0], 1) - (1.0 - 2f64.ln())).abs() < 1e-9);
    }

    #[test]
    fn the_loudest_words_come_first_and_once() {
        let spoken = |word: &str, speaks| Spoken { word: word.to_owned(), speaks };
        let words =
            vec![spoken("a", 0.2), spoken("b", 1.0), spoken("c", -0.5), spoken("a", 0.9), spoken("d", 0.0)];
        let explanation = Explanation { words };
        let (pro, contra) = explanation.loudest(2);
        assert_eq!(pro.to_string(), "a +1.10, b +1.00");
        assert_eq!(contra.to_string(), "c -0.50");
    }
}
