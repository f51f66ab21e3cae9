//! Affine maps, the work of a step: the definition, and the kernel of the core at hand.
//!
//! An [`Affine`] map of R×C weights of i8 (−127..=127) computes
//!
//! ```text
//! sum[r] = Σ_c w[r][c] · x[c]
//! y[r]   = bias[r] + scale[r] · ⌊sum[r] / 256⌋
//! ```
//!
//! The export adds the floor's average loss to the biases.
//!
//! # Layout
//!
//! Weights lie in the order in which the kernels read them. Rows are padded to [`ROW_UNIT`] and columns
//! to [`COLUMN_UNIT`] with weights of zero. Each group of four rows is
//!
//! | bytes | content |
//! |---|---|
//! | C/8 × 32 | for each eight columns, 16 halves of two weights |
//! | 16 | 4 biases, i32 |
//! | 8 | 4 scales, u16, 32,767 at most |
//!
//! There are two [layouts](Layout) of the halves, and the file's header names that of its maps. Files are written in
//! pairs, which the PC reads; `image` converts a file for a chip whose core reads quads. A reader refuses the layout
//! that it does not read.
//!
//! # Pairs
//!
//! Rows 2p and 2p + 1 are a pair and share 16-bit lanes `256·w[2p][c] + w[2p+1][c]`: multiplying a lane by an
//! activation makes two products at once. For eight columns, the 8 lanes of the first pair come before those of the
//! second.
//!
//! # Quads
//!
//! Column by column, four bytes `w[r][c] + 128` of the four rows. They form a word whose product with an activation
//! contains all four rows' products.
//!
//! # Why two rows in a lane are exact
//!
//! Over a row, `lane · x` sums to 256·high + low and the lane's low byte times x, with its sign, to low. Their
//! difference is 256·high, which fits 32 bits since |Σ w·x| < [`SUM_LIMIT`] = 2²³; anything else that wraps, wraps in
//! both.
//!
//! # Cost
//!
//! In instructions; a multiple load or a vector instruction counts as one. Each kernel's page derives its figure.
//!
//! | kernel | cores | 8 columns of 4 rows | per MAC | end of 4 rows |
//! |---|---|---|---|---|
//! | `dsp` | Cortex-M4, M7, M33 | 27, and 3 for every four eights | 0.844 | 15 |
//! | `mve` | Cortex-M55 | 7.5 | 0.234 | 13 |
//! | `wasm` | WebAssembly with 128-bit vectors | 13 and 3 for the loop | 0.5 | 16 |
//! | `x86` | x86-64 with AVX2 | 7 and 2 for the loop | 0.28 | 14 |
//! | `armv7m`, quads | Cortex-M3 | 52 | 1.625 | 23 |
//! | `armv6m`, quads | Cortex-M0, M0+ | 80 | 2.5 | 51 |
//! | `riscv`, quads | RV32IM, 16 rows together | 83.5 | 2.609 | 40 |
//!
//! # Overflow
//!
//! [`Affine::prove`] shows, when a model file is opened, that Σ |w|·|x| < 2²³ for every row, so that
//! |⌊sum / 256⌋| ≤ 2¹⁵ and its product with a scale is below 2³⁰, and that y stays in an i32.

#[cfg(not(any(kernel = "portable", kernel = "x86", kernel = "wasm")))]
#[allow(unsafe_code)]
mod assembly;
mod target;
#[cfg(kernel = "wasm")]
#[allow(unsafe_code)]
mod wasm;
#[cfg(kernel = "x86")]
#[allow(unsafe_code)]
mod x86;

#[cfg(all(target_arch = "arm", target_os = "none", not(kernel = "armv6m")))]
#[allow(unsafe_code)]
mod saturate;
#[cfg(all(target_arch = "arm", target_os = "none", not(kernel = "armv6m")))]
pub use saturate::saturate9;
pub use target::CFGS;

/// The nearest of −256 to 255.
#[cfg(not(all(target_arch = "arm", target_os = "none", not(kernel = "armv6m"))))]
#[inline(always)]
#[must_use]
pub const fn saturate9(value: i32) -> i32 {
    // One comparison finds both ends.
    if value.wrapping_add(256).cast_unsigned() < 512 { value } else { (value >> 31) ^ 255 }
}

#[cfg(all(kernel = "dsp", not(telltale_dsp)))]
pub use saturate::blend;

/// `low · (2¹⁵ − p) + high · p` of the halves of `pair`, 0 to 32,767 each; p is 2 · `part` + 1, and `part` 0 to
/// 2¹⁴ − 1.
#[cfg(not(all(kernel = "dsp", not(telltale_dsp))))]
#[inline(always)]
#[must_use]
pub const fn blend(pair: u32, part: i32) -> i32 {
    let (low, high) = ((pair & 0xFFFF).cast_signed(), (pair >> 16).cast_signed());
    (low << 15) + (high - low) * (2 * part + 1)
}

#[cfg(any(kernel = "armv6m", kernel = "riscv"))]
pub(crate) use assembly::gru::gru;
#[cfg(kernel = "mve")]
pub(crate) use assembly::{
    mve_gru::gru,
    mve_vector::{add_row, average, rescale_means, rescale_row, rescale_units},
};
#[cfg(kernel = "x86")]
pub(crate) use x86::gru;
#[cfg(not(kernel = "mve"))]
mod none;
#[cfg(not(any(kernel = "mve", kernel = "armv6m", kernel = "riscv", kernel = "x86")))]
pub(crate) use none::gru;
#[cfg(not(kernel = "mve"))]
pub(crate) use none::{add_row, average, rescale_means, rescale_row, rescale_units};

/// Rows come in groups of four: two pairs, or a quad.
pub const ROW_UNIT: usize = 4;

/// Columns come in eights: their activations are a vector register of Helium, four words of the others.
pub const COLUMN_UNIT: usize = 8;

/// The largest width of a word's embedding, a layer or a hidden layer of the head.
pub const MAX_WIDTH: usize = 1024;

/// Σ |w|·|x| of a row stays below this.
pub const SUM_LIMIT: u32 = 1 << 23;

/// The largest scale.
pub const SCALE_MAX: u16 = i16::MAX as u16;

/// The most rows or columns of a map, including padding.
const SIZE_MAX: usize = 1 << 15;

/// A sum enters its product with the scale divided by 2 to this power.
pub const SUM_SHIFT: u32 = 8;

/// The u16 after the weights of a group: 4 biases and 4 scales.
const TAIL: usize = 12;

/// How the weights of a group are laid out: see [above](self#layout).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Layout {
    /// Lanes of two rows, for cores that multiply two of them at once.
    Pairs = 0,
    /// Words of four rows, for cores that multiply words.
    Quads = 1,
}

impl Layout {
    /// The layout that this program reads.
    pub const OWN: Self = if cfg!(quads) { Self::Quads } else { Self::Pairs };

    /// The layout that programs for a target read, given its triple and the compiler's flags.
    #[must_use]
    pub fn of_target(target: &str, flags: &[impl AsRef<str>]) -> Self {
        let set = |name: &str| flags.iter().any(|flag| flag.as_ref().contains(name));
        let [dsp, mve] = CFGS.map(set);
        let kernel = target::kernel_of(target, dsp, mve, false);
        if kernel.quads { Self::Quads } else { Self::Pairs }
    }
}

/// A quantised affine map, borrowed from the model file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Affine<'a> {
    /// C, padded to [`COLUMN_UNIT`].
    columns: u16,
    /// R, padded to [`ROW_UNIT`].
    rows: u16,
    /// \[R/4\] groups of 2C halves and [`TAIL`], on a word's boundary.
    groups: &'a [u16],
}

/// `size` rounded up to a multiple of `unit`.
#[must_use]
pub const fn padded(size: usize, unit: usize) -> usize {
    size.div_ceil(unit) * unit
}

/// The u16 that a map of `rows` and `columns` takes.
#[must_use]
pub const fn halves(rows: usize, columns: usize) -> usize {
    rows.div_ceil(ROW_UNIT) * group_halves(padded(columns, COLUMN_UNIT))
}

/// 2C + [`TAIL`] of padded `columns`: 2C is a multiple of 16, so that OR adds them without a carry, and compilers see
/// that the result is never zero.
const fn group_halves(columns: usize) -> usize {
    (2 * columns) | TAIL
}

impl<'a> Affine<'a> {
    /// Its groups, in place.
    #[cfg(feature = "std")]
    pub(crate) const fn groups_in_place(&self) -> &'a [u16] {
        self.groups
    }

    /// Its groups in quads, if they are in pairs.
    #[cfg(any(test, feature = "std"))]
    pub(crate) fn in_quads(&self) -> std::vec::Vec<u16> {
        self.relaid(|pairs| {
            core::array::from_fn(|at| {
                let lane = pairs[at % 2 * COLUMN_UNIT + at / 2];
                let [even, odd] = [0, 1].map(|row| weight_of_lane(lane, row) as i8);
                bytes(even, odd)
            })
        })
    }

    /// Its groups in pairs, if they are in quads.
    #[cfg(any(test, feature = "std"))]
    pub(crate) fn in_pairs(&self) -> std::vec::Vec<u16> {
        self.relaid(|quads| {
            core::array::from_fn(|at| {
                let half = quads[at % COLUMN_UNIT * 2 + at / COLUMN_UNIT];
                let [even, odd] = half.to_le_bytes().map(|byte| (byte ^ 128).cast_signed());
                lane(even, odd)
            })
        })
    }

    /// Its groups, each eight columns of four rows laid out anew.
    #[cfg(any(test, feature = "std"))]
    fn relaid(&self, lay_out: impl Fn(Eight) -> Eight) -> std::vec::Vec<u16> {
        let mut groups = self.groups.to_vec();
        for group in groups.chunks_exact_mut(group_halves(self.columns())) {
            let eights = group.split_at_mut(2 * self.columns()).0;
            eights.as_chunks_mut().0.iter_mut().for_each(|eight| *eight = lay_out(*eight));
        }
        groups
    }

    /// A map of `columns`, which are padded, from its groups, which start on a word's boundary; `None` if the
    /// length does not fit or a size is above [`SIZE_MAX`]. Without columns there are no rows.
    #[must_use]
    pub fn new(columns: usize, groups: &'a [u16]) -> Option<Self> {
        let columns = padded(columns, COLUMN_UNIT);
        let rows = groups.len() / group_halves(columns) * ROW_UNIT;
        let sound = (columns > 0 || groups.is_empty())
            && groups.len() == halves(rows, columns)
            && columns.max(rows) <= SIZE_MAX
            && groups.as_ptr().addr().is_multiple_of(4);
        sound.then_some(Self { columns: columns as u16, rows: rows as u16, groups })
    }

    /// Rows, including padding.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Columns, including padding.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns as usize
    }

    /// The map from the group of row `first` on.
    #[must_use]
    pub fn from_row(&self, first: usize) -> Self {
        let first = first / ROW_UNIT * ROW_UNIT;
        let groups = self.groups.get(halves(first, self.columns())..).unwrap_or(&[]);
        Self { rows: self.rows.saturating_sub(first as u16), groups, ..*self }
    }

    fn groups(&self) -> impl Iterator<Item = Group<'a>> {
        let columns = self.columns();
        self.groups.chunks_exact(group_halves(columns)).filter_map(move |group| {
            let (eights, tail) = group.split_at_checked(2 * columns)?;
            Some(Group { eights: eights.as_chunks().0, tail: tail.first_chunk()? })
        })
    }

    /// `y[r] = bias[r] + scale[r] · ⌊Σ_c w[r][c] · x[c] / 256⌋`, for as many groups of four rows, including padding, as
    /// both `y` and the map have.
    ///
    /// `x` has [`Self::columns`] entries, zero where padded, of magnitudes within the limits given to [`Self::prove`],
    /// and starts on a word's boundary; otherwise nothing is done.
    #[inline]
    pub fn apply(&self, x: &[i16], y: &mut [i32]) {
        #[cfg(kernel = "portable")]
        portable(self, x, y);
        #[cfg(kernel = "x86")]
        x86::apply(self, x, y);
        #[cfg(kernel = "wasm")]
        wasm::apply(self, x, y);
        #[cfg(not(any(kernel = "portable", kernel = "x86", kernel = "wasm")))]
        assembly::apply(self, x, y);
    }

    /// Whether [`Self::apply`] accepts `x`.
    #[inline(always)]
    fn takes(&self, x: &[i16]) -> bool {
        x.len() >= self.columns() && x.as_ptr().addr().is_multiple_of(4)
    }

    /// Proves that nothing overflows while |x\[c\]| is at most `limits[0]` for `c < split` and `limits[1]` from there
    /// on, that no weight has a magnitude of 128, and that |y| stays below `most`, which is 2³¹ at most.
    ///
    /// # Errors
    /// The first row that could overflow.
    #[inline(never)]
    pub fn prove(&self, split: usize, limits: [u32; 2], most: u32) -> Result<(), usize> {
        for (number, group) in self.groups().enumerate() {
            for row in 0..ROW_UNIT {
                let mut reach = 0u32;
                for (number, eight) in group.eights.iter().enumerate() {
                    let limit = u64::from(if number * COLUMN_UNIT < split { limits[0] } else { limits[1] });
                    // A magnitude of 128 counts as SUM_LIMIT: kernels rely on there being none.
                    let magnitude = |weight: i32| weight.unsigned_abs() | (weight.unsigned_abs() & 128) << 16;
                    let sum: u32 = weights(eight, row).map(magnitude).sum();
                    let sum = u64::from(reach) + u64::from(sum) * limit;
                    reach = sum.min(SUM_LIMIT.into()) as u32;
                }
                let scale = group.scale(row);
                if reach >= SUM_LIMIT
                    || scale > SCALE_MAX
                    || result_limit(reach, group.bias(row), scale) >= most
                {
                    return Err(number * ROW_UNIT + row);
                }
            }
        }
        Ok(())
    }
}

/// Eight columns of four rows.
type Eight = [u16; 2 * COLUMN_UNIT];

/// Four rows.
struct Group<'a> {
    /// \[C/8\]
    eights: &'a [Eight],
    tail: &'a [u16; TAIL],
}

impl Group<'_> {
    fn bias(&self, row: usize) -> i32 {
        let half = |at: usize| u32::from(self.tail.get(at).copied().unwrap_or(0));
        (half(2 * row) | half(2 * row + 1) << 16) as i32
    }

    fn scale(&self, row: usize) -> u16 {
        self.tail.get(2 * ROW_UNIT + row).copied().unwrap_or(0)
    }
}

/// The bound of |y| while |sum| ≤ `reach` < [`SUM_LIMIT`] and `scale` ≤ [`SCALE_MAX`].
#[must_use]
pub const fn result_limit(reach: u32, bias: i32, scale: u16) -> u32 {
    bias.unsigned_abs() + ((reach >> SUM_SHIFT) + 1) * scale as u32
}

/// The half that holds `first`, a weight of an even row, and `second`, that of the row after it.
#[must_use]
pub const fn half(first: i8, second: i8) -> u16 {
    match Layout::OWN {
        Layout::Pairs => lane(first, second),
        Layout::Quads => bytes(first, second),
    }
}

/// Two rows of pairs. No weight is −128, which could not be recovered.
const fn lane(high: i8, low: i8) -> u16 {
    (high as i16 * 256).wrapping_add(low as i16) as u16
}

/// Two rows of quads.
const fn bytes(first: i8, second: i8) -> u16 {
    u16::from_le_bytes([first.cast_unsigned() ^ 128, second.cast_unsigned() ^ 128])
}

/// The weight of `row` in the half that it shares.
#[inline(always)]
#[must_use]
pub const fn weight(half: u16, row: usize) -> i32 {
    match Layout::OWN {
        Layout::Pairs => weight_of_lane(half, row),
        Layout::Quads => (if row.is_multiple_of(2) { half & 255 } else { half >> 8 }) as i32 - 128,
    }
}

#[inline(always)]
const fn weight_of_lane(lane: u16, row: usize) -> i32 {
    let low = lane as i8 as i32;
    if row.is_multiple_of(2) { (lane as i16 as i32 - low) >> 8 } else { low }
}

/// The weights of a row of pairs.
#[cfg(not(quads))]
#[inline(always)]
fn weights(eight: &Eight, row: usize) -> impl Iterator<Item = i32> {
    eight.iter().skip(row / 2 * COLUMN_UNIT).take(COLUMN_UNIT).map(move |&half| weight(half, row))
}

/// The weights of a row of quads.
#[cfg(quads)]
#[inline(always)]
fn weights(eight: &Eight, row: usize) -> impl Iterator<Item = i32> {
    eight.iter().skip(row / 2).step_by(2).map(move |&half| weight(half, row))
}

/// The definition. Every other kernel computes the same integers.
pub fn portable(map: &Affine<'_>, x: &[i16], y: &mut [i32]) {
    if !map.takes(x) {
        return;
    }
    for (group, y) in map.groups().zip(y.as_chunks_mut::<ROW_UNIT>().0) {
        let mut sums = [0i32; ROW_UNIT];
        for (eight, x) in group.eights.iter().zip(x.as_chunks::<COLUMN_UNIT>().0) {
            for (row, sum) in sums.iter_mut().enumerate() {
                for (weight, &x) in weights(eight, row).zip(x) {
                    *sum = sum.wrapping_add(weight.wrapping_mul(x.into()));
                }
            }
        }
        for (row, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
            let scaled = (sum >> SUM_SHIFT).wrapping_mul(group.scale(row).into());
            *y = group.bias(row).wrapping_add(scaled);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bytes of a map in a section: rows and columns padded, then zeros up to a multiple of 16.
    pub(crate) fn map_bytes(weights: &[Vec<i8>], bias: &[i32], scales: &[u16]) -> Vec<u8> {
        let (rows, columns) = (padded(weights.len(), ROW_UNIT), padded(weights[0].len(), COLUMN_UNIT));
        let mut plain = Plain { weights: weights.to_vec(), bias: bias.to_vec(), scales: scales.to_vec() };
        plain.weights.resize(rows, Vec::new());
        plain.weights.iter_mut().for_each(|row| row.resize(columns, 0));
        plain.bias.resize(rows, 0);
        plain.scales.resize(rows, 0);
        let mut bytes = bytemuck::cast_slice(&packed(&plain, columns)).to_vec();
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        bytes
    }

    #[test]
    fn layouts_are_known_by_target() {
        for (target, flags, layout) in [
            ("thumbv6m-none-eabi", &[][..], Layout::Quads),
            ("thumbv7m-none-eabi", &[], Layout::Quads),
            ("thumbv7em-none-eabi", &[], Layout::Pairs),
            ("thumbv8m.main-none-eabi", &[], Layout::Quads),
            ("thumbv8m.main-none-eabi", &["--cfg", "telltale_dsp"], Layout::Pairs),
            ("thumbv8m.main-none-eabi", &["--cfg telltale_mve"], Layout::Pairs),
            ("x86_64-unknown-linux-gnu", &[], Layout::Pairs),
            ("riscv32imac-unknown-none-elf", &[], Layout::Quads),
        ] {
            assert_eq!(Layout::of_target(target, flags), layout, "{target} {flags:?}");
        }
        assert_eq!(Layout::OWN, Layout::Pairs, "files are in pairs");
    }

    #[test]
    fn lanes_hold_two_weights() {
        for high in -127..=127 {
            for low in -127..=127 {
                let lane = lane(high, low);
                assert_eq!(lane as i16, i16::from(high) * 256 + i16::from(low));
                assert_eq!((weight(lane, 0), weight(lane, 1)), (i32::from(high), i32::from(low)));
            }
        }
    }

    /// What a map is made of.
    struct Plain {
        weights: Vec<Vec<i8>>,
        bias: Vec<i32>,
        scales: Vec<u16>,
    }

    fn packed(plain: &Plain, columns: usize) -> Vec<u16> {
        let mut halves = Vec::new();
        for (group, first) in plain.weights.chunks(4).zip((0..).step_by(4)) {
            for eight in (0..columns).step_by(8) {
                for pair in group.chunks(2) {
                    halves.extend((eight..eight + 8).map(|c| lane(pair[0][c], pair[1][c])));
                }
            }
            for bias in &plain.bias[first..first + 4] {
                halves.extend([*bias as u16, (*bias >> 16) as u16]);
            }
            halves.extend(&plain.scales[first..first + 4]);
        }
        halves
    }

    proptest! {
        #[test]
        fn a_map_is_what_it_says(
            groups in 1usize..5, eights in 1usize..20, seed in any::<u64>(), short in 0usize..4,
        ) {
            let (rows, columns) = (groups * 4, eights * 8);
            let mut random = seed;
            let mut next = |range: i32| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((random >> 33) % (2 * range as u64 + 1)) as i32 - range
            };
            // Even where all weights are 127 and all x at their limit, the sums are below 2²³.
            let limit = (i32::try_from(SUM_LIMIT).expect("small") - 1) / (127 * columns as i32);
            let plain = Plain {
                weights: (0..rows).map(|_| (0..columns).map(|_| next(127) as i8).collect()).collect(),
                bias: (0..rows).map(|_| next((1 << 30) - 1)).collect(),
                scales: (0..rows).map(|_| next(32_767).unsigned_abs() as u16).collect(),
            };
            let x: Vec<i16> = (0..columns).map(|_| next(limit) as i16).collect();
            let words = packed(&plain, columns);
            prop_assert_eq!(words.len(), halves(rows - 1, columns - 7));
            let map = Affine::new(columns - 7, &words).expect("lengths fit");
            prop_assert_eq!((map.rows(), map.columns()), (rows, columns));
            let mut y = vec![5; rows - short];
            map.apply(&x, &mut y);
            // Whole groups only.
            let whole = y.len() / 4 * 4;
            prop_assert!(y[whole..].iter().all(|&y| y == 5));
            let sums: Vec<i32> = plain.weights.iter().map(|row| {
                row.iter().zip(&x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum()
            }).collect();
            for (row, &y) in y[..whole].iter().enumerate() {
                let floor = sums[row].div_euclid(256);
                prop_assert_eq!(y, plain.bias[row] + floor * i32::from(plain.scales[row]));
            }
            let mut defined = vec![5; rows - short];
            portable(&map, &x, &mut defined);
            prop_assert_eq!(&y, &defined);
            // What is too short or between words changes nothing.
            let mut same = y.clone();
            map.apply(&x[1..], &mut same);
            let more: Vec<i16> = [0].into_iter().chain(x.iter().copied()).collect();
            map.apply(&more[1..], &mut same);
            prop_assert_eq!(&y, &same);
            // The rows behind a group's are its own.
            let first = seed as usize % rows;
            let mut behind = vec![5; rows];
            let rest = map.from_row(first);
            rest.apply(&x, &mut behind);
            let mut all = vec![5; rows];
            map.apply(&x, &mut all);
            prop_assert_eq!(rest.rows(), rows - first / 4 * 4);
            prop_assert_eq!(&behind[..rest.rows()], &all[first / 4 * 4..]);
            prop_assert_eq!(map.prove(8, [limit as u32; 2], 1 << 31), Ok(()));
            // Quads: the same weights column by column, and the same tails.
            let quads = map.in_quads();
            prop_assert_eq!(&Affine::new(columns, &quads).expect("as long").in_pairs(), &words);
            for (group, (quads, pairs)) in
                quads.chunks(2 * columns + TAIL).zip(words.chunks(2 * columns + TAIL)).enumerate()
            {
                prop_assert_eq!(&quads[2 * columns..], &pairs[2 * columns..]);
                for (column, word) in quads[..2 * columns].chunks(2).enumerate() {
                    let bytes = [word[0].to_le_bytes(), word[1].to_le_bytes()].concat();
                    for (row, byte) in bytes.into_iter().enumerate() {
                        prop_assert_eq!(i32::from(byte) - 128, i32::from(plain.weights[4 * group + row][column]));
                    }
                }
            }
            // The proof fails exactly where a row reaches the limit.
            let reach = |row: usize, limit: u32| -> u64 {
                plain.weights[row].iter().map(|&w| u64::from(w.unsigned_abs()) * u64::from(limit)).sum()
            };
            let most = (0..rows).map(|row| reach(row, 1)).max().expect("rows").max(1);
            let least = (u64::from(SUM_LIMIT).div_ceil(most)) as u32;
            let first = (0..rows).find(|&row| reach(row, least) >= u64::from(SUM_LIMIT));
            prop_assert_eq!(map.prove(0, [0, least], 1 << 31), first.map_or(Ok(()), Err));
            prop_assert_eq!(map.prove(0, [u32::MAX, least - 1], 1 << 31), Ok(()));
        }
    }

    #[test]
    fn large_results_and_scales_are_refused() {
        for (bias, scale, weight, most, sound) in [
            (0, 32_767, 0, 1 << 31, true),
            (0, 32_768, 0, 1 << 31, false),
            (i32::MIN, 0, 0, 1 << 31, false),
            (i32::MIN + 1, 0, 0, 1 << 31, true),
            (1000, 10, 127, 1071, true),
            (-1000, 10, 127, 1070, false),
            (0, 1, -127, 1 << 31, true),
            (0, 1, -128, 1 << 31, false),
        ] {
            let mut plain = Plain {
                weights: vec![vec![0; 8]; 4],
                bias: vec![0, 0, bias, 0],
                scales: vec![0, 0, scale, 0],
            };
            plain.weights[2][5] = weight;
            let words = packed(&plain, 8);
            let map = Affine::new(8, &words).expect("lengths fit");
            // 127 · 13 is a little above six times 256.
            assert_eq!(map.prove(8, [13, 1], most), if sound { Ok(()) } else { Err(2) }, "{bias} {scale}");
        }
    }
}
