//! A pseudo-terminal in front of an emulated board: to a terminal program it is a serial port.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::open as open_line;

/// A pseudo-terminal that changes no byte.
#[derive(Debug)]
pub struct Terminal {
    own: File,
    path: PathBuf,
    /// Held open, so that programs may come and go.
    other: OwnedFd,
}

impl Terminal {
    /// Makes one.
    ///
    /// # Errors
    /// If the system has none left.
    pub fn new() -> io::Result<Self> {
        let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&own)?;
        unlockpt(&own)?;
        let path = PathBuf::from(OsStr::from_bytes(ptsname(&own, Vec::new())?.as_bytes()));
        let other = open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut settings = tcgetattr(&other)?;
        settings.make_raw();
        tcsetattr(&other, OptionalActions::Now, &settings)?;
        Ok(Self { own: own.into(), path, other })
    }

    /// Where a program finds the port.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The other side of it, to read from and to write to: what a board would be.
    ///
    /// # Errors
    /// If the system has no more descriptors.
    pub fn own_ends(&self) -> io::Result<(File, File)> {
        Ok((self.own.try_clone()?, self.own.try_clone()?))
    }

    /// Carries bytes between the terminal and an emulator, in threads that end with it. An emulator waits whenever
    /// the PC has other work, for longer than a board's ring is good for, so XON and XOFF are obeyed here, too, and
    /// passed on.
    ///
    /// # Errors
    /// If the system has no more descriptors.
    pub fn carry(self, to: ChildStdin, from: ChildStdout) -> io::Result<()> {
        let mut typed = self.own.try_clone()?;
        let mut shown = self.own;
        // Held open with the reading thread.
        let other = self.other;
        let mut sender = open_line(to, from, move |heard| {
            let _ = &other;
            heard.is_ok_and(|bytes| shown.write_all(bytes).is_ok())
        })?;
        thread::spawn(move || -> io::Result<()> {
            let mut bytes = [0; 4096];
            loop {
                let count = typed.read(&mut bytes)?;
                sender.send(&bytes[..count], Duration::MAX, || {})?;
            }
        });
        Ok(())
    }
}
