//! The device of a machine as a [`Target`], and as what igbcxctl talks to in this process.

use super::{Handle, Pending, Target};
use igbcx_ioctl::Code;
use igbcxctl::{Control, Status};
use lab_kernel::cpu;
use lab_kmdf::{Completion, Device, File, Ioctl};
use std::io;
use std::time::Duration;
use wdk_sys::{GUID, NTSTATUS, STATUS_OBJECT_NAME_NOT_FOUND};

/// How long a cancelled request may take to complete.
const CANCELLATION: Duration = Duration::from_secs(10);
/// A wait without a limit looks so often whether it is over.
const LOOK: Duration = Duration::from_secs(1);

/// A GUID as it lies in memory.
pub(super) fn guid(bytes: [u8; 16]) -> GUID {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    GUID {
        Data1: u32::from_le_bytes([a, b, c, d]),
        Data2: u16::from_le_bytes([e, f]),
        Data3: u16::from_le_bytes([g, h]),
        Data4: rest,
    }
}

/// The name of an interface as user mode has it: the lab's adapter is one instance.
fn name(class: &GUID) -> String {
    let GUID { Data1: a, Data2: b, Data3: c, Data4: d } = class;
    let tail: String = d[2..].iter().map(|byte| format!("{byte:02x}")).collect();
    format!(r"\\?\PCI#NETCXLAB#0#{{{a:08x}-{b:04x}-{c:04x}-{:02x}{:02x}-{tail}}}", d[0], d[1])
}

/// The classes of the interfaces that can be opened.
fn enabled(device: &Device) -> impl Iterator<Item = GUID> {
    device.interfaces().into_iter().filter(|(_, enabled)| *enabled).map(|(class, _)| class)
}

impl Target for Device {
    fn interfaces(&self, class: &GUID) -> Vec<String> {
        enabled(self).map(|known| name(&known)).filter(|known| *known == name(class)).collect()
    }

    fn open(&self, wanted: &str) -> Result<Box<dyn Handle>, NTSTATUS> {
        let class = enabled(self).find(|class| name(class) == wanted).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        Device::open(self, &class).map(|file| Box::new(file) as Box<dyn Handle>)
    }
}

impl Handle for File {
    fn ioctl(&self, code: u32, input: &[u8], output_len: usize) -> Box<dyn Pending> {
        Box::new(File::ioctl(self, code, input, output_len))
    }
}

impl Pending for Ioctl {
    fn completion(&self) -> Option<Completion> {
        Ioctl::completion(self)
    }

    fn cancel(&self) {
        Ioctl::cancel(self);
    }
}

/// igbcxctl in this process.
pub(super) struct InProcess(pub(super) File);

impl Control for InProcess {
    fn control(
        &mut self,
        code: Code,
        input: &[u8],
        output_len: usize,
        limit: Option<Duration>,
    ) -> Result<Option<igbcxctl::Completion>, igbcxctl::Error> {
        let request = self.0.ioctl(code as u32, input, output_len);
        let end = limit.map(|limit| cpu::now().saturating_add(limit));
        let mut done = None;
        while done.is_none() && end.is_none_or(|end| cpu::now() < end) {
            done = request.wait(end.map_or(LOOK, |end| end.saturating_sub(cpu::now())));
        }
        if done.is_none() && request.cancel() {
            let last = request.wait(CANCELLATION).ok_or_else(|| igbcxctl::Error::Lab {
                path: "this process".into(),
                source: io::Error::new(io::ErrorKind::TimedOut, "a cancelled request does not complete"),
            })?;
            done = Some(last).filter(|last| Status(last.status) != Status::CANCELLED);
        } else if done.is_none() {
            done = request.completion();
        }
        Ok(done.map(|c| igbcxctl::Completion { status: Status(c.status), output: c.output }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_have_the_names_of_windows() {
        let class = guid(igbcx_ioctl::GUID_BYTES);
        assert_eq!(name(&class), r"\\?\PCI#NETCXLAB#0#{8f4f5e0a-3e5b-4c1d-9b57-6a1c0d9e8257}");
    }
}
