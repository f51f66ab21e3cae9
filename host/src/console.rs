//! Lines for people.

use std::fmt::Arguments;
use std::io::Write;

/// Writes a line to standard output. A reader that has gone or a full disk must not end a run that
/// trains for hours: such lines are lost.
pub fn line(text: Arguments<'_>) {
    part(format_args!("{text}\n"));
}

/// As [`line`], but the line goes on.
pub fn part(text: Arguments<'_>) {
    let _ = std::io::stdout().lock().write_fmt(text);
}

/// [`line`] with `println`'s arguments.
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
