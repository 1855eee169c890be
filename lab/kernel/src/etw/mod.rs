//! Event tracing: the providers that drivers register, one session that can listen to them, and the events it got.

mod tracelogging;

pub use tracelogging::{Decoded, Value};

use crate::{cpu, pool, rules};
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

rules! {
    ETW_HANDLE: "Tracing calls name a provider that is registered", "DDI wdm EtwRegister: Remarks";
    ETW_UNREGISTERED: "A driver that unloads has unregistered its providers", "DDI wdm EtwUnregister: Remarks";
    ETW_DATA: "An event has at most 128 data descriptors and 64 KB, those of metadata first", "SDK evntprov.h: MAX_EVENT_DATA_DESCRIPTORS, EVENT_DATA_DESCRIPTOR; EventWrite: ERROR_ARITHMETIC_OVERFLOW";
    ETW_NOT_PAGEABLE: "Above APC_LEVEL the data of an event is not pageable", "DDI wdm EtwWriteTransfer: Remarks";
    ETW_TRACELOGGING: "Provider and event metadata can be decoded, and the values are as long as it says", "microsoft/tracelogging TraceLoggingDynamic.h: ProviderMetadata, EventMetadata";
}

/// MAX_EVENT_DATA_DESCRIPTORS.
const MOST_DESCRIPTORS: usize = 128;
const MOST_BYTES: usize = 64 << 10;
/// EVENT_DATA_DESCRIPTOR_TYPE_*.
const USER_DATA: u8 = 0;
const EVENT_METADATA: u8 = 1;
const PROVIDER_METADATA: u8 = 2;
/// WINEVENT_CHANNEL_TRACELOGGING.
const CHANNEL_TRACELOGGING: u8 = 11;
/// EVENT_CONTROL_CODE_*.
const DISABLE: u32 = 0;
const ENABLE: u32 = 1;

pub(crate) const STATUS_SUCCESS: i32 = 0;
pub(crate) const STATUS_INVALID_HANDLE: i32 = 0xC000_0008_u32 as i32;
pub(crate) const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;

/// PETWENABLECALLBACK.
pub(crate) type EnableCallback = unsafe extern "win64" fn(
    source: *const [u8; 16],
    control: u32,
    level: u8,
    any_keyword: u64,
    all_keywords: u64,
    filter: usize,
    context: usize,
);

/// The GUID of a provider, as memory holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderId(pub [u8; 16]);

impl ProviderId {
    /// The GUID that trace tools find a provider of this name by: version 5 of RFC 4122 over the name in capitals as
    /// UTF-16BE, in the namespace that EventSource and TraceLogging share (microsoft/tracelogging, `Guid::from_name`).
    pub fn of_name(name: &str) -> ProviderId {
        const NAMESPACE: u128 = 0x482C_2DB2_C390_47C8_87F8_1A15_BFC1_30FB;
        let mut hash = Sha1::new_with_prefix(NAMESPACE.to_be_bytes());
        for unit in name.to_uppercase().encode_utf16() {
            hash.update(unit.to_be_bytes());
        }
        let mut bytes: [u8; 16] = hash.finalize()[..16].try_into().expect("16 of 20 bytes");
        bytes[7] = bytes[7] & 0x0F | 0x50;
        ProviderId(bytes)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i, rest @ ..] = self.0;
        write!(f, "{:08x}", u32::from_le_bytes([a, b, c, d]))?;
        write!(f, "-{:04x}-{:04x}", u16::from_le_bytes([e, g]), u16::from_le_bytes([h, i]))?;
        for (n, byte) in rest.into_iter().enumerate() {
            write!(f, "{}{byte:02x}", if n == 0 || n == 2 { "-" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// What the session wants of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Events up to this level; 0: all.
    pub level: u8,
    /// Events with one of these keywords, or with none at all.
    pub any_keyword: u64,
    /// And of those with keywords, the ones with all of these.
    pub all_keywords: u64,
}

impl Wanted {
    /// Every event with a keyword in `any_keyword`.
    pub fn every_level(any_keyword: u64) -> Wanted {
        Wanted { level: 0, any_keyword, all_keywords: 0 }
    }

    fn includes(&self, level: u8, keyword: u64) -> bool {
        let keywords = keyword & self.any_keyword != 0 && keyword & self.all_keywords == self.all_keywords;
        (self.level == 0 || level <= self.level) && (keyword == 0 || keywords)
    }
}

/// An event that the session got.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its provider.
    pub provider: ProviderId,
    /// Lab time.
    pub time: Duration,
    /// IRQL of the writer.
    pub irql: u8,
    /// EVENT_DESCRIPTOR.Level.
    pub level: u8,
    /// EVENT_DESCRIPTOR.Keyword.
    pub keyword: u64,
    /// What a trace tool shows; `None` for an event that needs a manifest, or cannot be decoded.
    pub decoded: Option<Decoded>,
}

#[derive(Clone)]
struct Registration {
    provider: ProviderId,
    callback: Option<(EnableCallback, usize)>,
}

struct Etw {
    registered: BTreeMap<u64, Registration>,
    handles: u64,
    session: BTreeMap<ProviderId, Wanted>,
    events: Vec<Event>,
}

static ETW: Mutex<Etw> =
    Mutex::new(Etw { registered: BTreeMap::new(), handles: 0, session: BTreeMap::new(), events: Vec::new() });

fn etw() -> MutexGuard<'static, Etw> {
    ETW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The session listens to a provider, whether it is registered yet or not. At PASSIVE_LEVEL on a lab thread.
pub fn enable(provider: ProviderId, wanted: Wanted) {
    etw().session.insert(provider, wanted);
    tell(provider, ENABLE, wanted);
}

/// The session listens no longer. At PASSIVE_LEVEL on a lab thread.
pub fn disable(provider: ProviderId) {
    etw().session.remove(&provider);
    tell(provider, DISABLE, Wanted { level: 0, any_keyword: 0, all_keywords: 0 });
}

/// Calls the enable callbacks of a provider.
fn tell(provider: ProviderId, control: u32, wanted: Wanted) {
    assert_eq!(cpu::irql(), cpu::PASSIVE_LEVEL, "sessions change at PASSIVE_LEVEL");
    let registered: Vec<_> = etw().registered.values().filter(|r| r.provider == provider).cloned().collect();
    for registration in registered {
        registration.tell(control, wanted);
    }
}

impl Registration {
    fn tell(&self, control: u32, wanted: Wanted) {
        let Some((callback, context)) = self.callback else { return };
        // SAFETY: the callback that the driver gave to EtwRegister and has not taken back, at PASSIVE_LEVEL, with the
        // driver's context; the GUID lives through the call.
        unsafe {
            callback(&self.provider.0, control, wanted.level, wanted.any_keyword, wanted.all_keywords, 0, context);
        }
    }
}

/// The events that came since the last call.
pub fn take_events() -> Vec<Event> {
    std::mem::take(&mut etw().events)
}

/// Providers that are registered now.
pub fn registered() -> Vec<ProviderId> {
    etw().registered.values().map(|r| r.provider).collect()
}

/// Checks what must hold after a driver has unloaded: no provider is left.
pub fn check_unloaded() {
    let left = registered();
    ETW_UNREGISTERED.check(left.is_empty(), || format!("registered: {left:?}"));
}

pub(crate) fn register(provider: ProviderId, callback: Option<(EnableCallback, usize)>) -> u64 {
    let registration = Registration { provider, callback };
    let (handle, wanted) = {
        let mut etw = etw();
        etw.handles += 1;
        // Not small numbers: a handle made up by the driver is not a handle.
        let handle = 0xFFFF_E7A0_0000_0000 + etw.handles * 0x10;
        etw.registered.insert(handle, registration.clone());
        (handle, etw.session.get(&provider).copied())
    };
    if let Some(wanted) = wanted {
        registration.tell(ENABLE, wanted);
    }
    handle
}

/// The provider of a handle.
pub(crate) fn provider_of(call: &str, handle: u64) -> Option<ProviderId> {
    let provider = etw().registered.get(&handle).map(|r| r.provider);
    ETW_HANDLE.check(provider.is_some(), || format!("{call} with handle {handle:#x}"));
    provider
}

pub(crate) fn unregister(handle: u64) -> i32 {
    if provider_of("EtwUnregister", handle).is_none() {
        return STATUS_INVALID_HANDLE;
    }
    etw().registered.remove(&handle);
    STATUS_SUCCESS
}

/// EventProviderSetTraits.
pub(crate) fn set_traits(traits: &[u8]) -> i32 {
    let name = tracelogging::provider_name(traits);
    let ok = ETW_TRACELOGGING.check(name.is_ok(), || format!("provider traits: {name:?} in {traits:02x?}"));
    if ok { STATUS_SUCCESS } else { STATUS_INVALID_PARAMETER }
}

/// Whether the session wants events of this level and keyword.
pub(crate) fn wants(provider: ProviderId, level: u8, keyword: u64) -> bool {
    etw().session.get(&provider).is_some_and(|wanted| wanted.includes(level, keyword))
}

/// Fields of an EVENT_DESCRIPTOR.
#[derive(Clone, Copy)]
pub(crate) struct Descriptor {
    pub(crate) channel: u8,
    pub(crate) level: u8,
    pub(crate) keyword: u64,
}

/// The memory of an EVENT_DATA_DESCRIPTOR.
pub(crate) struct Data {
    pub(crate) kind: u8,
    pub(crate) at: usize,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn write(provider: ProviderId, event: Descriptor, data: &[Data]) -> i32 {
    let bytes: usize = data.iter().map(|d| d.bytes.len()).sum();
    let kinds: Vec<u8> = data.iter().map(|d| d.kind).collect();
    let metadata_first = match kinds.as_slice() {
        [PROVIDER_METADATA, EVENT_METADATA, rest @ ..] => rest.iter().all(|kind| *kind == USER_DATA),
        rest => event.channel != CHANNEL_TRACELOGGING && rest.iter().all(|kind| *kind == USER_DATA),
    };
    let ok = data.len() <= MOST_DESCRIPTORS && bytes <= MOST_BYTES && metadata_first;
    ETW_DATA.check(ok, || format!("{} descriptors of types {kinds:?}, {bytes} bytes", data.len()));
    let irql = cpu::irql();
    if irql > cpu::APC_LEVEL {
        let pageable = data.iter().any(|d| pool::is_paged(d.at as *mut u8));
        ETW_NOT_PAGEABLE.check(!pageable, || format!("pageable data at IRQL {irql}"));
    }
    if !ok {
        return STATUS_INVALID_PARAMETER;
    }
    let decoded = match data {
        [traits, metadata, values @ ..] if traits.kind == PROVIDER_METADATA => {
            let values: Vec<u8> = values.iter().flat_map(|d| d.bytes.iter().copied()).collect();
            let decoded = tracelogging::decode(&traits.bytes, &metadata.bytes, &values);
            ETW_TRACELOGGING.check(decoded.is_ok(), || format!("{decoded:?} of {:02x?}", metadata.bytes));
            decoded.ok()
        }
        _ => None,
    };
    if wants(provider, event.level, event.keyword) {
        let Descriptor { level, keyword, .. } = event;
        etw().events.push(Event { provider, time: cpu::now(), irql, level, keyword, decoded });
    }
    STATUS_SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the documentation of `Guid::from_name`, and the providers of NetAdapterCx (21H2 source,
    /// `netcx/adapter/version.cpp` and `netcx/translator/nxtranslationapp.cpp`).
    #[test]
    fn names_have_the_guids_of_microsofts_providers() {
        for (name, guid) in [
            ("MyProvider", "b3864c38-4273-58c5-545b-8b3608343471"),
            ("Microsoft.Windows.Ndis.NetAdapterCx", "828a1d06-71b8-5fc5-b237-28ae6aeac7c4"),
            ("Microsoft.Windows.Ndis.NetAdapterCx.Translator", "32723328-9a9f-5889-a637-bcc3f77c1324"),
        ] {
            assert_eq!(ProviderId::of_name(name).to_string(), guid);
        }
        assert_eq!(ProviderId::of_name("MYProvider"), ProviderId::of_name("myprovider"));
    }

    #[test]
    fn a_session_wants_by_level_and_keyword() {
        let wanted = |level, any_keyword, all_keywords| Wanted { level, any_keyword, all_keywords };
        for (session, level, keyword, wants) in [
            (wanted(0, 1, 0), 5, 1, true),
            (wanted(3, 1, 0), 3, 1, true),
            (wanted(3, 1, 0), 4, 1, false),
            (wanted(0, 1, 0), 1, 2, false),
            (wanted(0, 3, 3), 1, 1, false),
            (wanted(0, 3, 3), 1, 7, true),
            (wanted(0, 0, 8), 1, 0, true),
        ] {
            assert_eq!(session.includes(level, keyword), wants, "{session:?} {level} {keyword}");
        }
    }
}
