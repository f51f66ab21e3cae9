//! Compares the core's kernels, of affine maps and of a GRU's gates, with the portable ones, which
//! define the results.
//!
//! Says `passed <maps>` or what differed, then `end`.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
#[firmware::entry]
fn main() -> ! {
    use embedded_io::Write;

    let mut uart = firmware::board::uart();
    match compare::all() {
        Ok(maps) => {
            let _ = writeln!(uart, "passed {maps}");
        }
        Err(difference) => {
            let _ = writeln!(uart, "{difference:?}");
        }
    }
    let _ = writeln!(uart, "end");
    loop {
        core::hint::spin_loop();
    }
}

#[cfg(target_os = "none")]
mod compare {
    use core::hint::black_box;

    use shared::cell::gru;
    use shared::matvec::{Affine, SCALE_MAX, SUM_LIMIT, halves, lane, portable};

    const MOST_COLUMNS: usize = 328;
    const MOST_GROUPS: usize = 5;
    const MOST_HALVES: usize = 2048;
    const MOST_UNITS: usize = 70;

    #[repr(align(16))]
    struct Aligned<T>(T);

    /// Where the kernel and the definition part; a GRU's gates have no columns.
    #[derive(Debug)]
    #[allow(dead_code, reason = "shown by Debug")]
    pub struct Difference {
        columns: usize,
        groups: usize,
        pattern: Pattern,
        row: usize,
        found: i32,
        expected: i32,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Pattern {
        Random,
        /// All weights and activations as large as the proof allows, of one sign.
        Largest,
        /// The same, of random signs.
        Extremes,
        /// Activations that no word boundary starts.
        Unaligned,
    }

    /// A linear congruential generator: Knuth's MMIX.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 32) as u32
        }

        /// −`most` to `most`.
        fn within(&mut self, most: u32) -> i32 {
            (self.next() % (2 * most + 1)) as i32 - most as i32
        }

        fn of(&mut self, pattern: Pattern, most: u32) -> i32 {
            match pattern {
                Pattern::Random | Pattern::Unaligned => self.within(most),
                Pattern::Largest => most as i32,
                Pattern::Extremes if self.next() & 1 == 0 => -(most as i32),
                Pattern::Extremes => most as i32,
            }
        }
    }

    /// Maps of many shapes; how many there were.
    pub fn all() -> Result<u32, Difference> {
        let mut random = Random(1);
        let mut maps = 0;
        for columns in (8..=MOST_COLUMNS).step_by(8) {
            for groups in 1..=MOST_GROUPS {
                for pattern in [Pattern::Random, Pattern::Largest, Pattern::Extremes, Pattern::Unaligned] {
                    if halves(4 * groups, columns) <= MOST_HALVES {
                        one(columns, groups, pattern, &mut random)?;
                        maps += 1;
                    }
                }
            }
        }
        for hidden in 1..=MOST_UNITS {
            gates(hidden, &mut random)?;
        }
        Ok(maps)
    }

    /// A GRU's gates.
    fn gates(hidden: usize, random: &mut Random) -> Result<(), Difference> {
        let mut sums = [0i32; 4 * MOST_UNITS];
        let mut found = [0i16; MOST_UNITS];
        // Of all magnitudes up to 2³⁰: sums of n are added once more.
        sums.iter_mut().for_each(|sum| *sum = (random.next() as i32 >> 2) >> (random.next() % 24));
        found.iter_mut().for_each(|unit| *unit = random.next() as i16);
        let (mut again, mut expected) = (sums, found);
        gru::update(hidden, &mut sums, found.get_mut(..hidden).unwrap_or(&mut []));
        let (r, rest) = again.split_at_mut_checked(hidden).unwrap_or_default();
        let (z, rest) = rest.split_at_mut_checked(hidden).unwrap_or_default();
        let (n, state) = rest.split_at_mut_checked(hidden).unwrap_or_default();
        gru::portable(r, z, n, state, expected.get_mut(..hidden).unwrap_or(&mut []));
        for (row, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            if found != expected {
                let (found, expected) = (found.into(), expected.into());
                return Err(Difference {
                    columns: 0,
                    groups: 0,
                    pattern: Pattern::Random,
                    row,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }

    fn one(columns: usize, groups: usize, pattern: Pattern, random: &mut Random) -> Result<(), Difference> {
        let mut words = Aligned([0u16; MOST_HALVES]);
        let mut x = Aligned([0i16; MOST_COLUMNS + 1]);
        let words = words.0.get_mut(..halves(4 * groups, columns)).unwrap_or(&mut []);
        for group in words.chunks_mut(2 * columns + 12) {
            for (at, word) in group.iter_mut().enumerate() {
                *word = match at.checked_sub(2 * columns) {
                    None => lane(random.of(pattern, 127) as i8, random.of(pattern, 127) as i8),
                    // Upper halves of biases: below 2³⁰.
                    Some(1 | 3 | 5 | 7) => random.within(0x3FFF) as u16,
                    Some(..8) => random.next() as u16,
                    Some(_) => random.next() as u16 & SCALE_MAX,
                };
            }
        }
        let limit = (SUM_LIMIT - 1) / (127 * columns as u32);
        x.0.iter_mut().for_each(|x| *x = random.of(pattern, limit) as i16);
        let start = usize::from(pattern == Pattern::Unaligned);
        let x = x.0.get(start..start + columns).unwrap_or(&[]);
        let Some(map) = Affine::new(columns, words) else { return Ok(()) };
        // Room for rows that the map does not have, or for some of its last group.
        let rows = 4 * groups + 2 - random.next() as usize % 5;
        let mut found = [7i32; 4 * MOST_GROUPS + 2];
        let mut expected = found;
        map.apply(black_box(x), found.get_mut(..rows).unwrap_or(&mut []));
        portable(&map, x, expected.get_mut(..rows).unwrap_or(&mut []));
        for (row, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
            if found != expected {
                return Err(Difference { columns, groups, pattern, row, found, expected });
            }
        }
        Ok(())
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs on a chip: `cargo test -p tests --test kernels` boots it on every board");
}
