//! Memory windows.

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

/// A memory window.
pub struct Mw {
    pd: ObjectId<Pd>,
    memory: MemoryId,
}

impl Mw {
    /// A window that is not in an engine yet.
    #[must_use]
    pub const fn new(pd: ObjectId<Pd>) -> Self {
        Self { pd, memory: MemoryId::NONE }
    }

    /// What it shows.
    #[must_use]
    pub const fn memory(&self) -> MemoryId {
        self.memory
    }
}

impl Object for Mw {
    const KIND: Kind = Kind::Mw;
    const LIMIT: u32 = 16384;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::mw::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.mws
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.mws
    }

    fn begin(engine: &mut Engine, id: ObjectId<Self>) -> Result<(), NTSTATUS> {
        let mw = engine.mws.get_mut(id).ok_or(STATUS_INVALID_HANDLE)?;
        let domain = engine.pds.get(mw.pd).ok_or(STATUS_INVALID_HANDLE)?.memory();
        mw.memory = engine.memory.create_window(domain).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        Ok(())
    }

    fn end(self, engine: &mut Engine) {
        engine.memory.remove(self.memory);
    }
}
