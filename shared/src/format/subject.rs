//! The subjects of errors, by name.

/// A part of a model's file or a feature of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Subject {
    /// The [vocabulary](crate::vocab).
    Vocabulary,
    /// The [embedding](crate::embedding).
    Embedding,
    /// A [layer](crate::cell).
    Layer,
    /// The [head](crate::head).
    Head,
    /// The [n-grams](crate::ngrams).
    Ngrams,
    /// The rule of [early exit](crate::early_exit).
    EarlyExit,
    /// The network in f32.
    FloatReference,
    /// The manifest's table of sections.
    SectionTable,
    /// The manifest.
    Manifest,
    /// Elman's cell.
    Rnn,
    /// The gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
    /// FastGRNN.
    Fastgrnn,
    /// More than one layer.
    Layers,
    /// Mean pooling.
    Mean,
    /// Max pooling.
    Max,
    /// A head's hidden layer.
    Hidden,
    /// More than two classes.
    Classes,
    /// An embedding of 4 bits.
    I4,
    /// A folded embedding.
    Fold,
    /// N-grams of characters.
    Characters,
    /// N-grams whose sums a map takes to the classes.
    Projection,
    /// The rule of [rejection](crate::rejection).
    Rejection,
    /// The header.
    Header,
}

/// The names, in order.
const NAMES: &[u8] = b"vocabulary
embedding
layer
head
ngrams
early-exit
float reference
section table
manifest
rnn
gru
lstm
fastgrnn
layers
mean
max
hidden
classes
i4
fold
characters
projection
rejection
header";

impl Subject {
    /// The name in ASCII.
    #[must_use]
    pub fn text(self) -> &'static [u8] {
        line(NAMES, self as usize)
    }
}

/// A line of a text, counted from zero; empty after the last one.
#[inline(never)]
pub(crate) fn line(mut text: &[u8], mut number: usize) -> &[u8] {
    loop {
        let end = text.iter().take_while(|&&byte| byte != b'\n').count();
        let Some((line, rest)) = text.split_at_checked(end) else { return &[] };
        if number == 0 {
            return line;
        }
        number -= 1;
        text = rest.get(1..).unwrap_or(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_the_list() {
        let named = [
            Subject::Vocabulary,
            Subject::EarlyExit,
            Subject::Manifest,
            Subject::Gru,
            Subject::I4,
            Subject::Header,
        ];
        let expected = ["vocabulary", "early-exit", "manifest", "gru", "i4", "header"];
        assert!(
            named
                .map(Subject::text)
                .iter()
                .zip(expected)
                .all(|(text, expected)| *text == expected.as_bytes())
        );
        assert_eq!(NAMES.split(|&byte| byte == b'\n').count(), Subject::Header as usize + 1);
    }

    #[test]
    fn lines_are_counted_from_zero() {
        assert_eq!([0, 1, 2, 3].map(|at| line(b"a\n\nbc", at)), [&b"a"[..], b"", b"bc", b""]);
    }
}
