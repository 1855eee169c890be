//! What the transport can do, as `NDK_ADAPTER_INFO` tells it. Everything is software, so the limits bound the memory that
//! one request to create something can take, and no step of work depends on them.

/// Most bytes of one NdkRegisterMr or NdkBuildLam.
pub const MAX_REGISTRATION_SIZE: usize = 1 << 31;
/// Most bytes a window can show: all of a region.
pub const MAX_WINDOW_SIZE: usize = MAX_REGISTRATION_SIZE;
/// The number of pages that fast-registered regions are advised to have, and the most they can have: 1 MiB.
pub const FRMR_PAGE_COUNT: u32 = 256;
/// Most SGEs of a request of an initiator queue.
pub const MAX_INITIATOR_REQUEST_SGE: u32 = 16;
/// Most SGEs of a receive.
pub const MAX_RECEIVE_REQUEST_SGE: u32 = 16;
/// Most SGEs of a read.
pub const MAX_READ_REQUEST_SGE: u32 = 16;
/// Most bytes of a request.
pub const MAX_TRANSFER_LENGTH: u32 = 1 << 30;
/// Most bytes of inline data.
pub const MAX_INLINE_DATA_SIZE: u32 = 256;
/// Most SGEs that inline data may be gathered from; NDKPI has no such limit, but a loop under a lock needs one.
pub const MAX_INLINE_SGE: u32 = 256;
/// Most reads of a peer in progress. The transport does one request of a queue at a time: no limit is reached.
pub const MAX_INBOUND_READ_LIMIT: u32 = 16;
/// Most own reads in progress; as above.
pub const MAX_OUTBOUND_READ_LIMIT: u32 = 16;
/// Deepest receive queue.
pub const MAX_RECEIVE_QUEUE_DEPTH: u32 = 4096;
/// Deepest initiator queue.
pub const MAX_INITIATOR_QUEUE_DEPTH: u32 = 4096;
/// Deepest shared receive queue.
pub const MAX_SRQ_DEPTH: u32 = 8192;
/// Bytes above which a read or write is better than a send: one copy each, so from the first page on.
pub const LARGE_REQUEST_THRESHOLD: u32 = 4096;
/// Most private data of NdkConnect.
pub const MAX_CALLER_DATA: u32 = 256;
/// Most private data of NdkAccept and NdkReject.
pub const MAX_CALLEE_DATA: u32 = 256;

/// Bytes moved in one step, before other queue pairs have their turn.
pub const BYTES_PER_STEP: u32 = 64 << 10;
/// Requests done in one step.
pub const REQUESTS_PER_STEP: u32 = 16;
/// How long a send waits for its peer to post a receive, in units of 100 ns: 2 s.
pub const RECEIVER_NOT_READY_TIMEOUT: u64 = 2 * 10_000_000;
/// How long a connection may take to be accepted, and then to be completed, in units of 100 ns: 60 s. ND SPI asks
/// providers not to hurry consumers.
pub const HANDSHAKE_TIMEOUT: u64 = 60 * 10_000_000;
/// Connection requests that a listener has not been told of.
pub const BACKLOG: usize = 64;
