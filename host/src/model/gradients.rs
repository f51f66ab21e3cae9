//! Gradients of a network's parameters, where they were made and as sparse as they are.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use candle_core::{DType, Tensor};

use super::sequence::simd::vectorised;

/// One parameter's gradient.
#[derive(Clone, Debug)]
pub enum Gradient {
    /// All numbers, row-major.
    Dense(Vec<f32>),
    /// Some rows; all others are zero.
    Rows(Rows),
    /// On a device.
    Tensor(Tensor),
}

/// Rows of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Which rows, rising.
    pub ids: Vec<u32>,
    /// Numbers in a row.
    pub width: usize,
    /// The rows, one after the other.
    pub values: Vec<f32>,
}

impl Rows {
    /// Adds up the rows of dx \[ids×stride\] that belong to the same id, of `count` ids.
    #[must_use]
    pub fn gathered(ids: &[u32], count: usize, dx: &[f32], stride: usize, width: usize) -> Self {
        const NONE: u32 = u32::MAX;
        let mut places = vec![NONE; count];
        let mut used = Vec::new();
        for &id in ids {
            if std::mem::replace(&mut places[id as usize], 0) == NONE {
                used.push(id);
            }
        }
        used.sort_unstable();
        for (place, &id) in used.iter().enumerate() {
            places[id as usize] = place as u32;
        }
        let mut values = vec![0.0; used.len() * width];
        for (&id, row) in ids.iter().zip(dx.chunks_exact(stride)) {
            let place = places[id as usize] as usize * width;
            let sum = values[place..place + width].iter_mut();
            sum.zip(row).for_each(|(sum, d)| *sum += d);
        }
        Self { ids: used, width, values }
    }

    /// The sum of two such gradients.
    fn plus(&self, other: &Self) -> Self {
        let width = self.width;
        let mut sum =
            Self { ids: Vec::with_capacity(self.ids.len() + other.ids.len()), width, values: Vec::new() };
        sum.values.reserve((self.ids.len() + other.ids.len()) * width);
        let (mut a, mut b) = (0, 0);
        loop {
            let (left, right) = (self.ids.get(a), other.ids.get(b));
            let Some(&id) = left.into_iter().chain(right).min() else { return sum };
            let start = sum.values.len();
            sum.ids.push(id);
            sum.values.resize(start + width, 0.0);
            for (found, rows, at) in [(left == Some(&id), self, &mut a), (right == Some(&id), other, &mut b)]
            {
                if found {
                    let row = &rows.values[*at * width..(*at + 1) * width];
                    sum.values[start..].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    *at += 1;
                }
            }
        }
    }
}

/// Gradients by parameter name.
#[derive(Clone, Debug, Default)]
pub struct Gradients(BTreeMap<String, Gradient>);

impl Gradients {
    /// Sets a parameter's gradient.
    pub fn insert(&mut self, name: String, gradient: Gradient) {
        self.0.insert(name, gradient);
    }

    /// A parameter's gradient.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Gradient> {
        self.0.get(name)
    }

    /// Adds other gradients, in the same order every time.
    ///
    /// # Errors
    /// If the same parameter has gradients of different kinds.
    pub fn add(&mut self, other: Self) -> Result<()> {
        for (name, gradient) in other.0 {
            let Some(own) = self.0.get_mut(&name) else {
                self.0.insert(name, gradient);
                continue;
            };
            match (&mut *own, gradient) {
                (Gradient::Dense(own), Gradient::Dense(other)) => {
                    own.iter_mut().zip(other).for_each(|(sum, g)| *sum += g);
                }
                (Gradient::Rows(rows), Gradient::Rows(other)) => *rows = rows.plus(&other),
                (Gradient::Tensor(tensor), Gradient::Tensor(other)) => *tensor = (&*tensor + other)?,
                _ => bail!("{name} has gradients of two kinds"),
            }
        }
        Ok(())
    }

    /// Scales all gradients so that their common norm is at most `limit`; the norm before.
    ///
    /// # Errors
    /// If the device fails.
    pub fn clip(&mut self, limit: f32) -> Result<f64> {
        let mut sum = 0.0;
        for gradient in self.0.values() {
            sum += match gradient {
                Gradient::Dense(values) => squares(values),
                Gradient::Rows(rows) => squares(&rows.values),
                Gradient::Tensor(tensor) => {
                    f64::from(tensor.sqr()?.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?)
                }
            };
        }
        let norm = sum.sqrt();
        if norm > f64::from(limit) {
            let factor = f64::from(limit) / norm;
            for gradient in self.0.values_mut() {
                match gradient {
                    Gradient::Dense(values) => scale(values, factor as f32),
                    Gradient::Rows(rows) => scale(&mut rows.values, factor as f32),
                    Gradient::Tensor(tensor) => *tensor = (&*tensor * factor)?,
                }
            }
        }
        Ok(norm)
    }
}

fn scale(values: &mut [f32], factor: f32) {
    values.iter_mut().for_each(|value| *value *= factor);
}

/// Σ x², in double precision, in sixteen sums so that they can run side by side.
fn squares(values: &[f32]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let (chunks, rest) = values.as_chunks::<16>();
            let mut sums = [0.0f64; 16];
            for chunk in chunks {
                for (sum, &value) in sums.iter_mut().zip(chunk) {
                    *sum += f64::from(value) * f64::from(value);
                }
            }
            let rest: f64 = rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
            sums.iter().sum::<f64>() + rest
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(ids: &[u32], values: &[f32]) -> Rows {
        Rows { ids: ids.to_vec(), width: 2, values: values.to_vec() }
    }

    #[test]
    fn rows_of_the_same_word_are_added() {
        let dx = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0, 5.0, 6.0, 9.0];
        let gathered = Rows::gathered(&[7, 2, 7], 8, &dx, 3, 2);
        assert_eq!(gathered, rows(&[2, 7], &[3.0, 4.0, 6.0, 8.0]));
        let other = rows(&[0, 7, 9], &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        let sum = rows(&[0, 2, 7, 9], &[1.0, 1.0, 3.0, 4.0, 8.0, 10.0, 3.0, 3.0]);
        assert_eq!(gathered.plus(&other), sum);
        assert_eq!(other.plus(&gathered), sum);
    }

    #[test]
    fn clipping_bounds_the_norm_of_all_kinds() {
        let tensor = Tensor::new(&[[12.0f32]], &candle_core::Device::Cpu).expect("tensor");
        let mut gradients = Gradients::default();
        gradients.insert("a".to_owned(), Gradient::Dense(vec![3.0]));
        gradients.insert("b".to_owned(), Gradient::Rows(Rows { ids: vec![5], width: 1, values: vec![4.0] }));
        gradients.insert("c".to_owned(), Gradient::Tensor(tensor));
        assert!((gradients.clip(26.0).expect("clips") - 13.0).abs() < 1e-6);
        assert!((gradients.clip(1.0).expect("clips") - 13.0).abs() < 1e-6);
        assert!((gradients.clip(1.0).expect("clips") - 1.0).abs() < 1e-6);
        let long: Vec<f32> = (0..37).map(|value| value as f32).collect();
        assert!((squares(&long) - (0..37).map(|value| f64::from(value * value)).sum::<f64>()).abs() < 1e-6);
    }

    #[test]
    fn kinds_do_not_mix() {
        let of = |gradient| {
            let mut gradients = Gradients::default();
            gradients.insert("a".to_owned(), gradient);
            gradients
        };
        let mut sum = of(Gradient::Dense(vec![1.0, 2.0]));
        sum.add(of(Gradient::Dense(vec![3.0, 4.0]))).expect("adds");
        let Some(Gradient::Dense(values)) = sum.get("a") else { panic!("another kind") };
        assert_eq!(values[..], [4.0, 6.0]);
        assert!(sum.add(of(Gradient::Rows(rows(&[0], &[1.0, 1.0])))).is_err());
    }
}
