//! Lines for people.

use std::fmt::Arguments;
use std::io::Write;

/// Writes a line to standard output. A reader that has gone or a full disk must not end a run that
/// trains for hours: such lines are lost.
pub fn line(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_fmt(text).and_then(|()| out.write_all(b"\n"));
}

/// [`line`] with `println`'s arguments.
macro_rules! say {
    () => { $crate::console::line(format_args!("")) };
    ($($text:tt)*) => { $crate::console::line(format_args!($($text)*)) };
}
pub(crate) use say;
