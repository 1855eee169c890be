//! Functions made at run time that stop the run and name themselves.

use crate::bugcheck;
use std::ptr;
use std::sync::{Mutex, PoisonError};

const PAGE: usize = 4096;
/// Bytes from one thunk to the next.
const STRIDE: usize = 32;

/// The page being filled: its address and the offset of the next thunk.
static PAGE_IN_USE: Mutex<Option<(usize, usize)>> = Mutex::new(None);

/// Address of a win64 function that stops the run, saying that the driver called `name`, which the lab does not
/// implement, and from where. For unknown imports and empty slots of function tables.
pub fn not_implemented_stub(name: String) -> usize {
    // The name lives as long as the process, like the thunk.
    let name: &'static String = Box::leak(Box::new(name));
    // mov rcx, name; mov rax, called; jmp rax: the driver's return address stays on top of the stack.
    let mut code = Vec::with_capacity(STRIDE);
    code.extend([0x48, 0xB9]);
    code.extend((ptr::from_ref(name) as usize).to_le_bytes());
    code.extend([0x48, 0xB8]);
    code.extend((called as *const () as usize).to_le_bytes());
    code.extend([0xFF, 0xE0]);

    let mut page = PAGE_IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let (base, used) = page.filter(|(_, used)| used + STRIDE <= PAGE).unwrap_or_else(|| (new_page(), 0));
    *page = Some((base, used + STRIDE));
    set_rights(base, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: the STRIDE bytes at base + used lie in a page of this module and belong to no thunk yet; the page is
    // writable now, and no other thread runs a thunk meanwhile: a thunk never returns.
    unsafe { ptr::copy_nonoverlapping(code.as_ptr(), (base + used) as *mut u8, code.len()) };
    set_rights(base, libc::PROT_READ | libc::PROT_EXEC);
    base + used
}

extern "win64" fn called(name: &'static String) -> ! {
    bugcheck::stop(&format!("the driver called {name}, which the lab does not implement"));
}

fn new_page() -> usize {
    // SAFETY: a fresh private mapping.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(page, libc::MAP_FAILED, "mmap of a thunk page");
    page as usize
}

fn set_rights(page: usize, rights: i32) {
    // SAFETY: `page` is a page of this module.
    let result = unsafe { libc::mprotect(page as *mut libc::c_void, PAGE, rights) };
    assert_eq!(result, 0, "mprotect of a thunk page");
}
