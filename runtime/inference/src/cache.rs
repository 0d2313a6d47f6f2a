//! Owns a small store of what was made for each combination of input shapes. Makes nothing itself.

use std::sync::{Mutex, PoisonError};

use crate::backend::TensorShape;

/// Entries by the shapes of a call, the most recently used last; bounded.
pub(crate) struct ShapeCache<T> {
    entries_max: usize,
    entries: Mutex<Vec<(Vec<TensorShape>, T)>>,
}

impl<T: Clone> ShapeCache<T> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            entries_max,
            entries: Mutex::new(Vec::new()),
        }
    }

    /// What is stored for these shapes, or what `make` yields, which is then stored. Two threads may
    /// make the same entry at once: that wastes time, while a lock held meanwhile would stall others.
    pub(crate) fn get_or_make<E>(
        &self,
        shapes: &[TensorShape],
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some(found) = self.take_recent(shapes) {
            return Ok(found);
        }
        let made = make()?;
        let mut entries = self.lock();
        if !entries.iter().any(|(key, _)| key == shapes) {
            if entries.len() >= self.entries_max && !entries.is_empty() {
                entries.remove(0);
            }
            if self.entries_max > 0 {
                entries.push((shapes.to_vec(), made.clone()));
            }
        }
        Ok(made)
    }

    fn take_recent(&self, shapes: &[TensorShape]) -> Option<T> {
        let mut entries = self.lock();
        let index = entries.iter().position(|(key, _)| key == shapes)?;
        let entry = entries.remove(index);
        let found = entry.1.clone();
        entries.push(entry);
        Some(found)
    }

    /// No step under the lock leaves the list half-changed, so a poisoned one is still right.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Vec<TensorShape>, T)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::ElementType;

    #[test]
    fn longest_unused_entry_goes_first() {
        let shapes = |n: u32| {
            vec![TensorShape {
                dimensions: vec![n],
                element_type: ElementType::U8,
            }]
        };
        let cache = ShapeCache::new(2);
        let mut made = Vec::new();
        for n in [1, 2, 1, 3, 1, 2] {
            let found: Result<u32, ()> = cache.get_or_make(&shapes(n), || {
                made.push(n);
                Ok(n)
            });
            assert_eq!(found, Ok(n));
        }
        assert_eq!(made, [1, 2, 3, 2]);
    }
}
