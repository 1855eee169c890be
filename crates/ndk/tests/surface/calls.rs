//! The calls of the hostile consumer.

use super::{Bytes, Expected, Kind, Surface, invoke};
use crate::support::{consumer::*, memory::PAGE};
use ndis_sys::ndk::*;
use std::ptr::null_mut;
use wdk_sys::*;

impl Surface {
    pub(super) fn create(&mut self, what: u8, bytes: &mut Bytes<'_>) {
        let (number, tables, adapter) = (self.number(), &raw const self.tables, self.adapter);
        // SAFETY: the tables are not written any more.
        let tables = unsafe { &*tables };
        let mut made: *mut std::ffi::c_void = null_mut();
        let place = &raw mut made;
        let none = null_mut();
        let context = tag(number);
        let (kind, status) = match what {
            0 => {
                let depth = bytes.number();
                let call = Some(on_cq as _);
                (
                    Kind::Cq,
                    invoke!(tables.adapter.NdkCreateCq(
                        adapter,
                        depth,
                        call,
                        context,
                        null_mut(),
                        None,
                        none,
                        place.cast()
                    )),
                )
            }
            1 => (Kind::Pd, invoke!(tables.adapter.NdkCreatePd(adapter, None, none, place.cast()))),
            2 => {
                let pd = self.handle(Kind::Pd, bytes);
                (Kind::Mr, invoke!(tables.pd.NdkCreateMr(pd, bytes.byte() & 1, None, none, place.cast())))
            }
            3 => {
                let pd = self.handle(Kind::Pd, bytes);
                (Kind::Mw, invoke!(tables.pd.NdkCreateMw(pd, None, none, place.cast())))
            }
            4 => {
                let (pd, depth, width, low) =
                    (self.handle(Kind::Pd, bytes), bytes.number(), bytes.number(), bytes.number());
                let call = Some(on_srq as _);
                (
                    Kind::Srq,
                    invoke!(tables.pd.NdkCreateSrq(
                        pd,
                        depth,
                        width,
                        low,
                        call,
                        context,
                        null_mut(),
                        None,
                        none,
                        place.cast()
                    )),
                )
            }
            5 | 6 => {
                let (pd, cqs) = (self.handle(Kind::Pd, bytes), [0, 1].map(|_| self.handle(Kind::Cq, bytes)));
                let [receives, initiators, width] = [0; 3].map(|_: u8| bytes.number());
                (
                    Kind::Qp,
                    invoke!(tables.pd.NdkCreateQp(
                        pd,
                        cqs[0],
                        cqs[1],
                        context,
                        receives,
                        initiators,
                        width,
                        width,
                        64,
                        None,
                        none,
                        place.cast()
                    )),
                )
            }
            7 => {
                let (pd, cqs) = (self.handle(Kind::Pd, bytes), [0, 1].map(|_| self.handle(Kind::Cq, bytes)));
                let srq = self.handle(Kind::Srq, bytes);
                (
                    Kind::Qp,
                    invoke!(tables.pd.NdkCreateQpWithSrq(
                        pd,
                        cqs[0],
                        cqs[1],
                        srq,
                        context,
                        bytes.number(),
                        3,
                        8,
                        None,
                        none,
                        place.cast()
                    )),
                )
            }
            8 => (Kind::Connector, invoke!(tables.adapter.NdkCreateConnector(adapter, None, none, place.cast()))),
            _ if bytes.below(2) == 0 => {
                let call = Some(on_connect as _);
                (
                    Kind::Listener,
                    invoke!(tables.adapter.NdkCreateListener(adapter, call, context, None, none, place.cast())),
                )
            }
            _ => {
                let (mut at, length) = Self::address(bytes);
                let at = (&raw mut at).cast();
                (
                    Kind::SharedEndpoint,
                    invoke!(tables.adapter.NdkCreateSharedEndpoint(adapter, at, length, None, none, place.cast())),
                )
            }
        };
        self.made(kind, status, made, number);
    }

    pub(super) fn memory(&mut self, what: u8, bytes: &mut Bytes<'_>) {
        let number = self.number();
        let (call, context) = (Some(on_request as _), tag(number));
        match what {
            0 | 1 => {
                let (mr, n) = (self.handle(Kind::Mr, bytes), bytes.below(3));
                let length = if bytes.below(4) == 0 { bytes.u32() as usize } else { self.buffers[n].length() };
                let (mdl, flags, tables) = (self.buffers[n].mdl(), u32::from(bytes.byte()) & 0x1f, &self.tables);
                let status = invoke!(tables.mr.NdkRegisterMr(mr, mdl, length as u64, flags, call, context));
                self.requested(status, number);
            }
            2 => {
                let (mr, tables) = (self.handle(Kind::Mr, bytes), &self.tables);
                let status = invoke!(tables.mr.NdkDeregisterMr(mr, call, context));
                self.requested(status, number);
            }
            3 => {
                let (mr, tables) = (self.handle(Kind::Mr, bytes), &self.tables);
                let (pages, remote) = (bytes.number(), bytes.byte() & 1);
                let status = invoke!(tables.mr.NdkInitializeFastRegisterMr(mr, pages, remote, call, context));
                self.requested(status, number);
            }
            4 => {
                let n = bytes.below(3);
                let room = if bytes.below(4) == 0 { bytes.below(20) } else { 20 };
                let (mut lam, mut size, mut offset) = (vec![0_u64; 2 + room], (16 + 8 * room) as u32, 0);
                let (mdl, length) = (self.buffers[n].mdl(), self.buffers[n].length() as u64 - bytes.below(4) as u64);
                let (tables, at) = (&self.tables, lam.as_mut_ptr().cast());
                let status = invoke!(tables.adapter.NdkBuildLAM(
                    self.adapter,
                    mdl,
                    length,
                    call,
                    context,
                    at,
                    &raw mut size,
                    &raw mut offset
                ));
                if status == STATUS_SUCCESS {
                    lam.truncate(2 + lam[1] as u32 as usize);
                    self.lams.push(lam);
                }
            }
            5 if !self.lams.is_empty() => {
                let n = bytes.below(self.lams.len());
                let mut lam = self.lams.swap_remove(n);
                let (tables, at) = (&self.tables, lam.as_mut_ptr().cast());
                invoke!(tables.adapter.NdkReleaseLAM(self.adapter, at));
                invoke!(tables.adapter.NdkReleaseLAM(self.adapter, at));
            }
            _ => {
                let (mr, mw, pd) =
                    (self.handle(Kind::Mr, bytes), self.handle(Kind::Mw, bytes), self.handle(Kind::Pd, bytes));
                let (tables, mut privileged) = (&self.tables, 0);
                let tokens = [
                    invoke!(tables.mr.NdkGetLocalTokenFromMr(mr)),
                    invoke!(tables.mr.NdkGetRemoteTokenFromMr(mr)),
                    invoke!(tables.mw.NdkGetRemoteTokenFromMw(mw)),
                ];
                invoke!(tables.pd.NdkGetPrivilegedMemoryRegionToken(pd, &raw mut privileged));
                self.tokens.extend(tokens.into_iter().chain([privileged]));
                let surplus = self.tokens.len().saturating_sub(40);
                self.tokens.drain(..surplus);
            }
        }
    }

    pub(super) fn post(&mut self, what: u8, bytes: &mut Bytes<'_>) {
        let (qp, number) = (self.handle(Kind::Qp, bytes), self.number());
        let flags = if bytes.below(8) == 0 { bytes.u32() } else { u32::from(bytes.byte() & 7) << (bytes.below(2) * 7) };
        let is_inline = flags & NDK_OP_FLAG_INLINE != 0 && matches!(what, 0 | 1 | 3);
        let sges = if is_inline { self.inline(bytes) } else { self.sges(bytes) };
        let (context, at, count) = (tag(number), sges.as_ptr(), sges.len() as u32);
        let ((address, length), token) = (self.range(bytes), self.token(bytes));
        let (mr, mw) = (self.handle(Kind::Mr, bytes), self.handle(Kind::Mw, bytes));
        let srq = self.handle(Kind::Srq, bytes);
        let mut pages = [NDK_LOGICAL_ADDRESS { QuadPart: 0 }; 256];
        let mut page_count = bytes.below(6) as u32;
        if let (7, false) = (what, self.lams.is_empty()) {
            let lam = &self.lams[bytes.below(self.lams.len())];
            for (place, page) in pages.iter_mut().zip(&lam[2..]) {
                place.QuadPart = *page as i64;
            }
            page_count = page_count.min(lam.len() as u32 - 2);
        }
        let tables = &self.tables;
        let status = match what {
            0 => invoke!(tables.qp.NdkSend(qp, context, at, count, flags)),
            1 => invoke!(tables.qp.NdkSendAndInvalidate(qp, context, at, count, flags, token)),
            2 => invoke!(tables.qp.NdkReceive(qp, context, at, count)),
            3 => invoke!(tables.qp.NdkWrite(qp, context, at, count, address, token, flags)),
            4 => invoke!(tables.qp.NdkRead(qp, context, at, count, address, token, flags & !NDK_OP_FLAG_INLINE)),
            5 => invoke!(tables.srq.NdkSrqReceive(srq, context, at, count)),
            6 => invoke!(tables.qp.NdkBind(qp, context, mr, mw, tag(address as usize), u64::from(length), flags)),
            7 => {
                let offset = (address % PAGE as u64) as u32;
                invoke!(tables.qp.NdkFastRegister(
                    qp,
                    context,
                    mr,
                    page_count,
                    pages.as_ptr(),
                    offset,
                    u64::from(length),
                    tag(address as usize),
                    flags
                ))
            }
            8 => {
                invoke!(tables.qp.NdkInvalidate(qp, context, if flags & 2 == 0 { mr.cast() } else { mw.cast() }, flags))
            }
            _ => {
                invoke!(tables.qp.NdkFlush(qp));
                return;
            }
        };
        self.posted(status, number);
    }

    pub(super) fn connection(&mut self, what: u8, bytes: &mut Bytes<'_>) {
        let (connector, qp) = (self.handle(Kind::Connector, bytes), self.handle(Kind::Qp, bytes));
        let listener = self.handle(Kind::Listener, bytes);
        let number = self.number();
        let (call, context) = (Some(on_request as _), tag(number));
        let ((mut from, from_length), (mut to, to_length)) = (Self::address(bytes), Self::address(bytes));
        let (from, to) = ((&raw mut from).cast(), (&raw mut to).cast());
        let (limits, data) = ([bytes.number(), bytes.number()], self.junk.as_mut_ptr().cast());
        let length = if bytes.below(8) == 0 { 257 } else { bytes.below(3) as u32 };
        let endpoint = self.handle(Kind::SharedEndpoint, bytes);
        let tables = &self.tables;
        let (plain, ex) = (Some(on_disconnect as _), Some(on_disconnect_ex as _));
        let status = match what {
            0 | 1 => invoke!(tables.connector.NdkConnect(
                connector,
                qp,
                from,
                from_length,
                to,
                to_length,
                limits[0],
                limits[1],
                data,
                length,
                call,
                context
            )),
            2 => invoke!(tables.connector.NdkConnectWithSharedEndpoint(
                connector, qp, endpoint, to, to_length, limits[0], limits[1], data, length, call, context
            )),
            3 => invoke!(
                tables
                    .connector
                    .NdkAccept(connector, qp, limits[0], limits[1], data, length, plain, context, call, context)
            ),
            4 => invoke!(
                tables
                    .connector
                    .NdkAcceptEx(connector, qp, limits[0], limits[1], data, length, ex, context, call, context)
            ),
            5 => invoke!(tables.connector.NdkCompleteConnect(connector, plain, context, call, context)),
            6 => invoke!(tables.connector.NdkCompleteConnectEx(connector, ex, context, call, context)),
            7 => invoke!(tables.connector.NdkReject(connector, data, length)),
            8 => invoke!(tables.connector.NdkDisconnect(connector, call, context)),
            _ if length == 0 => {
                invoke!(tables.listener.NdkControlConnectEvents(listener, limits[0] as u8 & 1));
                return;
            }
            _ => invoke!(tables.listener.NdkListen(listener, from, from_length, call, context)),
        };
        self.requested(status, number);
    }

    pub(super) fn queue(&mut self, what: u8, bytes: &mut Bytes<'_>) {
        let (cq, srq, number) = (self.handle(Kind::Cq, bytes), self.handle(Kind::Srq, bytes), self.number());
        let (call, context, tables) = (Some(on_request as _), tag(number), &self.tables);
        match what {
            0 => invoke!(tables.cq.NdkArmCq(cq, bytes.below(4) as u32)),
            1 | 2 => {
                let mut results = [NDK_RESULT_EX::default(); 40];
                let wanted = bytes.below(41) as u32;
                let taken = invoke!(tables.cq.NdkGetCqResultsEx(cq, results.as_mut_ptr(), wanted));
                assert!(taken <= wanted);
                for result in &results[..taken as usize] {
                    let was = self.posts.insert(result.RequestContext.addr(), Expected::Done);
                    assert_eq!(was, Some(Expected::Once), "a completion that nobody waits for: {:#x}", result.Status);
                }
            }
            3 => {
                let status = invoke!(tables.cq.NdkResizeCq(cq, bytes.number(), call, context));
                self.requested(status, number);
            }
            4 => {
                invoke!(tables.cq.NdkControlCqInterruptModeration(cq, bytes.number(), bytes.number()));
            }
            _ => {
                let status = invoke!(tables.srq.NdkModifySrq(srq, bytes.number(), bytes.number(), call, context));
                self.requested(status, number);
            }
        }
    }

    pub(super) fn query(&mut self, bytes: &mut Bytes<'_>) {
        let (connector, listener) = (self.handle(Kind::Connector, bytes), self.handle(Kind::Listener, bytes));
        let endpoint = self.handle(Kind::SharedEndpoint, bytes);
        let (tables, mut room) = (&self.tables, [0_u8; 64]);
        let (at, mut length) = (room.as_mut_ptr(), bytes.below(65) as u32);
        let length = &raw mut length;
        match bytes.below(8) {
            0 => invoke!(tables.connector.NdkGetLocalAddress(connector, at.cast(), length)),
            1 => invoke!(tables.connector.NdkGetPeerAddress(connector, at.cast(), length)),
            2 => invoke!(tables.connector.NdkGetConnectionData(connector, null_mut(), null_mut(), at.cast(), length)),
            3 => invoke!(tables.listener.NdkGetLocalAddress(listener, at.cast(), length)),
            4 => invoke!(tables.shared_endpoint.NdkGetLocalAddress(endpoint, at.cast(), length)),
            5 => invoke!(tables.connector.NdkGetConnectionData(connector, length, length, null_mut(), null_mut())),
            6 => {
                let (mut info, mut size) = (NDK_ADAPTER_INFO::default(), bytes.number());
                invoke!(tables.adapter.NdkQueryAdapterInfo(self.adapter, &raw mut info, &raw mut size))
            }
            _ => {
                let mut interface = NDK_EXTENSION_INTERFACE::default();
                let (mut id, header) = (GUID::default(), self.adapter.cast());
                invoke!(tables.adapter.NdkQueryExtension(
                    header,
                    &raw mut id,
                    NDK_VERSION::default(),
                    &raw mut interface
                ))
            }
        };
    }
}
