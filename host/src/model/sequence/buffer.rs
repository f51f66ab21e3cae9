//! Reuse of large buffers: fresh pages cost more than the arithmetic on them.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// A thread keeps at most this many buffers that are not in use.
const KEPT: usize = 32;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// `len` numbers, taken from the thread's used buffers and given back when dropped.
#[derive(Debug, Default)]
pub struct Buffer {
    /// At least `len` numbers.
    values: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// Numbers of arbitrary value, which the caller overwrites before reading any.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let mut values = FREE.with_borrow_mut(|free| {
            let fits = |index: &usize| free[*index].len() >= len;
            let best = (0..free.len()).filter(fits).min_by_key(|&index| free[index].len());
            let index = best.or_else(|| (0..free.len()).max_by_key(|&index| free[index].len()));
            index.map(|index| free.swap_remove(index)).unwrap_or_default()
        });
        if values.len() < len {
            values.resize(len, 0.0);
        }
        Self { values, len }
    }

    /// Zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::new(len);
        buffer.fill(0.0);
        buffer
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        // A thread that ends has no list any more: then the memory is freed.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT && !values.is_empty() {
                free.push(values);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_in_the_size_asked_for() {
        let mut long = Buffer::zeros(100);
        long.fill(7.0);
        drop(long);
        let short = Buffer::new(10);
        assert_eq!(short.len(), 10);
        let zeros = Buffer::zeros(200);
        assert!(zeros.len() == 200 && zeros.iter().all(|&zero| zero == 0.0));
    }
}
