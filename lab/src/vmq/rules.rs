//! What a provider of VM queues must do, each rule with its source.

use lab_kernel::rules;

rules! {
    VMQ_CALLBACK_IRQL: "Receive, Status and OidComplete are called at IRQL <= DISPATCH_LEVEL", "igbcx-interface IGBCX_VMQ_RECEIVE, IGBCX_VMQ_STATUS, IGBCX_VMQ_OID_COMPLETE";
    VMQ_QUIET_AFTER_CLOSE: "No callback comes after Close returned NDIS_STATUS_SUCCESS", "igbcx-interface IGBCX_VMQ_CLOSE";
    VMQ_CLOSE_LEAVES_NOTHING: "Close succeeds only when no queue, packet or pending request is left", "igbcx-interface IGBCX_VMQ_CLOSE; Microsoft docs network/freeing-a-vm-queue";
    VMQ_STATUS_ALLOWED: "A request ends with a status that its OID's page lists; NOT_ACCEPTED and REQUEST_ABORTED may come from a device that resets or goes away", "contract.md 3.4 item 5; Microsoft docs network/oid-receive-filter-*, Return Status Codes";
    VMQ_COMPLETE_ONCE: "OidComplete comes exactly once for a request that Oid answered with NDIS_STATUS_PENDING, and for no other", "igbcx-interface IGBCX_VMQ_OID";
    VMQ_COMPLETE_FINAL: "NDIS_STATUS_PENDING is no final status", "DDI ndis NdisMOidRequestComplete: Status";
    VMQ_REQUEST_BYTES: "BytesRead and BytesWritten of a request that succeeds are within its buffers and cover what was read or answered; NDIS_STATUS_INVALID_LENGTH tells more in BytesNeeded than there was", "DDI ndis NDIS_OID_REQUEST; Microsoft docs network/oid-receive-filter-*";
    VMQ_BUFFER_BOUNDS: "Nothing is written behind the information buffer", "DDI ndis NDIS_OID_REQUEST: OutputBufferLength, InformationBufferLength";
    VMQ_REQUEST_UNTOUCHED: "A request that has ended is not written any more", "igbcx-interface IGBCX_VMQ_OID, IGBCX_VMQ_OID_COMPLETE";
    VMQ_ANSWER_HEADER: "An answer's structures have the type, a revision and that revision's size", "DDI ntddndis NDIS_RECEIVE_FILTER_CAPABILITIES, NDIS_RECEIVE_QUEUE_INFO_ARRAY, NDIS_RECEIVE_FILTER_INFO_ARRAY: Header";
    VMQ_QUEUE_ID: "A new queue's identifier is not zero and no other queue has it", "Microsoft docs network/oid-receive-filter-allocate-queue: Remarks";
    VMQ_FILTER_ID: "A new filter's identifier is not zero and no other filter of the adapter has it", "Microsoft docs network/oid-receive-filter-set-filter: Remarks";
    VMQ_MEMORY_AT_COMPLETION: "Shared memory of a queue is allocated at QUEUE_ALLOCATION_COMPLETE, not before", "contract.md 3.4 item 3";
    VMQ_MEMORY_FREED: "FREE_QUEUE succeeds only when the queue's shared memory is freed", "contract.md 3.4 item 5; Microsoft docs network/oid-receive-filter-free-queue step 4";
    VMQ_QUEUE_KNOWN: "Packets are indicated for queues that are allocated", "Microsoft docs network/queue-states-and-operations";
    VMQ_QUEUE_RUNNING: "Packets are indicated only while the queue has a filter and its allocation is complete", "contract.md 3.4 items 1, 3, 4; Microsoft docs network/queue-states-and-operations";
    VMQ_SILENT_AFTER_DMA_STOPPED: "No packet of a queue is indicated after its DmaStopped indication", "contract.md 3.4 items 5, 6";
    VMQ_CHAIN_COUNT: "Count is the number of packets of the chain, and not zero", "igbcx-interface IGBCX_VMQ_RECEIVE";
    VMQ_PACKET_QUEUE: "Each packet of a chain carries the identifier of the queue it is indicated for", "igbcx-interface IGBCX_VMQ_PACKET: QueueId";
    VMQ_PACKET_FIELDS: "Reserved fields and unknown flags of a packet are zero, VlanTag is zero unless the flag says so, and it holds an Ethernet header", "igbcx-interface IGBCX_VMQ_PACKET";
    VMQ_PACKET_OWNED: "A packet is not indicated again while the consumer owns it", "igbcx-interface IGBCX_VMQ_RECEIVE";
    VMQ_PACKET_MEMORY: "The data of a packet lies in memory of its queue, from indication to return", "igbcx-interface IGBCX_VMQ_PACKET: Data; contract.md 3.4 item 5";
    VMQ_PACKET_UNCHANGED: "A packet and its data do not change while the consumer owns them", "igbcx-interface IGBCX_VMQ_RECEIVE";
    VMQ_FILTER_MATCHES: "A packet matches a filter of its queue, and the filter it names", "contract.md 3.4; Microsoft docs network/setting-and-clearing-vmq-filters";
    VMQ_ORDER: "Frames of one queue are indicated in the order of reception", "igbcx-interface IGBCX_VMQ_RECEIVE";
    VMQ_INDICATION: "A status indication has its header, and NDIS_STATUS_RECEIVE_QUEUE_STATE a NDIS_RECEIVE_QUEUE_STATE of a queue", "DDI ndis NDIS_STATUS_INDICATION; Microsoft docs network/ndis-status-receive-queue-state";
    VMQ_DMA_STOPPED_ONCE: "DmaStopped is indicated once for a queue, while it is freed or its device goes away", "contract.md 3.4 items 5, 6";
    VMQ_FREE_AFTER_DMA_STOPPED: "FREE_QUEUE succeeds after the queue's DmaStopped indication", "contract.md 3.4 item 5";
    VMQ_FREE_AFTER_LAST_RETURN: "FREE_QUEUE succeeds after the last packet of the queue was returned", "contract.md 3.4 items 5, 6";
}
