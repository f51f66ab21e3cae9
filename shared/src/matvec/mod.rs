//! Matrix times vector, the work of a step: the definition, and the kernel of the core at hand.
//!
//! A [`Matrix`] is R×C weights of i8 (−127..=127) with one multiplier per row. Two rows share a
//! 16-bit lane: row 2p in the high byte as signed, row 2p + 1 in the low byte as weight + 128, so
//! pair p is C lanes `w[2p][c]·256 + w[2p+1][c] + 128`. Rows are padded to [`ROW_UNIT`], columns to
//! [`COLUMN_UNIT`], with weights of zero. The layout serves every core: multiplying a lane by an
//! activation does two products at once, and bytes can be read one by one.

#[cfg(not(kernel = "portable"))]
#[allow(unsafe_code)]
mod assembly;

#[cfg(all(target_arch = "arm", target_os = "none", not(kernel = "armv6m")))]
#[allow(unsafe_code)]
mod saturate;
#[cfg(all(target_arch = "arm", target_os = "none", not(kernel = "armv6m")))]
pub use saturate::saturate9;

/// The nearest of −256 to 255.
#[cfg(not(all(target_arch = "arm", target_os = "none", not(kernel = "armv6m"))))]
#[inline(always)]
#[must_use]
pub const fn saturate9(value: i32) -> i32 {
    // One comparison finds both ends.
    if value.wrapping_add(256).cast_unsigned() < 512 { value } else { (value >> 31) ^ 255 }
}

/// Rows come in pairs.
pub const ROW_UNIT: usize = 2;

/// Columns come in eights: a vector register of Helium, four words of the others.
pub const COLUMN_UNIT: usize = 8;

/// Kernels may sum this many columns in a register that holds 256·Σw·x: [`BLOCK_LIMIT`].
pub const BLOCK: usize = 64;

/// Over any [`BLOCK`] columns of a row, Σ|w|·|x| stays below this.
pub const BLOCK_LIMIT: u32 = 1 << 23;

/// A quantised matrix, borrowed from the blob.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// C, padded to [`COLUMN_UNIT`].
    columns: usize,
    /// \[R\] multipliers, rows padded to [`ROW_UNIT`].
    scales: &'a [u16],
    /// \[R/2 × C\] lanes.
    lanes: &'a [u16],
}

/// `size` rounded up to a multiple of `unit`.
#[must_use]
pub const fn padded(size: usize, unit: usize) -> usize {
    size.div_ceil(unit) * unit
}

impl<'a> Matrix<'a> {
    /// A matrix of `scales.len()` rows; `None` if the lengths do not fit each other.
    #[must_use]
    pub fn new(columns: usize, scales: &'a [u16], lanes: &'a [u16]) -> Option<Self> {
        let fits = scales.len().is_multiple_of(ROW_UNIT)
            && columns.is_multiple_of(COLUMN_UNIT)
            && columns > 0
            && lanes.len() == scales.len() / ROW_UNIT * columns;
        fits.then_some(Self { columns, scales, lanes })
    }

    /// Rows, padding included.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.scales.len()
    }

    /// Columns, padding included.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// The rows from `first` (an even number) on, `count` of them rounded up to pairs.
    #[must_use]
    pub fn slice(&self, first: usize, count: usize) -> Self {
        let last = first + padded(count, ROW_UNIT);
        let lane = |row: usize| row / ROW_UNIT * self.columns;
        Self {
            columns: self.columns,
            scales: self.scales.get(first..last).unwrap_or(&[]),
            lanes: self.lanes.get(lane(first)..lane(last)).unwrap_or(&[]),
        }
    }

    /// `y[r] += scale[r] · Σ_c w[r][c] · x[c]`, for as many rows as both `y` and the matrix have.
    ///
    /// `x` has [`Self::columns`] entries, zero where padded. That nothing overflows is proven by
    /// [`Self::worst_case`] when the blob is opened.
    #[inline]
    pub fn accumulate(&self, x: &[i16], y: &mut [i32]) {
        #[cfg(kernel = "portable")]
        portable(self, x, y);
        #[cfg(not(kernel = "portable"))]
        assembly::accumulate(self, x, y);
    }

    /// `(scale · Σ|w|·limit, whether every block keeps BLOCK_LIMIT)` of a row, given |x| ≤ `limit`.
    ///
    /// A row that the matrix does not have reaches 0.
    #[must_use]
    pub fn worst_case(&self, row: usize, limit: u32) -> (u64, bool) {
        let start = row / ROW_UNIT * self.columns;
        let lanes = self.lanes.get(start..start + self.columns).unwrap_or(&[]);
        let mut total = 0u64;
        let mut safe = true;
        for block in lanes.chunks(BLOCK) {
            let sum: u32 = block.iter().map(|&lane| weight(lane, row).unsigned_abs()).sum();
            let reach = u64::from(sum) * u64::from(limit);
            safe &= reach < u64::from(BLOCK_LIMIT);
            total += reach;
        }
        (total * u64::from(self.scales.get(row).copied().unwrap_or(0)), safe)
    }
}

/// The lane of weight `high` of an even row and `low` of the odd row after it.
#[must_use]
pub const fn lane(high: i8, low: i8) -> u16 {
    u16::from_le_bytes([(low as u8).wrapping_add(128), high as u8])
}

/// The weight of `row` in its pair's lane.
#[inline(always)]
#[must_use]
pub const fn weight(lane: u16, row: usize) -> i32 {
    if row.is_multiple_of(2) { lane as i16 as i32 >> 8 } else { (lane & 0xFF) as i32 - 128 }
}

/// The definition. Every other kernel gives the same integers.
pub fn portable(matrix: &Matrix<'_>, x: &[i16], y: &mut [i32]) {
    let pairs = matrix.lanes.chunks_exact(matrix.columns.max(1));
    for ((lanes, scales), y) in pairs.zip(matrix.scales.chunks_exact(2)).zip(y.chunks_mut(2)) {
        let (mut high, mut low) = (0i32, 0i32);
        for (&lane, &x) in lanes.iter().zip(x) {
            high = high.wrapping_add(weight(lane, 0) * i32::from(x));
            low = low.wrapping_add(weight(lane, 1) * i32::from(x));
        }
        for ((y, sum), &scale) in y.iter_mut().zip([high, low]).zip(scales) {
            *y = y.wrapping_add(sum.wrapping_mul(i32::from(scale)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lanes_hold_two_weights() {
        for high in -127..=127 {
            for low in -127..=127 {
                let lane = lane(high, low);
                assert_eq!(lane as i16, i16::from(high) * 256 + i16::from(low) + 128);
                assert_eq!((weight(lane, 0), weight(lane, 1)), (i32::from(high), i32::from(low)));
            }
        }
    }

    proptest! {
        #[test]
        fn a_product_is_the_sum_of_its_terms(
            pairs in 1usize..6, eights in 1usize..20, seed in any::<u64>(), extra in 0usize..3,
        ) {
            let (rows, columns) = (pairs * 2, eights * 8);
            let mut random = seed;
            let mut next = |range: i32| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) as i32 % (2 * range + 1) - range
            };
            let weights: Vec<Vec<i8>> = (0..rows).map(|_| (0..columns).map(|_| next(127) as i8).collect()).collect();
            let x: Vec<i16> = (0..columns).map(|_| next(1024) as i16).collect();
            let scales: Vec<u16> = (0..rows).map(|_| next(100).unsigned_abs() as u16).collect();
            let lanes: Vec<u16> = weights.chunks(2).flat_map(|pair| {
                (0..columns).map(|c| lane(pair[0][c], pair[1][c])).collect::<Vec<_>>()
            }).collect();
            let matrix = Matrix::new(columns, &scales, &lanes).expect("lengths fit");
            let mut y = vec![5; rows + extra - 1];
            matrix.accumulate(&x, &mut y);
            for (row, &y) in y.iter().enumerate().take(rows) {
                let sum: i32 = weights[row].iter().zip(&x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
                prop_assert_eq!(y, 5 + sum * i32::from(scales[row]));
            }
            let mut defined = vec![5; rows + extra - 1];
            portable(&matrix, &x, &mut defined);
            prop_assert_eq!(&y, &defined);
            for row in 0..rows {
                let (reach, safe) = matrix.worst_case(row, 1024);
                let sum: u64 = weights[row].iter().map(|&w| u64::from(w.unsigned_abs())).sum();
                prop_assert_eq!(reach, sum * 1024 * u64::from(scales[row]));
                prop_assert!(safe);
            }
        }
    }
}
