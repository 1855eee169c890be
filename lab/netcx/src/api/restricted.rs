//! Entries for media extensions (mobile broadband, Wi-Fi). Any other driver that calls one gets bugcheck 0x19E code 43.
//!
//! Source: `shared/abi/netadaptercx-extension-rules.json`.

use crate::contract::PRIVATE_API;

macro_rules! restricted {
    ($($name:ident)*) => {
        $(
            /// Whatever its arguments are: they are never looked at.
            unsafe extern "win64" fn $name() {
                lab_kernel::exports::entered(stringify!($name));
                PRIVATE_API.require(false, 0, 0, || concat!(stringify!($name), " was called").to_owned());
            }
        )*
        /// Name and address of each.
        pub fn entries() -> Vec<(&'static str, usize)> {
            vec![$((stringify!($name), $name as *const () as usize)),*]
        }
    };
}

restricted! {
    NetAdapterInitGetCreatedAdapter
    NetAdapterExtensionInitAllocate
    NetAdapterExtensionInitSetOidRequestPreprocessCallback
    NetAdapterDispatchPreprocessedOidRequest
    NetAdapterGetParent
    NetAdapterGetLinkLayerMtuSize
    NetAdapterExtensionInitSetNdisPmCapabilities
    NetDeviceAssignSupportedOidList
    NetDriverExtensionInitialize
    NetAdapterExtensionInitSetDirectOidRequestPreprocessCallback
    NetExAdapterInitSetDirectOidPreprocessCallback
    NetAdapterExtensionInitSetTxPeerDemuxCallback
    NetAdapterDispatchPreprocessedDirectOidRequest
    NetExAdapterDispatchPreprocessedDirectOid
    NetAdapterExtensionSetNdisPmCapabilities
    NetAdapterInitAllocateContext
    NetAdapterInitGetTypedContextWorker
    NetAdapterExtensionInitSetPowerPolicyCallbacks
    NetAdapterInitSetSelfManagedPowerReferences
}
