//! The entries a client calls.
#![allow(non_snake_case, reason = "the names are those of the function table")]

pub mod adapter;
pub mod capabilities;
pub mod configuration;
pub mod context;
pub mod device;
pub mod offload;
pub mod power;
pub mod queue;
pub mod restricted;

use crate::bind::{self, Client};
use netadaptercx_sys::PNET_DRIVER_GLOBALS;
use std::collections::HashMap;

/// Lists entries by name and address.
macro_rules! list {
    ($($name:ident),* $(,)?) => {
        /// Name and address of each entry of this module.
        pub fn entries() -> Vec<(&'static str, usize)> {
            vec![$((stringify!($name), $name as *const () as usize)),*]
        }
    };
}
pub(crate) use list;

/// Every implemented entry.
pub fn entries() -> HashMap<&'static str, usize> {
    [
        adapter::entries(),
        capabilities::entries(),
        configuration::entries(),
        context::entries(),
        device::entries(),
        offload::entries(),
        power::entries(),
        queue::entries(),
        restricted::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How every entry begins: the call is counted, the processor gets its chance, the globals are checked.
pub(crate) fn enter(entry: &'static str, globals: PNET_DRIVER_GLOBALS) -> Client {
    lab_kernel::exports::entered(entry);
    bind::client(entry, globals)
}

/// As [`enter`], for an entry that is called at PASSIVE_LEVEL.
pub(crate) fn enter_passive(entry: &'static str, globals: PNET_DRIVER_GLOBALS) -> Client {
    let client = enter(entry, globals);
    crate::contract::passive(entry);
    client
}
