//! Packet queues: creation, rings, extensions, notifications.

use super::adapter::require_no_parent;
use super::capabilities::read_sized;
use super::{enter, enter_passive, list};
use crate::api::context;
use crate::bind::Client;
use crate::contract;
use crate::datapath::with_creation;
use crate::extension::BUILT_IN;
use crate::queue::{self, Callbacks, Direction, Queue, queue_of};
use lab_kernel::cpu;
use lab_kmdf::Hooks;
use netadaptercx_sys::*;
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::Arc;
use wdk_sys::{NTSTATUS, STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDFOBJECT};

list! {
    NetTxQueueCreate, NetRxQueueCreate, NetTxQueueInitGetQueueId, NetRxQueueInitGetQueueId,
    NetTxQueueGetRingCollection, NetRxQueueGetRingCollection, NetTxQueueGetExtension, NetRxQueueGetExtension,
    NetTxQueueNotifyMoreCompletedPacketsAvailable, NetRxQueueNotifyMoreReceivedPacketsAvailable,
    NetTxQueueGetDemux8021p,
}

/// Checks an init object: it is the one of the create callback that runs on this thread. Returns the queue id.
fn check_init(entry: &str, direction: Direction, init: usize) -> u32 {
    let found = with_creation(init, |c| (c.thread, c.created.is_some(), c.id, c.direction));
    let fits = found.is_some_and(|(_, _, _, d)| d == direction);
    contract::QUEUE_INIT.require(fits, 0, 0, || format!("{entry} with init {init:#x}"));
    let (thread, created, id, _) = found.expect("required above");
    contract::QUEUE_CREATE_THREAD
        .require(thread == cpu::current_thread(), 0, 0, || format!("{entry} on another thread"));
    contract::QUEUE_CREATED_ONCE.require(!created, 0, 0, || format!("{entry} after a queue was created"));
    id
}

/// # Safety
/// The arguments are a client's: pointers are null or valid.
unsafe fn create(
    entry: &'static str,
    client: Client,
    direction: Direction,
    init: usize,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    config: *mut NET_PACKET_QUEUE_CONFIG,
    out: *mut NETPACKETQUEUE,
) -> NTSTATUS {
    check_init(entry, direction, init);
    // SAFETY: the caller vouches for it.
    unsafe { require_no_parent(entry, attributes) };
    contract::not_null(entry, config.cast_const());
    contract::not_null(entry, out.cast_const());
    // SAFETY: not null; the caller vouches for the rest.
    let config = unsafe { read_config(entry, client, config) };
    check_callbacks(entry, direction, &config);
    // SAFETY: as above.
    unsafe { out.write(null_mut()) };
    if let Some(status) = lab_kmdf::take_failure(entry) {
        return status;
    }
    let client_ec = context::context_of(config.ExecutionContext);
    let callbacks = Callbacks {
        start: config.EvtStart,
        stop: config.EvtStop,
        advance: config.EvtAdvance,
        set_notification_enabled: config.EvtSetNotificationEnabled,
        cancel: config.EvtCancel,
    };
    let (blueprint, adapter) =
        with_creation(init, |c| (c.blueprint(callbacks), c.adapter.handle())).expect("checked above");
    let queue = Queue::new(blueprint, client_ec);
    // SAFETY: the caller vouches for the attributes.
    let made = unsafe { lab_kmdf::create_object("NETPACKETQUEUE", attributes, adapter as WDFOBJECT, Box::new(())) };
    let handle = match made {
        Ok(handle) => handle,
        Err(status) => {
            queue.abandon();
            return status;
        }
    };
    queue.publish(handle as usize);
    let hooks = Hooks { destroy: Some(queue::forget), driver_may_not_delete: true, ..Hooks::default() };
    lab_kmdf::set_hooks(handle, hooks);
    with_creation(init, |c| c.created = Some(queue));
    // SAFETY: as above.
    unsafe { out.write(handle.cast()) };
    STATUS_SUCCESS
}

/// Reads as much of the structure as the client's version has.
///
/// # Safety
/// `config` points to the structure of the client's version.
unsafe fn read_config(entry: &str, client: Client, config: *const NET_PACKET_QUEUE_CONFIG) -> NET_PACKET_QUEUE_CONFIG {
    let size = match client.minor {
        0 => offset_of!(NET_PACKET_QUEUE_CONFIG, ExecutionContext),
        _ => size_of::<NET_PACKET_QUEUE_CONFIG>(),
    };
    let mut copy = NET_PACKET_QUEUE_CONFIG::default();
    // SAFETY: the client's structure has at least the size of its version, which is at most that of `copy`.
    unsafe { (&raw mut copy).cast::<u8>().copy_from_nonoverlapping(config.cast(), size) };
    contract::struct_size(entry, copy.Size, size);
    copy
}

fn check_callbacks(entry: &str, direction: Direction, c: &NET_PACKET_QUEUE_CONFIG) {
    let (advance, notification, cancel) =
        (c.EvtAdvance.is_some(), c.EvtSetNotificationEnabled.is_some(), c.EvtCancel.is_some());
    let detail = || {
        format!(
            "{entry}: EvtAdvance {advance}, EvtSetNotificationEnabled {notification}, EvtCancel {cancel}, ExecutionContext {:p}",
            c.ExecutionContext
        )
    };
    let rule = &contract::QUEUE_CALLBACKS;
    if c.ExecutionContext.is_null() {
        rule.require(advance && notification && cancel, 0, 0, detail);
    } else {
        rule.require(!notification, 1, 0, detail);
        rule.require(advance, 2, 0, detail);
        rule.require(direction == Direction::Tx || cancel, 3, 0, detail);
    }
}

unsafe extern "win64" fn NetTxQueueCreate(
    globals: PNET_DRIVER_GLOBALS,
    init: *mut NETTXQUEUE_INIT,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    config: *mut NET_PACKET_QUEUE_CONFIG,
    out: *mut NETPACKETQUEUE,
) -> NTSTATUS {
    let entry = "NetTxQueueCreate";
    let client = enter_passive(entry, globals);
    // SAFETY: a client's arguments.
    unsafe { create(entry, client, Direction::Tx, init as usize, attributes, config, out) }
}

unsafe extern "win64" fn NetRxQueueCreate(
    globals: PNET_DRIVER_GLOBALS,
    init: *mut NETRXQUEUE_INIT,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    config: *mut NET_PACKET_QUEUE_CONFIG,
    out: *mut NETPACKETQUEUE,
) -> NTSTATUS {
    let entry = "NetRxQueueCreate";
    let client = enter_passive(entry, globals);
    // SAFETY: a client's arguments.
    unsafe { create(entry, client, Direction::Rx, init as usize, attributes, config, out) }
}

unsafe extern "win64" fn NetTxQueueInitGetQueueId(globals: PNET_DRIVER_GLOBALS, init: *mut NETTXQUEUE_INIT) -> ULONG {
    let entry = "NetTxQueueInitGetQueueId";
    enter_passive(entry, globals);
    check_init(entry, Direction::Tx, init as usize)
}

unsafe extern "win64" fn NetRxQueueInitGetQueueId(globals: PNET_DRIVER_GLOBALS, init: *mut NETRXQUEUE_INIT) -> ULONG {
    let entry = "NetRxQueueInitGetQueueId";
    enter_passive(entry, globals);
    check_init(entry, Direction::Rx, init as usize)
}

/// The live queue of the right direction behind a handle; else bugcheck 0x19E InvalidQueueHandle.
fn require(entry: &str, direction: Direction, handle: NETPACKETQUEUE) -> Arc<Queue> {
    let queue = queue_of(handle);
    let fits = queue.as_ref().is_some_and(|q| q.direction == direction);
    let which = u64::from(direction == Direction::Tx);
    contract::QUEUE_HANDLE.require(fits, which, 0, || {
        let what = if handle.is_null() { "null" } else { "no live queue of this direction" };
        format!("{entry} with {handle:p}: {what}")
    });
    queue.expect("required above")
}

unsafe extern "win64" fn NetTxQueueGetRingCollection(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETPACKETQUEUE,
) -> *const NET_RING_COLLECTION {
    let entry = "NetTxQueueGetRingCollection";
    enter_passive(entry, globals);
    require(entry, Direction::Tx, handle).collection()
}

unsafe extern "win64" fn NetRxQueueGetRingCollection(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETPACKETQUEUE,
) -> *const NET_RING_COLLECTION {
    let entry = "NetRxQueueGetRingCollection";
    enter_passive(entry, globals);
    require(entry, Direction::Rx, handle).collection()
}

/// # Safety
/// `query` and `extension` are a client's: valid or null.
unsafe fn get_extension(
    entry: &str,
    direction: Direction,
    handle: NETPACKETQUEUE,
    query: *const NET_EXTENSION_QUERY,
    extension: *mut NET_EXTENSION,
) {
    contract::not_null(entry, extension.cast_const());
    // SAFETY: not null; the caller vouches for the rest.
    unsafe { extension.write(NET_EXTENSION::default()) };
    let query = read_sized!(entry, query.cast_mut());
    let name = if query.Name.is_null() {
        String::new()
    } else {
        // SAFETY: the client vouches for a terminated string.
        unsafe { wide(query.Name) }
    };
    let known = !name.is_empty() && (!name.starts_with("ms_") || BUILT_IN.iter().any(|e| e.name == name));
    contract::EXTENSION_NAME.require(known, 0, 0, || format!("{entry}: name {name:?}"));
    contract::EXTENSION_VERSION.require(query.Version != 0, 0, 0, || format!("{entry}: version 0 of {name}"));
    let kind = query.Type;
    contract::EXTENSION_TYPE.require((1..=3).contains(&kind), 0, 0, || format!("{entry}: type {kind} of {name}"));
    let queue = require(entry, direction, handle);
    // Every extension there is has version 1; a client that asks for a later one does not get it.
    if query.Version == 1 {
        // SAFETY: as above.
        unsafe { extension.write(queue.extension(kind, &name)) };
    }
}

/// # Safety
/// `text` is a terminated UTF-16 string.
unsafe fn wide(text: *const u16) -> String {
    /// Longer than any name of an extension.
    const LONGEST: usize = 256;
    // SAFETY: no unit behind the terminator is read.
    let units = (0..LONGEST).map(|i| unsafe { text.add(i).read() }).take_while(|unit| *unit != 0);
    String::from_utf16_lossy(&units.collect::<Vec<u16>>())
}

unsafe extern "win64" fn NetTxQueueGetExtension(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETPACKETQUEUE,
    query: *const NET_EXTENSION_QUERY,
    extension: *mut NET_EXTENSION,
) {
    let entry = "NetTxQueueGetExtension";
    enter_passive(entry, globals);
    // SAFETY: a client's arguments.
    unsafe { get_extension(entry, Direction::Tx, handle, query, extension) }
}

unsafe extern "win64" fn NetRxQueueGetExtension(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETPACKETQUEUE,
    query: *const NET_EXTENSION_QUERY,
    extension: *mut NET_EXTENSION,
) {
    let entry = "NetRxQueueGetExtension";
    enter_passive(entry, globals);
    // SAFETY: a client's arguments.
    unsafe { get_extension(entry, Direction::Rx, handle, query, extension) }
}

unsafe extern "win64" fn NetTxQueueNotifyMoreCompletedPacketsAvailable(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETPACKETQUEUE,
) {
    let entry = "NetTxQueueNotifyMoreCompletedPacketsAvailable";
    enter(entry, globals);
    require(entry, Direction::Tx, handle).notify();
}

unsafe extern "win64" fn NetRxQueueNotifyMoreReceivedPacketsAvailable(
    globals: PNET_DRIVER_GLOBALS,
    handle: NETPACKETQUEUE,
) {
    let entry = "NetRxQueueNotifyMoreReceivedPacketsAvailable";
    enter(entry, globals);
    require(entry, Direction::Rx, handle).notify();
}

unsafe extern "win64" fn NetTxQueueGetDemux8021p(globals: PNET_DRIVER_GLOBALS, handle: NETPACKETQUEUE) -> UINT8 {
    let entry = "NetTxQueueGetDemux8021p";
    enter_passive(entry, globals);
    let queue = require(entry, Direction::Tx, handle);
    // The one Tx queue there is carries every priority.
    contract::DEMUX_PRESENT
        .require(false, 0, queue.handle() as u64, || format!("{entry}: the queue has no demux property"));
    0
}
