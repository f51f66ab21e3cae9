//! One recurrent layer: its section, its step, its cells.
//!
//! Letters: E inputs, H hidden units, G gate blocks of H rows each.
//!
//! | cell | G | gate order | sums | state |
//! |---|---|---|---|---|
//! | [`rnn`] | 1 | | H | h |
//! | [`gru`] | 3 | r, z, n | 4 for each of a block of units: r, z, n of the input, n of the state | h |
//! | [`lstm`] | 4 | i, f, g, o | 4H | h, c |
//! | [`fastgrnn`] | 1 | | H | h |
//!
//! `x` comes scaled from the [embedding](crate::embedding), or as round(h / 2^`input shift`) from the layer below; the
//! layer's own state enters as round(h / 2^`state shift`). Both lie side by side, each padded to eights, so that one
//! [affine map](crate::kernel) makes all sums of both; only a GRU's n keeps the contributions of input and state apart.
//! The cell turns the sums into the next state; they are in steps of 2^−[`SUM_FRACTION`], those that enter tanh scaled
//! up as documented for the cell.
//!
//! Above a [folded embedding](crate::embedding#folded) the first layer has no input columns: E is 0. The embedding adds
//! the input's contribution to sums that the map has made from the state alone; those of a GRU's n of the input start
//! at zero.
//!
//! # Section
//!
//! | bytes | content |
//! |---|---|
//! | 1 | cell: 1 rnn, 2 gru, 3 lstm, 4 fastgrnn |
//! | 1 | 0 |
//! | 1 | input shift, 0 to 14; 0 for the first layer |
//! | 1 | state shift, 0 to 14 |
//! | 2 | E, u16; 0 above a folded embedding |
//! | 2 | H, u16 |
//! | 1 | lstm: c is in steps of 2^(this − 15), 0 to 4; otherwise 0 |
//! | 3 | 0 |
//! | 2 | fastgrnn: ζ in steps of 2⁻¹⁵, u16; otherwise 0 |
//! | 2 | fastgrnn: ν in steps of 2⁻¹⁵, u16, ζ + ν at most 32,767; otherwise 0 |
//! | … | [affine map](crate::kernel) of \[W U\], G·H rows (GRU: the 2H of r and z), padded to 16 |
//! | … | GRU: maps of W_n, unless E is 0, and of U_n, H rows each, each padded to 16 |
//! | 4H | fastgrnn: each unit's 2(b_z − b_h) in steps of sums, i32 below 2³⁰, padded to 16 |

pub mod fastgrnn;
pub mod gru;
pub mod lstm;
pub mod rnn;

use crate::fixed::{MAX_SHIFT, unit_limit};
use crate::format::{OpenError, SectionReader, Subject};
use crate::kernel::{Affine, COLUMN_UNIT, MAX_WIDTH, ROW_UNIT, padded};
use crate::vector::fill_units;
#[cfg(feature = "fastgrnn")]
use fastgrnn::Mix;

/// Fractional bits of a gate's sums.
pub const SUM_FRACTION: u32 = 18;

/// A GRU's units are updated this many at a time if the sums have no room for more.
pub const BLOCK: usize = 32;

/// The recurrent cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cell {
    /// Elman's, with tanh.
    Rnn = 1,
    /// Gated recurrent unit.
    Gru = 2,
    /// Long short-term memory.
    Lstm = 3,
    /// One map for gate and candidate.
    Fastgrnn = 4,
}

impl Cell {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Rnn),
            2 => Some(Self::Gru),
            3 => Some(Self::Lstm),
            4 => Some(Self::Fastgrnn),
            _ => None,
        }
    }

    /// G, the blocks of H rows in each weight matrix.
    #[must_use]
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn | Self::Fastgrnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// Blocks of H sums.
    #[must_use]
    pub const fn sums(self) -> usize {
        match self {
            Self::Rnn | Self::Fastgrnn => 1,
            Self::Gru | Self::Lstm => 4,
        }
    }

    /// Vectors of H units in the state.
    #[must_use]
    pub const fn states(self) -> usize {
        match self {
            Self::Rnn | Self::Gru | Self::Fastgrnn => 1,
            Self::Lstm => 2,
        }
    }

    /// The name used on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rnn => "rnn",
            Self::Gru => "gru",
            Self::Lstm => "lstm",
            Self::Fastgrnn => "fastgrnn",
        }
    }

    /// The feature that reads it.
    const fn feature(self) -> Subject {
        match self {
            Self::Rnn => Subject::Rnn,
            Self::Gru => Subject::Gru,
            Self::Lstm => Subject::Lstm,
            Self::Fastgrnn => Subject::Fastgrnn,
        }
    }

    /// Whether the cell is compiled in: the [feature](crate#features) of its name.
    const fn is_there(self) -> bool {
        match self {
            Self::Rnn => cfg!(feature = "rnn"),
            Self::Gru => cfg!(feature = "gru"),
            Self::Lstm => cfg!(feature = "lstm"),
            Self::Fastgrnn => cfg!(feature = "fastgrnn"),
        }
    }

    /// Whether this is `cell`, which is possible only if that is compiled in.
    const fn is(self, cell: Self) -> bool {
        self as u8 == cell as u8 && cell.is_there()
    }
}

/// A recurrent layer, borrowed from the model file.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    cell: Cell,
    input_shift: u8,
    state_shift: u8,
    cell_format: u8,
    inputs: u16,
    hidden: u16,
    /// The sums of input and state.
    both: Affine<'a>,
    /// GRU: the contributions of input and state to n.
    apart: [Affine<'a>; 2],
    /// FastGRNN: its parameters beside the map.
    #[cfg(feature = "fastgrnn")]
    mix: Mix<'a>,
}

impl<'a> Layer<'a> {
    /// Reads the section, checking every length and bound.
    ///
    /// `limit` is the largest |x| of the first layer, or the most that a folded embedding adds, below 2³⁰; `None` for
    /// the layers above.
    ///
    /// # Errors
    /// [`OpenError`] naming the layer if the section does not match the table above.
    pub fn open(section: &'a [u8], limit: Option<u32>) -> Result<Self, OpenError> {
        let mut reader = SectionReader::new(section, Subject::Layer);
        let layer = Self::read(&mut reader, limit);
        reader.end().map(|()| layer)
    }

    /// Like [`Self::open`]; errors are the reader's.
    pub(crate) fn read(reader: &mut SectionReader<'a>, limit: Option<u32>) -> Self {
        let [code, zero, input_shift, state_shift] = reader.bytes4();
        let [inputs, hidden] = reader.u16_pair();
        let [cell_format, zeros @ ..] = reader.bytes4();
        let [zeta, nu] = reader.u16_pair();
        let cell = Cell::from_code(code).unwrap_or_else(|| {
            reader.outside(code.into(), Cell::Rnn as u32, Cell::Fastgrnn as u32);
            Cell::Rnn
        });
        reader.need(cell.is_there(), cell.feature());
        let mixes = cell.is(Cell::Fastgrnn);
        reader.expect(zero == 0 && zeros == [0; 3] && (mixes || zeta + nu == 0), zeta + nu, 0);
        let folded = cfg!(feature = "fold") && inputs == 0 && limit.is_some();
        let inputs = reader.within(inputs, u32::from(!folded), MAX_WIDTH as u32) as usize;
        let hidden = reader.within(hidden, 1, MAX_WIDTH as u32) as usize;
        reader.within(input_shift.max(state_shift).into(), 0, MAX_SHIFT);
        let (input_shift, state_shift) = (input_shift & 15, state_shift & 15);
        let cell_format = reader.within(cell_format.into(), 0, 4) as u8;
        let limits =
            [limit.unwrap_or_else(|| unit_limit(input_shift.into())), unit_limit(state_shift.into())];
        let (width, depth) = (padded(inputs, COLUMN_UNIT), padded(hidden, COLUMN_UNIT));
        // Sums that enter the GRU's n are added once more, and so are FastGRNN's; a folded row is added to all.
        let added = if folded { limits[0] } else { 0 };
        let half = fastgrnn::LIMIT - added;
        let whole = if mixes { half } else { (1 << 31) - added };
        let mut apart = [Affine::default(); 2];
        let rows = (cell.gates() - usize::from(cell.is(Cell::Gru))) * hidden;
        let both = reader.map(rows, width + depth, width, limits, whole, 0);
        if cell.is(Cell::Gru) {
            apart = [
                reader.map(if folded { 0 } else { hidden }, width, width, limits, half, 2 * hidden),
                reader.map(hidden, depth, 0, limits, half, 3 * hidden),
            ];
        }
        Self {
            cell,
            input_shift,
            state_shift,
            cell_format,
            inputs: inputs as u16,
            hidden: hidden as u16,
            both,
            apart,
            #[cfg(feature = "fastgrnn")]
            mix: if mixes { Mix::read(reader, zeta, nu, hidden) } else { Mix::default() },
        }
    }

    /// The cell.
    #[must_use]
    pub const fn cell(&self) -> Cell {
        self.cell
    }

    /// E, the width of the input; 0 above a folded embedding.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs as usize
    }

    /// H, the hidden units.
    #[must_use]
    pub const fn hidden(&self) -> usize {
        self.hidden as usize
    }

    /// Units of state: H, or 2H if a cell state follows the hidden state.
    #[must_use]
    pub const fn units(&self) -> usize {
        self.cell.states() * self.hidden()
    }

    /// Whether a folded embedding adds to the layer's sums.
    #[must_use]
    pub const fn is_folded(&self) -> bool {
        cfg!(feature = "fold") && self.inputs == 0
    }

    /// The entries that [`Self::step`] needs in `x` and `y`.
    #[must_use]
    pub const fn scratch(&self) -> (usize, usize) {
        let block = match self.cell {
            Cell::Gru => 4 * BLOCK,
            _ => usize::MAX,
        };
        let whole = self.whole_sums();
        (self.both.columns(), if whole < block { whole } else { block })
    }

    /// The entries of `y` with which [`Self::step`] updates all units at once.
    #[must_use]
    pub const fn whole_sums(&self) -> usize {
        let rows = padded(self.hidden(), ROW_UNIT);
        match self.cell {
            Cell::Gru => 4 * rows,
            // Padding rows come after all others.
            cell => (cell.sums() - 1) * self.hidden() + rows,
        }
    }

    /// Multiply-accumulates of a step, padding not counted.
    #[must_use]
    pub const fn macs(&self) -> usize {
        self.cell.gates() * self.hidden() * (self.inputs() + self.hidden())
    }

    /// All its maps.
    #[cfg(feature = "std")]
    pub(crate) fn maps(&self) -> impl Iterator<Item = Affine<'a>> {
        [self.both].into_iter().chain(self.apart)
    }

    /// Prepares `x` for this layer, the second or a higher one, from the state of the one below.
    pub fn take_input(&self, below: &[i16], x: &mut [i16]) {
        let below = below.get(..self.inputs()).unwrap_or(&[]);
        fill_units(x, below, self.input_shift.into());
    }

    /// A word's step: the next state `units`, h and, for LSTM, c behind it.
    ///
    /// `x` starts with the padded input; the rest is scratch, and `y` is for sums. Above a folded embedding, `add` adds
    /// a word's row to some sums, those of W's rows from the given one on.
    #[inline(always)]
    pub fn step(&self, x: &mut [i16], y: &mut [i32], units: &mut [i16], add: impl Fn(usize, &mut [i32])) {
        let width = padded(self.inputs(), COLUMN_UNIT);
        let hidden = units.get(..self.hidden()).unwrap_or(&[]);
        fill_units(x.get_mut(width..).unwrap_or(&mut []), hidden, self.state_shift.into());
        if self.cell.is(Cell::Gru) {
            return self.step_gru(x, y, units, add);
        }
        self.both.apply(x, y);
        if self.is_folded() {
            add(0, y.get_mut(..self.cell.gates() * self.hidden()).unwrap_or(&mut []));
        }
        match self.cell {
            cell if cell.is(Cell::Rnn) => rnn::update(y, units),
            cell if cell.is(Cell::Lstm) => lstm::update(self.hidden(), self.cell_format.into(), y, units),
            #[cfg(feature = "fastgrnn")]
            Cell::Fastgrnn => fastgrnn::update(self.mix, y, units),
            _ => {}
        }
    }

    /// A GRU's step, as many units at a time as `y` has room for: `x`, from the previous state, serves them all.
    #[inline(always)]
    fn step_gru(&self, x: &[i16], y: &mut [i32], units: &mut [i16], add: impl Fn(usize, &mut [i32])) {
        let hidden = self.hidden();
        let [of_input, of_state] = &self.apart;
        let of_h = x.get(padded(self.inputs(), COLUMN_UNIT)..).unwrap_or(&[]);
        // The room in y for each of the four sums.
        let block = (y.len() / (4 * ROW_UNIT) * ROW_UNIT).min(padded(hidden, ROW_UNIT));
        // The sums of r and z are made together if they are adjacent, on cores that are not short of flash.
        let whole = cfg!(not(any(kernel = "dsp", kernel = "armv7m", kernel = "armv6m"))) && block == hidden;
        let mut first = 0;
        for units in units.chunks_mut(block.max(1)) {
            let count = units.len();
            // The first group of z may have rows of r, whose sums land before those of z, in the place of sums that are
            // made later; so do those of rows after z.
            let before = hidden % ROW_UNIT;
            if !whole {
                rows(&self.both, hidden + first, x, y, block.wrapping_sub(before), before + count);
            }
            rows(&self.both, first, x, y, 0, if whole { 2 * count } else { count });
            if self.is_folded() {
                let row = |gate: usize, sums: &mut [i32]| {
                    add(
                        gate * hidden + first,
                        sums.get_mut(gate * block..).and_then(|y| y.get_mut(..count)).unwrap_or(&mut []),
                    );
                };
                y.iter_mut().skip(2 * block).take(count).for_each(|sum| *sum = 0);
                (0..3).for_each(|gate| row(gate, y));
            } else {
                rows(of_input, first, x, y, 2 * block, count);
            }
            rows(of_state, first, of_h, y, 3 * block, count);
            gru::update(block, y, units);
            first += count;
        }
    }
}

/// Makes sums of a map's rows from the group of row `first` on: at least `count` of them, whole groups, from
/// `y[at]` on.
#[cfg_attr(target_os = "none", inline(never))]
fn rows(map: &Affine<'_>, first: usize, x: &[i16], y: &mut [i32], at: usize, count: usize) {
    let y = y.get_mut(at..).and_then(|y| y.get_mut(..padded(count, ROW_UNIT))).unwrap_or(&mut []);
    map.from_row(first).apply(x, y);
}
