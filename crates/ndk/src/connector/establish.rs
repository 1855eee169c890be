//! How two connectors come together.

use super::{Connector, DisconnectEvent, PrivateData, ReadLimits, Source, State, Terms};
use crate::{
    engine::{Engine, Prepared},
    object::ObjectId,
    qp::{Link, Qp},
    transport::address::{Address, Ip},
    upcall::LentHandle,
};
use core::mem::discriminant;
use ndis_sys::ndk::status::{
    STATUS_ADDRESS_ALREADY_EXISTS, STATUS_CONNECTION_ACTIVE, STATUS_CONNECTION_INVALID, STATUS_CONNECTION_REFUSED,
    STATUS_HOST_UNREACHABLE, STATUS_INVALID_HANDLE, STATUS_NETWORK_UNREACHABLE,
};
use wdk_sys::{NTSTATUS, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS};

impl Engine {
    /// NdkConnect and NdkConnectWithSharedEndpoint. `incoming` becomes the listener's connector, if there is a listener.
    ///
    /// Wrong parameters and the local address fail inline, the remote side asynchronously: STATUS_CONNECTION_REFUSED where
    /// nobody listens or wants the connection, STATUS_HOST_UNREACHABLE for an IP address that no endpoint of this device
    /// has, as the transport leads nowhere else, STATUS_IO_TIMEOUT.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_INVALID_DEVICE_STATE, STATUS_CONNECTION_ACTIVE, STATUS_INVALID_PARAMETER (queue pair
    /// of another adapter, no destination port), STATUS_HOST_UNREACHABLE (not a host's address),
    /// STATUS_NETWORK_UNREACHABLE (address families differ), STATUS_ADDRESS_ALREADY_EXISTS, those of
    /// [`claim_address`](Self::claim_address), STATUS_INSUFFICIENT_RESOURCES.
    pub(crate) fn connect(
        &mut self,
        id: ObjectId<Connector>,
        source: Source,
        to: Address,
        terms: Terms,
        incoming: Prepared<Connector>,
    ) -> Result<NTSTATUS, NTSTATUS> {
        if self.requestable(id)?.state != State::Idle {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        self.check_qp(id, terms.qp)?;
        let local = match source {
            Source::Own(wanted) => self.claim_address(wanted)?,
            Source::Shared(shared) => {
                let local = self.usable(shared)?.address().ok_or(STATUS_INVALID_HANDLE)?;
                if self.base(shared.into()).map(|base| base.adapter) != self.base(id.into()).map(|base| base.adapter) {
                    return Err(STATUS_INVALID_PARAMETER);
                }
                if self.has_connection(local, to) {
                    return Err(STATUS_ADDRESS_ALREADY_EXISTS);
                }
                local
            }
        };
        if discriminant::<Ip>(&local.ip) != discriminant(&to.ip) {
            return Err(STATUS_NETWORK_UNREACHABLE);
        }
        if !to.is_unicast() {
            return Err(STATUS_HOST_UNREACHABLE);
        }
        if to.port == 0 {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let listener = self.listener_at(to);
        let offered = match listener {
            Some(listener) => {
                let adapter = self.base(listener.into()).ok_or(STATUS_INVALID_HANDLE)?.adapter;
                let (peer, handle) = self.insert(incoming, adapter, &[listener.into()])?;
                if let Some(connector) = self.connectors.get_mut(peer) {
                    connector.state = State::Incoming;
                    connector.peer = id;
                    connector.local = Some(to);
                    connector.remote = Some(local);
                    connector.effective = ReadLimits::MOST.against(terms.limits.capped());
                    connector.received = Some(terms.private_data);
                    connector.untold = Some(LentHandle(handle));
                }
                self.offer(listener, peer);
                Some(peer)
            }
            None => None,
        };
        self.take_qp(id, terms.qp);
        let shared_endpoint = match source {
            Source::Own(_) => None,
            Source::Shared(shared) => {
                self.follow(id.into(), shared.into());
                Some(shared)
            }
        };
        let connector = self.usable(id)?;
        connector.state = State::Connecting;
        connector.peer = offered.unwrap_or(ObjectId::NONE);
        connector.shared_endpoint = shared_endpoint;
        connector.owns_address = shared_endpoint.is_none();
        connector.local = Some(local);
        connector.remote = Some(to);
        connector.asked = terms.limits.capped();
        connector.received = None;
        connector.request = Some(terms.completion);
        if offered.is_none() {
            let status = if to.ip == local.ip || self.is_local_host(to) {
                STATUS_CONNECTION_REFUSED
            } else {
                STATUS_HOST_UNREACHABLE
            };
            self.fail_active(id, status);
        }
        self.wake(id.into());
        Ok(STATUS_PENDING)
    }

    /// True if a connector has, or is making, a connection between two addresses.
    fn has_connection(&self, local: Address, remote: Address) -> bool {
        (0..self.connectors.places())
            .filter_map(|place| self.connectors.get(self.connectors.at(place)?))
            .any(|connector| connector.local == Some(local) && connector.remote == Some(remote))
    }

    /// A queue pair that a connector may connect.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_CONNECTION_ACTIVE, STATUS_INVALID_DEVICE_STATE.
    fn check_qp(&mut self, id: ObjectId<Connector>, qp: ObjectId<Qp>) -> Result<(), NTSTATUS> {
        let link = self.usable(qp)?.link;
        if self.base(qp.into()).map(|base| base.adapter) != self.base(id.into()).map(|base| base.adapter) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        match link {
            Link::Idle => Ok(()),
            Link::Connecting | Link::Connected(_) => Err(STATUS_CONNECTION_ACTIVE),
            Link::Left | Link::Ended | Link::Unusable => Err(STATUS_INVALID_DEVICE_STATE),
        }
    }

    /// A checked queue pair is the connector's.
    fn take_qp(&mut self, id: ObjectId<Connector>, qp_id: ObjectId<Qp>) {
        if let Some(qp) = self.qps.get_mut(qp_id) {
            qp.link = Link::Connecting;
            qp.connector = Some(id);
        }
        if let Some(connector) = self.connectors.get_mut(id) {
            connector.qp = qp_id;
        }
        // A connector has at most two antecedents at a time: there is a place.
        self.follow(id.into(), qp_id.into());
    }

    /// NdkAccept and NdkAcceptEx.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_CONNECTION_ABORTED if the peer has given up, STATUS_CONNECTION_INVALID for a connector
    /// without incoming request, and for the queue pair as [`connect`](Self::connect).
    pub(crate) fn accept(
        &mut self,
        id: ObjectId<Connector>,
        terms: Terms,
        event: DisconnectEvent,
    ) -> Result<NTSTATUS, NTSTATUS> {
        let peer = match self.requestable(id)? {
            Connector { state: State::Incoming, untold: None, peer, .. } => *peer,
            Connector { state: State::Failed(status), .. } => return Err(*status),
            _ => return Err(STATUS_CONNECTION_INVALID),
        };
        self.check_qp(id, terms.qp)?;
        let active = self.connectors.get(peer).ok_or(STATUS_CONNECTION_INVALID)?;
        let effective = terms.limits.capped().against(active.asked);
        let active_qp = active.qp;
        self.take_qp(id, terms.qp);
        let connector = self.usable(id)?;
        connector.state = State::Accepting;
        connector.effective = effective;
        connector.disconnect_event = event;
        connector.request = Some(terms.completion);
        if let Some(qp) = self.qps.get_mut(terms.qp) {
            qp.may_read = effective.outbound != 0;
        }
        if let Some(qp) = self.qps.get_mut(active_qp) {
            qp.may_read = effective.inbound != 0;
        }
        self.set_state(peer, State::Offered);
        if let Some(active) = self.connectors.get_mut(peer) {
            active.effective = ReadLimits { inbound: effective.outbound, outbound: effective.inbound };
            active.received = Some(terms.private_data);
        }
        self.answer(peer, STATUS_SUCCESS);
        Ok(STATUS_PENDING)
    }

    /// NdkReject, of either side.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_CONNECTION_ABORTED if the peer has given up, STATUS_CONNECTION_INVALID for a connector
    /// with nothing to reject.
    pub(crate) fn reject(&mut self, id: ObjectId<Connector>, data: PrivateData) -> Result<NTSTATUS, NTSTATUS> {
        let (state, peer) = match self.requestable(id)? {
            Connector { untold: Some(_), .. } => return Err(STATUS_CONNECTION_INVALID),
            connector => (connector.state, connector.peer),
        };
        match state {
            State::Incoming => {
                if let Some(active) = self.connectors.get_mut(peer) {
                    active.received = Some(data);
                }
                self.fail_active(peer, STATUS_CONNECTION_REFUSED);
                self.set_state(id, State::Failed(STATUS_CONNECTION_INVALID));
            }
            State::Offered => {
                if let Some(passive) = self.connectors.get_mut(peer) {
                    passive.received = Some(data);
                }
                // As in the unit test ndconnrejectclose of the ND SPI; NDKPI says nothing.
                self.fail_passive(peer, STATUS_CONNECTION_REFUSED, STATUS_CONNECTION_INVALID);
                self.give_qp_back(id);
                self.set_state(id, State::Failed(STATUS_CONNECTION_INVALID));
            }
            State::Failed(status) => return Err(status),
            _ => return Err(STATUS_CONNECTION_INVALID),
        }
        Ok(STATUS_SUCCESS)
    }

    /// NdkCompleteConnect and NdkCompleteConnectEx: both sides are connected, and the peer's accept completes.
    ///
    /// # Errors
    /// STATUS_INVALID_HANDLE, STATUS_CONNECTION_ABORTED if the peer has given up, STATUS_IO_TIMEOUT if this came too late,
    /// STATUS_CONNECTION_INVALID without an accepted connection request.
    pub(crate) fn complete_connect(
        &mut self,
        id: ObjectId<Connector>,
        event: DisconnectEvent,
    ) -> Result<NTSTATUS, NTSTATUS> {
        let (peer, qp) = match self.requestable(id)? {
            Connector { state: State::Offered, peer, qp, .. } => (*peer, *qp),
            Connector { state: State::Failed(status), .. } => return Err(*status),
            _ => return Err(STATUS_CONNECTION_INVALID),
        };
        let peer_qp = self.connectors.get(peer).ok_or(STATUS_CONNECTION_INVALID)?.qp;
        for (qp, peer) in [(qp, peer_qp), (peer_qp, qp)] {
            if let Some(qp) = self.qps.get_mut(qp) {
                qp.link = Link::Connected(peer);
            }
        }
        self.set_state(id, State::Connected);
        self.set_state(peer, State::Connected);
        if let Some(connector) = self.connectors.get_mut(id) {
            connector.disconnect_event = event;
        }
        self.answer(peer, STATUS_SUCCESS);
        Ok(STATUS_SUCCESS)
    }
}
