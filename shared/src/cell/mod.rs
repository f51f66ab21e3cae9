//! One recurrent layer: its section, its step, its cells.
//!
//! Letters: E inputs, H hidden units, G gate blocks of H rows each.
//!
//! | cell | G | gate order | sums | state |
//! |---|---|---|---|---|
//! | [`rnn`] | 1 | | H | h |
//! | [`gru`] | 3 | r, z, n | 4H: r, z, n of the input, n of the state | h |
//! | [`lstm`] | 4 | i, f, g, o | 4H | h, c |
//!
//! A step makes `sums = bias + W·x + U·h` in i32, then the cell turns them into the next state.
//! `x` comes scaled from the [embedding](crate::embedding), or as round(h / 2^`input shift`) from
//! the layer below; the layer's own state enters as round(h / 2^`state shift`). Sums are in steps
//! of 2^−(12 + `shift`); those that enter tanh are made as much larger as the cell's page says.
//!
//! # Section
//!
//! | bytes | content |
//! |---|---|
//! | 1 | cell: 1 rnn, 2 gru, 3 lstm |
//! | 1 | shift, 0 to 23 |
//! | 1 | input shift, 0 to 14; 0 for the first layer |
//! | 1 | state shift, 0 to 14 |
//! | 2 | E, u16 |
//! | 2 | H, u16 |
//! | 1 | lstm: c is in steps of 2^(this − 15), 0 to 4; otherwise 0 |
//! | 7 | 0 |
//! | 4·S | biases, i32, S = sums padded to 2 |
//! | 2·R | multipliers of W, u16, R = G·H padded to 2 |
//! | 2·R | multipliers of U, u16 |
//! | … | padded to 16; W as R/2 × E [lanes](crate::matvec), padded to 16; U as R/2 × H lanes, padded to 16 |

pub mod gru;
pub mod lstm;
pub mod rnn;

use crate::blob::{Error, Part};
use crate::fixed::{round_shift, unit_limit};
use crate::head::prove;
use crate::matvec::{COLUMN_UNIT, Matrix, ROW_UNIT, padded};
use crate::vector::{copy, fill};

/// Fractional bits of a gate's sums, `shift` aside.
const FRACTION: u32 = 12;

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
}

impl Cell {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Rnn),
            2 => Some(Self::Gru),
            3 => Some(Self::Lstm),
            _ => None,
        }
    }

    /// G, the blocks of H rows in each weight matrix.
    #[must_use]
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// Blocks of H sums.
    #[must_use]
    pub const fn sums(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru | Self::Lstm => 4,
        }
    }

    /// Vectors of H units in the state.
    #[must_use]
    pub const fn states(self) -> usize {
        match self {
            Self::Rnn | Self::Gru => 1,
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
        }
    }
}

/// A recurrent layer, borrowed from the blob.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    cell: Cell,
    inputs: usize,
    hidden: usize,
    shift: u32,
    input_shift: u32,
    state_shift: u32,
    cell_format: u32,
    bias: &'a [i32],
    input: Matrix<'a>,
    state: Matrix<'a>,
}

impl<'a> Layer<'a> {
    /// Reads the section, checking every length and bound.
    ///
    /// `limit` is the largest |x| of the first layer; `None` for the layers above it.
    ///
    /// # Errors
    /// [`Error`] naming the layer if the section is not what the table above says.
    pub fn open(section: &'a [u8], limit: Option<u32>) -> Result<Self, Error> {
        const NAME: &str = "layer";
        let mut part = Part::new(section, NAME);
        let [code, shift, input_shift, state_shift] = part.bytes4()?;
        let [inputs, hidden] = part.u16_pair()?;
        let [cell_format, zeros @ ..] = part.bytes4()?;
        let reserved = part.u32()?;
        part.expect(zeros == [0; 3] && reserved == 0, reserved, 0)?;
        let cell = Cell::from_code(code).ok_or(Error::Content(NAME, code.into(), Cell::Lstm as u32))?;
        part.expect((1..=1024).contains(&inputs), inputs as u32, 1024)?;
        part.expect((1..=1024).contains(&hidden), hidden as u32, 1024)?;
        part.expect(shift <= 23, shift.into(), 23)?;
        part.expect(input_shift <= 14 && state_shift <= 14, input_shift.max(state_shift).into(), 14)?;
        part.expect(cell_format <= 4, cell_format.into(), 4)?;
        let rows = padded(cell.gates() * hidden, ROW_UNIT);
        let (width, depth) = (padded(inputs, COLUMN_UNIT), padded(hidden, COLUMN_UNIT));
        let bias = part.words(padded(cell.sums() * hidden, ROW_UNIT))?;
        let input_scales = part.words(rows)?;
        let state_scales = part.words(rows)?;
        part.align16()?;
        let input_lanes = part.words(rows / ROW_UNIT * width)?;
        part.align16()?;
        let state_lanes = part.words(rows / ROW_UNIT * depth)?;
        part.align16()?;
        part.end()?;
        let malformed = Error::Content(NAME, rows as u32, 2);
        let layer = Self {
            cell,
            inputs,
            hidden,
            shift: shift.into(),
            input_shift: input_shift.into(),
            state_shift: state_shift.into(),
            cell_format: cell_format.into(),
            bias,
            input: Matrix::new(width, input_scales, input_lanes).ok_or(malformed)?,
            state: Matrix::new(depth, state_scales, state_lanes).ok_or(malformed)?,
        };
        let limit = limit.unwrap_or(unit_limit(layer.input_shift));
        let state_limit = unit_limit(layer.state_shift);
        let matrices = layer.state_blocks().map(|(matrix, first)| (matrix, first, state_limit));
        let [first, second] = matrices;
        // Sums that enter the GRU's n are added once more.
        let added = 2 * hidden..if cell == Cell::Gru { 4 * hidden } else { 0 };
        let most = |row| if added.contains(&row) { 1 << 30 } else { 1 << 31 };
        prove(NAME, bias, [(layer.input, 0, limit), first, second], most)?;
        Ok(layer)
    }

    /// The cell.
    #[must_use]
    pub const fn cell(&self) -> Cell {
        self.cell
    }

    /// E, the width of the input.
    #[must_use]
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// H, the hidden units.
    #[must_use]
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// Units of state: H, or 2H where a cell state follows the hidden state.
    #[must_use]
    pub const fn units(&self) -> usize {
        self.cell.states() * self.hidden
    }

    /// The entries that [`Self::step`] needs in `x` and `y`.
    #[must_use]
    pub fn scratch(&self) -> (usize, usize) {
        (padded(self.inputs.max(self.hidden), COLUMN_UNIT), self.bias.len() + ROW_UNIT)
    }

    /// Multiply-accumulates of a step, padding not counted.
    #[must_use]
    pub const fn macs(&self) -> usize {
        self.cell.gates() * self.hidden * (self.inputs + self.hidden)
    }

    /// Where the rows of U add to the sums: GRU keeps what the state gives to n apart.
    fn state_blocks(&self) -> [(Matrix<'a>, usize); 2] {
        match self.cell {
            Cell::Gru => [
                (self.state.slice(0, 2 * self.hidden), 0),
                (self.state.slice(2 * self.hidden, self.hidden), 3 * self.hidden),
            ],
            Cell::Rnn | Cell::Lstm => [(self.state, 0), (self.state.slice(0, 0), 0)],
        }
    }

    /// Prepares `x` for this layer, the second or a higher one, from the state of the one below.
    pub fn take_input(&self, below: &[i16], x: &mut [i16]) {
        let below = below.get(..self.inputs).unwrap_or(&[]);
        fill(x, below, |unit| round_shift(unit.into(), self.input_shift) as i16);
    }

    /// One word: `x` holds the input, padded, and is overwritten; `y` is scratch; `units` is the
    /// state, h and, for LSTM, c behind it.
    pub fn step(&self, x: &mut [i16], y: &mut [i32], units: &mut [i16]) {
        copy(y, self.bias);
        self.input.accumulate(x, y);
        let hidden = units.get(..self.hidden).unwrap_or(&[]);
        fill(x, hidden, |unit| round_shift(unit.into(), self.state_shift) as i16);
        for (matrix, first) in self.state_blocks() {
            matrix.accumulate(x, y.get_mut(first..).unwrap_or(&mut []));
        }
        let fraction = FRACTION + self.shift;
        match self.cell {
            Cell::Rnn => rnn::update(fraction, y, units),
            Cell::Gru => gru::update(fraction, self.hidden, y, units),
            Cell::Lstm => lstm::update(fraction, self.hidden, self.cell_format, y, units),
        }
    }
}
