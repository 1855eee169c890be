//! Two ends of a cable with a stack on each: the client under test against smoltcp sockets, on a clock of its own.

use super::*;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

#[derive(Default)]
struct Cable {
    queues: [RefCell<VecDeque<Vec<u8>>>; 2],
    now: Cell<Duration>,
    /// Every n-th frame to end 1 is lost; 0 = none.
    lose_one_in: Cell<u64>,
    frames: Cell<u64>,
}

#[derive(Clone)]
struct End {
    cable: Rc<Cable>,
    index: usize,
    room: usize,
}

impl Port for End {
    fn mac(&self) -> [u8; 6] {
        [2, 0, 0, 0, 0, self.index as u8]
    }
    fn mtu(&self) -> usize {
        1500
    }
    fn can_send(&mut self) -> bool {
        self.cable.queues[1 - self.index].borrow().len() < self.room
    }
    fn send(&mut self, frame: Vec<u8>) {
        let frames = self.cable.frames.get() + 1;
        self.cable.frames.set(frames);
        let lose = self.cable.lose_one_in.get();
        if self.can_send() && (lose == 0 || !frames.is_multiple_of(lose)) {
            self.cable.queues[1 - self.index].borrow_mut().push_back(frame);
        }
    }
    fn recv(&mut self) -> Option<Vec<u8>> {
        self.cable.queues[self.index].borrow_mut().pop_front()
    }
    fn now(&self) -> Duration {
        self.cable.now.get()
    }
    fn wait(&mut self, limit: Duration) {
        self.relax();
        if self.cable.queues[self.index].borrow().is_empty() {
            self.cable.now.set(self.cable.now.get() + limit);
        }
    }
    fn relax(&mut self) {
        self.cable.now.set(self.cable.now.get() + Duration::from_micros(10));
    }
}

/// A client end that gives the peer its turn whenever it waits.
struct Client {
    end: End,
    peer: Box<dyn FnMut()>,
}

impl Port for Client {
    fn mac(&self) -> [u8; 6] {
        self.end.mac()
    }
    fn mtu(&self) -> usize {
        self.end.mtu()
    }
    fn can_send(&mut self) -> bool {
        self.end.can_send()
    }
    fn send(&mut self, frame: Vec<u8>) {
        self.end.send(frame);
    }
    fn recv(&mut self) -> Option<Vec<u8>> {
        self.end.recv()
    }
    fn now(&self) -> Duration {
        self.end.now()
    }
    fn wait(&mut self, limit: Duration) {
        (self.peer)();
        self.end.wait(limit.min(Duration::from_millis(1)));
    }
    fn relax(&mut self) {
        (self.peer)();
        self.end.relax();
    }
}

const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// A client stack; the peer runs `serve` each time the client waits.
fn pair(room: usize, mut serve: impl FnMut(&mut Stack<End>) + 'static) -> (Stack<Client>, Rc<Cable>) {
    let cable = Rc::new(Cable::default());
    let end = |index| End { cable: cable.clone(), index, room };
    let mut peer = Stack::new(end(0), 1);
    peer.set_address(THERE, 24, None);
    let turn = move || {
        let now = peer.now();
        peer.iface.poll(instant(now), &mut peer.device, &mut peer.sockets);
        serve(&mut peer);
        peer.iface.poll(instant(now), &mut peer.device, &mut peer.sockets);
    };
    let mut client = Stack::new(Client { end: end(1), peer: Box::new(turn) }, 2);
    client.set_address(HERE, 24, None);
    (client, cable)
}

#[test]
fn pings_come_back() {
    let (mut client, _) = pair(64, |_| {});
    let mut last = 0;
    let result = client.ping(THERE, 20, 1000, Duration::from_secs(1), &mut |n| last = n);
    assert_eq!((result.sent, result.received, result.corrupt, last), (20, 20, 0, 20));
    assert_eq!(result.rtts.len(), 20);
}

#[test]
fn lost_pings_are_counted() {
    let (mut client, _) = pair(64, |_| {});
    let nobody = Ipv4Addr::new(10, 0, 0, 9);
    let result = client.ping(nobody, 3, 56, Duration::from_millis(50), &mut |_| {});
    assert_eq!((result.sent, result.received), (3, 0));
}

mod http_exchange {
    use super::*;
    use crate::pattern::Pattern;
    use crate::sha256::Sha256;
    use smoltcp::socket::tcp::{Socket, SocketBuffer};
    use std::net::SocketAddrV4;

    const SERVER: SocketAddrV4 = SocketAddrV4::new(THERE, 80);

    /// Answers the first request on port 80 with `answer` once `request_body` body bytes have come.
    fn answering(answer: Vec<u8>, request_body: usize) -> impl FnMut(&mut Stack<End>) {
        let (mut handle, mut got, mut sent) = (None, Vec::new(), 0);
        move |peer| {
            let handle = *handle.get_or_insert_with(|| {
                let buffer = || SocketBuffer::new(vec![0; 1 << 16]);
                let mut socket = Socket::new(buffer(), buffer());
                socket.listen(80).unwrap();
                peer.sockets.add(socket)
            });
            let socket = peer.sockets.get_mut::<Socket>(handle);
            while socket.can_recv() {
                socket.recv(|d| (d.len(), got.extend_from_slice(d))).unwrap();
            }
            let head_end = got.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
            if head_end.is_some_and(|end| got.len() >= end + request_body) {
                sent += socket.send_slice(&answer[sent..]).unwrap_or(0);
                if sent == answer.len() {
                    socket.close();
                }
            }
        }
    }

    fn body(len: usize) -> (Vec<u8>, String) {
        let mut bytes = vec![0; len];
        Pattern::new(3).fill(&mut bytes);
        let mut hash = Sha256::default();
        hash.update(&bytes);
        (bytes, hash.hex())
    }

    #[test]
    fn download_is_hashed_even_when_frames_are_lost() {
        for lose_one_in in [0, 50] {
            let (bytes, sha256) = body(300_000);
            let answer = [http::response("200 OK", bytes.len() as u64), bytes].concat();
            let (mut client, cable) = pair(64, answering(answer, 0));
            cable.lose_one_in.set(lose_one_in);
            let mut seen = 0;
            let response = client.get(SERVER, "/", &mut |n| seen = n).unwrap();
            assert_eq!((response.status, response.bytes, seen), (200, 300_000, 300_000));
            assert_eq!(response.sha256, sha256);
        }
    }

    #[test]
    fn upload_through_a_narrow_port() {
        let answer = [http::response("200 OK", 4), b"done".to_vec()].concat();
        let (mut client, _) = pair(2, answering(answer, 200_000));
        let (_, sha256) = body(200_000);
        let response = client.put(SERVER, "/up", &mut Pattern::new(3), 200_000, &mut |_| {}).unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, &b"done"[..]));
        assert_eq!(response.sent_sha256, sha256);
    }

    #[test]
    fn a_short_answer_a_silent_peer_and_a_short_source_are_errors() {
        let mut short = http::response("200 OK", 10);
        short.extend_from_slice(b"half");
        let (mut client, _) = pair(64, answering(short, 0));
        assert_eq!(client.get(SERVER, "/", &mut |_| {}), Err(StackError::Closed { received: 4 }));

        let (mut client, _) = pair(64, |_| {});
        let refused = client.get(SERVER, "/", &mut |_| {});
        assert_eq!(refused, Err(StackError::Closed { received: 0 }));

        let (mut client, _) = pair(64, answering(Vec::new(), usize::MAX - 100));
        let ended = client.put(SERVER, "/", &mut &b"abc"[..], 4, &mut |_| {});
        assert_eq!(ended, Err(StackError::Source("it ended early".into())));
    }
    use crate::http;
}
