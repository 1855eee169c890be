//! The framing of HTTP/1.1 (RFC 9112) that the demo's client and server share: heads, and bodies of a stated length.

/// The longest head that is read.
const MAX_HEAD: usize = 16 * 1024;

/// Why a peer's bytes are not the HTTP that is spoken here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No end of the head within [`MAX_HEAD`] bytes.
    #[error("HTTP head longer than {MAX_HEAD} bytes")]
    HeadTooLong,
    /// The head is not text in lines of `name: value`.
    #[error("malformed HTTP head: {0}")]
    Malformed(String),
    /// A body without Content-Length (chunked or until-close bodies are not spoken here).
    #[error("HTTP body without Content-Length")]
    NoLength,
    /// More bytes than Content-Length says.
    #[error("{0} bytes after the end of the HTTP body")]
    Surplus(usize),
}

/// The head of a request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The three parts of the first line.
    pub start: [String; 3],
    /// Content-Length, if given.
    pub content_length: Option<u64>,
}

impl Head {
    /// The status code of a response head.
    ///
    /// # Errors
    /// [`HttpError::Malformed`] if the second part is no number.
    pub fn status(&self) -> Result<u16, HttpError> {
        self.start[1].parse().map_err(|_| HttpError::Malformed(format!("status {:?}", self.start[1])))
    }
}

/// The head of a request with a body of `length` bytes, or none.
pub fn request(method: &str, path: &str, host: &str, length: Option<u64>) -> Vec<u8> {
    let length = length.map_or(String::new(), |l| format!("Content-Length: {l}\r\n"));
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}\r\n").into_bytes()
}

/// The head of a response with a body of `length` bytes.
pub fn response(status: &str, length: u64) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Collects bytes until a head is whole.
#[derive(Debug, Default)]
pub struct HeadReader {
    bytes: Vec<u8>,
}

impl HeadReader {
    /// Takes the next bytes. Once the head is whole: the head and how many of `bytes` belong to it.
    ///
    /// # Errors
    /// [`HttpError::HeadTooLong`] and [`HttpError::Malformed`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<(Head, usize)>, HttpError> {
        let before = self.bytes.len();
        // The end mark may straddle two calls.
        let from = before.saturating_sub(3);
        let room = (MAX_HEAD - before).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        match self.bytes[from..].windows(4).position(|w| w == b"\r\n\r\n") {
            Some(at) => {
                let end = from + at + 4;
                Ok(Some((parse_head(&self.bytes[..end - 2])?, end - before)))
            }
            None if self.bytes.len() == MAX_HEAD => Err(HttpError::HeadTooLong),
            None => Ok(None),
        }
    }
}

fn parse_head(bytes: &[u8]) -> Result<Head, HttpError> {
    let text = std::str::from_utf8(bytes).map_err(|_| HttpError::Malformed("not text".into()))?;
    let mut lines = text.split_terminator("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut parts = first.splitn(3, ' ').map(str::to_owned);
    let (Some(a), Some(b), c) = (parts.next(), parts.next(), parts.next().unwrap_or_default()) else {
        return Err(HttpError::Malformed(first.into()));
    };
    let mut head = Head { start: [a, b, c], content_length: None };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| HttpError::Malformed(line.into()))?;
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse().map_err(|_| HttpError::Malformed(line.into()))?;
            head.content_length = Some(length);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(HttpError::NoLength);
        }
    }
    Ok(head)
}

/// Reads one response: the head, then exactly Content-Length bytes.
#[derive(Debug, Default)]
pub struct ResponseReader {
    reader: HeadReader,
    head: Option<Head>,
    left: u64,
}

impl ResponseReader {
    /// Takes the next bytes and gives those of them that are body to `body`.
    ///
    /// # Errors
    /// Any [`HttpError`].
    pub fn feed(&mut self, bytes: &[u8], body: &mut dyn FnMut(&[u8])) -> Result<(), HttpError> {
        let mut rest = bytes;
        if self.head.is_none() {
            let Some((head, used)) = self.reader.feed(rest)? else { return Ok(()) };
            self.left = head.content_length.ok_or(HttpError::NoLength)?;
            self.head = Some(head);
            rest = &rest[used..];
        }
        let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
        if take > 0 {
            body(&rest[..take]);
        }
        self.left -= take as u64;
        if take < rest.len() { Err(HttpError::Surplus(rest.len() - take)) } else { Ok(()) }
    }

    /// The head once the whole response has come.
    pub fn finished(&self) -> Option<&Head> {
        self.head.as_ref().filter(|_| self.left == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<(ResponseReader, Vec<u8>), HttpError> {
        let mut reader = ResponseReader::default();
        let mut body = Vec::new();
        for chunk in chunks {
            reader.feed(chunk, &mut |b| body.extend_from_slice(b))?;
        }
        Ok((reader, body))
    }

    #[test]
    fn a_response_split_at_every_byte() {
        let mut whole = response("200 OK", 5);
        whole.extend_from_slice(b"hello");
        for cut in 0..=whole.len() {
            let (reader, body) = read(&[&whole[..cut], &whole[cut..]]).unwrap();
            let head = reader.finished().unwrap();
            assert_eq!((head.status(), body.as_slice()), (Ok(200), &b"hello"[..]), "cut at {cut}");
        }
        let single: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(read(&single).unwrap().1, b"hello");
    }

    #[test]
    fn an_empty_body_is_finished_at_once_and_a_short_one_is_not() {
        assert!(read(&[&response("204 No Content", 0)]).unwrap().0.finished().is_some());
        let mut short = response("200 OK", 5);
        short.extend_from_slice(b"hell");
        assert!(read(&[&short]).unwrap().0.finished().is_none());
    }

    #[test]
    fn hostile_responses_are_refused() {
        let err = |bytes: &[u8]| read(&[bytes]).unwrap_err();
        assert_eq!(err(b"HTTP/1.1 200 OK\r\n\r\n"), HttpError::NoLength);
        assert_eq!(err(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HttpError::NoLength);
        assert_eq!(err(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"), HttpError::Surplus(1));
        assert!(matches!(err(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), HttpError::Malformed(_)));
        assert!(matches!(err(b"garbage\r\n\r\n"), HttpError::Malformed(_)));
        assert!(matches!(err(b"\xff\xff \r\n\r\n"), HttpError::Malformed(_)));
        assert_eq!(err(&vec![b'a'; MAX_HEAD + 10]), HttpError::HeadTooLong);
    }

    #[test]
    fn requests_carry_host_and_length() {
        let (head, used) = HeadReader::default().feed(&request("PUT", "/x", "h:1", Some(7))).unwrap().unwrap();
        assert_eq!(head.start, ["PUT", "/x", "HTTP/1.1"].map(String::from));
        assert_eq!((head.content_length, used), (Some(7), request("PUT", "/x", "h:1", Some(7)).len()));
        let (head, _) = HeadReader::default().feed(&request("GET", "/", "h", None)).unwrap().unwrap();
        assert_eq!(head.content_length, None);
    }
}
