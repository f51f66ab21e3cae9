//! Agreement with the network in PyTorch, by its answers to some texts.
//!
//! The file has one JSON object per line: `{"text": "a slow film", "logits": [1.2, -0.7]}`, the logits in the order of
//! the configuration's labels, or a single one, whose sigmoid is the second label's probability.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::corpus::{count, numbered};
use crate::logits::log_sum_exp;

/// PyTorch's answer to a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// The label with the highest logit.
    pub label: u32,
    /// Its probability.
    pub probability: f64,
    /// The file's line, from 1.
    pub line: usize,
}

#[derive(Deserialize)]
struct Line {
    text: String,
    logits: Vec<f64>,
}

/// How near other answers are to PyTorch's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Share of texts with the same label.
    pub labels_equal: f64,
    /// Mean difference of the probability of PyTorch's label.
    pub mean_difference: f64,
    /// The largest.
    pub largest_difference: f64,
    /// The line of the largest.
    pub line: usize,
}

/// Reads PyTorch's answers, of a network with so many outputs: one, before a sigmoid, is of two labels.
///
/// # Errors
/// Names the line that is no such object, or has another number of logits.
pub fn read(path: &Path, outputs: usize) -> Result<Vec<Answer>> {
    let named = || path.display().to_string();
    let text = crate::files::read_text(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut answers = Vec::new();
    let mut after = Vec::new();
    for (number, line) in numbered(text.trim_start_matches('\u{FEFF}')) {
        if line.trim().is_empty() {
            continue;
        }
        let read = answer(line, number, outputs);
        let (answer, function) = read.with_context(|| format!("line {number}")).with_context(named)?;
        after.extend(function);
        answers.push(answer);
    }
    ensure!(
        !answers.is_empty(),
        "{}: no line in it: {{\"text\": …, \"logits\": […]}} is expected",
        path.display()
    );
    if let (Some(function), true) = (after.first(), after.len() == answers.len()) {
        let (numbers, few) = match function {
            Function::Softmax => ("add up to 1", 1),
            Function::Sigmoid => ("lie between 0 and 1", FEW),
        };
        ensure!(
            answers.len() < few,
            "{}: the numbers of every line {numbers}: they are probabilities, and the model's outputs before {function} are \
             expected",
            path.display()
        );
    }
    Ok(answers)
}

/// What makes probabilities of logits.
#[derive(Clone, Copy, Debug)]
enum Function {
    Softmax,
    Sigmoid,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Softmax => "softmax",
            Self::Sigmoid => "the sigmoid",
        })
    }
}

/// Fewer single numbers than this may lie between 0 and 1 by chance.
const FEW: usize = 10;

/// An answer, and what its numbers could come out of if they are probabilities.
fn answer(line: &str, number: usize, outputs: usize) -> Result<(Answer, Option<Function>)> {
    let Line { text, mut logits } =
        serde_json::from_str(line).context("{\"text\": …, \"logits\": […]} is expected")?;
    let is_positive = logits.iter().all(|logit| *logit >= 0.0);
    let function = match logits[..] {
        [only] => (is_positive && only <= 1.0).then_some(Function::Sigmoid),
        _ => (is_positive && (logits.iter().sum::<f64>() - 1.0).abs() < 1e-3).then_some(Function::Softmax),
    };
    ensure!(
        logits.len() == outputs,
        "{}, the network has {}",
        count(logits.len(), "logit"),
        count(outputs, "output")
    );
    if outputs == 1 {
        logits.insert(0, 0.0);
    }
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let label = logits.iter().position(|&logit| logit == highest).context("the logits are no numbers")?;
    let probability = (-log_sum_exp(logits.iter().map(|logit| logit - highest))).exp();
    Ok((Answer { text, label: label as u32, probability, line: number }, function))
}

/// Compares `own`, for each answer the label and the probability of PyTorch's label.
#[must_use]
pub fn compare(answers: &[Answer], own: impl Iterator<Item = (usize, f64)>) -> Agreement {
    let mut sum = Agreement::default();
    for (answer, (label, probability)) in answers.iter().zip(own) {
        let difference = (answer.probability - probability).abs();
        sum.labels_equal += f64::from(u8::from(label == answer.label as usize));
        sum.mean_difference += difference;
        if difference >= sum.largest_difference {
            (sum.largest_difference, sum.line) = (difference, answer.line);
        }
    }
    let count = answers.len().max(1) as f64;
    Agreement { labels_equal: sum.labels_equal / count, mean_difference: sum.mean_difference / count, ..sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str, outputs: usize) -> Result<Vec<Answer>> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("writable");
        read(file.path(), outputs)
    }

    #[test]
    fn differences_are_of_the_probability_of_pytorchs_label() {
        // σ(ln 3) = 0.75
        let log = 3f64.ln();
        let text = format!(
            "\u{FEFF}{{\"text\": \"a\", \"logits\": [0, {log}]}}\r\n\r{{\"text\": \"b\", \"logits\": [1, {}], \"more\": 1}}\n",
            log + 1.0
        );
        let answers = reading(&text, 2).expect("reads");
        let single = reading(&format!("{{\"text\": \"a\", \"logits\": [{log}]}}"), 1).expect("reads");
        assert!((single[0].probability - answers[0].probability).abs() < 1e-12);
        assert_eq!(
            answers.iter().map(|answer| (answer.label, answer.line)).collect::<Vec<_>>(),
            [(1, 1), (1, 3)]
        );
        let agreement = compare(&answers, [(1, 0.70), (0, 0.45)].into_iter());
        assert_eq!((agreement.labels_equal, agreement.line), (0.5, 3));
        assert!((agreement.mean_difference - 0.175).abs() < 1e-12);
        assert!((agreement.largest_difference - 0.30).abs() < 1e-12);
    }

    #[test]
    fn errors_name_the_line() {
        let good = "{\"text\": \"a\", \"logits\": [0, 1]}\n";
        for (text, reason) in [
            (format!("{good}{{\"text\": \"b\", \"logits\": [0, 1, 2]}}\n"), "line 2: 3 logits"),
            (format!("{good}{good}nonsense\n"), "line 3: {\"text\": …"),
            (format!("{good}{{\"text\": \"b\", \"logits\": [0, NaN]}}\n"), "line 2"),
            ("{\"text\": \"b\", \"logits\": [0.25, 0.75]}\n".to_owned(), "they are probabilities"),
            (
                "{\"text\": \"b\", \"logits\": [0.7]}\n".repeat(FEW),
                "line 1: 1 logit, the network has 2 outputs",
            ),
            (String::new(), "no line in it"),
        ] {
            let error = format!("{:#}", reading(&text, 2).expect_err("must not be read"));
            assert!(error.contains(reason), "{error}");
        }
        let single = reading(&"{\"text\": \"b\", \"logits\": [0.7]}\n".repeat(FEW), 1);
        assert!(single.expect_err("must not be read").to_string().contains("outputs before the sigmoid"));
        let error = format!("{:#}", reading(good, 1).expect_err("must not be read"));
        assert!(error.contains("2 logits, the network has 1 output"), "{error}");
    }
}
