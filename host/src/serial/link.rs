//! A conversation with a board's session over a paced line.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use telltale::session::{END, sanitise};

use super::Sender;

/// What is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An emulated board.
    Emulator,
    /// A board at a port of this name.
    Port(String),
}

impl Peer {
    /// Why nothing more comes.
    fn ended(&self) -> String {
        match self {
            Self::Emulator => "the emulator ended before the board had answered".to_owned(),
            Self::Port(name) => {
                format!("{name} is gone before the board had answered: is the board still plugged in?")
            }
        }
    }

    /// Why nothing has come.
    fn silent(&self, patience: Duration) -> String {
        let seconds = patience.as_secs_f32();
        match self {
            Self::Emulator => format!(
                "the emulated board has said nothing for {seconds} s: the program hangs, or there is too much \
                 work for this PC"
            ),
            Self::Port(name) => format!(
                "the board at {name} has said nothing for {seconds} s: reset it, try a lower --baud if the \
                 board has one, or a longer --time-limit"
            ),
        }
    }

    /// Why nothing could be read.
    fn unreadable(&self, error: io::Error) -> anyhow::Error {
        match self {
            Self::Emulator => anyhow!(error).context("cannot read from the emulator"),
            // What systems say of a device that was unplugged.
            Self::Port(_) if error.kind() == ErrorKind::Other || error.raw_os_error().is_some() => {
                anyhow!("{} ({error})", self.ended())
            }
            Self::Port(name) => anyhow!(error).context(format!("cannot read from {name}")),
        }
    }

    /// Why nothing could be sent.
    fn unsent(&self, error: io::Error, patience: Duration) -> anyhow::Error {
        match (self, error.kind()) {
            (_, ErrorKind::TimedOut) => anyhow!(
                "{self} has taken nothing for {} s: it has sent XOFF, and no XON since; reset it",
                patience.as_secs_f32()
            ),
            (_, ErrorKind::BrokenPipe) => anyhow!(self.ended()),
            _ => anyhow!(error).context("cannot read the input or send it to the board"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emulator => write!(f, "the emulated board"),
            Self::Port(name) => write!(f, "the board at {name}"),
        }
    }
}

/// How far a thread that sends is.
#[derive(Debug, Default)]
struct Progress {
    pieces: AtomicUsize,
    /// Whether it waits for what to send.
    asking: AtomicBool,
}

/// A thread that sends.
#[derive(Debug)]
pub struct Sending {
    thread: JoinHandle<io::Result<Sender>>,
    progress: Arc<Progress>,
}

/// A line to a board, and how long it may be silent.
#[derive(Debug)]
pub struct Link {
    to: Option<Sender>,
    lines: Receiver<io::Result<Vec<u8>>>,
    peer: Peer,
    patience: Duration,
}

impl Link {
    /// A link over the ends of a [line](super::line).
    #[must_use]
    pub fn new((to, lines): (Sender, Receiver<io::Result<Vec<u8>>>), peer: Peer, patience: Duration) -> Self {
        Self { to: Some(to), lines, peer, patience }
    }

    /// How long a board may say nothing where it owes a line.
    pub const fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// What is at the other end.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The board's next line without its line feed, if one comes within a time.
    ///
    /// # Errors
    /// If the line ends or fails.
    pub fn line_within(&mut self, time: Duration) -> Result<Option<Vec<u8>>> {
        let mut line = match self.lines.recv_timeout(time) {
            Ok(line) => line.map_err(|error| self.peer.unreadable(error))?,
            Err(RecvTimeoutError::Disconnected) => bail!(self.peer.ended()),
            Err(RecvTimeoutError::Timeout) => return Ok(None),
        };
        ensure!(line.pop() == Some(b'\n'), self.peer.ended());
        Ok(Some(line))
    }

    /// The board's next line.
    ///
    /// # Errors
    /// If the line ends, or the board is silent for too long.
    pub fn line(&mut self) -> Result<Vec<u8>> {
        let line = self.line_within(self.patience)?;
        line.with_context(|| self.peer.silent(self.patience))
    }

    /// The board's next line while something is being sent: it is not silent while it takes that, or while there is
    /// nothing to take.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn line_beside(&mut self, sending: &Sending) -> Result<Vec<u8>> {
        let mut pieces = sending.progress.pieces.load(Ordering::Relaxed);
        loop {
            let waits = sending.progress.asking.load(Ordering::Relaxed);
            match self.line_within(self.patience)? {
                Some(line) => return Ok(line),
                None => {
                    let now = sending.progress.pieces.load(Ordering::Relaxed);
                    let waits = waits && sending.progress.asking.load(Ordering::Relaxed);
                    ensure!(waits || now != pieces, self.peer.silent(self.patience));
                    pieces = now;
                }
            }
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the line ends, or the board takes nothing for too long.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let (peer, patience) = (&self.peer, self.patience);
        let to = self.to.as_mut().context("the line has been closed")?;
        to.send(bytes, patience, || {}).map_err(|error| peer.unsent(error, patience))
    }

    /// Sends `before`, then `input` with each byte as `encode` makes it, then [`END`], while the board's lines are
    /// read here.
    ///
    /// The thread waits for `input`; one that is not [joined](Self::joined) is left behind.
    ///
    /// # Errors
    /// If the line has been closed.
    pub fn send_aside(
        &mut self,
        before: Vec<u8>,
        mut input: impl Read + Send + 'static,
        encode: fn(u8) -> u8,
    ) -> Result<Sending> {
        let mut to = self.to.take().context("the line has been closed")?;
        let patience = self.patience;
        let progress = Arc::new(Progress::default());
        let shared = Arc::clone(&progress);
        let thread = std::thread::spawn(move || {
            let mut send = |bytes: &[u8]| {
                to.send(bytes, patience, || {
                    shared.pieces.fetch_add(1, Ordering::Relaxed);
                })
            };
            send(&before)?;
            let mut bytes = [0; 4096];
            let read = loop {
                shared.asking.store(true, Ordering::Relaxed);
                let read = input.read(&mut bytes);
                shared.asking.store(false, Ordering::Relaxed);
                match read {
                    Ok(0) => break Ok(()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => break Err(error),
                    Ok(count) => {
                        bytes[..count].iter_mut().for_each(|byte| *byte = encode(*byte));
                        send(&bytes[..count])?;
                    }
                }
            };
            // The board sends the end in any case, which ends the reader, too.
            send(&[END])?;
            read.map(|()| to)
        });
        Ok(Sending { thread, progress })
    }

    /// Waits until all has been sent.
    ///
    /// # Errors
    /// If the input or the line failed.
    pub fn joined(&mut self, sending: Sending) -> Result<()> {
        match sending.thread.join() {
            Ok(sent) => {
                let patience = self.patience;
                self.to = Some(sent.map_err(|error| self.peer.unsent(error, patience))?);
                Ok(())
            }
            Err(_) => bail!("the thread that sends the text failed"),
        }
    }

    /// Sends `input` as text, after `controls`, and passes the board's lines to `output` until it has sent all.
    ///
    /// # Errors
    /// If the line ends, the board is silent for too long, or a stream fails; an output that is closed ends it
    /// quietly.
    pub fn converse(
        &mut self,
        input: impl Read + Send + 'static,
        controls: &[u8],
        mut output: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<()> {
        let sending = self.send_aside(controls.to_vec(), input, sanitise)?;
        loop {
            let line = match self.line_beside(&sending) {
                Ok(line) => line,
                // The error of sending is more informative.
                Err(error) => {
                    if sending.thread.is_finished() {
                        self.joined(sending)?;
                    }
                    return Err(error);
                }
            };
            if line == [END] {
                break;
            }
            match output(&line) {
                // A closed receiver is not a failure.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                result => result.context("cannot write the output")?,
            }
        }
        self.joined(sending)
    }
}

/// Writes each line with its line feed, at once.
pub fn to_stream(output: &mut impl Write) -> impl FnMut(&[u8]) -> io::Result<()> {
    |line| {
        output.write_all(line)?;
        output.write_all(b"\n")?;
        output.flush()
    }
}
