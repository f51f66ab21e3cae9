//! The hello line of a session.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use telltale::session::{END, HELLO, LINES, PLAIN};

use crate::serial::Link;

/// A board's greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The whole line.
    pub line: String,
    /// The engine's version.
    pub version: String,
    /// The board's name.
    pub board: String,
    /// What it runs, or what is wrong with its model.
    pub facts: Result<Facts, String>,
}

/// What a board runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The model's digest.
    pub digest: u32,
    /// Bytes of flash without the model.
    pub flash: u32,
    /// Bytes of flash of the model.
    pub model: u32,
    /// Bytes of static RAM.
    pub ram: u32,
}

impl Greeting {
    /// Reads a line; `None` if it is not a greeting.
    #[must_use]
    pub fn of(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        let (head, rest) = line.strip_prefix("telltale ")?.split_once(": ")?;
        let (version, board) = head.split_once(" on ")?;
        let facts = Facts::of(rest).ok_or_else(|| rest.to_owned());
        Some(Self { version: version.to_owned(), board: board.to_owned(), facts, line: line.clone() })
    }

    /// What the board runs.
    ///
    /// # Errors
    /// If it cannot use its model, with the reason.
    pub fn running(&self) -> Result<Facts> {
        self.facts.clone().map_err(|wrong| {
            // A board that can use its model says nothing else of it.
            if wrong.starts_with("model ") {
                anyhow!(
                    "the greeting of {} is damaged (`{wrong}`): is another program at this port, or has the board another \
                     speed (--baud)?",
                    self.board
                )
            } else {
                anyhow!("{} cannot use its model: {wrong}; flash it again (`flash`)", self.board)
            }
        })
    }
}

impl Facts {
    fn of(text: &str) -> Option<Self> {
        let text = text.strip_prefix("model ")?.strip_suffix(", self-test ok")?;
        let (digest, rest) = text.split_once(", ")?;
        let numbers: Vec<u32> = rest
            .split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|digits| digits.parse().ok())
            .collect();
        let &[_classes, _words, flash, model, ram] = &numbers[..] else { return None };
        Some(Self { digest: u32::from_str_radix(digest, 16).ok()?, flash, model, ram })
    }
}

/// Between two requests for the greeting: a board that is starting misses them.
const AGAIN: Duration = Duration::from_secs(1);

/// Ends any text that the board is reading, and requests the greeting; earlier output is dropped.
///
/// # Errors
/// If no greeting arrives within `patience`, or no answer to a text after it; the error states what arrived instead and
/// what to try.
pub fn meet(link: &mut Link, patience: Duration) -> Result<Greeting> {
    let start = Instant::now();
    let mut other = None;
    let greeting = loop {
        link.send(&[END, HELLO])?;
        let asked = Instant::now();
        let mut greeting = None;
        while greeting.is_none() && asked.elapsed() < AGAIN.min(patience) {
            let rest = AGAIN.min(patience).saturating_sub(asked.elapsed());
            let Some(line) = link.line_within(rest)? else { break };
            greeting = Greeting::of(&line);
            if greeting.is_none() && !line.is_empty() && line != [END] {
                other = Some(line);
            }
        }
        if let Some(greeting) = greeting {
            break greeting;
        }
        if start.elapsed() >= patience {
            let (who, seconds) = (link.peer(), patience.as_secs_f32());
            match other {
                Some(line) => bail!(
                    "{who} says other things than a greeting of Telltale (`{}`): is it another program, or has it \
                     another speed (--baud)?",
                    start_of(&line)
                ),
                None => bail!(
                    "{who} has said no line for {seconds} s; its greeting, `telltale … on …`, was waited for: press \
                     its reset button, and see that it is flashed (`flash`), that this is its port, and that --baud \
                     is its speed"
                ),
            }
        }
    };
    if greeting.facts.is_ok() {
        catch_up(link).with_context(|| {
            format!(
                "the board has greeted (`{}`), and then answered no text",
                start_of(greeting.line.as_bytes())
            )
        })?;
    }
    Ok(greeting)
}

/// Drops the board's pending output, including answers to all requests, up to the answer to a marker word.
fn catch_up(link: &mut Link) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let letters = (now.as_nanos() as u64).to_be_bytes().map(|byte| [b'a' + (byte >> 4), b'a' + (byte & 15)]);
    let word = letters.concat();
    link.send(&[&[PLAIN, LINES], &word[..], b"\n"].concat())?;
    while link.line()?.split(|&byte| byte == b'\t').nth(1) != Some(&word) {}
    while !link.line()?.starts_with(b"=\t") {}
    Ok(())
}

/// The start of a line, for an error.
pub(super) fn start_of(line: &[u8]) -> String {
    const MOST: usize = 80;
    let text = String::from_utf8_lossy(line).replace('\t', " ");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_read() {
        let line =
            b"telltale 0.1.0 on microbit: model 0badf00d, 2 classes, 400 words, flash 17000 + 20000 bytes, \
                     ram 1600 bytes, self-test ok";
        let greeting = Greeting::of(line).expect("a greeting");
        assert_eq!((&greeting.version[..], &greeting.board[..]), ("0.1.0", "microbit"));
        let facts = Facts { digest: 0x0BAD_F00D, flash: 17_000, model: 20_000, ram: 1600 };
        assert_eq!(greeting.facts, Ok(facts));
        let refused =
            Greeting::of(b"telltale 0.1.0 on pico: wrong CRC-32: found 1, expected 2").expect("one");
        assert_eq!(refused.facts, Err("wrong CRC-32: found 1, expected 2".to_owned()));
        for line in [&b"telltale"[..], b"0\tword\tneg\t0.5000", b"\xFF\xFE", b"telltale on: "] {
            assert_eq!(Greeting::of(line), None);
        }
    }
}
