//! A cell's interface to a [layer](mod@super::layer): its arithmetic on one vector of units, forward and back.

use pulp::Simd;

/// What a step back gives for one vector of units: `D` gradients of the sums, those of h before
/// (what does not go through U) and of c before.
pub struct CellGradients<S: Simd, const D: usize> {
    /// Gradients of the cell's sums.
    pub sums: [S::f32s; D],
    /// dL/dh before, the direct part.
    pub dh: S::f32s,
    /// dL/dc before.
    pub dc: S::f32s,
}

/// One cell's arithmetic on one vector of units of one text at one step.
///
/// `G` gates, `A` sums of products, `K` vectors saved for the way back (the first one is what is
/// carried beside h, if anything), `D` gradients of sums.
pub trait Recurrence<const G: usize, const A: usize, const K: usize, const D: usize>:
    Copy + Send + Sync
{
    /// The sum that each gate's input product goes to.
    const INPUT: [usize; G];
    /// The sum that each gate's state product goes to.
    const STATE: [usize; G];
    /// The sum that each gate's first bias goes to.
    const INPUT_BIAS: [usize; G] = Self::INPUT;
    /// The sum that each gate's second bias goes to.
    const STATE_BIAS: [usize; G] = Self::STATE;
    /// The gradient that belongs to each gate's input product; these are neighbours.
    const D_INPUT: [usize; G];
    /// The gradient that belongs to each gate's state product; these are neighbours.
    const D_STATE: [usize; G];
    /// The gradient that belongs to each gate's first bias.
    const D_INPUT_BIAS: [usize; G] = Self::D_INPUT;
    /// The gradient that belongs to each gate's second bias.
    const D_STATE_BIAS: [usize; G] = Self::D_STATE;
    /// The gradients that belong to ζ and ν, if the cell has them.
    const D_MIX: Option<[usize; 2]> = None;

    /// From the sums, ζ and ν, h before and what is carried to the new h and what is saved.
    fn forward<S: Simd>(
        simd: S,
        sums: [S::f32s; A],
        mix: [f32; 2],
        before: S::f32s,
        carried: S::f32s,
    ) -> (S::f32s, [S::f32s; K]);

    /// From dL/dh and dL/dc after the step to the gradients before it.
    #[allow(clippy::too_many_arguments)]
    fn backward<S: Simd>(
        simd: S,
        saved: [S::f32s; K],
        mix: [f32; 2],
        before: S::f32s,
        carried: S::f32s,
        h: S::f32s,
        dh: S::f32s,
        dc: S::f32s,
    ) -> CellGradients<S, D>;
}
