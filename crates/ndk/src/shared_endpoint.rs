//! Shared endpoints: a local address of several connectors.

use crate::{
    engine::Engine,
    object::{Kind, Object, ObjectId},
    platform::Platform,
    table::Table,
    transport::address::Address,
};
use core::ffi::c_void;
use ndis_sys::ndk::status::STATUS_INVALID_HANDLE;
use wdk_sys::NTSTATUS;

/// A shared endpoint.
pub struct SharedEndpoint {
    /// As wanted; its port is chosen when the endpoint comes into an engine.
    wanted: Address,
    address: Option<Address>,
}

impl SharedEndpoint {
    /// An endpoint that is not in an engine yet; port 0 asks for an ephemeral one.
    #[must_use]
    pub const fn new(wanted: Address) -> Self {
        Self { wanted, address: None }
    }

    /// Its address, once it is in an engine.
    #[must_use]
    pub const fn address(&self) -> Option<Address> {
        self.address
    }
}

impl Object for SharedEndpoint {
    const KIND: Kind = Kind::SharedEndpoint;
    const LIMIT: u32 = 4096;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::shared_endpoint::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.shared_endpoints
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.shared_endpoints
    }

    fn begin(engine: &mut Engine, id: ObjectId<Self>) -> Result<(), NTSTATUS> {
        let wanted = engine.shared_endpoints.get(id).ok_or(STATUS_INVALID_HANDLE)?.wanted;
        let address = engine.claim_address(wanted)?;
        engine.shared_endpoints.get_mut(id).ok_or(STATUS_INVALID_HANDLE)?.address = Some(address);
        Ok(())
    }
}
