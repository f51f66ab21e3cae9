//! Every trace of a board against those of the same model on the PC.

use std::convert::Infallible;
use std::fmt;
use std::io::Cursor;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use telltale::session::{ANSWERS, END, LINES, Line, PLAIN, Session, TRACED};
use telltale::{Classifier, Model};

use super::greeting::{Facts, Greeting, start_of};
use super::suite::{self, Text};
use crate::board;
use crate::engine::memory_for;
use crate::serial::{Link, Sending, port};

/// The result of checking a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The name in its greeting.
    pub board: String,
    /// Its title, if it is one of Telltale's boards; likewise core and chip.
    pub title: Option<String>,
    /// The core.
    pub core: Option<String>,
    /// probe-rs's name for the chip.
    pub chip: Option<String>,
    /// The engine's version on the board.
    pub version: String,
    /// The model's digest, in hexadecimal.
    pub model: String,
    /// Bytes of the model.
    pub model_bytes: u32,
    /// Bytes of flash of the program.
    pub flash_bytes: u32,
    /// Bytes of static RAM.
    pub ram_bytes: u32,
    /// Texts that were sent, and answered as by the PC.
    pub texts: usize,
    /// Answers to them: a text may hold several lines.
    pub answers: usize,
    /// Words whose traces were those of the PC.
    pub words: usize,
    /// By the clock, of a long text without traces.
    pub words_per_second: f64,
    /// The limit of the line alone.
    pub line_words_per_second: f64,
    /// The line's speed.
    pub baud: u32,
    /// Bytes that were sent.
    pub bytes: usize,
    /// Bytes that the board lost.
    pub bytes_lost: u64,
    /// How long it took.
    pub seconds: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = [&self.title, &self.core, &self.chip].map(|known| known.clone().unwrap_or_default());
        let known: Vec<String> = known.into_iter().filter(|known| !known.is_empty()).collect();
        let known = if known.is_empty() { "none of Telltale's boards".to_owned() } else { known.join(", ") };
        writeln!(f, "board   {} ({known}), telltale {}", self.board, self.version)?;
        write!(f, "model   {}, {} bytes", self.model, self.model_bytes)?;
        // Other programs may not know their own size.
        if self.flash_bytes > 0 {
            write!(f, "; program {} bytes, RAM {} bytes", self.flash_bytes, self.ram_bytes)?;
        }
        writeln!(f)?;
        writeln!(f, "texts   {}, with {} answers, all as on the PC", self.texts, self.answers)?;
        writeln!(f, "words   {}, every trace as on the PC", self.words)?;
        writeln!(
            f,
            "speed   {:.0} words a second by the clock; the line alone allows {:.0}",
            self.words_per_second, self.line_words_per_second
        )?;
        write!(
            f,
            "line    {} baud, {} bytes sent, {} lost, {:.1} s in all",
            self.baud, self.bytes, self.bytes_lost, self.seconds
        )
    }
}

/// The PC's output: a session on a line that records everything.
struct Recorder(Vec<u8>);

impl embedded_io::ErrorType for Recorder {
    type Error = Infallible;
}

impl embedded_io::Read for Recorder {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        Ok(0)
    }
}

impl embedded_io::Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Line for Recorder {}

/// The PC's lines for each text, without line feeds; `form` is [`TRACED`], [`PLAIN`] or [`ANSWERS`].
///
/// # Errors
/// None for a model that has been opened.
pub fn expected(model: &Model<'_>, form: u8, texts: &[Text]) -> Result<Vec<Vec<Vec<u8>>>> {
    let mut memory = memory_for(model);
    let mut session = Session::new(Classifier::within(model, &mut memory)?, None);
    let mut recorder = Recorder(Vec::new());
    let mut say = |bytes: &[u8]| {
        for &byte in bytes {
            let Ok(()) = session.push(byte, &mut recorder);
        }
        let said = std::mem::take(&mut recorder.0);
        let lines = said.strip_suffix(b"\n").map(|said| said.split(|&byte| byte == b'\n'));
        lines.into_iter().flatten().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    say(&[form, LINES]);
    Ok(texts.iter().map(|text| say(&text.bytes)).collect())
}

/// Sends the [suite](suite::texts) to a board that has greeted, and compares all its output with the PC's.
///
/// # Errors
/// If the board cannot use its model or has another one; on the first difference, which the error describes; if bytes
/// were lost, the line ends or the board is silent for too long.
pub fn check(link: &mut Link, greeting: &Greeting, model: &Model<'_>, baud: u32) -> Result<Report> {
    let facts = greeting.running()?;
    ensure!(
        facts.digest == model.digest(),
        "{} runs the model {:08x}, and --model is {:08x}: give the file that was flashed, or flash this one (`flash`)",
        greeting.board,
        facts.digest,
        model.digest()
    );
    let start = Instant::now();
    let texts = suite::texts(model.manifest_view().self_test);
    let expected_lines = expected(model, TRACED, &texts)?;
    let bytes: Vec<u8> = texts.iter().flat_map(|text| text.bytes.clone()).collect();
    let count = bytes.len();
    let mut comparison = Comparison { texts: &texts, words: 0, answers: 0, lost: 0 };
    let sending = link.send_aside(vec![TRACED, LINES], Cursor::new(bytes), |byte| byte)?;
    for (number, lines) in expected_lines.iter().enumerate() {
        for line in lines {
            comparison.take(link, &sending, number, line)?;
        }
    }
    let end = link.line_beside(&sending)?;
    ensure!(end == [END], "behind the last answer the board says `{}`", start_of(&end));
    link.joined(sending)?;
    let (words_per_second, line_words_per_second, long) = clock(link, model, baud)?;
    link.send(&[PLAIN])?;
    let known = board::find(&greeting.board).ok();
    let Facts { digest, flash, model: model_bytes, ram } = facts;
    Ok(Report {
        board: greeting.board.clone(),
        title: known.as_ref().map(|board| board.title.clone()),
        core: known.as_ref().map(|board| board.core.clone()),
        chip: known.and_then(|board| board.flashing.chip),
        version: greeting.version.clone(),
        model: format!("{digest:08x}"),
        model_bytes,
        flash_bytes: flash,
        ram_bytes: ram,
        texts: texts.len(),
        answers: comparison.answers,
        words: comparison.words,
        words_per_second,
        line_words_per_second,
        baud,
        bytes: count + long,
        bytes_lost: comparison.lost,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Words per second on a long text without word lines, the line's own limit, and the bytes sent.
fn clock(link: &mut Link, model: &Model<'_>, baud: u32) -> Result<(f64, f64, usize)> {
    let text = Text { name: "a long text for the clock", bytes: suite::long() };
    let bytes = text.bytes.len();
    let texts = [text];
    let lines = expected(model, ANSWERS, &texts)?.concat();
    let input = Cursor::new(texts[0].bytes.clone());
    let start = Instant::now();
    let sending = link.send_aside(vec![ANSWERS, LINES], input, |byte| byte)?;
    let mut comparison = Comparison { texts: &texts, words: 0, answers: 0, lost: 0 };
    for line in &lines {
        comparison.take(link, &sending, 0, line)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    while link.line_beside(&sending)? != [END] {}
    link.joined(sending)?;
    let words = lines.first().and_then(|line| field(line, 3)?.parse().ok()).unwrap_or(0.0);
    let carried = bytes as f64 * f64::from(port::BITS) / f64::from(baud);
    Ok((words / seconds, words / carried, bytes))
}

/// A column of a line.
fn field(line: &[u8], column: usize) -> Option<&str> {
    std::str::from_utf8(line.split(|&byte| byte == b'\t').nth(column)?).ok()
}

/// Whether a line is the answer to a text.
fn is_answer(line: &[u8]) -> bool {
    line.starts_with(b"=\t")
}

/// An answer without the bytes that were lost, and those.
fn without_lost(answer: &[u8]) -> (&[u8], u64) {
    let end = answer.iter().rposition(|&byte| byte == b'\t').unwrap_or(answer.len());
    (&answer[..end], field(answer, 5).and_then(|lost| lost.parse().ok()).unwrap_or(0))
}

/// The progress of a comparison.
struct Comparison<'t> {
    texts: &'t [Text],
    words: usize,
    answers: usize,
    lost: u64,
}

impl Comparison<'_> {
    /// Takes the board's next line, which should be `expected`.
    fn take(&mut self, link: &mut Link, sending: &Sending, number: usize, expected: &[u8]) -> Result<()> {
        let place = || self.place(number, expected);
        let said = link.line_beside(sending).with_context(place)?;
        let same = if is_answer(expected) && is_answer(&said) {
            let lost = without_lost(&said).1;
            self.lost += lost;
            ensure!(lost == 0, loss(&self.place(number, expected), lost));
            without_lost(&said).0 == without_lost(expected).0
        } else {
            said == expected
        };
        if !same {
            return Err(self.difference(link, number, &said, expected));
        }
        if is_answer(expected) {
            self.answers += 1;
        } else {
            self.words += 1;
        }
        Ok(())
    }

    /// Which word of which text, or its answer.
    fn place(&self, number: usize, expected: &[u8]) -> String {
        let name = self.texts.get(number).map_or("", |text| text.name);
        let what = match (is_answer(expected), field(expected, 0), field(expected, 1)) {
            (false, Some(index), Some(word)) => format!("word {index} `{}`", start_of(word.as_bytes())),
            _ => "its answer".to_owned(),
        };
        format!("text {} of {} ({name}), {what}", number + 1, self.texts.len())
    }

    /// Describes a wrong line; the answer that follows may show the reason.
    fn difference(&self, link: &mut Link, number: usize, said: &[u8], expected: &[u8]) -> anyhow::Error {
        const MORE: Duration = Duration::from_secs(2);
        let place = self.place(number, expected);
        if let Some(greeting) = Greeting::of(said) {
            return anyhow::anyhow!("{place}: the board has started anew (`{}`)", greeting.line);
        }
        let mut line = said.to_vec();
        loop {
            if is_answer(&line) {
                let lost = without_lost(&line).1;
                if lost > 0 {
                    return anyhow::anyhow!(loss(&place, lost));
                }
                break;
            }
            match link.line_within(MORE) {
                Ok(Some(next)) => line = next,
                _ => break,
            }
        }
        let trace = |line: &[u8]| field(line, 5).filter(|_| !is_answer(line)).map(str::to_owned);
        let traces = match (trace(said), trace(expected)) {
            (Some(own), Some(pc)) if own != pc => format!("trace {own} on the board, {pc} on the PC; "),
            _ => String::new(),
        };
        anyhow::anyhow!(
            "{place}: {traces}the board says `{}`, the PC `{}`",
            start_of(said),
            start_of(expected)
        )
    }
}

fn loss(place: &str, lost: u64) -> String {
    format!(
        "{place}: the board has lost {lost} bytes, so its answers cannot be compared: XOFF comes too late or not at \
         all; try another USB socket without a hub, or a lower --baud where the board has one"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_without_what_was_lost() {
        assert_eq!(without_lost(b"=\tpos\t0.9297\t3\t0\t12"), (&b"=\tpos\t0.9297\t3\t0"[..], 12));
        assert!(is_answer(b"=\tpos") && !is_answer(b"0\t=\tpos"));
    }

    #[test]
    fn a_difference_is_told_by_text_and_word() {
        let texts = [Text { name: "emoji", bytes: "😀 👍🏽 what\n".into() }];
        let comparison = Comparison { texts: &texts, words: 0, answers: 0, lost: 0 };
        let place = comparison.place(0, b"2\twhat\t7\tneg\t0.5000\t0123456789abcdef");
        assert!(place.contains("(emoji), word 2 `what`"), "{place}");
        assert!(comparison.place(0, b"=\tpos\t0.5\t1\t0\t0").ends_with("its answer"));
    }
}
