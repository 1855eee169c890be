//! A small HTTP/1.1 server on the host's loopback: what the adapter under test downloads from and uploads to.
//!
//! It runs on a thread of the host, outside the machine, and keeps its own record of what passed, so that both ends of
//! a transfer can be compared.

use crate::http::{self, HeadReader};
use crate::pattern::Pattern;
use crate::sha256::Sha256;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A peer that does nothing for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(30);
const CHUNK: usize = 64 * 1024;

/// One request that was answered in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `GET` or `PUT`.
    pub method: String,
    /// Body bytes sent (GET) or received (PUT).
    pub bytes: u64,
    /// SHA-256 of those bytes, lower-case hex.
    pub sha256: String,
}

/// The server; it stops when dropped.
pub struct Server {
    address: SocketAddrV4,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1. `GET /N` answers N bytes of the [`Pattern`] of `seed`; `PUT` answers the
    /// SHA-256 of what it got.
    ///
    /// # Errors
    /// What the system says about the socket or the thread.
    pub fn start(seed: u64) -> io::Result<Server> {
        let listener = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, listener.local_addr()?.port());
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        std::thread::Builder::new().name("http".into()).spawn(move || serve(&listener, &theirs, seed))?;
        Ok(Server { address, shared })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request answered so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.lock().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the accept call. The thread is not waited for: a transfer that hangs ends by its own timeout.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>, seed: u64) {
    for connection in listener.incoming() {
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        // A peer that breaks off shows at the client, which reports it.
        if let Ok(exchange) = connection.and_then(|stream| answer(stream, seed)) {
            shared.lock().push(exchange);
        }
    }
}

fn answer(mut stream: TcpStream, seed: u64) -> io::Result<Exchange> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut buffer = vec![0; CHUNK];
    let mut reader = HeadReader::default();
    let (head, body_start, filled) = loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((head, used)) = reader.feed(&buffer[..n]).map_err(invalid)? {
            break (head, used, n);
        }
    };
    let [method, path, _] = head.start;
    match (method.as_str(), path.trim_start_matches('/').parse::<u64>()) {
        ("GET", Ok(len)) => send(stream, &mut buffer, seed, len),
        ("PUT", _) => receive(stream, &mut buffer, body_start..filled, head.content_length),
        _ => {
            stream.write_all(&http::response("404 Not Found", 0))?;
            Err(invalid(format!("{method} {path}")))
        }
    }
}

fn send(mut stream: TcpStream, buffer: &mut [u8], seed: u64, len: u64) -> io::Result<Exchange> {
    stream.write_all(&http::response("200 OK", len))?;
    let (mut pattern, mut hash, mut left) = (Pattern::new(seed), Sha256::default(), len);
    while left > 0 {
        let chunk = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        pattern.fill(&mut buffer[..chunk]);
        hash.update(&buffer[..chunk]);
        stream.write_all(&buffer[..chunk])?;
        left -= chunk as u64;
    }
    Ok(Exchange { method: "GET".into(), bytes: len, sha256: hash.hex() })
}

fn receive(
    mut stream: TcpStream,
    buffer: &mut [u8],
    first: std::ops::Range<usize>,
    length: Option<u64>,
) -> io::Result<Exchange> {
    let length = length.ok_or_else(|| invalid(http::HttpError::NoLength))?;
    let mut hash = Sha256::default();
    hash.update(&buffer[first.clone()]);
    let mut left = length.checked_sub(first.len() as u64).ok_or_else(|| invalid("more than Content-Length"))?;
    while left > 0 {
        let limit = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let n = stream.read(&mut buffer[..limit])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&buffer[..n]);
        left -= n as u64;
    }
    let sha256 = hash.hex();
    stream.write_all(&http::response("200 OK", sha256.len() as u64))?;
    stream.write_all(sha256.as_bytes())?;
    Ok(Exchange { method: "PUT".into(), bytes: length, sha256 })
}

fn invalid(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ResponseReader;

    /// Sends a request and reads to the end: status, body.
    fn ask(server: &Server, request: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(request).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let (mut reader, mut body) = (ResponseReader::default(), Vec::new());
        reader.feed(&bytes, &mut |b| body.extend_from_slice(b)).unwrap();
        (reader.finished().unwrap().status().unwrap(), body)
    }

    fn pattern(seed: u64, len: usize) -> (Vec<u8>, String) {
        let mut bytes = vec![0; len];
        Pattern::new(seed).fill(&mut bytes);
        let mut hash = Sha256::default();
        hash.update(&bytes);
        (bytes, hash.hex())
    }

    #[test]
    fn both_directions_are_recorded_with_their_hash() {
        let server = Server::start(5).unwrap();
        let (bytes, down) = pattern(5, 200_001);
        assert_eq!(ask(&server, &http::request("GET", "/200001", "h", None)), (200, bytes));
        let (bytes, up) = pattern(6, 150_000);
        let request = [http::request("PUT", "/", "h", Some(150_000)), bytes].concat();
        assert_eq!(ask(&server, &request), (200, up.clone().into_bytes()));
        // The record is written after the last byte went out.
        while server.exchanges().len() < 2 {
            std::thread::yield_now();
        }
        let exchange = |method: &str, bytes, sha256| Exchange { method: method.into(), bytes, sha256 };
        assert_eq!(server.exchanges(), [exchange("GET", 200_001, down), exchange("PUT", 150_000, up)]);
    }

    #[test]
    fn faulty_requests_are_not_recorded() {
        let server = Server::start(5).unwrap();
        assert_eq!(ask(&server, &http::request("GET", "/nothing", "h", None)).0, 404);
        TcpStream::connect(server.address).unwrap().write_all(b"garbage\r\n\r\n").unwrap();
        assert_eq!(ask(&server, &http::request("DELETE", "/1", "h", None)).0, 404);
        assert_eq!(server.exchanges(), []);
    }
}
