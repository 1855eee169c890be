//! The function table: every entry is there, and those that are not implemented stop the run and name themselves.

use crate::api;
use crate::names::FUNCTIONS;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Addresses by index. The table lives as long as the process.
pub fn entries() -> &'static [usize] {
    static TABLE: OnceLock<Vec<usize>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let known = api::entries();
        FUNCTIONS
            .iter()
            .map(|name| match known.get(name) {
                Some(&address) => address,
                None => lab_kernel::image::not_implemented_stub((*name).to_owned()),
            })
            .collect()
    })
}

/// Names of the entries that stop the run.
pub fn not_implemented() -> Vec<&'static str> {
    let known: HashMap<&str, usize> = api::entries();
    FUNCTIONS.iter().copied().filter(|name| !known.contains_key(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netadaptercx_sys::_NETFUNCENUM as index;

    #[test]
    fn names_sit_at_the_indices_of_the_header() {
        assert_eq!(FUNCTIONS.len(), index::NetFunctionTableNumEntries as usize + 1);
        for (name, at) in [
            ("NetAdapterInitAllocate", index::NetAdapterInitAllocateTableIndex),
            ("NetConfigurationQueryUlong", index::NetConfigurationQueryUlongTableIndex),
            ("NetRxQueueCreate", index::NetRxQueueCreateTableIndex),
            ("NetAdapterSetReceiveFilterCapabilities", index::NetAdapterSetReceiveFilterCapabilitiesTableIndex),
            ("NetDeviceRequestReset", index::NetDeviceRequestResetTableIndex),
            (
                "NetAdapterInitSetSelfManagedPowerReferences",
                index::NetAdapterInitSetSelfManagedPowerReferencesTableIndex,
            ),
        ] {
            assert_eq!(FUNCTIONS[at as usize], name);
        }
    }

    #[test]
    fn every_entry_that_is_there_is_one_of_the_framework() {
        for name in api::entries().keys() {
            assert!(FUNCTIONS.contains(name), "{name}");
        }
    }
}
