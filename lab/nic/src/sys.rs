//! The few system calls that need `unsafe` or are not in std: shared mappings, socket queues, child descriptors.
//!
//! Together with `ram.rs` this is all the `unsafe` of the crate.

use std::{
    ffi::c_void,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::Command,
    ptr::NonNull,
};

use rustix::{
    fs::MemfdFlags,
    io::FdFlags,
    mm::{MapFlags, MprotectFlags, ProtFlags},
    process::Signal,
    thread::CpuSet,
};

/// Lowest number of a descriptor that QEMU inherits: low ones collide with those it opens itself.
const FIRST_CHILD_FD: RawFd = 200;

/// A memory file of `len` zero bytes.
pub(crate) fn memory_file(name: &str, len: u64) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?;
    rustix::fs::ftruncate(&file, len)?;
    Ok(file)
}

/// A shared mapping of a whole memory file, unmapped on drop.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is shared memory reached through raw pointers only; who may touch what is the user's rule.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `file`, all readable and writable or all out of bounds.
    pub fn new(file: BorrowedFd<'_>, len: usize, accessible: bool) -> io::Result<Mapping> {
        let access = if accessible { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::empty() };
        // SAFETY: the kernel chooses the address, so no existing mapping is replaced.
        let base = unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, file, 0)? };
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { base, len })
    }

    /// Address of byte `offset`.
    pub fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.len, "offset {offset:#x} of a mapping of {:#x} bytes", self.len);
        // SAFETY: `offset` lies inside the mapping.
        unsafe { self.base.as_ptr().add(offset) }
    }

    /// Opens or closes a page-aligned part to the processor.
    pub fn set_accessible(&self, offset: usize, len: usize, accessible: bool) -> io::Result<()> {
        assert!(offset + len <= self.len, "{offset:#x}+{len:#x} of a mapping of {:#x} bytes", self.len);
        let access = if accessible { MprotectFlags::READ | MprotectFlags::WRITE } else { MprotectFlags::empty() };
        // SAFETY: the range belongs to this mapping, which no Rust reference points into.
        unsafe { rustix::mm::mprotect(self.at(offset).cast::<c_void>(), len, access)? };
        Ok(())
    }

    /// Offset of `address` in the mapping.
    pub fn offset_of(&self, address: *const u8) -> Option<usize> {
        (address as usize).checked_sub(self.base.as_ptr() as usize).filter(|&offset| offset < self.len)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: base and len are those of mmap; pointers into the mapping die with its owner by contract.
        unsafe {
            let _ = rustix::mm::munmap(self.base.as_ptr().cast::<c_void>(), self.len);
        }
    }
}

/// Bytes sent on `socket` that the other end has not read yet (SIOCOUTQ).
pub(crate) fn unread_by_peer(socket: BorrowedFd<'_>) -> io::Result<u32> {
    const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
    // SAFETY: SIOCOUTQ writes one int.
    let queued: i32 = unsafe { rustix::ioctl::ioctl(socket, rustix::ioctl::Getter::<SIOCOUTQ, i32>::new())? };
    Ok(queued.max(0).unsigned_abs())
}

/// Makes the socket's buffers as large as the system lets us, up to `bytes`.
pub(crate) fn widen_buffers(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_send_buffer_size_force(socket, bytes)
        .or_else(|_| sockopt::set_socket_send_buffer_size(socket, bytes))?;
    sockopt::set_socket_recv_buffer_size_force(socket, bytes)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(socket, bytes))?;
    Ok(())
}

/// Descriptors that a child inherits under the numbers they have here.
#[derive(Default)]
pub(crate) struct ChildFds(Vec<OwnedFd>);

impl ChildFds {
    /// Adds a descriptor; the number it has in the child.
    pub fn add(&mut self, fd: impl AsFd) -> io::Result<RawFd> {
        let high = rustix::io::fcntl_dupfd_cloexec(fd, FIRST_CHILD_FD)?;
        let number = high.as_raw_fd();
        self.0.push(high);
        Ok(number)
    }

    /// Lets `command` inherit them, and has the child killed when the thread that spawns it ends.
    pub fn attach(self, command: &mut Command) {
        let prepare = move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            for fd in &self.0 {
                rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
            }
            Ok(())
        };
        // SAFETY: the closure runs between fork and exec and only makes system calls: no allocation, no locks.
        unsafe {
            command.pre_exec(prepare);
        }
    }
}

/// Binds the calling thread, and the threads and processes it starts from now on, to one of the processors it may
/// use; `turn` spreads several adapters over them.
pub(crate) fn pin_to_one_cpu(turn: usize) -> io::Result<()> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)).collect();
    let mut one = CpuSet::new();
    one.set(cpus[turn % cpus.len()]);
    rustix::thread::sched_setaffinity(None, &one)?;
    Ok(())
}
