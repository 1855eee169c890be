//! ICMP echo, one request at a time.

use super::{Port, Stack};
use crate::pattern::Pattern;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp::{Endpoint, PacketBuffer, PacketMetadata, Socket};
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Identifier of our echo requests.
const IDENT: u16 = 0x1B9C;
/// The longest ICMP message that is read.
const MAX_MESSAGE: usize = 16 * 1024;

/// How the pings went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PingResult {
    /// Requests sent.
    pub sent: u64,
    /// Replies that came in time with the payload sent.
    pub received: u64,
    /// Replies with our number and another payload.
    pub corrupt: u64,
    /// Round-trip times, shortest first.
    pub rtts: Vec<Duration>,
}

impl PingResult {
    /// Adds another result to this one.
    pub fn add(&mut self, other: PingResult) {
        self.sent += other.sent;
        self.received += other.received;
        self.corrupt += other.corrupt;
        self.rtts.extend(other.rtts);
        self.rtts.sort_unstable();
    }

    /// The mean round-trip time.
    pub fn mean(&self) -> Option<Duration> {
        let count = u32::try_from(self.rtts.len()).ok().filter(|n| *n > 0)?;
        Some(self.rtts.iter().sum::<Duration>() / count)
    }

    /// The time that `percent` of the replies did not exceed (nearest rank).
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.rtts.len() * percent).div_ceil(100).max(1);
        self.rtts.get(rank - 1).copied()
    }
}

impl<P: Port> Stack<P> {
    /// Sends `count` echo requests with `size` bytes of payload, each waiting at most `limit` for its reply.
    pub fn ping(
        &mut self,
        to: Ipv4Addr,
        count: u16,
        size: usize,
        limit: Duration,
        progress: &mut dyn FnMut(u64),
    ) -> PingResult {
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; 4], vec![0; MAX_MESSAGE]);
        let mut socket = Socket::new(buffer(), buffer());
        let bound = socket.bind(Endpoint::Ident(IDENT));
        debug_assert!(bound.is_ok(), "a new socket is not bound");
        let handle = self.sockets.add(socket);
        let mut result = PingResult::default();
        for done in 1..=u64::from(count) {
            let seq_no = self.next_echo;
            self.next_echo = seq_no.wrapping_add(1);
            let mut payload = vec![0; size];
            Pattern::new(seq_no.into()).fill(&mut payload);
            let request = Icmpv4Repr::EchoRequest { ident: IDENT, seq_no, data: &payload };
            let start = self.now();
            let socket = self.sockets.get_mut::<Socket>(handle);
            if let Ok(bytes) = socket.send(request.buffer_len(), to.into()) {
                request.emit(&mut Icmpv4Packet::new_unchecked(bytes), &ChecksumCapabilities::default());
                result.sent += 1;
            }
            let reply = self.run(limit, |stack| {
                let socket = stack.sockets.get_mut::<Socket>(handle);
                while let Ok((bytes, from)) = socket.recv() {
                    if let Some(same) = is_reply(bytes, seq_no, &payload).filter(|_| from == to.into()) {
                        return Some(same);
                    }
                }
                None
            });
            match reply {
                Some(true) => {
                    result.received += 1;
                    result.rtts.push(self.now() - start);
                }
                Some(false) => result.corrupt += 1,
                None => {}
            }
            progress(done);
        }
        self.sockets.remove(handle);
        result.rtts.sort_unstable();
        result
    }
}

/// `None` if the message is not the reply to request `seq_no`, else whether its payload is the one sent.
fn is_reply(bytes: &[u8], seq_no: u16, payload: &[u8]) -> Option<bool> {
    let packet = Icmpv4Packet::new_checked(bytes).ok()?;
    match Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()? {
        Icmpv4Repr::EchoReply { ident: IDENT, seq_no: number, data } if number == seq_no => Some(data == payload),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        let rtts: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        let result = PingResult { sent: 200, received: 200, corrupt: 0, rtts };
        assert_eq!(result.mean(), Some(Duration::from_nanos(100_500)));
        assert_eq!(result.percentile(0), Some(Duration::from_micros(1)));
        assert_eq!(result.percentile(99), Some(Duration::from_micros(198)));
        assert_eq!(result.percentile(100), Some(Duration::from_micros(200)));
        let mut sum = PingResult { sent: 1, received: 1, corrupt: 0, rtts: vec![Duration::from_secs(1)] };
        sum.add(result);
        assert_eq!((sum.sent, sum.received, sum.percentile(100)), (201, 201, Some(Duration::from_secs(1))));
        assert_eq!(PingResult::default().mean(), None);
        assert_eq!(PingResult::default().percentile(50), None);
    }
}
