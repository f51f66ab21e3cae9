//! The target of a prediction, and its loss.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::log_softmax;

/// What a prediction should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'t> {
    /// This class, smoothed.
    Label(u32),
    /// A soft label \[C\], as it is.
    Soft(&'t [f32]),
}

/// The targets of R predictions, each times its weight: \[R×C\]. `smoothing` is the probability moved from a label
/// to all classes.
pub(crate) fn weighted_targets<'t>(
    targets: impl ExactSizeIterator<Item = (Target<'t>, f32)>,
    smoothing: f32,
    classes: usize,
) -> Vec<f32> {
    let rest = smoothing / classes as f32;
    let mut all = vec![0.0; targets.len() * classes];
    for (row, (target, weight)) in all.chunks_exact_mut(classes).zip(targets) {
        match target {
            Target::Label(label) => {
                row.fill(weight * rest);
                row[label as usize] += weight * (1.0 - smoothing);
            }
            Target::Soft(shares) => {
                row.iter_mut().zip(shares).for_each(|(own, share)| *own = weight * share);
            }
        }
    }
    all
}

/// −Σ targets · log softmax(logits) over all rows, a number on the tape; both are \[R×C\].
pub(crate) fn cross_entropy(logits: &Tensor, targets: Vec<f32>) -> Result<Tensor> {
    let targets = Tensor::from_vec(targets, logits.shape(), logits.device())?;
    (log_softmax(logits, D::Minus1)? * targets)?.sum_all()?.neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// The loss in double precision, and softmax · Σ targets − targets as its gradient.
    #[test]
    fn the_loss_and_its_gradient_are_the_definitions() {
        let classes = 3;
        let logits = [1.0f32, -2.0, 0.5, 30.0, 0.0, -30.0, 0.1, 0.2, 0.3];
        let rows =
            [(Target::Label(2), 0.5), (Target::Label(0), 0.25), (Target::Soft(&[0.2, 0.5, 0.3]), 0.125)];
        let targets = weighted_targets(rows.into_iter(), 0.1, classes);
        assert!((targets[2] - 0.5 * (0.9 + 0.1 / 3.0)).abs() < 1e-6);
        for (row, weight) in targets.chunks_exact(classes).zip([0.5, 0.25, 0.125]) {
            assert!((row.iter().sum::<f32>() - weight).abs() < 1e-6);
        }
        let tensor = Tensor::from_slice(&logits, (3, classes), &Device::Cpu).expect("tensor");
        let var = Var::from_tensor(&tensor).expect("var");
        let loss = cross_entropy(&var, targets.clone()).expect("loss");
        let store = loss.backward().expect("backward");
        let gradient: Vec<f32> =
            store.get(&var).expect("gradient").flatten_all().and_then(|g| g.to_vec1()).expect("f32");
        let mut exact = 0.0;
        for (row, logits) in logits.chunks_exact(classes).enumerate() {
            let powers: Vec<f64> = logits.iter().map(|&logit| f64::from(logit).exp()).collect();
            let sum: f64 = powers.iter().sum();
            let own = &targets[row * classes..][..classes];
            let weight: f64 = own.iter().map(|&target| f64::from(target)).sum();
            for (at, (power, &target)) in powers.iter().zip(own).enumerate() {
                exact -= f64::from(target) * (power / sum).ln();
                let slope = weight * power / sum - f64::from(target);
                assert!((f64::from(gradient[row * classes + at]) - slope).abs() < 1e-6, "{row} {at}");
            }
        }
        assert!((f64::from(loss.to_scalar::<f32>().expect("a number")) - exact).abs() < 1e-5);
    }
}
