//! Counts what a word's parts cost on a chip, for `host bench device`.
//!
//! Says `<name> <ticks> <repeats>` for each part, `stack <bytes> 1`, then `end`.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
firmware::stops_on_panic!();

#[cfg(target_os = "none")]
#[firmware::entry]
fn main() -> ! {
    use embedded_io::Write;
    use firmware::{board, drivers};

    let mut uart = board::uart();
    let memory = drivers::memory();
    let stack = bench::stack(memory);
    bench::report(&mut uart, memory);
    let _ = writeln!(uart, "stack {stack} 1");
    firmware::measure::end(&mut uart)
}

#[cfg(target_os = "none")]
mod bench {
    use core::convert::Infallible;
    use core::hint::black_box;

    use embedded_io::{ErrorType, Read, Write};
    use firmware::board;
    use firmware::drivers::counter::Counter;
    use firmware::drivers::{Memory, footprint, model_region, paint_stack, painted_stack_used};
    use firmware::measure::{Sample, WORDS, idle, time, words};
    use telltale::engine::decide;
    use telltale::engine::format::in_region;
    use telltale::engine::model::{Context, State};
    use telltale::session::{Line as SessionLine, TRACED};
    use telltale::{Classifier, Model, OpenError};

    /// The widest embedding that can be measured; `bench device` refuses wider ones.
    const WIDEST: usize = 512;

    /// A serial line on which somebody has sent this text and then hung up.
    struct Line(&'static [u8]);

    impl ErrorType for Line {
        type Error = Infallible;
    }

    impl Read for Line {
        fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
            self.0.read(to).or(Ok(0))
        }
    }

    impl Write for Line {
        fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
            black_box(from);
            Ok(from.len())
        }

        fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    impl SessionLine for Line {}

    /// The most stack that a whole session takes: opening the model, self-test, words with traces.
    #[inline(never)]
    pub fn stack(memory: &mut Memory) -> usize {
        const TEXT: &[u8] = &[TRACED, b'w', b'1', b' ', b'w', b'2', b' ', b'a', b'n', b'd', b'\n', b'\n'];
        paint_stack();
        let _ = telltale::session::serve(
            &mut Line(TEXT),
            model_region(),
            memory.as_mut(),
            &footprint(board::NAME),
        );
        painted_stack_used()
    }

    /// Says what each part takes; by itself, so that its results are not on the session's stack.
    #[inline(never)]
    pub fn report(uart: &mut impl Write, memory: &mut Memory) {
        match measure(memory) {
            Ok(parts) => {
                for (name, sample) in parts {
                    let _ = writeln!(uart, "{name} {} {}", sample.ticks, sample.repeats);
                }
            }
            Err(error) => {
                let _ = writeln!(uart, "error: {error}");
            }
        }
    }

    /// What a session does before it says hello: the model's checksum and checks, and its self-test.
    fn start(memory: &mut Memory) -> Result<(), OpenError> {
        let model = Model::open(in_region(model_region())?)?;
        Classifier::new(&model, memory)?.self_test()
    }

    /// Looks up the n-grams that a word and its characters end, of w0 to w63.
    fn read_ngrams(model: &Model<'_>, hashes: &[u32; WORDS], repeat: u32, state: &mut State<'_>) {
        let number = repeat % WORDS as u32;
        if model.ngrams().is_some_and(|ngrams| ngrams.orders().characters > 0) {
            let tens = number / 10;
            let digits = [tens, number % 10].map(|digit| digit + u32::from('0'));
            model.read_character('w'.into(), state);
            digits[usize::from(tens == 0)..].iter().for_each(|&digit| model.read_character(digit, state));
            model.read_character(' '.into(), state);
        }
        model.read_ngrams(hashes[number as usize], state);
    }

    /// What each part takes.
    #[inline(never)]
    fn measure(memory: &mut Memory) -> Result<[(&'static str, Sample); 8], OpenError> {
        let counter = Counter::start();
        let idle = idle(&counter);
        let startup = time(&counter, &mut |_| {
            let _ = black_box(start(memory));
        });
        let model = Model::open(in_region(model_region())?)?;
        // The self-test shows that what is measured computes the right thing.
        Classifier::new(&model, memory)?.self_test()?;
        let network = model.without_ngrams();
        let mut state = State::carve(memory.as_mut(), &model.requirements(), Context::new())?;
        let mut x = [0i16; WIDEST];
        let words = words();
        let hash = |repeat: u32| words[repeat as usize % WORDS];
        let look_up = time(&counter, &mut |repeat| {
            black_box(model.vocabulary().id(hash(repeat)));
        });
        let embedding =
            time(&counter, &mut |repeat| model.embedding().look_up(repeat % WORDS as u32, black_box(&mut x)));
        let id = |repeat: u32| repeat % WORDS as u32;
        let step = time(&counter, &mut |repeat| network.read_known(id(repeat), &mut state));
        let read = time(&counter, &mut |repeat| {
            read_ngrams(&model, &words, repeat, &mut state);
            model.read_known(id(repeat), &mut state);
        });
        let head = time(&counter, &mut |_| {
            black_box(decide(model.scores(&mut state)));
        });
        let word = time(&counter, &mut |repeat| {
            read_ngrams(&model, &words, repeat, &mut state);
            model.read_known(model.vocabulary().id(hash(repeat)), &mut state);
            black_box(decide(model.scores(&mut state)));
        });
        Ok([
            ("idle", idle),
            ("startup", startup),
            ("look_up", look_up),
            ("embedding", embedding),
            ("step", step),
            ("read", read),
            ("head", head),
            ("word", word),
        ])
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs on a chip: try `cargo run -p host -- bench device --board mps2-an386`");
}
