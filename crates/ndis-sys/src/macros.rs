//! Macros of the ABI crates.

/// A function pointer type as the WDK declares it: the C convention of Windows, win64 when named on another host.
#[cfg(target_os = "windows")]
#[macro_export]
macro_rules! evt_fn {
    (fn($($arg:ty),* $(,)?) $(-> $ret:ty)?) => { unsafe extern "C" fn($($arg),*) $(-> $ret)? };
}
/// A function pointer type as the WDK declares it: the C convention of Windows, win64 when named on another host.
#[cfg(not(target_os = "windows"))]
#[macro_export]
macro_rules! evt_fn {
    (fn($($arg:ty),* $(,)?) $(-> $ret:ty)?) => { unsafe extern "win64" fn($($arg),*) $(-> $ret)? };
}

/// Defines a function that a framework can call back (an `EVT_*`).
#[cfg(target_os = "windows")]
#[macro_export]
macro_rules! evt {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident $(<$gen:ident: $bound:path>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])* $vis unsafe extern "C" fn $name $(<$gen: $bound>)? ($($arg: $ty),*) $(-> $ret)? $body
    };
}
/// Defines a function that a framework can call back (an `EVT_*`).
#[cfg(not(target_os = "windows"))]
#[macro_export]
macro_rules! evt {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident $(<$gen:ident: $bound:path>)? ($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])* $vis unsafe extern "win64" fn $name $(<$gen: $bound>)? ($($arg: $ty),*) $(-> $ret)? $body
    };
}

/// Gives a structure of plain C data an all-zero `Default`.
#[macro_export]
macro_rules! zeroed_default {
    ($name:ident) => {
        impl $name {
            /// All zero.
            // SAFETY: the structure is plain C data: integers, raw pointers and optional function pointers, all of
            // which have an all-zero value.
            pub const ZEROED: Self = unsafe { core::mem::zeroed() };
        }

        impl Default for $name {
            fn default() -> Self {
                Self::ZEROED
            }
        }
    };
}
/// Asserts size, alignment and field offsets of a structure at compile time.
#[macro_export]
macro_rules! assert_layout {
    ($name:ident, $size:literal, $align:literal $(, $field:ident = $offset:literal)*) => {
        const _: () = {
            assert!(core::mem::size_of::<$name>() == $size);
            assert!(core::mem::align_of::<$name>() == $align);
            $(assert!(core::mem::offset_of!($name, $field) == $offset);)*
        };
    };
}
