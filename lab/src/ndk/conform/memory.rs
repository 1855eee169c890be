//! Memory: what moves and what must not.

use super::bench::*;
use crate::ndk::consumer::{Adapter, Buffer, Memory, Pd, Side};
use crate::pattern::Pattern;
use lab_kernel::rules;
use lab_kernel::rules::Rule;
use ndis_sys::ndk::_NDK_OPERATION_TYPE as ops;
use ndis_sys::ndk::status::*;
use ndis_sys::ndk::*;
use wdk_sys::{NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

rules! {
    NDK_BYTES_EXACT: "A write and a read move exactly the bytes asked for", "DDI ndkpi NDK_FN_WRITE, NDK_FN_READ";
    NDK_BOUNDS: "A range that is not inside the region is refused with STATUS_ACCESS_VIOLATION, and nothing moves", "DDI ndkpi NDK_FN_REGISTER_MR: Length; NDK_FN_READ: STATUS_REMOTE_RESOURCES";
    NDK_RIGHTS: "An access that the region's flags do not allow is refused, and nothing moves", "DDI ndkpi NDK_FN_REGISTER_MR: Flags";
    NDK_TOKENS: "A token that is not valid (any more) opens nothing", "DDI ndkpi NDK_FN_DEREGISTER_MR, NDK_FN_INVALIDATE, NDK_FN_GET_REMOTE_TOKEN_FROM_MR";
    NDK_DOMAINS: "Regions are used by QPs of their own protection domain only", "docs NDKPI terminology: protection domain; DDI ndkpi NDK_PD";
    NDK_MR_CONTIGUOUS: "An MDL chain that is not virtually contiguous, or shorter than the length, is refused", "DDI ndkpi NDK_FN_REGISTER_MR: STATUS_INVALID_PARAMETER";
    NDK_MR_TOKENS: "Two regions have different tokens", "DDI ndkpi NDK_FN_GET_LOCAL_TOKEN_FROM_MR, NDK_FN_GET_REMOTE_TOKEN_FROM_MR";
    NDK_WINDOW: "A bound window opens its range with its rights and nothing else, until it is invalidated", "DDI ndkpi NDK_FN_BIND, NDK_FN_INVALIDATE, NDK_FN_GET_REMOTE_TOKEN_FROM_MW";
    NDK_WINDOW_RIGHTS: "A window is not bound with rights that its region does not have", "DDI ndkpi NDK_FN_BIND: STATUS_ACCESS_VIOLATION";
    NDK_FAST_REGISTER: "A fast-registered region opens its pages with its rights, until it is invalidated", "DDI ndkpi NDK_FN_FAST_REGISTER, NDK_FN_INVALIDATE";
    NDK_FAST_REGISTER_LIMITS: "Pages beyond FRMRPageCount are STATUS_IMPLEMENTATION_LIMIT; remote access without its initialisation is STATUS_ACCESS_VIOLATION", "DDI ndkpi NDK_FN_INITIALIZE_FAST_REGISTER_MR, NDK_FN_FAST_REGISTER";
    NDK_REMOTE_INVALIDATE: "NdkSendAndInvalidate ends the token at the receiver, whose result names it", "DDI ndkpi NDK_FN_SEND_AND_INVALIDATE, NDK_RESULT_EX";
    NDK_PRIVILEGED_TOKEN: "With the privileged token an SGE is a logical address of a mapping", "DDI ndkpi NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN, NDK_SGE";
}

const ACCESS: &[NTSTATUS] = &[STATUS_ACCESS_VIOLATION];
/// What a read beyond the end may say instead.
const READ_BEYOND: &[NTSTATUS] = &[STATUS_ACCESS_VIOLATION, STATUS_REMOTE_RESOURCES];
/// A local range may be seen to be wrong when it is posted.
const LOCAL: &[NTSTATUS] = &[STATUS_ACCESS_VIOLATION, STATUS_INVALID_PARAMETER];

const MIB: usize = 1 << 20;

fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Pattern::new(seed).fill(&mut bytes);
    bytes
}

/// Writes and reads between every kind of memory, up to 1 MiB, at every kind of offset.
pub fn transfers(adapter: &Adapter) -> Option<()> {
    let most = (adapter.info().MaxTransferLength as usize).min(MIB);
    let pair = Pair::new(adapter, &Shape { memory: MIB, ..Shape::default() })?;
    let (a, b) = (&pair.a, &pair.b);
    let kinds: [(Memory, usize, Vec<usize>); 3] = [
        (Memory::Pool, 0, vec![MIB]),
        (Memory::Process, 77, vec![MIB - 4096 - 77, 4096 + 77]),
        (Memory::Pool, 4095, vec![1, 4096, MIB - 4097]),
    ];
    for (turn, (memory, offset, parts)) in kinds.into_iter().enumerate() {
        let remote = Region::over(b.pd, Buffer::chained(memory, offset, &parts), ALL_RIGHTS)?;
        for (at, len) in [(0, most), (0, 0), (1, 1), (4090, 13), (MIB - 1, 1), (4095, 4097), (12_345, 65_536)] {
            let len = len.min(MIB - at).min(most);
            let seed = (turn * 100 + len) as u64;
            a.region.buffer.fill(seed);
            remote.buffer.fill(!seed);
            let mut wanted = pattern(!seed, MIB);
            wanted[at..at + len].copy_from_slice(&pattern(seed, MIB)[..len]);
            posted(a.qp.write(1, &[a.region.sge(0, len)], remote.address(at as i64), remote.remote, 0));
            let work = one(&a.cq)?;
            let exact = work.status == STATUS_SUCCESS && remote.buffer.contents() == wanted;
            NDK_BYTES_EXACT.check(exact, || format!("write of {len} at {at}, {memory:?} {offset}: {work:x?}"));
            // And back, scattered into two pieces.
            a.region.buffer.fill(seed + 1);
            let half = len / 2;
            let pieces = [a.region.sge(7, half), a.region.sge(MIB - (len - half), len - half)];
            let overlap = 7 + half > MIB - (len - half);
            let sges = if overlap { &[a.region.sge(0, len)][..] } else { &pieces[..] };
            let mut wanted = pattern(seed + 1, MIB);
            let data = remote.buffer.bytes(at, len);
            if overlap {
                wanted[..len].copy_from_slice(&data);
            } else {
                wanted[7..7 + half].copy_from_slice(&data[..half]);
                wanted[MIB - (len - half)..].copy_from_slice(&data[half..]);
            }
            posted(a.qp.read(2, sges, remote.address(at as i64), remote.remote, 0));
            let work = one(&a.cq)?;
            let exact = work.status == STATUS_SUCCESS && a.region.buffer.contents() == wanted;
            NDK_BYTES_EXACT.check(exact, || format!("read of {len} at {at}, {memory:?} {offset}: {work:x?}"));
        }
        remote.close();
    }
    pair.close();
    Some(())
}

/// A request that must be refused: with its post or with its result, and with nothing moved in either region.
fn refused(
    rule: &'static Rule,
    what: &str,
    allowed: &[NTSTATUS],
    pair: &Pair,
    remote: &Region,
    post: impl FnOnce() -> NTSTATUS,
) {
    pair.a.region.buffer.fill(1);
    remote.buffer.fill(2);
    let posted = post();
    let outcome = if posted == STATUS_SUCCESS { one(&pair.a.cq).map(|w| w.status) } else { Some(posted) };
    rule.check(outcome.is_some_and(|status| allowed.contains(&status)), || format!("{what}: {outcome:x?}"));
    let local_same = pair.a.region.buffer.contents() == pattern(1, pair.a.region.buffer.len());
    let remote_same = remote.buffer.contents() == pattern(2, remote.buffer.len());
    rule.check(local_same && remote_same, || {
        format!("{what}: bytes moved (local same {local_same}, remote {remote_same})")
    });
}

/// A fresh pair for a case: a refused access may end the connection.
fn case(adapter: &Adapter, run: impl FnOnce(&Pair) -> Option<()>) -> Option<()> {
    let pair = Pair::new(adapter, &Shape { memory: 8192, ..Shape::default() })?;
    run(&pair)?;
    pair.close();
    Some(())
}

/// One byte too early, too late, too long, and addresses that wrap, remote and local.
pub fn bounds(adapter: &Adapter) -> Option<()> {
    const LEN: usize = 5000;
    let ranges: [(&str, i64, usize); 7] = [
        ("one byte before", -1, LEN),
        ("one byte before, one long", -1, 1),
        ("one byte behind", 1, LEN),
        ("the byte behind", LEN as i64, 1),
        ("one too long", 0, LEN + 1),
        ("far away", 1 << 40, 16),
        ("wrapping", i64::MAX, 4096),
    ];
    for memory in [Memory::Pool, Memory::Process] {
        for (what, at, len) in ranges {
            for write in [true, false] {
                case(adapter, |pair| {
                    let remote = Region::over(pair.b.pd, Buffer::new(memory, 50, LEN), ALL_RIGHTS)?;
                    let a = &pair.a;
                    // The wrapping range ends behind the last address.
                    let address = if at == i64::MAX { u64::MAX - 100 } else { remote.address(at) };
                    let sge = [a.region.sge(0, len)];
                    let allowed = if write { ACCESS } else { READ_BEYOND };
                    refused(&NDK_BOUNDS, &format!("remote {what}, write {write}"), allowed, pair, &remote, || {
                        if write {
                            a.qp.write(1, &sge, address, remote.remote, 0)
                        } else {
                            a.qp.read(1, &sge, address, remote.remote, 0)
                        }
                    });
                    remote.close();
                    Some(())
                })?;
                case(adapter, |pair| {
                    let remote = Region::new(pair.b.pd, 8192)?;
                    let local = Region::over(pair.a.pd, Buffer::new(memory, 50, LEN), ALL_RIGHTS)?;
                    let sge = if at == i64::MAX {
                        local.buffer.sge(
                            (u64::MAX - 100).wrapping_sub(local.buffer.address()).cast_signed(),
                            4096,
                            local.local,
                        )
                    } else {
                        local.buffer.sge(at, len as u32, local.local)
                    };
                    let a = &pair.a;
                    refused(&NDK_BOUNDS, &format!("local {what}, write {write}"), LOCAL, pair, &remote, || {
                        if write {
                            a.qp.write(1, &[sge], remote.address(0), remote.remote, 0)
                        } else {
                            a.qp.read(1, &[sge], remote.address(0), remote.remote, 0)
                        }
                    });
                    local.close();
                    remote.close();
                    Some(())
                })?;
            }
        }
    }
    Some(())
}

/// Every combination of region flags against write, read and local use.
pub fn rights(adapter: &Adapter) -> Option<()> {
    let flags = [
        NDK_MR_FLAG_ALLOW_LOCAL_READ,
        NDK_MR_FLAG_ALLOW_LOCAL_WRITE,
        NDK_MR_FLAG_ALLOW_REMOTE_READ,
        NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
        NDK_MR_FLAG_ALLOW_REMOTE_READ | NDK_MR_FLAG_ALLOW_REMOTE_WRITE,
    ];
    for flags in flags {
        for write in [true, false] {
            let right = if write { NDK_MR_FLAG_ALLOW_REMOTE_WRITE } else { NDK_MR_FLAG_ALLOW_REMOTE_READ };
            let allowed = flags & right == right;
            case(adapter, |pair| {
                let remote = Region::over(pair.b.pd, Buffer::new(Memory::Pool, 0, 8192), flags)?;
                let (a, sge) = (&pair.a, [pair.a.region.sge(0, 100)]);
                let post = || {
                    if write {
                        a.qp.write(1, &sge, remote.address(0), remote.remote, 0)
                    } else {
                        a.qp.read(1, &sge, remote.address(0), remote.remote, 0)
                    }
                };
                if allowed {
                    posted(post());
                    let work = one(&a.cq)?;
                    NDK_RIGHTS
                        .check(work.status == STATUS_SUCCESS, || format!("flags {flags:#x}, write {write}: {work:x?}"));
                } else {
                    refused(&NDK_RIGHTS, &format!("flags {flags:#x}, write {write}"), ACCESS, pair, &remote, post);
                }
                remote.close();
                Some(())
            })?;
        }
        // A read into local memory that must not be written.
        if flags & NDK_MR_FLAG_ALLOW_LOCAL_WRITE == 0 {
            case(adapter, |pair| {
                let local = Region::over(pair.a.pd, Buffer::new(Memory::Pool, 0, 4096), flags)?;
                local.buffer.fill(9);
                let (a, b) = (&pair.a, &pair.b);
                refused(&NDK_RIGHTS, &format!("read into flags {flags:#x}"), LOCAL, pair, &b.region, || {
                    a.qp.read(1, &[local.sge(0, 100)], b.region.address(0), b.region.remote, 0)
                });
                NDK_RIGHTS
                    .check(local.buffer.contents() == pattern(9, 4096), || "the local region was written".to_owned());
                local.close();
                Some(())
            })?;
        }
    }
    Some(())
}

/// Tokens that were never, and that are no more; regions of another domain.
pub fn tokens(adapter: &Adapter) -> Option<()> {
    case(adapter, |pair| {
        let mut seen = vec![pair.a.region.remote, pair.b.region.remote];
        let more: Vec<_> = (0..8).map_while(|_| Region::new(pair.b.pd, 64)).collect();
        seen.extend(more.iter().map(|r| r.remote));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        NDK_MR_TOKENS.check(seen.len() == count, || format!("{count} regions, {} tokens", seen.len()));
        more.into_iter().for_each(Region::close);
        Some(())
    })?;
    for what in ["made up", "zero", "deregistered", "closed"] {
        case(adapter, |pair| {
            let remote = Region::new(pair.b.pd, 4096)?;
            let token = match what {
                "made up" => !remote.remote,
                "zero" => 0,
                _ => remote.remote,
            };
            if what == "deregistered" {
                must_be(&NDK_WITHIN_LIMITS, "NdkDeregisterMr", remote.mr.deregister().wait())?;
            } else if what == "closed" {
                remote.mr.close().wait();
            }
            let (a, sge) = (&pair.a, [pair.a.region.sge(0, 100)]);
            refused(&NDK_TOKENS, &format!("remote token {what}"), ACCESS, pair, &remote, || {
                a.qp.write(1, &sge, remote.address(0), token, 0)
            });
            if what != "closed" {
                remote.close();
            }
            Some(())
        })?;
    }
    case(adapter, |pair| {
        let (a, b) = (&pair.a, &pair.b);
        let sge = [a.region.buffer.sge(0, 100, !a.region.local)];
        refused(&NDK_TOKENS, "local token made up", LOCAL, pair, &b.region, || {
            a.qp.write(1, &sge, b.region.address(0), b.region.remote, 0)
        });
        Some(())
    })?;
    // A region of a third domain, as remote and as local memory.
    for remote in [true, false] {
        case(adapter, |pair| {
            let pd: Pd = must(&NDK_WITHIN_LIMITS, "NdkCreatePd", adapter.create_pd())?;
            let foreign = Region::new(pd, 4096)?;
            let (a, b) = (&pair.a, &pair.b);
            let (sge, target) =
                if remote { (a.region.sge(0, 100), &foreign) } else { (foreign.sge(0, 100), &b.region) };
            let allowed = if remote { ACCESS } else { LOCAL };
            refused(&NDK_DOMAINS, &format!("foreign region, remote {remote}"), allowed, pair, target, || {
                a.qp.write(1, &[sge], target.address(0), target.remote, 0)
            });
            foreign.close();
            pd.close().wait();
            Some(())
        })?;
    }
    registration(adapter)
}

/// Chains that are no virtually contiguous region, and lengths beyond the chain.
fn registration(adapter: &Adapter) -> Option<()> {
    let pd = must(&NDK_WITHIN_LIMITS, "NdkCreatePd", adapter.create_pd())?;
    let torn = Buffer::torn(Memory::Process, &[4096, 4096]);
    let short = Buffer::new(Memory::Pool, 0, 4096);
    for (what, buffer, len) in [("torn chain", &torn, 8192), ("one byte more than the MDL", &short, 4097)] {
        let mr = must(&NDK_WITHIN_LIMITS, "NdkCreateMr", pd.create_mr(false))?;
        let status = mr.register(buffer, len, ALL_RIGHTS).wait();
        NDK_MR_CONTIGUOUS.check(status == Some(STATUS_INVALID_PARAMETER), || format!("{what}: {status:x?}"));
        let (lam, _, _) = adapter.build_lam_into(buffer, len, 4096);
        NDK_MR_CONTIGUOUS.check(lam == STATUS_INVALID_PARAMETER, || format!("{what}, LAM: {lam:#x}"));
        mr.close().wait();
    }
    // A region that is registered, deregistered and registered again.
    let buffer = Buffer::new(Memory::Process, 100, 9000);
    let mr = must(&NDK_WITHIN_LIMITS, "NdkCreateMr", pd.create_mr(false))?;
    for _ in 0..3 {
        must_be(&NDK_WITHIN_LIMITS, "NdkRegisterMr", mr.register(&buffer, 9000, ALL_RIGHTS).wait())?;
        must_be(&NDK_WITHIN_LIMITS, "NdkDeregisterMr", mr.deregister().wait())?;
    }
    mr.close().wait();
    pd.close().wait();
    Some(())
}

/// Memory windows: range, rights, invalidation.
pub fn windows(adapter: &Adapter) -> Option<()> {
    let read = NDK_OP_FLAG_ALLOW_REMOTE_READ;
    let write = NDK_OP_FLAG_ALLOW_REMOTE_WRITE;
    let cases: [(&str, u32, i64, usize, bool, bool); 6] = [
        ("write inside", read | write, 100, 50, true, true),
        ("write one byte before", read | write, 99, 50, true, false),
        ("write one byte behind", read | write, 101, 50, true, false),
        ("write without the right", read, 100, 50, true, false),
        ("read without the right", write, 100, 50, false, false),
        ("read inside", read, 100, 50, false, true),
    ];
    for (what, flags, at, len, is_write, allowed) in cases {
        case(adapter, |pair| {
            let (a, b) = (&pair.a, &pair.b);
            let mw = must(&NDK_WITHIN_LIMITS, "NdkCreateMw", b.pd.create_mw())?;
            posted(b.qp.bind(1, b.region.mr, mw, b.region.address(100), 50, flags));
            let bound = one(&b.cq)?;
            let right = bound.status == STATUS_SUCCESS && bound.kind == ops::NdkOperationTypeBind && bound.request == 1;
            NDK_WINDOW.check(right, || format!("bind: {bound:x?}"));
            let token = mw.remote_token();
            let sge = [a.region.sge(0, len)];
            let post = || {
                if is_write {
                    a.qp.write(2, &sge, b.region.address(at), token, 0)
                } else {
                    a.qp.read(2, &sge, b.region.address(at), token, 0)
                }
            };
            if allowed {
                posted(post());
                let work = one(&a.cq)?;
                NDK_WINDOW.check(work.status == STATUS_SUCCESS, || format!("{what}: {work:x?}"));
                posted(b.qp.invalidate_mw(3, mw, 0));
                let ended = one(&b.cq)?;
                let right = ended.status == STATUS_SUCCESS && ended.kind == ops::NdkOperationTypeInvalidate;
                NDK_WINDOW.check(right, || format!("invalidate: {ended:x?}"));
                refused(&NDK_WINDOW, &format!("{what}, invalidated"), ACCESS, pair, &b.region, post);
            } else {
                refused(&NDK_WINDOW, what, if is_write { ACCESS } else { READ_BEYOND }, pair, &b.region, post);
            }
            mw.close().wait();
            Some(())
        })?;
    }
    // The region goes while a window shows it.
    case(adapter, |pair| {
        let (a, b) = (&pair.a, &pair.b);
        let region = Region::new(b.pd, 4096)?;
        let mw = must(&NDK_WITHIN_LIMITS, "NdkCreateMw", b.pd.create_mw())?;
        posted(b.qp.bind(1, region.mr, mw, region.address(0), 4096, write));
        one(&b.cq)?;
        let token = mw.remote_token();
        region.mr.close().wait();
        refused(&NDK_WINDOW, "region closed", ACCESS, pair, &region, || {
            a.qp.write(2, &[a.region.sge(0, 100)], region.address(0), token, 0)
        });
        mw.close().wait();
        Some(())
    })?;
    // Rights that the region lacks: refused with the post or with the result.
    case(adapter, |pair| {
        let b = &pair.b;
        let region = Region::over(b.pd, Buffer::new(Memory::Pool, 0, 4096), NDK_MR_FLAG_ALLOW_REMOTE_READ)?;
        let mw = must(&NDK_WITHIN_LIMITS, "NdkCreateMw", b.pd.create_mw())?;
        let status = b.qp.bind(1, region.mr, mw, region.address(0), 100, write);
        let outcome = if status == STATUS_SUCCESS { one(&b.cq)?.status } else { status };
        NDK_WINDOW_RIGHTS.check(outcome == STATUS_ACCESS_VIOLATION, || format!("{outcome:#x}"));
        mw.close().wait();
        region.close();
        Some(())
    })
}

/// Fast registration of logical pages.
pub fn fast_register(adapter: &Adapter) -> Option<()> {
    let most = adapter.info().FRMRPageCount;
    case(adapter, |pair| {
        let (a, b) = (&pair.a, &pair.b);
        let buffer = Buffer::new(Memory::Process, 300, 9000);
        let lam = adapter.build_lam(&buffer)?;
        let mr = must(&NDK_WITHIN_LIMITS, "NdkCreateMr", b.pd.create_mr(true))?;
        if let Some(beyond) = most.checked_add(1) {
            let status = mr.initialize_fast(beyond, true).wait();
            let limit = Some(STATUS_IMPLEMENTATION_LIMIT);
            NDK_FAST_REGISTER_LIMITS.check(status == limit, || format!("{beyond} pages: {status:x?}"));
        }
        must_be(&NDK_WITHIN_LIMITS, "NdkInitializeFastRegisterMr", mr.initialize_fast(4, true).wait())?;
        // The address that the consumer wants it to have, at the same offset in a page.
        let base = 0x7_0000_0000 + u64::from(lam.offset);
        let flags = NDK_OP_FLAG_ALLOW_REMOTE_READ | NDK_OP_FLAG_ALLOW_REMOTE_WRITE | NDK_OP_FLAG_ALLOW_LOCAL_WRITE;
        for round in 0..2_u64 {
            posted(b.qp.fast_register(1, mr, &lam, 9000, base, flags));
            let work = one(&b.cq)?;
            let right = work.status == STATUS_SUCCESS && work.kind == ops::NdkOperationTypeFastRegister;
            NDK_FAST_REGISTER.check(right, || format!("{work:x?}"));
            let token = mr.remote_token();
            a.region.buffer.fill(round);
            buffer.fill(50);
            posted(a.qp.write(2, &[a.region.sge(0, 8000)], base + 1000, token, 0));
            let work = one(&a.cq)?;
            let mut wanted = pattern(50, 9000);
            wanted[1000..].copy_from_slice(&pattern(round, 8192)[..8000]);
            let exact = work.status == STATUS_SUCCESS && buffer.contents() == wanted;
            NDK_FAST_REGISTER.check(exact, || format!("write: {work:x?}"));
            posted(b.qp.invalidate_mr(3, mr, 0));
            let work = one(&b.cq)?;
            NDK_FAST_REGISTER.check(work.status == STATUS_SUCCESS, || format!("invalidate: {work:x?}"));
            if round == 1 {
                let holder = Region { buffer, mr, local: 0, remote: token };
                refused(&NDK_FAST_REGISTER, "invalidated", ACCESS, pair, &holder, || {
                    a.qp.write(4, &[a.region.sge(0, 100)], base, token, 0)
                });
                break;
            }
        }
        mr.close().wait();
        adapter.release_lam(lam);
        Some(())
    })?;
    case(adapter, |pair| {
        let b = &pair.b;
        let buffer = Buffer::new(Memory::Pool, 0, 4096);
        let lam = adapter.build_lam(&buffer)?;
        let mr = must(&NDK_WITHIN_LIMITS, "NdkCreateMr", b.pd.create_mr(true))?;
        must_be(&NDK_WITHIN_LIMITS, "NdkInitializeFastRegisterMr", mr.initialize_fast(1, false).wait())?;
        let flags = NDK_OP_FLAG_ALLOW_REMOTE_READ;
        let status = b.qp.fast_register(1, mr, &lam, 4096, 0x10_0000, flags);
        let outcome = if status == STATUS_SUCCESS { one(&b.cq)?.status } else { status };
        NDK_FAST_REGISTER_LIMITS.check(outcome == STATUS_ACCESS_VIOLATION, || format!("{outcome:#x}"));
        mr.close().wait();
        adapter.release_lam(lam);
        Some(())
    })
}

/// NdkSendAndInvalidate of a window's token.
pub fn remote_invalidate(adapter: &Adapter) -> Option<()> {
    case(adapter, |pair| {
        let (a, b) = (&pair.a, &pair.b);
        let mw = must(&NDK_WITHIN_LIMITS, "NdkCreateMw", b.pd.create_mw())?;
        posted(b.qp.bind(1, b.region.mr, mw, b.region.address(0), 4096, NDK_OP_FLAG_ALLOW_REMOTE_WRITE));
        let token = (one(&b.cq)?.status == STATUS_SUCCESS).then(|| mw.remote_token())?;
        b.receive(2, 4096, 64);
        posted(a.qp.send_and_invalidate(3, &[a.region.sge(0, 64)], 0, token));
        let (sent, received) = (one(&a.cq)?, one(&b.rcq)?);
        let right = sent.status == STATUS_SUCCESS && sent.kind == ops::NdkOperationTypeSend;
        NDK_REMOTE_INVALIDATE.check(right, || format!("{sent:x?}"));
        let right = received.status == STATUS_SUCCESS
            && received.kind == ops::NdkOperationTypeReceiveAndInvalidate
            && received.output as u32 == token
            && received.bytes == 64;
        NDK_REMOTE_INVALIDATE.check(right, || format!("token {token:#x}: {received:x?}"));
        refused(&NDK_REMOTE_INVALIDATE, "use of the token afterwards", ACCESS, pair, &b.region, || {
            a.qp.write(4, &[a.region.sge(0, 8)], b.region.address(0), token, 0)
        });
        mw.close().wait();
        Some(())
    })
}

/// Sends from logical addresses.
pub fn privileged(adapter: &Adapter) -> Option<()> {
    case(adapter, |pair| {
        let (a, b) = (&pair.a, &pair.b);
        let buffer = Buffer::new(Memory::Process, 0, 4096);
        buffer.fill(3);
        let lam = adapter.build_lam(&buffer)?;
        let sge = lam.sge(0, 4096, a.pd.privileged_token());
        b.receive(1, 0, 4096);
        posted(a.qp.send(2, &[sge], 0));
        let (sent, received) = (one(&a.cq)?, one(&b.rcq)?);
        let exact = sent.status == STATUS_SUCCESS
            && received.bytes == 4096
            && b.region.buffer.bytes(0, 4096) == pattern(3, 4096);
        NDK_PRIVILEGED_TOKEN.check(exact, || format!("{sent:x?} {received:x?}"));
        adapter.release_lam(lam);
        Some(())
    })?;
    case(adapter, |pair| {
        let (a, b) = (&pair.a, &pair.b);
        let sge = [a.region.buffer.sge(0, 64, a.pd.privileged_token())];
        refused(&NDK_PRIVILEGED_TOKEN, "a virtual address under the privileged token", LOCAL, pair, &b.region, || {
            a.qp.write(1, &sge, b.region.address(0), b.region.remote, 0)
        });
        Some(())
    })
}

/// The sides of a connection that use the Ex functions behave the same.
pub fn ex_connection(adapter: &Adapter) -> Option<()> {
    let side = Side { inbound: 1, outbound: 1, ex: true, data: b"extended".to_vec() };
    let pair = Pair::new(adapter, &Shape { connect: side.clone(), accept: side, ..Shape::default() })?;
    let (a, b) = (&pair.a, &pair.b);
    a.region.buffer.fill(4);
    posted(a.qp.write(1, &[a.region.sge(0, 512)], b.region.address(0), b.region.remote, 0));
    let work = one(&a.cq)?;
    let exact = work.status == STATUS_SUCCESS && b.region.buffer.bytes(0, 512) == a.region.buffer.bytes(0, 512);
    NDK_BYTES_EXACT.check(exact, || format!("{work:x?}"));
    pair.close();
    Some(())
}
