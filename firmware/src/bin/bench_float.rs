//! Counts what a word costs on a chip in f32, for `host bench device --float`.
//!
//! Says `idle` and `word` as `<name> <ticks> <repeats>`, the scores of a text as `score <2⁻¹² steps> 1`, then `end`.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
firmware::stops_on_panic!();

#[cfg(target_os = "none")]
#[firmware::entry]
fn main() -> ! {
    use embedded_io::Write;
    use firmware::board;

    let mut uart = board::uart();
    if let Err(error) = bench::measure(&mut uart) {
        let _ = writeln!(uart, "error: {error}");
    }
    firmware::measure::end(&mut uart)
}

#[cfg(target_os = "none")]
mod bench {
    use core::hint::black_box;

    use embedded_io::Write;
    use firmware::MEMORY;
    use firmware::drivers::counter::Counter;
    use firmware::drivers::model_region;
    use firmware::measure::{WORDS, idle, time, words};
    use telltale::engine::float_reference::{Memory, Network, TEST_WORDS, decide};
    use telltale::engine::format::in_region;
    use telltale::{Model, OpenError};

    pub fn measure(uart: &mut impl Write) -> Result<(), OpenError> {
        let region: &'static [u8] = in_region(model_region())?;
        let model = Model::open(region)?;
        let network = Network::open(&model, region)?;
        let mut memory = Memory::<{ MEMORY / 4 }>::new();
        network.check(&memory)?;
        let words = words();
        (0..TEST_WORDS).for_each(|id| network.step(id, &mut memory));
        for score in network.scores(&mut memory) {
            let _ = writeln!(uart, "score {} 1", (score * 4096.0) as i32);
        }
        let counter = Counter::start();
        let idle = idle(&counter);
        let word = time(&counter, &mut |repeat| {
            network.step(model.vocabulary().id(words[repeat as usize % WORDS]), &mut memory);
            black_box(decide(network.scores(&mut memory)));
        });
        for (name, sample) in [("idle", idle), ("word", word)] {
            let _ = writeln!(uart, "{name} {} {}", sample.ticks, sample.repeats);
        }
        Ok(())
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs on a chip: try `cargo run -p host -- bench device --float`");
}
