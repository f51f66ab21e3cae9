//! The verbs' printed lines, without control characters for terminals.

use std::borrow::Cow;
use std::fmt::{Arguments, Write as _};
use std::io::{self, ErrorKind, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

/// Whether lines go to standard error, since standard output carries something for machines.
static DIVERTED: AtomicBool = AtomicBool::new(false);

/// The first write to standard output that failed, a reader that has gone aside.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// From here on lines go to standard error: standard output carries JSON or answers.
pub fn divert() {
    DIVERTED.store(true, Ordering::Relaxed);
}

/// Writes a line to standard output. A reader that has gone or a full disk must not end a run that
/// trains for hours: such lines are lost, and [`finish`] tells.
pub fn line(text: Arguments<'_>) {
    part(format_args!("{text}\n"));
}

/// As [`line()`], but the line goes on.
pub fn part(text: Arguments<'_>) {
    let text = text.to_string();
    let text = printable(&text);
    let diverted = DIVERTED.load(Ordering::Relaxed);
    let written = if diverted {
        io::stderr().lock().write_all(text.as_bytes())
    } else {
        io::stdout().lock().write_all(text.as_bytes())
    };
    if let Err(error) = written
        && !diverted
    {
        keep(error);
    }
}

/// Writes bytes to standard output as they are, wherever lines go.
pub fn raw(bytes: &[u8]) {
    if let Err(error) = io::stdout().lock().write_all(bytes) {
        keep(error);
    }
}

/// A line on standard error that something may not be what the user thinks it is.
pub fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "warning: {}", printable(text));
}

/// A line on standard error that standard output cannot be written.
pub fn tell_unwritten(error: &io::Error) {
    let _ = writeln!(io::stderr().lock(), "error: cannot write to standard output: {error}");
}

/// A line on standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(text));
}

fn keep(error: io::Error) {
    if error.kind() != ErrorKind::BrokenPipe
        && let Ok(mut failure) = FAILURE.lock()
    {
        failure.get_or_insert(error);
    }
}

/// Writes out what is held back.
///
/// # Errors
/// If something could not be written to standard output; a reader that has gone is none.
pub fn finish() -> io::Result<()> {
    if let Err(error) = io::stdout().lock().flush() {
        keep(error);
    }
    FAILURE.lock().ok().and_then(|mut failure| failure.take()).map_or(Ok(()), Err)
}

/// A text of which a terminal obeys nothing but line breaks and tabs: other control characters and those that turn the
/// direction of writing are shown as `\u{…}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_obeyed(character) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// A text as a sentence can quote it: a line break or another control character is a space there.
pub fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// The start of a text, where it is too long for a sentence.
pub fn shortened(text: &str) -> String {
    const SHOWN: usize = 48;
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Whether a terminal obeys a character in place of showing it.
pub fn is_obeyed(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Marks, embeddings, overrides and isolates of the bidirectional algorithm (Unicode, UAX #9), line separators.
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        character => character.is_control(),
    }
}

/// The columns of a terminal that a text takes as it is shown.
pub fn columns(text: &str) -> usize {
    printable(text).width()
}

/// A text at the right of so many columns.
pub fn right(text: &str, width: usize) -> String {
    format!("{:1$}{text}", "", width.saturating_sub(columns(text)))
}

/// A text at the left of so many columns.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{:1$}", "", width.saturating_sub(columns(text)))
}

/// A duration as people say it.
#[must_use]
pub fn human(duration: Duration) -> String {
    let tenths = (duration.as_secs_f64() * 10.0).round();
    if tenths < 600.0 {
        return format!("{:.1} s", tenths / 10.0);
    }
    let seconds = duration.as_secs_f64().round() as u64;
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

/// A path or a flag as a shell takes it.
pub fn for_shells(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    let is_whole = !word.is_empty() && word.chars().all(is_plain);
    if is_whole { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// [`line()`] with `println`'s arguments.
macro_rules! say {
    () => { $crate::console::line(format_args!("")) };
    ($($text:tt)*) => { $crate::console::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// [`part`] with `print`'s arguments.
macro_rules! put {
    ($($text:tt)*) => { $crate::console::part(format_args!($($text)*)) };
}
pub(crate) use put;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_straight_for_wide_characters() {
        assert_eq!(
            [right("ab", 6), right("日本", 6), right("e\u{301}", 6), right("\u{7f}", 6)]
                .map(|cell| columns(&cell)),
            [6; 4]
        );
        assert_eq!(right("日本", 6), "  日本");
    }

    #[test]
    fn durations_have_no_sixtieth_second() {
        let said = [0.04, 59.94, 59.97, 60.4, 119.4, 119.7].map(|s| human(Duration::from_secs_f64(s)));
        assert_eq!(said, ["0.0 s", "59.9 s", "1 min 00 s", "1 min 00 s", "1 min 59 s", "2 min 00 s"]);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(printable("plain, ünï\tcode\n"), "plain, ünï\tcode\n");
        let evil = "a\u{1b}[31mb\rc\u{202e}d\u{9b}e\u{2066}\u{7f}";
        assert_eq!(printable(evil), "a\\u{1b}[31mb\\u{d}c\\u{202e}d\\u{9b}e\\u{2066}\\u{7f}");
    }
}
