//! Lines of fastText: `__label__x text`.

use super::input::numbered;
use super::notes::{Notes, count};
use super::table::{LINE, Row, Table};

const PREFIX: &str = "__label__";
const JOINED: &str = ",__label__";

/// Whether most of the first lines of a text start or end with a label of fastText.
pub fn is_one(text: &str) -> bool {
    const LINES: usize = 20;
    let lines = numbered(text).map(|(_, line)| line.trim_start()).filter(|line| !line.is_empty()).take(LINES);
    let (labelled, others): (Vec<&str>, Vec<&str>) = lines.partition(|line| {
        line.starts_with(PREFIX)
            || line.split_whitespace().next_back().is_some_and(|word| word.starts_with(PREFIX))
    });
    labelled.len() > others.len()
}

/// A text a line; labels may stand anywhere in it. Of several the first one counts.
pub fn read(text: &str, name: &str, notes: &mut Notes) -> Table {
    let (mut rows, mut several) = (Vec::new(), Vec::new());
    for (line, text) in numbered(text).filter(|(_, text)| !text.trim().is_empty()) {
        let (labels, words): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|word| word.starts_with(PREFIX));
        let label = labels.first().map_or("", |label| &label[PREFIX.len()..]);
        // Some write them with commas in between.
        let (label, others) = label.split_once(JOINED).unwrap_or((label, ""));
        if labels.len() > 1 || !others.is_empty() {
            several.push(line);
        }
        rows.push(Row { line, text: words.join(" "), label: label.to_owned(), ..Row::default() });
    }
    if let Some(first) = several.first() {
        notes.warn(format!(
            "{name}: {} with several labels, of which the first was taken (the first is line {first})",
            count(several.len(), "line")
        ));
    }
    Table {
        rows,
        text: "text".to_owned(),
        label: Some(PREFIX.to_owned()),
        unit: LINE,
        columns: vec!["text".to_owned()],
    }
}
