//! Callers that send anything: an NTSTATUS that names the fault, no stale byte in an answer, no harm.

use super::{AsBytes, HEADER, Random, SOON, call, open};
use igbcx_ioctl::{
    Code, EventsRequest, Header, RegistersRequest, Request, RingRequest, VLAN_ID, VmqAllocateRequest,
    VmqClearFilterRequest, VmqFreeRequest, VmqSetFilterRequest, WaitRequest,
};
use igbcx_tests::{Rig, Run, Scenario, rig};
use lab_kmdf::{Completion, File};
use std::collections::BTreeMap;

const INVALID_DEVICE_REQUEST: u32 = 0xC000_0010;
const INVALID_BUFFER_SIZE: u32 = 0xC000_0206;
const BUFFER_TOO_SMALL: u32 = 0xC000_0023;
const REVISION_MISMATCH: u32 = 0xC000_0059;
const INVALID_PARAMETER: u32 = 0xC000_000D;
const INVALID_PARAMETER_2: u32 = 0xC000_00F0;
const ACCESS_DENIED: u32 = 0xC000_0022;
const NOT_SUPPORTED: u32 = 0xC000_00BB;
const NOT_FOUND: u32 = 0xC000_0225;

/// Random requests of one scenario, and how many such scenarios the full run has: ten million requests in all.
const RANDOM: u64 = 200_000;
const RANDOM_SCENARIOS: u64 = 50;

pub fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        Scenario::new("control::every_wrong_input_length", every_wrong_input_length),
        Scenario::new("control::every_output_length", every_output_length),
        Scenario::new("control::every_reserved_bit", every_reserved_bit),
        Scenario::new("control::values_that_mean_nothing", values_that_mean_nothing),
        Scenario::new("control::unknown_codes", unknown_codes),
        Scenario::new("control::readers_are_refused", readers_are_refused),
    ];
    scenarios.extend((0..RANDOM_SCENARIOS).map(|n| {
        let body = move |run: &Run| random_requests(run, run.seed + n * 1_000);
        Scenario::new(format!("control::random_requests_{n}"), body).full_unless(n == 0)
    }));
    scenarios
}

/// A good request of each code, with room for its smallest answer, and how it ends: there are no VM queues.
fn good() -> BTreeMap<u32, (Code, Vec<u8>, usize, u32)> {
    let plain = Request { header: HEADER }.bytes().to_vec();
    let registers = RegistersRequest { header: HEADER, flags: 0, reserved: 0 }.bytes().to_vec();
    let ring = RingRequest { header: HEADER, direction: 0, queue: 0, reserved: [0; 6] }.bytes().to_vec();
    let events = EventsRequest { header: HEADER, after: 0 }.bytes().to_vec();
    // The Started event is in the log, so this one does not wait.
    let wait = WaitRequest { header: HEADER, mask: 1, reserved: 0, after: 0 }.bytes().to_vec();
    let allocate = VmqAllocateRequest { header: HEADER, buffers: 64, reserved: 0 }.bytes().to_vec();
    let set = VmqSetFilterRequest {
        header: HEADER,
        queue: 1,
        vlan: 5,
        vlan_test: VLAN_ID,
        reserved: 0,
        address: [2; 6],
        reserved2: [0; 2],
    };
    let clear = VmqClearFilterRequest { header: HEADER, queue: 1, filter: 1 }.bytes().to_vec();
    let free = VmqFreeRequest { header: HEADER, queue: 1, reserved: 0 }.bytes().to_vec();
    let all = [
        (Code::Version, plain.clone(), 40, 0),
        (Code::Statistics, plain.clone(), 2848, 0),
        (Code::Registers, registers, 16, 0),
        (Code::Ring, ring, 32, 0),
        (Code::Link, plain.clone(), 64, 0),
        (Code::Events, events, 16, 0),
        (Code::Wait, wait, 40, 0),
        (Code::VmqCapabilities, plain.clone(), 16, 0),
        (Code::VmqAllocate, allocate, 16, NOT_SUPPORTED),
        (Code::VmqSetFilter, set.bytes().to_vec(), 16, INVALID_PARAMETER),
        (Code::VmqClearFilter, clear, 8, NOT_FOUND),
        (Code::VmqFree, free, 8, INVALID_PARAMETER),
        (Code::VmqQueues, plain.clone(), 16, 0),
        (Code::VmqFilters, plain, 16, 0),
    ];
    assert_eq!(all.len(), Code::ALL.len());
    all.into_iter().map(|entry| (entry.0 as u32, entry)).collect()
}

fn expect(done: &Completion, status: u32, what: std::fmt::Arguments<'_>) {
    assert_eq!(done.status as u32, status, "{what}: {:#x}", done.status);
    if status >= 0xC000_0000 {
        assert_eq!((done.information, done.output.len()), (0, 0), "{what}: a refusal carries no bytes");
    }
}

fn every_wrong_input_length(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    for (code, input, room, end) in good().into_values() {
        expect(&call(&file, code, &input, room), end, format_args!("{code:?}"));
        for length in (0..=40).filter(|length| *length != input.len()) {
            let mut wrong = input.clone();
            wrong.resize(length, 0);
            expect(&call(&file, code, &wrong, room), INVALID_BUFFER_SIZE, format_args!("{code:?} of {length} bytes"));
        }
    }
    drop(file);
    rig.finish();
}

fn every_output_length(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    for (code, input, least, end) in good().into_values() {
        for room in (0..=least + 64).filter(|room| least < 200 || room % 7 == 0 || room.abs_diff(least) < 4) {
            let done = call(&file, code, &input, room);
            if room < least {
                expect(&done, BUFFER_TOO_SMALL, format_args!("{code:?} with room for {room}"));
            } else {
                expect(&done, end, format_args!("{code:?} with room for {room}"));
                assert!(
                    end != 0 || (least..=room).contains(&(done.information as usize)),
                    "{code:?}: {} of {room}",
                    done.information
                );
            }
        }
    }
    drop(file);
    // The lab poisons output buffers: a byte that the driver reports and did not write is a violated rule.
    rig.finish();
}

/// The bits of a request that are reserved, by byte: everything but version and fields.
fn reserved_bytes(code: Code) -> Vec<usize> {
    let own: &[usize] = match code {
        Code::Registers => &[12, 13, 14, 15],
        Code::Ring => &[10, 11, 12, 13, 14, 15],
        Code::Wait | Code::VmqAllocate | Code::VmqFree => &[12, 13, 14, 15],
        Code::VmqSetFilter => &[15, 22, 23],
        _ => &[],
    };
    (2..8).chain(own.iter().copied()).collect()
}

fn every_reserved_bit(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    for (code, input, room, _) in good().into_values() {
        for byte in reserved_bytes(code) {
            for bit in 0..8 {
                let mut wrong = input.clone();
                wrong[byte] ^= 1 << bit;
                let what = format_args!("{code:?}, byte {byte} bit {bit}").to_string();
                expect(&call(&file, code, &wrong, room), INVALID_PARAMETER, format_args!("{what}"));
            }
        }
        for version in (0..=u16::MAX).filter(|v| *v != igbcx_ioctl::PROTOCOL).step_by(251) {
            let mut wrong = input.clone();
            wrong[..2].copy_from_slice(&version.to_le_bytes());
            expect(&call(&file, code, &wrong, room), REVISION_MISMATCH, format_args!("{code:?} version {version}"));
        }
    }
    drop(file);
    rig.finish();
}

fn values_that_mean_nothing(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    for (direction, queue) in [(0, 1), (0, 15), (0, 255), (1, 1), (2, 0), (255, 255)] {
        let request = RingRequest { header: HEADER, direction, queue, reserved: [0; 6] };
        let what = format_args!("ring {direction} {queue}").to_string();
        expect(&call(&file, Code::Ring, request.bytes(), 4096), INVALID_PARAMETER_2, format_args!("{what}"));
    }
    let empty = WaitRequest { header: HEADER, mask: 0, reserved: 0, after: 0 };
    expect(&call(&file, Code::Wait, empty.bytes(), 40), INVALID_PARAMETER_2, format_args!("empty mask"));
    for bit in 8..32 {
        let unknown = WaitRequest { header: HEADER, mask: 1 | 1 << bit, reserved: 0, after: 0 };
        expect(&call(&file, Code::Wait, unknown.bytes(), 40), INVALID_PARAMETER, format_args!("mask bit {bit}"));
    }
    for queue in [0, 8, u32::MAX] {
        let free = VmqFreeRequest { header: HEADER, queue, reserved: 0 };
        let what = format_args!("VM queue {queue}").to_string();
        expect(&call(&file, Code::VmqFree, free.bytes(), 8), INVALID_PARAMETER_2, format_args!("{what}"));
    }
    for bit in 1..32 {
        let unknown = RegistersRequest { header: HEADER, flags: 1 << bit, reserved: 0 };
        expect(&call(&file, Code::Registers, unknown.bytes(), 16), INVALID_PARAMETER, format_args!("flag {bit}"));
    }
    drop(file);
    rig.finish();
}

fn unknown_codes(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let known = good();
    let input = Request { header: HEADER };
    for code in (0..0x1000).map(|function| 0x8257_C000 | function << 2).chain([0, 0x0017_0000, 0xFFFF_FFFC]) {
        if known.contains_key(&code) {
            continue;
        }
        let done = file.ioctl(code, input.bytes(), 64).wait(SOON).expect("answered");
        expect(&done, INVALID_DEVICE_REQUEST, format_args!("code {code:#x}"));
    }
    drop(file);
    rig.finish();
}

/// Who may only read gets no answer: every code demands write access.
fn readers_are_refused(run: &Run) {
    let rig = Rig::up(rig::builder(run));
    let file = rig.device().unwrap().open_for(&super::interface(), true, false).expect("everyone may read");
    for (code, input, room, _) in good().into_values() {
        expect(&call(&file, code, &input, room), ACCESS_DENIED, format_args!("{code:?}"));
    }
    drop(file);
    rig.finish();
}

fn random_requests(run: &Run, seed: u64) {
    let rig = Rig::up(rig::builder(run));
    let file = open(&rig);
    let mut random = Random(seed.wrapping_mul(2) | 1);
    let mut answered = BTreeMap::new();
    for n in 0..RANDOM {
        let code = if random.below(8) == 0 {
            random.next() as u32 & !3
        } else {
            Code::ALL[random.below(Code::ALL.len() as u64) as usize] as u32
        };
        let mut input = vec![0; random.below(34) as usize];
        input.fill_with(|| random.next() as u8);
        // Half of them look right at the start, so that the checks behind the first are reached too.
        if random.below(2) == 0 && input.len() >= 8 {
            input[..8].copy_from_slice(Header::NEW.bytes());
            input[8..].iter_mut().for_each(|byte| *byte &= if random.below(4) == 0 { 0xff } else { 0 });
        }
        let request = send_random(&file, code, &input, random.below(3000) as usize);
        let done = request.completion().unwrap_or_else(|| {
            // Only a wait may still be pending, for an event that does not come.
            assert_eq!(code, Code::Wait as u32, "request {n}");
            assert!(request.cancel());
            request.wait(SOON).expect("a cancelled wait ends")
        });
        let known = [
            0,
            INVALID_DEVICE_REQUEST,
            INVALID_BUFFER_SIZE,
            BUFFER_TOO_SMALL,
            REVISION_MISMATCH,
            INVALID_PARAMETER,
            INVALID_PARAMETER_2,
            0xC000_0120,
            ACCESS_DENIED,
            NOT_SUPPORTED,
            NOT_FOUND,
        ];
        let status = done.status as u32;
        assert!(known.contains(&status), "request {n}, code {code:#x}, input {input:x?}: {status:#x}");
        *answered.entry(status).or_insert(0_u64) += 1;
    }
    println!("answers by status: {answered:x?}");
    assert!(answered.len() >= 6 && answered[&0] > RANDOM / 1000, "every check is reached: {answered:x?}");
    drop(file);
    rig.finish();
}

fn send_random(file: &File, code: u32, input: &[u8], room: usize) -> lab_kmdf::Ioctl {
    let request = file.ioctl(code, input, room);
    if !request.is_done() {
        // What is dispatched on a worker thread is done soon; a wait is not.
        request.wait(std::time::Duration::from_millis(1));
    }
    request
}
