//! All runs in one table.

use serde::Serialize;

use super::runs::{BOARDS, Trained};
use crate::command::train::Preset;
use crate::console::for_shells;

/// The runs, preset by preset.
pub struct Frontier {
    pub corpus: String,
    /// The command line that made it.
    command: String,
    presets: Vec<(Preset, Vec<Trained>)>,
}

/// A mean over seeds, and the sample standard deviation if there are at least two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub deviation: Option<f64>,
}

impl Spread {
    fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let numbers: Vec<f64> = numbers.collect();
        let count = numbers.len() as f64;
        if numbers.is_empty() {
            return None;
        }
        let mean = numbers.iter().sum::<f64>() / count;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = (numbers.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Some(Self { mean, deviation })
    }

    fn percent(self) -> String {
        let mean = self.mean * 100.0;
        match self.deviation {
            Some(deviation) => format!("{mean:.2} ± {:.2}", deviation * 100.0),
            None => format!("{mean:.2}"),
        }
    }
}

/// A preset over all seeds.
#[derive(Debug, Serialize)]
pub struct Point<'r> {
    pub preset: String,
    pub bytes: f64,
    pub float_valid: Spread,
    pub float_test: Option<Spread>,
    pub quantised_valid: Spread,
    pub quantised_test: Option<Spread>,
    pub agreement: Spread,
    /// Estimated on [`BOARDS`].
    pub instructions_per_word: [f64; 2],
    pub runs: &'r [Trained],
}

impl Frontier {
    /// An empty table for a corpus.
    pub fn new(data: &str) -> Self {
        Self {
            corpus: crate::corpus::name_of(data),
            command: command(std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned())),
            presets: Vec::new(),
        }
    }

    /// Adds a run.
    pub fn add(&mut self, preset: Preset, trained: Trained) {
        match self.presets.iter_mut().find(|(own, _)| *own == preset) {
            Some((_, runs)) => runs.push(trained),
            None => self.presets.push((preset, vec![trained])),
        }
    }

    /// The presets, the smallest first.
    pub fn points(&self) -> Vec<Point<'_>> {
        let mut points: Vec<Point<'_>> =
            self.presets.iter().filter_map(|(preset, runs)| Point::of(*preset, runs)).collect();
        points.sort_by(|a, b| a.bytes.total_cmp(&b.bytes));
        points
    }
}

impl<'r> Point<'r> {
    fn of(preset: Preset, runs: &'r [Trained]) -> Option<Self> {
        let mean = |number: fn(&Trained) -> f64| Spread::of(runs.iter().map(number));
        let instructions = |at: usize| Spread::of(runs.iter().map(|run| run.instructions_per_word[at]));
        Some(Self {
            preset: preset.to_string(),
            bytes: mean(|run| run.bytes as f64)?.mean,
            float_valid: mean(|run| run.float_valid)?,
            float_test: Spread::of(runs.iter().filter_map(|run| run.float_test)),
            quantised_valid: mean(|run| run.quantised_valid)?,
            quantised_test: Spread::of(runs.iter().filter_map(|run| run.quantised_test)),
            agreement: mean(|run| run.agreement)?,
            instructions_per_word: [instructions(0)?.mean, instructions(1)?.mean],
            runs,
        })
    }
}

/// A command's words, quoted for a shell.
fn command(words: impl Iterator<Item = String>) -> String {
    std::iter::once("host".to_owned())
        .chain(words.map(|word| for_shells(&word)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The table as Markdown.
pub fn markdown(frontier: &Frontier, points: &[Point<'_>]) -> String {
    let or_none = |spread: Option<Spread>| spread.map_or_else(|| "–".to_owned(), Spread::percent);
    let mut text = format!("# Accuracy against bytes: {}\n\n", frontier.corpus);
    text += "| preset | blob, bytes | float, validation | quantised, validation | float, test | quantised, test \
             | agreement | instr./word, M0 | instr./word, M4 | seeds |\n";
    text += "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n";
    for point in points {
        let seeds: Vec<String> = point.runs.iter().map(|run| run.seed.to_string()).collect();
        text += &format!(
            "| {} | {:.0} | {} | {} | {} | {} | {} | {:.0} | {:.0} | {} |\n",
            point.preset,
            point.bytes,
            point.float_valid.percent(),
            point.quantised_valid.percent(),
            or_none(point.float_test),
            or_none(point.quantised_test),
            point.agreement.percent(),
            point.instructions_per_word[0],
            point.instructions_per_word[1],
            seeds.join(", ")
        );
    }
    text += &format!(
        "\nAccuracy and agreement in %: the mean over the seeds ± their standard deviation. Quantised is the \
         integer engine on whole texts; agreement is how often both say the same of a validation text. \
         Instructions are `inspect`'s estimates for {} and {}.\n\nMade by\n\n```\n{}\n```\n",
        BOARDS[0], BOARDS[1], frontier.command
    );
    text
}

/// The report as JSON.
#[derive(Serialize)]
pub struct Report<'r> {
    corpus: &'r str,
    command: &'r str,
    boards: [&'static str; 2],
    presets: &'r [Point<'r>],
}

/// All points and their runs.
pub fn report<'r>(frontier: &'r Frontier, points: &'r [Point<'r>]) -> Report<'r> {
    Report { corpus: &frontier.corpus, command: &frontier.command, boards: BOARDS, presets: points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_the_sample_deviation() {
        let spread = Spread::of([0.90, 0.92, 0.94].into_iter()).expect("numbers");
        assert_eq!(spread.percent(), "92.00 ± 2.00");
        assert_eq!(Spread::of([0.9].into_iter()).expect("a number").percent(), "90.00");
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn commands_can_be_pasted() {
        let words = ["frontier", "--data", "it's here", "--seeds", "1,2"].map(str::to_owned);
        assert_eq!(command(words.into_iter()), r"host frontier --data 'it'\''s here' --seeds 1,2");
    }
}
