//! QEMU's control protocol: JSON lines on a socket of its own, for what qtest cannot do (the link, HMP commands).

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use serde_json::{Value, json};

use crate::error::NicError;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Reads the greeting and leaves negotiation mode.
    pub fn open(stream: UnixStream) -> Result<Qmp, NicError> {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(NicError::os("QMP socket"))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT)).map_err(NicError::os("QMP socket"))?;
        let mut qmp = Qmp { stream: BufReader::new(stream) };
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs one command; what it returns.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, NicError> {
        let text = json!({ "execute": command, "arguments": arguments }).to_string() + "\n";
        self.stream.get_mut().write_all(text.as_bytes()).map_err(NicError::os("QMP"))?;
        // The greeting and events come on the same line-based stream; an answer has one of the two keys.
        loop {
            let mut line = String::new();
            let len = self.stream.read_line(&mut line).map_err(NicError::os("QMP"))?;
            if len == 0 {
                return Err(NicError::os("QMP")(io::Error::from(io::ErrorKind::UnexpectedEof)));
            }
            let mut answer: Value = serde_json::from_str(&line)
                .map_err(|_| NicError::Refused { command: command.to_owned(), answer: line.clone() })?;
            if let Some(error) = answer.get("error") {
                return Err(NicError::Refused { command: command.to_owned(), answer: error.to_string() });
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }
}
