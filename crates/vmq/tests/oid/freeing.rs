//! Each status of CLEAR_FILTER and FREE_QUEUE, produced, and what power and removal do to them.

use crate::support::{Rig, Told, allocate, clear_filter, free, refuses_short, set_filter};
use ndis_sys::*;
use vmq::{
    Pause, door,
    door::{Door, End},
};

/// Makes everything that needs the device fail as resetting.
fn resetting(rig: &Rig) {
    rig.locked(|engine, hardware| engine.suspend(hardware, Pause::Reset));
    door::work(rig);
}

/// A queue without filters whose one packet is out.
fn packet_out(rig: &Rig) -> u32 {
    let (queue, filter) = rig.running();
    assert!(rig.receive(queue, 1));
    rig.oid(&mut clear_filter(queue, filter));
    queue
}

mod free_queue {
    use super::*;

    #[test]
    fn success() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        assert_eq!(rig.oid(&mut clear_filter(queue, filter)), NDIS_STATUS_SUCCESS);
        let mut request = free(queue);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
        assert_eq!(request.counts(), (12, 0, 0));
        assert_eq!(request.request.SupportedRevision, 1);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue)]);
        rig.hardware(|hardware| assert!(!hardware.memory[0] && !hardware.running[0]));
        assert_eq!(rig.allocated(), queue, "the id is free again");
    }

    #[test]
    fn success_without_memory() {
        let rig = Rig::new();
        let queue = rig.allocated();
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_SUCCESS);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue)]);
    }

    #[test]
    fn pending() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        assert!(rig.receive(queue, 3));
        assert_eq!(rig.oid(&mut clear_filter(queue, filter)), NDIS_STATUS_SUCCESS);
        assert!(!rig.receive(queue, 1), "indicated without a filter");
        let mut request = free(queue);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_PENDING);
        assert_eq!(request.counts(), (12, 0, 0));
        rig.give_back(queue, 1);
        rig.give_back(queue, 1);
        rig.hardware(|hardware| assert!(hardware.memory[0]));
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue)]);
        rig.give_back(queue, 1);
        let end = Told::Completed(&raw mut request.request, NDIS_STATUS_SUCCESS);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue), end]);
        rig.hardware(|hardware| assert!(!hardware.memory[0]));
    }

    #[test]
    fn not_accepted() {
        let rig = Rig::new();
        let queue = rig.allocated();
        resetting(&rig);
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_NOT_ACCEPTED);
        rig.locked(|engine, hardware| {
            engine.reset_done(true);
            engine.resume(hardware).unwrap();
        });
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_SUCCESS);
    }

    #[test]
    fn request_aborted_by_cancel() {
        let rig = Rig::new();
        let queue = packet_out(&rig);
        let mut request = free(queue);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_PENDING);
        rig.cancel(queue, 0x2000);
        assert_eq!(rig.told.borrow().len(), 1, "another request's id");
        rig.cancel(queue, 0x1000);
        rig.cancel(queue, 0x1000);
        let end = Told::Completed(&raw mut request.request, NDIS_STATUS_REQUEST_ABORTED);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue), end]);
        // It goes on without the request, and another one may wait for it.
        assert_ne!(rig.allocated(), queue);
        let mut again = free(queue);
        assert_eq!(rig.oid(&mut again), NDIS_STATUS_PENDING);
        rig.give_back(queue, 1);
        let end = Told::Completed(&raw mut again.request, NDIS_STATUS_SUCCESS);
        assert_eq!(rig.told.borrow()[2..], [end]);
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_INVALID_PARAMETER);
    }

    #[test]
    fn request_aborted_by_reset() {
        let rig = Rig::new();
        let queue = packet_out(&rig);
        let mut request = free(queue);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_PENDING);
        resetting(&rig);
        let end = Told::Completed(&raw mut request.request, NDIS_STATUS_REQUEST_ABORTED);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue), end]);
        rig.give_back(queue, 1);
        rig.hardware(|hardware| assert!(!hardware.memory[0]));
    }

    #[test]
    fn request_aborted_by_hardware_that_does_not_stop() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        rig.hardware(|hardware| hardware.does_not_stop = true);
        assert_eq!(rig.oid(&mut clear_filter(queue, filter)), NDIS_STATUS_SUCCESS);
        assert!(!rig.receive(queue, 1));
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_REQUEST_ABORTED);
        assert_eq!(*rig.told.borrow(), []);
        rig.hardware(|hardware| assert!(hardware.memory[0]));
        assert_eq!(rig.oid(&mut set_filter(queue, [2; 6], None)), NDIS_STATUS_FAILURE);
        rig.hardware(|hardware| hardware.does_not_stop = false);
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_SUCCESS);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue)]);
    }

    #[test]
    fn invalid_parameter() {
        let rig = Rig::new();
        let (queue, _) = rig.running();
        for wrong in [NDIS_DEFAULT_RECEIVE_QUEUE_ID, queue + 1, 8, u32::MAX] {
            assert_eq!(rig.oid(&mut free(wrong)), NDIS_STATUS_INVALID_PARAMETER, "{wrong}");
        }
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_INVALID_PARAMETER, "it has a filter");
        let mut request = free(rig.allocated());
        request.change(0, |header: &mut NDIS_OBJECT_HEADER| header.Type = NDIS_OBJECT_TYPE_OID_REQUEST);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER);
        assert_eq!(*rig.told.borrow(), []);
    }

    #[test]
    fn invalid_parameter_while_it_pends() {
        let rig = Rig::new();
        let queue = packet_out(&rig);
        let mut request = free(queue);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_PENDING);
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_INVALID_PARAMETER);
        assert_eq!(rig.oid(&mut set_filter(queue, [2; 6], None)), NDIS_STATUS_INVALID_PARAMETER);
        rig.give_back(queue, 1);
    }

    #[test]
    fn invalid_length() {
        refuses_short(&Rig::new(), free(1), 12);
    }
}

mod clear_filter_oid {
    use super::*;

    #[test]
    fn success() {
        let rig = Rig::new();
        let (queue, first) = rig.running();
        let second = rig.filtered(queue, [2, 0, 0, 0, 1, 1]);
        let mut request = clear_filter(queue, first);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
        assert_eq!(request.counts(), (16, 0, 0));
        assert!(rig.receive(queue, 1));
        assert_eq!(rig.oid(&mut clear_filter(queue, second)), NDIS_STATUS_SUCCESS);
        assert!(!rig.receive(queue, 1));
        assert_eq!(*rig.told.borrow(), [], "DmaStopped is for FREE_QUEUE");
        rig.filtered(queue, [2; 6]);
        assert!(rig.receive(queue, 1), "filters come back");
    }

    #[test]
    fn pending() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        let mut request = clear_filter(queue, filter);
        rig.during_pass(queue, || {
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_PENDING);
            assert_eq!(*rig.told.borrow(), []);
        });
        assert_eq!(*rig.told.borrow(), [Told::Completed(&raw mut request.request, NDIS_STATUS_SUCCESS)]);
        rig.hardware(|hardware| assert!(!hardware.running[0]));
    }

    #[test]
    fn not_accepted() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        rig.locked(|engine, hardware| engine.remove(hardware));
        assert_eq!(rig.oid(&mut clear_filter(queue, filter)), NDIS_STATUS_NOT_ACCEPTED);
    }

    #[test]
    fn file_not_found() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        let other = rig.allocated();
        for (queue, filter) in [(queue, filter + 1), (queue, 0), (other, filter), (0, filter), (queue, u32::MAX)] {
            assert_eq!(rig.oid(&mut clear_filter(queue, filter)), NDIS_STATUS_FILE_NOT_FOUND, "{queue} {filter}");
        }
        let mut request = clear_filter(queue, filter);
        request.change(0, |header: &mut NDIS_OBJECT_HEADER| header.Type = 0);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_FILE_NOT_FOUND, "no structure of this kind");
    }

    #[test]
    fn invalid_length() {
        refuses_short(&Rig::new(), clear_filter(1, 1), 16);
    }
}

mod doors {
    use super::*;

    /// What is no request at all.
    #[test]
    fn invalid_parameter() {
        let rig = Rig::new();
        let changes: [fn(&mut NDIS_OBJECT_HEADER); 3] = [|h| h.Type = 0x80, |h| h.Revision = 0, |h| h.Size = 235];
        for change in changes {
            let mut request = allocate();
            change(&mut request.request.Header);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER);
        }
    }

    #[test]
    fn removal_ends_a_pending_free_when_the_packets_come_back() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        let (other, _) = rig.running();
        assert!(rig.receive(queue, 1) && rig.receive(other, 1));
        rig.oid(&mut clear_filter(queue, filter));
        let mut request = free(queue);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_PENDING);
        let mut waits = 0;
        let freed = door::end(&rig, End::Remove, || {
            waits += 1;
            rig.give_back(if waits == 1 { queue } else { other }, 1);
            true
        });
        assert!(freed && waits == 2);
        let end = Told::Completed(&raw mut request.request, NDIS_STATUS_SUCCESS);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue), end], "nobody asked for the other's end");
        rig.hardware(|hardware| assert_eq!((hardware.memory, hardware.leaked), ([false; 7], 0)));
        assert_eq!(rig.oid(&mut allocate()), NDIS_STATUS_FAILURE);
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_NOT_ACCEPTED);
    }

    #[test]
    fn removal_gives_up_what_does_not_come_back() {
        let rig = Rig::new();
        let queue = packet_out(&rig);
        let mut request = free(queue);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_PENDING);
        assert!(!door::end(&rig, End::Remove, || false));
        let end = Told::Completed(&raw mut request.request, NDIS_STATUS_REQUEST_ABORTED);
        assert_eq!(*rig.told.borrow(), [Told::DmaStopped(queue), end]);
        rig.hardware(|hardware| assert_eq!((hardware.memory[0], hardware.leaked), (true, 1)));
        rig.give_back(queue, 1);
        rig.hardware(|hardware| assert!(hardware.memory[0], "given up is given up"));
    }

    /// In D3 a consumer goes on as if nothing were; what it did reaches the hardware when the power is back.
    #[test]
    fn power_down_and_up() {
        let rig = Rig::new();
        let (queue, filter) = rig.running();
        let reset = |hardware: &mut crate::support::Hardware| {
            hardware.running = [false; 7];
            true
        };
        assert!(door::suspend(&rig, Pause::LowPower, || true, reset));
        assert!(!rig.receive(queue, 1));
        assert_eq!(rig.oid(&mut clear_filter(queue, filter)), NDIS_STATUS_SUCCESS);
        assert_eq!(rig.oid(&mut free(queue)), NDIS_STATUS_SUCCESS);
        let (queue, _) = rig.running();
        rig.hardware(|hardware| assert_eq!(hardware.running, [false; 7]));
        rig.locked(|engine, hardware| engine.resume(hardware).unwrap());
        assert!(rig.receive(queue, 1));
        rig.give_back(queue, 1);
    }

    #[test]
    fn a_pass_of_the_receive_path_keeps_the_device_from_being_reset() {
        let rig = Rig::new();
        let (queue, _) = rig.running();
        rig.during_pass(queue, || {
            let mut waits = 0;
            let wait = || {
                waits += 1;
                waits < 3
            };
            assert!(!door::suspend(&rig, Pause::LowPower, wait, |_| true));
            assert_eq!(waits, 3);
        });
        rig.hardware(|hardware| hardware.running = [false; 7]);
        rig.locked(|engine, hardware| engine.resume(hardware).unwrap());
        assert!(rig.receive(queue, 1));
    }
}
