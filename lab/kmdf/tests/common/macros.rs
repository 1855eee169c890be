//! Calls of table entries, and the two kinds of tests.

/// Calls the table entry of an index constant as a driver does: `call!(Index, fn(types) -> type, arguments..)`.
macro_rules! call {
    ($index:ident, fn($($ty:ty),*) $(-> $ret:ty)? $(, $arg:expr)*) => {{
        type Function = unsafe extern "win64" fn(PWDF_DRIVER_GLOBALS, $($ty),*) $(-> $ret)?;
        // SAFETY: the framework is bound, and the entry has this signature (shared/abi/wdf-functions-1.33.json).
        unsafe {
            let entry = *WdfFunctions.add(wdk_sys::_WDFFUNCENUM::$index as usize);
            let function: Function = std::mem::transmute(entry);
            function(WdfDriverGlobals, $($arg),*)
        }
    }};
}

/// Calls a typed wrapper of wdk-sys: `wdf!(WdfObjectDelete, object)`.
macro_rules! wdf {
    ($name:ident $(, $arg:expr)*) => {
        // SAFETY: the framework is bound, and the test passes what the DDI page asks for.
        unsafe { call_unsafe_wdf_function_binding!($name $(, $arg)*) }
    };
}

/// Tests that boot a machine: each runs in a process of its own and must succeed.
macro_rules! machine_tests {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                if $crate::common::is_child() {
                    $body
                } else {
                    $crate::common::expect_success(stringify!($name), &$crate::common::run_child(stringify!($name)));
                }
            }
        )*
    };
}

/// Tests whose body must end the process with code 3 and print the given texts.
macro_rules! stop_tests {
    ($($(#[$meta:meta])* fn $name:ident() stops with [$($needle:expr),* $(,)?] $body:block)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                if $crate::common::is_child() {
                    $body
                } else {
                    let output = $crate::common::run_child(stringify!($name));
                    $crate::common::expect_stop(stringify!($name), &output, &[$($needle),*]);
                }
            }
        )*
    };
}
