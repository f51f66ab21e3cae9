//! GRU, gates r, z, n: r = σ(gi_r + gh_r), z = σ(gi_z + gh_z), n = tanh(gi_n + r ∘ gh_n),
//! h' = n + z ∘ (h − n).

use super::fused::{Recurrence, blocks, blocks_mut};
use super::simd::{sigmoid, tanh};

/// Keeps r, z, n and gh_n.
pub struct Gru;

impl Recurrence for Gru {
    const GATES: usize = 3;
    const SAVED: usize = 4;
    const CARRIED: usize = 0;

    #[inline(always)]
    fn forward(
        &self,
        input: &[f32],
        state: &[f32],
        before: &[f32],
        _: &[f32],
        saved: &mut [f32],
        h: &mut [f32],
    ) {
        let width = h.len();
        let [ir, iz, inn] = blocks(input, width);
        let [sr, sz, sn] = blocks(state, width);
        let [r, z, n, kept] = blocks_mut(saved, width);
        let before = &before[..width];
        for u in 0..width {
            r[u] = sigmoid(ir[u] + sr[u]);
            z[u] = sigmoid(iz[u] + sz[u]);
            n[u] = tanh(inn[u] + r[u] * sn[u]);
            kept[u] = sn[u];
            h[u] = n[u] + z[u] * (before[u] - n[u]);
        }
    }

    #[inline(always)]
    fn backward(
        &self,
        saved: &[f32],
        before: &[f32],
        _: &[f32],
        _: &[f32],
        dh: &mut [f32],
        _: &mut [f32],
        d_input: &mut [f32],
        d_state: &mut [f32],
    ) {
        let width = dh.len();
        let [r, z, n, kept] = blocks(saved, width);
        let [ir, iz, inn] = blocks_mut(d_input, width);
        let [sr, sz, sn] = blocks_mut(d_state, width);
        let before = &before[..width];
        for u in 0..width {
            let dn = dh[u] * (1.0 - z[u]) * (1.0 - n[u] * n[u]);
            let dz = dh[u] * (before[u] - n[u]) * z[u] * (1.0 - z[u]);
            let dr = dn * kept[u] * r[u] * (1.0 - r[u]);
            (ir[u], iz[u], inn[u]) = (dr, dz, dn);
            (sr[u], sz[u], sn[u]) = (dr, dz, dn * r[u]);
            dh[u] *= z[u];
        }
    }
}
