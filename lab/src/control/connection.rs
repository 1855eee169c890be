//! One connection of the control socket: one handle and its requests.

use super::device::guid;
use super::{Handle, Pending, Target};
use igbcxctl::frame::{Completed, MAX_DATA, Message, Reader, Request};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use wdk_sys::{NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS};

/// A request without an open handle (MS-ERREF 2.3.1).
const STATUS_INVALID_HANDLE: NTSTATUS = 0xC000_0008_u32.cast_signed();
/// Requests in progress of one connection.
const PENDING: usize = 256;
/// Bytes that a peer may leave unread before it is given up.
const UNREAD: usize = 4 * MAX_DATA;
/// Bytes taken from a peer at one look, so that none keeps the machine busy.
const PORTION: usize = 1 << 16;

pub(super) struct Connection {
    stream: UnixStream,
    reader: Reader,
    /// Answers that the socket has not taken yet.
    unsent: Vec<u8>,
    handle: Option<Box<dyn Handle>>,
    /// By the tags of their requests.
    pending: Vec<(u32, Box<dyn Pending>)>,
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        Ok(Connection { stream, reader: Reader::default(), unsent: Vec::new(), handle: None, pending: Vec::new() })
    }

    /// Takes requests, sends completions.
    ///
    /// # Errors
    /// The peer is gone, sent what is no frame, or does not read.
    pub(super) fn serve(&mut self, target: &dyn Target) -> io::Result<()> {
        self.read()?;
        while let Some((tag, request)) = self.reader.take::<Request>()? {
            self.take(tag, request, target);
        }
        self.complete();
        self.write()
    }

    /// Closes the handle and tells the peer how its requests ended, as far as it listens.
    pub(super) fn end(&mut self) {
        self.handle = None;
        self.complete();
        // The connection is over either way.
        let _ = self.write();
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; PORTION];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                self.reader.feed(&buffer[..n]);
                Ok(())
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => break,
                Err(e) => return Err(e),
            }
        }
        if self.unsent.len() > UNREAD { Err(io::Error::other("the peer does not read")) } else { Ok(()) }
    }

    fn take(&mut self, tag: u32, request: Request, target: &dyn Target) {
        match request {
            Request::Interfaces(class) => {
                let names: Vec<String> = target.interfaces(&guid(class)).into_iter().map(|name| name + "\0").collect();
                self.answer(tag, STATUS_SUCCESS, names.concat().into_bytes());
            }
            Request::Open(name) => {
                let status = self.open(&name, target);
                self.answer(tag, status, Vec::new());
            }
            Request::Ioctl { code, output_len, input } => match self.send(code, &input, output_len as usize) {
                Ok(pending) => self.pending.push((tag, pending)),
                Err(status) => self.answer(tag, status, Vec::new()),
            },
            Request::Cancel => self.pending.iter().filter(|(sent, _)| *sent == tag).for_each(|(_, p)| p.cancel()),
            Request::Close => {
                let status = if self.handle.take().is_some() { STATUS_SUCCESS } else { STATUS_INVALID_HANDLE };
                // What was cancelled comes before the close that cancelled it.
                self.complete();
                self.answer(tag, status, Vec::new());
            }
        }
    }

    fn open(&mut self, name: &str, target: &dyn Target) -> NTSTATUS {
        if self.handle.is_some() {
            return STATUS_INVALID_DEVICE_STATE;
        }
        match target.open(name) {
            Ok(handle) => {
                self.handle = Some(handle);
                STATUS_SUCCESS
            }
            Err(status) => status,
        }
    }

    fn send(&self, code: u32, input: &[u8], output_len: usize) -> Result<Box<dyn Pending>, NTSTATUS> {
        let handle = self.handle.as_ref().ok_or(STATUS_INVALID_HANDLE)?;
        // Who does not read its answers gets no more of them.
        if self.pending.len() >= PENDING || self.unsent.len() > UNREAD {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        Ok(handle.ioctl(code, input, output_len))
    }

    /// Answers the requests that are complete.
    fn complete(&mut self) {
        let unsent = &mut self.unsent;
        self.pending.retain(|(tag, request)| match request.completion() {
            Some(done) => {
                unsent.extend(Completed { status: done.status, output: done.output }.encode(*tag));
                false
            }
            None => true,
        });
    }

    fn answer(&mut self, tag: u32, status: NTSTATUS, output: Vec<u8>) {
        self.unsent.extend(Completed { status, output }.encode(tag));
    }
}
