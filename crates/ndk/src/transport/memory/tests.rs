//! The rules of registered memory, one by one.

use super::*;
use crate::transport::{copy::transfer, mapping::testing::map};
use std::{vec, vec::Vec};

const BASE: u64 = 0x7000_0000_0123;
const OWNER: Owner = Owner(7);
const ALL: Access = Access { local_write: true, remote_read: true, remote_write: true };

/// A domain with a region of `bytes`, registered at [`BASE`].
fn registered(memory: &mut Memory, bytes: &mut [u8], access: Access) -> (MemoryId, MemoryId) {
    let domain = memory.create_domain(OWNER).unwrap();
    let region = memory.create_region(domain, false).unwrap();
    memory.register(region, map(&mut [bytes]), BASE, access).unwrap();
    (domain, region)
}

/// A logical mapping of `bytes`, whose first byte is `offset` into its page, as page addresses.
fn logical_pages(memory: &mut Memory, bytes: &mut [u8], offset: u32) -> (LamId, Vec<u64>) {
    let pages = (bytes.len() as u64 + u64::from(offset)).div_ceil(PAGE_SIZE);
    let lam = memory.create_lam(map(&mut [bytes]), offset, OWNER).unwrap();
    (lam, (0..pages).map(|page| LogicalAddresses::page_address(lam, page as u32)).collect())
}

/// A fast-registered region over `pages`.
fn fast_registered(memory: &mut Memory, domain: MemoryId, pages: &[u64], offset: u32, length: u64) -> MemoryId {
    let region = memory.create_region(domain, true).unwrap();
    memory.initialize_fast_register(region, pages.len() as u32, true).unwrap();
    let address = 0x10_0000 + u64::from(offset);
    let posted =
        memory.stage_fast_register(domain, FastRegistration::new(region, offset, length, address, ALL), pages).unwrap();
    memory.fast_register(&posted).unwrap();
    region
}

fn bind(
    memory: &mut Memory,
    domain: MemoryId,
    region: MemoryId,
    address: u64,
    length: u64,
    access: Access,
) -> MemoryId {
    let window = memory.create_window(domain).unwrap();
    let posted =
        memory.stage_bind(domain, Binding { region, window, key: Key::NONE, address, length, access }).unwrap();
    memory.bind(&posted).unwrap();
    window
}

/// Every range of a small registration around its ends, and around the end of all addresses.
fn ranges(base: u64, length: u64) -> impl Iterator<Item = (u64, u64, bool)> {
    let around = |x: u64| (0..=4_u64).map(move |d| x.wrapping_add(d).wrapping_sub(2));
    let starts = [base, base + length, 0, u64::MAX, u64::MAX - length].into_iter().flat_map(around);
    starts.flat_map(move |start| {
        let lengths = [1, length, u64::MAX - start, u64::MAX - length].into_iter().flat_map(around);
        lengths.filter(|wanted| *wanted != 0).map(move |wanted| {
            let fits = start >= base && u128::from(start) + u128::from(wanted) <= u128::from(base) + u128::from(length);
            (start, wanted, fits)
        })
    })
}

#[test]
fn one_byte_outside_in_any_direction_is_refused() {
    let mut memory = Memory::new();
    let mut bytes = [0; 100];
    let (domain, region) = registered(&mut memory, &mut bytes, ALL);
    let (local, remote) = (memory.local_token(region), memory.remote_token(region));
    let window = bind(&mut memory, domain, region, BASE + 10, 20, Access { local_write: false, ..ALL });
    let through_window = memory.remote_token(window);
    let mut fitting = 0;
    for (address, length, fits) in ranges(BASE, 100) {
        for write in [false, true] {
            let span = memory.local(domain, local, address, length, write);
            assert_eq!(span.map(|span| span.length()), fits.then_some(length), "{address:#x}+{length:#x}");
        }
        for need in [Access::REMOTE_READ, Access::REMOTE_WRITE] {
            let span = memory.remote(domain, remote, address, length, need);
            assert_eq!(span.map(|span| span.length()), fits.then_some(length), "{address:#x}+{length:#x}");
        }
        fitting += u32::from(fits);
    }
    assert!(fitting > 5);
    for (address, length, fits) in ranges(BASE + 10, 20) {
        let span = memory.remote(domain, through_window, address, length, Access::REMOTE_WRITE);
        assert_eq!(span.map(|span| span.length()), fits.then_some(length), "{address:#x}+{length:#x}");
    }
}

#[test]
fn one_byte_outside_a_fast_registration_is_refused() {
    let mut memory = Memory::new();
    let domain = memory.create_domain(OWNER).unwrap();
    let mut bytes = vec![0; 3 * PAGE_SIZE as usize];
    let (_, pages) = logical_pages(&mut memory, &mut bytes, 0);
    let region = fast_registered(&mut memory, domain, &pages, 77, 2 * PAGE_SIZE + 11);
    let token = memory.remote_token(region);
    for (address, length, fits) in ranges(0x10_0000 + 77, 2 * PAGE_SIZE + 11) {
        let span = memory.remote(domain, token, address, length, Access::REMOTE_READ);
        assert_eq!(span.is_some(), fits, "{address:#x}+{length:#x}");
    }
}

#[test]
fn a_span_leads_to_the_bytes_it_names() {
    let mut memory = Memory::new();
    let domain = memory.create_domain(OWNER).unwrap();
    let mut bytes: Vec<u8> = (0..3 * PAGE_SIZE).map(|n| (n % 251) as u8).collect();
    let expected = bytes.clone();
    let (_, mut pages) = logical_pages(&mut memory, &mut bytes, 0);
    // Pages of a fast registration need not be in the order of the logical addresses.
    pages.rotate_left(1);
    let expected: Vec<u8> = pages
        .iter()
        .flat_map(|page| expected[(page & 0xffff_ffff) as usize..][..PAGE_SIZE as usize].to_vec())
        .collect();
    let region = fast_registered(&mut memory, domain, &pages, 100, 2 * PAGE_SIZE);
    let token = memory.local_token(region);
    let span = memory.local(domain, token, 0x10_0000 + 105, 2 * PAGE_SIZE - 5, false).unwrap();
    let mut copied = vec![0; span.length() as usize];
    let whole = map(&mut [&mut copied]);
    let (mut at, mut runs) = (0, 0);
    while let Some(run) = span.run_from(at) {
        transfer(run, whole.run_from(at).unwrap());
        at += run.length() as u64;
        runs += 1;
    }
    assert_eq!((at, runs), (span.length(), 3));
    drop(whole);
    assert_eq!(copied, expected[105..][..copied.len()]);
    let mut until = span.length();
    while let Some(run) = span.run_until(until) {
        let forward = span.run_from(until - run.length() as u64).unwrap();
        assert_eq!(forward.address(), run.address());
        until -= run.length() as u64;
    }
    assert_eq!(until, 0);
}

#[test]
fn rights_are_what_the_registration_gave() {
    for (flags, access) in [(0, Access::LOCAL_READ), (1, Access::LOCAL_WRITE), (2, Access::REMOTE_READ)] {
        let mut memory = Memory::new();
        let mut bytes = [0; 8];
        assert_eq!(Access::from_mr_flags(flags), Some(access));
        let (domain, region) = registered(&mut memory, &mut bytes, access);
        let (local, remote) = (memory.local_token(region), memory.remote_token(region));
        assert!(memory.local(domain, local, BASE, 8, false).is_some());
        assert_eq!(memory.local(domain, local, BASE, 8, true).is_some(), access.local_write);
        assert_eq!(memory.remote(domain, remote, BASE, 8, Access::REMOTE_READ).is_some(), access.remote_read);
        assert!(memory.remote(domain, remote, BASE, 8, Access::REMOTE_WRITE).is_none());
        // A token is for one side.
        assert!(memory.local(domain, remote, BASE, 8, false).is_none());
        assert!(memory.remote(domain, local, BASE, 8, Access::REMOTE_READ).is_none());
    }
}

#[test]
fn no_bytes_need_no_token() {
    let mut memory = Memory::new();
    let domain = memory.create_domain(OWNER).unwrap();
    assert_eq!(memory.local(domain, 0xdead_beef, u64::MAX, 0, true).unwrap().length(), 0);
    assert_eq!(memory.remote(domain, 0xdead_beef, u64::MAX, 0, Access::REMOTE_WRITE).unwrap().length(), 0);
}

#[test]
fn tokens_end_with_their_registration() {
    let mut memory = Memory::new();
    let (mut bytes, mut others) = ([0; 8], [0; 8]);
    let (domain, region) = registered(&mut memory, &mut bytes, ALL);
    let tokens = (memory.local_token(region), memory.remote_token(region));
    let refused = |memory: &Memory, (local, remote): (u32, u32)| {
        memory.local(domain, local, BASE, 1, false).is_none()
            && memory.remote(domain, remote, BASE, 1, Access::REMOTE_READ).is_none()
    };
    assert!(!refused(&memory, tokens));
    let (other_domain, _) = registered(&mut memory, &mut others, ALL);
    assert!(memory.local(other_domain, tokens.0, BASE, 1, false).is_none());
    assert!(memory.remote(other_domain, tokens.1, BASE, 1, Access::REMOTE_READ).is_none());

    memory.deregister(region).unwrap();
    assert!(refused(&memory, tokens));
    assert_eq!((memory.local_token(region), memory.remote_token(region)), (0, 0));
    assert_eq!(memory.deregister(region).unwrap_err(), STATUS_INVALID_DEVICE_REQUEST);
    memory.register(region, map(&mut [&mut bytes]), BASE, ALL).unwrap();
    assert!(refused(&memory, tokens), "a new registration has new tokens");

    let tokens = (memory.local_token(region), memory.remote_token(region));
    assert!(!refused(&memory, tokens));
    memory.remove(region);
    assert!(refused(&memory, tokens));
    // The same place again: still other tokens.
    let again = memory.create_region(domain, false).unwrap();
    assert_eq!(again.place(), region.place());
    memory.register(again, map(&mut [&mut bytes]), BASE, ALL).unwrap();
    assert!(refused(&memory, tokens));
}

#[test]
fn a_region_is_registered_once_and_as_it_was_made() {
    let mut memory = Memory::new();
    let (mut bytes, mut others) = ([0; 8], [0; 8]);
    let (domain, region) = registered(&mut memory, &mut bytes, ALL);
    let mut register = |region, address| memory.register(region, map(&mut [&mut others]), address, ALL);
    assert_eq!(register(region, BASE), Err(STATUS_INVALID_DEVICE_REQUEST));
    assert_eq!(register(region, u64::MAX - 7), Err(STATUS_INVALID_PARAMETER), "the addresses wrap");
    let fast = memory.create_region(domain, true).unwrap();
    assert_eq!(memory.register(fast, map(&mut [&mut others]), BASE, ALL), Err(STATUS_INVALID_DEVICE_REQUEST));
    assert_eq!(memory.initialize_fast_register(region, 1, true), Err(STATUS_INVALID_DEVICE_REQUEST));
    assert_eq!(memory.can_invalidate(domain, region), Err(STATUS_INVALID_DEVICE_REQUEST));
    assert_eq!(memory.invalidate(region), Err(STATUS_INVALID_DEVICE_REQUEST));
    assert_eq!(memory.deregister(fast).unwrap_err(), STATUS_INVALID_DEVICE_REQUEST);
}

#[test]
fn logical_addresses_lead_to_their_mapping_only() {
    let mut memory = Memory::new();
    let domain = memory.create_domain(OWNER).unwrap();
    let other = memory.create_domain(OWNER).unwrap();
    let mut bytes = vec![0; 5000];
    let at = bytes.as_ptr().addr();
    let (lam, pages) = logical_pages(&mut memory, &mut bytes, 100);
    assert_eq!(pages.len(), 2);
    let token = memory.privileged_token(domain);
    let first = pages[0] + 100;
    assert_eq!(memory.local(domain, token, first, 5000, true).unwrap().run_from(0).unwrap().address(), at);
    for (address, length, fits) in ranges(first, 5000) {
        assert_eq!(memory.local(domain, token, address, length, true).is_some(), fits, "{address:#x}+{length:#x}");
    }
    assert!(memory.local(other, token, first, 1, false).is_none());
    assert!(memory.local(domain, memory.privileged_token(other), first, 1, false).is_none());
    let as_remote = Token { side: Side::Remote, ..Token::from_bits(token) }.to_bits();
    for token in [token, as_remote] {
        assert!(memory.remote(domain, token, first, 1, Access::REMOTE_READ).is_none(), "never remote");
    }
    let stranger = memory.create_domain(Owner(8)).unwrap();
    let strangers = memory.privileged_token(stranger);
    assert!(memory.local(stranger, strangers, first, 1, false).is_none(), "another adapter's mapping");
    let region = memory.create_region(stranger, true).unwrap();
    memory.initialize_fast_register(region, 1, true).unwrap();
    let posted =
        memory.stage_fast_register(stranger, FastRegistration::new(region, 0, 8, 0, ALL), &pages[1..]).unwrap();
    assert_eq!(memory.fast_register(&posted), Err(STATUS_ACCESS_VIOLATION));
    assert!(!memory.remove_lam(lam, Owner(8)));
    assert!(memory.remove_lam(lam, OWNER));
    assert!(memory.local(domain, token, first, 1, false).is_none());
    let (again, _) = logical_pages(&mut memory, &mut bytes, 100);
    assert_eq!(again.place(), lam.place());
    assert!(memory.local(domain, token, first, 1, false).is_none(), "the generation is part of the address");
}

#[test]
fn fast_register_refuses_what_its_page_forbids() {
    let mut memory = Memory::new();
    let domain = memory.create_domain(OWNER).unwrap();
    let other = memory.create_domain(OWNER).unwrap();
    let region = memory.create_region(domain, true).unwrap();
    let mut bytes = vec![0; 2 * PAGE_SIZE as usize];
    let (_, pages) = logical_pages(&mut memory, &mut bytes, 0);
    let local = Access::LOCAL_WRITE;
    let stage = |memory: &mut Memory, domain, pages: &[u64], offset, length, address, access| {
        memory
            .stage_fast_register(domain, FastRegistration::new(region, offset, length, address, access), pages)
            .map(|_| ())
    };
    let uninitialized = stage(&mut memory, domain, &pages, 0, 1, 0, local);
    assert_eq!(uninitialized, Err(STATUS_INVALID_DEVICE_REQUEST));
    memory.initialize_fast_register(region, 2, false).unwrap();
    let three = [pages[0], pages[1], pages[0]];
    for (domain, pages, offset, length, address, access, status) in [
        (other, &pages[..], 0, 1, 0, local, STATUS_INVALID_PARAMETER),
        (domain, &[], 0, 1, 0, local, STATUS_INVALID_PARAMETER),
        (domain, &three[..], 0, 1, 0, local, STATUS_INVALID_PARAMETER),
        (domain, &[pages[0] + 8], 0, 1, 0, local, STATUS_INVALID_PARAMETER),
        (domain, &pages[..], 4096, 1, 4096, local, STATUS_INVALID_PARAMETER),
        (domain, &pages[..], 0, 0, 0, local, STATUS_INVALID_PARAMETER),
        (domain, &pages[..], 1, 8192, 1, local, STATUS_INVALID_PARAMETER),
        (domain, &pages[..], 0, u64::MAX, 0, local, STATUS_INVALID_PARAMETER),
        (domain, &pages[..], 5, 10, 4096, local, STATUS_INVALID_PARAMETER),
        (domain, &pages[..], 0, 4097, u64::MAX - 4095, local, STATUS_INVALID_PARAMETER),
        (domain, &pages[..], 0, 1, 0, Access::REMOTE_READ, STATUS_ACCESS_VIOLATION),
    ] {
        assert_eq!(stage(&mut memory, domain, pages, offset, length, address, access), Err(status));
    }
    assert_eq!(stage(&mut memory, domain, &pages, 0, 8192, 0, local), Ok(()));
    assert_eq!(stage(&mut memory, domain, &pages, 0, 8192, 0, local), Err(STATUS_DEVICE_BUSY));
    assert_eq!(memory.initialize_fast_register(region, 2, true), Err(STATUS_DEVICE_BUSY));
}

#[test]
fn a_fast_registration_lives_from_execution_to_invalidation() {
    let mut memory = Memory::new();
    let domain = memory.create_domain(OWNER).unwrap();
    let mut bytes = vec![0; PAGE_SIZE as usize];
    let (lam, pages) = logical_pages(&mut memory, &mut bytes, 0);
    let region = memory.create_region(domain, true).unwrap();
    memory.initialize_fast_register(region, 1, true).unwrap();
    let local = memory.local_token(region);
    assert_ne!(local, 0, "NdkGetLocalTokenFromMr: after NdkInitializeFastRegisterMr");
    let usable = |memory: &Memory, remote| {
        (
            memory.local(domain, local, 0x5000, 8, true).is_some(),
            memory.remote(domain, remote, 0x5000, 8, Access::REMOTE_WRITE).is_some(),
        )
    };
    let posted = memory.stage_fast_register(domain, FastRegistration::new(region, 0, 8, 0x5000, ALL), &pages).unwrap();
    let first = memory.remote_token(region);
    assert_eq!(usable(&memory, first), (false, false), "posted only");
    memory.fast_register(&posted).unwrap();
    assert_eq!(usable(&memory, first), (true, true));
    let posted = memory.stage_fast_register(domain, FastRegistration::new(region, 0, 8, 0x5000, ALL), &pages).unwrap();
    let second = memory.remote_token(region);
    assert_ne!(first, second);
    assert_eq!(usable(&memory, first), (true, true), "the posted one changes nothing yet");
    assert_eq!(usable(&memory, second), (true, false));
    assert_eq!(memory.fast_register(&posted), Err(STATUS_INVALID_DEVICE_REQUEST), "still valid");
    memory.invalidate(region).unwrap();
    assert_eq!(memory.invalidate(region), Err(STATUS_INVALID_DEVICE_REQUEST), "not valid");
    assert_eq!(usable(&memory, first), (false, false));
    let posted = memory.stage_fast_register(domain, FastRegistration::new(region, 0, 8, 0x5000, ALL), &pages).unwrap();
    memory.unstage_fast_register(&posted);
    let posted = memory.stage_fast_register(domain, FastRegistration::new(region, 0, 8, 0x5000, ALL), &pages).unwrap();
    memory.fast_register(&posted).unwrap();
    let third = memory.remote_token(region);
    assert_eq!(
        (usable(&memory, third), usable(&memory, first), usable(&memory, second)),
        ((true, true), (true, false), (true, false))
    );
    // The pages go away below it.
    memory.remove_lam(lam, OWNER);
    assert_eq!(usable(&memory, third), (false, false));
    memory.invalidate(region).unwrap();
    let posted = memory.stage_fast_register(domain, FastRegistration::new(region, 0, 8, 0x5000, ALL), &pages).unwrap();
    assert_eq!(memory.fast_register(&posted), Err(STATUS_ACCESS_VIOLATION));
}

#[test]
fn a_window_shows_what_was_bound_until_it_is_invalidated() {
    let mut memory = Memory::new();
    let mut bytes = [0; 64];
    let (domain, region) = registered(&mut memory, &mut bytes, Access::LOCAL_WRITE);
    let window = bind(&mut memory, domain, region, BASE + 8, 8, Access::REMOTE_WRITE);
    let token = memory.remote_token(window);
    let reach = |memory: &Memory, need| memory.remote(domain, token, BASE + 8, 8, need).is_some();
    assert!(reach(&memory, Access::REMOTE_WRITE) && !reach(&memory, Access::REMOTE_READ));
    assert_eq!(memory.deregister(region).unwrap_err(), STATUS_DEVICE_BUSY);
    let again = Binding { region, window, key: Key::NONE, address: BASE, length: 1, access: Access::REMOTE_READ };
    let posted = memory.stage_bind(domain, again).unwrap();
    assert_eq!(memory.bind(&posted), Err(STATUS_INVALID_DEVICE_REQUEST), "bound");
    assert!(reach(&memory, Access::REMOTE_WRITE));
    memory.invalidate(window).unwrap();
    assert!(!reach(&memory, Access::REMOTE_WRITE));
    assert_eq!(memory.invalidate(window), Err(STATUS_INVALID_DEVICE_REQUEST));
    memory.bind(&posted).unwrap();
    assert!(!reach(&memory, Access::REMOTE_WRITE), "the token of the first bind");
    assert_eq!(memory.invalidatable(domain, token), None);
    assert_eq!(memory.invalidatable(domain, memory.remote_token(window)), Some(window));
    memory.remove(window);
    assert_eq!(memory.deregister(region), Ok(()));
}

#[test]
fn a_window_ends_with_its_region() {
    let mut memory = Memory::new();
    let mut bytes = [0; 64];
    let (domain, region) = registered(&mut memory, &mut bytes, ALL);
    let window = bind(&mut memory, domain, region, BASE, 64, Access::REMOTE_READ);
    let token = memory.remote_token(window);
    assert!(memory.remote(domain, token, BASE, 1, Access::REMOTE_READ).is_some());
    memory.remove(region);
    assert!(memory.remote(domain, token, BASE, 1, Access::REMOTE_READ).is_none());
    let again = memory.create_region(domain, false).unwrap();
    memory.register(again, map(&mut [&mut bytes]), BASE, ALL).unwrap();
    assert_eq!(again.place(), region.place());
    assert!(memory.remote(domain, token, BASE, 1, Access::REMOTE_READ).is_none());
    memory.invalidate(window).unwrap();
}

#[test]
fn a_window_ends_with_the_registration_it_was_bound_to() {
    let mut memory = Memory::new();
    let domain = memory.create_domain(OWNER).unwrap();
    let mut bytes = vec![0; PAGE_SIZE as usize];
    let (_, pages) = logical_pages(&mut memory, &mut bytes, 0);
    let region = fast_registered(&mut memory, domain, &pages, 0, 8);
    let window = bind(&mut memory, domain, region, 0x10_0000, 8, Access::REMOTE_READ);
    let token = memory.remote_token(window);
    let reach = |memory: &Memory| memory.remote(domain, token, 0x10_0000, 8, Access::REMOTE_READ).is_some();
    assert!(reach(&memory));
    memory.invalidate(region).unwrap();
    assert!(!reach(&memory));
    let again = FastRegistration::new(region, 0, 8, 0x10_0000, ALL);
    let posted = memory.stage_fast_register(domain, again, &pages).unwrap();
    memory.fast_register(&posted).unwrap();
    assert!(!reach(&memory), "the same range, registered anew");
}

#[test]
fn a_bind_is_within_its_region_and_its_rights() {
    let mut memory = Memory::new();
    let (mut bytes, mut others) = ([0; 64], [0; 64]);
    let (domain, region) = registered(&mut memory, &mut bytes, Access::REMOTE_READ);
    let (other, foreign) = registered(&mut memory, &mut others, ALL);
    let window = memory.create_window(domain).unwrap();
    let good = Binding { region, window, key: Key::NONE, address: BASE, length: 64, access: Access::REMOTE_READ };
    let mut stage = |domain, posted| memory.stage_bind(domain, posted).map(|_| ());
    for (posted, status) in [
        (Binding { access: Access::REMOTE_WRITE, ..good }, STATUS_ACCESS_VIOLATION),
        (Binding { access: Access::LOCAL_WRITE, ..good }, STATUS_INVALID_PARAMETER),
        (Binding { length: 0, ..good }, STATUS_INVALID_PARAMETER),
        (Binding { length: 65, ..good }, STATUS_ACCESS_VIOLATION),
        (Binding { address: BASE + 1, ..good }, STATUS_ACCESS_VIOLATION),
        (Binding { address: BASE - 1, ..good }, STATUS_ACCESS_VIOLATION),
        (Binding { address: u64::MAX, ..good }, STATUS_ACCESS_VIOLATION),
        (Binding { region: foreign, ..good }, STATUS_INVALID_PARAMETER),
        (Binding { region: window, ..good }, STATUS_INVALID_PARAMETER),
        (Binding { window: region, ..good }, STATUS_INVALID_PARAMETER),
    ] {
        assert_eq!(stage(domain, posted), Err(status), "{posted:?}");
    }
    assert_eq!(stage(other, good), Err(STATUS_INVALID_PARAMETER));
    assert_eq!(stage(domain, good), Ok(()));
}

#[test]
fn a_send_invalidates_only_what_is_valid_and_remote() {
    let mut memory = Memory::new();
    let mut bytes = vec![0; PAGE_SIZE as usize];
    let mut others = [0; 8];
    let (domain, normal) = registered(&mut memory, &mut others, ALL);
    let (_, pages) = logical_pages(&mut memory, &mut bytes, 0);
    let region = fast_registered(&mut memory, domain, &pages, 0, 8);
    let other = memory.create_domain(OWNER).unwrap();
    let token = memory.remote_token(region);
    assert_eq!(memory.invalidatable(domain, token), Some(region));
    for bad in [memory.local_token(region), memory.remote_token(normal), memory.privileged_token(domain), 0, u32::MAX] {
        assert_eq!(memory.invalidatable(domain, bad), None);
    }
    assert_eq!(memory.invalidatable(other, token), None);
    memory.invalidate(region).unwrap();
    assert_eq!(memory.invalidatable(domain, token), None);
}
