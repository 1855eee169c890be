//! Each status of each OID's page, produced; those of CLEAR_FILTER and FREE_QUEUE are in `freeing.rs`.

use crate::support::{Request, Rig, allocate, clear_filter, complete, refuses_short, set_filter};
use ndis_sys::*;
use vmq::door::Door;

mod allocate_queue {
    use super::*;

    #[test]
    fn success() {
        let rig = Rig::new();
        for queue in 1..=7 {
            let mut request = allocate();
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
            assert_eq!(request.counts(), (1096, 1096, 0));
            let parameters = request.read::<NDIS_RECEIVE_QUEUE_PARAMETERS>(0);
            assert_eq!((parameters.QueueId, parameters.MSIXTableEntry), (queue, queue + 2));
            assert!(!rig.receive(queue, 1), "a new queue is paused");
        }
    }

    /// Structures of older consumers are answered in their own revision.
    #[test]
    fn success_in_revision_1() {
        let rig = Rig::new();
        let mut request = allocate().shortened(1084);
        request.change(0, |p: &mut NDIS_RECEIVE_QUEUE_PARAMETERS| {
            (p.Header.Revision, p.Header.Size) = (1, 1084);
            // Behind the end of revision 1.
            (p.PortId, p.QosSqId) = (0x5555_5555, 7);
        });
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
        assert_eq!(request.counts(), (1084, 1084, 0));
        assert_eq!(request.request.SupportedRevision, 1);
        let parameters = request.read::<NDIS_RECEIVE_QUEUE_PARAMETERS>(0);
        assert_eq!((parameters.Header.Revision, parameters.Header.Size), (1, 1084));
        assert_eq!((parameters.PortId, parameters.QosSqId), (0x5555_5555, 7), "written beyond the structure");
    }

    #[test]
    fn invalid_parameter() {
        let rig = Rig::new();
        let changes: [fn(&mut NDIS_RECEIVE_QUEUE_PARAMETERS); 9] = [
            |p| p.Header.Type = 0,
            |p| p.Header.Revision = 0,
            |p| p.Header.Size = 1095,
            |p| p.QueueType = 0,
            |p| p.QueueType = 2,
            |p| p.ProcessorAffinity.Mask = 0,
            |p| p.LookaheadSize = 64,
            |p| p.VmName.Length = 516,
            |p| p.QueueName.Length = 1,
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut request = allocate();
            request.change(0, change);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "{n}");
        }
    }

    #[test]
    fn invalid_length() {
        refuses_short(&Rig::new(), allocate(), 1096);
    }

    #[test]
    fn not_supported() {
        let rig = Rig::new();
        rig.hardware(|hardware| hardware.limits.enabled = false);
        assert_eq!(rig.oid(&mut allocate()), NDIS_STATUS_NOT_SUPPORTED);
        let rig = Rig::new();
        let mut request = allocate();
        request.change(0, |p: &mut NDIS_RECEIVE_QUEUE_PARAMETERS| p.QosSqId = 1);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_NOT_SUPPORTED);
    }

    #[test]
    fn failure() {
        let rig = Rig::new();
        (0..7).for_each(|_| assert_ne!(rig.allocated(), 0));
        assert_eq!(rig.oid(&mut allocate()), NDIS_STATUS_FAILURE);
    }
}

mod queue_allocation_complete {
    use super::*;

    fn status(request: &Request, n: usize) -> NDIS_STATUS {
        request.read::<NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS>(20 + 16 * n).CompletionStatus
    }

    #[test]
    fn success() {
        let rig = Rig::new();
        let queues = [rig.allocated(), rig.allocated()];
        rig.filtered(queues[0], [2; 6]);
        assert!(!rig.receive(queues[0], 1), "received before the allocation was complete");
        let mut request = complete(&queues);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
        assert_eq!(request.counts(), (52, 52, 0));
        assert_eq!((status(&request, 0), status(&request, 1)), (NDIS_STATUS_SUCCESS, NDIS_STATUS_SUCCESS));
        assert!(rig.receive(queues[0], 1));
        assert!(!rig.receive(queues[1], 1), "it has no filter");
        assert_eq!(rig.oid(&mut complete(&[])), NDIS_STATUS_SUCCESS);
    }

    /// A queue's own failure is in its CompletionStatus; it may be tried again.
    #[test]
    fn success_with_a_queue_that_failed() {
        let rig = Rig::new();
        let queue = rig.allocated();
        rig.filtered(queue, [2; 6]);
        rig.hardware(|hardware| hardware.no_memory = true);
        let mut request = complete(&[queue]);
        assert_eq!((rig.oid(&mut request), status(&request, 0)), (NDIS_STATUS_SUCCESS, NDIS_STATUS_RESOURCES));
        rig.hardware(|hardware| (hardware.no_memory, hardware.does_not_start) = (false, true));
        assert_eq!((rig.oid(&mut request), status(&request, 0)), (NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE));
        rig.hardware(|hardware| {
            assert!(!hardware.memory[0] && !hardware.running[0]);
            hardware.does_not_start = false;
        });
        assert_eq!((rig.oid(&mut request), status(&request, 0)), (NDIS_STATUS_SUCCESS, NDIS_STATUS_SUCCESS));
    }

    /// Nothing is done unless every element is right.
    #[test]
    fn invalid_parameter() {
        let rig = Rig::new();
        let (running, _) = rig.running();
        let fresh = rig.allocated();
        for queues in [&[fresh, running][..], &[fresh, 0], &[fresh, 9], &[fresh, fresh], &[fresh, fresh + 1]] {
            assert_eq!(rig.oid(&mut complete(queues)), NDIS_STATUS_INVALID_PARAMETER, "{queues:?}");
        }
        let changes: [fn(&mut NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY); 5] = [
            |a| a.Header.Size = 19,
            |a| a.FirstElementOffset = 19,
            |a| a.ElementSize = 15,
            |a| a.NumElements = 8,
            |a| a.ElementSize = u32::MAX,
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut request = complete(&[fresh, fresh]);
            request.change(0, change);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "{n}");
        }
        rig.hardware(|hardware| assert!(!hardware.memory[1]));
    }

    #[test]
    fn invalid_length() {
        let rig = Rig::new();
        let queue = rig.allocated();
        refuses_short(&rig, complete(&[queue]), 36);
        let mut request = complete(&[queue]);
        request.change(0, |a: &mut NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY| a.FirstElementOffset = 1000);
        assert_eq!((rig.oid(&mut request), request.counts()), (NDIS_STATUS_INVALID_LENGTH, (0, 0, 1016)));
    }
}

mod set_filter_oid {
    use super::*;

    #[test]
    fn success() {
        let rig = Rig::new();
        let queue = rig.allocated();
        for (n, vlan) in [None, Some(0), Some(5), Some(4094)].into_iter().enumerate() {
            let mut request = set_filter(queue, [2; 6], vlan);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
            let fields = 1 + u32::from(vlan.is_some());
            assert_eq!(request.counts(), (48 + 56 * fields, 44, 0));
            assert_eq!(request.read::<NDIS_RECEIVE_FILTER_PARAMETERS>(0).FilterId, n as u32 + 1);
        }
    }

    #[test]
    fn invalid_parameter() {
        let rig = Rig::new();
        let queue = rig.allocated();
        let changes: [fn(&mut NDIS_RECEIVE_FILTER_PARAMETERS); 8] = [
            |p| p.QueueId = 2,
            |p| p.QueueId = 8,
            |p| p.FilterType = 0,
            |p| p.FilterId = 1,
            |p| p.RequestedFilterIdBitCount = 8,
            |p| p.FieldParametersArrayNumElements = 0,
            |p| p.FieldParametersArrayOffset = 40,
            |p| p.FieldParametersArrayElementSize = 48,
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut request = set_filter(queue, [2; 6], None);
            request.change(0, change);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "{n}");
        }
        let fields: [fn(&mut NDIS_RECEIVE_FILTER_FIELD_PARAMETERS); 3] = [
            |f| f.Header.Revision = 0,
            |f| f.Flags = 2,
            |f| f.Flags = NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
        ];
        for (n, change) in fields.into_iter().enumerate() {
            let mut request = set_filter(queue, [2; 6], Some(7));
            request.change(48 + 56, change);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "field {n}");
        }
        assert_eq!(rig.oid(&mut set_filter(queue, [2; 6], Some(4095))), NDIS_STATUS_INVALID_PARAMETER);
        let mut request = set_filter(queue, [2; 6], None);
        request.change(48, |field: &mut NDIS_RECEIVE_FILTER_FIELD_PARAMETERS| field.Flags |= 2);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "a flag that nobody defined");
        // A sound field whose first bytes are the last ones of the structure before it.
        let mut request = set_filter(queue, [2; 6], None);
        let field = request.read::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>(48);
        request.write(36, NDIS_RECEIVE_FILTER_FIELD_PARAMETERS { Flags: 0, ..field });
        request.change(0, |p: &mut NDIS_RECEIVE_FILTER_PARAMETERS| p.FieldParametersArrayOffset = 36);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "the array overlaps");
        let mut request = set_filter(queue, [2; 6], Some(7));
        let twice = request.read::<NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>(48);
        request.write(48 + 56, twice);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "the address twice");
        rig.hardware(|hardware| hardware.cannot_match = Some(NDIS_STATUS_INVALID_PARAMETER));
        assert_eq!(rig.oid(&mut set_filter(queue, [2; 6], None)), NDIS_STATUS_INVALID_PARAMETER);
        rig.locked(|engine, _| assert_eq!(engine.queues().filters().iter().count(), 0));
    }

    #[test]
    fn invalid_length() {
        let rig = Rig::new();
        refuses_short(&rig, set_filter(rig.allocated(), [2; 6], Some(1)), 48 + 2 * 56);
    }

    #[test]
    fn not_supported() {
        let rig = Rig::new();
        let queue = rig.allocated();
        let changes: [fn(&mut NDIS_RECEIVE_FILTER_PARAMETERS); 3] = [
            |p| p.QueueId = NDIS_DEFAULT_RECEIVE_QUEUE_ID,
            |p| p.Flags = NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION,
            |p| p.VPortId = 1,
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut request = set_filter(queue, [2; 6], None);
            request.change(0, change);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_NOT_SUPPORTED, "{n}");
        }
        let fields: [fn(&mut NDIS_RECEIVE_FILTER_FIELD_PARAMETERS); 3] = [
            |f| f.FrameHeader = _NDIS_FRAME_HEADER::NdisFrameHeaderIPv4,
            |f| f.ReceiveFilterTest = _NDIS_RECEIVE_FILTER_TEST::NdisReceiveFilterTestMaskEqual,
            |f| f.HeaderField.MacHeaderField = _NDIS_MAC_HEADER_FIELD::NdisMacHeaderFieldSourceAddress,
        ];
        for (n, change) in fields.into_iter().enumerate() {
            let mut request = set_filter(queue, [2; 6], None);
            request.change(48, change);
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_NOT_SUPPORTED, "field {n}");
        }
    }

    #[test]
    fn failure() {
        let rig = Rig::new();
        let queue = rig.allocated();
        (0..23).for_each(|n| assert_ne!(rig.filtered(queue, [2, 0, 0, 0, 0, n]), 0));
        assert_eq!(rig.oid(&mut set_filter(queue, [2; 6], None)), NDIS_STATUS_FAILURE);
        let rig = Rig::new();
        let queue = rig.allocated();
        assert_eq!(rig.oid(&mut complete(&[queue])), NDIS_STATUS_SUCCESS);
        rig.hardware(|hardware| hardware.does_not_start = true);
        assert_eq!(rig.oid(&mut set_filter(queue, [2; 6], None)), NDIS_STATUS_FAILURE);
        rig.hardware(|hardware| hardware.does_not_start = false);
        assert_eq!(rig.filtered(queue, [2; 6]), 1, "a filter that failed is not there");
    }
}

mod queue_parameters {
    use super::*;

    fn request(set: bool, queue: u32) -> Box<Request> {
        let oid = OID_RECEIVE_FILTER_QUEUE_PARAMETERS;
        let mut request = if set { Request::set(oid, 1096) } else { Request::method(oid, 1096) };
        request.write(0, NDIS_RECEIVE_QUEUE_PARAMETERS { QueueId: queue, ..crate::support::parameters() });
        request
    }

    #[test]
    fn success() {
        let rig = Rig::new();
        let queue = rig.allocated();
        let mut set = request(true, queue);
        set.change(0, |p: &mut NDIS_RECEIVE_QUEUE_PARAMETERS| {
            p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED
                | NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED;
            (p.QueueName.Length, p.QueueName.String[0]) = (2, b'q'.into());
            (p.NumSuggestedReceiveBuffers, p.PortId) = (33, 99);
        });
        assert_eq!((rig.oid(&mut set), set.counts()), (NDIS_STATUS_SUCCESS, (1096, 0, 0)));
        let mut get = request(false, queue);
        assert_eq!((rig.oid(&mut get), get.counts()), (NDIS_STATUS_SUCCESS, (1096, 1096, 0)));
        let parameters = get.read::<NDIS_RECEIVE_QUEUE_PARAMETERS>(0);
        assert_eq!((parameters.NumSuggestedReceiveBuffers, parameters.QueueName.Length), (33, 2));
        assert_eq!((parameters.PortId, parameters.MSIXTableEntry), (0, queue + 2), "what was not named as changed");
    }

    #[test]
    fn invalid_parameter() {
        let rig = Rig::new();
        let queue = rig.allocated();
        for set in [false, true] {
            assert_eq!(rig.oid(&mut request(set, queue + 1)), NDIS_STATUS_INVALID_PARAMETER);
            assert_eq!(rig.oid(&mut request(set, 0)), NDIS_STATUS_INVALID_PARAMETER);
        }
        let mut set = request(true, queue);
        set.change(0, |p: &mut NDIS_RECEIVE_QUEUE_PARAMETERS| {
            p.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED;
        });
        assert_eq!(rig.oid(&mut set), NDIS_STATUS_INVALID_PARAMETER, "a capability that is not there");
    }

    #[test]
    fn invalid_length() {
        let rig = Rig::new();
        let queue = rig.allocated();
        refuses_short(&rig, request(false, queue), 1096);
        refuses_short(&rig, request(true, queue), 1096);
    }
}

mod queries {
    use super::*;

    fn capabilities(rig: &Rig, oid: NDIS_OID) -> NDIS_RECEIVE_FILTER_CAPABILITIES {
        let mut request = Request::query(oid, 84);
        assert_eq!((rig.oid(&mut request), request.counts()), (NDIS_STATUS_SUCCESS, (0, 84, 0)));
        request.read(0)
    }

    #[test]
    fn capabilities_success() {
        let rig = Rig::new();
        for oid in [OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, OID_RECEIVE_FILTER_CURRENT_CAPABILITIES] {
            let told = capabilities(&rig, oid);
            assert_eq!((told.Header.Revision, told.Header.Size), (2, 84));
            assert_eq!((told.NumQueues, told.MaxMacHeaderFilters), (7, 23));
            let properties = NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED | NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED;
            assert_eq!(told.SupportedQueueProperties, properties);
        }
        rig.hardware(|hardware| hardware.limits.enabled = false);
        assert_eq!(capabilities(&rig, OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES).NumQueues, 7);
        let current = capabilities(&rig, OID_RECEIVE_FILTER_CURRENT_CAPABILITIES);
        assert_eq!((current.NumQueues, current.EnabledQueueTypes, current.SupportedQueueProperties), (0, 0, 0));
    }

    #[test]
    fn global_parameters_success() {
        let rig = Rig::new();
        for enabled in [true, false] {
            rig.hardware(|hardware| hardware.limits.enabled = enabled);
            let mut request = Request::query(OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, 16);
            assert_eq!((rig.oid(&mut request), request.counts()), (NDIS_STATUS_SUCCESS, (0, 16, 0)));
            let told = request.read::<NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS>(0);
            assert_eq!((told.EnabledFilterTypes, told.EnabledQueueTypes), (enabled.into(), enabled.into()));
        }
    }

    /// A consumer sees its own queues, statistics see the default queue too.
    #[test]
    fn enum_queues_success() {
        let rig = Rig::new();
        let (running, _) = rig.running();
        let fresh = rig.allocated();
        let state = |request: &Request, n: usize| {
            let info = request.read::<NDIS_RECEIVE_QUEUE_INFO>(16 + 1096 * n);
            (info.QueueId, info.QueueState, info.NumFilters)
        };
        let mut request = Request::query(OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 2 * 1096);
        assert_eq!((rig.oid(&mut request), request.counts()), (NDIS_STATUS_SUCCESS, (0, 16 + 2 * 1096, 0)));
        assert_eq!(request.read::<NDIS_RECEIVE_QUEUE_INFO_ARRAY>(0).NumElements, 2);
        assert_eq!((state(&request, 0), state(&request, 1)), ((running, 1, 1), (fresh, 2, 0)));
        let mut request = Request::statistics(OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 3 * 1096);
        assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
        assert_eq!((state(&request, 0), state(&request, 1).0), ((0, 1, 0), running));
    }

    #[test]
    fn enum_filters_and_parameters_success() {
        let rig = Rig::new();
        let queue = rig.allocated();
        rig.filtered(rig.allocated(), [4; 6]);
        let ids = [rig.filtered(queue, [2; 6]), {
            let mut request = set_filter(queue, [2; 6], Some(0x123));
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_SUCCESS);
            request.read::<NDIS_RECEIVE_FILTER_PARAMETERS>(0).FilterId
        }];
        let mut list = Request::method(OID_RECEIVE_FILTER_ENUM_FILTERS, 28 + 2 * 16);
        let head = NDIS_RECEIVE_FILTER_INFO_ARRAY {
            Header: crate::support::head(2, 28),
            QueueId: queue,
            ..Default::default()
        };
        list.write(0, head);
        assert_eq!((rig.oid(&mut list), list.counts()), (NDIS_STATUS_SUCCESS, (28, 60, 0)));
        for (n, id) in ids.into_iter().enumerate() {
            assert_eq!(list.read::<NDIS_RECEIVE_FILTER_INFO>(28 + 16 * n).FilterId, id);
            // What is told of a filter sets the same filter.
            let mut told = Request::method(OID_RECEIVE_FILTER_PARAMETERS, 48 + 2 * 56);
            let asked = NDIS_RECEIVE_FILTER_PARAMETERS {
                Header: crate::support::head(2, 44),
                FilterId: id,
                ..Default::default()
            };
            told.write(0, asked);
            assert_eq!(rig.oid(&mut told), NDIS_STATUS_SUCCESS);
            assert_eq!(told.counts(), (44, 48 + 56 * (n as u32 + 1), 0));
            assert_eq!(rig.oid(&mut clear_filter(queue, id)), NDIS_STATUS_SUCCESS);
            let mut again = Request::method(OID_RECEIVE_FILTER_SET_FILTER, 48 + 2 * 56);
            again.bytes_mut().copy_from_slice(told.bytes());
            again.change(0, |p: &mut NDIS_RECEIVE_FILTER_PARAMETERS| p.FilterId = 0);
            let before = rig.locked(|engine, _| engine.queues().filters().clone());
            assert_eq!(rig.oid(&mut again), NDIS_STATUS_SUCCESS);
            let after = rig.locked(|engine, _| engine.queues().filters().clone());
            assert_ne!(before, after);
            let mut retold = Request::method(OID_RECEIVE_FILTER_PARAMETERS, 48 + 2 * 56);
            retold.write(0, asked);
            assert_eq!(rig.oid(&mut retold), NDIS_STATUS_SUCCESS);
            assert_eq!(retold.bytes(), told.bytes());
        }
    }

    #[test]
    fn enum_filters_failure() {
        let mut list = Request::method(OID_RECEIVE_FILTER_ENUM_FILTERS, 28);
        let head =
            NDIS_RECEIVE_FILTER_INFO_ARRAY { Header: crate::support::head(2, 28), QueueId: 1, ..Default::default() };
        list.write(0, head);
        assert_eq!(Rig::new().oid(&mut list), NDIS_STATUS_FAILURE);
        list.change(0, |array: &mut NDIS_RECEIVE_FILTER_INFO_ARRAY| array.QueueId = 0);
        assert_eq!(Rig::new().oid(&mut list), NDIS_STATUS_SUCCESS, "the default queue has no filter");
    }

    #[test]
    fn filter_parameters_invalid_parameter() {
        for id in [0, 1, 33, u32::MAX] {
            let mut request = Request::method(OID_RECEIVE_FILTER_PARAMETERS, 104);
            let asked = NDIS_RECEIVE_FILTER_PARAMETERS {
                Header: crate::support::head(2, 44),
                FilterId: id,
                ..Default::default()
            };
            request.write(0, asked);
            assert_eq!(Rig::new().oid(&mut request), NDIS_STATUS_INVALID_PARAMETER, "{id}");
        }
    }

    #[test]
    fn invalid_length() {
        let rig = Rig::new();
        let (queue, id) = rig.running();
        for (oid, needed) in [
            (OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 84),
            (OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 84),
            (OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, 16),
            (OID_RECEIVE_FILTER_ENUM_QUEUES, 16 + 1096),
        ] {
            refuses_short(&rig, Request::query(oid, needed as usize), needed);
        }
        let mut list = Request::method(OID_RECEIVE_FILTER_ENUM_FILTERS, 44);
        let head = NDIS_RECEIVE_FILTER_INFO_ARRAY {
            Header: crate::support::head(2, 28),
            QueueId: queue,
            ..Default::default()
        };
        list.write(0, head);
        refuses_short(&rig, list, 44);
        let mut request = Request::method(OID_RECEIVE_FILTER_PARAMETERS, 104);
        let asked =
            NDIS_RECEIVE_FILTER_PARAMETERS { Header: crate::support::head(2, 44), FilterId: id, ..Default::default() };
        request.write(0, asked);
        refuses_short(&rig, request, 104);
    }

    #[test]
    fn not_supported() {
        let rig = Rig::new();
        for mut request in [
            Request::query(0x0001_0101, 84),
            Request::set(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, 84),
            Request::query(OID_RECEIVE_FILTER_FREE_QUEUE, 84),
            Request::method(OID_RECEIVE_FILTER_MOVE_FILTER, 84),
        ] {
            assert_eq!(rig.oid(&mut request), NDIS_STATUS_NOT_SUPPORTED);
        }
    }
}
