//! The objects of one type.

use crate::{
    handle::{Handle, OwnedHandle},
    object::{Base, Entry, Object, ObjectId},
    slab::{NoMemory, Slab},
};
use alloc::{boxed::Box, vec::Vec};
use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::ndk::NDK_VERSION;

/// Objects by name, and the handles of their places.
///
/// # Invariants
/// `handles` has one for every place that ever had an object.
pub struct Table<T> {
    entries: Slab<Entry<T>>,
    handles: Vec<OwnedHandle>,
}

impl<T: Object> Table<T> {
    /// No objects.
    #[must_use]
    pub const fn empty() -> Self {
        Self { entries: Slab::new(T::LIMIT), handles: Vec::new() }
    }

    /// Takes an object in; `handle` is used if its place is a new one.
    pub fn insert(
        &mut self,
        entry: Entry<T>,
        handle: Box<Handle>,
        version: NDK_VERSION,
        dispatch: *const c_void,
    ) -> Result<(ObjectId<T>, NonNull<Handle>), NoMemory> {
        self.handles.try_reserve(1)?;
        let id = self.entries.insert(entry)?;
        let place = id.place() as usize;
        if place == self.handles.len() {
            self.handles.push(OwnedHandle::new(handle));
        }
        // Places are given out in order the first time, so there is a handle.
        let handle = self.handles.get(place).ok_or(NoMemory)?;
        Ok((id, handle.lend(id.into(), version, dispatch)))
    }

    /// Takes an object out.
    pub fn remove(&mut self, id: ObjectId<T>) -> Option<Entry<T>> {
        self.entries.remove(id)
    }

    /// What the object is.
    #[must_use]
    pub fn get(&self, id: ObjectId<T>) -> Option<&T> {
        Some(&self.entries.get(id)?.value)
    }

    /// What the object is.
    pub fn get_mut(&mut self, id: ObjectId<T>) -> Option<&mut T> {
        Some(&mut self.entries.get_mut(id)?.value)
    }

    /// The object's life.
    #[must_use]
    pub fn base(&self, id: ObjectId<T>) -> Option<&Base> {
        Some(&self.entries.get(id)?.base)
    }

    /// The object's life.
    pub fn base_mut(&mut self, id: ObjectId<T>) -> Option<&mut Base> {
        Some(&mut self.entries.get_mut(id)?.base)
    }

    /// Number of places, used or not.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.entries.places()
    }

    /// The name of the object in a place.
    #[must_use]
    pub fn at(&self, place: u32) -> Option<ObjectId<T>> {
        self.entries.at(place).map(|(id, _)| id)
    }

    /// Number of objects.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }
}
