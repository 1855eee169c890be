//! Calls to the consumer.

use core::{ffi::c_void, ptr::NonNull};
use ndis_sys::ndk::{
    NDK_FN_CLOSE_COMPLETION, NDK_FN_CONNECT_EVENT_CALLBACK, NDK_FN_CQ_NOTIFICATION_CALLBACK,
    NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, NDK_FN_REQUEST_COMPLETION,
    NDK_FN_SRQ_NOTIFICATION_CALLBACK,
};
use wdk_sys::{NTSTATUS, PVOID, ULONG};

use crate::handle::Handle;

/// A value of the consumer's that is only handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context(pub PVOID);
// SAFETY: never dereferenced here.
unsafe impl Send for Context {}

/// A call to the consumer: function, context and what it tells. A null function is not called.
#[derive(Clone, Copy, Debug)]
pub enum Upcall {
    /// NdkCqNotificationCallback and CqStatus.
    CqNotification(NDK_FN_CQ_NOTIFICATION_CALLBACK, Context, NTSTATUS),
    /// NdkSrqNotificationCallback and SrqStatus.
    SrqNotification(NDK_FN_SRQ_NOTIFICATION_CALLBACK, Context, NTSTATUS),
    /// NdkRequestCompletion and the request's status.
    RequestCompletion(NDK_FN_REQUEST_COMPLETION, Context, NTSTATUS),
    /// NdkConnectEventCallback and the connector of the request.
    ConnectEvent(NDK_FN_CONNECT_EVENT_CALLBACK, Context, LentHandle),
    /// NdkDisconnectEventCallback.
    DisconnectEvent(NDK_FN_DISCONNECT_EVENT_CALLBACK, Context),
    /// NdkDisconnectEventCallbackEx and the provider's error code.
    DisconnectEventEx(NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, Context, ULONG),
    /// NdkCloseCompletion.
    CloseCompletion(NDK_FN_CLOSE_COMPLETION, Context),
}

/// A handle on its way to the consumer.
#[derive(Clone, Copy, Debug)]
pub struct LentHandle(pub NonNull<Handle>);
// SAFETY: the engine owns the handle; here it is only carried.
unsafe impl Send for LentHandle {}

impl Upcall {
    /// Makes the call. At or below DISPATCH_LEVEL, without the engine's lock.
    ///
    /// # Safety
    /// Function and context are what the consumer gave, and by the rules of NDKPI it may still be called.
    pub unsafe fn make(self) {
        // SAFETY: as the caller promises.
        unsafe {
            match self {
                Self::CqNotification(Some(call), context, status) => call(context.0, status),
                Self::SrqNotification(Some(call), context, status) => call(context.0, status),
                Self::RequestCompletion(Some(call), context, status) => call(context.0, status),
                Self::ConnectEvent(Some(call), context, connector) => call(context.0, connector.0.as_ptr().cast()),
                Self::DisconnectEvent(Some(call), context) => call(context.0),
                Self::DisconnectEventEx(Some(call), context, code) => call(context.0, code),
                Self::CloseCompletion(Some(call), context) => call(context.0),
                _ => {}
            }
        }
    }
}

/// The handle as the first argument of a consumer's callback.
#[must_use]
pub fn as_object(handle: NonNull<Handle>) -> *mut c_void {
    handle.as_ptr().cast()
}
