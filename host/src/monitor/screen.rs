//! A session's lines on a terminal: labels in colours, probabilities as bars, unknown words marked.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::console::{left, printable};

/// Foreground colours, by SGR number: those that are readable on dark and light backgrounds.
const COLOURS: [u8; 6] = [32, 31, 36, 35, 34, 33];
/// The colour of what is not understood or lost.
const WARNING: u8 = 33;
/// Columns of a bar.
const BAR: usize = 20;
/// Columns of words and labels.
const WORD: usize = 18;
const LABEL: usize = 14;

/// Shows lines.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    colours: bool,
    /// In order of appearance, which sets the colour.
    labels: Vec<String>,
}

impl Screen {
    /// With colours or without.
    #[must_use]
    pub const fn new(colours: bool) -> Self {
        Self { colours, labels: Vec::new() }
    }

    /// Formats a line of a session; any other line is shown unchanged, without control characters.
    pub fn show(&mut self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line);
        let fields: Vec<&str> = text.split('\t').collect();
        match fields[..] {
            ["=", label, probability, words, unknown, lost] => {
                let mut shown = format!("{:>5} {} ", "=", left("", WORD));
                self.judgement(&mut shown, label, probability);
                let _ = write!(shown, "  {} words", printable(words));
                if unknown != "0" {
                    shown += &self.coloured(&format!(", {unknown} unknown"), WARNING);
                }
                if lost != "0" {
                    shown += &self.coloured(&format!(", {lost} bytes lost"), WARNING);
                }
                shown
            }
            [index, word, label, probability] => self.word(index, word, label, probability, ""),
            [index, word, label, probability, "?"] => self.word(index, word, label, probability, "?"),
            [index, word, id, label, probability, trace] => {
                let mut shown = self.word(index, word, label, probability, "");
                let _ = write!(shown, "  {} {}", printable(id), printable(trace));
                shown
            }
            _ => printable(&text).into_owned(),
        }
    }

    fn word(&mut self, index: &str, word: &str, label: &str, probability: &str, mark: &str) -> String {
        let word = left(&printable(word), WORD);
        let word = if mark.is_empty() { word } else { self.coloured(&word, WARNING).into_owned() };
        let mut shown = format!("{:>5} {word} ", printable(index));
        self.judgement(&mut shown, label, probability);
        if !mark.is_empty() {
            shown += "  ";
            shown += &self.coloured(mark, WARNING);
        }
        shown
    }

    fn judgement(&mut self, shown: &mut String, label: &str, probability: &str) {
        let place = self.labels.iter().position(|known| known == label).unwrap_or_else(|| {
            self.labels.push(label.to_owned());
            self.labels.len() - 1
        });
        let colour = COLOURS[place % COLOURS.len()];
        let bar = bar(probability.parse().unwrap_or(0.0));
        let judgement = format!("{} {bar}", left(&printable(label), LABEL));
        *shown += &self.coloured(&judgement, colour);
        let _ = write!(shown, " {}", printable(probability));
    }

    fn coloured<'t>(&self, text: &'t str, colour: u8) -> Cow<'t, str> {
        let text = printable(text);
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m").into() } else { text }
    }
}

/// A probability as a bar, to an eighth of a column.
fn bar(probability: f64) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (probability.clamp(0.0, 1.0) * (8 * BAR) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if eighths / 8 < BAR {
        bar.push(EIGHTHS[eighths % 8]);
        bar.extend(std::iter::repeat_n(' ', BAR - eighths / 8 - 1));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_one_width() {
        assert_eq!(bar(1.0), "█".repeat(20));
        assert_eq!(bar(0.5), format!("{}{}", "█".repeat(10), " ".repeat(10)));
        assert_eq!(bar(0.51).chars().filter(|&c| c == '▎').count(), 1);
        for probability in [-1.0, 0.0, 0.0001, 0.3333, 0.9999, 7.0, f64::NAN] {
            assert_eq!(bar(probability).chars().count(), BAR, "{probability}");
        }
    }

    #[test]
    fn labels_keep_their_colours_and_unknown_words_are_marked() {
        let mut screen = Screen::new(true);
        let first = screen.show(b"0\tslow\tneg\t0.7626");
        let other = screen.show(b"1\tbut\tpos\t0.7005\t?");
        let answer = screen.show(b"=\tneg\t0.9297\t3\t1\t0");
        assert!(first.contains("\u{1b}[32mneg") && other.contains("\u{1b}[31mpos"), "{first}{other}");
        assert!(answer.contains("\u{1b}[32mneg") && answer.contains("1 unknown") && !answer.contains("lost"));
        assert!(other.contains("\u{1b}[33mbut") && other.contains('?') && !first.contains('?'));
        let lost = Screen::new(false).show(b"=\tneg\t0.9297\t3\t0\t7");
        assert!(lost.contains("7 bytes lost") && !lost.contains('\u{1b}'), "{lost}");
    }

    #[test]
    fn nothing_that_a_board_says_is_obeyed() {
        for line in [&b"0\t\x1b[2J\tneg\t0.5"[..], b"\x1b]0;x\x07", b"=\t\x1b\t\x1b\t\x1b\t\x1b\t\x1b"] {
            assert!(!Screen::new(false).show(line).contains('\u{1b}'));
        }
    }
}
