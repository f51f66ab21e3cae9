//! A serial line to a board, paced by XON and XOFF: a real board's port, or the standard streams of an emulator.
//!
//! An emulator takes bytes as fast as its UART has room, and a PC's port takes more than the wire has carried, so an
//! XOFF could come too late. Bytes go out in pieces of [`PIECE`], each when the previous one has been taken and the
//! board's output so far has been read: what is on its way after an XOFF is one piece and what the UART holds.

mod link;
pub mod port;
mod terminal;

pub use link::{Link, Peer, Sending, to_stream};
pub use terminal::Terminal;

use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionread;
use telltale::session::{XOFF, XON};

/// Bytes that are sent at once: less than three quarters of the smallest receive buffer of a board, which asks
/// the sender to stop when it is a quarter full.
const PIECE: usize = 64;
/// Lines that a board may be ahead of the reader.
const LINES_AHEAD: usize = 1024;
/// Between two looks at a line that is not ready.
const MOMENT: Duration = Duration::from_micros(20);

/// What bytes for a board are written to.
pub trait Output: Write + Send + Debug {
    /// Whether what was written has been taken.
    ///
    /// # Errors
    /// Those of the system.
    fn taken(&mut self) -> io::Result<bool>;
}

impl Output for ChildStdin {
    fn taken(&mut self) -> io::Result<bool> {
        Ok(ioctl_fionread(&*self)? == 0)
    }
}

/// What a board's bytes are read from.
pub trait Input: Read + AsFd + Send + Debug {}

impl<T: Read + AsFd + Send + Debug> Input for T {}

/// The board's output, and whether it is ready for input.
#[derive(Debug)]
struct Listening {
    input: Box<dyn Input>,
    /// Whether XOFF was the last that was heard of XON and XOFF.
    held: bool,
    /// Whether nothing more will come.
    ended: bool,
}

type Shared = Arc<Mutex<Listening>>;

fn locked(shared: &Shared) -> MutexGuard<'_, Listening> {
    // Nothing panics with the lock held, and a flag would not suffer.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sending end.
#[derive(Debug)]
pub struct Sender {
    output: Box<dyn Output>,
    listening: Shared,
}

/// A line to a board: the sender; the board's output goes to `heard` as it arrives, then nothing, or an error, at the
/// end. A thread reads; it ends with the line, or when `heard` reports that the receiver is gone.
///
/// # Errors
/// If the system has no more descriptors.
fn open(
    output: impl Output + 'static,
    input: impl Input + 'static,
    mut heard: impl FnMut(io::Result<&[u8]>) -> bool + Send + 'static,
) -> io::Result<Sender> {
    let waiting = input.as_fd().try_clone_to_owned()?;
    let listening = Arc::new(Mutex::new(Listening { input: Box::new(input), held: false, ended: false }));
    let shared = Arc::clone(&listening);
    thread::spawn(move || {
        listen(&waiting, &shared, &mut heard);
        locked(&shared).ended = true;
    });
    Ok(Sender { output: Box::new(output), listening })
}

/// A line to a board: the sender, and the board's lines, including line feeds; the last may lack one.
///
/// # Errors
/// If the system has no more descriptors.
pub fn line(
    output: impl Output + 'static,
    input: impl Input + 'static,
) -> io::Result<(Sender, Receiver<io::Result<Vec<u8>>>)> {
    let (to, lines) = sync_channel(LINES_AHEAD);
    let mut line = Vec::new();
    let sender = open(output, input, move |heard| match heard {
        Err(error) => to.send(Err(error)).is_ok(),
        Ok([]) => to.send(Ok(std::mem::take(&mut line))).is_ok(),
        Ok(bytes) => bytes.iter().filter(|&&byte| !matches!(byte, XON | XOFF)).all(|&byte| {
            line.push(byte);
            byte != b'\n' || to.send(Ok(std::mem::take(&mut line))).is_ok()
        }),
    })?;
    Ok((sender, lines))
}

/// Reads until the end, or until the receiver is gone.
fn listen(waiting: &OwnedFd, listening: &Shared, heard: &mut impl FnMut(io::Result<&[u8]>) -> bool) {
    let mut bytes = [0; 4096];
    loop {
        // The lock is for reading, not for waiting.
        let ready = poll(&mut [PollFd::new(waiting, PollFlags::IN)], None).map_err(io::Error::from);
        let goes_on = match ready.and_then(|_| locked(listening).read(&mut bytes)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => {
                heard(Err(error));
                false
            }
            Ok(count) => heard(Ok(&bytes[..count])) && count > 0,
        };
        if !goes_on {
            return;
        }
    }
}

impl Listening {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(bytes)?;
        for byte in &bytes[..count] {
            match *byte {
                XOFF => self.held = true,
                XON => self.held = false,
                _ => {}
            }
        }
        Ok(count)
    }
}

impl Sender {
    /// Sends bytes as the board takes them, and calls `sent` after each piece.
    ///
    /// # Errors
    /// If the line ends; [`ErrorKind::TimedOut`] if the board takes nothing for as long as `patience`.
    pub fn send(&mut self, bytes: &[u8], patience: Duration, mut sent: impl FnMut()) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            let start = Instant::now();
            while !self.ready()? {
                if start.elapsed() > patience {
                    return Err(ErrorKind::TimedOut.into());
                }
                thread::sleep(MOMENT);
            }
            self.output.write_all(piece)?;
            sent();
        }
        Ok(())
    }

    fn ready(&mut self) -> io::Result<bool> {
        // What has been sent first: the board may have answered it with an XOFF.
        let taken = self.output.taken()?;
        let listening = locked(&self.listening);
        if listening.ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        Ok(taken && !listening.held && ioctl_fionread(&*listening.input)? == 0)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn child(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh runs")
    }

    fn line_to(child: &mut Child) -> (Sender, Receiver<io::Result<Vec<u8>>>) {
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        line(input, output).expect("descriptors")
    }

    /// A process that asks to stop after each byte gets one piece, and the rest when it asks for it.
    #[test]
    fn a_sender_stops_when_it_is_asked_to() {
        let mut own = child(
            "head -c 1 >/dev/null; printf '\\023stopped\\n'; sleep 0.3; dd bs=1 count=63 2>/dev/null | wc -c; \
             timeout 0.3 head -c 1 | wc -c; printf '\\021'; head -c 36 | wc -c",
        );
        let (mut sender, lines) = line_to(&mut own);
        sender.send(&[b'.'; 100], PATIENCE, || {}).expect("sent");
        let said: Vec<Vec<u8>> = lines.iter().map(|line| line.expect("readable")).collect();
        assert_eq!(said.concat(), b"stopped\n63\n0\n36\n");
        own.wait().expect("ends");
    }

    /// A board that has asked to stop and never asks to go on is given up.
    #[test]
    fn a_sender_does_not_wait_for_ever() {
        let mut own = child("printf '\\023stopped\\n'; exec sleep 60");
        let (mut sender, lines) = line_to(&mut own);
        assert_eq!(lines.recv().expect("a line").expect("readable"), b"stopped\n");
        let error = sender.send(b"text", Duration::from_millis(50), || {}).expect_err("held up");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        own.kill().expect("killed");
        own.wait().expect("ends");
    }

    #[test]
    fn a_process_that_ends_is_noticed() {
        let mut own = child("printf half");
        let (mut sender, lines) = line_to(&mut own);
        assert_eq!(lines.recv().expect("a line").expect("readable"), b"half");
        own.wait().expect("ends");
        while lines.recv().is_ok() {}
        assert_eq!(
            sender.send(b"text", PATIENCE, || {}).expect_err("nobody is there").kind(),
            ErrorKind::BrokenPipe
        );
    }
}
