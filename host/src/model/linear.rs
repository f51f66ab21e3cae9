//! A linear map over rows, forward and back. Rows are padded as everywhere
//! ([`padded`](super::sequence::simd::padded)).

use pulp::{Simd, WithSimd};

use super::sequence::buffer::Buffer;
use super::sequence::product::{Packed, Rows, multiply, multiply_transposed};
use super::sequence::simd::padded;

/// y = A x + b with A \[O×I\].
#[derive(Clone, Copy, Debug)]
pub struct Linear<'a> {
    /// I.
    pub inputs: usize,
    /// O.
    pub outputs: usize,
    /// A, row-major.
    pub weight: &'a [f32],
    /// b \[O\].
    pub bias: &'a [f32],
}

impl Linear<'_> {
    /// x \[R×padded I\] → y \[R×padded O\].
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        pulp::Arch::new().dispatch(Forward { linear: self, x, y });
    }

    /// From dL/dy \[R×padded O\], whose padding is zero, to dL/dx \[R×padded I\]; gives dL/dA and
    /// dL/db.
    pub fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32]) -> (Vec<f32>, Vec<f32>) {
        pulp::Arch::new().dispatch(Backward { linear: self, x, dy, dx })
    }
}

struct Forward<'a> {
    linear: &'a Linear<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Linear { inputs, outputs, weight, bias } = *self.linear;
        let packed = Packed::new(simd, inputs, padded(outputs), |input, output| {
            if output < outputs { weight[output * inputs + input] } else { 0.0 }
        });
        for row in self.y.chunks_exact_mut(padded(outputs)) {
            row[..outputs].copy_from_slice(bias);
            row[outputs..].fill(0.0);
        }
        multiply(simd, Rows { values: self.x, stride: padded(inputs), from: 0 }, &packed, self.y, true);
    }
}

struct Backward<'a> {
    linear: &'a Linear<'a>,
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = (Vec<f32>, Vec<f32>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (Vec<f32>, Vec<f32>) {
        let Linear { inputs, outputs, weight, .. } = *self.linear;
        let (wide, stride) = (padded(inputs), padded(outputs));
        let packed = Packed::new(simd, outputs, wide, |output, input| {
            if input < inputs { weight[output * inputs + input] } else { 0.0 }
        });
        let dy = Rows { values: self.dy, stride, from: 0 };
        multiply(simd, dy, &packed, self.dx, false);
        let mut d_weight = Buffer::zeros(outputs * wide);
        multiply_transposed(simd, dy, outputs, self.x, wide, &mut d_weight);
        let mut d_bias = vec![0.0; stride];
        for row in self.dy.chunks_exact(stride) {
            d_bias.iter_mut().zip(row).for_each(|(sum, d)| *sum += d);
        }
        d_bias.truncate(outputs);
        let d_weight = d_weight.chunks_exact(wide).flat_map(|row| &row[..inputs]).copied().collect();
        (d_weight, d_bias)
    }
}
