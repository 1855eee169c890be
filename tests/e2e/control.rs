//! The device interface of igbcx.sys: answers, hostile callers, waits over power and removal, and all of it at once.

mod answers;
mod hostile;
mod storm;
mod vmq;
mod waits;

use igbcx_ioctl::{Answer, Code, Event, EventsRequest, Header, INTERFACE, List, PROTOCOL};
use igbcx_tests::{Rig, Scenario};
use lab_kmdf::{Completion, File, Ioctl};
use std::time::Duration;
use wdk_sys::GUID;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The driver answers short requests at once; this is lab time.
const SOON: Duration = Duration::from_secs(2);

pub fn scenarios() -> Vec<Scenario> {
    let families =
        [answers::scenarios(), hostile::scenarios(), waits::scenarios(), storm::scenarios(), vmq::scenarios()];
    families.into_iter().flatten().collect()
}

const HEADER: Header = Header { version: PROTOCOL, reserved: [0; 6] };

/// The interface as the lab names it.
fn interface() -> GUID {
    let (data1, data2, data3, data4) = INTERFACE;
    GUID { Data1: data1, Data2: data2, Data3: data3, Data4: data4 }
}

/// Opens the device.
fn open(rig: &Rig) -> File {
    rig.device().unwrap().open(&interface()).unwrap_or_else(|status| panic!("open: {status:#x}"))
}

/// Sends a request with room for `room` bytes of answer.
fn send(file: &File, code: Code, input: &[u8], room: usize) -> Ioctl {
    file.ioctl(code as u32, input, room)
}

/// Sends a request and waits for its end.
fn call(file: &File, code: Code, input: &[u8], room: usize) -> Completion {
    send(file, code, input, room).wait(SOON).unwrap_or_else(|| panic!("{code:?} is not answered"))
}

/// The answer of fixed length to a request that must succeed.
fn ask<T: FromBytes + KnownLayout + Immutable>(file: &File, code: Code, input: &impl AsBytes) -> T {
    let done = call(file, code, input.bytes(), size_of::<T>());
    assert_eq!(done.status, 0, "{code:?}: {:#x}", done.status);
    assert_eq!(done.information as usize, size_of::<T>(), "{code:?}");
    let (answer, _) = Answer::read_from_prefix(&done.output).unwrap();
    assert_eq!(answer, Answer { version: PROTOCOL, reserved: 0, size: size_of::<T>() as u32 }, "{code:?}");
    T::read_from_bytes(&done.output).unwrap()
}

/// The driver's event log.
pub fn event_log(rig: &Rig) -> Vec<Event> {
    let request = EventsRequest { header: HEADER, after: 0 };
    list::<Event>(&open(rig), Code::Events, request.as_bytes(), 1 << 16).1
}

/// A list that is the answer to a request that must succeed.
fn list<T: FromBytes + KnownLayout + Immutable>(file: &File, code: Code, input: &[u8], room: usize) -> (List, Vec<T>) {
    let done = call(file, code, input, room);
    assert_eq!(done.status, 0, "{code:?}: {:#x}", done.status);
    let (head, body) = List::read_from_prefix(&done.output).unwrap();
    let elements: Vec<T> = body.chunks_exact(size_of::<T>()).map(|b| T::read_from_bytes(b).unwrap()).collect();
    assert_eq!(head.count as usize, elements.len());
    assert_eq!(done.information as usize, size_of::<List>() + elements.len() * size_of::<T>());
    (head, elements)
}

/// Anything that can be an input.
trait AsBytes {
    fn bytes(&self) -> &[u8];
}

impl<T: IntoBytes + Immutable> AsBytes for T {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// xorshift64*: the same arbitrary numbers for a seed. The seed is odd.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
