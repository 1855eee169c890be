//! Requests of a consumer that means no good, or does not know better: nothing is read or written outside their buffers, and
//! whatever they were, the door can be closed behind them.

use crate::support::{Request, Rig, Told, allocate, clear_filter, complete, free, set_filter};
use ndis_sys::*;
use proptest::prelude::*;
use vmq::door::{self, End};

/// Behind every buffer.
const CANARY: u64 = 0xC0DE_CAFE_F00D_BEEF;

#[derive(Clone, Debug)]
enum Step {
    /// A request of some form, some of its 32-bit words changed, said to have some length.
    Request {
        form: u8,
        queue: u32,
        filter: u32,
        changes: Vec<(usize, u32)>,
        len: Option<u32>,
    },
    /// A request of any type for any OID in the range, with this buffer.
    Noise {
        kind: i32,
        oid: u32,
        words: Vec<u32>,
    },
    Receive(u32),
    Return(u32),
    Cancel(u32),
    Wait(bool),
}

fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0..20_u32,
        2 => prop::sample::select(vec![28, 36, 44, 48, 56, 80, 104, 1084, 1092, 1096, 0x80, 0x0010_0180, 0x002C_0280]),
        1 => (0..32_u32).prop_map(|bit| 1 << bit),
        1 => (0..20_u32).prop_map(|n| u32::MAX - n),
        1 => any::<u32>(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let changes = prop::collection::vec((0..300_usize, word()), 0..4);
    let len = prop::option::weighted(0.3, prop_oneof![0..1200_u32, word()]);
    let queue = prop_oneof![6 => 1..4_u32, 1 => word()];
    let request = (0..9_u8, queue, prop_oneof![4 => 1..4_u32, 1 => word()], changes, len)
        .prop_map(|(form, queue, filter, changes, len)| Step::Request { form, queue, filter, changes, len });
    let noise = (prop_oneof![0..3_i32, Just(12), any::<i32>()], 0x0001_0220..0x0001_0232_u32)
        .prop_flat_map(|(kind, oid)| (Just(kind), Just(oid), prop::collection::vec(word(), 0..40)))
        .prop_map(|(kind, oid, words)| Step::Noise { kind, oid, words });
    prop_oneof![
        12 => request,
        2 => noise,
        4 => (1..4_u32).prop_map(Step::Receive),
        3 => (1..4_u32).prop_map(Step::Return),
        1 => (1..4_u32).prop_map(Step::Cancel),
        1 => any::<bool>().prop_map(Step::Wait),
    ]
}

fn build(form: u8, queue: u32, filter: u32) -> Box<Request> {
    let list = |oid, len| {
        let mut request = Request::method(oid, len);
        let head = NDIS_RECEIVE_FILTER_INFO_ARRAY {
            Header: crate::support::head(2, 28),
            QueueId: queue,
            ..Default::default()
        };
        request.write(0, head);
        request
    };
    match form {
        0 => allocate(),
        1 => complete(&[queue]),
        2 => set_filter(queue, [2, 0, 0, 0, 0, filter as u8], None),
        3 => set_filter(queue, [2, 0, 0, 0, 0, filter as u8], Some(filter as u16)),
        4 => clear_filter(queue, filter),
        5 => free(queue),
        6 => list(OID_RECEIVE_FILTER_ENUM_FILTERS, 1200),
        7 => Request::statistics(OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 8 * 1096),
        _ => {
            let mut request = Request::set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, 1096);
            request.write(0, NDIS_RECEIVE_QUEUE_PARAMETERS { QueueId: queue, ..crate::support::parameters() });
            request
        }
    }
}

/// Issues a request whose buffer has a canary behind the length it says.
fn issue(rig: &Rig, mut request: Box<Request>, len: Option<u32>) -> Box<Request> {
    let real = request.buffer.len() * 8;
    // What is said to be longer than it is would be a lie about memory, which no check can find.
    let said = len.map_or(real as u32, |len| len.min(real as u32));
    request = request.shortened(said);
    let before = request.bytes().to_vec();
    request.buffer.push(CANARY);
    // The vector may have moved.
    let at = request.buffer.as_mut_ptr().cast();
    request.request.DATA.QUERY_INFORMATION.InformationBuffer = at;
    let status = rig.oid(&mut request);
    assert_eq!(request.buffer.pop(), Some(CANARY), "written behind the buffer");
    assert_eq!(request.bytes()[said as usize..], before[said as usize..], "written behind the length");
    let (read, written, needed) = request.counts();
    let known = [0, 2, 12].contains(&request.request.RequestType) || request.request.RequestType == 1;
    match status {
        NDIS_STATUS_SUCCESS | NDIS_STATUS_PENDING => assert!(read <= said && written <= said),
        NDIS_STATUS_INVALID_LENGTH => assert!(needed > said && read == 0 && written == 0),
        NDIS_STATUS_INVALID_PARAMETER
        | NDIS_STATUS_NOT_SUPPORTED
        | NDIS_STATUS_FAILURE
        | NDIS_STATUS_FILE_NOT_FOUND
        | NDIS_STATUS_NOT_ACCEPTED => assert!(!known || read == 0 && written == 0),
        status => panic!("{status:#x}"),
    }
    if status == NDIS_STATUS_PENDING {
        return request;
    }
    let own = &raw mut request.request;
    let told = rig.told.borrow();
    assert!(!told.iter().any(|told| matches!(told, Told::Completed(of, _) if *of == own)), "ended twice");
    drop(told);
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_comes_the_door_closes_behind_it(steps in prop::collection::vec(step(), 1..40)) {
        let rig = Rig::new();
        // Every request is kept: an address stands for one of them alone.
        let mut requests = Vec::new();
        let mut out = [0_u32; 8];
        for step in steps {
            match step {
                Step::Request { form, queue, filter, changes, len } => {
                    let mut request = build(form, queue, filter);
                    for (place, value) in changes {
                        let words = request.bytes().len() / 4;
                        request.write(place % words * 4, value);
                    }
                    requests.push(issue(&rig, request, len));
                }
                Step::Noise { kind, oid, words } => {
                    let mut request = Request::method(oid, words.len() * 4);
                    request.request.RequestType = kind;
                    words.iter().enumerate().for_each(|(n, word)| request.write(n * 4, *word));
                    requests.push(issue(&rig, request, None));
                }
                Step::Receive(queue) => out[queue as usize] += u32::from(rig.receive(queue, 1)),
                Step::Return(queue) => {
                    if out[queue as usize] > 0 {
                        out[queue as usize] -= 1;
                        rig.give_back(queue, 1);
                    }
                }
                Step::Cancel(queue) => rig.cancel(queue, 0x1000),
                Step::Wait(stops) => rig.hardware(|hardware| hardware.does_not_stop = !stops),
            }
        }
        rig.hardware(|hardware| hardware.does_not_stop = false);
        let freed = door::end(&rig, End::Close, || {
            for (queue, out) in (0..).zip(&mut out) {
                if core::mem::take(out) > 0 {
                    let all = rig.outstanding(queue);
                    rig.give_back(queue, all);
                }
            }
            true
        });
        prop_assert!(freed);
        rig.hardware(|hardware| assert_eq!((hardware.memory, hardware.leaked), ([false; 7], 0)));
        let told = rig.told.borrow();
        for request in &requests {
            let own = &raw const request.request;
            let ends = told.iter().filter(|told| matches!(told, Told::Completed(of, _) if of.cast_const() == own)).count();
            prop_assert!(ends <= 1);
        }
    }
}
