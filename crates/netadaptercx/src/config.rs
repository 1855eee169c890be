//! The adapter's keywords in the registry.

use crate::{Result, Status, adapter::Adapter, irql::Passive};
use core::ptr::null_mut;
use netadaptercx_sys::{_NET_CONFIGURATION_QUERY_ULONG_FLAGS, NET_ADAPTER_LINK_LAYER_ADDRESS, NETCONFIGURATION};
use wdk_sys::UNICODE_STRING;

/// A keyword's name: an INF's `Ndi\params` key.
pub struct Keyword {
    name: &'static [u16],
}

impl Keyword {
    /// A name in UTF-16, without a terminator.
    #[must_use]
    pub const fn new(name: &'static [u16]) -> Self {
        Self { name }
    }
}

/// Makes a [`Keyword`] of a string literal.
#[macro_export]
macro_rules! keyword {
    ($name:literal) => {{
        const ASCII: &[u8] = $name.as_bytes();
        const WIDE: [u16; ASCII.len()] = {
            let mut wide = [0; ASCII.len()];
            let mut i = 0;
            while i < ASCII.len() {
                assert!(ASCII[i].is_ascii());
                wide[i] = ASCII[i] as u16;
                i += 1;
            }
            wide
        };
        $crate::config::Keyword::new(&WIDE)
    }};
}

/// An adapter's open NETCONFIGURATION; closed when dropped.
pub struct Configuration<'cb> {
    handle: NETCONFIGURATION,
    _passive: Passive<'cb>,
}

impl<'cb> Configuration<'cb> {
    /// # Errors
    /// The framework's status.
    pub fn open(adapter: Adapter, passive: Passive<'cb>) -> Result<Self> {
        let mut handle: NETCONFIGURATION = null_mut();
        // SAFETY: a live adapter, PASSIVE_LEVEL by the token.
        Status::check(unsafe {
            netadaptercx_sys::NetAdapterOpenConfiguration(adapter.raw(), null_mut(), &raw mut handle)
        })?;
        Ok(Self { handle, _passive: passive })
    }

    /// The keyword's number, or none when it is absent or not a number.
    #[must_use]
    pub fn number(&self, keyword: &Keyword) -> Option<u32> {
        let name = unicode(keyword);
        let mut value = 0;
        // SAFETY: an open configuration; name and value live across the call.
        let status = unsafe {
            netadaptercx_sys::NetConfigurationQueryUlong(
                self.handle,
                _NET_CONFIGURATION_QUERY_ULONG_FLAGS::NET_CONFIGURATION_QUERY_ULONG_NO_FLAGS,
                &raw const name,
                &raw mut value,
            )
        };
        Status::check(status).is_ok().then_some(value)
    }

    /// The `NetworkAddress` keyword: the station address the user wants instead of the permanent one.
    #[must_use]
    pub fn network_address(&self) -> Option<[u8; 6]> {
        let mut address = NET_ADAPTER_LINK_LAYER_ADDRESS::default();
        // SAFETY: an open configuration; the address lives across the call.
        let status = unsafe { netadaptercx_sys::NetConfigurationQueryLinkLayerAddress(self.handle, &raw mut address) };
        Status::check(status).ok()?;
        (address.Length == 6).then(|| *address.Address.first_chunk().expect("32 bytes"))
    }
}

impl Drop for Configuration<'_> {
    fn drop(&mut self) {
        // SAFETY: opened in `open`, closed once.
        unsafe { netadaptercx_sys::NetConfigurationClose(self.handle) };
    }
}

fn unicode(keyword: &Keyword) -> UNICODE_STRING {
    let bytes = size_of_val(keyword.name) as u16;
    UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: keyword.name.as_ptr().cast_mut() }
}
