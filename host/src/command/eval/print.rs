//! The printed report of `eval`.

use super::{By, Parts, Report, Solved};
use crate::command::measures::{SHOWN_CLASSES, print_measures};
use crate::console::{columns, left, put, right, say};

/// Writes the report to standard output.
pub fn print(report: &Report) {
    say!(
        "{} texts, {} words in {:.2} s ({:.0} words/s)",
        report.examples,
        report.words,
        report.seconds,
        report.words as f64 / report.seconds
    );
    if let Some(seed) = report.shuffle {
        say!("the words of each text are read in random order (seed {seed})");
    }
    say!("accuracy {:.2} %, loss {:.4}", report.measures.accuracy * 100.0, report.loss);
    if let Some(exit) = &report.early_exit {
        say!(
            "early exit at {:.4} for {} words: {:.2} % of the words are not read, {:.2} % of the texts keep their \
             answer of the whole, accuracy {:.2} %, of whole texts {:.2} %",
            exit.probability,
            exit.words,
            exit.skipped * 100.0,
            exit.agreement * 100.0,
            exit.accuracy * 100.0,
            exit.full_accuracy * 100.0
        );
    }
    if let Some(own) = &report.rejection {
        put!(
            "rejected: {:.2} % of {} texts of the classes ({:.2} % of the others are right)",
            own.rejected * 100.0,
            own.texts,
            own.accuracy * 100.0
        );
        match own.strangers_rejected {
            Some(share) => say!(", {:.2} % of {} texts of no class", share * 100.0, own.strangers),
            None => say!(),
        }
        say!("(all other figures count rejected texts by the class that they would have)");
    }
    if let Some(parts) = &report.parts {
        print_parts(parts);
    }
    if let Some(by) = &report.by {
        print_groups(by, report.parts.is_some());
    }
    if let Some(pairs) = &report.pairs {
        print_pairs(&pairs.column, &pairs.all, report.by.as_ref());
    }
    print_measures(&report.measures);
    if report.labels.len() <= SHOWN_CLASSES {
        let width = report.labels.iter().map(|label| columns(label)).max().unwrap_or(0).max(7);
        put!("\n{:>width$}", "");
        report.labels.iter().for_each(|label| put!(" {}", right(label, width)));
        say!("  ← the engine's");
        for (label, row) in report.labels.iter().zip(report.measures.confusion.rows()) {
            put!("{}", right(label, width));
            row.iter().for_each(|count| put!(" {count:>width$}"));
            say!();
        }
    }
}

fn print_parts(parts: &Parts) {
    say!("\n{:<13}{:>9} {:>8} {:>21} {:>6}", "part alone", "accuracy", "loss", "same label as whole", "ties");
    for (name, part) in [("network", Some(parts.network)), ("n-grams", parts.ngrams)] {
        match part {
            None => say!("{name:<13}{:>9}", "none"),
            Some(part) => say!(
                "{name:<13}{:>7.2} % {:>8.4} {:>19.2} % {:>6}",
                part.accuracy * 100.0,
                part.loss,
                part.agreement * 100.0,
                part.ties
            ),
        }
    }
    let ties = parts.network.ties + parts.ngrams.map_or(0, |ngrams| ngrams.ties);
    if ties > 0 {
        say!("(a tie: labels with the same score, of which the first counts)");
    }
}

fn print_groups(by: &By, parts: bool) {
    let width = by.groups.iter().map(|group| columns(&group.value)).max().unwrap_or(0);
    let width = width.max(columns(&by.column));
    put!("\n{} {:>8} {:>9}", left(&by.column, width), "texts", "accuracy");
    say!("{}", if parts { format!(" {:>9} {:>9}", "network", "n-grams") } else { String::new() });
    for group in &by.groups {
        put!("{} {:>8} {:>7.2} %", left(&group.value, width), group.examples, group.accuracy * 100.0);
        if let Some(parts) = &group.parts {
            let ngrams = parts.ngrams.map(|ngrams| format!("{:.2} %", ngrams.accuracy * 100.0));
            put!(" {:>7.2} % {:>9}", parts.network.accuracy * 100.0, ngrams.as_deref().unwrap_or("none"));
        }
        say!();
    }
}

/// Groups of texts that are all right.
fn print_pairs(column: &str, all: &Solved, by: Option<&By>) {
    let mut rows = vec![("all", all)];
    if let Some(by) = by {
        rows.extend(by.groups.iter().filter_map(|group| Some((&group.value[..], group.pairs.as_ref()?))));
    }
    let width = rows.iter().map(|row| columns(row.0)).max().unwrap_or(0);
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let part = |share: Option<f64>| share.map_or_else(|| "none".to_owned(), percent);
    put!("\nall texts of a `{column}` right:\n{:<width$} {:>8} {:>9}", "", "groups", "model");
    if all.network.is_some() {
        put!(" {:>9} {:>9}", "network", "n-grams");
    }
    say!(" {:>9}", "chance");
    for (name, solved) in rows {
        put!("{} {:>8} {:>9}", left(name, width), solved.groups, percent(solved.model));
        if all.network.is_some() {
            put!(" {:>9} {:>9}", part(solved.network), part(solved.ngrams));
        }
        say!(" {:>9}", percent(solved.chance));
    }
}
