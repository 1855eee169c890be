//! The function table: every entry is there, and those that are not implemented stop the run and name themselves.

use crate::names::FUNCTIONS;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Addresses of the 458 entries by index. The table lives as long as the process.
pub(crate) fn functions() -> &'static [usize] {
    static TABLE: OnceLock<Vec<usize>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let entries = implemented();
        FUNCTIONS
            .iter()
            .map(|(_, name)| match entries.get(name) {
                Some(&address) => address,
                None => lab_kernel::image::not_implemented_stub((*name).to_owned()),
            })
            .collect()
    })
}

/// The entries that exist, by name.
pub(crate) fn implemented() -> HashMap<&'static str, usize> {
    [
        crate::object::api::entries(),
        crate::driver::api::entries(),
        crate::device::init_api::entries(),
        crate::device::api::entries(),
        crate::device::power_api::entries(),
        crate::device::property::entries(),
        crate::resources::entries(),
        crate::interrupt::api::entries(),
        crate::dma::entries(),
        crate::lock::entries(),
        crate::timer::entries(),
        crate::work_item::entries(),
        crate::dpc::entries(),
        crate::collection::entries(),
        crate::memory::entries(),
        crate::registry::api::entries(),
        crate::query_interface::entries(),
        crate::io::init_api::entries(),
        crate::io::queue::api::entries(),
        crate::io::request_api::entries(),
        crate::io::buffer_api::entries(),
        crate::io::file_api::entries(),
        crate::io::interface_api::entries(),
        crate::io::query::entries(),
        crate::verifier::entries(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_sits_at_its_index() {
        for (i, (index, name)) in FUNCTIONS.iter().enumerate() {
            assert_eq!(*index as usize, i, "{name}");
        }
    }

    #[test]
    fn every_implemented_entry_is_a_function_of_the_framework() {
        let names: Vec<_> = FUNCTIONS.iter().map(|(_, name)| *name).collect();
        for name in implemented().keys() {
            assert!(names.contains(name), "{name}");
        }
    }
}
