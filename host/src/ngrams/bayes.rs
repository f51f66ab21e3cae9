//! The value of n-grams before any fit: naive Bayes log-ratios, from which a regression starts out with steps that suit
//! each n-gram (Wang and Manning, "Baselines and bigrams: simple, good sentiment and topic classification", ACL 2012).

use super::columns;

/// Added to all counts before ratios are taken.
const SMOOTHING: f32 = 1.0;

/// A text to learn from: the hashes of its words and the probability that it should have of each class.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'t> {
    /// \[words\]
    pub words: &'t [u32],
    /// \[C\]
    pub target: &'t [f32],
}

/// ln of each n-gram's share in a class over its share in all others, \[count × K\].
///
/// `features` are the n-grams of each lesson; one that is there twice counts twice.
pub fn ratios(features: &[Vec<u32>], lessons: &[Lesson<'_>], count: usize, classes: usize) -> Vec<f32> {
    let mut counts = vec![SMOOTHING; count * classes];
    for (own, lesson) in features.iter().zip(lessons) {
        for &feature in own {
            let counts = &mut counts[feature as usize * classes..][..classes];
            counts.iter_mut().zip(lesson.target).for_each(|(sum, share)| *sum += share);
        }
    }
    let skipped = classes - columns(classes);
    log_ratios(&counts, classes, 0.0)
        .flat_map(|row| row.into_iter().skip(skipped).map(|ratio| ratio as f32))
        .collect()
}

/// For each row of `counts` \[n-grams\]\[C\], ln of its share in a class over its share in all others \[C\], to
/// whose counts `extra` is added.
pub fn log_ratios(counts: &[f32], classes: usize, extra: f64) -> impl Iterator<Item = Vec<f64>> {
    let mut totals = vec![0.0f64; classes];
    for row in counts.chunks_exact(classes) {
        totals.iter_mut().zip(row).for_each(|(total, &count)| *total += f64::from(count));
    }
    let all: f64 = totals.iter().sum();
    counts.chunks_exact(classes).map(move |row| {
        let sum: f64 = row.iter().map(|&count| f64::from(count)).sum();
        let ratio = |(&count, total): (&f32, &f64)| {
            let count = f64::from(count);
            (count / total / ((sum - count + extra) / (all - total))).ln()
        };
        row.iter().zip(&totals).map(ratio).collect()
    })
}
