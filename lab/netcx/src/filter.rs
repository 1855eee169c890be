//! Receive filters: the handle a client reads during EvtSetReceiveFilter.
//!
//! Source: NetAdapterCx 21H2 `netcx/adapter/nxadapter.cpp` (SetReceiveFilter), `nxadapterapi.cpp`.

use crate::adapter::Adapter;
use crate::client::{self, Handle};
use crate::contract::RECEIVE_FILTER_THREAD;
use crate::options;
use crate::token;
use lab_kernel::cpu::{self, ThreadId};
use netadaptercx_sys::{NET_ADAPTER_LINK_LAYER_ADDRESS, NETRECEIVEFILTER, PFN_NET_ADAPTER_SET_RECEIVE_FILTER};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A filter while the client looks at it.
#[derive(Clone)]
pub struct Filter {
    pub flags: i32,
    pub multicast: Arc<[NET_ADAPTER_LINK_LAYER_ADDRESS]>,
    thread: ThreadId,
}

static FILTERS: Mutex<BTreeMap<Handle, Filter>> = Mutex::new(BTreeMap::new());

/// The filter behind a handle, which is valid only inside EvtSetReceiveFilter and on its thread.
pub fn filter(entry: &str, handle: NETRECEIVEFILTER) -> Filter {
    let filter = FILTERS.lock().unwrap().get(&(handle as Handle)).cloned();
    let valid = filter.as_ref().is_some_and(|f| f.thread == cpu::current_thread());
    RECEIVE_FILTER_THREAD
        .require(valid, 0, 0, || format!("{entry} with filter {handle:p} outside EvtSetReceiveFilter"));
    filter.expect("required above")
}

/// Calls EvtSetReceiveFilter.
pub fn call_client(adapter: &Adapter, f: PFN_NET_ADAPTER_SET_RECEIVE_FILTER, flags: i32, multicast: &[[u8; 6]]) {
    let address = |mac: &[u8; 6]| {
        let mut a = NET_ADAPTER_LINK_LAYER_ADDRESS { Length: 6, ..Default::default() };
        a.Address[..6].copy_from_slice(mac);
        a
    };
    let handle = token::new();
    let filter = Filter { flags, multicast: multicast.iter().map(address).collect(), thread: cpu::current_thread() };
    FILTERS.lock().unwrap().insert(handle, filter);
    client::set_receive_filter(f, adapter.handle(), handle);
    FILTERS.lock().unwrap().remove(&handle);
}

/// What the protocols set when they bind to the adapter. Bits the client does not support are left out, as NDIS does.
pub fn set_initial(adapter: &Adapter) {
    let Some(capabilities) = adapter.capabilities().receive_filter else { return };
    let options = options::options();
    let mut multicast = options.initial_multicast.clone();
    multicast.truncate(capabilities.MaximumMulticastAddresses as usize);
    let flags = options.initial_filter & capabilities.SupportedPacketFilters;
    if let Err(status) = adapter.set_receive_filter(flags, &multicast) {
        eprintln!("lab: the initial receive filter was refused: {status:#x}");
    }
}
