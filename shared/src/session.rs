//! What a serial line says: the same on a chip's UART and on the PC's standard streams.
//!
//! Ordinary bytes are text. A line break separates words; a blank line (nothing but spaces) or the
//! end of the input ends a text and resets the state. After each word one line goes out:
//!
//! ```text
//! <index>\t<word>\t<label>\t<probability>                         plain
//! <index>\t<word>\t<id>\t<label>\t<probability>\t<16 hex digits>  traced
//! ```
//!
//! Four control bytes, which text cannot contain (they would separate words like a space):
//!
//! | byte | effect |
//! |---|---|
//! | [`PLAIN`], [`TRACED`] | choose the form of the lines |
//! | [`END`] | ends the text; answered by a line holding just this byte |
//! | [`HELLO`] | the hello line is said again |
//!
//! On start the hello line tells who is there:
//!
//! ```text
//! telltale <version> on <board>: model <digest>, <N> classes, <N> words, flash <N> + <N> bytes, ram <N> bytes, self-test ok
//! ```
//!
//! or `telltale <version> on <board>: <what is wrong with the model>`. With a bad model the session
//! stays alive and gives that reason as the answer to every [`END`] and [`HELLO`].

use embedded_io::{Read, Write};

use crate::classifier::Classifier;
use crate::format::OpenError;
use crate::model::Model;
use crate::prediction::{Prediction, Probability};
use crate::text::Word;

/// Chooses plain lines.
pub const PLAIN: u8 = 0x01;
/// Chooses lines with ids and trace hashes.
pub const TRACED: u8 = 0x02;
/// Ends the input.
pub const END: u8 = 0x04;
/// Asks for the hello line.
pub const HELLO: u8 = 0x05;

/// Bytes that are read at once: a UART has but one at a time.
const CHUNK: usize = 16;

/// What to send for a byte of text: control bytes of the session become spaces, which mean the same.
#[must_use]
pub const fn sanitise(byte: u8) -> u8 {
    match byte {
        PLAIN | TRACED | END | HELLO => b' ',
        byte => byte,
    }
}

/// Where a session runs, for its hello line.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// The board's name.
    pub board: &'static str,
    /// Bytes of flash that the program takes, without the model.
    pub flash: u32,
    /// Bytes of RAM that are taken statically.
    pub ram: u32,
}

/// Speaks the session on `line` until reading gives nothing more (which a chip's UART never does).
///
/// `region` is the flash region that starts with the blob.
///
/// # Errors
/// Those of the line.
pub fn serve<L: Read + Write>(
    line: &mut L,
    region: &[u8],
    memory: &mut [u8],
    footprint: &Footprint,
) -> Result<(), L::Error> {
    // In place: the model and its reader are most of the stack.
    let mut model = Model::empty();
    let refused = match model.read_region(region) {
        Ok(()) => match Classifier::within(&model, memory) {
            Ok(classifier) => {
                let mut reader = Reader::new(classifier);
                match reader.classifier.self_test() {
                    Ok(()) => return converse(line, &mut reader, footprint),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        },
        Err(error) => error,
    };
    refuse(line, refused, footprint)
}

fn converse<L: Read + Write>(
    line: &mut L,
    reader: &mut Reader<'_>,
    footprint: &Footprint,
) -> Result<(), L::Error> {
    greet(line, reader.classifier.model(), footprint)?;
    let mut bytes = [0; CHUNK];
    loop {
        let count = line.read(&mut bytes)?;
        let Some(chunk) = bytes.get(..count) else { return Ok(()) };
        if chunk.is_empty() {
            return reader.end(line);
        }
        for &byte in chunk {
            match byte {
                HELLO => greet(line, reader.classifier.model(), footprint)?,
                END => {
                    reader.end(line)?;
                    send(line, &[END, b'\n'])?;
                    line.flush()?;
                }
                byte => reader.push(byte, line)?,
            }
        }
    }
}

/// Answers for a model that cannot be used.
fn refuse<L: Read + Write>(line: &mut L, error: OpenError, footprint: &Footprint) -> Result<(), L::Error> {
    let mut bytes = [HELLO; CHUNK];
    let mut count = 1;
    loop {
        for &byte in bytes.get(..count).unwrap_or(&[]) {
            if matches!(byte, HELLO | END) {
                introduce(line, footprint)?;
                say_error(line, error)?;
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

/// Turns bytes of text into lines about words: what `host run` and the firmware share.
pub struct Reader<'m> {
    classifier: Classifier<'m>,
    /// Words of the present text so far.
    index: u32,
    traced: bool,
    /// Whether the present line has nothing but spaces so far.
    blank: bool,
}

impl<'m> Reader<'m> {
    /// A reader at the start of a text that writes plain lines.
    #[must_use]
    pub const fn new(classifier: Classifier<'m>) -> Self {
        Self { classifier, index: 0, traced: false, blank: true }
    }

    /// Takes a byte of text, [`PLAIN`] or [`TRACED`].
    ///
    /// # Errors
    /// Those of `out`.
    pub fn push<W: Write>(&mut self, byte: u8, out: &mut W) -> Result<(), W::Error> {
        match byte {
            PLAIN | TRACED => {
                self.traced = byte == TRACED;
                self.classifier.set_tracing(self.traced);
                Ok(())
            }
            b'\n' if self.blank => self.end(out),
            byte => {
                self.blank = byte == b'\n' || (self.blank && (byte <= b' ' || byte == 0x7F));
                self.read(out, |classifier, tell| classifier.feed(&[byte], tell))
            }
        }
    }

    /// Ends the text.
    ///
    /// # Errors
    /// Those of `out`.
    #[inline(never)]
    pub fn end<W: Write>(&mut self, out: &mut W) -> Result<(), W::Error> {
        self.read(out, |classifier, tell| {
            classifier.conclude(tell);
        })?;
        self.index = 0;
        self.blank = true;
        Ok(())
    }

    fn read<W: Write>(
        &mut self,
        out: &mut W,
        act: impl FnOnce(&mut Classifier<'m>, &mut dyn FnMut(&Word, Prediction)),
    ) -> Result<(), W::Error> {
        let model = self.classifier.model();
        let mut result = Ok(());
        let index = &mut self.index;
        act(&mut self.classifier, &mut |word, prediction| {
            if result.is_ok() {
                result = say_word(out, model, *index, word, &prediction);
            }
            *index = index.wrapping_add(1);
        });
        result
    }
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
    if let Some(trace) = prediction.trace {
        send(out, b"\t")?;
        say_hex(out, (trace >> 32) as u32)?;
        say_hex(out, trace as u32)?;
    }
    send(out, b"\n")
}

/// Writes all bytes; a line that takes none of them loses them.
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

fn say_error<W: Write>(out: &mut W, error: OpenError) -> Result<(), W::Error> {
    for half in error.text() {
        send(out, half)?;
    }
    if let Some(found) = error.found() {
        send(out, b": found ")?;
        say_number(out, found)?;
    }
    if let Some(expected) = error.expected() {
        send(out, b", expected ")?;
        let [least, most] = expected;
        say_number(out, least)?;
        if least != most {
            send(out, b" to ")?;
            say_number(out, most)?;
        }
    }
    Ok(())
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

/// Says a number to a base of 10 or 16 in as many digits as it takes, and at least in `least`.
#[inline(never)]
fn say_digits<W: Write>(out: &mut W, mut number: u32, base: u32, least: usize) -> Result<(), W::Error> {
    let mut text = [0; 10];
    let mut zeros = text.len();
    for (before, digit) in text.iter_mut().enumerate().rev() {
        let value = (number % base) as u8;
        *digit = if value < 10 { b'0' + value } else { b'a' - 10 + value };
        number /= base;
        zeros = before;
        if number == 0 && before + least <= 10 {
            break;
        }
    }
    send(out, text.get(zeros..).unwrap_or(&[]))
}
