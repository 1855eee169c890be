//! The connection to QEMU: register traffic, wire and process behind one lock, and one place where a loss is noted.

use std::{
    fmt, io,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::{error::NicError, qemu::Process, qtest::Qtest, wire::Port};

/// Commands kept back at most: neither end of the connection may block on a full socket.
const MAX_POSTED: usize = 64;
/// From this many frames on that arrived at once QEMU may hold more: its end of the cable can have been full.
const MAYBE_MORE: usize = 8;
/// Round trips without any movement after which the wire counts as quiet: one may end before QEMU looked at the socket.
const QUIET_TURNS: u32 = 2;

pub(crate) struct Link {
    state: Mutex<State>,
    failure: OnceLock<NicError>,
}

pub(crate) struct State {
    pub qtest: Qtest,
    pub wire: Option<Port>,
    process: Process,
    /// Virtual time: nothing may happen while the lab is not looking, so frames sent are settled before it looks.
    lock_step: bool,
}

impl Link {
    pub fn new(qtest: Qtest, wire: Option<Port>, process: Process, lock_step: bool) -> Link {
        Link { state: Mutex::new(State { qtest, wire, process, lock_step }), failure: OnceLock::new() }
    }

    /// Runs `f` on the connection. When it fails, QEMU is given up: `absent` is the answer now and from now on.
    pub fn with<R>(&self, absent: R, f: impl FnOnce(&mut State) -> io::Result<R>) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failure.get().is_some() {
            return absent;
        }
        f(&mut state).unwrap_or_else(|e| {
            let failure = state.process.post_mortem(&e.to_string());
            eprintln!("{failure}");
            let _ = self.failure.set(failure);
            absent
        })
    }

    /// Appends a command whose effect may come later, in order.
    pub fn post(&self, command: fmt::Arguments<'_>) {
        self.with((), |state| if state.qtest.post(command) < MAX_POSTED { Ok(()) } else { state.flush() });
    }

    /// Sends everything posted and then `command`; its number, or all ones without a QEMU.
    pub fn call(&self, command: fmt::Arguments<'_>) -> u64 {
        self.with(u64::MAX, |state| {
            state.flush()?;
            state.qtest.call(command)
        })
    }

    /// See [`State::observe`].
    pub fn observe(&self) {
        self.with((), State::observe);
    }

    /// Why the connection was given up, if it was.
    pub fn failure(&self) -> Option<NicError> {
        self.failure.get().cloned()
    }

    /// Ends QEMU; from now on everything answers as if it were absent.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failure.set(NicError::Stopped).is_ok() {
            state.process.end();
        }
    }
}

impl State {
    /// What was posted is done when it returns, and the frames it made the adapter send are taken in.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.qtest.has_posted() {
            self.qtest.exchange()?;
            self.take_in()?;
        }
        Ok(())
    }

    /// [`State::flush`], and frames on their way to the adapter go on; with virtual time they arrive.
    pub fn observe(&mut self) -> io::Result<()> {
        self.flush()?;
        let Some(port) = &mut self.wire else { return Ok(()) };
        if port.unsettled && self.lock_step {
            self.settle()?;
        } else if port.has_waiting() {
            port.pump()?;
        }
        Ok(())
    }

    /// Takes in the frames that the adapter has sent, also those QEMU had to hold back.
    /// Whether there were any.
    pub fn take_in(&mut self) -> io::Result<bool> {
        let Some(port) = &mut self.wire else { return Ok(false) };
        let mut received = port.drain()?;
        let any = received > 0;
        while received >= MAYBE_MORE {
            self.qtest.round_trip()?;
            received = port.drain()?;
        }
        Ok(any)
    }

    /// Moves frames both ways until nothing moves any more. Whether the adapter has taken all of them.
    pub fn settle(&mut self) -> io::Result<bool> {
        let Some(port) = &mut self.wire else { return Ok(true) };
        let mut quiet = 0;
        while quiet < QUIET_TURNS {
            let sent = port.pump()?;
            let unread = port.unread()?;
            self.qtest.round_trip()?;
            let moved = sent > 0 || port.drain()? > 0 || port.unread()? != unread;
            quiet = if moved { 0 } else { quiet + 1 };
        }
        port.unsettled = port.has_waiting() || port.unread()? > 0;
        Ok(!port.unsettled)
    }

    /// Sleeps until QEMU sends something, at most `max`, and takes it in; whether there was a frame.
    pub fn doze(&mut self, max: Duration) -> io::Result<bool> {
        let timeout = Timespec { tv_sec: max.as_secs() as i64, tv_nsec: i64::from(max.subsec_nanos()) };
        let qtest = PollFd::from_borrowed_fd(self.qtest.as_fd(), PollFlags::IN);
        let awake = match &self.wire {
            Some(port) => {
                let wire = PollFd::from_borrowed_fd(port.as_fd(), PollFlags::IN);
                rustix::event::poll(&mut [qtest, wire], Some(&timeout))
            }
            None => rustix::event::poll(&mut [qtest], Some(&timeout)),
        };
        match awake {
            Ok(0) => Ok(false),
            Ok(_) => {
                self.qtest.pci_line_asserted()?;
                self.take_in()
            }
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}
