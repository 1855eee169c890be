//! Registered memory: regions and windows, the tokens that name them, and the one place where a range is checked.
//!
//! A token names an object's registration, never just the object: a key is used for one registration and then replaced
//! ([`Key`]). Tokens of memory that is closed, deregistered, invalidated or of another protection domain are therefore
//! unknown, as is every made-up number. Every check happens before the first byte moves, and again when a long transfer
//! goes on after other work.

mod resolve;

use self::resolve::within;
use super::{
    PAGE_SIZE,
    access::Access,
    lam::{LamId, LogicalAddresses, Owner},
    mapping::Mapping,
    span::Span,
    token::{Key, MAX_OBJECTS, Side, Token},
};
use crate::slab::{Id, NoMemory, Slab, filled};
use alloc::vec::Vec;
use ndis_sys::ndk::status::STATUS_ACCESS_VIOLATION;
use wdk_sys::{
    NTSTATUS, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
};

/// Something that has a token.
pub enum MemoryObject {
    /// A protection domain; its token is the privileged one.
    Domain(Domain),
    /// A memory region.
    Region(Region),
    /// A memory window.
    Window(Window),
}

/// Name of a memory object. One of another kind is refused where it is used.
pub type MemoryId = Id<MemoryObject>;

/// A protection domain.
pub struct Domain {
    /// Whose logical addresses its requests may use.
    owner: Owner,
    /// The privileged token's key.
    privileged: Key,
}

/// A memory region.
pub struct Region {
    domain: MemoryId,
    /// Key of the local token.
    local: Key,
    /// Key of the remote token given out last; [`Registration::key`] says which one is valid.
    remote: Key,
    backing: Backing,
    registration: Option<Registration>,
    /// Windows bound to the registration.
    windows: u32,
}

/// What a region's memory is.
enum Backing {
    /// For NdkRegisterMr.
    Mapped(Mapping),
    /// For NdkFastRegister, not yet initialised.
    Uninitialized,
    /// For NdkFastRegister.
    Pages(PageArrays),
}

/// Page arrays of equal length, the most that the region was initialised for.
struct PageArrays {
    remote_access: bool,
    /// Of the registration.
    pages: Vec<u64>,
    /// Of the posted request that has not been executed yet.
    staged: Vec<u64>,
    is_staged: bool,
}

/// A valid registration of a region.
struct Registration {
    /// Its remote key, which also tells it from other registrations of the region.
    key: Key,
    access: Access,
    address: u64,
    length: u64,
    /// First byte in the first page of a page array, 0 in a mapping.
    offset: u64,
}

/// A memory window.
pub struct Window {
    domain: MemoryId,
    /// Key of the remote token given out last.
    remote: Key,
    bound: Option<Bound>,
}

/// What a window shows.
struct Bound {
    key: Key,
    region: MemoryId,
    /// Key of the region's registration.
    registration: Key,
    access: Access,
    address: u64,
    length: u64,
}

/// A fast registration as posted; its pages wait in the region.
#[derive(Clone, Copy, Debug)]
pub struct FastRegistration {
    /// The region, made for fast-register.
    pub region: MemoryId,
    /// Key of the token that the consumer may ask for as soon as the post returns.
    pub key: Key,
    /// Pages staged.
    pub pages: u32,
    /// First byte in the first page.
    pub first_byte_offset: u32,
    /// Length in bytes.
    pub length: u64,
    /// Address of the first byte, as the consumer wants to call it.
    pub address: u64,
    /// Rights.
    pub access: Access,
}

impl FastRegistration {
    /// A fast registration that is to be posted ([`Memory::stage_fast_register`]).
    #[must_use]
    pub const fn new(region: MemoryId, first_byte_offset: u32, length: u64, address: u64, access: Access) -> Self {
        FastRegistration { region, key: Key::NONE, pages: 0, first_byte_offset, length, address, access }
    }
}

/// A bind as posted.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// What is shown.
    pub region: MemoryId,
    /// What shows it.
    pub window: MemoryId,
    /// Key of the token that the consumer may ask for as soon as the post returns.
    pub key: Key,
    /// Address of the first byte.
    pub address: u64,
    /// Length in bytes.
    pub length: u64,
    /// Rights of peers.
    pub access: Access,
}

impl Binding {
    /// A bind that is to be posted ([`Memory::stage_bind`]).
    #[must_use]
    pub const fn new(region: MemoryId, window: MemoryId, address: u64, length: u64, access: Access) -> Self {
        Binding { region, window, key: Key::NONE, address, length, access }
    }
}

/// The memory of a device.
pub struct Memory {
    objects: Slab<MemoryObject>,
    /// The key used last in each place, so that a place used again does not repeat keys.
    keys: Vec<Key>,
    lams: LogicalAddresses,
}

impl Memory {
    pub const fn new() -> Self {
        Memory { objects: Slab::new(MAX_OBJECTS), keys: Vec::new(), lams: LogicalAddresses::new() }
    }

    fn insert(&mut self, object: MemoryObject) -> Result<MemoryId, NoMemory> {
        self.objects.reserve()?;
        let known = self.keys.len() as u32; // CAST: at most MAX_OBJECTS.
        self.keys.try_reserve(self.objects.places().saturating_sub(known) as usize)?;
        self.keys.extend((known..self.objects.places()).map(Key::before_first));
        self.objects.insert(object)
    }

    fn next_key(&mut self, id: MemoryId) -> Key {
        match self.keys.get_mut(id.place() as usize) {
            Some(key) => {
                *key = key.next();
                *key
            }
            None => Key::NONE,
        }
    }

    /// A protection domain of `owner`.
    pub fn create_domain(&mut self, owner: Owner) -> Result<MemoryId, NoMemory> {
        let id = self.insert(MemoryObject::Domain(Domain { owner, privileged: Key::NONE }))?;
        let key = self.next_key(id);
        if let Some(MemoryObject::Domain(domain)) = self.objects.get_mut(id) {
            domain.privileged = key;
        }
        Ok(id)
    }

    /// A region of a domain, for NdkFastRegister or for NdkRegisterMr.
    pub fn create_region(&mut self, domain: MemoryId, fast_register: bool) -> Result<MemoryId, NoMemory> {
        let backing = if fast_register { Backing::Uninitialized } else { Backing::Mapped(Mapping::default()) };
        self.insert(MemoryObject::Region(Region {
            domain,
            local: Key::NONE,
            remote: Key::NONE,
            backing,
            registration: None,
            windows: 0,
        }))
    }

    /// A window of a domain.
    pub fn create_window(&mut self, domain: MemoryId) -> Result<MemoryId, NoMemory> {
        self.insert(MemoryObject::Window(Window { domain, remote: Key::NONE, bound: None }))
    }

    /// Removes an object; its tokens are unknown from here on.
    pub fn remove(&mut self, id: MemoryId) {
        self.unbind(id);
        self.objects.remove(id);
    }

    pub fn region(&self, id: MemoryId) -> Option<&Region> {
        match self.objects.get(id)? {
            MemoryObject::Region(region) => Some(region),
            _ => None,
        }
    }

    fn region_mut(&mut self, id: MemoryId) -> Option<&mut Region> {
        match self.objects.get_mut(id)? {
            MemoryObject::Region(region) => Some(region),
            _ => None,
        }
    }

    pub fn window(&self, id: MemoryId) -> Option<&Window> {
        match self.objects.get(id)? {
            MemoryObject::Window(window) => Some(window),
            _ => None,
        }
    }

    fn window_mut(&mut self, id: MemoryId) -> Option<&mut Window> {
        match self.objects.get_mut(id)? {
            MemoryObject::Window(window) => Some(window),
            _ => None,
        }
    }

    /// The token that lets logical addresses be used in requests of `domain` (NdkGetPrivilegedMemoryRegionToken); 0 if
    /// there is no such domain.
    pub fn privileged_token(&self, domain: MemoryId) -> u32 {
        match self.objects.get(domain) {
            Some(MemoryObject::Domain(it)) => Token::new(Side::Local, it.privileged, domain.place()).to_bits(),
            _ => 0,
        }
    }

    /// The local token of a region that was registered or initialised for fast-register; else 0.
    pub fn local_token(&self, id: MemoryId) -> u32 {
        match self.region(id) {
            Some(region) if region.local != Key::NONE => Token::new(Side::Local, region.local, id.place()).to_bits(),
            _ => 0,
        }
    }

    /// The remote token of the last registration of a region, or bind of a window, posted or done; else 0.
    pub fn remote_token(&self, id: MemoryId) -> u32 {
        let key = match self.objects.get(id) {
            Some(MemoryObject::Region(region)) => region.remote,
            Some(MemoryObject::Window(window)) => window.remote,
            _ => Key::NONE,
        };
        if key == Key::NONE { 0 } else { Token::new(Side::Remote, key, id.place()).to_bits() }
    }

    /// NdkRegisterMr: makes `mapping` the memory of a region, its first byte called `address`.
    ///
    /// # Errors
    /// STATUS_INVALID_DEVICE_REQUEST for a region that is for fast-register or registered already,
    /// STATUS_INVALID_PARAMETER if the addresses wrap.
    pub fn register(&mut self, id: MemoryId, mapping: Mapping, address: u64, access: Access) -> Result<(), NTSTATUS> {
        if address.checked_add(mapping.length()).is_none() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let (local, remote) = (self.next_key(id), self.next_key(id));
        match self.region_mut(id) {
            Some(region) if region.registration.is_none() && matches!(region.backing, Backing::Mapped(_)) => {
                let length = mapping.length();
                region.registration = Some(Registration { key: remote, access, address, length, offset: 0 });
                region.backing = Backing::Mapped(mapping);
                region.local = local;
                region.remote = remote;
                Ok(())
            }
            _ => Err(STATUS_INVALID_DEVICE_REQUEST),
        }
    }

    /// NdkDeregisterMr: ends the registration.
    ///
    /// # Errors
    /// STATUS_INVALID_DEVICE_REQUEST if the region was not registered by NdkRegisterMr; STATUS_DEVICE_BUSY while a
    /// window is bound to it (ND SPI, IND2MemoryRegion::Deregister).
    pub fn deregister(&mut self, id: MemoryId) -> Result<(), NTSTATUS> {
        let region = self.region_mut(id).ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
        let (Backing::Mapped(mapping), Some(_)) = (&mut region.backing, &region.registration) else {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        };
        if region.windows != 0 {
            return Err(STATUS_DEVICE_BUSY);
        }
        region.registration = None;
        region.local = Key::NONE;
        region.remote = Key::NONE;
        *mapping = Mapping::default();
        Ok(())
    }

    /// NdkInitializeFastRegisterMr: room for page arrays of `pages`. Again, unless registered or about to be, replaces it.
    ///
    /// # Errors
    /// STATUS_INVALID_DEVICE_REQUEST if the region is not for fast-register, STATUS_DEVICE_BUSY if it is registered or
    /// a fast-register waits, STATUS_INSUFFICIENT_RESOURCES.
    pub fn initialize_fast_register(&mut self, id: MemoryId, pages: u32, remote_access: bool) -> Result<(), NTSTATUS> {
        let arrays = PageArrays {
            remote_access,
            pages: filled(0, pages as usize).map_err(|NoMemory| STATUS_INSUFFICIENT_RESOURCES)?,
            staged: filled(0, pages as usize).map_err(|NoMemory| STATUS_INSUFFICIENT_RESOURCES)?,
            is_staged: false,
        };
        let (local, remote) = (self.next_key(id), self.next_key(id));
        let region = self.region_mut(id).ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
        match &region.backing {
            Backing::Mapped(_) => return Err(STATUS_INVALID_DEVICE_REQUEST),
            Backing::Pages(arrays) if arrays.is_staged || region.registration.is_some() => {
                return Err(STATUS_DEVICE_BUSY);
            }
            _ => region.backing = Backing::Pages(arrays),
        }
        region.local = local;
        region.remote = remote;
        Ok(())
    }

    /// NdkFastRegister, when posted: checks all that cannot change until it is executed, keeps the pages, and gives the
    /// registration its remote token.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER (domain, page count, alignment, first byte offset, length, addresses that wrap),
    /// STATUS_ACCESS_VIOLATION (remote access without having been initialised for it), STATUS_INVALID_DEVICE_REQUEST
    /// (not initialised for fast-register), STATUS_DEVICE_BUSY (the one posted before has not been executed).
    pub fn stage_fast_register(
        &mut self,
        domain: MemoryId,
        mut posted: FastRegistration,
        pages: &[u64],
    ) -> Result<FastRegistration, NTSTATUS> {
        let FastRegistration { region: id, first_byte_offset, length, address, access, .. } = posted;
        let offset = u64::from(first_byte_offset);
        let region = self.region_mut(id).filter(|region| region.domain == domain).ok_or(STATUS_INVALID_PARAMETER)?;
        let Backing::Pages(arrays) = &mut region.backing else { return Err(STATUS_INVALID_DEVICE_REQUEST) };
        let bytes = pages.len() as u64 * PAGE_SIZE;
        if pages.is_empty()
            || pages.len() > arrays.staged.len()
            || pages.iter().any(|page| page % PAGE_SIZE != 0)
            || offset >= PAGE_SIZE
            || length == 0
            || length > bytes - offset
            || address % PAGE_SIZE != offset
            || address.checked_add(length).is_none()
        {
            return Err(STATUS_INVALID_PARAMETER);
        }
        if access.is_remote() && !arrays.remote_access {
            return Err(STATUS_ACCESS_VIOLATION);
        }
        if arrays.is_staged {
            return Err(STATUS_DEVICE_BUSY);
        }
        arrays.is_staged = true;
        for (staged, page) in arrays.staged.iter_mut().zip(pages) {
            *staged = *page;
        }
        let key = self.next_key(id);
        if let Some(region) = self.region_mut(id) {
            region.remote = key;
        }
        posted.key = key;
        posted.pages = pages.len() as u32; // CAST: at most the ULONG it was initialised with.
        Ok(posted)
    }

    /// Executes a staged fast registration.
    ///
    /// # Errors
    /// STATUS_INVALID_DEVICE_REQUEST if the region is registered or closed, STATUS_ACCESS_VIOLATION if a byte of it is
    /// in no logical mapping.
    pub fn fast_register(&mut self, posted: &FastRegistration) -> Result<(), NTSTATUS> {
        let domain = self.region(posted.region).map(|region| region.domain);
        let Some(MemoryObject::Domain(Domain { owner, .. })) = domain.and_then(|domain| self.objects.get(domain))
        else {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        };
        let owner = *owner;
        let region = match self.objects.get_mut(posted.region) {
            Some(MemoryObject::Region(region)) => region,
            _ => return Err(STATUS_INVALID_DEVICE_REQUEST),
        };
        let Backing::Pages(arrays) = &mut region.backing else { return Err(STATUS_INVALID_DEVICE_REQUEST) };
        arrays.is_staged = false;
        if region.registration.is_some() {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        let offset = u64::from(posted.first_byte_offset);
        let staged = arrays.staged.get(..posted.pages as usize).ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
        // A page that is its owner's now stays so: the address of another mapping in its place is another one.
        let owned = staged.iter().all(|page| self.lams.is_owned(*page, owner));
        if !owned || !Span::of_pages(&self.lams, staged, offset, posted.length).is_mapped() {
            return Err(STATUS_ACCESS_VIOLATION);
        }
        core::mem::swap(&mut arrays.pages, &mut arrays.staged);
        region.registration = Some(Registration {
            key: posted.key,
            access: posted.access,
            address: posted.address,
            length: posted.length,
            offset,
        });
        Ok(())
    }

    /// Gives up a staged fast registration that will not be executed.
    pub fn unstage_fast_register(&mut self, posted: &FastRegistration) {
        if let Some(Region { backing: Backing::Pages(arrays), .. }) = self.region_mut(posted.region) {
            arrays.is_staged = false;
        }
    }

    /// NdkBind, when posted: checks all that cannot change until it is executed, and gives the window its remote token.
    /// A region of NdkRegisterMr must be registered, hold the range and have the rights now; one of NdkFastRegister may
    /// still have its registration in front of it in the queue.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER (domain, length 0, no right for the peer), STATUS_ACCESS_VIOLATION (rights or range).
    pub fn stage_bind(&mut self, domain: MemoryId, mut posted: Binding) -> Result<Binding, NTSTATUS> {
        let region =
            self.region(posted.region).filter(|region| region.domain == domain).ok_or(STATUS_INVALID_PARAMETER)?;
        if self.window(posted.window).is_none_or(|window| window.domain != domain) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        if posted.length == 0 || !posted.access.is_remote() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        if matches!(region.backing, Backing::Mapped(_)) {
            region.shows(&posted)?;
        }
        posted.key = self.next_key(posted.window);
        if let Some(window) = self.window_mut(posted.window) {
            window.remote = posted.key;
        }
        Ok(posted)
    }

    /// Executes a bind.
    ///
    /// # Errors
    /// STATUS_INVALID_DEVICE_REQUEST if the window is bound or closed, STATUS_ACCESS_VIOLATION (rights or range, or the
    /// region is closed or not registered).
    pub fn bind(&mut self, posted: &Binding) -> Result<(), NTSTATUS> {
        let registration = self.region(posted.region).ok_or(STATUS_ACCESS_VIOLATION)?.shows(posted)?;
        let window = self.window_mut(posted.window).ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
        if window.bound.is_some() {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        window.bound = Some(Bound {
            key: posted.key,
            region: posted.region,
            registration,
            access: posted.access,
            address: posted.address,
            length: posted.length,
        });
        if let Some(region) = self.region_mut(posted.region) {
            region.windows += 1;
        }
        Ok(())
    }

    /// Ends what a window shows. False if it showed nothing.
    fn unbind(&mut self, id: MemoryId) -> bool {
        let Some(bound) = self.window_mut(id).and_then(|window| window.bound.take()) else { return false };
        if let Some(region) = self.region_mut(bound.region) {
            region.windows -= 1;
        }
        true
    }

    /// True if NdkInvalidate can be posted for the object by requests of `domain`.
    ///
    /// # Errors
    /// STATUS_INVALID_PARAMETER for another domain or kind, STATUS_INVALID_DEVICE_REQUEST for a region of NdkRegisterMr.
    pub fn can_invalidate(&self, domain: MemoryId, id: MemoryId) -> Result<(), NTSTATUS> {
        match self.objects.get(id) {
            Some(MemoryObject::Region(region)) if region.domain == domain => match region.backing {
                Backing::Mapped(_) => Err(STATUS_INVALID_DEVICE_REQUEST),
                _ => Ok(()),
            },
            Some(MemoryObject::Window(window)) if window.domain == domain => Ok(()),
            _ => Err(STATUS_INVALID_PARAMETER),
        }
    }

    /// Executes an invalidate of a fast-registered region or a bound window.
    ///
    /// # Errors
    /// STATUS_INVALID_DEVICE_REQUEST if it is neither (ND SPI, ND2_RESULT).
    pub fn invalidate(&mut self, id: MemoryId) -> Result<(), NTSTATUS> {
        let done = match self.objects.get_mut(id) {
            Some(MemoryObject::Region(Region { backing: Backing::Pages(_), registration, .. })) => {
                registration.take().is_some()
            }
            Some(MemoryObject::Window(_)) => self.unbind(id),
            _ => false,
        };
        if done { Ok(()) } else { Err(STATUS_INVALID_DEVICE_REQUEST) }
    }

    /// What a remote token of `domain` names, if it is valid and can be invalidated (NdkSendAndInvalidate).
    pub fn invalidatable(&self, domain: MemoryId, token: u32) -> Option<MemoryId> {
        let token = Token::from_bits(token);
        let (id, object) = self.objects.at(u32::from(token.place))?;
        let valid = match object {
            MemoryObject::Region(Region {
                backing: Backing::Pages(_),
                registration: Some(registration),
                domain,
                ..
            }) => (registration.key, *domain),
            MemoryObject::Window(Window { bound: Some(bound), domain, .. }) => (bound.key, *domain),
            _ => return None,
        };
        (token.side == Side::Remote && valid == (token.key, domain)).then_some(id)
    }

    /// NdkBuildLam: a mapping of at most [`MAX_LAM_LENGTH`](super::lam::MAX_LAM_LENGTH) bytes, the first of them
    /// `first_byte_offset` into its page.
    pub fn create_lam(&mut self, mapping: Mapping, first_byte_offset: u32, owner: Owner) -> Result<LamId, NoMemory> {
        self.lams.insert(mapping, first_byte_offset, owner)
    }

    /// NdkReleaseLam: its logical addresses lead nowhere from here on. False if the owner has no such mapping.
    pub fn remove_lam(&mut self, id: LamId, owner: Owner) -> bool {
        self.lams.remove(id, owner)
    }
}

impl Region {
    /// The registration's key, if it has the range and the rights that a window is to show.
    ///
    /// # Errors
    /// STATUS_ACCESS_VIOLATION.
    fn shows(&self, posted: &Binding) -> Result<Key, NTSTATUS> {
        let registration = self.registration.as_ref().ok_or(STATUS_ACCESS_VIOLATION)?;
        let Registration { address, length, access, key, .. } = registration;
        // NdkBind: remote write needs a region registered with local write; remote read needs nothing of it.
        let allowed = access.local_write || !posted.access.remote_write;
        if allowed && within(*address, *length, posted.address, posted.length).is_some() {
            Ok(*key)
        } else {
            Err(STATUS_ACCESS_VIOLATION)
        }
    }
}

#[cfg(test)]
mod tests;
