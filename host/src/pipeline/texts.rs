//! The texts of a run as words of its vocabulary, and their targets.

use rayon::prelude::*;
use telltale::engine::text::Options;
use telltale::engine::vocab::Vocabulary;

use crate::corpus::{Corpus, Example};
use crate::ngrams::Lesson;
use crate::train::TrainingExample;
use crate::vocabulary::hashes_of;

/// Tokenised splits.
pub struct Texts {
    /// For training, those without labels after the others.
    pub train: Vec<TrainingExample>,
    /// For validation.
    pub valid: Vec<TrainingExample>,
    /// For the test.
    pub test: Vec<TrainingExample>,
}

/// The words of all labelled texts, as hashes.
pub fn tokenise(corpus: &Corpus, options: Options, vocabulary: &Vocabulary<'_>) -> Texts {
    let own = |example: &Example| tokenised(&example.text, example.label, options, vocabulary);
    let all = |examples: &[Example]| examples.par_iter().map(own).collect();
    Texts { train: all(&corpus.train), valid: all(&corpus.valid), test: all(&corpus.test) }
}

/// A text, as the hashes of its words.
pub fn tokenised(text: &str, label: u32, options: Options, vocabulary: &Vocabulary<'_>) -> TrainingExample {
    let hashes = hashes_of(text.as_bytes(), options, vocabulary);
    TrainingExample { hashes, label, ..TrainingExample::default() }
}

/// What each text should say: the teacher's opinion, or its label.
pub fn targets<'t>(texts: impl IntoIterator<Item = &'t TrainingExample>, classes: usize) -> Vec<Vec<f32>> {
    let target = |text: &TrainingExample| {
        if !text.target.is_empty() {
            return text.target.clone();
        }
        let mut target = vec![0.0; classes];
        target[text.label as usize] = 1.0;
        target
    };
    texts.into_iter().map(target).collect()
}

/// Texts and targets in the form for a linear classifier.
pub fn lessons<'t>(texts: &'t [TrainingExample], targets: &'t [Vec<f32>]) -> Vec<Lesson<'t>> {
    texts.iter().zip(targets).map(|(text, target)| Lesson { words: &text.hashes, target }).collect()
}
