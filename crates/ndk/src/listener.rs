//! Listeners, and the addresses of this device that are in use.
//!
//! NDKPI's reference counts of endpoints ("NDKPI Listeners, Connectors, and Endpoints") are the lives of objects here: an
//! address is in use as long as the listener, shared endpoint or connector that claimed it lives, and a listener and a
//! shared endpoint live at least as long as the connectors that inherited their address, being their antecedents.

use crate::{
    connector::Connector,
    engine::Engine,
    object::{Kind, Object, ObjectId},
    platform::Platform,
    table::Table,
    transport::{address::Address, limits::BACKLOG},
    upcall::{Context, Upcall},
};
use alloc::collections::VecDeque;
use core::ffi::c_void;
use ndis_sys::ndk::{
    NDK_FN_CONNECT_EVENT_CALLBACK,
    status::{STATUS_INVALID_ADDRESS, STATUS_SHARING_VIOLATION, STATUS_TOO_MANY_ADDRESSES},
};
use wdk_sys::{NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS};

/// The first of the ports that are chosen for a consumer that asks for port 0; the last is 65535 (NdkListen, NdkConnect).
const FIRST_EPHEMERAL_PORT: u16 = 49152;
const EPHEMERAL_PORTS: usize = 16384;

/// A listener.
pub struct Listener {
    /// Where it listens, once it does.
    address: Option<Address>,
    is_paused: bool,
    /// Connection requests that the consumer has not been told of. There is room for [`BACKLOG`].
    backlog: VecDeque<ObjectId<Connector>>,
    connect_event: NDK_FN_CONNECT_EVENT_CALLBACK,
    context: Context,
}

impl Listener {
    /// A listener that does not listen yet.
    ///
    /// # Errors
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(connect_event: NDK_FN_CONNECT_EVENT_CALLBACK, context: Context) -> Result<Self, NTSTATUS> {
        let mut backlog = VecDeque::new();
        backlog.try_reserve_exact(BACKLOG).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        Ok(Self { address: None, is_paused: false, backlog, connect_event, context })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// STATUS_INVALID_DEVICE_STATE if it does not (ND SPI, IND2Listener::GetLocalAddress).
    pub fn address(&self) -> Result<Address, NTSTATUS> {
        self.address.ok_or(STATUS_INVALID_DEVICE_STATE)
    }
}

impl Engine {
    /// Calls `see` with every address in use.
    fn each_address(&self, mut see: impl FnMut(Address)) {
        let listeners = (0..self.listeners.places()).filter_map(|place| self.listeners.get(self.listeners.at(place)?));
        listeners.filter_map(|listener| listener.address).for_each(&mut see);
        let shared = (0..self.shared_endpoints.places())
            .filter_map(|place| self.shared_endpoints.get(self.shared_endpoints.at(place)?));
        shared.filter_map(|endpoint| endpoint.address()).for_each(&mut see);
        let own = (0..self.connectors.places()).filter_map(|place| self.connectors.get(self.connectors.at(place)?));
        own.filter_map(Connector::own_address).for_each(&mut see);
    }

    /// Finds out that nobody uses a local address; port 0 becomes an ephemeral one. The caller uses it at once.
    ///
    /// # Errors
    /// STATUS_INVALID_ADDRESS for an address that no host can have, STATUS_SHARING_VIOLATION, STATUS_TOO_MANY_ADDRESSES.
    pub(crate) fn claim_address(&self, wanted: Address) -> Result<Address, NTSTATUS> {
        if !wanted.is_unicast() {
            return Err(STATUS_INVALID_ADDRESS);
        }
        let mut is_used = false;
        let mut used_ports = [0_u64; EPHEMERAL_PORTS / 64];
        self.each_address(|address| {
            is_used |= address == wanted;
            if address.ip == wanted.ip
                && let Some(port) = address.port.checked_sub(FIRST_EPHEMERAL_PORT)
            {
                used_ports[usize::from(port) / 64] |= 1 << (port % 64);
            }
        });
        if is_used {
            return Err(STATUS_SHARING_VIOLATION);
        }
        if wanted.port != 0 {
            return Ok(wanted);
        }
        let word = used_ports.iter().position(|ports| *ports != u64::MAX).ok_or(STATUS_TOO_MANY_ADDRESSES)?;
        let free = word as u32 * 64 + used_ports[word].trailing_ones(); // CAST: below EPHEMERAL_PORTS.
        Ok(Address { port: FIRST_EPHEMERAL_PORT + free as u16, ..wanted }) // CAST: as above.
    }

    /// True if the address's host is this device: some endpoint has its IP address.
    pub(crate) fn is_local_host(&self, wanted: Address) -> bool {
        let mut is_local = false;
        self.each_address(|address| is_local |= address.ip == wanted.ip);
        is_local
    }

    /// NdkListen.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_INVALID_DEVICE_STATE if it listens already, and as
    /// [`claim_address`](Self::claim_address).
    pub(crate) fn listen(&mut self, id: ObjectId<Listener>, wanted: Address) -> Result<NTSTATUS, NTSTATUS> {
        if self.usable(id)?.address.is_some() {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        let address = self.claim_address(wanted)?;
        self.usable(id)?.address = Some(address);
        Ok(STATUS_SUCCESS)
    }

    /// NdkControlConnectEvents: while paused, requests are refused as if nobody listened, also those that the consumer was
    /// not told of yet.
    pub(crate) fn control_connect_events(&mut self, id: ObjectId<Listener>, pause: bool) {
        let Ok(listener) = self.usable(id) else { return };
        listener.is_paused = pause;
        if pause {
            self.refuse_backlog(id);
        }
    }

    fn refuse_backlog(&mut self, id: ObjectId<Listener>) {
        while let Some(incoming) = self.listeners.get_mut(id).and_then(|listener| listener.backlog.pop_front()) {
            self.abandon(incoming);
        }
    }

    /// The listener for connection requests to an address; none if it is paused, being closed, or has too many to tell.
    pub(crate) fn listener_at(&self, address: Address) -> Option<ObjectId<Listener>> {
        (0..self.listeners.places()).filter_map(|place| self.listeners.at(place)).find(|id| {
            let open = self.base((*id).into()).is_some_and(|base| base.close.is_none());
            let listener = self.listeners.get(*id).filter(|_| open);
            listener.is_some_and(|it| it.address == Some(address) && !it.is_paused && it.backlog.len() < BACKLOG)
        })
    }

    /// Lets the consumer of a listener that [`listener_at`](Self::listener_at) found be told of a connection request.
    pub(crate) fn offer(&mut self, id: ObjectId<Listener>, incoming: ObjectId<Connector>) {
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.backlog.push_back(incoming);
            self.wake(id.into());
        }
    }
}

impl Object for Listener {
    const KIND: Kind = Kind::Listener;
    const LIMIT: u32 = 4096;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::listener::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.listeners
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.listeners
    }

    /// Requests that the consumer was not told of are refused, as further ones are from here on.
    fn closing(engine: &mut Engine, id: ObjectId<Self>) {
        engine.refuse_backlog(id);
    }

    fn step(engine: &mut Engine, id: ObjectId<Self>) -> Option<Upcall> {
        let listener = engine.listeners.get_mut(id)?;
        let (connect_event, context) = (listener.connect_event, listener.context);
        // One that was given up before its consumer heard of it is gone.
        let handle = loop {
            let incoming = engine.listeners.get_mut(id)?.backlog.pop_front()?;
            if let Some(handle) = engine.announce(incoming) {
                break handle;
            }
        };
        if engine.listeners.get(id).is_some_and(|listener| !listener.backlog.is_empty()) {
            engine.wake(id.into());
        }
        Some(Upcall::ConnectEvent(connect_event, context, handle))
    }

    fn stop(engine: &mut Engine, id: ObjectId<Self>) {
        engine.refuse_backlog(id);
    }
}
