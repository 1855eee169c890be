//! What the tests share: a fake board and bus, a driver without an image, tests in a process of their own.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test binary uses its part")]

#[macro_use]
mod macros;
mod binding;
mod board;
pub mod callbacks;
mod driver;
pub mod io;
mod process;

pub use binding::*;
pub use board::{Board, LOGICAL};
pub use driver::*;
pub use process::*;

use lab_kernel::cpu;
use std::collections::BTreeMap;
use std::sync::Mutex;
use wdk_sys::*;

/// What the driver's callbacks wrote, in order.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Callbacks that are to fail.
static FAILING: Mutex<BTreeMap<String, NTSTATUS>> = Mutex::new(BTreeMap::new());

pub fn log(line: impl Into<String>) {
    LOG.lock().unwrap().push(line.into());
}

pub fn take_log() -> Vec<String> {
    std::mem::take(&mut *LOG.lock().unwrap())
}

/// The callback `name` returns `status` from now on.
pub fn fail(name: &str, status: NTSTATUS) {
    FAILING.lock().unwrap().insert(name.into(), status);
}

pub fn fail_nothing() {
    FAILING.lock().unwrap().clear();
}

/// Logs a callback with the IRQL it runs at, and returns the status it is to return.
pub fn called(name: &str, detail: &str) -> NTSTATUS {
    log(format!("{name}({detail})@{}", cpu::irql()));
    FAILING.lock().unwrap().get(name).copied().unwrap_or(STATUS_SUCCESS)
}

/// Names of the rules violated so far.
pub fn violated() -> Vec<&'static str> {
    lab_kernel::rules::violations().iter().map(|v| v.rule).collect()
}

pub fn no_violations() {
    assert_eq!(lab_kernel::rules::violations(), []);
}

pub fn attributes() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as u32,
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ..Default::default()
    }
}

pub fn child_of(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES { ParentObject: parent, ..attributes() }
}

/// A context type as WDF_DECLARE_CONTEXT_TYPE makes it.
pub fn context_type(name: &'static std::ffi::CStr, size: u64) -> &'static WDF_OBJECT_CONTEXT_TYPE_INFO {
    let info = Box::leak(Box::new(WDF_OBJECT_CONTEXT_TYPE_INFO {
        Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as u32,
        ContextName: name.as_ptr(),
        ContextSize: size,
        ..Default::default()
    }));
    info.UniqueType = info;
    info
}
