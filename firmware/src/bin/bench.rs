//! Counts what a word's parts cost on a chip, for `host bench device`.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
#[firmware::entry]
fn main() -> ! {
    use embedded_io::Write;
    use firmware::{board, drivers};

    let mut uart = board::uart();
    drivers::paint_stack();
    match bench::measure(&drivers::counter::Counter::start()) {
        Ok(phases) => {
            for (name, ticks) in phases {
                let _ = writeln!(uart, "{name} {ticks} {}", bench::REPEATS);
            }
        }
        Err(error) => {
            let _ = writeln!(uart, "error: {error}");
        }
    }
    let _ = writeln!(uart, "stack {} 1", drivers::painted_stack_used());
    let _ = writeln!(uart, "end");
    loop {
        core::hint::spin_loop();
    }
}

#[cfg(target_os = "none")]
mod bench {
    use core::hint::black_box;

    use firmware::INPUT;
    use firmware::drivers::counter::Counter;
    use firmware::drivers::{memory, model_region};
    use shared::blob::Error;
    use shared::classifier::decide;
    use shared::{Classifier, Model, blob};

    /// How often each part runs.
    pub const REPEATS: u32 = 64;

    /// Ticks of each part over all repeats.
    pub fn measure(counter: &Counter) -> Result<[(&'static str, u32); 4], Error> {
        let model = Model::open(blob::in_region(model_region())?)?;
        let memory = memory();
        // The self-test shows that what is measured computes the right thing.
        Classifier::new(&model, memory)?.self_test()?;
        let (state, scratch) = (&mut memory.state, &mut memory.scratch);
        let mut x = [0i16; INPUT];
        let time = |part: &mut dyn FnMut(u32)| {
            let start = counter.now();
            for repeat in 0..REPEATS {
                part(black_box(repeat));
            }
            counter.since(start)
        };
        let idle = time(&mut |_| {});
        let look_up = time(&mut |word| {
            black_box(model.vocabulary().id(word.wrapping_mul(0x9E37_79B1)));
        });
        let embedding = time(&mut |word| model.embedding().look_up(word, black_box(&mut x)));
        let step = time(&mut |word| model.step(word, state, scratch));
        let head = time(&mut |_| {
            black_box(decide(model.scores(state, scratch)));
        });
        let net = |ticks: u32| ticks.saturating_sub(idle);
        Ok([
            ("look_up", net(look_up)),
            ("embedding", net(embedding)),
            ("step", net(step)),
            ("head", net(head)),
        ])
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs on a chip: try `cargo run -p host -- bench device --board mps2-an386`");
}
