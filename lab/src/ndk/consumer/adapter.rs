//! The door and the adapter.

use super::buffer::Buffer;
use super::calls::{call_passive, running_callbacks};
use super::connection::{self, Connector, Endpoint, Listener};
use super::cq::{self, Cq};
use super::object::{Handle, Pd, create, dispatch, invoke};
use super::requests::{self, on_request};
use igbcx_interface::{GUID_IGBCX_NDK_INTERFACE, IGBCX_NDK_INTERFACE, IGBCX_NDK_INTERFACE_VERSION};
use lab_kernel::rules;
use lab_kmdf::{Device, Exposed};
use ndis_sys::ndk::*;
use ndis_sys::{NDIS_HANDLE, evt_fn};
use std::net::SocketAddrV4;
use wdk_sys::{NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

rules! {
    NDK_DOOR: "The interface has the size and version asked for, and no function of it is null", "igbcx_interface.h IGBCX_NDK_INTERFACE";
    NDK_ADAPTER_CLOSE_LAST: "When the close of the adapter returns, every callback has returned", "docs NDKPI object lifetime requirements: closing adapter objects; contract.md 3.5";
    NDK_LAM: "A mapping has the pages of the buffer, page-aligned, and the offset in the first; without room the size required is stored", "DDI ndkpi NDK_FN_BUILD_LAM";
}

/// The provider's door: what opens and closes adapters.
pub struct Provider {
    interface: IGBCX_NDK_INTERFACE,
    /// Holds the interface's reference.
    _exposed: Option<Exposed>,
}

impl Provider {
    /// Asks the device for the interface.
    ///
    /// # Errors
    /// As IRP_MN_QUERY_INTERFACE.
    pub fn of(device: &Device) -> Result<Provider, NTSTATUS> {
        let size = size_of::<IGBCX_NDK_INTERFACE>() as u16;
        let exposed = device.query_interface(&GUID_IGBCX_NDK_INTERFACE, size, IGBCX_NDK_INTERFACE_VERSION)?;
        // SAFETY: the interface is as long as was asked for, and function pointers may be null.
        let interface = unsafe { exposed.as_ptr().cast::<IGBCX_NDK_INTERFACE>().read_unaligned() };
        Provider::checked(interface, Some(exposed)).ok_or(STATUS_INVALID_PARAMETER)
    }

    /// A provider that is no device's.
    ///
    /// # Safety
    /// The functions of the interface are those of an NDK provider, and live as long as what is opened through it.
    pub unsafe fn new(interface: IGBCX_NDK_INTERFACE) -> Option<Provider> {
        Provider::checked(interface, None)
    }

    fn checked(interface: IGBCX_NDK_INTERFACE, exposed: Option<Exposed>) -> Option<Provider> {
        let sound = usize::from(interface.Size) == size_of::<IGBCX_NDK_INTERFACE>()
            && interface.Version == IGBCX_NDK_INTERFACE_VERSION
            && interface.OpenNdkAdapter.is_some()
            && interface.CloseNdkAdapter.is_some();
        let detail = || format!("size {}, version {}", interface.Size, interface.Version);
        NDK_DOOR.check(sound, detail).then_some(Provider { interface, _exposed: exposed })
    }

    /// Opens an adapter of NDKPI `major`.`minor`.
    ///
    /// # Errors
    /// The provider's.
    pub fn open_version(&self, major: u16, minor: u16) -> Result<Adapter, NTSTATUS> {
        let open = self.interface.OpenNdkAdapter.expect("the interface was found complete");
        let version = NDK_VERSION { Major: major, Minor: minor };
        let mut parameters = NDIS_OPEN_NDK_ADAPTER_PARAMETERS { Version: version, ..Default::default() };
        let mut adapter = std::ptr::null_mut();
        let context = self.interface.Context;
        // SAFETY: the provider's function with its own context and out parameters that live through the call.
        let status = call_passive("OpenNdkAdapter", || unsafe { open(context, &raw mut parameters, &raw mut adapter) });
        if status != STATUS_SUCCESS {
            return Err(status);
        }
        let handle = Handle::checked(adapter).ok_or(STATUS_INVALID_PARAMETER)?;
        let close = self.interface.CloseNdkAdapter.expect("the interface was found complete");
        Ok(Adapter { close, context: context as usize, handle })
    }

    /// Opens an adapter of NDKPI 1.2.
    ///
    /// # Errors
    /// The provider's.
    pub fn open(&self) -> Result<Adapter, NTSTATUS> {
        self.open_version(1, 2)
    }
}

type Close = evt_fn!(fn(NDIS_HANDLE, *mut NDK_ADAPTER));

/// An open adapter of a provider that is still there. Copies name the same one; dropping it does not close it.
#[derive(Clone, Copy)]
pub struct Adapter {
    close: Close,
    /// The provider's.
    context: usize,
    handle: Handle<NDK_ADAPTER>,
}

/// A logical address mapping.
pub struct Lam {
    /// In words, as the provider wrote it.
    words: Vec<u64>,
    /// Offset of the buffer in the first page.
    pub offset: u32,
}

impl Lam {
    /// The logical addresses of the pages.
    pub fn pages(&self) -> Vec<NDK_LOGICAL_ADDRESS> {
        let count = self.words[1] as u32 as usize;
        let address = |word: &u64| NDK_LOGICAL_ADDRESS { QuadPart: word.cast_signed() };
        self.words[2..].iter().take(count).map(address).collect()
    }

    /// An SGE of bytes of its first page, under the privileged token.
    pub fn sge(&self, at: u32, len: u32, token: u32) -> NDK_SGE {
        let first = self.words[2] + u64::from(self.offset + at);
        let anon = NDK_SGE_ADDRESS { LogicalAddress: NDK_LOGICAL_ADDRESS { QuadPart: first.cast_signed() } };
        NDK_SGE { anon, Length: len, MemoryRegionToken: token }
    }
}

impl Adapter {
    /// NdkQueryAdapterInfo with room for `size` bytes: the status and the size stored.
    pub fn info_into(&self, size: u32) -> (NTSTATUS, u32, NDK_ADAPTER_INFO) {
        let mut info = NDK_ADAPTER_INFO::default();
        let mut bytes = size;
        let status = call_passive("NdkQueryAdapterInfo", || {
            dispatch!(self.handle, NdkQueryAdapterInfo, &raw mut info, &raw mut bytes)
        });
        (status, bytes, info)
    }

    /// NdkQueryAdapterInfo.
    pub fn info(&self) -> NDK_ADAPTER_INFO {
        self.info_into(size_of::<NDK_ADAPTER_INFO>() as u32).2
    }

    /// NdkCreateCq.
    ///
    /// # Errors
    /// The provider's, here and below.
    pub fn create_cq(&self, depth: u32) -> Result<Cq, NTSTATUS> {
        cq::create_cq(self.handle, depth)
    }

    /// NdkCreatePd.
    pub fn create_pd(&self) -> Result<Pd, NTSTATUS> {
        let handle = self.handle;
        create("NdkCreatePd", |completion, context, out| dispatch!(handle, NdkCreatePd, completion, context, out))
            .map(Pd)
    }

    /// NdkCreateConnector.
    pub fn create_connector(&self) -> Result<Connector, NTSTATUS> {
        connection::create_connector(self.handle)
    }

    /// NdkCreateListener.
    pub fn create_listener(&self) -> Result<Listener, NTSTATUS> {
        connection::create_listener(self.handle)
    }

    /// NdkCreateSharedEndpoint.
    pub fn create_endpoint(&self, at: SocketAddrV4) -> Result<Endpoint, NTSTATUS> {
        connection::create_endpoint(self.handle, at)
    }

    /// NdkBuildLAM with room for `bytes` bytes: the status, the size stored and the mapping.
    pub fn build_lam_into(&self, buffer: &Buffer, len: usize, bytes: u32) -> (NTSTATUS, u32, Lam) {
        let mut words = vec![0_u64; (bytes as usize).div_ceil(8).max(3)];
        let (mut size, mut offset) = (bytes, 0);
        let handle = self.handle;
        let pending = requests::start("NdkBuildLAM", Vec::new(), None, |context| {
            let lam = words.as_mut_ptr().cast();
            let (size, offset) = (&raw mut size, &raw mut offset);
            dispatch!(handle, NdkBuildLAM, buffer.mdl(), len as u64, Some(on_request), context, lam, size, offset)
        });
        let status = pending.wait().unwrap_or(ndis_sys::ndk::status::STATUS_TIMEOUT);
        (status, size, Lam { words, offset })
    }

    /// NdkBuildLAM of the whole buffer: first without room, then with what was required.
    pub fn build_lam(&self, buffer: &Buffer) -> Option<Lam> {
        let (status, required, _) = self.build_lam_into(buffer, buffer.len(), 1);
        let pages = (buffer.address() as usize % 4096 + buffer.len()).div_ceil(4096);
        let room = size_of::<NDK_LOGICAL_ADDRESS_MAPPING>() - 8 + 8 * pages;
        let refused = status == wdk_sys::STATUS_BUFFER_TOO_SMALL && required as usize >= room;
        NDK_LAM.check(refused, || format!("without room: {status:#x}, requires {required} for {pages} pages"));
        let (status, _, lam) = self.build_lam_into(buffer, buffer.len(), required.max(room as u32));
        let addresses = lam.pages();
        // SAFETY: PHYSICAL_ADDRESS is a union over one 64-bit integer.
        let aligned = addresses.iter().all(|page| unsafe { page.QuadPart } % 4096 == 0);
        let sound = status == STATUS_SUCCESS
            && addresses.len() == pages
            && aligned
            && u64::from(lam.offset) == buffer.address() % 4096;
        let detail = || format!("{status:#x}, {} pages of {pages}, offset {:#x}", addresses.len(), lam.offset);
        NDK_LAM.check(sound, detail).then_some(lam)
    }

    /// NdkReleaseLAM.
    pub fn release_lam(&self, mut lam: Lam) {
        let words = lam.words.as_mut_ptr().cast();
        invoke!(self.handle, NdkReleaseLAM, words);
    }

    /// NdkQueryExtension for what does not exist.
    pub fn query_extension(&self) {
        self.handle.query_extension();
    }

    /// CloseNdkAdapter: blocks until every object is closed.
    pub fn close(self) {
        // SAFETY: the provider's function with its own context and an open adapter.
        call_passive("CloseNdkAdapter", || unsafe { (self.close)(self.context as NDIS_HANDLE, self.handle.0) });
        let running = running_callbacks();
        NDK_ADAPTER_CLOSE_LAST.check(running == 0, || format!("{running} callbacks are running"));
    }
}
