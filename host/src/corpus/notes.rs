//! A reader's notes, one line each, so that nothing is guessed, left out or merged silently.

use anyhow::Result;

use crate::console;

/// A line about a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether the corpus may not be what the user thinks it is.
    pub warning: bool,
    /// One line.
    pub text: String,
}

/// What was noticed, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    lines: Vec<Note>,
    /// Rows that are not used: how many, and why.
    left_out: Vec<(usize, &'static str)>,
}

impl Notes {
    /// What `read` gives, and what it noticed, which is printed if it fails.
    pub fn gather<T>(read: impl FnOnce(&mut Self) -> Result<T>) -> Result<(T, Self)> {
        let mut notes = Self::default();
        match read(&mut notes) {
            Ok(read) => Ok((read, notes)),
            Err(error) => {
                notes.print();
                Err(error)
            }
        }
    }

    /// How the corpus was read.
    pub fn say(&mut self, text: impl Into<String>) {
        self.push(false, text.into());
    }

    /// Something that the user may want to mend.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.push(true, text.into());
    }

    /// Rows that are not used; `why` ends the sentence `12 rows …`, `more` is what the user can do or look at.
    pub fn leave_out(&mut self, rows: usize, why: &'static str, more: &str) {
        if rows > 0 {
            self.left_out.push((rows, why));
            self.warn(format!("{} {why}: left out{more}", count(rows, "row")));
        }
    }

    /// Rows that are not used, and why: `3 of another width, 2 without a text`.
    pub fn left_out(&self) -> Option<String> {
        let all: Vec<String> = self.left_out.iter().map(|(rows, why)| format!("{rows} {why}")).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// How many rows are not used.
    pub fn count_left_out(&self) -> usize {
        self.left_out.iter().map(|(rows, _)| rows).sum()
    }

    fn push(&mut self, warning: bool, text: String) {
        let note = Note { warning, text };
        if !self.lines.contains(&note) {
            self.lines.push(note);
        }
    }

    /// Whether a line contains `part`.
    #[cfg(test)]
    pub fn mention(&self, part: &str) -> bool {
        self.lines.iter().any(|note| note.text.contains(part))
    }

    /// Prints the lines: warnings to standard error, the others with the report.
    pub fn print(&self) {
        for note in &self.lines {
            if note.warning {
                console::warn(&note.text);
            } else {
                console::line(format_args!("{}", note.text));
            }
        }
    }
}

/// `1 row`, `12 rows`.
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {}", plural(one)) }
}

fn plural(one: &str) -> String {
    match one.strip_suffix('y') {
        Some(stem) if !one.ends_with("ay") => format!("{stem}ies"),
        _ if one.ends_with("ss") => format!("{one}es"),
        _ => format!("{one}s"),
    }
}

/// The first few of a list, for people.
pub fn few<T: AsRef<str>>(items: &[T]) -> String {
    const SHOWN: usize = 6;
    let mut text = items.iter().take(SHOWN).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if items.len() > SHOWN {
        text += &format!(" and {} more", items.len() - SHOWN);
    }
    text
}
