//! Logits, and their probabilities.

/// The index of the largest number, the first of several.
pub(crate) fn top(logits: &[f32]) -> usize {
    (1..logits.len()).fold(0, |best, at| if logits[at] > logits[best] { at } else { best })
}

/// ln Σ exp of some logits, from the highest on, so that no power overflows. Of all classes' logits less one class's own,
/// it is −ln of that class's probability, exact to the last digits where that is near 1.
#[must_use]
pub fn log_sum_exp(logits: impl Iterator<Item = f64> + Clone) -> f64 {
    let highest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    highest + logits.map(|logit| (logit - highest).exp()).sum::<f64>().ln()
}

/// −ln of the probability that logits \[C\] give a class.
#[must_use]
pub fn negative_log_likelihood(logits: &[f32], class: usize) -> f64 {
    log_sum_exp(logits.iter().map(|&logit| f64::from(logit) - f64::from(logits[class])))
}

/// Turns logits into probabilities: softmax, or the logistic function of a single one.
pub fn probabilities(sums: &mut [f32]) {
    if let [sum] = sums {
        *sum = 1.0 / (1.0 + (-*sum).exp());
        return;
    }
    let largest = sums.iter().fold(f32::MIN, |largest, &sum| largest.max(sum));
    sums.iter_mut().for_each(|sum| *sum = (*sum - largest).exp());
    let total: f32 = sums.iter().sum();
    sums.iter_mut().for_each(|sum| *sum /= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_softmax() {
        assert!((negative_log_likelihood(&[0.0, 0.0, 0.0], 1) - 3f64.ln()).abs() < 1e-12);
        let (low, high) =
            (negative_log_likelihood(&[-3e4, 3e4], 0), negative_log_likelihood(&[-3e4, 3e4], 1));
        assert!((low - 6e4).abs() < 1e-6 && high.abs() < 1e-6, "{low} {high}");
        assert_eq!(top(&[1.0, 3.0, 3.0]), 1);
    }
}
