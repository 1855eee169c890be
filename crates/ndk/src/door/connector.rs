//! NDK_CONNECTOR_DISPATCH and NdkCreateConnector.

use super::{admit, close, object, query_extension, status};
use crate::{
    adapter::Adapter,
    connector::{Connector, DisconnectEvent, PrivateData, ReadLimits, RequestCompletion, Source, Terms},
    engine::Prepared,
    object::ObjectId,
    platform::Platform,
    qp::Qp,
    run::with_engine,
    shared_endpoint::SharedEndpoint,
    transport::{
        address::Address,
        limits::{MAX_CALLEE_DATA, MAX_CALLER_DATA},
    },
    upcall::Context,
};
use core::{
    ffi::c_void,
    ptr::{NonNull, copy_nonoverlapping},
};
use ndis_sys::{
    evt,
    ndk::{
        NDK_ADAPTER, NDK_CONNECTOR, NDK_CONNECTOR_DISPATCH, NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION,
        NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, NDK_FN_REQUEST_COMPLETION,
        NDK_OBJECT_HEADER, NDK_QP, NDK_SHARED_ENDPOINT, PSOCKADDR,
    },
};
use wdk_sys::{
    NTSTATUS, PVOID, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    ULONG,
};

const _: () = assert!(MAX_CALLEE_DATA == MAX_CALLER_DATA, "PrivateData is of one size");

pub(crate) fn dispatch<P: Platform>() -> *const c_void {
    struct Table<P>(P);
    impl<P: Platform> Table<P> {
        const DISPATCH: &NDK_CONNECTOR_DISPATCH = &NDK_CONNECTOR_DISPATCH {
            NdkCloseConnector: Some(close_connector::<P>),
            NdkQueryExtension: Some(query_extension),
            NdkConnect: Some(connect::<P>),
            NdkConnectWithSharedEndpoint: Some(connect_with_shared_endpoint::<P>),
            NdkCompleteConnect: Some(complete_connect::<P>),
            NdkAccept: Some(accept::<P>),
            NdkReject: Some(reject::<P>),
            NdkGetConnectionData: Some(get_connection_data::<P>),
            NdkGetLocalAddress: Some(get_local_address::<P>),
            NdkGetPeerAddress: Some(get_peer_address::<P>),
            NdkDisconnect: Some(disconnect::<P>),
            NdkCompleteConnectEx: Some(complete_connect_ex::<P>),
            NdkAcceptEx: Some(accept_ex::<P>),
        };
    }
    core::ptr::from_ref(Table::<P>::DISPATCH).cast()
}

evt! {
    /// NdkCreateConnector.
    ///
    /// # Safety
    /// See [`crate::door`].
    pub unsafe fn create_connector<P: Platform>(
        adapter: *mut NDK_ADAPTER,
        _completion: NDK_FN_CREATE_COMPLETION,
        _context: PVOID,
        place: *mut *mut NDK_CONNECTOR,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Adapter>(adapter.cast()) };
        status(found.and_then(|(platform, adapter)| {
            let place = NonNull::new(place).ok_or(STATUS_INVALID_PARAMETER)?;
            let connector = Prepared::new(platform, Connector::new())?;
            // SAFETY: not null, hence writable (caller).
            unsafe { admit(platform, connector, adapter.into(), &[], place.cast()) }.map(|_| STATUS_SUCCESS)
        }))
    }
}

evt! {
    unsafe fn close_connector<P: Platform>(
        connector: *mut NDK_OBJECT_HEADER,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { close::<P, Connector>(connector, completion, context) }
    }
}

/// The private data that a consumer passes.
///
/// # Safety
/// `data` is null or points to `length` readable bytes.
///
/// # Errors
/// STATUS_INVALID_BUFFER_SIZE for more than can be sent (ND SPI, IND2Connector), STATUS_INVALID_PARAMETER for a null
/// pointer to some.
unsafe fn read_private_data(data: PVOID, length: ULONG) -> Result<PrivateData, NTSTATUS> {
    let mut read = PrivateData::with_length(length as usize).ok_or(STATUS_INVALID_BUFFER_SIZE)?;
    if length != 0 && data.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if length != 0 {
        let bytes = read.bytes_mut();
        // SAFETY: readable (caller), and as many as there is room for.
        unsafe { copy_nonoverlapping(data.cast::<u8>(), bytes.as_mut_ptr(), bytes.len()) };
    }
    Ok(read)
}

/// What NdkConnect and NdkAccept have in common.
///
/// # Safety
/// See [`crate::door`].
unsafe fn terms<P: Platform>(
    qp: *mut NDK_QP,
    (inbound, outbound): (ULONG, ULONG),
    (data, length): (PVOID, ULONG),
    (completion, context): (NDK_FN_REQUEST_COMPLETION, PVOID),
) -> Result<Terms, NTSTATUS> {
    // SAFETY: as the caller promises.
    let ((_, qp), private_data) = unsafe { (object::<P, Qp>(qp.cast())?, read_private_data(data, length)?) };
    let completion = RequestCompletion { completion, context: Context(context) };
    Ok(Terms { qp, limits: ReadLimits { inbound, outbound }, private_data, completion })
}

/// # Safety
/// See [`crate::door`].
unsafe fn begin<P: Platform>(
    connector: *mut NDK_CONNECTOR,
    source: Result<Source, NTSTATUS>,
    to: Result<Address, NTSTATUS>,
    terms: Result<Terms, NTSTATUS>,
) -> Result<NTSTATUS, NTSTATUS> {
    // SAFETY: as the caller promises.
    let (platform, id) = unsafe { object::<P, Connector>(connector.cast()) }?;
    let (source, to, terms) = (source?, to?, terms?);
    let incoming = Prepared::new(platform, Connector::new())?;
    with_engine(platform, |engine| engine.connect(id, source, to, terms, incoming))
}

evt! {
    unsafe fn connect<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        qp: *mut NDK_QP,
        from: PSOCKADDR,
        from_length: ULONG,
        to: PSOCKADDR,
        to_length: ULONG,
        inbound: ULONG,
        outbound: ULONG,
        data: PVOID,
        length: ULONG,
        completion: NDK_FN_REQUEST_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe {
            let source = Address::read(from, from_length).map(Source::Own);
            let terms = terms::<P>(qp, (inbound, outbound), (data, length), (completion, context));
            status(begin::<P>(connector, source, Address::read(to, to_length), terms))
        }
    }
}

evt! {
    unsafe fn connect_with_shared_endpoint<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        qp: *mut NDK_QP,
        endpoint: *mut NDK_SHARED_ENDPOINT,
        to: PSOCKADDR,
        to_length: ULONG,
        inbound: ULONG,
        outbound: ULONG,
        data: PVOID,
        length: ULONG,
        completion: NDK_FN_REQUEST_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe {
            let source = object::<P, SharedEndpoint>(endpoint.cast()).map(|(_, id)| Source::Shared(id));
            let terms = terms::<P>(qp, (inbound, outbound), (data, length), (completion, context));
            status(begin::<P>(connector, source, Address::read(to, to_length), terms))
        }
    }
}

/// NdkCompleteConnect and NdkCompleteConnectEx. Completes inline.
///
/// # Safety
/// See [`crate::door`].
unsafe fn complete<P: Platform>(connector: *mut NDK_CONNECTOR, event: DisconnectEvent) -> NTSTATUS {
    // SAFETY: as the caller promises.
    let found = unsafe { object::<P, Connector>(connector.cast()) };
    status(found.and_then(|(platform, id)| with_engine(platform, |engine| engine.complete_connect(id, event))))
}

evt! {
    unsafe fn complete_connect<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
        event_context: PVOID,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { complete::<P>(connector, DisconnectEvent::Plain(event, Context(event_context))) }
    }
}

evt! {
    unsafe fn complete_connect_ex<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
        event_context: PVOID,
        _completion: NDK_FN_REQUEST_COMPLETION,
        _context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { complete::<P>(connector, DisconnectEvent::Ex(event, Context(event_context))) }
    }
}

/// NdkAccept and NdkAcceptEx.
///
/// # Safety
/// See [`crate::door`].
unsafe fn accept_with<P: Platform>(
    connector: *mut NDK_CONNECTOR,
    terms: Result<Terms, NTSTATUS>,
    event: DisconnectEvent,
) -> NTSTATUS {
    // SAFETY: as the caller promises.
    let found = unsafe { object::<P, Connector>(connector.cast()) };
    status(found.and_then(|(platform, id)| {
        let terms = terms?;
        with_engine(platform, |engine| engine.accept(id, terms, event))
    }))
}

evt! {
    unsafe fn accept<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        qp: *mut NDK_QP,
        inbound: ULONG,
        outbound: ULONG,
        data: PVOID,
        length: ULONG,
        event: NDK_FN_DISCONNECT_EVENT_CALLBACK,
        event_context: PVOID,
        completion: NDK_FN_REQUEST_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe {
            let terms = terms::<P>(qp, (inbound, outbound), (data, length), (completion, context));
            accept_with::<P>(connector, terms, DisconnectEvent::Plain(event, Context(event_context)))
        }
    }
}

evt! {
    unsafe fn accept_ex<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        qp: *mut NDK_QP,
        inbound: ULONG,
        outbound: ULONG,
        data: PVOID,
        length: ULONG,
        event: NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
        event_context: PVOID,
        completion: NDK_FN_REQUEST_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe {
            let terms = terms::<P>(qp, (inbound, outbound), (data, length), (completion, context));
            accept_with::<P>(connector, terms, DisconnectEvent::Ex(event, Context(event_context)))
        }
    }
}

evt! {
    unsafe fn reject<P: Platform>(connector: *mut NDK_CONNECTOR, data: PVOID, length: ULONG) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let (found, data) =
            unsafe { (object::<P, Connector>(connector.cast()), read_private_data(data, length)) };
        status(found.and_then(|(platform, id)| {
            let data = data?;
            with_engine(platform, |engine| engine.reject(id, data))
        }))
    }
}

evt! {
    /// The required size is that of the data the peer sent, which NdkGetConnectionData allows but does not promise.
    unsafe fn get_connection_data<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        inbound: *mut ULONG,
        outbound: *mut ULONG,
        data: PVOID,
        length: *mut ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Connector>(connector.cast()) };
        status(found.and_then(|(platform, id)| {
            let (limits, private) = with_engine(platform, |engine| engine.usable(id)?.connection_data())?;
            // SAFETY: pointers that are not null are writable, `data` for `*length` bytes (caller).
            unsafe {
                for (place, value) in [(inbound, limits.inbound), (outbound, limits.outbound)] {
                    if !place.is_null() {
                        place.write(value);
                    }
                }
                write_private_data(&private, data, length)
            }
        }))
    }
}

/// # Safety
/// `length` is null or writable, `data` null or writable for `*length` bytes.
unsafe fn write_private_data(private: &PrivateData, data: PVOID, length: *mut ULONG) -> Result<NTSTATUS, NTSTATUS> {
    if length.is_null() {
        return if data.is_null() { Ok(STATUS_SUCCESS) } else { Err(STATUS_INVALID_PARAMETER) };
    }
    let bytes = private.bytes();
    // SAFETY: writable (caller), and at most `*length` bytes of `data` are written.
    unsafe {
        let room = length.read();
        if data.is_null() && room != 0 {
            return Err(STATUS_INVALID_PARAMETER);
        }
        length.write(bytes.len() as ULONG); // CAST: at most MAX_CALLER_DATA.
        if data.is_null() {
            return Ok(STATUS_SUCCESS);
        }
        copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len().min(room as usize));
        if (room as usize) < bytes.len() { Err(STATUS_BUFFER_TOO_SMALL) } else { Ok(STATUS_SUCCESS) }
    }
}

/// Answers an address of a connector.
///
/// # Safety
/// See [`crate::door`].
unsafe fn write_address<P: Platform>(
    connector: *mut NDK_CONNECTOR,
    which: impl Fn(&Connector) -> Result<Address, NTSTATUS>,
    address: PSOCKADDR,
    length: *mut ULONG,
) -> NTSTATUS {
    // SAFETY: as the caller promises.
    let found = unsafe { object::<P, Connector>(connector.cast()) };
    status(found.and_then(|(platform, id): (&P, ObjectId<Connector>)| {
        let found = with_engine(platform, |engine| which(engine.usable(id)?))?;
        // SAFETY: as the caller promises.
        Ok(unsafe { found.write(address, length) })
    }))
}

evt! {
    unsafe fn get_local_address<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        address: PSOCKADDR,
        length: *mut ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { write_address::<P>(connector, Connector::local_address, address, length) }
    }
}

evt! {
    unsafe fn get_peer_address<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        address: PSOCKADDR,
        length: *mut ULONG,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        unsafe { write_address::<P>(connector, Connector::peer_address, address, length) }
    }
}

evt! {
    unsafe fn disconnect<P: Platform>(
        connector: *mut NDK_CONNECTOR,
        completion: NDK_FN_REQUEST_COMPLETION,
        context: PVOID,
    ) -> NTSTATUS {
        // SAFETY: as the caller promises.
        let found = unsafe { object::<P, Connector>(connector.cast()) };
        let request = RequestCompletion { completion, context: Context(context) };
        status(found.and_then(|(platform, id)| with_engine(platform, |engine| engine.disconnect(id, request))))
    }
}
