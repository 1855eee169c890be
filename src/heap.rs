//! One value in memory of its own: what is large does not go over the kernel stack, and running out of memory is an error.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use netadaptercx::{Result, Status};

/// A value on the heap.
pub struct Heap<T>(Vec<T>);

impl<T> Heap<T> {
    /// Makes the value in its place.
    pub fn new(make: impl FnMut() -> T) -> Result<Self> {
        let mut one = Vec::new();
        one.try_reserve_exact(1).map_err(|_| Status::new(wdk_sys::STATUS_INSUFFICIENT_RESOURCES))?;
        one.resize_with(1, make);
        Ok(Self(one))
    }
}

impl<T> Deref for Heap<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0[0]
    }
}

impl<T> DerefMut for Heap<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0[0]
    }
}
