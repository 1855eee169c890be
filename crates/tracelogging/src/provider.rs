//! The registration with ETW, and writing.

use core::{
    ptr::{from_ref, null},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};
use wdk_sys::{
    _EVENT_DATA_DESCRIPTOR__bindgen_ty_1, _EVENT_INFO_CLASS, EVENT_DATA_DESCRIPTOR, EVENT_DESCRIPTOR,
    EVENT_FILTER_DESCRIPTOR, GUID, NT_SUCCESS, NTSTATUS, PVOID, REGHANDLE, ULONG,
    ntddk::{EtwRegister, EtwSetInformation, EtwUnregister, EtwWriteTransfer},
};

/// WINEVENT_CHANNEL_TRACELOGGING (winmeta.xml): the event describes itself.
const CHANNEL_TRACELOGGING: u8 = 11;
/// EVENT_DATA_DESCRIPTOR_TYPE_EVENT_METADATA and _PROVIDER_METADATA (evntprov.h).
const EVENT_METADATA: ULONG = 1;
const PROVIDER_METADATA: ULONG = 2;
/// EVENT_CONTROL_CODE_DISABLE_PROVIDER and _ENABLE_PROVIDER (evntrace.h).
const DISABLE: ULONG = 0;
const ENABLE: ULONG = 1;
/// Above every level; a session that asks for level 0 wants all (EventEnabled's rule, evntprov.h).
const ALL_LEVELS: u32 = 256;

/// How grave an event is (winmeta.xml).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = 2,
    /// Something that may become a failure.
    Warning = 3,
    /// As it should be.
    Information = 4,
}

/// An event: what is known of it at compile time. Made by [`event!`](crate::event!).
pub struct Event {
    descriptor: EVENT_DESCRIPTOR,
    metadata: &'static [u8],
    payload: usize,
}

impl Event {
    /// Used by [`event!`](crate::event!): the bytes of [`metadata::event`](crate::metadata::event) and size of the payload.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(level: Level, keyword: u64, metadata: &'static [u8], payload: usize) -> Self {
        let descriptor = EVENT_DESCRIPTOR {
            Id: 0,
            Version: 0,
            Channel: CHANNEL_TRACELOGGING,
            Level: level as u8,
            Opcode: 0,
            Task: 0,
            Keyword: keyword,
        };
        Self { descriptor, metadata, payload }
    }

    /// Bytes of its values.
    #[must_use]
    pub const fn payload(&self) -> usize {
        self.payload
    }
}

/// An [`Event`](crate::Event): name, level, keyword (one bit or more), fields.
#[macro_export]
macro_rules! event {
    ($name:expr, $level:expr, $keyword:expr, $fields:expr $(,)?) => {{
        const FIELDS: &[$crate::Field] = &$fields;
        const SIZE: usize = $crate::metadata::event_size($name, FIELDS);
        const METADATA: &[u8] = &$crate::metadata::event::<SIZE>($name, FIELDS);
        $crate::Event::new($level, $keyword, METADATA, $crate::metadata::payload_size(FIELDS))
    }};
}

/// A provider of events. Made by [`provider!`](crate::provider!), lives in a static.
pub struct Provider {
    id: GUID,
    traits: &'static [u8],
    /// 0: not registered.
    handle: AtomicU64,
    /// The levels somebody listens to are below this; 0 while nobody does.
    levels: AtomicU32,
    any_keyword: AtomicU64,
    all_keywords: AtomicU64,
}

/// A [`Provider`](crate::Provider): name and GUID, which by custom is the hash of the name (that of igbcx is tested in `tests/trace`).
#[macro_export]
macro_rules! provider {
    ($name:expr, $id:expr $(,)?) => {{
        const TRAITS: &[u8] = &$crate::metadata::provider::<{ $crate::metadata::provider_size($name) }>($name);
        $crate::Provider::new($id, TRAITS)
    }};
}

impl Provider {
    /// Used by [`provider!`](crate::provider!).
    #[doc(hidden)]
    #[must_use]
    pub const fn new(id: GUID, traits: &'static [u8]) -> Self {
        Self {
            id,
            traits,
            handle: AtomicU64::new(0),
            levels: AtomicU32::new(0),
            any_keyword: AtomicU64::new(0),
            all_keywords: AtomicU64::new(0),
        }
    }

    /// Its GUID.
    #[must_use]
    pub const fn id(&self) -> &GUID {
        &self.id
    }

    /// Registers with ETW. A driver whose registration fails works, untraced.
    ///
    /// # Errors
    /// The status of EtwRegister.
    ///
    /// # Safety
    /// At PASSIVE_LEVEL, once; [`unregister`](Self::unregister) follows before the image is unloaded.
    pub unsafe fn register(&'static self) -> Result<(), NTSTATUS> {
        let mut handle: REGHANDLE = 0;
        // SAFETY: PASSIVE_LEVEL (caller); id and context are statics, and so is the callback until unregistered (caller).
        let status = unsafe { EtwRegister(&self.id, Some(enable), from_ref(self).cast_mut().cast(), &raw mut handle) };
        if !NT_SUCCESS(status) {
            return Err(status);
        }
        self.handle.store(handle, Ordering::Relaxed);
        // Tells sessions the name; should it fail, events carry it all the same.
        // SAFETY: a handle of EtwRegister at PASSIVE_LEVEL (caller), and a live buffer of that length, which is only read.
        let _ = unsafe {
            EtwSetInformation(
                handle,
                _EVENT_INFO_CLASS::EventProviderSetTraits,
                self.traits.as_ptr().cast_mut().cast(),
                self.traits.len() as ULONG,
            )
        };
        Ok(())
    }

    /// Ends the registration, if there is one.
    ///
    /// # Safety
    /// At PASSIVE_LEVEL, while no other thread registers or writes.
    pub unsafe fn unregister(&self) {
        let handle = self.handle.swap(0, Ordering::Relaxed);
        if handle != 0 {
            // SAFETY: a handle of EtwRegister, given back once, at PASSIVE_LEVEL (caller).
            unsafe { EtwUnregister(handle) };
            self.levels.store(0, Ordering::Relaxed);
        }
    }

    /// Whether somebody listens to such an event.
    #[inline]
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        u32::from(event.descriptor.Level) < self.levels.load(Ordering::Relaxed) && self.wants_keyword(event)
    }

    fn wants_keyword(&self, event: &Event) -> bool {
        let all = self.all_keywords.load(Ordering::Relaxed);
        let keyword = event.descriptor.Keyword;
        keyword == 0 || keyword & self.any_keyword.load(Ordering::Relaxed) != 0 && keyword & all == all
    }

    /// Writes an event whose values are the first bytes of `values`, in the order of its fields without gaps. At any
    /// IRQL. Does nothing while nobody listens.
    ///
    /// # Panics
    /// `values` is shorter than [`Event::payload`].
    #[inline]
    pub fn write(&self, event: &Event, values: &[u8]) {
        if self.wants(event) {
            self.write_wanted(event, &values[..event.payload]);
        }
    }

    #[cold]
    fn write_wanted(&self, event: &Event, values: &[u8]) {
        let mut data = [
            descriptor(self.traits, PROVIDER_METADATA),
            descriptor(event.metadata, EVENT_METADATA),
            descriptor(values, 0),
        ];
        let count = if values.is_empty() { 2 } else { 3 };
        // SAFETY: a handle of EtwRegister; descriptors of live memory in the image and on the stack, none of it pageable.
        // A session that has no room loses the event, which nobody here could change.
        let _ = unsafe {
            EtwWriteTransfer(
                self.handle.load(Ordering::Relaxed),
                &event.descriptor,
                null(),
                null(),
                count,
                data.as_mut_ptr(),
            )
        };
    }

    /// What ETW says of the sessions that listen.
    fn set_enabled(&self, control: ULONG, level: u8, any_keyword: u64, all_keywords: u64) {
        let levels = match control {
            DISABLE => 0,
            ENABLE if level == 0 => ALL_LEVELS,
            ENABLE => u32::from(level) + 1,
            _ => return,
        };
        self.any_keyword.store(any_keyword, Ordering::Relaxed);
        self.all_keywords.store(all_keywords, Ordering::Relaxed);
        self.levels.store(levels, Ordering::Relaxed);
    }
}

fn descriptor(bytes: &[u8], kind: ULONG) -> EVENT_DATA_DESCRIPTOR {
    EVENT_DATA_DESCRIPTOR {
        Ptr: bytes.as_ptr() as u64,
        Size: bytes.len() as ULONG,
        __bindgen_anon_1: _EVENT_DATA_DESCRIPTOR__bindgen_ty_1 { Reserved: kind },
    }
}

/// A callback as the WDK declares it: the C convention of Windows, win64 when named on another host.
macro_rules! etw_callback {
    ($(#[$meta:meta])* unsafe fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        #[cfg(target_os = "windows")]
        $(#[$meta])*
        unsafe extern "C" fn $name($($arg: $ty),*) $body

        #[cfg(not(target_os = "windows"))]
        $(#[$meta])*
        unsafe extern "win64" fn $name($($arg: $ty),*) $body
    };
}

etw_callback! {
    /// ETWENABLECALLBACK: sessions came, went or changed.
    unsafe fn enable(
        _source: *const GUID,
        control: ULONG,
        level: u8,
        any_keyword: u64,
        all_keywords: u64,
        _filter: *mut EVENT_FILTER_DESCRIPTOR,
        context: PVOID,
    ) {
        // SAFETY: the context given to EtwRegister, a static provider.
        let provider = unsafe { &*context.cast::<Provider>() };
        provider.set_enabled(control, level, any_keyword, all_keywords);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Type};
    use std::sync::Mutex;

    static PROVIDER: Provider = provider!("Test", GUID { Data1: 1, Data2: 2, Data3: 3, Data4: [4; 8] });
    static WITH_VALUE: Event = event!("Value", Level::Warning, 0x6, [Field::new("Number", Type::U32)]);
    static WITHOUT: Event = event!("Nothing", Level::Information, 0, []);

    const HANDLE: REGHANDLE = 0x1234;
    /// What the functions below were called with.
    static CALLS: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn called(call: String) -> NTSTATUS {
        CALLS.lock().unwrap().push(call);
        0
    }

    fn calls() -> Vec<String> {
        std::mem::take(&mut CALLS.lock().unwrap())
    }

    // SAFETY: the imports of ntoskrnl.exe that this test program has not; nothing else here defines them.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn EtwRegister(
        id: *const GUID,
        enable: wdk_sys::PETWENABLECALLBACK,
        context: PVOID,
        handle: *mut REGHANDLE,
    ) -> NTSTATUS {
        // SAFETY: what `Provider::register` passes.
        unsafe {
            *handle = HANDLE;
            // A session that was there before: ETW tells the provider inside of EtwRegister.
            enable.unwrap()(id, ENABLE, 2, 0x2, 0, std::ptr::null_mut(), context);
            called(format!("register {}", (*id).Data1))
        }
    }

    // SAFETY: as above.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn EtwSetInformation(handle: REGHANDLE, class: i32, data: PVOID, len: ULONG) -> NTSTATUS {
        // SAFETY: what `Provider::register` passes.
        let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len as usize) };
        called(format!("set {handle:#x} {class} {data:?}"))
    }

    // SAFETY: as above.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn EtwUnregister(handle: REGHANDLE) -> NTSTATUS {
        called(format!("unregister {handle:#x}"))
    }

    // SAFETY: as above.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn EtwWriteTransfer(
        handle: REGHANDLE,
        event: *const EVENT_DESCRIPTOR,
        activity: *const GUID,
        related: *const GUID,
        count: ULONG,
        data: *mut EVENT_DATA_DESCRIPTOR,
    ) -> NTSTATUS {
        assert!(activity.is_null() && related.is_null());
        // SAFETY: what `Provider::write` passes.
        unsafe {
            let data = std::slice::from_raw_parts(data, count as usize).iter().map(|d| {
                let bytes = std::slice::from_raw_parts(d.Ptr as *const u8, d.Size as usize);
                format!("{}: {bytes:?}", d.__bindgen_anon_1.Reserved)
            });
            let data = data.collect::<Vec<_>>().join(", ");
            let event = *event;
            called(format!("write {handle:#x} {} {} {:#x} [{data}]", event.Channel, event.Level, event.Keyword))
        }
    }

    #[test]
    fn the_calls_are_those_of_tracelogging() {
        PROVIDER.write(&WITHOUT, &[]);
        assert!(calls().is_empty(), "not registered");

        // SAFETY: no kernel here; unregistered below.
        unsafe { PROVIDER.register() }.unwrap();
        let traits = "[7, 0, 84, 101, 115, 116, 0]";
        assert_eq!(calls(), ["register 1".to_owned(), format!("set 0x1234 2 {traits}")]);
        assert!(!PROVIDER.wants(&WITH_VALUE), "the session of before wants errors only");

        PROVIDER.set_enabled(ENABLE, 0, 0, 0);
        PROVIDER.write(&WITHOUT, &[]);
        let metadata = "[11, 0, 0, 78, 111, 116, 104, 105, 110, 103, 0]";
        assert_eq!(calls(), [format!("write 0x1234 11 4 0x0 [2: {traits}, 1: {metadata}]")]);

        PROVIDER.set_enabled(ENABLE, 3, 0x2, 0x4);
        PROVIDER.write(&WITHOUT, &[]);
        PROVIDER.write(&WITH_VALUE, &[1, 2, 3, 4, 5, 6]);
        let [call] = calls().try_into().unwrap();
        assert!(call.starts_with("write 0x1234 11 3 0x6 ") && call.ends_with(", 0: [1, 2, 3, 4]]"), "{call}");

        PROVIDER.set_enabled(DISABLE, 5, u64::MAX, 0);
        PROVIDER.write(&WITH_VALUE, &[0; 4]);
        assert!(calls().is_empty());
        PROVIDER.set_enabled(ENABLE, 5, u64::MAX, 0);
        // SAFETY: as above.
        unsafe { PROVIDER.unregister() };
        PROVIDER.write(&WITH_VALUE, &[0; 4]);
        // SAFETY: as above.
        unsafe { PROVIDER.unregister() };
        assert_eq!(calls(), ["unregister 0x1234"]);
    }

    #[test]
    fn levels_and_keywords_decide() {
        let provider = Provider::new(GUID::default(), &[]);
        let warning = |keyword| Event::new(Level::Warning, keyword, &[], 0);
        // Level asked for, any, all; keyword of the event; wanted.
        for (level, any, all, keyword, wanted) in [
            (0, 0, 0, 0, true),
            (0, 1, 0, 1, true),
            (2, 1, 0, 1, false),
            (3, 1, 0, 1, true),
            (5, 1, 0, 1, true),
            (255, 1, 0, 1, true),
            (5, 1, 0, 2, false),
            (5, 0, 0, 1, false),
            (5, 3, 3, 1, false),
            (5, 3, 3, 7, true),
            (5, 0, 8, 0, true),
        ] {
            provider.set_enabled(ENABLE, level, any, all);
            assert_eq!(provider.wants(&warning(keyword)), wanted, "{level} {any} {all} {keyword}");
            provider.set_enabled(2, 0, 0, 0);
            assert_eq!(provider.wants(&warning(keyword)), wanted, "a request for the state changes nothing");
        }
    }
}
