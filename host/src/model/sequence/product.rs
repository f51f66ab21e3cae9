//! Matrix products on register tiles.
//!
//! Every element of a product is one chain of fused multiply-adds along k, whatever the tile, so
//! results do not depend on how rows and columns are grouped.

use pulp::Simd;

use super::simd::{vectors, vectors_mut};

/// A k×n matrix laid out for [`multiply`]: groups of up to four vectors of columns, each group
/// running down all of k.
pub struct PackedMatrix {
    k: usize,
    columns: usize,
    data: Vec<f32>,
}

/// Vectors of columns in a group.
const GROUP: usize = 4;

impl PackedMatrix {
    /// Packs the matrix whose element (k, column) is `value`; `columns` is a multiple of
    /// [`LANES`](super::simd::LANES).
    #[inline(always)]
    pub fn new<S: Simd>(_: S, k: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let group = GROUP * S::F32_LANES;
        let mut data = Vec::with_capacity(k * columns);
        for start in (0..columns).step_by(group) {
            let end = (start + group).min(columns);
            for row in 0..k {
                data.extend((start..end).map(|column| value(row, column)));
            }
        }
        Self { k, columns, data }
    }
}

/// Rows of a matrix within longer rows: `from` is where a row's part begins, `stride` the distance
/// between two rows.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// All numbers.
    pub values: &'a [f32],
    /// Numbers between the beginnings of two rows.
    pub stride: usize,
    /// Where the part of a row begins.
    pub from: usize,
}

/// `c (+)= a · b`: a \[rows×k\], c \[rows×columns\] with rows of exactly `b`'s columns.
#[inline(always)]
pub fn multiply<S: Simd>(simd: S, a: Rows<'_>, b: &PackedMatrix, c: &mut [f32], add: bool) {
    let (k, width) = (b.k, b.columns / S::F32_LANES);
    if width == 0 {
        return;
    }
    let c = vectors_mut::<S>(c);
    let mut start = 0;
    let mut rest = vectors::<S>(&b.data);
    while start < width {
        let group = GROUP.min(width - start);
        let (panel, others) = rest.split_at(k * group);
        rest = others;
        match (group, S::REGISTER_COUNT >= 32) {
            (1, _) => strip::<S, 1, 8>(simd, a, panel, k, c, width, start, add),
            (2, true) => strip::<S, 2, 8>(simd, a, panel, k, c, width, start, add),
            (2, false) => strip::<S, 2, 4>(simd, a, panel, k, c, width, start, add),
            (3, true) => strip::<S, 3, 8>(simd, a, panel, k, c, width, start, add),
            (3, false) => strip::<S, 3, 4>(simd, a, panel, k, c, width, start, add),
            (_, true) => strip::<S, 4, 4>(simd, a, panel, k, c, width, start, add),
            (_, false) => strip::<S, 4, 2>(simd, a, panel, k, c, width, start, add),
        }
        start += group;
    }
}

/// All rows of one group of `C` vectors, `R` rows at a time.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn strip<S: Simd, const C: usize, const R: usize>(
    simd: S,
    a: Rows<'_>,
    panel: &[S::f32s],
    k: usize,
    c: &mut [S::f32s],
    width: usize,
    start: usize,
    add: bool,
) {
    let rows = c.len() / width;
    let mut row = 0;
    while row + R <= rows {
        tile::<S, C, R>(simd, a, panel, k, c, width, start, row, add);
        row += R;
    }
    while row + 2 <= rows {
        tile::<S, C, 2>(simd, a, panel, k, c, width, start, row, add);
        row += 2;
    }
    if row < rows {
        tile::<S, C, 1>(simd, a, panel, k, c, width, start, row, add);
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn tile<S: Simd, const C: usize, const R: usize>(
    simd: S,
    a: Rows<'_>,
    panel: &[S::f32s],
    k: usize,
    c: &mut [S::f32s],
    width: usize,
    start: usize,
    row: usize,
    add: bool,
) {
    let panel = &panel.as_chunks::<C>().0[..k];
    let a: [&[f32]; R] = std::array::from_fn(|r| &a.values[(row + r) * a.stride + a.from..][..panel.len()]);
    let mut sums = [[simd.splat_f32s(0.0); C]; R];
    if add {
        for r in 0..R {
            sums[r].copy_from_slice(&c[(row + r) * width + start..][..C]);
        }
    }
    for at in 0..panel.len() {
        for r in 0..R {
            let factor = simd.splat_f32s(a[r][at]);
            for v in 0..C {
                sums[r][v] = simd.mul_add_f32s(panel[at][v], factor, sums[r][v]);
            }
        }
    }
    for r in 0..R {
        c[(row + r) * width + start..][..C].copy_from_slice(&sums[r]);
    }
}

/// `c += aᵀ · b`: a \[rows×m\], b \[rows×n\] and c \[m×n\] with n numbers a row, a multiple of
/// [`LANES`](super::simd::LANES).
#[inline(always)]
pub fn multiply_transposed<S: Simd>(simd: S, a: Rows<'_>, m: usize, b: &[f32], n: usize, c: &mut [f32]) {
    let width = n / S::F32_LANES;
    if width == 0 {
        return;
    }
    let (b, c) = (vectors::<S>(b), vectors_mut::<S>(c));
    let mut start = 0;
    while start < width {
        let group = GROUP.min(width - start);
        match (group, S::REGISTER_COUNT >= 32) {
            (1, true) => columns::<S, 1, 16>(simd, a, m, b, c, width, start),
            (1, false) => columns::<S, 1, 8>(simd, a, m, b, c, width, start),
            (2, true) => columns::<S, 2, 8>(simd, a, m, b, c, width, start),
            (2, false) => columns::<S, 2, 4>(simd, a, m, b, c, width, start),
            (3, true) => columns::<S, 3, 8>(simd, a, m, b, c, width, start),
            (3, false) => columns::<S, 3, 4>(simd, a, m, b, c, width, start),
            (_, true) => columns::<S, 4, 4>(simd, a, m, b, c, width, start),
            (_, false) => columns::<S, 4, 2>(simd, a, m, b, c, width, start),
        }
        start += group;
    }
}

/// All m of one group of `C` vectors of n, `R` at a time.
#[inline(always)]
fn columns<S: Simd, const C: usize, const R: usize>(
    simd: S,
    a: Rows<'_>,
    m: usize,
    b: &[S::f32s],
    c: &mut [S::f32s],
    width: usize,
    start: usize,
) {
    let mut row = 0;
    while row + R <= m {
        outer::<S, C, R>(simd, a, b, c, width, start, row);
        row += R;
    }
    while row + 2 <= m {
        outer::<S, C, 2>(simd, a, b, c, width, start, row);
        row += 2;
    }
    if row < m {
        outer::<S, C, 1>(simd, a, b, c, width, start, row);
    }
}

#[inline(always)]
fn outer<S: Simd, const C: usize, const R: usize>(
    simd: S,
    a: Rows<'_>,
    b: &[S::f32s],
    c: &mut [S::f32s],
    width: usize,
    start: usize,
    row: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); C]; R];
    for r in 0..R {
        sums[r].copy_from_slice(&c[(row + r) * width + start..][..C]);
    }
    for (a, b) in a.values.chunks_exact(a.stride).map(|row| &row[a.from..]).zip(b.chunks_exact(width)) {
        let (Some(a), Some(b)) = (a[row..].first_chunk::<R>(), b[start..].first_chunk::<C>()) else {
            return;
        };
        for r in 0..R {
            let factor = simd.splat_f32s(a[r]);
            for v in 0..C {
                sums[r][v] = simd.mul_add_f32s(b[v], factor, sums[r][v]);
            }
        }
    }
    for r in 0..R {
        c[(row + r) * width + start..][..C].copy_from_slice(&sums[r]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::WithSimd;

    struct Products<'a> {
        a: &'a [f32],
        turned: &'a [f32],
        b: &'a [f32],
        c: &'a mut [f32],
        d: &'a mut [f32],
        shape: [usize; 3],
    }

    impl WithSimd for Products<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let [m, k, n] = self.shape;
            let packed = PackedMatrix::new(simd, k, n, |row, column| self.b[row * n + column]);
            multiply(simd, Rows { values: self.a, stride: k + 2, from: 1 }, &packed, self.c, true);
            let turned = Rows { values: self.turned, stride: m + 3, from: 2 };
            multiply_transposed(simd, turned, m, self.b, n, self.d);
        }
    }

    #[test]
    fn products_are_sums_of_products() {
        for [m, k, n] in [[1, 1, 16], [4, 3, 48], [7, 5, 80], [9, 64, 192], [3, 300, 32], [21, 2, 64]] {
            let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 50.0;
            let element = |row: usize, at: usize| value(row * k + at);
            let a: Vec<f32> = (0..m * (k + 2))
                .map(|i| (i / (k + 2), i % (k + 2)))
                .map(|(r, i)| if i == 0 || i > k { 1e9 } else { element(r, i - 1) })
                .collect();
            let turned: Vec<f32> = (0..k * (m + 3))
                .map(|i| (i / (m + 3), i % (m + 3)))
                .map(|(at, r)| if r < 2 || r >= m + 2 { 1e9 } else { element(r - 2, at) })
                .collect();
            let b: Vec<f32> = (0..k * n).map(|i| value(i + 13)).collect();
            let (mut c, mut d) = (vec![1.0; m * n], vec![1.0; m * n]);
            let shape = [m, k, n];
            pulp::Arch::new().dispatch(Products {
                a: &a,
                turned: &turned,
                b: &b,
                c: &mut c,
                d: &mut d,
                shape,
            });
            // Vectors of one number give the same products, to the bit.
            let (mut narrow_c, mut narrow_d) = (vec![1.0; m * n], vec![1.0; m * n]);
            Products { a: &a, turned: &turned, b: &b, c: &mut narrow_c, d: &mut narrow_d, shape }
                .with_simd(pulp::Scalar);
            assert!(c == narrow_c && d == narrow_d, "{shape:?}");
            for row in 0..m {
                for column in 0..n {
                    let exact: f64 =
                        (0..k).map(|i| f64::from(element(row, i)) * f64::from(b[i * n + column])).sum();
                    for product in [&c, &d] {
                        let off = f64::from(product[row * n + column]) - 1.0 - exact;
                        assert!(off.abs() < 1e-4, "{shape:?} {row} {column}: {off}");
                    }
                }
            }
        }
    }
}
