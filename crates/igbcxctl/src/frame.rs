//! The frames on the control socket of a netcx-lab, for both of its ends.
//!
//! The socket is a Unix stream socket. A connection carries one handle: INTERFACES may be asked at any time, OPEN once,
//! IOCTL only while it is open. Requests may overlap; answers come in the order of completion. The end of the connection
//! closes the handle and so cancels what waits on it.
//!
//! Every frame is a header of 16 bytes and a body; all numbers are little-endian:
//!
//! | bytes | header field |
//! |---|---|
//! | 0..4 | length of the body, at most [`MAX_BODY`] |
//! | 4..8 | tag: the asker's choice, repeated in the answer |
//! | 8..10 | kind |
//! | 10..12 | [`VERSION`] |
//! | 12..16 | zero |
//!
//! | kind | from | body | answer |
//! |---|---|---|---|
//! | 1 INTERFACES | tool | GUID of the interface class, 16 bytes | COMPLETED; output: names, each ended by a zero byte |
//! | 2 OPEN | tool | name, UTF-8 | COMPLETED |
//! | 3 IOCTL | tool | control code u32, room for output u32 (at most [`MAX_DATA`]), input | COMPLETED, when it is |
//! | 4 CANCEL | tool | empty; the tag is that of the IOCTL | none of its own |
//! | 5 CLOSE | tool | empty | COMPLETED |
//! | 0x8000 COMPLETED | lab | NTSTATUS i32, output | |
//!
//! Whoever gets a frame that is none ends the connection.

use std::io;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Version of the framing.
pub const VERSION: u16 = 1;
/// Longest input and output of a request.
pub const MAX_DATA: usize = 1 << 20;
/// Longest body.
pub const MAX_BODY: usize = MAX_DATA + 8;

const INTERFACES: u16 = 1;
const OPEN: u16 = 2;
const IOCTL: u16 = 3;
const CANCEL: u16 = 4;
const CLOSE: u16 = 5;
const COMPLETED: u16 = 0x8000;

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Header {
    length: u32,
    tag: u32,
    kind: u16,
    version: u16,
    reserved: u32,
}

/// What a tool asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The names of the interfaces of a class.
    Interfaces([u8; 16]),
    /// Open an interface by its name.
    Open(String),
    /// A control code with METHOD_BUFFERED.
    Ioctl {
        /// The code.
        code: u32,
        /// Room for output in bytes.
        output_len: u32,
        /// Input.
        input: Vec<u8>,
    },
    /// Cancel the IOCTL with this tag.
    Cancel,
    /// Close the handle.
    Close,
}

/// What the lab answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// NTSTATUS.
    pub status: i32,
    /// Output.
    pub output: Vec<u8>,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A body longer than any can be.
    #[error("a frame of {0} bytes, at most {MAX_BODY} are possible")]
    TooLong(u32),
    /// Another version of the framing.
    #[error("version {0} of the control socket's frames, this is version {VERSION}")]
    Version(u16),
    /// The reserved field is not zero.
    #[error("a frame whose reserved field is not zero")]
    Reserved,
    /// A kind that this end does not get.
    #[error("a frame of the unknown kind {0:#x}")]
    Kind(u16),
    /// A body that does not fit its kind.
    #[error("a frame of kind {0:#x} with a wrong body")]
    Body(u16),
}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// What frames of one direction carry.
pub trait Message: Sized {
    /// Reads a body.
    ///
    /// # Errors
    /// [`FrameError::Kind`] and [`FrameError::Body`].
    fn decode(kind: u16, body: &[u8]) -> Result<Self, FrameError>;

    /// Kind and body.
    fn parts(&self) -> (u16, Vec<u8>);

    /// The whole frame.
    fn encode(&self, tag: u32) -> Vec<u8> {
        let (kind, body) = self.parts();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let header = Header { length, tag, kind, version: VERSION, reserved: 0 };
        [header.as_bytes(), &body].concat()
    }
}

impl Message for Request {
    fn decode(kind: u16, body: &[u8]) -> Result<Self, FrameError> {
        let wrong = FrameError::Body(kind);
        let empty = |request| if body.is_empty() { Ok(request) } else { Err(wrong) };
        match kind {
            INTERFACES => body.try_into().map(Self::Interfaces).map_err(|_| wrong),
            OPEN => String::from_utf8(body.to_vec()).map(Self::Open).map_err(|_| wrong),
            IOCTL => {
                let (code, rest) = u32::read_from_prefix(body).map_err(|_| wrong)?;
                let (output_len, input) = u32::read_from_prefix(rest).map_err(|_| wrong)?;
                if output_len as usize > MAX_DATA {
                    return Err(wrong);
                }
                Ok(Self::Ioctl { code, output_len, input: input.to_vec() })
            }
            CANCEL => empty(Self::Cancel),
            CLOSE => empty(Self::Close),
            _ => Err(FrameError::Kind(kind)),
        }
    }

    fn parts(&self) -> (u16, Vec<u8>) {
        match self {
            Self::Interfaces(class) => (INTERFACES, class.to_vec()),
            Self::Open(name) => (OPEN, name.clone().into_bytes()),
            Self::Ioctl { code, output_len, input } => {
                (IOCTL, [&code.to_le_bytes()[..], &output_len.to_le_bytes()[..], input].concat())
            }
            Self::Cancel => (CANCEL, Vec::new()),
            Self::Close => (CLOSE, Vec::new()),
        }
    }
}

impl Message for Completed {
    fn decode(kind: u16, body: &[u8]) -> Result<Self, FrameError> {
        if kind != COMPLETED {
            return Err(FrameError::Kind(kind));
        }
        let (status, output) = i32::read_from_prefix(body).map_err(|_| FrameError::Body(kind))?;
        Ok(Self { status, output: output.to_vec() })
    }

    fn parts(&self) -> (u16, Vec<u8>) {
        (COMPLETED, [&self.status.to_le_bytes()[..], &self.output].concat())
    }
}

/// Finds frames in a stream of bytes. It keeps at most one frame and what came with it.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame: its tag and what it carries. `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`]; nothing that follows can be read.
    pub fn take<M: Message>(&mut self) -> Result<Option<(u32, M)>, FrameError> {
        let Ok((header, rest)) = Header::read_from_prefix(&self.bytes) else { return Ok(None) };
        if header.version != VERSION {
            return Err(FrameError::Version(header.version));
        }
        if header.reserved != 0 {
            return Err(FrameError::Reserved);
        }
        let length = header.length as usize;
        if length > MAX_BODY {
            return Err(FrameError::TooLong(header.length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = M::decode(header.kind, body)?;
        self.bytes.drain(..size_of::<Header>() + length);
        Ok(Some((header.tag, message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request() -> impl Strategy<Value = Request> {
        let input = prop::collection::vec(any::<u8>(), 0..300);
        prop_oneof![
            any::<[u8; 16]>().prop_map(Request::Interfaces),
            ".{0,40}".prop_map(Request::Open),
            (any::<u32>(), 0..=MAX_DATA as u32, input).prop_map(|(code, output_len, input)| Request::Ioctl {
                code,
                output_len,
                input
            }),
            Just(Request::Cancel),
            Just(Request::Close),
        ]
    }

    /// Every message in `bytes`, fed in pieces of `piece` bytes.
    fn read<M: Message>(bytes: &[u8], piece: usize) -> Result<Vec<(u32, M)>, FrameError> {
        let (mut reader, mut found) = (Reader::default(), Vec::new());
        for chunk in bytes.chunks(piece) {
            reader.feed(chunk);
            while let Some(message) = reader.take()? {
                found.push(message);
            }
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(sent in prop::collection::vec((any::<u32>(), request()), 0..8), piece in 1..200_usize) {
            let bytes: Vec<u8> = sent.iter().flat_map(|(tag, request)| request.encode(*tag)).collect();
            prop_assert_eq!(read::<Request>(&bytes, piece).unwrap(), sent);
        }

        #[test]
        fn answers_come_out_as_they_went_in(tag: u32, status: i32, output: Vec<u8>, piece in 1..200_usize) {
            let sent = Completed { status, output };
            prop_assert_eq!(read::<Completed>(&sent.encode(tag), piece).unwrap(), vec![(tag, sent)]);
        }

        #[test]
        fn a_hostile_stream_is_refused_or_read_the_same_in_any_pieces(
            bytes in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(3), any::<u8>()], 0..200),
            piece in 1..50_usize,
        ) {
            let whole = read::<Request>(&bytes, 200);
            let pieces = read::<Request>(&bytes, piece);
            prop_assert_eq!(&whole, &pieces);
            prop_assert!(read::<Completed>(&bytes, piece).map_or(true, |found| bytes.len() >= found.len() * 20));
        }

        #[test]
        fn a_spoilt_header_never_makes_the_reader_wait_for_more_than_a_frame(at in 0..16_usize, value: u8) {
            let mut bytes = Request::Cancel.encode(7);
            bytes[at] = value;
            bytes.resize(16 + MAX_BODY, 0);
            // Each outcome but "needs more" is fine: a whole frame of the longest kind is there.
            let mut reader = Reader::default();
            reader.feed(&bytes);
            let outcome = reader.take::<Request>();
            prop_assert!(!matches!(outcome, Ok(None)), "{outcome:?}");
        }
    }

    #[test]
    fn every_fault_has_its_name() {
        let fault = |change: fn(&mut Vec<u8>)| {
            let mut bytes = Request::Interfaces([9; 16]).encode(1);
            change(&mut bytes);
            read::<Request>(&bytes, 1000).unwrap_err()
        };
        assert_eq!(fault(|b| b[2] = 0x80), FrameError::TooLong(0x80_0010));
        assert_eq!(fault(|b| b[10] = 2), FrameError::Version(2));
        assert_eq!(fault(|b| b[15] = 1), FrameError::Reserved);
        assert_eq!(fault(|b| b[8] = 77), FrameError::Kind(77));
        assert_eq!(fault(|b| b[0] = 15), FrameError::Body(INTERFACES));
        assert_eq!(fault(|b| b[8] = CANCEL as u8), FrameError::Body(CANCEL));
        let too_much = Request::Ioctl { code: 1, output_len: MAX_DATA as u32 + 1, input: vec![] }.encode(1);
        assert_eq!(read::<Request>(&too_much, 1000), Err(FrameError::Body(IOCTL)));
        let name = [Request::Open("x".into()).encode(1).split_last().unwrap().1, &[0xFF]].concat();
        assert_eq!(read::<Request>(&name, 1000), Err(FrameError::Body(OPEN)));
        assert!(matches!(read::<Completed>(&Request::Close.encode(1), 1000), Err(FrameError::Kind(CLOSE))));
    }
}
