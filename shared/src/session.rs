//! The protocol of a serial line, the same on a chip's UART and on the PC's standard streams.
//!
//! Ordinary bytes are text. A text is a line by default: LF, CR and CRLF end it. In the mode [`PARAGRAPHS`] it ends at
//! a blank line, which has only spaces. An empty line is not a text, nor is a paragraph of blank lines; every other
//! text is answered once, in order, even if it has no word. After each word, and at the end of a text, one line is
//! sent:
//!
//! ```text
//! <index>\t<word>\t<label>\t<probability>                         plain
//! <index>\t<word>\t<label>\t<probability>\t?                      plain, a word that is not in the vocabulary
//! <index>\t<word>\t<id>\t<label>\t<probability>\t<16 hex digits>  traced
//! =\t<label>\t<probability>\t<words>\t<unknown>\t<lost>           the answer to the text
//! ```
//!
//! In a traced line, the id of a word that is not in the vocabulary is the vocabulary's number of words, which the
//! hello line has. The label of a text that is none of the classes, by the model's rule of
//! [rejection](crate::engine::rejection), is [`REJECTED`]. An answer has the number of words in the text, of those not
//! in the vocabulary, and of bytes that the line has [lost](Line::lost) since the last answer; only an answer starts
//! with `=`.
//!
//! Control bytes, which text cannot contain (they would separate words like a space, see [`sanitise`]):
//!
//! | byte | effect |
//! |---|---|
//! | [`PLAIN`], [`TRACED`], [`ANSWERS`] | choose the form of the lines; the last one omits words |
//! | [`LINES`], [`PARAGRAPHS`] | choose where a text ends |
//! | [`END`] | ends the text; answered by a line holding just this byte |
//! | [`HELLO`] | repeats the hello line |
//!
//! A driver may send [`XOFF`] and [`XON`] to pause the sender; a session sends neither.
//!
//! At start-up, the hello line is sent:
//!
//! ```text
//! telltale <version> on <board>: model <digest>, <N> classes, <N> words, flash <N> + <N> bytes, ram <N> bytes, self-test ok
//! ```
//!
//! or `telltale <version> on <board>: <what is wrong with the model>`. With an unusable model the session stays alive
//! and answers every [`END`] and [`HELLO`] with that reason.

use embedded_io::{Read, Write};

use crate::classifier::Classifier;
use crate::format::OpenError;
use crate::model::Model;
use crate::prediction::{Prediction, Probability};
use crate::reading::Conclusion;
use crate::sentence::{DIGITS, digits};
use crate::text::Word;

/// Chooses plain lines.
pub const PLAIN: u8 = 0x01;
/// Chooses lines with ids and trace hashes.
pub const TRACED: u8 = 0x02;
/// Chooses answers alone.
pub const ANSWERS: u8 = 0x03;
/// Ends the input.
pub const END: u8 = 0x04;
/// Requests the hello line.
pub const HELLO: u8 = 0x05;
/// Ends a text at each end of a line.
pub const LINES: u8 = 0x06;
/// Ends a text at each blank line.
pub const PARAGRAPHS: u8 = 0x07;
/// Asks the other side to resume sending.
pub const XON: u8 = 0x11;
/// Asks the other side to stop sending.
pub const XOFF: u8 = 0x13;

/// In place of the label of a text that is none of the classes.
pub const REJECTED: &[u8] = b"?";

/// Bytes read at once, although a UART has only one at a time.
const CHUNK: usize = 16;

/// Returns the byte to send for a byte of text: control bytes of the session become spaces, which mean the same.
#[must_use]
pub const fn sanitise(byte: u8) -> u8 {
    match byte {
        PLAIN..=PARAGRAPHS | XON | XOFF => b' ',
        byte => byte,
    }
}

/// A serial line.
pub trait Line: Read + Write {
    /// Returns the number of bytes received but lost since the last call, for lack of room or time.
    fn lost(&mut self) -> u32 {
        0
    }
}

/// Where a session runs, for its hello line.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// The board's name.
    pub board: &'static str,
    /// Bytes of flash that the program takes, without the model.
    pub flash: u32,
    /// Bytes of static RAM.
    pub ram: u32,
}

/// Runs a session on `line` until its end (which a chip's UART never reaches).
///
/// `region` is the flash region that starts with the model, `memory` is for [`Classifier::within`].
///
/// # Errors
/// Those of the line.
pub fn serve<L: Line>(
    line: &mut L,
    region: &[u8],
    memory: &mut [u8],
    footprint: &Footprint,
) -> Result<(), L::Error> {
    // In place: the model and its reader take most of the stack.
    let mut model = Model::empty();
    let refused = match model.read_region(region) {
        Ok(()) => match Classifier::within(&model, memory) {
            Ok(mut classifier) => match classifier.self_test() {
                Ok(()) => {
                    greet(line, &model, footprint)?;
                    return Session::new(classifier, Some(footprint)).converse(line);
                }
                Err(error) => error,
            },
            Err(error) => error,
        },
        Err(error) => error,
    };
    refuse(line, refused, footprint)
}

/// Answers for a model that cannot be used.
fn refuse<L: Read + Write>(line: &mut L, error: OpenError, footprint: &Footprint) -> Result<(), L::Error> {
    let mut bytes = [HELLO; CHUNK];
    let mut count = 1;
    loop {
        for &byte in bytes.get(..count).unwrap_or(&[]) {
            if matches!(byte, HELLO | END) {
                introduce(line, footprint)?;
                let mut sent = Ok(());
                error.say(&mut |piece| {
                    if sent.is_ok() {
                        sent = send(line, piece);
                    }
                });
                sent?;
                send(line, if byte == END { &[b'\n', END, b'\n'] } else { b"\n" })?;
                line.flush()?;
            }
        }
        count = line.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
    }
}

/// The exchange of texts and answers, which `host run` and the firmware share.
#[derive(Debug)]
pub struct Session<'m> {
    classifier: Classifier<'m>,
    /// The data of the hello line; none on the PC.
    footprint: Option<&'m Footprint>,
    /// [`PLAIN`], [`TRACED`] or [`ANSWERS`].
    form: u8,
    /// [`LINES`] or [`PARAGRAPHS`].
    ends: u8,
    /// Words of the current text so far.
    index: u32,
    /// Whether the current text has begun.
    begun: bool,
    /// Whether the current line has only spaces so far.
    blank: bool,
    /// The last byte of text.
    last: u8,
}

impl<'m> Session<'m> {
    /// A session at the start of a text, in plain lines, one text per line.
    #[must_use]
    pub const fn new(classifier: Classifier<'m>, footprint: Option<&'m Footprint>) -> Self {
        let (form, ends) = (PLAIN, LINES);
        Self { classifier, footprint, form, ends, index: 0, begun: false, blank: true, last: b'\n' }
    }

    /// Takes bytes until the end of the input, which ends the text.
    ///
    /// # Errors
    /// Those of the line.
    pub fn converse<L: Line>(&mut self, line: &mut L) -> Result<(), L::Error> {
        let mut bytes = [0; CHUNK];
        loop {
            let count = line.read(&mut bytes)?;
            for &byte in bytes.get(..count).unwrap_or(&[]) {
                self.push(byte, line)?;
            }
            if count == 0 {
                return self.end(line);
            }
        }
    }

    /// Takes a byte.
    ///
    /// # Errors
    /// Those of the line.
    pub fn push<L: Line>(&mut self, byte: u8, line: &mut L) -> Result<(), L::Error> {
        match byte {
            PLAIN | TRACED | ANSWERS => {
                self.form = byte;
                self.classifier.set_tracing(byte == TRACED);
            }
            LINES | PARAGRAPHS => self.ends = byte,
            HELLO => {
                if let Some(footprint) = self.footprint {
                    greet(line, self.classifier.model(), footprint)?;
                }
            }
            END => {
                self.end(line)?;
                send(line, &[END, b'\n'])?;
                line.flush()?;
            }
            b'\n' | b'\r' => {
                // A line feed after a carriage return ends nothing.
                if byte == b'\r' || self.last != b'\r' {
                    if self.blank || self.ends == LINES {
                        self.end(line)?;
                    } else {
                        self.read(b' ', line)?;
                    }
                    self.blank = true;
                }
                self.last = byte;
            }
            byte => {
                self.last = byte;
                self.blank &= byte <= b' ' || byte == 0x7F;
                self.begun |= !self.blank || self.ends == LINES;
                self.read(byte, line)?;
            }
        }
        Ok(())
    }

    /// Takes a byte of text.
    fn read<L: Line>(&mut self, byte: u8, line: &mut L) -> Result<(), L::Error> {
        self.words(Some(byte), line).map(|_| ())
    }

    /// Ends the text, if one has begun, and answers it.
    fn end<L: Line>(&mut self, line: &mut L) -> Result<(), L::Error> {
        if self.begun
            && let Some(conclusion) = self.words(None, line)?
        {
            say_answer(line, self.classifier.model(), &conclusion)?;
        }
        (self.index, self.begun, self.blank) = (0, false, true);
        Ok(())
    }

    /// Takes a byte of text, or ends the text; sends the words that end with it.
    #[inline(never)]
    fn words<L: Line>(&mut self, byte: Option<u8>, line: &mut L) -> Result<Option<Conclusion>, L::Error> {
        let Self { classifier, form, index, .. } = self;
        let model = classifier.model();
        let mut result = Ok(());
        let mut tell = |word: &Word, prediction: Prediction| {
            if result.is_ok() && *form != ANSWERS {
                result = say_word(line, model, *index, word, &prediction);
            }
            *index = index.wrapping_add(1);
        };
        let conclusion = match byte {
            Some(byte) => {
                classifier.feed_to(&[byte], &mut tell);
                None
            }
            None => Some(classifier.conclude(&mut tell)),
        };
        result.map(|()| conclusion)
    }
}

fn say_answer<L: Line>(line: &mut L, model: &Model<'_>, conclusion: &Conclusion) -> Result<(), L::Error> {
    send(line, b"=\t")?;
    send(line, if conclusion.rejected { REJECTED } else { model.label_bytes(conclusion.class) })?;
    send(line, b"\t")?;
    say_probability(line, conclusion.probability)?;
    for number in [conclusion.words, conclusion.unknown, line.lost()] {
        send(line, b"\t")?;
        say_number(line, number)?;
    }
    send(line, b"\n")
}

fn say_word<W: Write>(
    out: &mut W,
    model: &Model<'_>,
    index: u32,
    word: &Word,
    prediction: &Prediction,
) -> Result<(), W::Error> {
    say_number(out, index)?;
    send(out, b"\t")?;
    send(out, word.as_bytes())?;
    send(out, b"\t")?;
    if prediction.trace.is_some() {
        say_number(out, prediction.id)?;
        send(out, b"\t")?;
    }
    send(out, model.label_bytes(prediction.class))?;
    send(out, b"\t")?;
    say_probability(out, prediction.probability)?;
    match prediction.trace {
        Some(trace) => {
            send(out, b"\t")?;
            say_hex(out, (trace >> 32) as u32)?;
            say_hex(out, trace as u32)?;
        }
        None if !prediction.known => send(out, b"\t?")?,
        None => {}
    }
    send(out, b"\n")
}

/// Writes all bytes; they are lost if the line accepts none.
#[inline(never)]
fn send<W: Write>(out: &mut W, mut bytes: &[u8]) -> Result<(), W::Error> {
    while !bytes.is_empty() {
        let count = out.write(bytes)?;
        bytes = if count > 0 { bytes.get(count..).unwrap_or(&[]) } else { &[] };
    }
    Ok(())
}

fn introduce<W: Write>(out: &mut W, footprint: &Footprint) -> Result<(), W::Error> {
    send(out, b"telltale ")?;
    send(out, env!("CARGO_PKG_VERSION").as_bytes())?;
    send(out, b" on ")?;
    send(out, footprint.board.as_bytes())?;
    send(out, b": ")
}

fn greet<W: Write>(out: &mut W, model: &Model<'_>, footprint: &Footprint) -> Result<(), W::Error> {
    introduce(out, footprint)?;
    // Each `#` stands for a number, the first one in hexadecimal.
    const SENTENCE: &[u8] = b"model #, # classes, # words, flash # + # bytes, ram # bytes, self-test ok\n";
    let numbers = [
        model.digest(),
        model.head().classes() as u32,
        model.vocabulary().len(),
        footprint.flash,
        model.bytes() as u32,
        footprint.ram,
    ];
    let mut digits = (16, 8);
    let mut numbers = numbers.iter();
    for byte in SENTENCE {
        match byte {
            b'#' => {
                say_digits(out, numbers.next().copied().unwrap_or(0), digits.0, digits.1)?;
                digits = (10, 1);
            }
            byte => send(out, core::slice::from_ref(byte))?,
        }
    }
    out.flush()
}

fn say_probability<W: Write>(out: &mut W, probability: Probability) -> Result<(), W::Error> {
    let steps = u32::from(probability.ten_thousandths());
    send(out, if steps >= 10_000 { b"1." } else { b"0." })?;
    say_digits(out, steps % 10_000, 10, 4)
}

fn say_number<W: Write>(out: &mut W, number: u32) -> Result<(), W::Error> {
    say_digits(out, number, 10, 1)
}

fn say_hex<W: Write>(out: &mut W, number: u32) -> Result<(), W::Error> {
    say_digits(out, number, 16, 8)
}

#[inline(never)]
fn say_digits<W: Write>(out: &mut W, number: u32, base: u32, least: usize) -> Result<(), W::Error> {
    send(out, digits(number, base, least, &mut [0; DIGITS]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_become_spaces() {
        for byte in 0..=u8::MAX {
            let control = (1..=7).contains(&byte) || byte == 0x11 || byte == 0x13;
            assert_eq!(sanitise(byte), if control { b' ' } else { byte });
        }
    }
}
