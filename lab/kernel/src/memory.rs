//! Reads of this process's memory that may fail.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

static MEMORY: OnceLock<Option<File>> = OnceLock::new();

/// Copies bytes at `address` into `buffer` as far as they are mapped; returns how many.
pub(crate) fn read(address: u64, buffer: &mut [u8]) -> usize {
    let Some(memory) = MEMORY.get_or_init(|| File::open("/proc/self/mem").ok()) else { return 0 };
    let mut done = 0;
    while done < buffer.len() {
        match memory.read_at(&mut buffer[done..], address.wrapping_add(done as u64)) {
            Ok(n) if n > 0 => done += n,
            _ => break,
        }
    }
    done
}

/// The 64-bit word at `address`, if it is mapped.
pub(crate) fn read_u64(address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    (read(address, &mut bytes) == 8).then(|| u64::from_le_bytes(bytes))
}
