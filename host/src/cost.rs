//! What a model costs on a board, estimated without running it there.
//!
//! Instructions per word are estimated by a linear model that is fitted, board by board, to what
//! `bench device` measures:
//!
//! ```text
//! instructions = per_mac · M + per_unit[cell] · U + per_embed · E₈ + per_embed_i4 · E₄ + per_pooled · P
//!                + per_class · C + per_look_up · G + per_column · K + with_ngrams · N + constant
//! ```
//!
//! | letter | is |
//! |---|---|
//! | M | multiply-accumulates of layers and head, columns padded to 8 |
//! | U | hidden units of all layers |
//! | E₈, E₄ | width of an embedding of 8 bits, of 4 bits; 0 for the other |
//! | P | units pooled, 0 for pooling `last` |
//! | C | classes |
//! | G | n-grams that are looked up: as many as a word has, and as a word of [`WORD_CHARACTERS`] has of its characters; 0 without n-grams |
//! | K | columns of n-grams, which are added to the scores: C − 1, or what a map takes to them; 0 without |
//! | N | 1 with n-grams, 0 without |
//!
//! A known n-gram takes more than an unknown one, by the cost of adding its K weights; G is fitted to texts in which
//! every second word's n-grams are known, and so most of its characters'.
//!
//! `bench device --fit` writes the coefficients to the end of each board's `board.toml`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use telltale::Model;
use telltale::engine::ngrams::Orders;

/// The coefficients of the linear model, in instructions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coefficients {
    /// For each multiply-accumulate.
    pub per_mac: f64,
    /// For each number of an embedding row of 8 bits.
    pub per_embed: f64,
    /// For each number of an embedding row of 4 bits.
    pub per_embed_i4: f64,
    /// For each pooled unit.
    pub per_pooled: f64,
    /// For each class.
    pub per_class: f64,
    /// For each n-gram looked up.
    pub per_look_up: f64,
    /// For each of the n-grams' columns.
    pub per_column: f64,
    /// For each word, if there are n-grams.
    pub with_ngrams: f64,
    /// For each word.
    pub constant: f64,
    /// For each hidden unit, by cell.
    pub per_unit: BTreeMap<String, f64>,
}

/// Characters of a word in the mean, the gap behind it included.
const WORD_CHARACTERS: f64 = 5.7;

/// A word's work.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    macs: f64,
    embed: f64,
    embed_i4: f64,
    pooled: f64,
    classes: f64,
    look_ups: f64,
    columns: f64,
    cell: &'static str,
    units: f64,
}

impl Work {
    /// The work of a model.
    #[must_use]
    pub fn of(model: &Model<'_>) -> Self {
        Self::with_characters(model, WORD_CHARACTERS)
    }

    /// As [`Self::of`], if a word has so many characters in the mean, the gap behind it included.
    #[must_use]
    pub fn with_characters(model: &Model<'_>, characters: f64) -> Self {
        let look_ups = |orders: Orders| f64::from(orders.words) + characters * f64::from(orders.characters);
        let wide = |columns: usize| columns.next_multiple_of(8);
        let layers: usize = model
            .layers()
            .iter()
            .map(|layer| {
                layer.cell().gates() * layer.hidden() * (wide(layer.inputs()) + wide(layer.hidden()))
            })
            .sum();
        let head = model.head();
        let head = match head.hidden() {
            0 => head.classes() * wide(head.inputs()),
            hidden => hidden * wide(head.inputs()) + head.classes() * wide(hidden),
        };
        let last = model.manifest_view().pooling == telltale::engine::format::Pooling::Last;
        let narrow = model.embedding().bits() == 4;
        let width = model.embedding().width() as f64;
        Self {
            macs: (layers + head) as f64,
            embed: if narrow { 0.0 } else { width },
            embed_i4: if narrow { width } else { 0.0 },
            pooled: if last { 0.0 } else { model.head().inputs() as f64 },
            classes: model.head().classes() as f64,
            look_ups: model.ngrams().map_or(0.0, |ngrams| look_ups(ngrams.orders())),
            columns: model.ngrams().map_or(0.0, |ngrams| ngrams.columns() as f64),
            cell: model.layers().first().map_or("none", |layer| layer.cell().name()),
            units: model.layers().iter().map(|layer| layer.hidden() as f64).sum(),
        }
    }

    /// The factors of the coefficients: those of [`NAMES`], then per_unit of `cells`.
    fn factors(&self, cells: &[&str]) -> Vec<f64> {
        let mut factors = vec![
            self.macs,
            self.embed,
            self.embed_i4,
            self.pooled,
            self.classes,
            self.look_ups,
            self.columns,
            if self.columns > 0.0 { 1.0 } else { 0.0 },
            1.0,
        ];
        factors.extend(cells.iter().map(|cell| if *cell == self.cell { self.units } else { 0.0 }));
        factors
    }
}

/// What stands above the coefficients in a `board.toml`.
const HEADING: &str =
    "# Written by `bench device --fit`: instructions of a word, see host/src/cost.rs for the terms.\n";

/// The names of the coefficients, those of units aside.
const NAMES: [&str; 9] = [
    "per_mac",
    "per_embed",
    "per_embed_i4",
    "per_pooled",
    "per_class",
    "per_look_up",
    "per_column",
    "with_ngrams",
    "constant",
];

impl Coefficients {
    /// In the order of [`NAMES`].
    const fn numbers(&self) -> [f64; NAMES.len()] {
        [
            self.per_mac,
            self.per_embed,
            self.per_embed_i4,
            self.per_pooled,
            self.per_class,
            self.per_look_up,
            self.per_column,
            self.with_ngrams,
            self.constant,
        ]
    }

    /// Instructions that a word takes; `None` for a cell that was not measured.
    #[must_use]
    pub fn estimate(&self, work: &Work) -> Option<f64> {
        let per_unit = self.per_unit.get(work.cell)?;
        let terms = work.factors(&[]).into_iter().zip(self.numbers()).map(|(factor, own)| factor * own);
        Some(terms.sum::<f64>() + per_unit * work.units)
    }

    /// The least squares of relative errors over measurements (work, instructions).
    ///
    /// # Errors
    /// If there are too few measurements, or they are too much alike to tell the terms apart.
    pub fn fit(measured: &[(Work, f64)]) -> Result<Self> {
        let mut cells: Vec<&str> = measured.iter().map(|(work, _)| work.cell).collect();
        cells.sort_unstable();
        cells.dedup();
        let count = NAMES.len() + cells.len();
        // The normal equations, each measurement divided by its instructions.
        let mut equations = vec![vec![0.0; count + 1]; count];
        for (work, instructions) in measured {
            let mut row: Vec<f64> = work.factors(&cells).iter().map(|factor| factor / instructions).collect();
            row.push(1.0);
            for (equation, own) in equations.iter_mut().zip(&row) {
                equation.iter_mut().zip(&row).for_each(|(sum, other)| *sum += own * other);
            }
        }
        let solution = solve(equations).context("the measurements are too few or too much alike")?;
        let (numbers, units) = solution.split_at(NAMES.len());
        let table = |names: &[&str], numbers: &[f64]| -> toml::Table {
            names.iter().map(|name| (*name).to_owned()).zip(numbers.iter().map(|&own| own.into())).collect()
        };
        let mut all = table(&NAMES, numbers);
        all.insert("per_unit".to_owned(), table(&cells, units).into());
        all.try_into().context("the solution lacks coefficients")
    }

    /// The largest relative error over measurements.
    #[must_use]
    pub fn largest_error(&self, measured: &[(Work, f64)]) -> f64 {
        let error = |(work, instructions): &(Work, f64)| {
            self.estimate(work).map_or(f64::INFINITY, |estimate| (estimate / instructions - 1.0).abs())
        };
        measured.iter().map(error).fold(0.0, f64::max)
    }

    /// The text of a `board.toml` with these coefficients in the place of the table `[cost]`, its last.
    ///
    /// # Errors
    /// If a coefficient is not a finite number.
    pub fn replace_in(&self, description: &str) -> Result<String> {
        let rest = description.split(HEADING).next().unwrap_or_default();
        Ok(format!("{}\n\n{HEADING}{}", rest.trim_end(), self.to_toml()?))
    }

    /// The table `[cost]`.
    fn to_toml(&self) -> Result<String> {
        let numbers = self.numbers();
        ensure!(
            numbers.iter().chain(self.per_unit.values()).all(|number| number.is_finite()),
            "a coefficient is not finite"
        );
        let mut text = String::from("[cost]\n");
        for (name, number) in NAMES.iter().zip(numbers) {
            text += &format!("{name} = {number:.4}\n");
        }
        text += "\n[cost.per_unit]\n";
        self.per_unit.iter().for_each(|(cell, number)| text += &format!("{cell} = {number:.4}\n"));
        Ok(text)
    }
}

/// Solves linear equations \[n\]\[n + 1\] by elimination with pivots; `None` if they do not determine the unknowns.
fn solve(mut equations: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = equations.len();
    for step in 0..count {
        let scale = |row: &Vec<f64>| row[..count].iter().fold(f64::MIN_POSITIVE, |most, x| most.max(x.abs()));
        let pivot = (step..count).max_by(|&a, &b| {
            let size = |row: usize| equations[row][step].abs() / scale(&equations[row]);
            size(a).total_cmp(&size(b))
        })?;
        equations.swap(step, pivot);
        let own = equations[step].clone();
        if own[step].abs() <= 1e-12 * scale(&own) {
            return None;
        }
        for (row, equation) in equations.iter_mut().enumerate() {
            if row != step {
                let factor = equation[step] / own[step];
                equation.iter_mut().zip(&own).for_each(|(x, own)| *x -= factor * own);
            }
        }
    }
    Some((0..count).map(|row| equations[row][count] / equations[row][row]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(cell: &'static str, embed: f64, units: f64, pooled: bool, classes: f64) -> Work {
        let gates = if cell == "gru" { 3.0 } else { 1.0 };
        Work {
            macs: gates * units * (embed + units) + classes * units,
            embed,
            embed_i4: 0.0,
            pooled: if pooled { units } else { 0.0 },
            classes,
            look_ups: 0.0,
            columns: 0.0,
            cell,
            units,
        }
    }

    /// With embedding rows of 4 bits.
    fn narrow(work: Work) -> Work {
        Work { embed: 0.0, embed_i4: work.embed, ..work }
    }

    /// With n-grams.
    fn wide(work: Work, look_ups: f64) -> Work {
        Work { look_ups, columns: if work.classes > 2.0 { work.classes } else { 1.0 }, ..work }
    }

    fn truth() -> Coefficients {
        Coefficients {
            per_mac: 1.1,
            per_embed: 13.0,
            per_embed_i4: 17.0,
            per_pooled: 15.0,
            per_class: 90.0,
            per_look_up: 160.0,
            per_column: 60.0,
            with_ngrams: 120.0,
            constant: 700.0,
            per_unit: [("gru".to_owned(), 80.0), ("rnn".to_owned(), 30.0)].into(),
        }
    }

    fn works() -> Vec<Work> {
        vec![
            work("gru", 16.0, 24.0, true, 2.0),
            work("gru", 32.0, 64.0, true, 2.0),
            work("gru", 32.0, 64.0, false, 2.0),
            work("gru", 48.0, 32.0, true, 20.0),
            work("gru", 64.0, 128.0, true, 2.0),
            work("rnn", 16.0, 24.0, true, 2.0),
            work("rnn", 96.0, 32.0, true, 2.0),
            work("rnn", 64.0, 128.0, true, 5.0),
            narrow(work("gru", 16.0, 24.0, true, 2.0)),
            wide(work("gru", 16.0, 24.0, true, 2.0), 1.0),
            wide(work("gru", 16.0, 24.0, true, 2.0), 3.0),
            narrow(wide(work("rnn", 32.0, 24.0, true, 7.0), 2.0)),
        ]
    }

    #[test]
    fn a_linear_truth_is_found() {
        let measured: Vec<(Work, f64)> = works()
            .into_iter()
            .map(|work| {
                let instructions = truth().estimate(&work).expect("known");
                (work, instructions)
            })
            .collect();
        let found = Coefficients::fit(&measured).expect("fits");
        assert!(found.largest_error(&measured) < 1e-6, "{found:?}");
        assert!(
            (found.per_mac - 1.1).abs() < 1e-3 && (found.per_unit["rnn"] - 30.0).abs() < 0.1,
            "{found:?}"
        );
        assert!(
            (found.per_embed_i4 - 17.0).abs() < 0.1
                && (found.per_look_up - 160.0).abs() < 0.1
                && (found.per_column - 60.0).abs() < 0.1,
            "{found:?}"
        );
        let description = format!("title = \"x\"\n\n{HEADING}[cost]\nper_mac = 7\n");
        let replaced = found.replace_in(&description).expect("finite");
        assert_eq!(found.replace_in(&replaced).expect("finite"), replaced);
        let mut table: toml::Table = replaced.parse().expect("TOML");
        assert_eq!(table["title"].as_str(), Some("x"));
        let read: Coefficients = table.remove("cost").expect("[cost]").try_into().expect("reads");
        assert!(read.largest_error(&measured) < 1e-3);
        assert_eq!(found.estimate(&work("lstm", 1.0, 1.0, true, 2.0)), None);
    }

    #[test]
    fn measurements_that_tell_nothing_are_refused() {
        let one = (work("gru", 16.0, 24.0, true, 2.0), 5000.0);
        assert!(Coefficients::fit(&[one.clone(), one]).is_err());
        assert!(Coefficients::fit(&[]).is_err());
    }
}
