//! Memory regions.

use crate::{
    engine::Engine,
    object::{Kind, Object, ObjectId},
    pd::Pd,
    platform::Platform,
    table::Table,
    transport::memory::MemoryId,
};
use core::ffi::c_void;
use ndis_sys::ndk::status::STATUS_INVALID_HANDLE;
use wdk_sys::{NTSTATUS, STATUS_INSUFFICIENT_RESOURCES};

/// A memory region.
pub struct Mr {
    pd: ObjectId<Pd>,
    fast_register: bool,
    memory: MemoryId,
}

impl Mr {
    /// A region that is not in an engine yet, for NdkFastRegister or for NdkRegisterMr.
    #[must_use]
    pub const fn new(pd: ObjectId<Pd>, fast_register: bool) -> Self {
        Self { pd, fast_register, memory: MemoryId::NONE }
    }

    /// Its registrations.
    #[must_use]
    pub const fn memory(&self) -> MemoryId {
        self.memory
    }
}

impl Object for Mr {
    const KIND: Kind = Kind::Mr;
    const LIMIT: u32 = 16384;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::mr::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.mrs
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.mrs
    }

    fn begin(engine: &mut Engine, id: ObjectId<Self>) -> Result<(), NTSTATUS> {
        let mr = engine.mrs.get_mut(id).ok_or(STATUS_INVALID_HANDLE)?;
        let domain = engine.pds.get(mr.pd).ok_or(STATUS_INVALID_HANDLE)?.memory();
        let memory = engine.memory.create_region(domain, mr.fast_register);
        mr.memory = memory.map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        Ok(())
    }

    fn end(self, engine: &mut Engine) {
        engine.memory.remove(self.memory);
    }
}
