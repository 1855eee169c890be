//! The server with a device of this file and peers of every kind.

use super::super::{Completion, Handle, Pending};
use super::*;
use igbcxctl::frame::{Completed, Message, Reader, Request};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::rc::Rc;
use wdk_sys::{GUID, NTSTATUS, STATUS_CANCELLED, STATUS_OBJECT_NAME_NOT_FOUND};

/// A device whose control code 1 echoes its input and whose code 2 waits until it is cancelled.
#[derive(Default)]
struct Fake {
    open: Rc<Cell<usize>>,
    waiting: Rc<RefCell<Vec<Rc<Cell<bool>>>>>,
}

struct FakeHandle {
    open: Rc<Cell<usize>>,
    waiting: Rc<RefCell<Vec<Rc<Cell<bool>>>>>,
    own: RefCell<Vec<Rc<Cell<bool>>>>,
}

enum FakePending {
    Done(Completion),
    Waits(Rc<Cell<bool>>),
}

impl Target for Fake {
    fn interfaces(&self, class: &GUID) -> Vec<String> {
        if class.Data1 == 7 { vec!["one".into(), "two".into()] } else { vec![] }
    }

    fn open(&self, name: &str) -> Result<Box<dyn Handle>, NTSTATUS> {
        if name != "one" {
            return Err(STATUS_OBJECT_NAME_NOT_FOUND);
        }
        self.open.update(|n| n + 1);
        Ok(Box::new(FakeHandle { open: self.open.clone(), waiting: self.waiting.clone(), own: RefCell::default() }))
    }
}

impl Handle for FakeHandle {
    fn ioctl(&self, code: u32, input: &[u8], output_len: usize) -> Box<dyn Pending> {
        if code == 2 {
            let cancelled = Rc::new(Cell::new(false));
            self.waiting.borrow_mut().push(cancelled.clone());
            self.own.borrow_mut().push(cancelled.clone());
            return Box::new(FakePending::Waits(cancelled));
        }
        let output = input[..input.len().min(output_len)].to_vec();
        Box::new(FakePending::Done(Completion { status: 0, information: output.len() as u64, output }))
    }
}

impl Drop for FakeHandle {
    fn drop(&mut self) {
        self.open.update(|n| n - 1);
        self.own.borrow().iter().for_each(|wait| wait.set(true));
    }
}

impl Pending for FakePending {
    fn completion(&self) -> Option<Completion> {
        match self {
            Self::Done(completion) => Some(completion.clone()),
            Self::Waits(cancelled) => {
                cancelled.get().then(|| Completion { status: STATUS_CANCELLED, information: 0, output: Vec::new() })
            }
        }
    }

    fn cancel(&self) {
        if let Self::Waits(cancelled) = self {
            cancelled.set(true);
        }
    }
}

struct Bench {
    folder: tempfile::TempDir,
    server: Server,
    device: Fake,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::listen(&folder.path().join("lab")).unwrap();
        Bench { folder, server, device: Fake::default() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    fn peer(&self) -> Peer {
        let stream = UnixStream::connect(self.path()).unwrap();
        stream.set_nonblocking(true).unwrap();
        Peer { stream, reader: Reader::default() }
    }

    fn poll(&mut self) {
        self.server.poll(&self.device);
    }
}

struct Peer {
    stream: UnixStream,
    reader: Reader,
}

impl Peer {
    fn send(&mut self, tag: u32, request: &Request) {
        self.stream.write_all(&request.encode(tag)).unwrap();
    }

    /// Everything that has come.
    fn answers(&mut self) -> Vec<(u32, Completed)> {
        let mut buffer = [0; 1 << 16];
        while let Ok(n @ 1..) = self.stream.read(&mut buffer) {
            self.reader.feed(&buffer[..n]);
        }
        std::iter::from_fn(|| self.reader.take().unwrap()).collect()
    }

    fn open(&mut self, bench: &mut Bench) {
        self.send(1, &Request::Open("one".into()));
        bench.poll();
        assert_eq!(self.answers(), [(1, completed(0, b""))]);
    }
}

fn completed(status: NTSTATUS, output: &[u8]) -> Completed {
    Completed { status, output: output.to_vec() }
}

fn ioctl(code: u32, output_len: u32, input: &[u8]) -> Request {
    Request::Ioctl { code, output_len, input: input.to_vec() }
}

#[test]
fn requests_overlap_and_answers_carry_their_tags() {
    let mut bench = Bench::new();
    let mut peer = bench.peer();
    let mut class = [0; 16];
    class[0] = 7;
    peer.send(9, &Request::Interfaces(class));
    bench.poll();
    assert_eq!(peer.answers(), [(9, completed(0, b"one\0two\0"))]);
    peer.open(&mut bench);
    peer.send(2, &ioctl(2, 10, b""));
    peer.send(3, &ioctl(1, 3, b"echo"));
    bench.poll();
    assert_eq!(peer.answers(), [(3, completed(0, b"ech"))]);
    peer.send(2, &Request::Cancel);
    peer.send(77, &Request::Cancel);
    bench.poll();
    assert_eq!(peer.answers(), [(2, completed(STATUS_CANCELLED, b""))]);
}

#[test]
fn a_connection_carries_one_handle() {
    let mut bench = Bench::new();
    let mut peer = bench.peer();
    peer.send(1, &ioctl(1, 1, b"x"));
    peer.send(2, &Request::Close);
    peer.send(3, &Request::Open("three".into()));
    bench.poll();
    let statuses: Vec<i32> = peer.answers().iter().map(|(_, answer)| answer.status).collect();
    assert_eq!(statuses.len(), 3);
    assert!(statuses.iter().all(|status| *status < 0), "{statuses:?}");
    peer.open(&mut bench);
    peer.send(4, &Request::Open("one".into()));
    peer.send(5, &ioctl(2, 0, b""));
    bench.poll();
    assert!(matches!(&peer.answers()[..], [(4, answer)] if answer.status < 0));
    peer.send(6, &Request::Close);
    bench.poll();
    assert_eq!(peer.answers(), [(5, completed(STATUS_CANCELLED, b"")), (6, completed(0, b""))]);
    assert_eq!(bench.device.open.get(), 0);
}

#[test]
fn the_end_of_a_connection_closes_its_handle_only() {
    let mut bench = Bench::new();
    let (mut one, mut other) = (bench.peer(), bench.peer());
    one.open(&mut bench);
    other.open(&mut bench);
    one.send(2, &ioctl(2, 0, b""));
    other.send(2, &ioctl(2, 0, b""));
    bench.poll();
    drop(one);
    bench.poll();
    assert_eq!((bench.device.open.get(), bench.server.connections()), (1, 1));
    let waiting: Vec<bool> = bench.device.waiting.borrow().iter().map(|cancelled| cancelled.get()).collect();
    assert_eq!(waiting, [true, false]);
    assert!(other.answers().is_empty());
}

#[test]
fn the_end_of_the_server_tells_the_waiting() {
    let mut bench = Bench::new();
    let mut peer = bench.peer();
    peer.open(&mut bench);
    peer.send(2, &ioctl(2, 0, b""));
    bench.poll();
    let Bench { server, device, folder } = bench;
    drop(server);
    assert_eq!(peer.answers(), [(2, completed(STATUS_CANCELLED, b""))]);
    assert_eq!(device.open.get(), 0);
    assert!(!folder.path().join("lab").exists());
}

#[test]
fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
    let bench = Bench::new();
    assert_eq!(Server::listen(&bench.path()).err().unwrap().kind(), io::ErrorKind::AddrInUse);
    let dead = bench.folder.path().join("dead");
    drop(UnixListener::bind(&dead).unwrap());
    assert!(Server::listen(&dead).is_ok());
    let file = bench.folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    assert!(Server::listen(&file).is_err());
    assert_eq!(std::fs::read(&file).unwrap(), b"kept");
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let mut bench = Bench::new();
    let mut peer = bench.peer();
    peer.open(&mut bench);
    let big = ioctl(1, 1 << 20, &vec![5; 1 << 20]).encode(1);
    let mut sent = 0;
    // More than the sockets and the server's patience hold, then whatever the server still takes.
    for _ in 0..100_000 {
        match peer.stream.write(&big[sent..]) {
            Ok(n) => sent = (sent + n) % big.len(),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        bench.poll();
    }
    assert_eq!((bench.server.connections(), bench.device.open.get()), (0, 0));
}

#[test]
fn requests_and_connections_have_a_limit() {
    let mut bench = Bench::new();
    let mut peer = bench.peer();
    peer.open(&mut bench);
    for tag in 0..300 {
        peer.send(tag, &ioctl(2, 0, b""));
        bench.poll();
    }
    let refused = peer.answers();
    assert_eq!((refused.len(), bench.device.waiting.borrow().len()), (44, 256));
    let more: Vec<Peer> = (0..100).map(|_| bench.peer()).collect();
    bench.poll();
    assert_eq!((more.len(), bench.server.connections()), (100, CONNECTIONS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Rubbish ends its own connection at most.
    #[test]
    fn a_hostile_peer_harms_nobody(rubbish in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(3), any::<u8>()], 0..300), good in 0..6_usize) {
        let mut bench = Bench::new();
        let (mut peer, mut honest) = (bench.peer(), bench.peer());
        honest.open(&mut bench);
        let frames = [
            Request::Open("one".into()).encode(1),
            ioctl(2, 5, b"").encode(2),
            ioctl(1, 2, b"abc").encode(3),
            Request::Cancel.encode(2),
            Request::Close.encode(4),
        ];
        peer.stream.write_all(&[frames[..good.min(5)].concat(), rubbish].concat()).unwrap();
        bench.poll();
        bench.poll();
        honest.send(5, &ioctl(1, 9, b"still here"));
        bench.poll();
        prop_assert_eq!(honest.answers(), vec![(5, completed(0, b"still her"))]);
        drop(peer);
        bench.poll();
        prop_assert_eq!((bench.device.open.get(), bench.server.connections()), (1, 1));
    }
}
