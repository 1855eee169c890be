//! Event tracing, kernel side. What sessions do and get is in [`crate::etw`].

use super::{Ptr, exports};
use crate::etw::{self, Data, Descriptor, EnableCallback, ProviderId, STATUS_INVALID_HANDLE, STATUS_SUCCESS};

/// EventProviderSetTraits.
const SET_TRAITS: u32 = 2;
const STATUS_INVALID_DEVICE_REQUEST: i32 = 0xC000_0010_u32 as i32;

/// EVENT_DESCRIPTOR: Channel, Level, Keyword.
fn descriptor(event: Ptr<u8>) -> Descriptor {
    Descriptor {
        channel: event.field::<u8>(3).read(),
        level: event.field::<u8>(4).read(),
        keyword: event.field::<u64>(8).read(),
    }
}

/// `count` EVENT_DATA_DESCRIPTORs: Ptr, Size, Type; and the memory they describe.
fn data(count: u32, first: Ptr<u8>) -> Vec<Data> {
    let descriptors = (0..count as usize).map(|n| first.add(n * 16));
    descriptors
        .map(|d| {
            let (at, size) = (d.field::<Ptr<u8>>(0).read(), d.field::<u32>(8).read());
            let bytes = (0..size as usize).map(|i| at.add(i).read()).collect();
            Data { kind: d.field::<u8>(12).read(), at: at.address(), bytes }
        })
        .collect()
}

fn write(call: &str, handle: u64, event: Ptr<u8>, count: u32, first: Ptr<u8>) -> i32 {
    match etw::provider_of(call, handle) {
        Some(provider) => etw::write(provider, descriptor(event), &data(count, first)),
        None => STATUS_INVALID_HANDLE,
    }
}

exports! {
    [Passive] fn EtwRegister(
        provider: Ptr<[u8; 16]>, callback: Option<EnableCallback>, context: usize, handle: Ptr<u64>,
    ) -> i32 {
        handle.require();
        handle.write(etw::register(ProviderId(provider.read()), callback.map(|callback| (callback, context))));
        STATUS_SUCCESS
    }

    [Passive] fn EtwUnregister(handle: u64) -> i32 { etw::unregister(handle) }

    [Passive] fn EtwSetInformation(handle: u64, class: u32, information: Ptr<u8>, len: u32) -> i32 {
        if etw::provider_of("EtwSetInformation", handle).is_none() {
            return STATUS_INVALID_HANDLE;
        }
        if class != SET_TRAITS {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        let traits: Vec<u8> = (0..len as usize).map(|i| information.add(i).read()).collect();
        etw::set_traits(&traits)
    }

    [Any] fn EtwWrite(handle: u64, event: Ptr<u8>, _activity: usize, count: u32, first: Ptr<u8>) -> i32 {
        write("EtwWrite", handle, event, count, first)
    }

    [Any] fn EtwWriteTransfer(
        handle: u64, event: Ptr<u8>, _activity: usize, _related: usize, count: u32, first: Ptr<u8>,
    ) -> i32 {
        write("EtwWriteTransfer", handle, event, count, first)
    }

    [Any] fn EtwEventEnabled(handle: u64, event: Ptr<u8>) -> bool {
        let Descriptor { level, keyword, .. } = descriptor(event);
        etw::provider_of("EtwEventEnabled", handle).is_some_and(|provider| etw::wants(provider, level, keyword))
    }

    [Any] fn EtwProviderEnabled(handle: u64, level: u8, keyword: u64) -> bool {
        etw::provider_of("EtwProviderEnabled", handle).is_some_and(|provider| etw::wants(provider, level, keyword))
    }

    [Any] fn EtwActivityIdControl(_code: u32, _activity: usize) -> i32 { STATUS_SUCCESS }
}
