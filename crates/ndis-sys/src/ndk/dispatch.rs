//! The function tables of the NDK objects.

use super::*;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_ADAPTER_DISPATCH {
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkQueryAdapterInfo: NDK_FN_QUERY_ADAPTER_INFO,
    pub NdkCreateCq: NDK_FN_CREATE_CQ,
    pub NdkCreatePd: NDK_FN_CREATE_PD,
    pub NdkCreateSharedEndpoint: NDK_FN_CREATE_SHARED_ENDPOINT,
    pub NdkCreateConnector: NDK_FN_CREATE_CONNECTOR,
    pub NdkCreateListener: NDK_FN_CREATE_LISTENER,
    pub NdkBuildLAM: NDK_FN_BUILD_LAM,
    pub NdkReleaseLAM: NDK_FN_RELEASE_LAM,
}

zeroed_default!(NDK_ADAPTER_DISPATCH);
assert_layout!(
    NDK_ADAPTER_DISPATCH,
    72,
    8,
    NdkQueryExtension = 0,
    NdkQueryAdapterInfo = 8,
    NdkCreateCq = 16,
    NdkCreatePd = 24,
    NdkCreateSharedEndpoint = 32,
    NdkCreateConnector = 40,
    NdkCreateListener = 48,
    NdkBuildLAM = 56,
    NdkReleaseLAM = 64
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CONNECTOR_DISPATCH {
    pub NdkCloseConnector: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkConnect: NDK_FN_CONNECT,
    pub NdkConnectWithSharedEndpoint: NDK_FN_CONNECT_WITH_SHARED_ENDPOINT,
    pub NdkCompleteConnect: NDK_FN_COMPLETE_CONNECT,
    pub NdkAccept: NDK_FN_ACCEPT,
    pub NdkReject: NDK_FN_REJECT,
    pub NdkGetConnectionData: NDK_FN_GET_CONNECTION_DATA,
    pub NdkGetLocalAddress: NDK_FN_GET_LOCAL_ADDRESS,
    pub NdkGetPeerAddress: NDK_FN_GET_PEER_ADDRESS,
    pub NdkDisconnect: NDK_FN_DISCONNECT,
    pub NdkCompleteConnectEx: NDK_FN_COMPLETE_CONNECT_EX,
    pub NdkAcceptEx: NDK_FN_ACCEPT_EX,
}

zeroed_default!(NDK_CONNECTOR_DISPATCH);
assert_layout!(
    NDK_CONNECTOR_DISPATCH,
    104,
    8,
    NdkCloseConnector = 0,
    NdkQueryExtension = 8,
    NdkConnect = 16,
    NdkConnectWithSharedEndpoint = 24,
    NdkCompleteConnect = 32,
    NdkAccept = 40,
    NdkReject = 48,
    NdkGetConnectionData = 56,
    NdkGetLocalAddress = 64,
    NdkGetPeerAddress = 72,
    NdkDisconnect = 80,
    NdkCompleteConnectEx = 88,
    NdkAcceptEx = 96
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CQ_DISPATCH {
    pub NdkCloseCq: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkResizeCq: NDK_FN_RESIZE_CQ,
    pub NdkArmCq: NDK_FN_ARM_CQ,
    pub NdkGetCqResults: NDK_FN_GET_CQ_RESULTS,
    pub NdkControlCqInterruptModeration: NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION,
    pub NdkGetCqResultsEx: NDK_FN_GET_CQ_RESULTS_EX,
}

zeroed_default!(NDK_CQ_DISPATCH);
assert_layout!(
    NDK_CQ_DISPATCH,
    56,
    8,
    NdkCloseCq = 0,
    NdkQueryExtension = 8,
    NdkResizeCq = 16,
    NdkArmCq = 24,
    NdkGetCqResults = 32,
    NdkControlCqInterruptModeration = 40,
    NdkGetCqResultsEx = 48
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_LISTENER_DISPATCH {
    pub NdkCloseListener: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkListen: NDK_FN_LISTEN,
    pub NdkGetLocalAddress: NDK_FN_GET_LISTENER_LOCAL_ADDRESS,
    pub NdkControlConnectEvents: NDK_FN_CONTROL_CONNECT_EVENTS,
}

zeroed_default!(NDK_LISTENER_DISPATCH);
assert_layout!(
    NDK_LISTENER_DISPATCH,
    40,
    8,
    NdkCloseListener = 0,
    NdkQueryExtension = 8,
    NdkListen = 16,
    NdkGetLocalAddress = 24,
    NdkControlConnectEvents = 32
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MR_DISPATCH {
    pub NdkCloseMr: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkRegisterMr: NDK_FN_REGISTER_MR,
    pub NdkDeregisterMr: NDK_FN_DEREGISTER_MR,
    pub NdkInitializeFastRegisterMr: NDK_FN_INITIALIZE_FAST_REGISTER_MR,
    pub NdkGetRemoteTokenFromMr: NDK_FN_GET_REMOTE_TOKEN_FROM_MR,
    pub NdkGetLocalTokenFromMr: NDK_FN_GET_LOCAL_TOKEN_FROM_MR,
}

zeroed_default!(NDK_MR_DISPATCH);
assert_layout!(
    NDK_MR_DISPATCH,
    56,
    8,
    NdkCloseMr = 0,
    NdkQueryExtension = 8,
    NdkRegisterMr = 16,
    NdkDeregisterMr = 24,
    NdkInitializeFastRegisterMr = 32,
    NdkGetRemoteTokenFromMr = 40,
    NdkGetLocalTokenFromMr = 48
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MW_DISPATCH {
    pub NdkCloseMw: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkGetRemoteTokenFromMw: NDK_FN_GET_REMOTE_TOKEN_FROM_MW,
}

zeroed_default!(NDK_MW_DISPATCH);
assert_layout!(NDK_MW_DISPATCH, 24, 8, NdkCloseMw = 0, NdkQueryExtension = 8, NdkGetRemoteTokenFromMw = 16);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_PD_DISPATCH {
    pub NdkClosePd: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkCreateMr: NDK_FN_CREATE_MR,
    pub NdkCreateMw: NDK_FN_CREATE_MW,
    pub NdkCreateSrq: NDK_FN_CREATE_SRQ,
    pub NdkCreateQp: NDK_FN_CREATE_QP,
    pub NdkCreateQpWithSrq: NDK_FN_CREATE_QP_WITH_SRQ,
    pub NdkGetPrivilegedMemoryRegionToken: NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN,
}

zeroed_default!(NDK_PD_DISPATCH);
assert_layout!(
    NDK_PD_DISPATCH,
    64,
    8,
    NdkClosePd = 0,
    NdkQueryExtension = 8,
    NdkCreateMr = 16,
    NdkCreateMw = 24,
    NdkCreateSrq = 32,
    NdkCreateQp = 40,
    NdkCreateQpWithSrq = 48,
    NdkGetPrivilegedMemoryRegionToken = 56
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_QP_DISPATCH {
    pub NdkCloseQp: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkFlush: NDK_FN_FLUSH,
    pub NdkSend: NDK_FN_SEND,
    pub NdkReceive: NDK_FN_RECEIVE,
    pub NdkBind: NDK_FN_BIND,
    pub NdkFastRegister: NDK_FN_FAST_REGISTER,
    pub NdkInvalidate: NDK_FN_INVALIDATE,
    pub NdkRead: NDK_FN_READ,
    pub NdkWrite: NDK_FN_WRITE,
    pub NdkSendAndInvalidate: NDK_FN_SEND_AND_INVALIDATE,
}

zeroed_default!(NDK_QP_DISPATCH);
assert_layout!(
    NDK_QP_DISPATCH,
    88,
    8,
    NdkCloseQp = 0,
    NdkQueryExtension = 8,
    NdkFlush = 16,
    NdkSend = 24,
    NdkReceive = 32,
    NdkBind = 40,
    NdkFastRegister = 48,
    NdkInvalidate = 56,
    NdkRead = 64,
    NdkWrite = 72,
    NdkSendAndInvalidate = 80
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SHARED_ENDPOINT_DISPATCH {
    pub NdkCloseSharedEndpoint: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkGetLocalAddress: NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS,
}

zeroed_default!(NDK_SHARED_ENDPOINT_DISPATCH);
assert_layout!(
    NDK_SHARED_ENDPOINT_DISPATCH,
    24,
    8,
    NdkCloseSharedEndpoint = 0,
    NdkQueryExtension = 8,
    NdkGetLocalAddress = 16
);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SRQ_DISPATCH {
    pub NdkCloseSrq: NDK_FN_CLOSE_OBJECT,
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    pub NdkModifySrq: NDK_FN_MODIFY_SRQ,
    pub NdkSrqReceive: NDK_FN_SRQ_RECEIVE,
}

zeroed_default!(NDK_SRQ_DISPATCH);
assert_layout!(NDK_SRQ_DISPATCH, 32, 8, NdkCloseSrq = 0, NdkQueryExtension = 8, NdkModifySrq = 16, NdkSrqReceive = 24);
