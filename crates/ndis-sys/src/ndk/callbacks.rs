//! The functions of the dispatch tables and the callbacks they take.

use super::*;
use crate::*;
use wdk_sys::{BOOLEAN, GROUP_AFFINITY, GUID, MDL, NTSTATUS, PVOID, SIZE_T, UINT32, UINT64, ULONG};

pub type CLOSE_NDK_ADAPTER_HANDLER = Option<evt_fn!(fn(NDIS_HANDLE, *mut NDK_ADAPTER))>;
pub type NDK_FN_DISCONNECT_EVENT_CALLBACK = Option<evt_fn!(fn(PVOID))>;
pub type NDK_FN_REQUEST_COMPLETION = Option<evt_fn!(fn(PVOID, NTSTATUS))>;
pub type NDK_FN_ACCEPT = Option<
    evt_fn!(
        fn(
            *mut NDK_CONNECTOR,
            *mut NDK_QP,
            ULONG,
            ULONG,
            PVOID,
            ULONG,
            NDK_FN_DISCONNECT_EVENT_CALLBACK,
            PVOID,
            NDK_FN_REQUEST_COMPLETION,
            PVOID,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_DISCONNECT_EVENT_CALLBACK_EX = Option<evt_fn!(fn(PVOID, ULONG))>;
pub type NDK_FN_ACCEPT_EX = Option<
    evt_fn!(
        fn(
            *mut NDK_CONNECTOR,
            *mut NDK_QP,
            ULONG,
            ULONG,
            PVOID,
            ULONG,
            NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
            PVOID,
            NDK_FN_REQUEST_COMPLETION,
            PVOID,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_ARM_CQ = Option<evt_fn!(fn(*mut NDK_CQ, ULONG))>;
pub type NDK_FN_BIND =
    Option<evt_fn!(fn(*mut NDK_QP, PVOID, *mut NDK_MR, *mut NDK_MW, PVOID, SIZE_T, ULONG) -> NTSTATUS)>;
pub type NDK_FN_BUILD_LAM = Option<
    evt_fn!(
        fn(
            *mut NDK_ADAPTER,
            *mut MDL,
            SIZE_T,
            NDK_FN_REQUEST_COMPLETION,
            PVOID,
            *mut NDK_LOGICAL_ADDRESS_MAPPING,
            *mut ULONG,
            *mut ULONG,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CLOSE_COMPLETION = Option<evt_fn!(fn(PVOID))>;
pub type NDK_FN_CLOSE_OBJECT = Option<evt_fn!(fn(*mut NDK_OBJECT_HEADER, NDK_FN_CLOSE_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_COMPLETE_CONNECT = Option<
    evt_fn!(
        fn(*mut NDK_CONNECTOR, NDK_FN_DISCONNECT_EVENT_CALLBACK, PVOID, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS
    ),
>;
pub type NDK_FN_COMPLETE_CONNECT_EX = Option<
    evt_fn!(
        fn(
            *mut NDK_CONNECTOR,
            NDK_FN_DISCONNECT_EVENT_CALLBACK_EX,
            PVOID,
            NDK_FN_REQUEST_COMPLETION,
            PVOID,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CONNECT = Option<
    evt_fn!(
        fn(
            *mut NDK_CONNECTOR,
            *mut NDK_QP,
            PSOCKADDR,
            ULONG,
            PSOCKADDR,
            ULONG,
            ULONG,
            ULONG,
            PVOID,
            ULONG,
            NDK_FN_REQUEST_COMPLETION,
            PVOID,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CONNECT_EVENT_CALLBACK = Option<evt_fn!(fn(PVOID, *mut NDK_CONNECTOR))>;
pub type NDK_FN_CONNECT_WITH_SHARED_ENDPOINT = Option<
    evt_fn!(
        fn(
            *mut NDK_CONNECTOR,
            *mut NDK_QP,
            *mut NDK_SHARED_ENDPOINT,
            PSOCKADDR,
            ULONG,
            ULONG,
            ULONG,
            PVOID,
            ULONG,
            NDK_FN_REQUEST_COMPLETION,
            PVOID,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CONTROL_CONNECT_EVENTS = Option<evt_fn!(fn(*mut NDK_LISTENER, BOOLEAN))>;
pub type NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION = Option<evt_fn!(fn(*mut NDK_CQ, ULONG, ULONG) -> NTSTATUS)>;
pub type NDK_FN_CQ_NOTIFICATION_CALLBACK = Option<evt_fn!(fn(PVOID, NTSTATUS))>;
pub type NDK_FN_CREATE_COMPLETION = Option<evt_fn!(fn(PVOID, NTSTATUS, *mut NDK_OBJECT_HEADER))>;
pub type NDK_FN_CREATE_CONNECTOR =
    Option<evt_fn!(fn(*mut NDK_ADAPTER, NDK_FN_CREATE_COMPLETION, PVOID, *mut *mut NDK_CONNECTOR) -> NTSTATUS)>;
pub type NDK_FN_CREATE_CQ = Option<
    evt_fn!(
        fn(
            *mut NDK_ADAPTER,
            ULONG,
            NDK_FN_CQ_NOTIFICATION_CALLBACK,
            PVOID,
            *mut GROUP_AFFINITY,
            NDK_FN_CREATE_COMPLETION,
            PVOID,
            *mut *mut NDK_CQ,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CREATE_LISTENER = Option<
    evt_fn!(
        fn(
            *mut NDK_ADAPTER,
            NDK_FN_CONNECT_EVENT_CALLBACK,
            PVOID,
            NDK_FN_CREATE_COMPLETION,
            PVOID,
            *mut *mut NDK_LISTENER,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CREATE_MR =
    Option<evt_fn!(fn(*mut NDK_PD, BOOLEAN, NDK_FN_CREATE_COMPLETION, PVOID, *mut *mut NDK_MR) -> NTSTATUS)>;
pub type NDK_FN_CREATE_MW =
    Option<evt_fn!(fn(*mut NDK_PD, NDK_FN_CREATE_COMPLETION, PVOID, *mut *mut NDK_MW) -> NTSTATUS)>;
pub type NDK_FN_CREATE_PD =
    Option<evt_fn!(fn(*mut NDK_ADAPTER, NDK_FN_CREATE_COMPLETION, PVOID, *mut *mut NDK_PD) -> NTSTATUS)>;
pub type NDK_FN_CREATE_QP = Option<
    evt_fn!(
        fn(
            *mut NDK_PD,
            *mut NDK_CQ,
            *mut NDK_CQ,
            PVOID,
            ULONG,
            ULONG,
            ULONG,
            ULONG,
            ULONG,
            NDK_FN_CREATE_COMPLETION,
            PVOID,
            *mut *mut NDK_QP,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CREATE_QP_WITH_SRQ = Option<
    evt_fn!(
        fn(
            *mut NDK_PD,
            *mut NDK_CQ,
            *mut NDK_CQ,
            *mut NDK_SRQ,
            PVOID,
            ULONG,
            ULONG,
            ULONG,
            NDK_FN_CREATE_COMPLETION,
            PVOID,
            *mut *mut NDK_QP,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_CREATE_SHARED_ENDPOINT = Option<
    evt_fn!(
        fn(
            *mut NDK_ADAPTER,
            PSOCKADDR,
            ULONG,
            NDK_FN_CREATE_COMPLETION,
            PVOID,
            *mut *mut NDK_SHARED_ENDPOINT,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_SRQ_NOTIFICATION_CALLBACK = Option<evt_fn!(fn(PVOID, NTSTATUS))>;
pub type NDK_FN_CREATE_SRQ = Option<
    evt_fn!(
        fn(
            *mut NDK_PD,
            ULONG,
            ULONG,
            ULONG,
            NDK_FN_SRQ_NOTIFICATION_CALLBACK,
            PVOID,
            *mut GROUP_AFFINITY,
            NDK_FN_CREATE_COMPLETION,
            PVOID,
            *mut *mut NDK_SRQ,
        ) -> NTSTATUS
    ),
>;
pub type NDK_FN_DEREGISTER_MR = Option<evt_fn!(fn(*mut NDK_MR, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_DISCONNECT = Option<evt_fn!(fn(*mut NDK_CONNECTOR, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_FAST_REGISTER = Option<
    evt_fn!(
        fn(*mut NDK_QP, PVOID, *mut NDK_MR, ULONG, *const NDK_LOGICAL_ADDRESS, ULONG, SIZE_T, PVOID, ULONG) -> NTSTATUS
    ),
>;
pub type NDK_FN_FLUSH = Option<evt_fn!(fn(*mut NDK_QP))>;
pub type NDK_FN_GET_CONNECTION_DATA =
    Option<evt_fn!(fn(*mut NDK_CONNECTOR, *mut ULONG, *mut ULONG, PVOID, *mut ULONG) -> NTSTATUS)>;
pub type NDK_FN_GET_CQ_RESULTS = Option<evt_fn!(fn(*mut NDK_CQ, *mut NDK_RESULT, ULONG) -> ULONG)>;
pub type NDK_FN_GET_CQ_RESULTS_EX = Option<evt_fn!(fn(*mut NDK_CQ, *mut NDK_RESULT_EX, ULONG) -> ULONG)>;
pub type NDK_FN_GET_LISTENER_LOCAL_ADDRESS = Option<evt_fn!(fn(*mut NDK_LISTENER, PSOCKADDR, *mut ULONG) -> NTSTATUS)>;
pub type NDK_FN_GET_LOCAL_ADDRESS = Option<evt_fn!(fn(*mut NDK_CONNECTOR, PSOCKADDR, *mut ULONG) -> NTSTATUS)>;
pub type NDK_FN_GET_LOCAL_TOKEN_FROM_MR = Option<evt_fn!(fn(*mut NDK_MR) -> UINT32)>;
pub type NDK_FN_GET_PEER_ADDRESS = Option<evt_fn!(fn(*mut NDK_CONNECTOR, PSOCKADDR, *mut ULONG) -> NTSTATUS)>;
pub type NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN = Option<evt_fn!(fn(*mut NDK_PD, *mut UINT32))>;
pub type NDK_FN_GET_REMOTE_TOKEN_FROM_MR = Option<evt_fn!(fn(*mut NDK_MR) -> UINT32)>;
pub type NDK_FN_GET_REMOTE_TOKEN_FROM_MW = Option<evt_fn!(fn(*mut NDK_MW) -> UINT32)>;
pub type NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS =
    Option<evt_fn!(fn(*mut NDK_SHARED_ENDPOINT, PSOCKADDR, *mut ULONG) -> NTSTATUS)>;
pub type NDK_FN_INITIALIZE_FAST_REGISTER_MR =
    Option<evt_fn!(fn(*mut NDK_MR, ULONG, BOOLEAN, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_INVALIDATE = Option<evt_fn!(fn(*mut NDK_QP, PVOID, *mut NDK_OBJECT_HEADER, ULONG) -> NTSTATUS)>;
pub type NDK_FN_LISTEN =
    Option<evt_fn!(fn(*mut NDK_LISTENER, PSOCKADDR, ULONG, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_MODIFY_SRQ =
    Option<evt_fn!(fn(*mut NDK_SRQ, ULONG, ULONG, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_QUERY_ADAPTER_INFO =
    Option<evt_fn!(fn(*mut NDK_ADAPTER, *mut NDK_ADAPTER_INFO, *mut ULONG) -> NTSTATUS)>;
pub type NDK_FN_QUERY_EXTENSION_INTERFACE =
    Option<evt_fn!(fn(*mut NDK_OBJECT_HEADER, *mut GUID, NDK_VERSION, *mut NDK_EXTENSION_INTERFACE) -> NTSTATUS)>;
pub type NDK_FN_READ =
    Option<evt_fn!(fn(*mut NDK_QP, PVOID, *const NDK_SGE, ULONG, UINT64, UINT32, ULONG) -> NTSTATUS)>;
pub type NDK_FN_RECEIVE = Option<evt_fn!(fn(*mut NDK_QP, PVOID, *const NDK_SGE, ULONG) -> NTSTATUS)>;
pub type NDK_FN_REGISTER_MR =
    Option<evt_fn!(fn(*mut NDK_MR, *mut MDL, SIZE_T, ULONG, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_REJECT = Option<evt_fn!(fn(*mut NDK_CONNECTOR, PVOID, ULONG) -> NTSTATUS)>;
pub type NDK_FN_RELEASE_LAM = Option<evt_fn!(fn(*mut NDK_ADAPTER, *mut NDK_LOGICAL_ADDRESS_MAPPING))>;
pub type NDK_FN_RESIZE_CQ = Option<evt_fn!(fn(*mut NDK_CQ, ULONG, NDK_FN_REQUEST_COMPLETION, PVOID) -> NTSTATUS)>;
pub type NDK_FN_SEND = Option<evt_fn!(fn(*mut NDK_QP, PVOID, *const NDK_SGE, ULONG, ULONG) -> NTSTATUS)>;
pub type NDK_FN_SEND_AND_INVALIDATE =
    Option<evt_fn!(fn(*mut NDK_QP, PVOID, *const NDK_SGE, ULONG, ULONG, UINT32) -> NTSTATUS)>;
pub type NDK_FN_SRQ_RECEIVE = Option<evt_fn!(fn(*mut NDK_SRQ, PVOID, *const NDK_SGE, ULONG) -> NTSTATUS)>;
pub type NDK_FN_WRITE =
    Option<evt_fn!(fn(*mut NDK_QP, PVOID, *const NDK_SGE, ULONG, UINT64, UINT32, ULONG) -> NTSTATUS)>;
pub type OPEN_NDK_ADAPTER_HANDLER =
    Option<evt_fn!(fn(NDIS_HANDLE, *mut NDIS_OPEN_NDK_ADAPTER_PARAMETERS, *mut *mut NDK_ADAPTER) -> NDIS_STATUS)>;
