/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel query interfaces of igbcx: VM queues and NDK.
 *
 * Ask the device's stack with IRP_MN_QUERY_INTERFACE: the GUID, version 1 and the size of the structure.
 * InterfaceReference has been called once on success; call InterfaceDereference when done and nothing of the interface
 * after that. Give the interface up before the device goes away: on TargetDeviceQueryRemove or
 * TargetDeviceRemoveComplete of the device. No function pointer is null, neither yours nor the driver's.
 *
 * Include ndis.h and ndkpi.h first (and initguid.h before this file in the one source that defines the GUIDs).
 */
#ifndef IGBCX_INTERFACE_H
#define IGBCX_INTERFACE_H

#ifdef __cplusplus
extern "C" {
#endif

/* VM queues */

/* d1727778-4d31-4d9f-9725-316524d01d16: names IGBCX_VMQ_INTERFACE. */
DEFINE_GUID(GUID_IGBCX_VMQ_INTERFACE,
            0xd1727778, 0x4d31, 0x4d9f, 0x97, 0x25, 0x31, 0x65, 0x24, 0xd0, 0x1d, 0x16);

/* The version of IGBCX_VMQ_INTERFACE and IGBCX_VMQ_CONSUMER. */
#define IGBCX_VMQ_INTERFACE_VERSION 1

/* In IGBCX_VMQ_PACKET.Flags: an 802.1Q tag was taken out of the frame and is in VlanTag. */
#define IGBCX_VMQ_PACKET_VLAN_STRIPPED 0x00000001

/* A received frame. The driver allocates it; a consumer may change Next and nothing else. */
typedef struct _IGBCX_VMQ_PACKET {
    /* The next packet of the chain, or NULL. */
    struct _IGBCX_VMQ_PACKET *Next;
    /* The queue whose filter the frame passed. */
    NDIS_RECEIVE_QUEUE_ID QueueId;
    /* The filter that matched; 0 if unknown. */
    NDIS_RECEIVE_FILTER_ID FilterId;
    /* The frame from its destination address on, in the queue's shared memory. */
    const UCHAR *Data;
    /* Bytes at Data, without the frame check sequence and without a tag that was taken out. */
    ULONG Length;
    /* IGBCX_VMQ_PACKET_VLAN_STRIPPED; other bits are zero. */
    ULONG Flags;
    /* The tag control information (priority, DEI, VLAN) in host byte order, if the flag says so. */
    USHORT VlanTag;
    /* Zero. */
    USHORT Reserved[3];
    /* The driver's own; a consumer does not touch it. */
    PVOID Provider[2];
} IGBCX_VMQ_PACKET;

/*
 * Hands the consumer Count packets of one queue, in the order of reception: a chain linked by Next.
 *
 * IRQL: up to DISPATCH_LEVEL. The consumer owns the packets until it returns them with ReturnPackets.
 */
typedef VOID (*IGBCX_VMQ_RECEIVE)(PVOID Context, NDIS_RECEIVE_QUEUE_ID QueueId, IGBCX_VMQ_PACKET *Packets, ULONG Count);

/*
 * Tells the consumer a status; the indication is valid during the call only.
 *
 * IRQL: up to DISPATCH_LEVEL. For NDIS_STATUS_RECEIVE_QUEUE_STATE the buffer is a NDIS_RECEIVE_QUEUE_STATE.
 */
typedef VOID (*IGBCX_VMQ_STATUS)(PVOID Context, const NDIS_STATUS_INDICATION *Indication);

/*
 * Completes a request for which Oid returned NDIS_STATUS_PENDING; it is the consumer's again.
 *
 * IRQL: up to DISPATCH_LEVEL.
 */
typedef VOID (*IGBCX_VMQ_OID_COMPLETE)(PVOID Context, NDIS_OID_REQUEST *Request, NDIS_STATUS Status);

/* The callbacks of the consumer; Context is the first argument of each. */
typedef struct _IGBCX_VMQ_CONSUMER {
    /* sizeof(IGBCX_VMQ_CONSUMER) */
    USHORT Size;
    /* IGBCX_VMQ_INTERFACE_VERSION */
    USHORT Version;
    /* The consumer's. */
    PVOID Context;
    IGBCX_VMQ_RECEIVE Receive;
    IGBCX_VMQ_STATUS Status;
    IGBCX_VMQ_OID_COMPLETE OidComplete;
} IGBCX_VMQ_CONSUMER;

/*
 * Opens the interface for a consumer, which is copied.
 *
 * IRQL: PASSIVE_LEVEL. NDIS_STATUS_NOT_ACCEPTED while another consumer has it open, NDIS_STATUS_INVALID_PARAMETER if
 * Size or Version of the consumer is wrong or a callback is null.
 */
typedef NDIS_STATUS (*IGBCX_VMQ_OPEN)(PVOID Context, const IGBCX_VMQ_CONSUMER *Consumer);

/*
 * Closes the interface.
 *
 * IRQL: PASSIVE_LEVEL. NDIS_STATUS_NOT_ACCEPTED while the consumer still has queues. After it returned
 * NDIS_STATUS_SUCCESS no callback runs and none comes.
 */
typedef NDIS_STATUS (*IGBCX_VMQ_CLOSE)(PVOID Context);

/*
 * Issues an OID request of receive filters and queues (OID_RECEIVE_FILTER_*).
 *
 * IRQL: PASSIVE_LEVEL. NDIS_STATUS_PENDING means that OidComplete follows, exactly once and perhaps before this returns;
 * until then request and buffer belong to the driver. Any other result is final and has no completion. The driver plays
 * the part of NDIS too and assigns QueueId and FilterId.
 */
typedef NDIS_STATUS (*IGBCX_VMQ_OID)(PVOID Context, NDIS_OID_REQUEST *Request);

/*
 * Cancels the pending requests whose RequestId is the given one: they end with NDIS_STATUS_REQUEST_ABORTED, unless they
 * ended otherwise first.
 *
 * IRQL: up to DISPATCH_LEVEL.
 */
typedef VOID (*IGBCX_VMQ_CANCEL_OID)(PVOID Context, PVOID RequestId);

/*
 * Returns packets: a chain linked by Next, in any order and of any mix of queues.
 *
 * IRQL: up to DISPATCH_LEVEL. Allowed inside Receive. The packets and their data belong to the driver from the call on.
 */
typedef VOID (*IGBCX_VMQ_RETURN_PACKETS)(PVOID Context, IGBCX_VMQ_PACKET *Packets);

/* The members of INTERFACE, then the functions, whose first argument is Context. */
typedef struct _IGBCX_VMQ_INTERFACE {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    IGBCX_VMQ_OPEN Open;
    IGBCX_VMQ_CLOSE Close;
    IGBCX_VMQ_OID Oid;
    IGBCX_VMQ_CANCEL_OID CancelOid;
    IGBCX_VMQ_RETURN_PACKETS ReturnPackets;
} IGBCX_VMQ_INTERFACE;

/* NDK */

/* 38e6aeb2-f3f4-49dd-bd3a-51e1f1891ec3: names IGBCX_NDK_INTERFACE. */
DEFINE_GUID(GUID_IGBCX_NDK_INTERFACE,
            0x38e6aeb2, 0xf3f4, 0x49dd, 0xbd, 0x3a, 0x51, 0xe1, 0xf1, 0x89, 0x1e, 0xc3);

/* The version of IGBCX_NDK_INTERFACE. */
#define IGBCX_NDK_INTERFACE_VERSION 1

/*
 * Opens an NDK adapter, as OpenNDKAdapterHandler of NDIS_NDK_PROVIDER_CHARACTERISTICS; the first argument is the
 * interface's Context.
 *
 * IRQL: PASSIVE_LEVEL.
 */
typedef NTSTATUS (*IGBCX_NDK_OPEN_ADAPTER)(NDIS_HANDLE Context, NDIS_OPEN_NDK_ADAPTER_PARAMETERS *Parameters,
                                           NDK_ADAPTER **NdkAdapter);

/*
 * Closes an NDK adapter, as CloseNDKAdapterHandler; Context is the interface's.
 *
 * IRQL: PASSIVE_LEVEL, and not from an NDK callback: it blocks until every object of the adapter is closed.
 */
typedef VOID (*IGBCX_NDK_CLOSE_ADAPTER)(NDIS_HANDLE Context, NDK_ADAPTER *NdkAdapter);

/* The members of INTERFACE, then the functions. */
typedef struct _IGBCX_NDK_INTERFACE {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    IGBCX_NDK_OPEN_ADAPTER OpenNdkAdapter;
    IGBCX_NDK_CLOSE_ADAPTER CloseNdkAdapter;
} IGBCX_NDK_INTERFACE;

#ifdef __cplusplus
}
#endif

#endif
