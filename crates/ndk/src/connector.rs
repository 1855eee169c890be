//! Connectors: one side of a connection, and how two sides come together and part.
//!
//! ```text
//!  active                     Idle -- connect --> Connecting -- peer accepts --> Offered -- complete connect --> Connected
//!  passive  (connect event) Incoming -- accept --> Accepting -------------------- peer completes --------------> Connected
//!  both     Connected -- disconnect --> Disconnected;  Connected -- peer disconnects, error --> Left -- disconnect --> Disconnected
//! ```
//!
//! A connection that does not come about leaves the active side Idle, to be tried again, and its queue pair as it was (ND
//! SPI, IND2Connector::Connect); the passive side is Failed. Statuses beyond those of NDKPI's pages, and what they mean:
//! STATUS_INVALID_DEVICE_STATE for a connector or queue pair that has had its connection, STATUS_CONNECTION_ACTIVE for a
//! queue pair that has one, STATUS_CONNECTION_INVALID for a request that the connector's state does not allow.

mod establish;

use crate::{
    engine::Engine,
    object::{AnyId, CloseRequest, Kind, Object, ObjectId},
    platform::Platform,
    qp::{Link, Qp},
    shared_endpoint::SharedEndpoint,
    table::Table,
    transport::{
        address::Address,
        limits::{HANDSHAKE_TIMEOUT, MAX_CALLER_DATA, MAX_INBOUND_READ_LIMIT, MAX_OUTBOUND_READ_LIMIT},
    },
    upcall::{Context, LentHandle, Upcall},
};
use core::ffi::c_void;
use ndis_sys::ndk::{
    NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, NDK_FN_REQUEST_COMPLETION,
    status::{STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_INVALID, STATUS_CONNECTION_REFUSED},
};
use wdk_sys::{
    NTSTATUS, STATUS_CANCELLED, STATUS_INVALID_DEVICE_STATE, STATUS_IO_TIMEOUT, STATUS_PENDING, STATUS_SUCCESS,
};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Connecting,
    Offered,
    Incoming,
    Accepting,
    Connected,
    Left,
    Disconnected,
    /// What a request to go on with the connection is answered.
    Failed(NTSTATUS),
}

/// How many reads may be in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadLimits {
    /// Of the peer.
    pub inbound: u32,
    /// Of the own side.
    pub outbound: u32,
}

impl ReadLimits {
    /// All that the provider allows.
    const MOST: Self = Self { inbound: MAX_INBOUND_READ_LIMIT, outbound: MAX_OUTBOUND_READ_LIMIT };

    /// As the provider caps what a consumer asks for.
    #[must_use]
    pub fn capped(self) -> Self {
        Self { inbound: self.inbound.min(MAX_INBOUND_READ_LIMIT), outbound: self.outbound.min(MAX_OUTBOUND_READ_LIMIT) }
    }

    /// What is effective against a peer's.
    fn against(self, peer: Self) -> Self {
        Self { inbound: self.inbound.min(peer.outbound), outbound: self.outbound.min(peer.inbound) }
    }
}

/// Private data of a connection request or its answer.
#[derive(Clone, Copy)]
pub struct PrivateData {
    length: usize,
    bytes: [u8; MAX_CALLER_DATA as usize],
}

impl PrivateData {
    /// No data.
    pub const NONE: Self = Self { length: 0, bytes: [0; MAX_CALLER_DATA as usize] };

    /// Room for `length` bytes; none if that is more than can be sent.
    pub fn with_length(length: usize) -> Option<Self> {
        (length <= MAX_CALLER_DATA as usize).then_some(Self { length, ..Self::NONE })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}

/// What the consumer wants to be called when a request is complete.
#[derive(Clone, Copy)]
pub struct RequestCompletion {
    /// NdkRequestCompletion.
    pub completion: NDK_FN_REQUEST_COMPLETION,
    /// Its context.
    pub context: Context,
}

/// What the consumer wants to be called when the peer disconnects.
#[derive(Clone, Copy)]
pub enum DisconnectEvent {
    /// NdkDisconnectEventCallback.
    Plain(NDK_FN_DISCONNECT_EVENT_CALLBACK, Context),
    /// NdkDisconnectEventCallbackEx.
    Ex(NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, Context),
}

impl DisconnectEvent {
    const NONE: Self = Self::Plain(None, Context(core::ptr::null_mut()));

    const fn upcall(self) -> Upcall {
        match self {
            Self::Plain(call, context) => Upcall::DisconnectEvent(call, context),
            // No reasons are told apart: 0 says so.
            Self::Ex(call, context) => Upcall::DisconnectEventEx(call, context, 0),
        }
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub enum Source {
    /// An address of the connector's own.
    Own(Address),
    /// A shared endpoint's.
    Shared(ObjectId<SharedEndpoint>),
}

/// What NdkConnect and NdkAccept say of the own side.
pub struct Terms {
    /// The queue pair to connect.
    pub qp: ObjectId<Qp>,
    /// As asked for.
    pub limits: ReadLimits,
    /// For the peer.
    pub private_data: PrivateData,
    /// For the request.
    pub completion: RequestCompletion,
}

/// A connector.
pub struct Connector {
    state: State,
    peer: ObjectId<Connector>,
    qp: ObjectId<Qp>,
    shared_endpoint: Option<ObjectId<SharedEndpoint>>,
    /// The local address is the connector's, not that of a listener or shared endpoint.
    owns_address: bool,
    local: Option<Address>,
    remote: Option<Address>,
    /// As asked for, capped.
    asked: ReadLimits,
    effective: ReadLimits,
    /// From the peer, once it sent some with its request or answer.
    received: Option<PrivateData>,
    /// The pending request.
    request: Option<RequestCompletion>,
    /// How it ended, to be told.
    result: Option<NTSTATUS>,
    disconnect_event: DisconnectEvent,
    /// The peer has disconnected, to be told.
    has_lost: bool,
    /// When the peer must have answered.
    deadline: Option<u64>,
    /// Of an incoming request that the consumer has not been told of.
    untold: Option<LentHandle>,
}

impl Connector {
    /// An unconnected connector.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Idle,
            peer: ObjectId::NONE,
            qp: ObjectId::NONE,
            shared_endpoint: None,
            owns_address: false,
            local: None,
            remote: None,
            asked: ReadLimits { inbound: 0, outbound: 0 },
            effective: ReadLimits { inbound: 0, outbound: 0 },
            received: None,
            request: None,
            result: None,
            disconnect_event: DisconnectEvent::NONE,
            has_lost: false,
            deadline: None,
            untold: None,
        }
    }

    /// The address that the connector claimed for itself.
    #[must_use]
    pub fn own_address(&self) -> Option<Address> {
        self.local.filter(|_| self.owns_address)
    }

    /// The own address.
    ///
    /// # Errors
    /// STATUS_CONNECTION_INVALID if it has none (ND SPI, IND2Connector::GetLocalAddress).
    pub fn local_address(&self) -> Result<Address, NTSTATUS> {
        self.local.ok_or(STATUS_CONNECTION_INVALID)
    }

    /// The peer's address.
    ///
    /// # Errors
    /// STATUS_CONNECTION_INVALID if there is no peer.
    pub fn peer_address(&self) -> Result<Address, NTSTATUS> {
        self.remote.ok_or(STATUS_CONNECTION_INVALID)
    }

    /// The effective read limits and what the peer sent, for NdkGetConnectionData.
    ///
    /// # Errors
    /// STATUS_CONNECTION_INVALID before the peer sent anything.
    pub fn connection_data(&self) -> Result<(ReadLimits, PrivateData), NTSTATUS> {
        Ok((self.effective, self.received.ok_or(STATUS_CONNECTION_INVALID)?))
    }
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// A connector that a consumer may make a request of: it is not closed and has none pending.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_INVALID_DEVICE_STATE while a request is pending.
    fn requestable(&mut self, id: ObjectId<Connector>) -> Result<&mut Connector, NTSTATUS> {
        let connector = self.usable(id)?;
        if connector.request.is_some() { Err(STATUS_INVALID_DEVICE_STATE) } else { Ok(connector) }
    }

    /// Lets the consumer be told how its pending request ended.
    fn answer(&mut self, id: ObjectId<Connector>, status: NTSTATUS) {
        if let Some(connector) = self.connectors.get_mut(id).filter(|connector| connector.request.is_some()) {
            connector.result = Some(status);
            self.wake(id.into());
        }
    }

    fn set_state(&mut self, id: ObjectId<Connector>, state: State) {
        if let Some(connector) = self.connectors.get_mut(id) {
            connector.state = state;
            connector.deadline = None;
        }
    }

    /// Gives a queue pair back that was not connected after all.
    fn give_qp_back(&mut self, id: ObjectId<Connector>) {
        let Some(connector) = self.connectors.get_mut(id) else { return };
        let qp_id = core::mem::replace(&mut connector.qp, ObjectId::NONE);
        if let Some(qp) = self.qps.get_mut(qp_id) {
            qp.connector = None;
            if qp.link == Link::Connecting {
                qp.link = Link::Idle;
            }
            self.let_go(id, qp_id.into());
        }
    }

    /// An antecedent of an attempt that failed is not one any more. A connector that is being closed keeps it until its
    /// consumer has been told.
    fn let_go(&mut self, id: ObjectId<Connector>, antecedent: AnyId) {
        if self.base(id.into()).is_some_and(|base| base.close.is_none()) {
            self.unfollow(id.into(), antecedent);
        }
    }

    /// The active side's attempt has failed: it is as before.
    fn fail_active(&mut self, id: ObjectId<Connector>, status: NTSTATUS) {
        self.give_qp_back(id);
        self.set_state(id, State::Idle);
        let Some(connector) = self.connectors.get_mut(id) else { return };
        connector.peer = ObjectId::NONE;
        connector.owns_address = false;
        connector.local = None;
        connector.remote = None;
        let shared = connector.shared_endpoint.take();
        if let Some(shared) = shared {
            self.let_go(id, shared.into());
        }
        self.answer(id, status);
    }

    /// The passive side's attempt has failed: with `answer` for a pending accept, `later` for what comes then. One that its
    /// consumer was not told of is no more.
    fn fail_passive(&mut self, id: ObjectId<Connector>, answer: NTSTATUS, later: NTSTATUS) {
        self.give_qp_back(id);
        self.set_state(id, State::Failed(later));
        self.answer(id, answer);
        if self.connectors.get(id).is_some_and(|connector| connector.untold.is_some()) {
            // Nobody has heard of it, so nothing holds it: it goes at once.
            let _ = self.close(id, CloseRequest { completion: None, context: Context(core::ptr::null_mut()) });
        }
    }

    /// A connection attempt takes too long.
    fn time_out(&mut self, id: ObjectId<Connector>) {
        let Some((state, peer)) = self.connectors.get(id).map(|connector| (connector.state, connector.peer)) else {
            return;
        };
        if state == State::Connecting {
            self.fail_passive(peer, STATUS_IO_TIMEOUT, STATUS_CONNECTION_ABORTED);
            self.fail_active(id, STATUS_IO_TIMEOUT);
        } else {
            self.fail_passive(peer, STATUS_IO_TIMEOUT, STATUS_IO_TIMEOUT);
            self.give_qp_back(id);
            self.set_state(id, State::Failed(STATUS_IO_TIMEOUT));
        }
    }

    /// The connection of a connector was ended by the peer or by an error; its queue pair has been seen to.
    pub(crate) fn connection_lost(&mut self, id: Option<ObjectId<Connector>>) {
        let Some(id) = id else { return };
        if let Some(connector) = self.connectors.get_mut(id).filter(|connector| connector.state == State::Connected) {
            connector.state = State::Left;
            connector.has_lost = true;
            self.wake(id.into());
        }
    }

    /// Parts from the peer, if it is there: what waits on the own queue pair is flushed, the peer is told.
    fn part(&mut self, id: ObjectId<Connector>) {
        let Some(connector) = self.connectors.get_mut(id) else { return };
        let (qp, peer, was) = (connector.qp, connector.peer, connector.state);
        connector.state = State::Disconnected;
        connector.has_lost = false;
        self.end_link(qp);
        if was == State::Connected {
            self.connection_lost(Some(peer));
        }
    }

    /// NdkDisconnect.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_INVALID_DEVICE_STATE while a request is pending, STATUS_CONNECTION_INVALID without a
    /// connection.
    pub(crate) fn disconnect(
        &mut self,
        id: ObjectId<Connector>,
        completion: RequestCompletion,
    ) -> Result<NTSTATUS, NTSTATUS> {
        let connector = self.requestable(id)?;
        if !matches!(connector.state, State::Connected | State::Left) {
            return Err(STATUS_CONNECTION_INVALID);
        }
        connector.request = Some(completion);
        self.part(id);
        self.answer(id, STATUS_SUCCESS);
        Ok(STATUS_PENDING)
    }

    /// The consumer wants nothing more of a connector: its connection ends, or the attempt to make one.
    pub(crate) fn abandon(&mut self, id: ObjectId<Connector>) {
        let Some((state, peer)) = self.connectors.get(id).map(|connector| (connector.state, connector.peer)) else {
            return;
        };
        match state {
            State::Idle | State::Disconnected | State::Failed(_) => {}
            State::Connecting => {
                self.fail_passive(peer, STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_ABORTED);
                self.fail_active(id, STATUS_CANCELLED);
            }
            State::Offered => {
                self.fail_passive(peer, STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_ABORTED);
                self.give_qp_back(id);
                self.set_state(id, State::Failed(STATUS_CONNECTION_INVALID));
            }
            State::Incoming => {
                self.fail_active(peer, STATUS_CONNECTION_REFUSED);
                self.fail_passive(id, STATUS_CANCELLED, STATUS_CONNECTION_INVALID);
            }
            State::Accepting => {
                self.give_qp_back(peer);
                self.set_state(peer, State::Failed(STATUS_CONNECTION_ABORTED));
                self.fail_passive(id, STATUS_CANCELLED, STATUS_CONNECTION_INVALID);
            }
            State::Connected | State::Left => self.part(id),
        }
    }

    /// The handle of an incoming connector that its consumer is told of now; none if there is no such any more.
    pub(crate) fn announce(&mut self, id: ObjectId<Connector>) -> Option<LentHandle> {
        self.connectors.get_mut(id)?.untold.take()
    }
}

impl Object for Connector {
    const KIND: Kind = Kind::Connector;
    const LIMIT: u32 = 8192;

    fn dispatch<P: Platform>() -> *const c_void {
        crate::door::connector::dispatch::<P>()
    }

    fn table(engine: &Engine) -> &Table<Self> {
        &engine.connectors
    }

    fn table_mut(engine: &mut Engine) -> &mut Table<Self> {
        &mut engine.connectors
    }

    fn closing(engine: &mut Engine, id: ObjectId<Self>) {
        engine.abandon(id);
        if let Some(connector) = engine.connectors.get_mut(id) {
            connector.has_lost = false;
        }
    }

    fn step(engine: &mut Engine, id: ObjectId<Self>) -> Option<Upcall> {
        let now = engine.now();
        let connector = engine.connectors.get_mut(id)?;
        if matches!(connector.state, State::Connecting | State::Offered) {
            let deadline = *connector.deadline.get_or_insert(now.saturating_add(HANDSHAKE_TIMEOUT));
            if now < deadline {
                engine.wake_at(id.into(), deadline);
            } else {
                engine.time_out(id);
            }
        }
        let connector = engine.connectors.get_mut(id)?;
        if let Some(status) = connector.result.take()
            && let Some(request) = connector.request.take()
        {
            if connector.has_lost {
                engine.wake(id.into());
            }
            return Some(Upcall::RequestCompletion(request.completion, request.context, status));
        }
        core::mem::take(&mut connector.has_lost).then(|| connector.disconnect_event.upcall())
    }

    /// Attempts to connect end; connections ended with their queue pairs, and the consumer is told.
    fn stop(engine: &mut Engine, id: ObjectId<Self>) {
        let state = engine.connectors.get(id).map(|connector| connector.state);
        if !matches!(state, Some(State::Connected | State::Left)) {
            engine.abandon(id);
        }
    }
}
