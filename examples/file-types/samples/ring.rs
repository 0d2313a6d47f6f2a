//! A ring buffer of fixed capacity, for the last readings of a gauge.

use std::collections::VecDeque;
use std::fmt;

/// Keeps the newest `capacity` readings.
#[derive(Debug, Clone)]
pub struct Ring<T> {
    items: VecDeque<T>,
    capacity: usize,
}

impl<T: Copy> Ring<T> {
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a ring holds something");
        Self { items: VecDeque::with_capacity(capacity), capacity }
    }

    /// Adds a reading, and returns the one that had to go.
    pub fn push(&mut self, item: T) -> Option<T> {
        let oldest = if self.items.len() == self.capacity {
            self.items.pop_front()
        } else {
            None
        };
        self.items.push_back(item);
        oldest
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        self.items.iter()
    }
}

impl<T: Copy + Into<f64>> Ring<T> {
    pub fn mean(&self) -> Option<f64> {
        let count = u32::try_from(self.items.len()).ok()?;
        (count > 0).then(|| self.items.iter().map(|&item| item.into()).sum::<f64>() / f64::from(count))
    }
}

impl<T: fmt::Display> fmt::Display for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_goes_first() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.push(1), None);
        assert_eq!(ring.push(2), None);
        assert_eq!(ring.push(3), Some(1));
        assert_eq!(ring.to_string(), "2 3");
    }
}
