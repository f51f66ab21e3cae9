//! Vectorised pieces of a sequence: small matrix products, sigmoid and tanh.
//!
//! Everything here is `inline(always)` and meant to run inside [`vectorised`], which compiles its
//! closure for the vector instructions of the machine it runs on.

/// Runs `act` with the best vector instructions that this machine has.
pub fn vectorised<R>(act: impl FnOnce() -> R) -> R {
    struct Act<F>(F);
    impl<R, F: FnOnce() -> R> pulp::NullaryFnOnce for Act<F> {
        type Output = R;

        #[inline(always)]
        fn call(self) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Act(act))
}

/// Rows and columns of the register tile.
const TILE_ROWS: usize = 4;
const TILE_COLUMNS: usize = 48;

/// `c += a · b`, row-major: a \[m×k\], b \[k×n\], c \[m×n\].
#[inline(always)]
pub fn multiply(a: &[f32], b: &[f32], c: &mut [f32], k: usize, n: usize) {
    if k == 0 || n == 0 {
        return;
    }
    let tall = TILE_ROWS * k;
    let mut rows_a = a.chunks_exact(tall);
    let mut rows_c = c.chunks_exact_mut(TILE_ROWS * n);
    for (a, c) in rows_a.by_ref().zip(rows_c.by_ref()) {
        strip::<TILE_ROWS>(a, b, c, k, n);
    }
    let rest = rows_c.into_remainder();
    for (a, c) in rows_a.remainder().chunks_exact(k).zip(rest.chunks_exact_mut(n)) {
        strip::<1>(a, b, c, k, n);
    }
}

/// `R` rows of the product.
#[inline(always)]
fn strip<const R: usize>(a: &[f32], b: &[f32], c: &mut [f32], k: usize, n: usize) {
    let mut start = 0;
    while start + TILE_COLUMNS <= n {
        tile::<R, TILE_COLUMNS>(a, b, c, k, n, start);
        start += TILE_COLUMNS;
    }
    while start + 16 <= n {
        tile::<R, 16>(a, b, c, k, n, start);
        start += 16;
    }
    while start < n {
        tile::<R, 1>(a, b, c, k, n, start);
        start += 1;
    }
}

#[inline(always)]
fn tile<const R: usize, const C: usize>(
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    k: usize,
    n: usize,
    start: usize,
) {
    let mut sums = [[0.0f32; C]; R];
    for (at, row) in b.chunks_exact(n).enumerate() {
        let row: &[f32; C] = row[start..start + C].try_into().expect("C columns");
        for (r, sums) in sums.iter_mut().enumerate() {
            let factor = a[r * k + at];
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum = value.mul_add(factor, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (to, sum) in c[r * n + start..r * n + start + C].iter_mut().zip(sums) {
            *to += sum;
        }
    }
}

/// `c += aᵀ · b`, row-major: a \[rows×m\], b \[rows×n\], c \[m×n\].
#[inline(always)]
pub fn multiply_transposed(a: &[f32], b: &[f32], c: &mut [f32], m: usize, n: usize) {
    // Blocks of rows are transposed so that the product runs along them.
    const BLOCK: usize = 256;
    let mut turned = vec![0.0; m * BLOCK];
    for (a, b) in a.chunks(BLOCK * m).zip(b.chunks(BLOCK * n)) {
        let rows = a.len() / m;
        for (r, row) in a.chunks_exact(m).enumerate() {
            for (column, &value) in row.iter().enumerate() {
                turned[column * rows + r] = value;
            }
        }
        multiply(&turned[..m * rows], b, c, rows, n);
    }
}

/// The transpose of a row-major matrix of `columns` columns.
#[must_use]
pub fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    let mut out = vec![0.0; matrix.len()];
    for (r, row) in matrix.chunks_exact(columns).enumerate() {
        for (c, &value) in row.iter().enumerate() {
            out[c * rows + r] = value;
        }
    }
    out
}

/// exp, to a relative error of 2·10⁻⁷, for arguments within ±87 (clamped).
#[inline(always)]
fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5·2²³: adding it rounds to an integer
    let x = x.clamp(-87.0, 87.0);
    let whole = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let power = (whole.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let whole = whole - ROUND;
    // ln 2 in two parts (Cody and Waite), then Taylor to the seventh order.
    let rest = whole.mul_add(-0.693_359_4, x);
    let rest = whole.mul_add(2.121_944_4e-4, rest);
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = rest.mul_add(sum, factor);
    }
    sum * f32::from_bits(((power + 127) << 23) as u32)
}

/// The logistic function.
#[inline(always)]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, to 3·10⁻⁷.
#[inline(always)]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_accurate() {
        for step in -40_000..40_000 {
            let x = step as f32 / 2000.0;
            let (s, t) = vectorised(|| (sigmoid(x), tanh(x)));
            let exact = f64::from(x);
            assert!((f64::from(s) - 1.0 / (1.0 + (-exact).exp())).abs() < 3e-7, "sigmoid {x}");
            assert!((f64::from(t) - exact.tanh()).abs() < 3e-7, "tanh {x}");
        }
    }

    #[test]
    fn products_are_sums_of_products() {
        for (m, k, n) in [(1, 1, 1), (4, 3, 48), (7, 5, 67), (9, 64, 192), (3, 300, 17)] {
            let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 50.0;
            let a: Vec<f32> = (0..m * k).map(value).collect();
            let b: Vec<f32> = (0..k * n).map(|i| value(i + 13)).collect();
            let mut c = vec![1.0; m * n];
            vectorised(|| multiply(&a, &b, &mut c, k, n));
            let mut d = vec![1.0; m * n];
            let turned = transposed(&a, k);
            vectorised(|| multiply_transposed(&turned, &b, &mut d, m, n));
            for row in 0..m {
                for column in 0..n {
                    let exact: f64 =
                        (0..k).map(|i| f64::from(a[row * k + i]) * f64::from(b[i * n + column])).sum();
                    for product in [&c, &d] {
                        assert!((f64::from(product[row * n + column]) - 1.0 - exact).abs() < 1e-4);
                    }
                }
            }
        }
    }
}
