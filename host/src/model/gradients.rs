//! Gradients of a network's parameters: tensors on its device, as sparse as they are.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use candle_core::Tensor;

/// One parameter's gradient.
#[derive(Clone, Debug)]
pub enum Gradient {
    /// In the parameter's shape.
    Dense(Tensor),
    /// Some rows; all others are zero.
    Rows(Rows),
}

/// Rows of a matrix with `width` columns.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Which rows, ascending, each once.
    pub ids: Vec<u32>,
    /// \[ids × width\]
    pub values: Tensor,
}

impl Rows {
    /// The sum of two such gradients.
    fn plus(&self, other: &Self) -> Result<Self> {
        let mut ids = [&self.ids[..], &other.ids].concat();
        ids.sort_unstable();
        ids.dedup();
        let mut values = self.values.narrow(0, 0, 1)?.zeros_like()?.repeat((ids.len(), 1))?;
        for rows in [self, other] {
            let places = rows.ids.iter().map(|&id| ids.partition_point(|&own| own < id) as u32);
            let places = Tensor::from_iter(places, values.device())?;
            values = values.index_add(&places, &rows.values, 0)?;
        }
        Ok(Self { ids, values })
    }

    /// The whole matrix of `count` rows.
    ///
    /// # Errors
    /// If an id is not below `count`, or the device fails.
    pub fn to_dense(&self, count: usize) -> candle_core::Result<Tensor> {
        let zeros = Tensor::zeros((count, self.values.dim(1)?), self.values.dtype(), self.values.device())?;
        zeros.index_add(&Tensor::new(&self.ids[..], zeros.device())?, &self.values, 0)
    }
}

impl Gradient {
    /// The numbers that are not zero for certain.
    #[must_use]
    pub const fn values(&self) -> &Tensor {
        match self {
            Self::Dense(values) | Self::Rows(Rows { values, .. }) => values,
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
    /// If the same parameter has a dense and a sparse gradient, or the device fails.
    pub fn add(&mut self, other: Self) -> Result<()> {
        for (name, gradient) in other.0 {
            let Some(own) = self.0.get_mut(&name) else {
                self.0.insert(name, gradient);
                continue;
            };
            *own = match (&*own, gradient) {
                (Gradient::Dense(own), Gradient::Dense(other)) => Gradient::Dense((own + other)?),
                (Gradient::Rows(own), Gradient::Rows(other)) => Gradient::Rows(own.plus(&other)?),
                _ => bail!("{name} has a dense and a sparse gradient"),
            };
        }
        Ok(())
    }

    /// The Euclidean norm of all gradients together.
    ///
    /// # Errors
    /// If the device fails.
    pub fn norm(&self) -> Result<f64> {
        let mut sum = 0.0;
        for gradient in self.0.values() {
            sum += f64::from(gradient.values().sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        Ok(sum.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn rows<const N: usize>(ids: [u32; N], values: [[f32; 2]; N]) -> Rows {
        Rows { ids: ids.to_vec(), values: Tensor::new(&values, &Device::Cpu).expect("tensor") }
    }

    fn of(gradient: Gradient) -> Gradients {
        let mut gradients = Gradients::default();
        gradients.insert("a".to_owned(), gradient);
        gradients
    }

    fn dense(values: &[f32]) -> Gradient {
        Gradient::Dense(Tensor::new(values, &Device::Cpu).expect("tensor"))
    }

    #[test]
    fn rows_of_the_same_word_are_added() {
        let (a, b) =
            (rows([2, 7], [[3.0, 4.0], [6.0, 8.0]]), rows([0, 7, 9], [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]));
        for (a, b) in [(&a, &b), (&b, &a)] {
            let sum = a.plus(b).expect("adds");
            assert_eq!(sum.ids, [0, 2, 7, 9]);
            let values: Vec<Vec<f32>> = sum.values.to_vec2().expect("two dimensions");
            assert_eq!(values, [[1.0, 1.0], [3.0, 4.0], [8.0, 10.0], [3.0, 3.0]]);
        }
        let whole: Vec<Vec<f32>> = a.to_dense(8).and_then(|whole| whole.to_vec2()).expect("dense");
        assert!(whole[2] == [3.0, 4.0] && whole[7] == [6.0, 8.0]);
        assert_eq!(whole.concat().iter().sum::<f32>(), 21.0);
        assert!(a.to_dense(7).is_err());
    }

    #[test]
    fn the_norm_is_that_of_all_kinds() {
        let mut gradients = of(dense(&[3.0, 12.0]));
        gradients.insert("b".to_owned(), Gradient::Rows(rows([5], [[4.0, 0.0]])));
        assert!((gradients.norm().expect("a norm") - 13.0).abs() < 1e-6);
    }

    #[test]
    fn kinds_do_not_mix() {
        let mut sum = of(dense(&[1.0, 2.0]));
        sum.add(of(dense(&[3.0, 4.0]))).expect("adds");
        let values: Vec<f32> = sum.get("a").expect("there").values().to_vec1().expect("one dimension");
        assert_eq!(values, [4.0, 6.0]);
        assert!(sum.add(of(Gradient::Rows(rows([0], [[1.0, 1.0]])))).is_err());
    }
}
