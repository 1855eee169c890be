//! I/O requests that the driver owns.
//!
//! A [`Request`] is completed or handed on exactly once: both take it by value. One that is dropped, which only a bug can do,
//! is completed as failed, so that no caller waits for ever.

use crate::{
    Result, Status,
    wdf::object::{Context, Slot, slot},
};
use core::{ffi::c_void, mem::ManuallyDrop, ptr::null_mut};
use wdk_sys::{NTSTATUS, WDFQUEUE, WDFREQUEST, call_unsafe_wdf_function_binding};

/// STATUS_INTERNAL_ERROR: the driver lost track of a request.
const LOST: NTSTATUS = 0xC000_00E5_u32 as i32;

/// A METHOD_BUFFERED I/O request.
pub struct Request(WDFREQUEST);
// SAFETY: a request may be completed from any thread.
unsafe impl Send for Request {}

impl Request {
    /// # Safety
    /// The driver owns the request: it was presented or retrieved, and neither completed nor forwarded since.
    pub(crate) const unsafe fn from_raw(raw: WDFREQUEST) -> Self {
        Self(raw)
    }

    pub(crate) fn into_raw(self) -> WDFREQUEST {
        ManuallyDrop::new(self).0
    }

    /// Copies the input, which shares its buffer with the output, and so must be read before that is written. Of a longer
    /// input than `into`, none is copied.
    ///
    /// # Errors
    /// STATUS_INVALID_BUFFER_SIZE for an input longer than `into`.
    pub fn read_input<'b>(&self, into: &'b mut [u8]) -> Result<&'b [u8]> {
        let mut buffer: *mut c_void = null_mut();
        let mut length = 0;
        // SAFETY: an owned request and two live places.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveInputBuffer,
                self.0,
                0,
                &raw mut buffer,
                &raw mut length
            )
        };
        // Without any input the framework answers STATUS_BUFFER_TOO_SMALL.
        if Status::check(status).is_err() || buffer.is_null() {
            return Ok(&[]);
        }
        let into = into.get_mut(..length).ok_or(Status::new(wdk_sys::STATUS_INVALID_BUFFER_SIZE))?;
        // SAFETY: the request's system buffer has `length` bytes, and nobody else touches it while the driver owns the request.
        unsafe { into.as_mut_ptr().copy_from_nonoverlapping(buffer.cast(), length) };
        Ok(into)
    }

    /// Bytes of the output buffer.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output().map_or(0, |(_, length)| length)
    }

    /// Address and length of the output buffer, if there is one.
    fn output(&self) -> Option<(*mut u8, usize)> {
        let mut buffer: *mut c_void = null_mut();
        let mut length = 0;
        // SAFETY: an owned request and two live places.
        let status = unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveOutputBuffer,
                self.0,
                0,
                &raw mut buffer,
                &raw mut length
            )
        };
        (Status::check(status).is_ok() && !buffer.is_null()).then_some((buffer.cast(), length))
    }

    /// Completes the request with an output: `write` gets the output buffer, which holds old bytes, and says how many bytes
    /// from its start it wrote. With no output buffer it gets an empty one.
    pub fn complete_with(self, write: impl FnOnce(&mut [u8]) -> Result<usize>) {
        let output: &mut [u8] = match self.output() {
            // SAFETY: the request's system buffer has `length` bytes; the driver owns the request until it is completed
            // below, and the slice does not live that long.
            Some((buffer, length)) => unsafe { core::slice::from_raw_parts_mut(buffer, length) },
            None => &mut [],
        };
        let capacity = output.len();
        let (status, written) = match write(output) {
            Ok(written) => (wdk_sys::STATUS_SUCCESS, written.min(capacity)),
            Err(status) => (status.code(), 0),
        };
        // SAFETY: an owned request, given up here.
        unsafe {
            call_unsafe_wdf_function_binding!(WdfRequestCompleteWithInformation, self.into_raw(), status, written as _);
        }
    }

    /// Completes the request as failed.
    pub fn fail(self, status: Status) {
        // SAFETY: an owned request, given up here.
        unsafe { call_unsafe_wdf_function_binding!(WdfRequestComplete, self.into_raw(), status.code()) };
    }

    /// Gives the request's context its value. Once.
    pub fn set_context<T: Context>(&self, value: T) {
        // SAFETY: every request of the device has a context of the type the device set (`DeviceInit`), and it is empty: a
        // request is presented once.
        unsafe { slot::<T>(self.0.cast()).init(value) };
    }

    /// The request's context.
    #[must_use]
    pub fn context<T: Context>(&self) -> Option<&T> {
        // SAFETY: as above; the context lives as long as the request, which is owned.
        let slot: &'static Slot<T> = unsafe { slot::<T>(self.0.cast()) };
        slot.get()
    }

    /// Puts the request into `queue`. It comes back if the queue refuses it.
    pub(crate) fn forward(self, queue: WDFQUEUE) -> core::result::Result<(), (Self, Status)> {
        let raw = self.into_raw();
        // SAFETY: an owned request and a live queue of the same device.
        let status = unsafe { call_unsafe_wdf_function_binding!(WdfRequestForwardToIoQueue, raw, queue) };
        // SAFETY: a request that was not forwarded is still the driver's.
        Status::check(status).map_err(|status| (unsafe { Self::from_raw(raw) }, status))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: an owned request, given up here.
        unsafe { call_unsafe_wdf_function_binding!(WdfRequestComplete, self.0, LOST) };
    }
}
