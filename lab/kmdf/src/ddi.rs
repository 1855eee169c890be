//! How a table entry is written.

/// Defines table entries: `fn Name(highest IRQL[, name for the globals]; arguments) -> type { body }`. Each gets the driver globals first, checks
/// them and the IRQL, and, if it returns an NTSTATUS, fails when a failure is planned for it or, for a method of
/// PASSIVE_LEVEL, when the IRQL is higher (as FxVerifierCheckIrqlLevel does).
macro_rules! ddi {
    ($($(#[$meta:meta])* fn $name:ident($irql:ident $(, $globals:ident)?; $($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ident)? $body:block)*) => {
        $(
            $(#[$meta])*
            #[allow(non_snake_case, clippy::too_many_arguments, reason = "name and shape are the framework's")]
            pub(crate) extern "win64" fn $name(globals: wdk_sys::PWDF_DRIVER_GLOBALS, $($arg: $ty),*) $(-> $ret)? {
                let irql_ok = $crate::verifier::enter(stringify!($name), globals, lab_kernel::cpu::$irql);
                $crate::ddi::refuse!($($ret)?; $irql; irql_ok; stringify!($name));
                $(let $globals = globals;)?
                $body
            }
        )*

        /// The entries of this module: name and address.
        pub(crate) fn entries() -> Vec<(&'static str, usize)> {
            vec![$((stringify!($name), $name as *const () as usize)),*]
        }
    };
}
pub(crate) use ddi;

/// The early return of an entry that cannot or must not run.
macro_rules! refuse {
    (NTSTATUS; PASSIVE_LEVEL; $irql_ok:ident; $name:expr) => {
        if !$irql_ok {
            return wdk_sys::STATUS_INVALID_DEVICE_REQUEST;
        }
        if let Some(status) = $crate::fault::take_failure($name) {
            return status;
        }
    };
    (NTSTATUS; $irql:ident; $irql_ok:ident; $name:expr) => {
        let _ = $irql_ok;
        if let Some(status) = $crate::fault::take_failure($name) {
            return status;
        }
    };
    ($($ret:ident)?; $irql:ident; $irql_ok:ident; $name:expr) => {
        let _ = $irql_ok;
    };
}
pub(crate) use refuse;
