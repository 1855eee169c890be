//! What all NDK objects have in common: creation, header and table, closing.

use super::buffer::{Mr, Mw};
use super::calls::{call, note};
use super::requests::{self, Entry, Hook, Pending, on_close, on_create};
use lab_kernel::rules;
use ndis_sys::ndk::_NDK_OBJECT_TYPE as kinds;
use ndis_sys::ndk::status::STATUS_TIMEOUT;
use ndis_sys::ndk::*;
use std::ptr;
use std::time::Duration;
use wdk_sys::{GUID, NTSTATUS, PVOID, STATUS_PENDING, STATUS_SUCCESS};

rules! {
    NDK_OBJECT_HEADER_SET: "An object's header has version 1.1 or later, its type, and a reserved block of zeros", "DDI ndkpi NDK_OBJECT_HEADER: Remarks";
    NDK_TABLE_COMPLETE: "No function of a dispatch table is null", "DDI ndkpi NDK_*_DISPATCH; NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION: a function that is not supported exists and says so";
    NDK_CREATE_RETURNS_OBJECT: "A create that succeeds returns the object once: in the out parameter, or with the completion and not there", "DDI ndkpi NDK_FN_CREATE_COMPLETION: Remarks";
    NDK_CLOSE_STATUS: "A close returns STATUS_SUCCESS or STATUS_PENDING: it cannot fail", "DDI ndkpi NDK_FN_CLOSE_OBJECT; contract.md 3.5";
    NDK_EXTENSION_STATUS: "An extension nobody defined is STATUS_NOT_SUPPORTED", "DDI ndkpi NDK_FN_QUERY_EXTENSION_INTERFACE";
}

/// Names no extension: 9b1f2e60-5d0c-4f4e-8c2b-7a1d90c4e3aa.
const NO_EXTENSION: GUID =
    GUID { Data1: 0x9b1f_2e60, Data2: 0x5d0c, Data3: 0x4f4e, Data4: [0x8c, 0x2b, 0x7a, 0x1d, 0x90, 0xc4, 0xe3, 0xaa] };
/// What an out parameter holds before the call.
const UNTOUCHED: usize = 0xFEED_0000_0000_0001;

/// An object of the provider. Copies name the same object.
pub(super) struct Handle<T>(pub(super) *mut T);

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Handle<T> {
        *self
    }
}
impl<T> Copy for Handle<T> {}

// SAFETY: an NDK object may be used from any thread (docs NDKPI work request posting requirements); the handle is a
// plain address.
unsafe impl<T> Send for Handle<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Handle<T> {}

/// An NDK structure with a dispatch table.
pub(super) trait NdkObject: Sized {
    type Table: 'static;
    const TYPE: NDK_OBJECT_TYPE;
    const NAME: &'static str;
    fn header(&self) -> &NDK_OBJECT_HEADER;
    fn table(&self) -> *const Self::Table;
    fn close(table: &Self::Table) -> NDK_FN_CLOSE_OBJECT;
    fn extension(table: &Self::Table) -> NDK_FN_QUERY_EXTENSION_INTERFACE;
}

macro_rules! ndk_object {
    ($object:ident, $table:ident, $kind:ident, $close:expr) => {
        impl NdkObject for $object {
            type Table = $table;
            const TYPE: NDK_OBJECT_TYPE = kinds::$kind;
            const NAME: &'static str = stringify!($object);
            fn header(&self) -> &NDK_OBJECT_HEADER {
                &self.Header
            }
            fn table(&self) -> *const $table {
                self.Dispatch
            }
            fn close(table: &$table) -> NDK_FN_CLOSE_OBJECT {
                let close: fn(&$table) -> NDK_FN_CLOSE_OBJECT = $close;
                close(table)
            }
            fn extension(table: &$table) -> NDK_FN_QUERY_EXTENSION_INTERFACE {
                table.NdkQueryExtension
            }
        }
    };
}

// The adapter is closed by the pair of its open.
ndk_object!(NDK_ADAPTER, NDK_ADAPTER_DISPATCH, NdkObjectTypeAdapter, |_| None);
ndk_object!(NDK_CQ, NDK_CQ_DISPATCH, NdkObjectTypeCq, |t| t.NdkCloseCq);
ndk_object!(NDK_PD, NDK_PD_DISPATCH, NdkObjectTypePd, |t| t.NdkClosePd);
ndk_object!(NDK_MR, NDK_MR_DISPATCH, NdkObjectTypeMr, |t| t.NdkCloseMr);
ndk_object!(NDK_MW, NDK_MW_DISPATCH, NdkObjectTypeMw, |t| t.NdkCloseMw);
ndk_object!(NDK_SRQ, NDK_SRQ_DISPATCH, NdkObjectTypeSrq, |t| t.NdkCloseSrq);
ndk_object!(NDK_QP, NDK_QP_DISPATCH, NdkObjectTypeQp, |t| t.NdkCloseQp);
ndk_object!(NDK_CONNECTOR, NDK_CONNECTOR_DISPATCH, NdkObjectTypeConnector, |t| t.NdkCloseConnector);
ndk_object!(NDK_LISTENER, NDK_LISTENER_DISPATCH, NdkObjectTypeListener, |t| t.NdkCloseListener);
ndk_object!(NDK_SHARED_ENDPOINT, NDK_SHARED_ENDPOINT_DISPATCH, NdkObjectTypeSharedEndpoint, |t| t
    .NdkCloseSharedEndpoint);

impl<T: NdkObject> Handle<T> {
    /// Checks header and table of a new object; `None` if it cannot be used.
    pub(super) fn checked(raw: *mut T) -> Option<Handle<T>> {
        let name = T::NAME;
        if !NDK_CREATE_RETURNS_OBJECT.check(!raw.is_null() && raw as usize != UNTOUCHED, || format!("{name}: none")) {
            return None;
        }
        // SAFETY: the provider returned this object as created; one that is no memory faults and ends the run.
        let object = unsafe { &*raw };
        let header = object.header();
        let version = (header.Version.Major, header.Version.Minor);
        let sound =
            version >= (1, 1) && header.ObjectType == T::TYPE && header.NdkReserved.rf.iter().all(|r| r.is_null());
        NDK_OBJECT_HEADER_SET.check(sound, || format!("{name}: version {version:?}, type {}", header.ObjectType));
        let table: *const T::Table = object.table();
        let complete = !table.is_null() && {
            // SAFETY: a dispatch table is function pointers only (asserted layouts), read as words.
            let words = unsafe { std::slice::from_raw_parts(table.cast::<usize>(), size_of::<T::Table>() / 8) };
            words.iter().for_each(|word| note(*word, false));
            words.iter().all(|word| *word != 0)
        };
        NDK_TABLE_COMPLETE.check(complete, || name.to_owned()).then_some(Handle(raw))
    }

    /// The dispatch table.
    pub(super) fn table(self) -> &'static T::Table {
        // SAFETY: the object is open and its table was found complete; tables are constants of the provider's image.
        unsafe { &*(*self.0).table() }
    }

    /// NdkQueryExtension for an interface that does not exist.
    pub(super) fn query_extension(self) {
        let Some(function) = T::extension(self.table()) else { return };
        note(function as usize, true);
        let mut guid = NO_EXTENSION;
        let mut interface = NDK_EXTENSION_INTERFACE::default();
        let version = NDK_VERSION { Major: 1, Minor: 0 };
        // SAFETY: an open object, whose header comes first, and out parameters that live through the call.
        let status = call("NdkQueryExtension", || unsafe {
            function(self.0.cast(), &raw mut guid, version, &raw mut interface)
        });
        NDK_EXTENSION_STATUS
            .check(status == wdk_sys::STATUS_NOT_SUPPORTED, || format!("{}: status {status:#x}", T::NAME));
    }

    /// Begins to close it; `ends` are the contexts of its callbacks.
    pub(super) fn close(self, ends: Vec<usize>, hook: Option<Hook>) -> Closing {
        let function = T::close(self.table()).expect("the table was found complete");
        note(function as usize, true);
        let pending = requests::start(T::NAME, ends, hook, |context| {
            // SAFETY: an open object, whose header comes first.
            unsafe { function(self.0.cast(), Some(on_close), context) }
        });
        let sound = matches!(pending.inline(), None | Some(STATUS_SUCCESS));
        NDK_CLOSE_STATUS.check(sound, || format!("{}: {:#x}", T::NAME, pending.inline().unwrap_or_default()));
        Closing(pending)
    }
}

/// Calls a function of an object's table with the object first.
macro_rules! dispatch {
    ($handle:expr, $function:ident $(, $arg:expr)* $(,)?) => {{
        let handle = $handle;
        let function = handle.table().$function.expect("the table was found complete");
        $crate::ndk::consumer::calls::note(function as usize, true);
        // SAFETY: an open object of this table; the arguments live through the call and are as the DDI page wants them,
        // or wrong on purpose in a way that the page answers with a status.
        unsafe { function(handle.0 $(, $arg)*) }
    }};
}
pub(super) use dispatch;

/// [`dispatch!`] for functions without completion, at the level that was set.
macro_rules! invoke {
    ($handle:expr, $function:ident $(, $arg:expr)* $(,)?) => {
        $crate::ndk::consumer::calls::call(stringify!($function), || {
            $crate::ndk::consumer::object::dispatch!($handle, $function $(, $arg)*)
        })
    };
}
pub(super) use invoke;

/// A close that was begun. Dropping it forgets how it ends.
pub struct Closing(Pending);

impl Closing {
    /// True if it has ended.
    pub fn is_done(&self) -> bool {
        self.0.status().is_some()
    }

    /// True if the call itself returned STATUS_PENDING.
    pub fn was_pending(&self) -> bool {
        self.0.inline().is_none()
    }

    /// Waits for the end; false and a broken rule if it does not come.
    pub fn wait(&self) -> bool {
        self.0.wait().is_some()
    }

    /// Waits for at most `limit`; true if it has ended.
    pub fn wait_for(&self, limit: Duration) -> bool {
        self.0.wait_for(limit).is_some()
    }
}

/// Creates an object and waits for it: `function` gets completion, context and out parameter.
pub(super) fn create<T: NdkObject>(
    what: &'static str,
    function: impl FnOnce(NDK_FN_CREATE_COMPLETION, PVOID, *mut *mut T) -> NTSTATUS,
) -> Result<Handle<T>, NTSTATUS> {
    let mut out = Box::new(UNTOUCHED as *mut T);
    let slot: *mut *mut T = &raw mut *out;
    let pending = requests::start(what, Vec::new(), None, |context| function(Some(on_create), context, slot));
    let Some(status) = pending.wait() else {
        // The provider may still write there.
        std::mem::forget(out);
        return Err(STATUS_TIMEOUT);
    };
    let untouched = *out as usize == UNTOUCHED;
    let object = match pending.inline() {
        Some(_) => *out,
        None => {
            NDK_CREATE_RETURNS_OBJECT
                .check(untouched, || format!("{what}: pending, and the out parameter was written"));
            pending.outcome().map_or(ptr::null_mut(), |o| o.object as *mut T)
        }
    };
    if status != STATUS_SUCCESS {
        return Err(if status == STATUS_PENDING { STATUS_TIMEOUT } else { status });
    }
    Handle::checked(object).ok_or(STATUS_TIMEOUT)
}

/// Creates an object that has a callback, which is called with a context that names `entry`: the object and that context.
pub(super) fn create_with_callback<T: NdkObject>(
    what: &'static str,
    entry: Entry,
    function: impl FnOnce(PVOID, NDK_FN_CREATE_COMPLETION, PVOID, *mut *mut T) -> NTSTATUS,
) -> Result<(Handle<T>, usize), NTSTATUS> {
    let context = requests::register(entry);
    let created = create(what, |completion, request, out| function(context as PVOID, completion, request, out));
    if created.is_err() {
        requests::unregister(context);
    }
    created.map(|handle| (handle, context))
}

/// A protection domain.
#[derive(Clone, Copy)]
pub struct Pd(pub(super) Handle<NDK_PD>);

impl Pd {
    /// NdkCreateMr.
    ///
    /// # Errors
    /// The provider's.
    pub fn create_mr(self, fast: bool) -> Result<Mr, NTSTATUS> {
        let handle = self.0;
        create("NdkCreateMr", |completion, context, out| {
            dispatch!(handle, NdkCreateMr, fast.into(), completion, context, out)
        })
        .map(Mr)
    }

    /// NdkCreateMw.
    ///
    /// # Errors
    /// The provider's.
    pub fn create_mw(self) -> Result<Mw, NTSTATUS> {
        let handle = self.0;
        create("NdkCreateMw", |completion, context, out| dispatch!(handle, NdkCreateMw, completion, context, out))
            .map(Mw)
    }

    /// NdkGetPrivilegedMemoryRegionToken.
    pub fn privileged_token(self) -> u32 {
        let mut token = 0;
        invoke!(self.0, NdkGetPrivilegedMemoryRegionToken, &raw mut token);
        token
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(self) {
        self.0.query_extension();
    }

    /// NdkClosePd.
    pub fn close(self) -> Closing {
        self.0.close(Vec::new(), None)
    }
}
