//! Requests of every wrong length, with every reserved bit, and of random bytes: each is refused for its first fault.

use igbcx_ioctl::{
    Checked, Code, EventKind, EventMask, EventsRequest, PROTOCOL, Refusal, RegistersRequest, Request, RingRequest,
    VmqAllocateRequest, VmqClearFilterRequest, VmqFreeRequest, VmqSetFilterRequest, WaitRequest, parse,
};

/// Random inputs for the parsers.
const RANDOM: u64 = 10_000_000;

/// A good request as bytes, the bytes of it that are reserved, and its parser.
struct Case {
    good: Vec<u8>,
    reserved: Vec<usize>,
    parse: fn(&[u8]) -> Result<(), Refusal>,
}

fn case<T: Checked>(fields: &[u8], reserved: &[usize]) -> Case {
    let mut good = PROTOCOL.to_le_bytes().to_vec();
    good.extend([0; 6]);
    good.extend(fields);
    assert_eq!(good.len(), size_of::<T>());
    Case {
        good,
        reserved: (2..8).chain(reserved.iter().copied()).collect(),
        parse: |input| parse::<T>(input).map(|_| ()),
    }
}

fn cases() -> [Case; 9] {
    [
        case::<Request>(&[], &[]),
        case::<RegistersRequest>(&[1, 0, 0, 0, 0, 0, 0, 0], &[9, 10, 11, 12, 13, 14, 15]),
        case::<RingRequest>(&[1, 15, 0, 0, 0, 0, 0, 0], &[10, 11, 12, 13, 14, 15]),
        case::<EventsRequest>(&[0xff; 8], &[]),
        case::<WaitRequest>(&[0xff, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0], &[9, 10, 11, 12, 13, 14, 15]),
        case::<VmqAllocateRequest>(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], &[12, 13, 14, 15]),
        case::<VmqSetFilterRequest>(&[7, 0, 0, 0, 5, 0, 2, 0, 1, 2, 3, 4, 5, 6, 0, 0], &[15, 22, 23]),
        case::<VmqClearFilterRequest>(&[7, 0, 0, 0, 23, 0, 0, 0], &[]),
        case::<VmqFreeRequest>(&[7, 0, 0, 0, 0, 0, 0, 0], &[12, 13, 14, 15]),
    ]
}

#[test]
fn only_the_right_length_passes() {
    for case in cases() {
        assert_eq!((case.parse)(&case.good), Ok(()));
        for length in (0..=64).filter(|length| *length != case.good.len()) {
            let mut wrong = case.good.clone();
            wrong.resize(length, 0);
            assert_eq!((case.parse)(&wrong), Err(Refusal::InputLength), "{length} bytes");
        }
    }
}

#[test]
fn every_reserved_bit_is_refused() {
    for case in cases() {
        for &byte in &case.reserved {
            for bit in 0..8 {
                let mut wrong = case.good.clone();
                wrong[byte] ^= 1 << bit;
                assert_eq!((case.parse)(&wrong), Err(Refusal::Reserved), "byte {byte} bit {bit}");
            }
        }
    }
}

#[test]
fn every_other_version_is_refused() {
    for case in cases() {
        for version in (0..=u16::MAX).filter(|version| *version != PROTOCOL) {
            let mut wrong = case.good.clone();
            wrong[..2].copy_from_slice(&version.to_le_bytes());
            assert_eq!((case.parse)(&wrong), Err(Refusal::Version));
        }
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let [_, _, ring, _, wait, _, set, clear, free] = cases();
    for (byte, values) in [(8, 2..=255), (9, 16..=255)] {
        for value in values {
            let mut wrong = ring.good.clone();
            wrong[byte] = value;
            assert_eq!((ring.parse)(&wrong), Err(Refusal::Value), "byte {byte} = {value}");
        }
    }
    // An empty mask, the default queue, filter 0.
    for (case, byte) in [(&wait, 8), (&set, 8), (&clear, 8), (&clear, 12), (&free, 8)] {
        let mut wrong = case.good.clone();
        wrong[byte] = 0;
        assert_eq!((case.parse)(&wrong), Err(Refusal::Value), "byte {byte}");
    }
    for (vlan, test, right) in
        [(0, 0, true), (1, 0, false), (0, 1, true), (1, 1, false), (4094, 2, true), (4095, 2, false), (0, 3, false)]
    {
        let mut input = set.good.clone();
        input[12..14].copy_from_slice(&u16::to_le_bytes(vlan));
        input[14] = test;
        assert_eq!((set.parse)(&input).is_ok(), right, "VLAN {vlan}, test {test}");
    }
}

#[test]
fn random_bytes_pass_only_if_they_are_a_request() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let cases = cases();
    let mut passed = [0_u64; 9];
    for n in 0..RANDOM {
        let index = (n % 9) as usize;
        let case = &cases[index];
        let mut input = case.good.clone();
        // One or two bytes of a good request become anything.
        for _ in 0..=next() % 2 {
            let at = next() as usize % input.len();
            input[at] = next() as u8;
        }
        if (case.parse)(&input).is_ok() {
            passed[index] += 1;
            assert!(
                input[..2] == PROTOCOL.to_le_bytes() && case.reserved.iter().all(|at| input[*at] == 0),
                "{input:x?}"
            );
        }
    }
    assert!(passed.iter().all(|passed| *passed > 0), "{passed:?}");
}

#[test]
fn numbers_and_names_are_one_to_one() {
    for code in Code::ALL {
        assert_eq!(Code::from_number(code as u32), Some(code));
        assert_eq!(code as u32 & 3, 0, "METHOD_BUFFERED");
        assert_eq!(code as u32 >> 14 & 3, 3, "read and write access");
    }
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_number(kind as u32), Some(kind));
        assert!(EventMask::ALL.contains(kind) && EventMask::of(kind).contains(kind));
        assert_eq!(EventKind::ALL.iter().filter(|other| other.name() == kind.name()).count(), 1);
    }
    assert_eq!(EventKind::from_number(EventKind::ALL.len() as u32), None);
}
