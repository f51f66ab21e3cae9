//! A serial port of the PC, with a real board behind it, or a pseudo-terminal.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open as open_file};
use rustix::termios::{
    ControlModes, InputModes, OptionalActions, QueueSelector, SpecialCodeIndex, ioctl_tiocexcl, isatty,
    tcdrain, tcflush, tcgetattr, tcsetattr,
};

use super::{Link, Output, Peer, line};

/// Bits that a byte takes on the wire: a start bit, eight, a stop bit.
pub const BITS: u32 = 10;

/// The sending end of a port. The system may have taken what the wire has not carried yet, so a piece counts as
/// taken when the wire has had the time for it.
#[derive(Debug)]
struct Port {
    file: File,
    baud: u32,
    /// When the wire has carried all.
    free: Instant,
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        let bits = u64::from(BITS) * count as u64;
        self.free =
            self.free.max(Instant::now()) + Duration::from_micros(bits * 1_000_000 / u64::from(self.baud));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for Port {
    fn taken(&mut self) -> io::Result<bool> {
        if Instant::now() < self.free {
            return Ok(false);
        }
        // By the system's account, too: an adapter may be slower than the wire.
        tcdrain(&self.file)?;
        Ok(true)
    }
}

/// Opens a port: 8 data bits, no parity, one stop bit, no bytes changed; the pacing is the [sender](super::Sender)'s.
///
/// # Errors
/// If it does not exist, is in use or not allowed, is not a serial port, or has no such speed; the error says what to
/// try.
pub fn open(path: &Path, baud: u32, patience: Duration) -> Result<Link> {
    ensure!(baud > 0, "--baud 0: bits a second are expected, such as 115200");
    let name = path.display().to_string();
    // Without waiting for a carrier, which no board gives.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match open_file(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(error) => return Err(unopened(&name, error.into())),
    };
    ensure!(isatty(&file), "--port {name}: that is no serial port{}", others(&name));
    set_up(&file, baud).with_context(|| format!("--port {name}: cannot set it to {baud} baud"))?;
    let own = file.try_clone().context("no descriptor for the port")?;
    let port = Port { file, baud, free: Instant::now() };
    Ok(Link::new(line(port, own).context("no line to the port")?, Peer::Port(name), patience))
}

fn set_up(file: &File, baud: u32) -> io::Result<()> {
    // Another program would take part of the board's output.
    ioctl_tiocexcl(file)?;
    let mut settings = tcgetattr(file)?;
    settings.make_raw();
    settings.input_modes -= InputModes::IXON | InputModes::IXOFF;
    settings.control_modes -= ControlModes::CSTOPB | ControlModes::PARENB;
    settings.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
    settings.special_codes[SpecialCodeIndex::VMIN] = 1;
    settings.special_codes[SpecialCodeIndex::VTIME] = 0;
    settings.set_speed(baud)?;
    tcsetattr(file, OptionalActions::Now, &settings)?;
    // What came in before belongs to no one.
    tcflush(file, QueueSelector::IOFlush)?;
    fcntl_setfl(file, fcntl_getfl(file)? - OFlags::NONBLOCK)?;
    Ok(())
}

fn unopened(name: &str, error: io::Error) -> anyhow::Error {
    let todo = match error.kind() {
        ErrorKind::NotFound => format!("no such port{}", others(name)),
        ErrorKind::PermissionDenied => {
            "not allowed: on Linux, join the port's group (`ls -l` shows it, often `dialout`) and log in again"
                .to_owned()
        }
        ErrorKind::ResourceBusy => "in use: close the other terminal".to_owned(),
        _ => return anyhow::anyhow!("--port {name}: {error}"),
    };
    anyhow::anyhow!("--port {name}: {todo}")
}

/// The ports that are there, for an error.
fn others(name: &str) -> String {
    let mut found = ports(Path::new("/dev"));
    found.retain(|port| port.display().to_string() != name);
    if found.is_empty() {
        "; none of a board is there: is it plugged in, by a cable that carries data?".to_owned()
    } else {
        let names: Vec<_> = found.iter().map(|port| port.display().to_string()).collect();
        format!("; there are {}", names.join(", "))
    }
}

/// The ports in a folder that USB boards and adapters get.
fn ports(folder: &Path) -> Vec<PathBuf> {
    const NAMES: [&str; 5] = ["ttyACM", "ttyUSB", "cu.usb", "cu.SLAB", "cu.wch"];
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_port = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| NAMES.iter().any(|start| name.starts_with(start)))
    };
    let mut ports: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_port).collect();
    ports.sort();
    ports
}

/// The speed of a port: the one asked for, the board's, or what most boards have.
///
/// # Errors
/// If there is no such board.
pub fn baud(asked: Option<u32>, board: Option<&str>) -> Result<u32> {
    match (asked, board) {
        (Some(baud), _) => Ok(baud),
        (None, Some(name)) => Ok(crate::board::find(name)?.serial.baud),
        (None, None) => Ok(115_200),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_none_says_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["ttyACM1", "ttyUSB0", "tty1", "cu.usbmodem3"] {
            std::fs::write(folder.path().join(name), b"").expect("written");
        }
        let found: Vec<String> = ports(folder.path())
            .iter()
            .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
            .collect();
        assert_eq!(found, ["cu.usbmodem3", "ttyACM1", "ttyUSB0"]);
        let open =
            |path: &Path| open(path, 115_200, Duration::from_secs(1)).expect_err("no port").to_string();
        assert!(open(&folder.path().join("none")).contains("no such port"));
        assert!(open(&folder.path().join("tty1")).contains("no serial port"));
    }

    #[test]
    fn speeds_are_those_of_the_board_or_asked_for() {
        assert_eq!(baud(None, None).expect("known"), 115_200);
        assert_eq!(baud(Some(9600), Some("microbit")).expect("asked for"), 9600);
        assert_eq!(baud(None, Some("microbit")).expect("known"), 115_200);
        assert!(baud(None, Some("pdp-11")).is_err());
        assert!(
            open(Path::new("none"), 0, Duration::ZERO)
                .expect_err("no speed")
                .to_string()
                .contains("--baud 0")
        );
    }
}
