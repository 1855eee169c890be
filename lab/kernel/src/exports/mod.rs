//! The functions of ntoskrnl.exe and hal.dll that network drivers import.
//!
//! Each is a win64 function that first passes [`entered`] and checks its IRQL rule. Pointer arguments are checked at use:
//! what a driver passes wrongly faults like any other wild access of its own and ends the run with a backtrace.

mod debug;
mod etw;
mod lists;
mod locks;
mod mdl;
mod memory;
mod objects;
mod pool;
mod strings;
mod system;
mod threads;
mod time;

use crate::bugcheck::bugcheck_because;
use crate::{cpu, rules};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, OnceLock, PoisonError};

rules! {
    IRQL_PASSIVE: "Routines documented for PASSIVE_LEVEL are called there", "DDI page of the routine: IRQL";
    IRQL_AT_MOST_APC: "Routines documented for IRQL <= APC_LEVEL are called there", "DDI page of the routine: IRQL";
    IRQL_AT_MOST_DISPATCH: "Routines documented for IRQL <= DISPATCH_LEVEL are called there", "DDI page of the routine: IRQL";
    IRQL_AT_LEAST_DISPATCH: "Routines documented for IRQL >= DISPATCH_LEVEL are called there", "DDI page of the routine: IRQL";
}

/// At which IRQL an export may be called.
#[derive(Clone, Copy)]
enum Irql {
    Passive,
    AtMostApc,
    AtMostDispatch,
    AtLeastDispatch,
    Any,
}

impl Irql {
    fn check(self, name: &'static str) {
        let irql = cpu::irql();
        let detail = || format!("{name} at IRQL {irql}");
        match self {
            Irql::Passive => IRQL_PASSIVE.check(irql == cpu::PASSIVE_LEVEL, detail),
            Irql::AtMostApc => IRQL_AT_MOST_APC.check(irql <= cpu::APC_LEVEL, detail),
            Irql::AtMostDispatch => IRQL_AT_MOST_DISPATCH.check(irql <= cpu::DISPATCH_LEVEL, detail),
            Irql::AtLeastDispatch => IRQL_AT_LEAST_DISPATCH.check(irql >= cpu::DISPATCH_LEVEL, detail),
            Irql::Any => true,
        };
    }
}

/// A name and the address of its function or variable.
type Entry = (&'static str, usize);

/// Declares exports: `[irql] fn Name(arguments) -> result { body }`, gathered in `fn entries()`.
macro_rules! exports {
    ($($(#[$meta:meta])* [$irql:ident] fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {
        $(
            $(#[$meta])*
            #[allow(non_snake_case, reason = "the name of the kernel's export")]
            extern "win64" fn $name($($arg: $type),*) $(-> $result)? {
                $crate::exports::Irql::$irql.check(stringify!($name));
                $crate::exports::entered(stringify!($name));
                $body
            }
        )*

        pub(super) fn entries() -> Vec<$crate::exports::Entry> {
            vec![$((stringify!($name), $name as *const () as usize)),*]
        }
    };
}
use exports;

/// A pointer argument of the driver.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Ptr<T>(*mut T);

impl<T: Copy> Ptr<T> {
    fn is_null(self) -> bool {
        self.0.is_null()
    }

    fn address(self) -> usize {
        self.0 as usize
    }

    /// The field of type `U` at a byte offset.
    fn field<U>(self, offset: usize) -> Ptr<U> {
        Ptr(self.0.cast::<u8>().wrapping_add(offset).cast())
    }

    /// The `index`-th element from here.
    fn add(self, index: usize) -> Ptr<T> {
        Ptr(self.0.wrapping_add(index))
    }

    /// Ends the run if the pointer is null.
    fn require(self) {
        if self.is_null() {
            bugcheck_because(0x50, [0, 0, 0, 0], "null pointer passed to a kernel routine");
        }
    }

    fn read(self) -> T {
        self.require();
        // SAFETY: a pointer of the driver that its DDI contract makes readable as T, a plain integer or struct of
        // integers; an address that is not mapped faults, and the trap ends the run. Rust code borrows no driver memory.
        unsafe { self.0.read_unaligned() }
    }

    fn write(self, value: T) {
        self.require();
        // SAFETY: as for `read`, writable.
        unsafe { self.0.write_unaligned(value) }
    }

    /// Writes unless the pointer is null (optional out parameters).
    fn write_if_any(self, value: T) {
        if !self.is_null() {
            self.write(value);
        }
    }
}

static CALLS: Mutex<Option<HashMap<&'static str, u64>>> = Mutex::new(None);

/// The start of every export and function-table entry: counts the call and passes a preempt point.
pub fn entered(name: &'static str) {
    *CALLS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().entry(name).or_default() += 1;
    cpu::preempt_point();
}

/// Calls of every entry so far, by name.
pub fn calls() -> Vec<(&'static str, u64)> {
    let calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut calls: Vec<_> = calls.iter().flatten().map(|(name, count)| (*name, *count)).collect();
    calls.sort_unstable();
    calls
}

fn addresses() -> &'static BTreeMap<&'static str, usize> {
    static ADDRESSES: OnceLock<BTreeMap<&'static str, usize>> = OnceLock::new();
    ADDRESSES.get_or_init(|| {
        let rooms = [
            debug::entries(),
            etw::entries(),
            lists::entries(),
            locks::entries(),
            mdl::entries(),
            memory::entries(),
            objects::entries(),
            pool::entries(),
            strings::entries(),
            system::entries(),
            threads::entries(),
            time::entries(),
        ];
        rooms.into_iter().flatten().collect()
    })
}

/// The address of an import of ntoskrnl.exe or hal.dll (any case); `None` for what the lab does not have.
pub fn resolve(module: &str, name: &str) -> Option<usize> {
    let ours = ["ntoskrnl.exe", "hal.dll"].iter().any(|m| m.eq_ignore_ascii_case(module));
    if ours { addresses().get(name).copied() } else { None }
}

/// The names of all exports.
pub fn table() -> Vec<&'static str> {
    addresses().keys().copied().collect()
}
