//! Times parts of a word's work, for the programs behind `host bench device`.

use core::fmt::Write as _;
use core::hint::black_box;

use telltale::engine::text::Word;

use crate::drivers::counter::Counter;

/// A part is repeated until it takes this many ticks, so that a tick more or less is 0.006 %.
const ENOUGH_TICKS: u32 = 1 << 14;

/// No part is repeated more often than this.
const MOST_REPEATS: u32 = 1 << 24;

/// Words whose hashes are looked up; those of the measured model are w0, w1, w2, …
pub const WORDS: usize = 64;

/// How many ticks so many repeats of a part took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Ticks of the counter.
    pub ticks: u32,
    /// Repeats.
    pub repeats: u32,
}

/// Repeats a part, which gets the number of the repeat, until it has taken long enough.
#[inline(never)]
pub fn time(counter: &Counter, part: &mut dyn FnMut(u32)) -> Sample {
    let mut repeats = 1;
    loop {
        let start = counter.now();
        for repeat in 0..repeats {
            part(black_box(repeat));
        }
        let ticks = counter.since(start);
        if ticks >= ENOUGH_TICKS || repeats >= MOST_REPEATS {
            return Sample { ticks, repeats };
        }
        repeats *= 2;
    }
}

/// What a repeat costs beside the part.
#[must_use]
pub fn idle(counter: &Counter) -> Sample {
    time(counter, &mut |repeat| {
        black_box(repeat);
    })
}

/// The end of a program that measures: says `end`, and stays.
pub fn end(uart: &mut impl embedded_io::Write) -> ! {
    let _ = writeln!(uart, "end");
    loop {
        core::hint::spin_loop();
    }
}

/// The hashes of w0 to w63.
#[must_use]
pub fn words() -> [u32; WORDS] {
    let mut hashes = [0; WORDS];
    for (number, hash) in hashes.iter_mut().enumerate() {
        let mut text = heapless::String::<8>::new();
        let _ = write!(text, "w{number}");
        *hash = Word::hash_of(text.as_bytes());
    }
    hashes
}
