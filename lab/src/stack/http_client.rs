//! An HTTP/1.1 client: one request per connection, bodies hashed as they pass.

use super::{Port, Stack, StackError};
use crate::http::{self, ResponseReader};
use crate::sha256::Sha256;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use std::io::Read;
use std::net::SocketAddrV4;
use std::time::Duration;

/// Bytes of each TCP buffer: more than a peer without window scaling can fill.
const BUFFER: usize = 1 << 20;
/// A transfer in which nothing moves for so long is given up.
const STALL: Duration = Duration::from_secs(15);
/// Longest wait for the end of a connection after the exchange.
const CLOSE: Duration = Duration::from_secs(2);
/// Bytes of the response body that are kept.
const KEPT: usize = 4096;

/// A response and what passed on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status code.
    pub status: u16,
    /// Body bytes received.
    pub bytes: u64,
    /// SHA-256 of the body received, lower-case hex.
    pub sha256: String,
    /// SHA-256 of the body sent, lower-case hex.
    pub sent_sha256: String,
    /// The first 4096 bytes of the body.
    pub body: Vec<u8>,
    /// From the connect call to the last byte.
    pub elapsed: Duration,
}

/// One exchange in progress.
struct Exchange<'a> {
    /// What is left of the request head.
    head: Vec<u8>,
    source: &'a mut dyn Read,
    source_left: u64,
    sent_hash: Sha256,
    reader: ResponseReader,
    received: u64,
    received_hash: Sha256,
    body: Vec<u8>,
    moved_at: Duration,
}

impl<P: Port> Stack<P> {
    /// GET; `progress` gets the body bytes received so far.
    ///
    /// # Errors
    /// Any [`StackError`].
    pub fn get(
        &mut self,
        server: SocketAddrV4,
        path: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Response, StackError> {
        let head = http::request("GET", path, &server.to_string(), None);
        self.exchange(server, head, &mut std::io::empty(), 0, &mut |_, received| progress(received))
    }

    /// PUT of `len` bytes from `source`; `progress` gets the body bytes handed to TCP so far.
    ///
    /// # Errors
    /// Any [`StackError`].
    pub fn put(
        &mut self,
        server: SocketAddrV4,
        path: &str,
        source: &mut dyn Read,
        len: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Response, StackError> {
        let head = http::request("PUT", path, &server.to_string(), Some(len));
        self.exchange(server, head, source, len, &mut |sent, _| progress(sent))
    }

    fn exchange(
        &mut self,
        server: SocketAddrV4,
        head: Vec<u8>,
        source: &mut dyn Read,
        len: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Response, StackError> {
        let start = self.now();
        let handle = self.connect(server)?;
        let mut exchange = Exchange {
            head,
            source,
            source_left: len,
            sent_hash: Sha256::default(),
            reader: ResponseReader::default(),
            received: 0,
            received_hash: Sha256::default(),
            body: Vec::new(),
            moved_at: start,
        };
        let outcome = self.run(Duration::MAX, |stack| {
            let now = stack.now();
            let outcome = exchange.step(stack.sockets.get_mut::<Socket>(handle), now);
            progress(len - exchange.source_left, exchange.received);
            outcome.transpose()
        });
        let elapsed = self.now() - start;
        self.close(handle, outcome == Some(Ok(())));
        outcome.unwrap_or(Err(StackError::Timeout { what: "HTTP exchange", after: elapsed }))?;
        exchange.finish(elapsed)
    }

    fn connect(&mut self, server: SocketAddrV4) -> Result<SocketHandle, StackError> {
        let mut socket = Socket::new(SocketBuffer::new(vec![0; BUFFER]), SocketBuffer::new(vec![0; BUFFER]));
        // Segments that arrive together are acknowledged together by the poll that took them.
        socket.set_ack_delay(None);
        socket.set_timeout(Some(STALL.into()));
        let local = self.take_local_port();
        let remote = (*server.ip(), server.port());
        socket.connect(self.iface.context(), remote, local).map_err(|_| StackError::NoRoute(*server.ip()))?;
        Ok(self.sockets.add(socket))
    }

    /// Ends the connection, in order if the exchange went well.
    fn close(&mut self, handle: SocketHandle, in_order: bool) {
        let socket = self.sockets.get_mut::<Socket>(handle);
        if in_order {
            socket.close();
        } else {
            socket.abort();
        }
        // TIME-WAIT guards against old segments of the same ports; ours are not used again so soon.
        let ended = |state| matches!(state, State::Closed | State::TimeWait);
        let _ = self.run(CLOSE, |stack| ended(stack.sockets.get::<Socket>(handle).state()).then_some(()));
        self.sockets.remove(handle);
    }
}

impl Exchange<'_> {
    /// Moves what can be moved. `Ok(Some(()))` when the response is whole.
    fn step(&mut self, socket: &mut Socket<'_>, now: Duration) -> Result<Option<()>, StackError> {
        let moved = self.send(socket)? + self.receive(socket)?;
        if self.reader.finished().is_some() {
            return Ok(Some(()));
        }
        if !socket.is_open() || (!socket.may_recv() && socket.state() == State::CloseWait) {
            return Err(StackError::Closed { received: self.received });
        }
        if moved > 0 {
            self.moved_at = now;
        } else if now.saturating_sub(self.moved_at) > STALL {
            return Err(StackError::Timeout { what: "HTTP transfer", after: STALL });
        }
        Ok(None)
    }

    fn send(&mut self, socket: &mut Socket<'_>) -> Result<usize, StackError> {
        let mut moved = 0;
        while socket.can_send() && (!self.head.is_empty() || self.source_left > 0) {
            if !self.head.is_empty() {
                let sent = socket.send_slice(&self.head).unwrap_or(0);
                self.head.drain(..sent);
                moved += sent;
                continue;
            }
            let limit = usize::try_from(self.source_left).unwrap_or(usize::MAX);
            let (source, hash) = (&mut self.source, &mut self.sent_hash);
            let read = socket.send(|room| {
                let take = room.len().min(limit);
                match source.read(&mut room[..take]) {
                    Ok(0) => (0, Err("it ended early".to_owned())),
                    Ok(n) => {
                        hash.update(&room[..n]);
                        (n, Ok(n))
                    }
                    Err(e) => (0, Err(e.to_string())),
                }
            });
            let Ok(read) = read else { break };
            let n = read.map_err(StackError::Source)?;
            self.source_left -= n as u64;
            moved += n;
        }
        Ok(moved)
    }

    fn receive(&mut self, socket: &mut Socket<'_>) -> Result<usize, StackError> {
        let mut moved = 0;
        while socket.can_recv() {
            let (reader, hash, body) = (&mut self.reader, &mut self.received_hash, &mut self.body);
            let mut body_bytes = 0;
            let fed = socket.recv(|data| {
                let fed = reader.feed(data, &mut |bytes| {
                    hash.update(bytes);
                    body.extend_from_slice(&bytes[..bytes.len().min(KEPT - body.len())]);
                    body_bytes += bytes.len();
                });
                (data.len(), fed.map(|()| data.len()))
            });
            let Ok(fed) = fed else { break };
            moved += fed?;
            self.received += body_bytes as u64;
        }
        Ok(moved)
    }

    fn finish(self, elapsed: Duration) -> Result<Response, StackError> {
        let closed = StackError::Closed { received: self.received };
        let status = self.reader.finished().ok_or(closed)?.status()?;
        Ok(Response {
            status,
            bytes: self.received,
            sha256: self.received_hash.hex(),
            sent_sha256: self.sent_hash.hex(),
            body: self.body,
            elapsed,
        })
    }
}
