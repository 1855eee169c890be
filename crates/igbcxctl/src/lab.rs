//! The transport to a running netcx-lab: its control socket, in the frames of [`crate::frame`].

use crate::frame::{Completed, Message, Reader, Request};
use crate::{Completion, Control, Error, Status, Transport};
use igbcx_ioctl::{Code, GUID_BYTES};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the lab may take for what is no request of the driver, a cancellation among them.
const LIMIT: Duration = Duration::from_secs(10);

/// A lab, by the path of its socket.
pub struct Lab {
    socket: PathBuf,
}

impl Lab {
    /// The lab that was started with `--control SOCKET`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    fn connect(&self) -> Result<Connection, Error> {
        let stream = UnixStream::connect(&self.socket).map_err(|e| failed(&self.socket, e))?;
        Ok(Connection { socket: self.socket.clone(), stream, reader: Reader::default(), tag: 0 })
    }
}

impl Transport for Lab {
    fn devices(&mut self) -> Result<Vec<String>, Error> {
        let answer = self.connect()?.ask(&Request::Interfaces(GUID_BYTES))?;
        let names = answer.output.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    fn open(&mut self, device: &str) -> Result<Box<dyn Control>, Error> {
        let mut connection = self.connect()?;
        match Status(connection.ask(&Request::Open(device.into()))?.status) {
            Status::SUCCESS => Ok(Box::new(connection)),
            Status::ACCESS_DENIED => Err(Error::AccessDenied),
            status => Err(failed(&self.socket, io::Error::other(format!("open {device}: {status}")))),
        }
    }
}

/// A connection, which carries one handle.
struct Connection {
    socket: PathBuf,
    stream: UnixStream,
    reader: Reader,
    /// Of the latest request.
    tag: u32,
}

impl Connection {
    /// A request that the lab answers itself.
    fn ask(&mut self, request: &Request) -> Result<Completed, Error> {
        self.send(request)?;
        self.answer(Some(LIMIT))?.ok_or_else(|| self.failed(io::ErrorKind::TimedOut.into()))
    }

    fn send(&mut self, request: &Request) -> Result<(), Error> {
        self.tag = self.tag.wrapping_add(1);
        self.write(&request.encode(self.tag))
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), Error> {
        self.stream.write_all(frame).map_err(|e| self.failed(e))
    }

    /// The answer to the latest request; `None`: not within `limit`.
    fn answer(&mut self, limit: Option<Duration>) -> Result<Option<Completed>, Error> {
        self.read_answer(limit).map_err(|e| self.failed(e))
    }

    fn read_answer(&mut self, limit: Option<Duration>) -> io::Result<Option<Completed>> {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut buffer = [0; 1 << 16];
        loop {
            match self.reader.take::<Completed>()? {
                Some((tag, answer)) if tag == self.tag => return Ok(Some(answer)),
                Some((tag, _)) => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("an answer to {tag}, which was not asked"),
                    ));
                }
                None => {}
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.stream.set_read_timeout(left)?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.reader.feed(&buffer[..n]),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        failed(&self.socket, source)
    }
}

impl Control for Connection {
    fn control(
        &mut self,
        code: Code,
        input: &[u8],
        output_len: usize,
        limit: Option<Duration>,
    ) -> Result<Option<Completion>, Error> {
        let room = u32::try_from(output_len).unwrap_or(u32::MAX);
        self.send(&Request::Ioctl { code: code as u32, output_len: room, input: input.to_vec() })?;
        let mut answer = self.answer(limit)?;
        if answer.is_none() {
            // It may complete before the cancellation gets there; then that is the answer.
            self.write(&Request::Cancel.encode(self.tag))?;
            let last = self.answer(Some(LIMIT))?.ok_or_else(|| self.failed(io::ErrorKind::TimedOut.into()))?;
            answer = Some(last).filter(|last| Status(last.status) != Status::CANCELLED);
        }
        let Some(Completed { status, output }) = answer else { return Ok(None) };
        if output.len() > output_len {
            let message = format!("{} bytes of output where {output_len} fit", output.len());
            return Err(self.failed(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        Ok(Some(Completion { status: Status(status), output }))
    }
}

fn failed(socket: &Path, source: io::Error) -> Error {
    Error::Lab { path: socket.display().to_string(), source }
}
