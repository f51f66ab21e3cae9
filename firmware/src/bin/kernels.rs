//! Compares the core's kernels, of affine maps, of a GRU's gates, of embedding rows, of folded rows, of vectors rescaled
//! and averaged, with the portable ones or the formulas that define the results.
//!
//! Says `passed <maps>` or what differed, then `end`.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
firmware::stops_on_panic!();

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
    firmware::measure::end(&mut uart)
}

#[cfg(target_os = "none")]
mod compare {
    use core::hint::black_box;

    use telltale::engine::cell::gru;
    use telltale::engine::embedding::Embedding;
    use telltale::engine::fixed::round_shift;
    use telltale::engine::format::Pooling;
    use telltale::engine::kernel::{Affine, SCALE_MAX, SUM_LIMIT, half, halves, portable};
    use telltale::engine::pooling::{Pooled, take};

    const MOST_COLUMNS: usize = 328;
    const MOST_GROUPS: usize = 5;
    const MOST_HALVES: usize = 2048;
    const MOST_UNITS: usize = 70;

    #[repr(align(16))]
    struct Aligned<T>(T);

    /// Where the kernel and the definition part; a GRU's gates and vectors have no columns.
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
            vectors(hidden, &mut random)?;
            rows(hidden, &mut random)?;
            folded(hidden, &mut random)?;
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
        same(found.iter().copied().map(i32::from), expected.iter().copied().map(i32::from))
    }

    /// A vector of units rescaled, one of means rescaled, and one taken into its mean.
    fn vectors(count: usize, random: &mut Random) -> Result<(), Difference> {
        let mut units = [0i16; MOST_UNITS];
        let mut means = [0i32; MOST_UNITS];
        units.iter_mut().for_each(|unit| *unit = random.next() as i16);
        means.iter_mut().for_each(|mean| *mean = random.next() as i32 >> 1);
        let (of_units, of_means) = (units.get(..count).unwrap_or(&[]), means.get(..count).unwrap_or(&[]));
        let shift = random.next() % 15;
        let mut x = [7i16; MOST_UNITS + 8];
        Pooled::Units(of_units).rescale(shift, &mut x);
        let expected = of_units.iter().map(|&unit| round_shift(unit.into(), shift));
        same(x.iter().map(|&x| x.into()), padded_with_zeros(expected, count))?;
        Pooled::Means(of_means).rescale(shift, &mut x);
        let expected = of_means.iter().map(|&mean| round_shift(mean, 15 + shift));
        same(x.iter().map(|&x| x.into()), padded_with_zeros(expected, count))?;
        let words = 2 + random.next() as u16 % 1000;
        let log = words.ilog2();
        let reciprocal = (((1i32 << (15 + log)) + i32::from(words / 2)) / i32::from(words)).min(32_767);
        let mut found = means;
        take(Pooling::Mean, found.get_mut(..count).unwrap_or(&mut []), &units, words);
        let expected = of_means.iter().zip(&units).map(|(&mean, &unit)| {
            let difference = (i32::from(unit) << 15).wrapping_sub(mean) >> 16;
            mean + ((difference * reciprocal) >> (log - 1))
        });
        same(found.iter().copied(), expected.chain(means.iter().skip(count).copied()))
    }

    /// An embedding of one random row.
    struct Row {
        section: Aligned<[u8; 12 + MOST_UNITS.next_multiple_of(4)]>,
        /// Bytes of the section.
        len: usize,
        multiplier: i32,
        shift: u32,
    }

    impl Row {
        fn new(width: usize, bits: usize, random: &mut Random) -> Self {
            let size = (width * bits).div_ceil(8);
            let (multiplier, shift) = (random.next() as u8, random.next() % 15);
            let mut section = Aligned([0; 12 + MOST_UNITS.next_multiple_of(4)]);
            let head = [1, 0, 0, 0, width as u8, 0, bits as u8, shift as u8, multiplier, 0, 0, 0];
            let row = core::iter::repeat_with(|| random.next() as u8).take(size);
            section.0.iter_mut().zip(head.into_iter().chain(row)).for_each(|(to, from)| *to = from);
            Self { section, len: 12 + size.next_multiple_of(4), multiplier: multiplier.into(), shift }
        }

        fn section(&self) -> &[u8] {
            self.section.0.get(..self.len).unwrap_or(&[])
        }

        fn byte(&self, at: usize) -> u8 {
            self.section.0.get(12 + at).copied().unwrap_or(0)
        }
    }

    /// An embedding row of `width` weights of 8 bits and one of 4 bits, looked up.
    fn rows(width: usize, random: &mut Random) -> Result<(), Difference> {
        for bits in [8, 4] {
            let row = Row::new(width, bits, random);
            let mut x = [7i16; MOST_UNITS + 8];
            if let Ok(embedding) = Embedding::open(row.section(), false) {
                embedding.look_up(0, black_box(&mut x));
            }
            let expected = (0..width).map(|at| {
                let byte = row.byte(at * bits / 8);
                let weight = match (bits, at % 2) {
                    (8, _) => byte as i8,
                    (_, 0) => (byte << 4) as i8 >> 4,
                    _ => byte as i8 >> 4,
                };
                round_shift(i32::from(weight) * row.multiplier, row.shift)
            });
            same(x.iter().map(|&x| x.into()), padded_with_zeros(expected, width))?;
        }
        Ok(())
    }

    /// A folded row, added to sums.
    fn folded(width: usize, random: &mut Random) -> Result<(), Difference> {
        let row = Row::new(width, 8, random);
        let mut before = [0i32; MOST_UNITS + 2];
        before.iter_mut().for_each(|sum| *sum = random.next() as i32 >> 1);
        let mut sums = before;
        if let Ok(embedding) = Embedding::open(row.section(), true) {
            embedding.add(0, 0, black_box(&mut sums));
        }
        let added = (0..width).map(|at| (i32::from(row.byte(at) as i8) * row.multiplier) << row.shift);
        let expected = before.iter().zip(added.chain([0; 2])).map(|(sum, added)| sum + added);
        same(sums.iter().copied(), expected)
    }

    /// Zeros up to a multiple of 8 behind `count` entries.
    fn padded_with_zeros(entries: impl Iterator<Item = i32>, count: usize) -> impl Iterator<Item = i32> {
        entries.chain(core::iter::repeat_n(0, count.next_multiple_of(8) - count))
    }

    fn same(found: impl Iterator<Item = i32>, expected: impl Iterator<Item = i32>) -> Result<(), Difference> {
        for (row, (found, expected)) in found.zip(expected).enumerate() {
            if found != expected {
                let pattern = Pattern::Random;
                return Err(Difference { columns: 0, groups: 0, pattern, row, found, expected });
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
                    None => half(random.of(pattern, 127) as i8, random.of(pattern, 127) as i8),
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
