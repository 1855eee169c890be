//! What the pages of the OIDs promise: statuses, lengths, headers (Microsoft docs network/oid-receive-filter-*).

use super::request::{Answer, Kind, Request};
use super::rules::{VMQ_ANSWER_HEADER, VMQ_REQUEST_BYTES};
use ndis_sys::*;

/// Statuses with which any of the requests may end.
const ANY: &[NDIS_STATUS] =
    &[NDIS_STATUS_SUCCESS, NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_REQUEST_ABORTED];

/// One OID: its name, how it may be asked, and its further statuses.
struct Page {
    oid: NDIS_OID,
    name: &'static str,
    kinds: &'static [Kind],
    statuses: &'static [NDIS_STATUS],
}

const PAGES: &[Page] = &[
    Page {
        oid: OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
        name: "HARDWARE_CAPABILITIES",
        kinds: &[Kind::Query],
        statuses: &[NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
        name: "CURRENT_CAPABILITIES",
        kinds: &[Kind::Query],
        statuses: &[NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
        name: "GLOBAL_PARAMETERS",
        kinds: &[Kind::Query, Kind::Set],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_ENUM_QUEUES,
        name: "ENUM_QUEUES",
        kinds: &[Kind::Query],
        statuses: &[NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
        name: "QUEUE_PARAMETERS",
        kinds: &[Kind::Method, Kind::Set],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
        name: "ALLOCATE_QUEUE",
        kinds: &[Kind::Method],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
        name: "QUEUE_ALLOCATION_COMPLETE",
        kinds: &[Kind::Method],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_SET_FILTER,
        name: "SET_FILTER",
        kinds: &[Kind::Method],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_CLEAR_FILTER,
        name: "CLEAR_FILTER",
        kinds: &[Kind::Set],
        statuses: &[NDIS_STATUS_FILE_NOT_FOUND],
    },
    Page {
        oid: OID_RECEIVE_FILTER_ENUM_FILTERS,
        name: "ENUM_FILTERS",
        kinds: &[Kind::Method],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_PARAMETERS,
        name: "PARAMETERS",
        kinds: &[Kind::Method],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_FAILURE],
    },
    Page {
        oid: OID_RECEIVE_FILTER_FREE_QUEUE,
        name: "FREE_QUEUE",
        kinds: &[Kind::Set],
        statuses: &[NDIS_STATUS_INVALID_PARAMETER],
    },
];

fn page(oid: NDIS_OID) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.oid == oid)
}

/// What an OID is called, without what all have in common.
pub fn name(oid: NDIS_OID) -> &'static str {
    page(oid).map_or("an unknown OID", |page| page.name)
}

/// True if a request may end like this. One that is none of these OIDs, or the wrong type for its OID, or no sound
/// request at all, is refused (DDI ndis MINIPORT_OID_REQUEST, Return value).
pub fn is_allowed(request: &Request, status: NDIS_STATUS) -> bool {
    let refusals = [
        NDIS_STATUS_NOT_SUPPORTED,
        NDIS_STATUS_INVALID_OID,
        NDIS_STATUS_INVALID_PARAMETER,
        NDIS_STATUS_INVALID_LENGTH,
        NDIS_STATUS_INVALID_DATA,
    ];
    let (kind, revision, size) = request.header;
    let sound = kind == NDIS_OBJECT_TYPE_OID_REQUEST
        && [
            (NDIS_OID_REQUEST_REVISION_1, NDIS_SIZEOF_OID_REQUEST_REVISION_1),
            (NDIS_OID_REQUEST_REVISION_2, NDIS_SIZEOF_OID_REQUEST_REVISION_2),
        ]
        .contains(&(revision, size))
        && !request.no_buffer;
    match page(request.oid).filter(|page| sound && page.kinds.contains(&request.kind)) {
        Some(page) => ANY.contains(&status) || page.statuses.contains(&status),
        None => refusals.contains(&status),
    }
}

/// Least BytesRead and BytesWritten of a request that succeeded: the fixed part of its structures.
fn least_bytes(request: &Request) -> (u32, u32) {
    let (read, written) = match request.oid {
        OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES | OID_RECEIVE_FILTER_CURRENT_CAPABILITIES => {
            (0, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_1)
        }
        OID_RECEIVE_FILTER_GLOBAL_PARAMETERS => {
            let size = NDIS_SIZEOF_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1;
            (size, size)
        }
        OID_RECEIVE_FILTER_ENUM_QUEUES => (0, NDIS_SIZEOF_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1),
        OID_RECEIVE_FILTER_QUEUE_PARAMETERS | OID_RECEIVE_FILTER_ALLOCATE_QUEUE => {
            let size = NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1;
            (size, size)
        }
        OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE => {
            let size = NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1;
            (size, size)
        }
        OID_RECEIVE_FILTER_SET_FILTER | OID_RECEIVE_FILTER_PARAMETERS => {
            let size = NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1;
            (size, size)
        }
        OID_RECEIVE_FILTER_CLEAR_FILTER => (NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1, 0),
        OID_RECEIVE_FILTER_ENUM_FILTERS => {
            let size = NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_1;
            (size, size)
        }
        OID_RECEIVE_FILTER_FREE_QUEUE => (NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1, 0),
        _ => (0, 0),
    };
    (read.into(), written.into())
}

/// Type, revision and size that the first structure of an answer may have; `None`: the answer has none.
fn answer_headers(request: &Request) -> Option<Vec<(u8, u8, u16)>> {
    let revisions: &[(u8, u16)] = match request.oid {
        OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES | OID_RECEIVE_FILTER_CURRENT_CAPABILITIES => &[
            (NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_1, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_1),
            (NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2),
        ],
        OID_RECEIVE_FILTER_GLOBAL_PARAMETERS if request.kind == Kind::Query => &[(
            NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1,
        )],
        OID_RECEIVE_FILTER_ENUM_QUEUES => {
            &[(NDIS_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1, NDIS_SIZEOF_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1)]
        }
        OID_RECEIVE_FILTER_QUEUE_PARAMETERS if request.kind == Kind::Method => QUEUE_PARAMETERS,
        OID_RECEIVE_FILTER_ALLOCATE_QUEUE => QUEUE_PARAMETERS,
        OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE => &[(
            NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1,
            NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1,
        )],
        OID_RECEIVE_FILTER_SET_FILTER | OID_RECEIVE_FILTER_PARAMETERS => &[
            (NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_1, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1),
            (NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2),
        ],
        OID_RECEIVE_FILTER_ENUM_FILTERS => &[
            (NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_1, NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_1),
            (NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_2, NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2),
        ],
        _ => return None,
    };
    Some(revisions.iter().map(|(revision, size)| (NDIS_OBJECT_TYPE_DEFAULT, *revision, *size)).collect())
}

const QUEUE_PARAMETERS: &[(u8, u16)] = &[
    (NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_1, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1),
    (NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2),
    (NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3),
];

/// Judges BytesRead, BytesWritten and BytesNeeded.
pub fn check_bytes(request: &Request, answer: &Answer) {
    let (read, written, needed) = (answer.read, answer.written, answer.needed);
    let right = match answer.status {
        NDIS_STATUS_SUCCESS => {
            let expected = least_bytes(request);
            let reads = request.kind == Kind::Query || (expected.0..=request.input).contains(&read);
            let writes = request.kind == Kind::Set || (expected.1..=request.output).contains(&written);
            reads && writes
        }
        NDIS_STATUS_INVALID_LENGTH => {
            let had = match request.kind {
                Kind::Query => request.output,
                Kind::Method => request.input.min(request.output),
                Kind::Set | Kind::Other(_) => request.input,
            };
            needed > had
        }
        _ => true,
    };
    VMQ_REQUEST_BYTES.check(right, || {
        let name = name(request.oid);
        let lengths = (request.input, request.output);
        format!("{name} {:#x}: read {read}, written {written}, needed {needed} of {lengths:?}", answer.status)
    });
}

/// Judges the header of an answer.
pub fn check_headers(request: &Request, answer: &Answer) {
    if answer.status == NDIS_STATUS_SUCCESS
        && let Some(allowed) = answer_headers(request)
    {
        let header = answer.info.header(0);
        VMQ_ANSWER_HEADER.check(allowed.contains(&header), || format!("{}: {header:?}", name(request.oid)));
    }
}
