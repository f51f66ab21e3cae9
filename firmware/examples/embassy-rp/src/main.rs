//! Telltale's session as a task of Embassy's, beside others, over the UART of a Raspberry Pi Pico (pins 1 and 2, at
//! 115,200 baud): what `monitor` talks to.
//!
//! ```sh
//! cargo build --release --target thumbv6m-none-eabi       # then flash it, and open its port:
//! cargo run -p host -- monitor --port /dev/ttyACM0 --check --model tests/integrator/sentiment.bin
//! ```
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::sync::atomic::{AtomicU32, Ordering};

use embassy_executor::Spawner;
use embassy_rp::bind_interrupts;
use embassy_rp::gpio::{Level, Output};
use embassy_rp::peripherals::UART0;
use embassy_rp::uart::{BufferedInterruptHandler, BufferedUart, BufferedUartRx, BufferedUartTx, Config};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_sync::pipe::Pipe;
use embassy_time::Timer;
use embedded_io_async::{Read as _, Write as _};
use panic_halt as _;
use static_cell::StaticCell;
use telltale::session::{Footprint, HELLO, Line, Session, XOFF, XON};
use telltale::{Classifier, Memory, Model};

include!(concat!(env!("OUT_DIR"), "/sentiment.rs"));

bind_interrupts!(struct Interrupts {
    UART0_IRQ => BufferedInterruptHandler<UART0>;
});

/// Bytes that have come in and are not read yet.
const ROOM: usize = 1024;
static RECEIVED: Pipe<CriticalSectionRawMutex, ROOM> = Pipe::new();
/// Losses since the last answer.
static LOST: AtomicU32 = AtomicU32::new(0);
/// Nobody counts this program's bytes.
static FOOTPRINT: Footprint = Footprint { board: "embassy-rp", flash: 0, ram: 0 };

/// The sending end, and whether the other side has been asked to stop.
struct Port {
    to: BufferedUartTx,
    stopped: bool,
}

type Shared = Mutex<CriticalSectionRawMutex, Port>;

/// What a session says to a byte.
struct Said(heapless::Vec<u8, 1024>);

impl embedded_io::ErrorType for Said {
    type Error = Infallible;
}

impl embedded_io::Read for Said {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        Ok(0)
    }
}

impl embedded_io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        // A byte ends few words, whose lines have room.
        let _ = self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Line for Said {
    fn lost(&mut self) -> u32 {
        let lost = LOST.load(Ordering::Relaxed);
        LOST.store(0, Ordering::Relaxed);
        lost
    }
}

/// Takes what comes in while the session computes.
#[embassy_executor::task]
async fn receive(mut from: BufferedUartRx, port: &'static Shared) {
    let mut bytes = [0; 32];
    loop {
        match from.read(&mut bytes).await {
            Ok(count) => RECEIVED.write_all(&bytes[..count]).await,
            Err(_) => LOST.store(LOST.load(Ordering::Relaxed) + 1, Ordering::Relaxed),
        }
        if RECEIVED.len() >= ROOM / 4 {
            let mut port = port.lock().await;
            if !port.stopped && RECEIVED.len() >= ROOM / 4 {
                let _ = port.to.write_all(&[XOFF]).await;
                port.stopped = true;
            }
        }
    }
}

/// Reads texts and answers after every word.
#[embassy_executor::task]
async fn converse(mut session: Session<'static>, port: &'static Shared) {
    let mut said = Said(heapless::Vec::new());
    let mut bytes = [HELLO; 16];
    let mut count = 1;
    loop {
        for &byte in &bytes[..count] {
            let Ok(()) = session.push(byte, &mut said);
            if !said.0.is_empty() {
                let _ = port.lock().await.to.write_all(&said.0).await;
                said.0.clear();
            }
        }
        if RECEIVED.len() <= ROOM / 8 {
            let mut port = port.lock().await;
            if port.stopped {
                let _ = port.to.write_all(&[XON]).await;
                port.stopped = false;
            }
        }
        count = RECEIVED.read(&mut bytes).await;
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static MODEL: StaticCell<Model<'static>> = StaticCell::new();
    static MEMORY: StaticCell<Memory<{ SENTIMENT_MEMORY }>> = StaticCell::new();
    static SENDING: StaticCell<[u8; 64]> = StaticCell::new();
    static RECEIVING: StaticCell<[u8; 256]> = StaticCell::new();
    static PORT: StaticCell<Shared> = StaticCell::new();

    let chip = embassy_rp::init(Default::default());
    let (sending, receiving) = (SENDING.init([0; 64]), RECEIVING.init([0; 256]));
    let pins = (chip.PIN_0, chip.PIN_1);
    let uart = BufferedUart::new(chip.UART0, pins.0, pins.1, Interrupts, sending, receiving, Config::default());
    let (to, from) = uart.split();
    let port = PORT.init(Mutex::new(Port { to, stopped: false }));

    let model = MODEL.init(Model::open(SENTIMENT).unwrap());
    let mut classifier = Classifier::new(model, MEMORY.init(Memory::new())).unwrap();
    classifier.self_test().unwrap();
    spawner.spawn(receive(from, port).unwrap());
    spawner.spawn(converse(Session::new(classifier, Some(&FOOTPRINT)), port).unwrap());

    // Whatever else the program does.
    let mut led = Output::new(chip.PIN_25, Level::Low);
    loop {
        led.toggle();
        Timer::after_millis(500).await;
    }
}
