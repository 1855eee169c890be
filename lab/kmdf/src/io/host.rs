//! The I/O manager's side: what a program does with the device.

use super::file::{self, OpenFile};
use super::interface::same;
use super::irp::{Ask, Completion, Irp, Major, Then};
use super::query::{self, Exposed};
use super::queue::engine;
use super::request::{self, Request};
use crate::abi::{STATUS_ACCESS_DENIED, STATUS_FILE_CLOSED, STATUS_NO_SUCH_DEVICE};
use crate::device::{Device, DeviceState, PowerState};
use crate::object::payload_opt;
use lab_kernel::cpu;
use std::sync::Arc;
use std::time::Duration;
use wdk_sys::{GUID, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_NOT_FOUND, WDFOBJECT};

/// Access bits of a control code, which are also those of an open.
const READ: u32 = 1;
const WRITE: u32 = 2;

/// An open handle. Dropping it closes it.
pub struct File {
    file: Arc<OpenFile>,
    access: u32,
}

/// A request that was sent; it may be pending. Dropping it does not cancel it.
pub struct Ioctl(Sent);

enum Sent {
    /// Refused before the driver saw it.
    Refused(Completion),
    Packet(Arc<Irp>),
}

impl Device {
    /// The registered device interfaces: class, and whether it is enabled.
    pub fn interfaces(&self) -> Vec<(GUID, bool)> {
        let io = &self.state().io;
        let live = io.interfaces_live.get();
        io.interfaces.borrow().iter().map(|i| (i.class, i.enabled && live)).collect()
    }

    /// The security descriptor the driver assigned (SDDL).
    pub fn security_descriptor(&self) -> Option<&str> {
        self.state().io.config.sddl.as_deref()
    }

    /// The device class the driver set with WdfDeviceInitSetDeviceClass.
    pub fn device_class(&self) -> Option<GUID> {
        self.state().io.config.class
    }

    /// Names that the driver gave the device with WdfDeviceCreateSymbolicLink.
    pub fn symbolic_links(&self) -> Vec<String> {
        self.state().io.symbolic_links.borrow().clone()
    }

    /// Opens the device by an interface, for reading and writing. PASSIVE_LEVEL; waits for the driver.
    ///
    /// # Errors
    /// STATUS_OBJECT_NAME_NOT_FOUND without an enabled interface of this class, STATUS_NO_SUCH_DEVICE of a device that
    /// is gone, STATUS_ACCESS_DENIED for a second open of an exclusive one, the driver's own.
    pub fn open(&self, class: &GUID) -> Result<File, NTSTATUS> {
        self.open_for(class, true, true)
    }

    /// [`Device::open`] for reading, writing, both or neither.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn open_for(&self, class: &GUID, read: bool, write: bool) -> Result<File, NTSTATUS> {
        let state = self.state();
        if is_gone(state) {
            return Err(STATUS_NO_SUCH_DEVICE);
        }
        let name = {
            let interfaces = state.io.interfaces.borrow();
            let usable = interfaces.iter().find(|i| i.enabled && same(&i.class, class));
            let interface = usable.filter(|_| state.io.interfaces_live.get()).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
            if interface.reference.is_empty() { String::new() } else { format!("\\{}", interface.reference) }
        };
        let access = if read { READ } else { 0 } | if write { WRITE } else { 0 };
        file::open(state, &name).map(|file| File { file, access })
    }

    /// IRP_MN_QUERY_INTERFACE from another driver of the stack, for `size` bytes of version `version`.
    ///
    /// # Errors
    /// STATUS_NOT_SUPPORTED if the driver does not offer it; the driver's own.
    pub fn query_interface(&self, class: &GUID, size: u16, version: u16) -> Result<Exposed, NTSTATUS> {
        query::query(self.state(), class, size, version)
    }
}

fn is_gone(device: &DeviceState) -> bool {
    matches!(device.state.get(), PowerState::SurpriseRemoved | PowerState::Removed | PowerState::Failed)
}

impl File {
    /// IRP_MJ_DEVICE_CONTROL. Access bits of `code` are checked against those of the open; the driver sees the request
    /// on this thread unless it waits in a queue.
    pub fn ioctl(&self, code: u32, input: &[u8], output_len: usize) -> Ioctl {
        self.ioctl_then(code, input, output_len, |_| {})
    }

    /// [`File::ioctl`]; `then` is called by whoever completes the request, at most at DISPATCH_LEVEL, before the driver's
    /// call returns. It may send another request.
    pub fn ioctl_then(
        &self,
        code: u32,
        input: &[u8],
        output_len: usize,
        then: impl FnOnce(&Completion) + 'static,
    ) -> Ioctl {
        let needed = code >> 14 & 3;
        if needed & !self.access != 0 {
            return refused(STATUS_ACCESS_DENIED);
        }
        let ask = Ask { major: Major::DeviceControl, code, input, output_len, from_kernel: false };
        self.send(&ask, Some(Box::new(then)))
    }

    /// IRP_MJ_INTERNAL_DEVICE_CONTROL, as another driver sends it: from kernel mode, without an access check.
    pub fn internal_ioctl(&self, code: u32, input: &[u8], output_len: usize) -> Ioctl {
        self.send(&Ask { major: Major::InternalDeviceControl, code, input, output_len, from_kernel: true }, None)
    }

    /// IRP_MJ_READ of `len` bytes.
    pub fn read(&self, len: usize) -> Ioctl {
        if self.access & READ == 0 {
            return refused(STATUS_ACCESS_DENIED);
        }
        self.send(&Ask { major: Major::Read, code: 0, input: &[], output_len: len, from_kernel: false }, None)
    }

    /// IRP_MJ_WRITE.
    pub fn write(&self, data: &[u8]) -> Ioctl {
        if self.access & WRITE == 0 {
            return refused(STATUS_ACCESS_DENIED);
        }
        self.send(&Ask { major: Major::Write, code: 0, input: data, output_len: 0, from_kernel: false }, None)
    }

    fn send(&self, ask: &Ask<'_>, then: Option<Then>) -> Ioctl {
        let device = self.file.device;
        if !self.file.is_open() {
            return refused(STATUS_FILE_CLOSED);
        }
        let Some(irp) = Irp::new(self.file.clone(), ask, then) else { return refused(STATUS_INSUFFICIENT_RESOURCES) };
        let irp = Arc::new(irp);
        self.file.packet_starts();
        request::send(device, irp.clone(), device.io.queue_for(ask.major));
        Ioctl(Sent::Packet(irp))
    }

    /// CloseHandle: the driver's cleanup, what is queued of this handle is cancelled, and when no request of it is left
    /// the close. PASSIVE_LEVEL.
    pub fn close(self) {}
}

impl Drop for File {
    fn drop(&mut self) {
        self.file.cleanup();
    }
}

fn refused(status: NTSTATUS) -> Ioctl {
    Ioctl(Sent::Refused(Completion { status, information: 0, output: Vec::new() }))
}

impl Ioctl {
    /// True if it is complete.
    pub fn is_done(&self) -> bool {
        self.completion().is_some()
    }

    /// How it ended, `None` while it is pending.
    pub fn completion(&self) -> Option<Completion> {
        match &self.0 {
            Sent::Refused(completion) => Some(completion.clone()),
            Sent::Packet(irp) => irp.result(),
        }
    }

    /// Waits until it is complete; `None`: it is still pending after `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<Completion> {
        if let Sent::Packet(irp) = &self.0
            && !irp.done.is_set()
        {
            cpu::wait_for("a request to complete", &irp.done, Some(timeout));
        }
        self.completion()
    }

    /// CancelIoEx: the request completes soon if it waits in a queue or the driver made it cancelable. True if it was
    /// pending.
    pub fn cancel(&self) -> bool {
        let Sent::Packet(irp) = &self.0 else { return false };
        if irp.result().is_some() {
            return false;
        }
        let mark = || irp.canceled.set(true);
        let request = payload_opt::<Request>(irp.request.get() as WDFOBJECT);
        match request.and_then(|r| r.queue.get().map(|queue| (r, queue))) {
            Some((request, queue)) => engine::cancel(queue, request.handle() as usize, mark),
            None => mark(),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    /// The control socket and the tests hand these between lab threads.
    #[test]
    fn handles_go_between_threads() {
        fn send<T: Send + Sync>() {}
        send::<super::File>();
        send::<super::Ioctl>();
    }
}
