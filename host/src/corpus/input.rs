//! Bytes of a corpus: from a file or standard input, unpacked, and decoded to UTF-8.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, IBM866, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::notes::{Notes, count};
use super::{LONGEST_TEXT, parquet};
use crate::file_kind;

/// What standard input is called on the command line.
pub const STDIN: &str = "-";

/// The most bytes of a file, unpacked.
const MOST_BYTES: usize = 4 << 30;

/// Reads a file, or standard input for `-`, and unpacks it if it is gzip.
///
/// # Errors
/// Names the file; a line that no text can have, before it fills the memory; a file of another kind, by what it is.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let name = name(path);
    let mut input: Box<dyn Read> = if path == Path::new(STDIN) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("{name}: cannot be opened"))?)
    };
    let mut start = Vec::new();
    let cannot = || format!("{name}: cannot be read");
    (&mut input).take(MAGIC_BYTES).read_to_end(&mut start).with_context(cannot)?;
    if let Some(kind) = foreign(&start) {
        bail!("{name}: {kind}");
    }
    let packed = start.starts_with(&GZIP);
    let whole = Cursor::new(start).chain(input);
    let bytes = if packed {
        let unpacked = flate2::read::MultiGzDecoder::new(BufReader::with_capacity(1 << 16, whole));
        let bytes = guarded(unpacked, &name).with_context(|| format!("{name}: damaged or cut off"))?;
        if let Some(kind) = foreign(&bytes[..bytes.len().min(MAGIC_BYTES as usize)]) {
            bail!("{name}: it holds {kind}");
        }
        ensure!(!bytes.starts_with(&GZIP), "{name}: packed with gzip twice: unpack it once (`gunzip`)");
        bytes
    } else {
        guarded(whole, &name).with_context(cannot)?
    };
    ensure!(!is_page(&bytes), "{name}: a web page, not a corpus: download the file itself");
    ensure!(
        !bytes.starts_with(b"<?xml"),
        "{name}: an XML document: save its texts as CSV in UTF-8 (it may be a refused download, and say why)"
    );
    Ok(bytes)
}

/// A path for people.
pub fn name(path: &Path) -> String {
    if path == Path::new(STDIN) { "standard input".to_owned() } else { path.display().to_string() }
}

/// How a file packed with gzip starts.
pub const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Bytes from which a kind of file is known.
const MAGIC_BYTES: u64 = 512;

/// What a file is, and the way out, if its first bytes are those of another kind.
fn foreign(start: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 9] = [
        (
            b"ARROW1",
            "an Arrow file: write it as JSON Lines first (pandas: \
             read_feather(FILE).to_json(\"train.jsonl\", orient=\"records\", lines=True))",
        ),
        (
            b"\xFF\xFF\xFF\xFF",
            "an Arrow stream, as save_to_disk writes it: write it as JSON Lines first (datasets: \
             load_from_disk(FOLDER)[\"train\"].to_json(\"train.jsonl\"))",
        ),
        (
            b"PK\x03\x04",
            "a zip archive, an .xlsx workbook or PyTorch's weights: unpack it, or save the sheet as CSV in UTF-8",
        ),
        (b"\xD0\xCF\x11\xE0", "an old Office document: save the sheet as CSV in UTF-8"),
        (b"%PDF", "a PDF document: save its texts as CSV in UTF-8"),
        (b"SQLite format 3", "an SQLite database: write its table as CSV in UTF-8"),
        (
            b"\x80\x04\x95",
            "a Python pickle: write it as CSV in UTF-8 (pandas: read_pickle(FILE).to_csv(\"train.csv\"))",
        ),
        (b"\xFF\xFE\0\0", "UTF-32: save it in UTF-8"),
        (b"\0\0\xFE\xFF", "UTF-32: save it in UTF-8"),
    ];
    file_kind::of(start, &KINDS)
}

/// Whether a file is an archive or a document of another kind.
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP) || foreign(bytes).is_some()
}

/// Whether all of a file is one web page; a row of a corpus that is one goes on behind it.
fn is_page(bytes: &[u8]) -> bool {
    const END: &[u8] = b"</html>";
    /// Of a page of which nothing shows that it ends: the words of a server that refuses something.
    const SHORT: usize = 16 << 10;
    let page = bytes.trim_ascii();
    if !file_kind::is_page(page) {
        return false;
    }
    let end = page.windows(END.len()).position(|own| own.eq_ignore_ascii_case(END));
    end.map_or(page.len() < SHORT, |at| {
        let behind = page[at + END.len()..].trim_ascii_start();
        behind.is_empty() || behind.starts_with(b"<!--")
    })
}

/// The bytes of a file that is one text, unpacked if it is gzip.
///
/// # Errors
/// If it cannot be read or unpacked, is too long, or stands for a file which is somewhere else.
pub fn read_bytes(path: &Path, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_TEXT as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{name}: cannot be read"))?;
    if bytes.starts_with(&GZIP) {
        let packed = std::mem::take(&mut bytes);
        flate2::read::MultiGzDecoder::new(&packed[..])
            .take(LONGEST_TEXT as u64 + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("{name}: damaged or cut off"))?;
    }
    ensure!(bytes.len() <= LONGEST_TEXT, "{name}: a text of more than {LONGEST_TEXT} bytes");
    match file_kind::pointer(&bytes) {
        Some(kind) => bail!("{name}: {kind}"),
        None => Ok(bytes),
    }
}

/// Everything that there is, unless a line is longer than a text may be or all of it than a corpus may.
fn guarded(mut input: impl Read, name: &str) -> io::Result<Vec<u8>> {
    let (mut bytes, mut line, mut length, mut before) = (Vec::new(), 1u64, 0usize, 0u8);
    let mut chunk = vec![0; 1 << 16];
    loop {
        let count = match input.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return Ok(bytes);
        }
        for &byte in &chunk[..count] {
            length += 1;
            if byte == b'\r' || byte == b'\n' {
                line += u64::from(byte == b'\r' || before != b'\r');
                length = 0;
            }
            before = byte;
        }
        let too_long = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        if length > LONGEST_TEXT && !bytes.starts_with(parquet::MAGIC) {
            return too_long(format!("line {line}: longer than {LONGEST_TEXT} bytes"));
        }
        bytes.extend_from_slice(&chunk[..count]);
        if bytes.len() > MOST_BYTES {
            return too_long(format!("longer than {MOST_BYTES} bytes: {name} is too large"));
        }
    }
}

/// The encoding that `--encoding` names.
///
/// # Errors
/// If there is no such encoding.
pub fn encoding(name: Option<&str>) -> Result<Option<&'static Encoding>> {
    let of = |name: &str| {
        Encoding::for_label(name.as_bytes()).with_context(|| {
            format!(
                "--encoding {name}: no such encoding (utf-8, utf-16le, windows-1252, windows-1251, shift_jis, \
                 gb18030, … are)"
            )
        })
    };
    name.map(of).transpose()
}

/// Turns bytes into text, and remembers what it took them for.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The encoding given by `--encoding`.
    asked: Option<&'static Encoding>,
    /// Files by the encoding that they were found to be in, each with the first of them.
    found: BTreeMap<&'static str, (usize, String)>,
    /// Bytes that are no characters: in how many places, and the first of them.
    broken: Option<(usize, String)>,
    /// The first file that was taken for Windows-1252 and has bytes that it has no characters for.
    strange: Option<String>,
}

impl Decoder {
    /// A decoder for the encoding of `--encoding`; without one, it guesses.
    pub fn new(asked: Option<&'static Encoding>) -> Self {
        Self { asked, ..Self::default() }
    }

    /// The text of a file called `origin`, without a byte order mark.
    ///
    /// # Errors
    /// If the bytes are no text.
    pub fn decode(&mut self, bytes: Vec<u8>, origin: &str) -> Result<String> {
        let marked = Encoding::for_bom(&bytes).map(|(encoding, _)| encoding);
        let encoding = match (self.asked, marked) {
            (_, Some(encoding)) | (Some(encoding), None) => encoding,
            (None, None) => guess(&bytes).with_context(|| {
                format!("{origin}: a binary file, no text (if it is one, name its --encoding, such as utf-16le or utf-16be)")
            })?,
        };
        if self.asked != Some(encoding) && encoding != UTF_8 {
            self.found.entry(encoding.name()).or_insert_with(|| (0, origin.to_owned())).0 += 1;
        }
        let text = if encoding == UTF_8 {
            match String::from_utf8(bytes) {
                Ok(mut text) => {
                    if text.starts_with('\u{FEFF}') {
                        text.drain(..'\u{FEFF}'.len_utf8());
                    }
                    return Ok(text);
                }
                Err(error) => error.into_bytes(),
            }
        } else {
            bytes
        };
        let (decoded, _, broken) = encoding.decode(&text);
        let decoded = decoded.into_owned();
        let is_control = |c: char| ('\u{80}'..='\u{9F}').contains(&c) && c != '\u{85}';
        if self.asked.is_none() && encoding == WINDOWS_1252 && decoded.contains(is_control) {
            self.strange.get_or_insert_with(|| origin.to_owned());
        }
        if broken {
            let line = decoded.find('\u{FFFD}').map_or(1, |at| lines(&decoded[..at]) + 1);
            let place = || format!("{origin}: line {line}");
            self.broken.get_or_insert_with(|| (0, place())).0 += decoded.matches('\u{FFFD}').count();
        }
        Ok(decoded)
    }

    /// Says what was guessed and what could not be read.
    pub fn tell(&self, notes: &mut Notes) {
        for (name, (files, first)) in &self.found {
            let what = if *files == 1 {
                first.clone()
            } else {
                format!("{} (the first is {first})", count(*files, "file"))
            };
            notes.say(format!("{what}: not UTF-8, read as {name} (--encoding NAME if that is wrong)"));
        }
        if let Some(first) = &self.strange {
            notes.warn(format!(
                "{first}: some of its bytes are no characters of windows-1252: name its --encoding (macintosh, \
                 windows-1250, …), or save it in UTF-8"
            ));
        }
        if let Some((places, first)) = &self.broken {
            let more = if *places > 1 {
                format!(" and in {} more", count(places - 1, "place"))
            } else {
                String::new()
            };
            notes.warn(format!(
                "{first}{more}: bytes that are no characters were read as U+FFFD (--encoding NAME if the encoding is \
                 another)"
            ));
        }
    }
}

/// Which of two encodings in UTF-16 bytes without a mark have, of which half are zero where the text is mostly ASCII; the
/// outer `None` if there are too few zeros, the inner one if they stand in any place.
pub fn utf_16(sample: &[u8]) -> Option<Option<&'static Encoding>> {
    let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    (even.max(odd) * 3 > sample.len() / 2).then(|| match (even * 10 < odd, odd * 10 < even) {
        (true, _) => Some(UTF_16LE),
        (_, true) => Some(UTF_16BE),
        _ => None,
    })
}

/// The encoding of bytes without a mark; `None` if they are no text.
fn guess(bytes: &[u8]) -> Option<&'static Encoding> {
    const SAMPLE: usize = 1 << 16;
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    if let Some(encoding) = utf_16(sample) {
        return encoding;
    }
    if sample.iter().filter(|&&byte| byte == 0).count() * 100 > sample.len() {
        return None;
    }
    // Japanese mail: ASCII, and two bytes a character between `ESC $ B` and `ESC ( B`.
    if bytes.is_ascii() && bytes.windows(3).any(|three| matches!(three, b"\x1b$B" | b"\x1b$@")) {
        return Some(ISO_2022_JP);
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => return Some(UTF_8),
        Err(_) if is_mostly_utf8(bytes) => return Some(UTF_8),
        Err(_) => {}
    }
    // Photos, sounds and archives: no encoding that is still to be told has control characters in its letters.
    let is_control = |byte: &&u8| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 0x7F);
    if sample.iter().filter(is_control).count() * 50 > sample.len() {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    // Where bytes are characters, letters stand from C0 on, but for IBM866. Signs alone, such as £ and dashes, say
    // nothing of a language.
    let is_signs = guess.is_single_byte() && guess != IBM866 && bytes.iter().all(|&byte| byte < 0xC0);
    Some(if is_signs { WINDOWS_1252 } else { guess })
}

/// Whether more characters beyond ASCII are whole UTF-8 than broken.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut whole, mut broken) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().chars().filter(|character| !character.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    whole > broken
}

/// Line breaks in a text: LF, CR, CRLF.
pub fn lines(text: &str) -> usize {
    let bytes = text.as_bytes();
    let breaks = |(at, &byte): (usize, &u8)| match byte {
        b'\r' => true,
        b'\n' => at == 0 || bytes[at - 1] != b'\r',
        _ => false,
    };
    bytes.iter().enumerate().filter(|&place| breaks(place)).count()
}

/// The lines of a text, each with its number from 1, without LF, CR or CRLF.
pub fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else {
            rest = None;
            return Some(text).filter(|text| !text.is_empty());
        };
        let after = end + if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[after..]);
        Some(&text[..end])
    });
    lines.enumerate().map(|(at, line)| (at + 1, line))
}
