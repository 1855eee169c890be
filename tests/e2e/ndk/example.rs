//! The example of docs/ndk.md: it runs on the shipped driver, and the text there is the text here.

use igbcx_interface::{GUID_IGBCX_NDK_INTERFACE, IGBCX_NDK_INTERFACE, IGBCX_NDK_INTERFACE_VERSION};
use igbcx_tests::runner::workspace;
use igbcx_tests::{Rig, Run, rig};
use lab_kernel::cpu;
use lab_kernel::mdl::{Locked, Source};
use ndis_sys::{evt, ndk::*};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::SeqCst};
use std::time::Duration;
use wdk_sys::{MDL, NTSTATUS, PVOID, STATUS_PENDING, STATUS_SUCCESS};

/// Bytes of the message.
const BYTES: usize = 5000;

/// A request on its way: its status, and the object of a create.
struct Pending(Box<(AtomicI32, AtomicPtr<NDK_OBJECT_HEADER>)>);

impl Pending {
    fn begin(call: impl FnOnce(PVOID) -> NTSTATUS) -> Pending {
        let slot = Box::new((AtomicI32::new(STATUS_PENDING), AtomicPtr::default()));
        let status = call((&raw const *slot).cast_mut().cast());
        if status != STATUS_PENDING {
            slot.0.store(status, SeqCst);
        }
        Pending(slot)
    }

    fn end(self) -> Result<*mut NDK_OBJECT_HEADER, NTSTATUS> {
        until(|| self.0.0.load(SeqCst) != STATUS_PENDING);
        match self.0.0.load(SeqCst) {
            STATUS_SUCCESS => Ok(self.0.1.load(SeqCst)),
            status => Err(status),
        }
    }
}

/// Waits as a kernel component does with KeDelayExecutionThread; here it is the lab's.
fn until(met: impl Fn() -> bool) {
    while !met() {
        cpu::sleep(Duration::from_micros(100));
    }
}

fn slot(context: PVOID) -> &'static (AtomicI32, AtomicPtr<NDK_OBJECT_HEADER>) {
    // SAFETY: the context of `Pending::begin`, which lives until the status is set.
    unsafe { &*context.cast() }
}

evt! {
    unsafe fn created(context: PVOID, status: NTSTATUS, object: *mut NDK_OBJECT_HEADER) {
        slot(context).1.store(object, SeqCst);
        slot(context).0.store(status, SeqCst);
    }
}
evt! {
    unsafe fn completed(context: PVOID, status: NTSTATUS) {
        slot(context).0.store(status, SeqCst);
    }
}
evt! {
    unsafe fn closed(context: PVOID) {
        slot(context).0.store(STATUS_SUCCESS, SeqCst);
    }
}
evt! {
    unsafe fn incoming(context: PVOID, connector: *mut NDK_CONNECTOR) {
        // SAFETY: the context given to NdkCreateListener.
        unsafe { &*context.cast::<AtomicPtr<NDK_CONNECTOR>>() }.store(connector, SeqCst);
    }
}
evt! {
    unsafe fn disconnected(_context: PVOID) {}
}
evt! {
    unsafe fn notified(context: PVOID, _status: NTSTATUS) {
        // SAFETY: the context given to NdkCreateCq.
        unsafe { &*context.cast::<AtomicBool>() }.store(true, SeqCst);
    }
}

/// Calls a function of an object's dispatch table.
macro_rules! ndk {
    ($object:expr, $function:ident $(, $argument:expr)* $(,)?) => {
        // SAFETY: an open object of a provider whose tables are complete.
        unsafe { ((*(*$object).Dispatch).$function.unwrap())($object $(, $argument)*) }
    };
}

/// Calls one that completes later; `end` waits for it.
macro_rules! begin {
    ($object:expr, $function:ident $(, $argument:expr)* $(,)?) => {
        Pending::begin(|context| ndk!($object, $function $(, $argument)*, Some(completed), context))
    };
}

/// Calls one that creates an object, which comes in the out parameter or with the completion.
macro_rules! create {
    ($object:expr, $function:ident $(, $argument:expr)* $(,)?) => {{
        let mut inline = null_mut();
        let out = &raw mut inline;
        let pending = Pending::begin(|context| ndk!($object, $function $(, $argument)*, Some(created), context, out));
        pending.end().map(|later| if later.is_null() { inline } else { later.cast() })
    }};
}

/// Closes an object and waits for it.
macro_rules! close {
    ($object:expr, $function:ident) => {
        // SAFETY: an open object, whose header comes first.
        Pending::begin(|context| unsafe {
            ((*(*$object).Dispatch).$function.unwrap())($object.cast(), Some(closed), context)
        })
        .end()?
    };
}

// example begins
/// Moves BYTES from the pages of one MDL to those of another, as a message between two queue pairs of the adapter.
fn message(door: &IGBCX_NDK_INTERFACE, from: *mut MDL, to: *mut MDL) -> Result<NDK_RESULT, NTSTATUS> {
    let adapter = open(door)?;
    let (told, peer) = (AtomicBool::new(false), AtomicPtr::<NDK_CONNECTOR>::default());
    let told_context = (&raw const told).cast_mut().cast();
    let peer_context = (&raw const peer).cast_mut().cast();

    let pd = create!(adapter, NdkCreatePd)?;
    let cq = create!(adapter, NdkCreateCq, 8, Some(notified), told_context, null_mut())?;
    let near = create!(pd, NdkCreateQp, cq, cq, null_mut(), 4, 4, 1, 1, 0)?;
    let far = create!(pd, NdkCreateQp, cq, cq, null_mut(), 4, 4, 1, 1, 0)?;

    // Memory: locked pages. The provider reads and writes them until the region is closed.
    let source = create!(pd, NdkCreateMr, 0)?;
    begin!(source, NdkRegisterMr, from, BYTES as u64, NDK_MR_FLAG_ALLOW_LOCAL_READ).end()?;
    let sink = create!(pd, NdkCreateMr, 0)?;
    begin!(sink, NdkRegisterMr, to, BYTES as u64, NDK_MR_FLAG_ALLOW_LOCAL_WRITE).end()?;

    // A connection from one queue pair to the other: connect, accept, complete.
    let here = address([10, 0, 0, 1], 4420);
    let any = address([10, 0, 0, 1], 0);
    let listener = create!(adapter, NdkCreateListener, Some(incoming), peer_context)?;
    begin!(listener, NdkListen, here.as_ptr(), SOCKADDR_BYTES).end()?;
    let connector = create!(adapter, NdkCreateConnector)?;
    let (from_to, bytes) = ((any.as_ptr(), here.as_ptr()), SOCKADDR_BYTES);
    let connect = begin!(connector, NdkConnect, near, from_to.0, bytes, from_to.1, bytes, 1, 1, null_mut(), 0);
    until(|| !peer.load(SeqCst).is_null());
    let peer = peer.load(SeqCst);
    let accept = begin!(peer, NdkAccept, far, 1, 1, null_mut(), 0, Some(disconnected), null_mut());
    connect.end()?;
    begin!(connector, NdkCompleteConnect, Some(disconnected), null_mut()).end()?;
    accept.end()?;

    // The message: a receive, an armed queue, a send whose own success is silent, one notification, one result.
    let receive = sge(to, ndk!(sink, NdkGetLocalTokenFromMr));
    let send = sge(from, ndk!(source, NdkGetLocalTokenFromMr));
    check(ndk!(far, NdkReceive, null_mut(), &raw const receive, 1))?;
    ndk!(cq, NdkArmCq, NDK_CQ_NOTIFY_ANY);
    check(ndk!(near, NdkSend, null_mut(), &raw const send, 1, NDK_OP_FLAG_SILENT_SUCCESS))?;
    until(|| told.load(SeqCst));
    let mut result = NDK_RESULT::default();
    ndk!(cq, NdkGetCqResults, &raw mut result, 1);

    // Successors before their antecedents; the other way round their closes would stay pending until now.
    begin!(connector, NdkDisconnect).end()?;
    close!(connector, NdkCloseConnector);
    close!(peer, NdkCloseConnector);
    close!(listener, NdkCloseListener);
    close!(source, NdkCloseMr);
    close!(sink, NdkCloseMr);
    close!(near, NdkCloseQp);
    close!(far, NdkCloseQp);
    close!(cq, NdkCloseCq);
    close!(pd, NdkClosePd);
    // Blocks until every object is closed and every callback has returned.
    close_adapter(door, adapter);
    Ok(result)
}
// example ends

const SOCKADDR_BYTES: u32 = size_of::<SOCKADDR_IN>() as u32;

fn open(door: &IGBCX_NDK_INTERFACE) -> Result<*mut NDK_ADAPTER, NTSTATUS> {
    let version = NDK_VERSION { Major: 1, Minor: 2 };
    let mut parameters = NDIS_OPEN_NDK_ADAPTER_PARAMETERS { Version: version, ..Default::default() };
    let mut adapter = null_mut();
    // SAFETY: the driver's function with its own context.
    check(unsafe { door.OpenNdkAdapter.unwrap()(door.Context, &raw mut parameters, &raw mut adapter) })?;
    Ok(adapter)
}

fn close_adapter(door: &IGBCX_NDK_INTERFACE, adapter: *mut NDK_ADAPTER) {
    // SAFETY: as above.
    unsafe { door.CloseNdkAdapter.unwrap()(door.Context, adapter) };
}

fn check(status: NTSTATUS) -> Result<(), NTSTATUS> {
    if status == STATUS_SUCCESS { Ok(()) } else { Err(status) }
}

/// An address that stays where it is.
struct Address(Box<SOCKADDR_IN>);

impl Address {
    fn as_ptr(&self) -> PSOCKADDR {
        (&raw const *self.0).cast_mut().cast()
    }
}

fn address(ip: [u8; 4], port: u16) -> Address {
    let address = SOCKADDR_IN { sin_family: AF_INET, sin_port: port.to_be(), sin_addr: ip, ..Default::default() };
    Address(Box::new(address))
}

/// The whole of an MDL: its virtual address (MmGetMdlVirtualAddress) is an index into the region.
fn sge(mdl: *mut MDL, token: u32) -> NDK_SGE {
    // SAFETY: a live MDL.
    let list = unsafe { *mdl };
    let anon = NDK_SGE_ADDRESS { VirtualAddress: list.StartVa.wrapping_byte_add(list.ByteOffset as usize) };
    NDK_SGE { anon, Length: BYTES as u32, MemoryRegionToken: token }
}

/// Runs it on the shipped driver.
pub fn run(run: &Run) {
    let mut rig = Rig::build(rig::builder(run));
    rig.start().unwrap();
    let from = Locked::new(Source::NonPagedPool, 100, &[BYTES]);
    let to = Locked::new(Source::Locked(0x1234_5678_9000), 3000, &[BYTES]);
    let sent: Vec<u8> = (0..BYTES).map(|i| (i * 7) as u8).collect();
    from.write(0, &sent);
    {
        let size = size_of::<IGBCX_NDK_INTERFACE>() as u16;
        let device = rig.device().unwrap();
        let exposed = device.query_interface(&GUID_IGBCX_NDK_INTERFACE, size, IGBCX_NDK_INTERFACE_VERSION).unwrap();
        // SAFETY: the interface is as long as was asked for.
        let door = unsafe { exposed.as_ptr().cast::<IGBCX_NDK_INTERFACE>().read_unaligned() };
        let result = message(&door, from.list() as *mut MDL, to.list() as *mut MDL).unwrap();
        assert_eq!((result.Status, result.BytesTransferred), (STATUS_SUCCESS, BYTES as u32));
    }
    let mut received = vec![0; BYTES];
    to.read(0, &mut received);
    assert!(received == sent, "the bytes are exact");
    rig.finish();
}

/// The text of docs/ndk.md is the text of this file.
pub fn is_quoted(_: &Run) {
    let of = |path: &str| std::fs::read_to_string(workspace().join(path)).unwrap();
    let (source, docs) = (of("tests/e2e/ndk/example.rs"), of("docs/ndk.md"));
    let between = |text: &str, from: &str, to: &str| {
        let start = text.find(from).unwrap_or_else(|| panic!("no {from:?}")) + from.len();
        text[start..start + text[start..].find(to).unwrap_or_else(|| panic!("no {to:?}"))].to_owned()
    };
    let example = between(&source, "// example begins\n", "// example ends\n");
    assert_eq!(between(&docs, "```rust\n", "```\n"), example, "docs/ndk.md and tests/e2e/ndk/example.rs differ");
    assert!(example.lines().count() <= 65, "{} lines", example.lines().count());
}
