//! The serial port of a board whose UART interrupts: what comes in goes into a ring, and XON and XOFF keep the
//! sender from filling it. What is lost all the same is counted.
//!
//! Reading also polls the UART, so that a byte is taken where no interrupt tells of it.

use core::cell::UnsafeCell;
use core::convert::Infallible;

use heapless::spsc::Queue;
use telltale::session::{Line, XOFF, XON};

use super::interrupts::masked;
use crate::board::serial::RING;
use crate::board::{Device, device};

const SIZE: usize = RING as usize;
/// Bytes in the ring at which the sender is asked to stop: what is on its way over USB must still fit.
const HIGH: usize = SIZE / 4;
/// Bytes in the ring at which it is asked to go on.
const LOW: usize = SIZE / 8;

/// What a chip's UART can do.
pub trait Uart {
    /// The next byte that has come in, if there is one.
    fn receive(&mut self) -> Option<u8>;

    /// Sends a byte if there is room for it, and whether there was.
    fn try_send(&mut self, byte: u8) -> bool;

    /// How often the UART has said since the last call that it had no room for what came in. 0 of one that does
    /// not say so.
    fn take_overruns(&mut self) -> u32;

    /// The interrupt is served.
    fn acknowledge(&mut self) {}
}

/// What the sender has been told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Going,
    /// XOFF is to be sent.
    Stopping,
    Stopped,
    /// XON is to be sent.
    Starting,
}

struct Buffered {
    device: Device,
    ring: Queue<u8, SIZE>,
    flow: Flow,
    lost: u32,
}

impl Buffered {
    /// Takes what has come in, no more than the ring holds at once.
    fn fill(&mut self) {
        for _ in 0..SIZE {
            let Some(byte) = self.device.receive() else { break };
            if self.ring.enqueue(byte).is_err() {
                self.lost = self.lost.wrapping_add(1);
            }
            if self.ring.len() >= HIGH && self.flow == Flow::Going {
                self.flow = Flow::Stopping;
                self.tell();
            }
        }
        self.lost = self.lost.wrapping_add(self.device.take_overruns());
        self.tell();
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.ring.dequeue();
        if self.ring.len() <= LOW {
            match self.flow {
                Flow::Stopping => self.flow = Flow::Going,
                Flow::Stopped => self.flow = Flow::Starting,
                Flow::Going | Flow::Starting => {}
            }
            self.tell();
        }
        byte
    }

    /// Sends what the sender has not been told yet, if the line is free. If it is not, an answer is being sent,
    /// and it goes before that answer's next byte.
    fn tell(&mut self) {
        let (byte, then) = match self.flow {
            Flow::Stopping => (XOFF, Flow::Stopped),
            Flow::Starting => (XON, Flow::Going),
            Flow::Going | Flow::Stopped => return,
        };
        if self.device.try_send(byte) {
            self.flow = then;
        }
    }

    fn send(&mut self, byte: u8) -> bool {
        self.tell();
        matches!(self.flow, Flow::Going | Flow::Stopped) && self.device.try_send(byte)
    }
}

struct Shared(UnsafeCell<Option<Buffered>>);

// SAFETY: there is one core, and `with` keeps interrupts out while it lends the cell.
unsafe impl Sync for Shared {}

static PORT: Shared = Shared(UnsafeCell::new(None));

fn with<T>(act: impl FnOnce(&mut Buffered) -> T) -> Option<T> {
    masked(|| {
        // SAFETY: interrupts are masked, and `act` gets no other way to the cell.
        let port = unsafe { &mut *PORT.0.get() };
        port.as_mut().map(act)
    })
}

/// The board's serial port.
#[derive(Debug)]
pub struct Port(());

/// Opens the port.
#[must_use]
pub fn open() -> Port {
    let buffered = Buffered { device: device(), ring: Queue::new(), flow: Flow::Going, lost: 0 };
    masked(|| {
        // SAFETY: interrupts are masked, and nobody holds the cell.
        unsafe { *PORT.0.get() = Some(buffered) };
    });
    Device::listen();
    Port(())
}

/// The interrupt handler.
// SAFETY: the vector table, and on RISC-V riscv-rt, look for it under this name.
#[cfg_attr(target_arch = "arm", unsafe(export_name = "serial_interrupt"))]
#[cfg_attr(target_arch = "riscv32", unsafe(export_name = "MachineExternal"))]
extern "C" fn interrupt() {
    let _ = with(|port| {
        port.fill();
        port.device.acknowledge();
    });
}

impl Line for Port {
    fn lost(&mut self) -> u32 {
        with(|port| core::mem::take(&mut port.lost)).unwrap_or(0)
    }
}

impl embedded_io::ErrorType for Port {
    type Error = Infallible;
}

impl embedded_io::Read for Port {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let mut count = 0;
        while count == 0 && !to.is_empty() {
            let _ = with(Buffered::fill);
            for place in &mut *to {
                let Some(byte) = with(Buffered::take).flatten() else { break };
                *place = byte;
                count += 1;
            }
        }
        Ok(count)
    }
}

impl embedded_io::Write for Port {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        for &byte in from {
            while with(|port| port.send(byte)) == Some(false) {}
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
