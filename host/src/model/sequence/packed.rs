//! How the texts of a batch lie in memory: by time, without padding.

/// Texts sorted by falling length. The rows of step t are the texts that are longer than t, so the
/// active texts are always a prefix and padding does not exist.
///
/// Letters: B texts, T the longest length, N the sum of all lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedSequence {
    lengths: Vec<usize>,
    /// \[T + 1\] where the rows of each step start; the last entry is N.
    starts: Vec<usize>,
}

impl PackedSequence {
    /// The layout of texts of these lengths, which must fall.
    #[must_use]
    pub fn new(lengths: Vec<usize>) -> Self {
        debug_assert!(lengths.is_sorted_by(|a, b| a >= b));
        let longest = lengths.first().copied().unwrap_or(0);
        let mut starts = vec![0];
        let mut active = lengths.len();
        let mut rows = 0;
        for step in 0..longest {
            while active > 0 && lengths[active - 1] <= step {
                active -= 1;
            }
            rows += active;
            starts.push(rows);
        }
        Self { lengths, starts }
    }

    /// B.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.lengths.len()
    }

    /// T.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.starts.len() - 1
    }

    /// N.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts[self.steps()]
    }

    /// The length of each text.
    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The rows of a step.
    #[must_use]
    pub fn step(&self, step: usize) -> std::ops::Range<usize> {
        self.starts[step]..self.starts[step + 1]
    }

    /// The row of a text's word.
    #[must_use]
    pub fn row(&self, text: usize, step: usize) -> usize {
        self.starts[step] + text
    }

    /// For each row, the text it belongs to.
    #[must_use]
    pub fn texts_of_rows(&self) -> Vec<u32> {
        (0..self.steps()).flat_map(|step| 0..self.step(step).len() as u32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_by_time() {
        let packed = PackedSequence::new(vec![3, 1, 1, 0]);
        assert_eq!((packed.texts(), packed.steps(), packed.rows()), (4, 3, 5));
        assert_eq!((packed.step(0), packed.step(1), packed.step(2)), (0..3, 3..4, 4..5));
        assert_eq!(packed.texts_of_rows(), [0, 1, 2, 0, 0]);
        assert_eq!(packed.row(0, 2), 4);
        let empty = PackedSequence::new(vec![0, 0]);
        assert_eq!((empty.steps(), empty.rows()), (0, 0));
    }
}
