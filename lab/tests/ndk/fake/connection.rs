//! Listeners, connectors and endpoints of the fake.

use super::defects::{Defect, is};
use super::tables;
use super::{Data, Fake, Ptr, fake, later};
use ndis_sys::evt;
use ndis_sys::ndk::status::*;
use ndis_sys::ndk::*;
use std::collections::HashMap;
use wdk_sys::*;

pub const MAX_DATA: u32 = 64;
pub const MAX_READS: u32 = 8;
const EPHEMERAL: u16 = 49152;

/// Address and port, in host byte order.
pub type Address = ([u8; 4], u16);

#[derive(Default)]
pub struct Addresses {
    /// Users of each address in use.
    used: HashMap<Address, u32>,
    next: u16,
}

#[derive(Clone, Copy, PartialEq, Default, Debug)]
enum State {
    #[default]
    Idle,
    /// The connecting side, until the peer decides.
    Connecting,
    /// The accepting side, until it decides.
    Asked,
    /// Both sides, between accept and complete.
    Accepted,
    Connected,
    Over,
}

/// A completion that waits: function and context.
type Waiting = Option<(usize, usize)>;

#[derive(Default)]
pub struct Connector {
    state: State,
    qp: Ptr,
    peer: Ptr,
    pending: Waiting,
    local: Option<Address>,
    remote: Option<Address>,
    /// The address that this connector keeps in use.
    uses: Option<Address>,
    /// What the peer sent.
    data: Vec<u8>,
    limits: (u32, u32),
    /// Disconnect callback: function, context, and whether it has a reason.
    disconnect: Option<(usize, usize, bool)>,
}

#[derive(Default)]
pub struct Listener {
    at: Option<Address>,
    paused: bool,
    closed: bool,
    function: usize,
    context: usize,
}

impl Listener {
    pub fn new(function: usize, context: PVOID) -> Listener {
        Listener { function, context: context as usize, ..Listener::default() }
    }
}

fn read(address: PSOCKADDR) -> Address {
    // SAFETY: the suite passes IPv4 addresses.
    let address = unsafe { *address.cast::<SOCKADDR_IN>() };
    (address.sin_addr, u16::from_be(address.sin_port))
}

fn answer(address: Option<Address>, out: PSOCKADDR, len: *mut ULONG) -> NTSTATUS {
    let Some((ip, port)) = address else { return STATUS_ADDRESS_NOT_ASSOCIATED };
    let shift = u16::from(is(Defect::WrongAddress));
    let value =
        SOCKADDR_IN { sin_family: AF_INET, sin_port: (port + shift).to_be(), sin_addr: ip, ..Default::default() };
    let size = size_of::<SOCKADDR_IN>() as u32;
    // SAFETY: the consumer's out parameters, of the length it says.
    unsafe {
        let room = std::mem::replace(&mut *len, size);
        if room < size {
            return if is(Defect::ShortAddress) { STATUS_SUCCESS } else { STATUS_BUFFER_TOO_SMALL };
        }
        out.cast::<SOCKADDR_IN>().write_unaligned(value);
    }
    STATUS_SUCCESS
}

fn bytes(data: PVOID, len: ULONG) -> Vec<u8> {
    // SAFETY: the consumer's private data.
    (0..len as usize).map(|i| unsafe { *data.cast::<u8>().add(i) }).collect()
}

impl Fake {
    fn connector(&mut self, ptr: Ptr) -> Option<&mut Connector> {
        match &mut self.objects.get_mut(&ptr)?.data {
            Data::Connector(connector) => Some(connector),
            _ => None,
        }
    }

    fn listener(&mut self, ptr: Ptr) -> Option<&mut Listener> {
        match &mut self.objects.get_mut(&ptr)?.data {
            Data::Listener(listener) => Some(listener),
            _ => None,
        }
    }

    /// Takes an address into use; port 0 gets one.
    pub fn claim(&mut self, address: Address) -> Result<Address, NTSTATUS> {
        let (ip, mut port) = address;
        if ip[0] >= 224 && !is(Defect::AnyAddress) {
            return Err(STATUS_INVALID_ADDRESS);
        }
        if port == 0 {
            self.addresses.next += 1;
            port = self.addresses.next + if is(Defect::LowPorts) { 100 } else { EPHEMERAL };
        }
        let users = self.addresses.used.entry((ip, port)).or_default();
        if *users > 0 && !is(Defect::AddressShared) {
            return Err(STATUS_SHARING_VIOLATION);
        }
        *users += 1;
        Ok((ip, port))
    }

    fn give_back(&mut self, address: Address) {
        if is(Defect::AddressKept) {
            return;
        }
        if let Some(users) = self.addresses.used.get_mut(&address) {
            *users -= 1;
        }
    }

    pub fn close_endpoint(&mut self, ptr: Ptr) {
        if let Data::Endpoint(address) = self.objects[&ptr].data {
            self.give_back(address);
        }
    }

    pub fn close_listener(&mut self, ptr: Ptr) {
        let Some(listener) = self.listener(ptr) else { return };
        listener.closed = true;
        let at = listener.at;
        at.into_iter().for_each(|at| self.give_back(at));
    }

    /// Completes what a connector waits with.
    fn settle(&mut self, ptr: Ptr, status: NTSTATUS) {
        let Some((function, context)) = self.connector(ptr).and_then(|c| c.pending.take()) else { return };
        let forgets_hold = is(Defect::ClosesBeforeRequest);
        if !forgets_hold {
            self.hold(ptr);
        }
        let deliver = move || {
            // SAFETY: the consumer's completion, kept as an address.
            unsafe {
                let function: unsafe extern "win64" fn(PVOID, NTSTATUS) = std::mem::transmute(function);
                function(context as PVOID, status);
            }
            if !forgets_hold {
                fake().release(ptr);
            }
        };
        if forgets_hold {
            let at = lab_kernel::cpu::now() + std::time::Duration::from_millis(1);
            lab_kernel::cpu::set_timer(at, deliver);
        } else {
            self.job(deliver);
        }
    }

    /// The other side learns that a connection is over.
    fn tell(&mut self, ptr: Ptr) {
        let Some(connector) = self.connector(ptr) else { return };
        connector.state = State::Over;
        let (qp, disconnect) = (connector.qp, connector.disconnect.take());
        if let Some(qp) = self.qp(qp)
            && !is(Defect::PostsAnywhere)
        {
            qp.peer = None;
        }
        if is(Defect::FlushesPeer) {
            self.flush(qp);
        }
        if is(Defect::TellsNobody) {
            return;
        }
        let Some((function, context, reason)) = disconnect else { return };
        self.hold(ptr);
        self.job(move || {
            for _ in 0..1 + u32::from(is(Defect::TellsTwice)) {
                // SAFETY: the consumer's callback, kept as an address.
                unsafe {
                    if reason {
                        let function: unsafe extern "win64" fn(PVOID, ULONG) = std::mem::transmute(function);
                        function(context as PVOID, 1);
                    } else {
                        let function: unsafe extern "win64" fn(PVOID) = std::mem::transmute(function);
                        function(context as PVOID);
                    }
                }
            }
            fake().release(ptr);
        });
    }

    /// Ends a connection, or one that is being made, from one side.
    fn part(&mut self, ptr: Ptr, status: NTSTATUS, to_peer: NTSTATUS) {
        let Some(connector) = self.connector(ptr) else { return };
        let (state, peer, qp) = (connector.state, connector.peer, connector.qp);
        connector.state = State::Over;
        self.settle(ptr, status);
        match state {
            State::Connected => {
                if let Some(qp) = self.qp(qp)
                    && !is(Defect::PostsAnywhere)
                {
                    qp.peer = None;
                }
                self.tell(peer);
            }
            State::Connecting | State::Asked | State::Accepted => {
                if let Some(other) = self.connector(peer) {
                    other.state = State::Over;
                }
                let to_peer = if is(Defect::HidesAbandon) { STATUS_SUCCESS } else { to_peer };
                self.settle(peer, to_peer);
            }
            State::Idle | State::Over => {}
        }
    }

    pub fn close_connector(&mut self, ptr: Ptr) {
        let (qp, asked) = self.connector(ptr).map_or((0, false), |c| (c.qp, c.state == State::Asked));
        let to_peer = if asked { STATUS_CONNECTION_REFUSED } else { STATUS_CONNECTION_ABORTED };
        self.part(ptr, STATUS_CANCELLED, to_peer);
        if qp != 0 {
            self.flush(qp);
        }
        if let Some(address) = self.connector(ptr).and_then(|c| c.uses) {
            self.give_back(address);
        }
    }

    pub fn end_connections(&mut self) {
        let all: Vec<_> =
            self.objects.iter().filter(|(_, o)| matches!(o.data, Data::Connector(_))).map(|(p, _)| *p).collect();
        for ptr in all {
            self.part(ptr, STATUS_CONNECTION_ABORTED, STATUS_CONNECTION_ABORTED);
            self.tell(ptr);
        }
    }

    /// Asks the listener of `remote`.
    fn connect(
        &mut self,
        ptr: Ptr,
        qp: Ptr,
        local: Address,
        remote: Address,
        (limits, data): ((u32, u32), Vec<u8>),
        waiting: (NDK_FN_REQUEST_COMPLETION, PVOID),
    ) -> NTSTATUS {
        let open = |o: &super::Object| match &o.data {
            Data::Listener(l) => l.at == Some(remote) && !l.closed && (!l.paused || is(Defect::PauseIgnored)),
            _ => false,
        };
        let listener = self.objects.iter().find(|(_, o)| open(o)).map(|(ptr, _)| *ptr);
        let Some(listener) = listener.filter(|_| !self.asleep && !is(Defect::NeverConnects)) else {
            let status = if is(Defect::OddRefusal) { STATUS_UNSUCCESSFUL } else { STATUS_CONNECTION_REFUSED };
            return later(self, ptr, waiting.0, waiting.1, status);
        };
        let damaged = if is(Defect::DataDamaged) { vec![0xEE; data.len()] } else { data };
        let accepting = Connector {
            state: State::Asked,
            peer: ptr,
            local: Some(remote),
            remote: Some(local),
            uses: Some(remote),
            data: damaged,
            limits: (limits.1, limits.0),
            ..Connector::default()
        };
        *self.addresses.used.entry(remote).or_default() += 1;
        let kind = _NDK_OBJECT_TYPE::NdkObjectTypeConnector;
        let incoming = self.create(kind, tables::connector(), &[listener], Data::Connector(Box::new(accepting)));
        self.hold_antecedent(ptr, qp);
        if let Some(connector) = self.connector(ptr) {
            connector.state = State::Connecting;
            (connector.qp, connector.peer, connector.limits) = (qp, incoming, limits);
            (connector.local, connector.remote) = (Some(local), Some(remote));
            connector.pending = waiting.0.map(|f| (f as usize, waiting.1 as usize));
        }
        let Some((function, context)) = self.listener(listener).map(|l| (l.function, l.context)) else {
            return STATUS_CONNECTION_REFUSED;
        };
        self.hold(listener);
        self.job(move || {
            // SAFETY: the consumer's callback, kept as an address.
            unsafe {
                let function: unsafe extern "win64" fn(PVOID, *mut NDK_CONNECTOR) = std::mem::transmute(function);
                function(context as PVOID, incoming as *mut NDK_CONNECTOR);
            }
            fake().release(listener);
        });
        STATUS_PENDING
    }

    /// A connector holds its QP until it is closed.
    fn hold_antecedent(&mut self, ptr: Ptr, antecedent: Ptr) {
        self.hold(antecedent);
        if let Some(object) = self.objects.get_mut(&ptr) {
            object.antecedents.push(antecedent);
        }
    }

    fn accept(
        &mut self,
        ptr: Ptr,
        qp: Ptr,
        limits: (u32, u32),
        data: Vec<u8>,
        disconnect: (usize, PVOID, bool),
        waiting: (NDK_FN_REQUEST_COMPLETION, PVOID),
    ) -> NTSTATUS {
        let Some(connector) = self.connector(ptr) else { return STATUS_INVALID_PARAMETER };
        if connector.state != State::Asked {
            return if is(Defect::HidesAbandon) { STATUS_SUCCESS } else { STATUS_CONNECTION_ABORTED };
        }
        let peer = connector.peer;
        connector.state = State::Accepted;
        connector.qp = qp;
        connector.disconnect = Some((disconnect.0, disconnect.1 as usize, disconnect.2));
        connector.pending = waiting.0.map(|f| (f as usize, waiting.1 as usize));
        self.hold_antecedent(ptr, qp);
        let damaged = if is(Defect::DataDamaged) { Vec::new() } else { data };
        if let Some(other) = self.connector(peer) {
            other.state = State::Accepted;
            other.data = damaged;
            let capped = |a: u32, b: u32| if is(Defect::LimitsAdd) { a + b + 100 } else { a.min(b).min(MAX_READS) };
            other.limits = (capped(other.limits.0, limits.1), capped(other.limits.1, limits.0));
        }
        self.settle(peer, STATUS_SUCCESS);
        STATUS_PENDING
    }

    fn complete(&mut self, ptr: Ptr, disconnect: (usize, PVOID, bool)) -> NTSTATUS {
        let Some(connector) = self.connector(ptr) else { return STATUS_INVALID_PARAMETER };
        match connector.state {
            State::Accepted => {}
            State::Over => return STATUS_CONNECTION_ABORTED,
            _ if is(Defect::CompletesAnything) => return STATUS_SUCCESS,
            _ => return STATUS_CONNECTION_INVALID,
        }
        connector.state = State::Connected;
        connector.disconnect = Some((disconnect.0, disconnect.1 as usize, disconnect.2));
        let (qp, peer) = (connector.qp, connector.peer);
        let Some(other) = self.connector(peer) else { return STATUS_CONNECTION_ABORTED };
        other.state = State::Connected;
        let other_qp = other.qp;
        for (qp, peer) in [(qp, other_qp), (other_qp, qp)] {
            if let Some(qp) = self.qp(qp) {
                qp.peer = Some(peer);
            }
        }
        self.settle(peer, STATUS_SUCCESS);
        STATUS_SUCCESS
    }
}

evt! {
    pub unsafe fn listen(
        listener: *mut NDK_LISTENER, at: PSOCKADDR, _len: ULONG, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        let ptr = listener as Ptr;
        let mut fake = fake();
        let status = match fake.claim(read(at)) {
            Ok(address) => {
                if let Some(listener) = fake.listener(ptr) {
                    listener.at = Some(address);
                }
                STATUS_SUCCESS
            }
            Err(status) => status,
        };
        later(&mut fake, ptr, done, context, status)
    }
}

evt! {
    pub unsafe fn pause(listener: *mut NDK_LISTENER, pause: BOOLEAN) {
        if let Some(listener) = fake().listener(listener as Ptr) {
            listener.paused = pause != 0;
        }
    }
}

evt! {
    pub unsafe fn listener_address(listener: *mut NDK_LISTENER, out: PSOCKADDR, len: *mut ULONG) -> NTSTATUS {
        answer(fake().listener(listener as Ptr).and_then(|l| l.at), out, len)
    }
}

evt! {
    pub unsafe fn endpoint_address(endpoint: *mut NDK_SHARED_ENDPOINT, out: PSOCKADDR, len: *mut ULONG) -> NTSTATUS {
        let address = match fake().objects.get(&(endpoint as Ptr)).map(|o| &o.data) {
            Some(Data::Endpoint(address)) => Some(*address),
            _ => None,
        };
        answer(address, out, len)
    }
}

evt! {
    pub unsafe fn local_address(connector: *mut NDK_CONNECTOR, out: PSOCKADDR, len: *mut ULONG) -> NTSTATUS {
        answer(fake().connector(connector as Ptr).and_then(|c| c.local), out, len)
    }
}

evt! {
    pub unsafe fn peer_address(connector: *mut NDK_CONNECTOR, out: PSOCKADDR, len: *mut ULONG) -> NTSTATUS {
        answer(fake().connector(connector as Ptr).and_then(|c| c.remote), out, len)
    }
}

evt! {
    pub unsafe fn connect(
        connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, local: PSOCKADDR, _len: ULONG, remote: PSOCKADDR, _len2: ULONG,
        inbound: ULONG, outbound: ULONG, data: PVOID, len: ULONG, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        let ptr = connector as Ptr;
        let mut fake = fake();
        let local = match fake.claim(read(local)) {
            Ok(local) => local,
            Err(status) => return status,
        };
        if let Some(connector) = fake.connector(ptr) {
            connector.uses = Some(local);
        }
        let limits = (inbound, outbound);
        fake.connect(ptr, qp as Ptr, local, read(remote), (limits, bytes(data, len)), (done, context))
    }
}

evt! {
    pub unsafe fn connect_shared(
        connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, endpoint: *mut NDK_SHARED_ENDPOINT, remote: PSOCKADDR, _len: ULONG,
        inbound: ULONG, outbound: ULONG, data: PVOID, len: ULONG, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        let mut fake = fake();
        let local = match fake.objects.get(&(endpoint as Ptr)).map(|o| &o.data) {
            Some(Data::Endpoint(address)) => *address,
            _ => return STATUS_INVALID_PARAMETER,
        };
        let ends = (Some(local), Some(read(remote)));
        let twin = fake.objects.values().any(|o| matches!(&o.data, Data::Connector(c) if (c.local, c.remote) == ends));
        if twin && !is(Defect::TwinConnections) {
            return STATUS_ADDRESS_ALREADY_EXISTS;
        }
        fake.hold_antecedent(connector as Ptr, endpoint as Ptr);
        let asked = ((inbound, outbound), bytes(data, len));
        fake.connect(connector as Ptr, qp as Ptr, local, read(remote), asked, (done, context))
    }
}

evt! {
    pub unsafe fn complete_connect(
        connector: *mut NDK_CONNECTOR, event: NDK_FN_DISCONNECT_EVENT_CALLBACK, event_context: PVOID,
        _done: NDK_FN_REQUEST_COMPLETION, _context: PVOID,
    ) -> NTSTATUS {
        let event = event.map_or(0, |f| f as usize);
        fake().complete(connector as Ptr, (event, event_context, false))
    }
}

evt! {
    pub unsafe fn complete_connect_ex(
        connector: *mut NDK_CONNECTOR, event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, event_context: PVOID,
        _done: NDK_FN_REQUEST_COMPLETION, _context: PVOID,
    ) -> NTSTATUS {
        let event = event.map_or(0, |f| f as usize);
        fake().complete(connector as Ptr, (event, event_context, true))
    }
}

evt! {
    pub unsafe fn accept(
        connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, inbound: ULONG, outbound: ULONG, data: PVOID, len: ULONG,
        event: NDK_FN_DISCONNECT_EVENT_CALLBACK, event_context: PVOID, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        let event = (event.map_or(0, |f| f as usize), event_context, false);
        let data = bytes(data, len);
        fake().accept(connector as Ptr, qp as Ptr, (inbound, outbound), data, event, (done, context))
    }
}

evt! {
    pub unsafe fn accept_ex(
        connector: *mut NDK_CONNECTOR, qp: *mut NDK_QP, inbound: ULONG, outbound: ULONG, data: PVOID, len: ULONG,
        event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, event_context: PVOID, done: NDK_FN_REQUEST_COMPLETION, context: PVOID,
    ) -> NTSTATUS {
        let event = (event.map_or(0, |f| f as usize), event_context, true);
        let data = bytes(data, len);
        fake().accept(connector as Ptr, qp as Ptr, (inbound, outbound), data, event, (done, context))
    }
}

evt! {
    pub unsafe fn reject(connector: *mut NDK_CONNECTOR, data: PVOID, len: ULONG) -> NTSTATUS {
        let ptr = connector as Ptr;
        let mut fake = fake();
        let Some((state, peer)) = fake.connector(ptr).map(|c| (c.state, c.peer)) else { return STATUS_INVALID_PARAMETER };
        if state == State::Over {
            return STATUS_CONNECTION_ABORTED;
        }
        if let Some(other) = fake.connector(peer) {
            other.data = bytes(data, len);
        }
        let asked = state == State::Asked;
        fake.part(ptr, STATUS_CANCELLED, if asked { STATUS_CONNECTION_REFUSED } else { STATUS_CONNECTION_ABORTED });
        STATUS_SUCCESS
    }
}

evt! {
    pub unsafe fn connection_data(
        connector: *mut NDK_CONNECTOR, inbound: *mut ULONG, outbound: *mut ULONG, data: PVOID, len: *mut ULONG,
    ) -> NTSTATUS {
        let mut fake = fake();
        let Some(this) = fake.connector(connector as Ptr) else { return STATUS_INVALID_PARAMETER };
        let over = if is(Defect::LimitsAdd) { 1000 } else { 0 };
        // SAFETY: the consumer's out parameters and buffer, of the length it says.
        unsafe {
            (*inbound, *outbound) = (this.limits.0.min(MAX_READS) + over, this.limits.1.min(MAX_READS));
            let required = if is(Defect::DataSize) { 1 } else { MAX_DATA };
            let room = std::mem::replace(&mut *len, required);
            if data.is_null() {
                return STATUS_SUCCESS;
            }
            let mut padded = this.data.clone();
            padded.resize(MAX_DATA as usize, 0);
            let count = if is(Defect::DataSize) { MAX_DATA } else { room.min(MAX_DATA) };
            data.cast::<u8>().copy_from_nonoverlapping(padded.as_ptr(), count.min(room) as usize);
            if room < MAX_DATA { STATUS_BUFFER_TOO_SMALL } else { STATUS_SUCCESS }
        }
    }
}

evt! {
    pub unsafe fn disconnect(connector: *mut NDK_CONNECTOR, _done: NDK_FN_REQUEST_COMPLETION, _context: PVOID) -> NTSTATUS {
        let ptr = connector as Ptr;
        let mut fake = fake();
        let qp = fake.connector(ptr).map_or(0, |c| c.qp);
        fake.part(ptr, STATUS_CANCELLED, STATUS_CONNECTION_ABORTED);
        if !is(Defect::KeepsOwnWork) {
            fake.flush(qp);
        }
        STATUS_SUCCESS
    }
}
