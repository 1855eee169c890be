//! Protection domains: what belongs together.

use crate::{
    engine::Engine,
    object::{Kind, Object, ObjectId},
    platform::Platform,
    table::Table,
    transport::{lam::Owner, memory::MemoryId},
};
use core::ffi::c_void;
use ndis_sys::ndk::status::STATUS_INVALID_HANDLE;
use wdk_sys::{NTSTATUS, STATUS_INSUFFICIENT_RESOURCES};

/// A protection domain.
pub struct Pd {
    memory: MemoryId,
}

impl Pd {
    /// A domain that is not in an engine yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { memory: MemoryId::NONE }
    }

    /// Whose tokens and requests belong together.
    #[must_use]
    pub const fn memory(&self) -> MemoryId {
        self.memory
    }
}

impl Default for Pd {
    fn default() -> Self {
        Self::new()
    }
}

impl Object for Pd {
    const KIND: Kind = Kind::Pd;
    const LIMIT: u32 = 4096;

    fn begin(engine: &mut Engine, id: ObjectId<Self>) -> Result<(), NTSTATUS> {
        let adapter = engine.base(id.into()).ok_or(STATUS_INVALID_HANDLE)?.adapter;
        let memory = engine.memory.create_domain(Owner(adapter.to_bits()));
        let memory = memory.map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        engine.pds.get_mut(id).ok_or(STATUS_INVALID_HANDLE)?.memory = memory;
        Ok(())
    }

    fn end(self, engine: &mut Engine) {
        engine.memory.remove(self.memory);
    }

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::pd::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.pds
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.pds
    }
}
