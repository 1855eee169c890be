//! Connectors, listeners and shared endpoints.

use super::calls::callback;
use super::object::{Closing, Handle, create, create_with_callback, dispatch, invoke};
use super::qp::Qp;
use super::requests::{self, Entry, Hook, Pending, of_object, on_request, register};
use lab_kernel::cpu::{self, Event};
use lab_kernel::rules;
use ndis_sys::evt;
use ndis_sys::ndk::*;
use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wdk_sys::{NTSTATUS, PVOID, ULONG};

rules! {
    NDK_DISCONNECT_ONCE: "The disconnect callback comes at most once for a connection", "DDI ndkpi NDK_FN_DISCONNECT_EVENT_CALLBACK: Remarks";
    NDK_ADDRESS_ANSWER: "An address query fills in an address, or says STATUS_BUFFER_TOO_SMALL and the length needed", "DDI ndkpi NDK_FN_GET_LOCAL_ADDRESS, NDK_FN_GET_PEER_ADDRESS, NDK_FN_GET_LISTENER_LOCAL_ADDRESS, NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS";
    NDK_PRIVATE_DATA_ANSWER: "NdkGetConnectionData stores the size required, copies what fits, and says STATUS_BUFFER_TOO_SMALL if that is not all", "DDI ndkpi NDK_FN_GET_CONNECTION_DATA: Remarks";
}

const TOO_SMALL: NTSTATUS = wdk_sys::STATUS_BUFFER_TOO_SMALL;
const ADDRESS_BYTES: u32 = size_of::<SOCKADDR_IN>() as u32;

/// The C form of an address.
pub fn address(of: SocketAddrV4) -> SOCKADDR_IN {
    SOCKADDR_IN { sin_family: AF_INET, sin_port: of.port().to_be(), sin_addr: of.ip().octets(), ..Default::default() }
}

fn from_c(of: SOCKADDR_IN) -> SocketAddrV4 {
    SocketAddrV4::new(of.sin_addr.into(), u16::from_be(of.sin_port))
}

/// Asks for an address with too little room and then with enough.
fn ask(name: &str, function: impl Fn(PSOCKADDR, *mut ULONG) -> NTSTATUS) -> Option<SocketAddrV4> {
    let mut out = SOCKADDR_IN::default();
    let mut len = 1;
    let refused = function((&raw mut out).cast(), &raw mut len);
    let sound = refused == TOO_SMALL && len >= ADDRESS_BYTES && out.sin_family == 0 && out.sin_port == 0;
    NDK_ADDRESS_ANSWER.check(sound, || format!("{name} of 1 byte: {refused:#x}, needs {len}"));
    let mut room = SOCKADDR_INET::default();
    let mut len = size_of::<SOCKADDR_INET>() as u32;
    let status = function((&raw mut room).cast(), &raw mut len);
    // SAFETY: all bytes of the union are initialised, and SOCKADDR_IN is plain integers.
    let address = unsafe { room.Ipv4 };
    let sound = status == wdk_sys::STATUS_SUCCESS && address.sin_family == AF_INET && len >= ADDRESS_BYTES;
    NDK_ADDRESS_ANSWER.check(sound, || format!("{name}: {status:#x}, family {}, {len} bytes", address.sin_family));
    sound.then(|| from_c(address))
}

/// What the disconnect callback saw.
#[derive(Default)]
pub(super) struct DisconnectEvents(Mutex<u32>);

impl DisconnectEvents {
    fn count(&self) -> MutexGuard<'_, u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn disconnected(name: &'static str, context: PVOID) {
    callback(name, || {
        if let Some(Entry::Disconnect(events)) = of_object(name, context) {
            let mut count = events.count();
            *count += 1;
            NDK_DISCONNECT_ONCE.check(*count == 1, || format!("{name} number {count}"));
        }
    });
}

evt! {
    unsafe fn on_disconnect(context: PVOID) {
        disconnected("NdkDisconnectEventCallback", context);
    }
}

evt! {
    unsafe fn on_disconnect_ex(context: PVOID, _reason: ULONG) {
        disconnected("NdkDisconnectEventCallbackEx", context);
    }
}

/// What one side of a connection asks for.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// InboundReadLimit.
    pub inbound: u32,
    /// OutboundReadLimit.
    pub outbound: u32,
    /// Private data.
    pub data: Vec<u8>,
    /// Use the Ex functions, whose disconnect callback has a reason.
    pub ex: bool,
}

/// A connector.
#[derive(Clone)]
pub struct Connector {
    handle: Handle<NDK_CONNECTOR>,
    events: Arc<DisconnectEvents>,
    context: usize,
}

impl Connector {
    fn new(handle: Handle<NDK_CONNECTOR>) -> Connector {
        let events = Arc::new(DisconnectEvents::default());
        let context = register(Entry::Disconnect(events.clone()));
        Connector { handle, events, context }
    }

    /// NdkConnect; `hook` runs inside the completion.
    pub fn connect_then(
        &self,
        qp: Qp,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        side: &Side,
        hook: Option<Hook>,
    ) -> Pending {
        let handle = self.handle;
        let (mut local, mut remote) = (address(local), address(remote));
        requests::start("NdkConnect", Vec::new(), hook, |context| {
            dispatch!(
                handle,
                NdkConnect,
                qp.0.0,
                (&raw mut local).cast(),
                ADDRESS_BYTES,
                (&raw mut remote).cast(),
                ADDRESS_BYTES,
                side.inbound,
                side.outbound,
                data_of(side),
                side.data.len() as u32,
                Some(on_request),
                context
            )
        })
    }

    /// NdkConnect.
    pub fn connect(&self, qp: Qp, local: SocketAddrV4, remote: SocketAddrV4, side: &Side) -> Pending {
        self.connect_then(qp, local, remote, side, None)
    }

    /// NdkConnectWithSharedEndpoint.
    pub fn connect_shared(&self, qp: Qp, endpoint: &Endpoint, remote: SocketAddrV4, side: &Side) -> Pending {
        let (handle, endpoint) = (self.handle, endpoint.0);
        let mut remote = address(remote);
        requests::start("NdkConnectWithSharedEndpoint", Vec::new(), None, |context| {
            dispatch!(
                handle,
                NdkConnectWithSharedEndpoint,
                qp.0.0,
                endpoint.0,
                (&raw mut remote).cast(),
                ADDRESS_BYTES,
                side.inbound,
                side.outbound,
                data_of(side),
                side.data.len() as u32,
                Some(on_request),
                context
            )
        })
    }

    /// NdkCompleteConnect, or its Ex form.
    pub fn complete_connect(&self, ex: bool) -> Pending {
        let (handle, disconnect) = (self.handle, self.context as PVOID);
        if ex {
            return requests::start("NdkCompleteConnectEx", Vec::new(), None, |context| {
                let event = Some(on_disconnect_ex as _);
                dispatch!(handle, NdkCompleteConnectEx, event, disconnect, Some(on_request), context)
            });
        }
        requests::start("NdkCompleteConnect", Vec::new(), None, |context| {
            let event = Some(on_disconnect as _);
            dispatch!(handle, NdkCompleteConnect, event, disconnect, Some(on_request), context)
        })
    }

    /// NdkAccept, or its Ex form.
    pub fn accept(&self, qp: Qp, side: &Side) -> Pending {
        let (handle, disconnect) = (self.handle, self.context as PVOID);
        let (data, len) = (data_of(side), side.data.len() as u32);
        let (inbound, outbound) = (side.inbound, side.outbound);
        if side.ex {
            return requests::start("NdkAcceptEx", Vec::new(), None, |context| {
                let event = Some(on_disconnect_ex as _);
                let done = Some(on_request as _);
                dispatch!(handle, NdkAcceptEx, qp.0.0, inbound, outbound, data, len, event, disconnect, done, context)
            });
        }
        requests::start("NdkAccept", Vec::new(), None, |context| {
            let event = Some(on_disconnect as _);
            let done = Some(on_request as _);
            dispatch!(handle, NdkAccept, qp.0.0, inbound, outbound, data, len, event, disconnect, done, context)
        })
    }

    /// NdkReject.
    pub fn reject(&self, data: &[u8]) -> NTSTATUS {
        let (bytes, len) = (data.as_ptr().cast_mut().cast(), data.len() as u32);
        invoke!(self.handle, NdkReject, bytes, len)
    }

    /// NdkDisconnect.
    pub fn disconnect(&self) -> Pending {
        let handle = self.handle;
        requests::start("NdkDisconnect", Vec::new(), None, |context| {
            dispatch!(handle, NdkDisconnect, Some(on_request), context)
        })
    }

    /// NdkGetConnectionData: effective inbound and outbound read limit, private data with the padding of the provider.
    pub fn data(&self) -> (u32, u32, Vec<u8>) {
        let (mut inbound, mut outbound, mut len) = (0, 0, 0);
        let ask = |inbound: &mut u32, outbound: &mut u32, bytes: PVOID, len: &mut u32| {
            invoke!(self.handle, NdkGetConnectionData, &raw mut *inbound, &raw mut *outbound, bytes, &raw mut *len)
        };
        let status = ask(&mut inbound, &mut outbound, ptr::null_mut(), &mut len);
        let required = len;
        NDK_PRIVATE_DATA_ANSWER.check(status == wdk_sys::STATUS_SUCCESS, || format!("without a buffer: {status:#x}"));
        // One byte behind the buffer stays as it is.
        let mut bytes = vec![0xA5_u8; required as usize + 1];
        let status = ask(&mut inbound, &mut outbound, bytes.as_mut_ptr().cast(), &mut len);
        let kept = bytes.pop() == Some(0xA5);
        let sound = status == wdk_sys::STATUS_SUCCESS && len == required && kept;
        NDK_PRIVATE_DATA_ANSWER.check(sound, || format!("{required} bytes: {status:#x}, stored {len}"));
        if required > 1 {
            let mut short = required - 1;
            let mut part = vec![0xA5_u8; required as usize];
            let status = ask(&mut inbound, &mut outbound, part.as_mut_ptr().cast(), &mut short);
            let same = part[..required as usize - 1] == bytes[..required as usize - 1];
            let sound = status == TOO_SMALL && short == required && same && part.last() == Some(&0xA5);
            NDK_PRIVATE_DATA_ANSWER.check(sound, || format!("one byte less: {status:#x}, stored {short}"));
        }
        (inbound, outbound, bytes)
    }

    /// NdkGetLocalAddress.
    pub fn local_address(&self) -> Option<SocketAddrV4> {
        ask("NdkGetLocalAddress", |out, len| invoke!(self.handle, NdkGetLocalAddress, out, len))
    }

    /// NdkGetPeerAddress.
    pub fn peer_address(&self) -> Option<SocketAddrV4> {
        ask("NdkGetPeerAddress", |out, len| invoke!(self.handle, NdkGetPeerAddress, out, len))
    }

    /// Disconnect callbacks so far.
    pub fn disconnects(&self) -> u32 {
        *self.events.count()
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(&self) {
        self.handle.query_extension();
    }

    /// NdkCloseConnector.
    pub fn close(&self) -> Closing {
        self.handle.close(vec![self.context], None)
    }
}

fn data_of(side: &Side) -> PVOID {
    side.data.as_ptr().cast_mut().cast()
}

/// What the connect event callback brought.
pub(super) struct ListenerEvents {
    incoming: Mutex<VecDeque<Connector>>,
    came: Event,
}

impl ListenerEvents {
    fn incoming(&self) -> MutexGuard<'_, VecDeque<Connector>> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

evt! {
    unsafe fn on_connect(context: PVOID, connector: *mut NDK_CONNECTOR) {
        callback("NdkConnectEventCallback", || {
            if let Some(Entry::Listener(events)) = of_object("NdkConnectEventCallback", context)
                && let Some(handle) = Handle::checked(connector)
            {
                events.incoming().push_back(Connector::new(handle));
                events.came.set();
            }
        });
    }
}

/// A listener.
#[derive(Clone)]
pub struct Listener {
    handle: Handle<NDK_LISTENER>,
    events: Arc<ListenerEvents>,
    context: usize,
}

impl Listener {
    /// NdkListen.
    pub fn listen(&self, at: SocketAddrV4) -> Pending {
        let handle = self.handle;
        let mut at = address(at);
        requests::start("NdkListen", Vec::new(), None, |context| {
            dispatch!(handle, NdkListen, (&raw mut at).cast(), ADDRESS_BYTES, Some(on_request), context)
        })
    }

    /// NdkControlConnectEvents.
    pub fn pause(&self, pause: bool) {
        invoke!(self.handle, NdkControlConnectEvents, pause.into());
    }

    /// NdkGetLocalAddress.
    pub fn local_address(&self) -> Option<SocketAddrV4> {
        ask("NdkGetLocalAddress", |out, len| invoke!(self.handle, NdkGetLocalAddress, out, len))
    }

    /// The next connector of an incoming connection; `None` if none comes in time.
    pub fn incoming(&self, limit: Duration) -> Option<Connector> {
        let end = cpu::now() + limit;
        loop {
            if let Some(connector) = self.events.incoming().pop_front() {
                return Some(connector);
            }
            let left = end.checked_sub(cpu::now()).filter(|left| !left.is_zero())?;
            cpu::wait_for("an incoming connection", &self.events.came, Some(left));
        }
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(&self) {
        self.handle.query_extension();
    }

    /// NdkCloseListener.
    pub fn close(&self) -> Closing {
        self.handle.close(vec![self.context], None)
    }
}

/// A shared endpoint.
#[derive(Clone, Copy)]
pub struct Endpoint(Handle<NDK_SHARED_ENDPOINT>);

impl Endpoint {
    /// NdkGetLocalAddress.
    pub fn local_address(self) -> Option<SocketAddrV4> {
        ask("NdkGetLocalAddress", |out, len| invoke!(self.0, NdkGetLocalAddress, out, len))
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(self) {
        self.0.query_extension();
    }

    /// NdkCloseSharedEndpoint.
    pub fn close(self) -> Closing {
        self.0.close(Vec::new(), None)
    }
}

pub(super) fn create_connector(adapter: Handle<NDK_ADAPTER>) -> Result<Connector, NTSTATUS> {
    create("NdkCreateConnector", |completion, request, out| {
        dispatch!(adapter, NdkCreateConnector, completion, request, out)
    })
    .map(Connector::new)
}

pub(super) fn create_listener(adapter: Handle<NDK_ADAPTER>) -> Result<Listener, NTSTATUS> {
    let events = Arc::new(ListenerEvents { incoming: Mutex::default(), came: Event::new(false, false) });
    let entry = Entry::Listener(events.clone());
    let created = create_with_callback("NdkCreateListener", entry, |context, completion, request, out| {
        dispatch!(adapter, NdkCreateListener, Some(on_connect), context, completion, request, out)
    });
    created.map(|(handle, context)| Listener { handle, events, context })
}

pub(super) fn create_endpoint(adapter: Handle<NDK_ADAPTER>, at: SocketAddrV4) -> Result<Endpoint, NTSTATUS> {
    let mut at = address(at);
    create("NdkCreateSharedEndpoint", |completion, request, out| {
        dispatch!(adapter, NdkCreateSharedEndpoint, (&raw mut at).cast(), ADDRESS_BYTES, completion, request, out)
    })
    .map(Endpoint)
}
