//! Counters of an adapter and its queues.

use std::time::Duration;

/// Counters of one queue id; they go on when the queue is created again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Packets completed (Tx) or received (Rx), without ignored ones.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets with Ignore set: by the framework (Tx) or by the client (Rx).
    pub ignored: u64,
    /// Calls of EvtAdvance.
    pub advance_calls: u64,
    /// Those that returned no packet.
    pub empty_advances: u64,
    /// Those at DISPATCH_LEVEL.
    pub advances_at_dispatch: u64,
    /// Most packets returned by one call.
    pub max_packets_per_advance: u64,
    /// Host time spent in EvtAdvance.
    pub advance_time: Duration,
    /// Calls of EvtSetNotificationEnabled(TRUE).
    pub arms: u64,
    /// Notifications by the client.
    pub notifications: u64,
}

/// Counters of one adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterStats {
    /// Packets sent.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Tx packets copied into one fragment.
    pub tx_bounced: u64,
    /// Tx packets posted with Ignore set and no fragments: empty, or too large to bounce.
    pub tx_ignored: u64,
    /// Tx packets completed as paused because no datapath ran.
    pub tx_paused: u64,
    /// Rx packets returned with Ignore set.
    pub rx_ignored: u64,
    /// Rx packets the framework dropped because their fragments were wrong.
    pub rx_dropped: u64,
    /// Calls of EvtAdvance, all queues.
    pub advance_calls: u64,
    /// Notifications by the client, all queues.
    pub notifications: u64,
    /// Calls of EvtSetNotificationEnabled(TRUE), all queues.
    pub arms: u64,
    /// How often the datapath was started.
    pub datapath_starts: u64,
    /// By queue id.
    pub tx_queues: Vec<QueueStats>,
    /// By queue id.
    pub rx_queues: Vec<QueueStats>,
}
