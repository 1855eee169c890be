//! The lab's end of the cable: a datagram socket pair whose other end is QEMU's `-netdev dgram`.

use std::{
    collections::VecDeque,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixDatagram,
    },
    sync::Arc,
};

use crate::{link::Link, sys};

/// Kernel buffers of the cable, each way. Linux gives an unprivileged process less; then more frames wait in QEMU.
const CABLE_BYTES: usize = 16 << 20;
/// Longest frame either way; QEMU's segments are not longer.
const MAX_FRAME: usize = 64 << 10;

/// Both ends of a new cable: ours, and QEMU's.
pub(crate) fn cable() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (ours, theirs) = UnixDatagram::pair()?;
    for end in [&ours, &theirs] {
        sys::widen_buffers(end.as_fd(), CABLE_BYTES)?;
    }
    ours.set_nonblocking(true)?;
    Ok((ours, theirs))
}

/// The socket and the frames on their way to and from it.
pub(crate) struct Port {
    socket: UnixDatagram,
    to_adapter: VecDeque<Vec<u8>>,
    from_adapter: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
    /// Frames were sent that the adapter is not known to have taken.
    pub unsettled: bool,
}

impl Port {
    pub fn new(socket: UnixDatagram) -> Port {
        let buffer = vec![0; MAX_FRAME];
        Port { socket, to_adapter: VecDeque::new(), from_adapter: VecDeque::new(), buffer, unsettled: false }
    }

    pub fn queue(&mut self, frame: &[u8]) {
        self.to_adapter.push_back(frame.to_vec());
        self.unsettled = true;
    }

    pub fn next(&mut self) -> Option<Vec<u8>> {
        self.from_adapter.pop_front()
    }

    /// Moves waiting frames into the socket; how many went.
    pub fn pump(&mut self) -> io::Result<usize> {
        let mut sent = 0;
        while let Some(frame) = self.to_adapter.front() {
            match self.socket.send(frame) {
                Ok(_) => sent += 1,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
            self.to_adapter.pop_front();
        }
        Ok(sent)
    }

    /// Takes the frames that have arrived, so that QEMU never has to hold (and at last drop) them; how many came.
    pub fn drain(&mut self) -> io::Result<usize> {
        let mut received = 0;
        loop {
            match self.socket.recv(&mut self.buffer) {
                Ok(len) => self.from_adapter.push_back(self.buffer[..len].to_vec()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(received),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            received += 1;
        }
    }

    /// Bytes sent that QEMU has not read yet.
    pub fn unread(&self) -> io::Result<u32> {
        sys::unread_by_peer(self.socket.as_fd())
    }

    /// Whether frames wait for room in the socket.
    pub fn has_waiting(&self) -> bool {
        !self.to_adapter.is_empty()
    }

    /// To wait on while idle: readable when a frame has arrived.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The far end of the adapter's cable.
pub struct Wire {
    link: Arc<Link>,
}

impl Wire {
    pub(crate) fn new(link: Arc<Link>) -> Wire {
        Wire { link }
    }

    /// Puts a frame (destination address first, no CRC) on the wire. It reaches the adapter soon with real time, and
    /// before anything else is observed with virtual time. Nothing is lost: while the adapter takes no frames they wait.
    ///
    /// # Panics
    /// When the frame is empty or longer than 64 KiB: no wire carries that, and QEMU takes it for the end of the cable.
    pub fn send(&self, frame: &[u8]) {
        assert!((1..=MAX_FRAME).contains(&frame.len()), "a frame of {} bytes", frame.len());
        self.link.with((), |state| {
            state.flush()?;
            let Some(port) = &mut state.wire else { return Ok(()) };
            port.queue(frame);
            port.pump()?;
            Ok(())
        });
    }

    /// The next frame that the adapter has sent, as it was on the wire without CRC.
    pub fn recv(&self) -> Option<Vec<u8>> {
        self.link.with(None, |state| {
            if let Some(frame) = state.wire.as_mut().and_then(Port::next) {
                return Ok(Some(frame));
            }
            state.observe()?;
            let Some(port) = &mut state.wire else { return Ok(None) };
            port.drain()?;
            Ok(port.next())
        })
    }

    /// Waits until both directions are quiet: every frame sent was taken by the adapter, every frame of the adapter
    /// can be received. False when the adapter takes no more (its ring is full or receiving is off) or is lost; the
    /// frames then go on waiting.
    pub fn barrier(&self) -> bool {
        self.link.with(false, |state| {
            state.flush()?;
            state.settle()
        })
    }
}
