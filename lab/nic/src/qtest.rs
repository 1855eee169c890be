//! The qtest protocol: one text line per command, one per answer, and `IRQ` lines in between.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use rustix::{io::Errno, net::RecvFlags};

/// An answer that takes longer means that QEMU hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// First IO-APIC line of a PCI interrupt on the q35 machine; those below belong to the chipset.
const FIRST_PCI_LINE: u32 = 16;

pub(crate) struct Qtest {
    stream: UnixStream,
    /// Commands not sent yet.
    out: String,
    posted: usize,
    inbox: Vec<u8>,
    /// The last `OK` line.
    answer: String,
    /// Bit n: IO-APIC line n is asserted.
    lines: u64,
}

impl Qtest {
    pub fn new(stream: UnixStream) -> io::Result<Qtest> {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Qtest { stream, out: String::new(), posted: 0, inbox: Vec::new(), answer: String::new(), lines: 0 })
    }

    /// Appends a command whose answer carries nothing; it is sent with the next exchange. How many wait now.
    pub fn post(&mut self, command: fmt::Arguments<'_>) -> usize {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{command}");
        self.posted += 1;
        self.posted
    }

    /// Whether commands wait to be sent.
    pub fn has_posted(&self) -> bool {
        self.posted > 0
    }

    /// Sends what was posted and then `command`; the number that it answers with (0 if it answers with none).
    pub fn call(&mut self, command: fmt::Arguments<'_>) -> io::Result<u64> {
        self.post(command);
        self.exchange()?;
        let Some(number) = self.answer.split_ascii_whitespace().nth(1) else { return Ok(0) };
        let parsed = match number.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => number.parse(),
        };
        parsed.map_err(|_| nonsense(&self.answer))
    }

    /// A round trip: everything sent is done when it returns, and QEMU's main loop has turned once.
    pub fn round_trip(&mut self) -> io::Result<()> {
        self.post(format_args!("endianness"));
        self.exchange()
    }

    /// Sends what was posted and waits until all of it is done.
    pub fn exchange(&mut self) -> io::Result<()> {
        self.stream.write_all(self.out.as_bytes())?;
        self.out.clear();
        while self.posted > 0 {
            self.receive(RecvFlags::empty()).map_err(|e| match e.kind() {
                io::ErrorKind::WouldBlock => {
                    io::Error::new(io::ErrorKind::TimedOut, "no answer on the qtest connection")
                }
                _ => e,
            })?;
        }
        Ok(())
    }

    /// Reads `IRQ` lines that have arrived on their own and says whether a PCI interrupt line is asserted.
    pub fn pci_line_asserted(&mut self) -> io::Result<bool> {
        match self.receive(RecvFlags::DONTWAIT) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            received => received?,
        }
        Ok(self.lines >> FIRST_PCI_LINE != 0)
    }

    /// To wait on while idle: readable when an `IRQ` line has arrived.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Reads once and takes every whole line.
    fn receive(&mut self, flags: RecvFlags) -> io::Result<()> {
        let mut chunk = [0; 4096];
        let len = match rustix::net::recv(&self.stream, &mut chunk[..], flags) {
            Ok((0, _)) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the qtest connection")),
            Ok((len, _)) => len,
            Err(Errno::INTR) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        self.inbox.extend_from_slice(&chunk[..len]);
        let mut start = 0;
        while let Some(len) = self.inbox[start..].iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&self.inbox[start..start + len]).into_owned();
            start += len + 1;
            self.take_line(line)?;
        }
        self.inbox.drain(..start);
        Ok(())
    }

    fn take_line(&mut self, line: String) -> io::Result<()> {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("OK"), ..) if self.posted > 0 => {
                self.posted -= 1;
                self.answer = line;
            }
            (Some("IRQ"), Some(edge), Some(number)) => {
                let number: u32 = number.parse().map_err(|_| nonsense(&line))?;
                let bit = 1u64.checked_shl(number).ok_or_else(|| nonsense(&line))?;
                if edge == "raise" { self.lines |= bit } else { self.lines &= !bit }
            }
            _ => return Err(nonsense(&line)),
        }
        Ok(())
    }
}

fn nonsense(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected qtest answer `{line}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead;

    /// A peer that answers each command with the next of `answers`.
    fn peer(answers: &'static [&'static str]) -> Qtest {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut lines = io::BufReader::new(theirs.try_clone().unwrap()).lines();
            for answer in answers {
                lines.next();
                (&theirs).write_all(answer.as_bytes()).unwrap();
            }
        });
        Qtest::new(ours).unwrap()
    }

    #[test]
    fn numbers_and_interrupt_lines_are_told_apart() {
        let mut qtest =
            peer(&["OK\n", "IRQ raise 21\nOK 0x00000000deadbeef\nIRQ raise 0\n", "OK 1000000\n", "IRQ lower 21\nOK\n"]);
        assert_eq!(qtest.post(format_args!("writel 0x0 0x1")), 1);
        assert_eq!(qtest.call(format_args!("readl 0x0")).unwrap(), 0xdead_beef);
        assert!(qtest.pci_line_asserted().unwrap());
        assert_eq!(qtest.call(format_args!("clock_step 1000000")).unwrap(), 1_000_000);
        qtest.round_trip().unwrap();
        assert_eq!(qtest.lines, 1, "line 0 is the chipset's timer");
    }

    #[test]
    fn a_refused_command_and_a_closed_connection_are_errors() {
        let mut qtest = peer(&["FAIL Unknown command\n"]);
        let refused = qtest.call(format_args!("dance")).unwrap_err();
        assert!(refused.to_string().contains("FAIL Unknown command"), "{refused}");
        let mut qtest = peer(&[]);
        assert!(qtest.round_trip().is_err());
    }

    #[test]
    fn an_interrupt_line_beyond_the_io_apic_is_refused() {
        let mut qtest = peer(&["IRQ raise 64\nOK\n"]);
        assert!(qtest.round_trip().is_err());
    }
}
