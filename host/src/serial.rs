//! The serial line of an emulated board, paced as a terminal paces a real one: by XON and XOFF.
//!
//! An emulator takes bytes as fast as its UART has room, not at 115,200 baud, so an XOFF could come too late. Bytes
//! go out in pieces of [`PIECE`], each when the emulator has taken the one before and all that the board has
//! said meanwhile has been looked at: what is on its way beyond an XOFF is a piece and what the UART holds.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionread;
use telltale::session::{XOFF, XON};

/// Bytes that are sent at once: less than three quarters of the smallest receive buffer of a board, which asks
/// the sender to stop when it is a quarter full.
const PIECE: usize = 64;
/// Lines that a board may be ahead of who reads them.
const LINES_AHEAD: usize = 1024;
/// Between two looks at a line that is not ready.
const MOMENT: Duration = Duration::from_micros(20);

/// What the board says, and whether it is ready to be told something.
#[derive(Debug)]
struct Listening {
    output: ChildStdout,
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
    input: ChildStdin,
    listening: Shared,
}

/// A line to a child process: where to send, and the lines that it says, line feeds included; the last may lack
/// one. A thread reads them; it ends with the process, or when nobody listens.
///
/// # Errors
/// If the system has no more descriptors.
pub fn line(input: ChildStdin, output: ChildStdout) -> io::Result<(Sender, Receiver<io::Result<Vec<u8>>>)> {
    use std::os::fd::AsFd as _;
    let waiting = output.as_fd().try_clone_to_owned()?;
    let listening = Arc::new(Mutex::new(Listening { output, held: false, ended: false }));
    let (sender, lines) = sync_channel(LINES_AHEAD);
    let shared = Arc::clone(&listening);
    thread::spawn(move || {
        listen(&waiting, &shared, &sender);
        locked(&shared).ended = true;
    });
    Ok((Sender { input, listening }, lines))
}

/// Reads until the end, or until nobody takes the lines.
fn listen(waiting: &OwnedFd, listening: &Shared, lines: &SyncSender<io::Result<Vec<u8>>>) {
    let mut line = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        // The lock is for reading, not for waiting.
        let ready = poll(&mut [PollFd::new(waiting, PollFlags::IN)], None).map_err(io::Error::from);
        let count = match ready.and_then(|_| locked(listening).read(&mut bytes)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                let _ = lines.send(Err(error));
                return;
            }
            Ok(count) => count,
        };
        if count == 0 {
            let _ = lines.send(Ok(line));
            return;
        }
        for &byte in &bytes[..count] {
            if matches!(byte, XON | XOFF) {
                continue;
            }
            line.push(byte);
            if byte == b'\n' && lines.send(Ok(std::mem::take(&mut line))).is_err() {
                return;
            }
        }
    }
}

impl Listening {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.output.read(bytes)?;
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
    /// Sends bytes as the board takes them.
    ///
    /// # Errors
    /// If the process ends.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            while !self.ready()? {
                thread::sleep(MOMENT);
            }
            self.input.write_all(piece)?;
        }
        Ok(())
    }

    fn ready(&self) -> io::Result<bool> {
        // What has been sent first: the board may have answered it with an XOFF.
        let taken = ioctl_fionread(&self.input)? == 0;
        let listening = locked(&self.listening);
        if listening.ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        Ok(taken && !listening.held && ioctl_fionread(&listening.output)? == 0)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

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
        sender.send(&[b'.'; 100]).expect("sent");
        let said: Vec<Vec<u8>> = lines.iter().map(|line| line.expect("readable")).collect();
        assert_eq!(said.concat(), b"stopped\n63\n0\n36\n");
        own.wait().expect("ends");
    }

    #[test]
    fn a_process_that_ends_is_noticed() {
        let mut own = child("printf half");
        let (mut sender, lines) = line_to(&mut own);
        assert_eq!(lines.recv().expect("a line").expect("readable"), b"half");
        own.wait().expect("ends");
        while lines.recv().is_ok() {}
        assert_eq!(sender.send(b"text").expect_err("nobody is there").kind(), ErrorKind::BrokenPipe);
    }
}
