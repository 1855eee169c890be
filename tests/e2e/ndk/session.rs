//! Everything a consumer does once, in steps, so that something can happen between any two of them.

use lab_kernel::cpu;
use ndis_sys::ndk::status::STATUS_TIMEOUT;
use ndis_sys::ndk::*;
use netcx_lab::ndk::conform::bench::{ALL_RIGHTS, HERE, QUIET, fresh_address};
use netcx_lab::ndk::consumer::*;
use std::net::SocketAddrV4;
use wdk_sys::{NTSTATUS, STATUS_SUCCESS};

/// Steps of a whole session.
pub const STEPS: usize = 18;
/// Bytes of each buffer.
const BYTES: usize = 9000;

type Step = fn(&mut Session, &Provider) -> Result<(), NTSTATUS>;
const ALL: [Step; STEPS] = [
    Session::open,
    Session::domain,
    Session::queue,
    Session::queue,
    Session::memory,
    Session::memory,
    Session::window,
    Session::shared_queue,
    Session::pair_of_queues,
    Session::pair_of_queues,
    Session::listen,
    Session::endpoint,
    Session::connect,
    Session::accept,
    Session::complete,
    Session::transfer,
    Session::fast_memory,
    Session::leave_pending,
];

/// What a consumer holds after some steps.
#[derive(Default)]
pub struct Session {
    adapter: Option<Adapter>,
    pd: Option<Pd>,
    cqs: Vec<Cq>,
    regions: Vec<(Mr, Buffer)>,
    buffers: Vec<Buffer>,
    windows: Vec<Mw>,
    qps: Vec<Qp>,
    listener: Option<Listener>,
    at: Option<SocketAddrV4>,
    connectors: Vec<Connector>,
    pending: Vec<Pending>,
    /// Closes what was made, last first.
    closers: Vec<Box<dyn FnOnce()>>,
}

fn end(pending: &Pending) -> Result<(), NTSTATUS> {
    match pending.wait() {
        Some(STATUS_SUCCESS) => Ok(()),
        Some(status) => Err(status),
        None => panic!("a pending request never ends"),
    }
}

fn posted(status: NTSTATUS) -> Result<(), NTSTATUS> {
    if status == STATUS_SUCCESS { Ok(()) } else { Err(status) }
}

impl Session {
    /// The first `steps` steps; with an error, what was made up to there.
    pub fn run(provider: &Provider, steps: usize) -> (Session, Result<(), NTSTATUS>) {
        let mut session = Session::default();
        let result = ALL[..steps].iter().try_for_each(|step| step(&mut session, provider));
        (session, result)
    }

    /// Everything that is pending ends.
    pub fn check_pending(&mut self) {
        for pending in self.pending.drain(..) {
            assert!(pending.wait().is_some(), "a pending request never ends");
        }
    }

    /// Closes everything, the adapter last.
    pub fn close(mut self) {
        self.closers.drain(..).rev().for_each(|close| close());
        self.check_pending();
        if let Some(adapter) = self.adapter {
            adapter.close();
        }
    }

    fn closes(&mut self, close: impl FnOnce() -> Closing + 'static) {
        self.closers.push(Box::new(move || assert!(close().wait(), "a close never ends")));
    }

    fn adapter(&self) -> Adapter {
        self.adapter.expect("it was opened")
    }

    fn pd(&self) -> Pd {
        self.pd.expect("it was created")
    }

    fn open(&mut self, provider: &Provider) -> Result<(), NTSTATUS> {
        self.adapter = Some(provider.open()?);
        assert!(self.adapter().info().MaxCqDepth > 0);
        Ok(())
    }

    fn domain(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let pd = self.adapter().create_pd()?;
        self.closes(move || pd.close());
        self.pd = Some(pd);
        Ok(())
    }

    fn queue(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let cq = self.adapter().create_cq(64)?;
        let closing = cq.clone();
        self.closes(move || closing.close());
        end(&cq.resize(128))?;
        self.cqs.push(cq);
        Ok(())
    }

    fn memory(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let buffer = Buffer::chained(Memory::Process, 123, &[5000, BYTES - 5000]);
        let mr = self.pd().create_mr(false)?;
        self.closes(move || mr.close());
        let registered = end(&mr.register(&buffer, BYTES, ALL_RIGHTS));
        self.regions.push((mr, buffer));
        registered
    }

    fn window(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let mw = self.pd().create_mw()?;
        self.closes(move || mw.close());
        self.windows.push(mw);
        Ok(())
    }

    fn shared_queue(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let srq = self.pd().create_srq(8, 2, 2)?;
        let closing = srq.clone();
        self.closes(move || closing.close());
        posted(srq.receive(1, &[self.sge(0, 0, 100)]))
    }

    fn pair_of_queues(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let qp = self.pd().create_qp(&self.cqs[0], &self.cqs[1], self.qps.len(), QpDepth::default())?;
        self.closes(move || qp.close());
        self.qps.push(qp);
        Ok(())
    }

    fn listen(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let listener = self.adapter().create_listener()?;
        let closing = listener.clone();
        self.closes(move || closing.close());
        let at = fresh_address();
        end(&listener.listen(at))?;
        (self.listener, self.at) = (Some(listener), Some(at));
        Ok(())
    }

    fn endpoint(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let endpoint = self.adapter().create_endpoint(fresh_address())?;
        self.closes(move || endpoint.close());
        Ok(())
    }

    fn keep(&mut self, connector: Connector) {
        let closing = connector.clone();
        self.closes(move || closing.close());
        self.connectors.push(connector);
    }

    fn connect(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let (at, qp) = (self.at.expect("it listens"), self.qps[0]);
        let connector = self.adapter().create_connector()?;
        self.keep(connector.clone());
        let connecting = connector.connect(qp, SocketAddrV4::new(HERE, 0), at, &side());
        let refused = connecting.inline();
        self.pending.push(connecting);
        if let Some(status) = refused {
            return Err(status);
        }
        let listener = self.listener.clone().expect("it listens");
        let incoming = listener.incoming(LIMIT).ok_or(STATUS_TIMEOUT)?;
        self.keep(incoming);
        Ok(())
    }

    fn accept(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let accepting = self.connectors[1].accept(self.qps[1], &side());
        let refused = accepting.inline();
        self.pending.push(accepting);
        refused.map_or(Ok(()), Err)
    }

    fn complete(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        end(&self.pending[0])?;
        end(&self.connectors[0].complete_connect(false))?;
        end(&self.pending[1])
    }

    fn sge(&self, region: usize, at: i64, len: u32) -> NDK_SGE {
        let (mr, buffer) = &self.regions[region];
        buffer.sge(at, len, mr.local_token())
    }

    fn transfer(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let (near, far) = (self.qps[0], self.qps[1]);
        let (mr, buffer) = &self.regions[1];
        buffer.fill(2);
        self.regions[0].1.fill(1);
        posted(far.receive(1, &[self.sge(1, 0, 4000)]))?;
        self.cqs[0].arm(NDK_CQ_NOTIFY_ANY);
        posted(near.send(2, &[self.sge(0, 0, 1000), self.sge(0, 6000, 3000)], 0))?;
        posted(near.write(3, &[self.sge(0, 0, 2000)], buffer.address() + 5000, mr.remote_token(), 0))?;
        posted(near.read(4, &[self.sge(0, 4000, 500)], buffer.address(), mr.remote_token(), 0))?;
        let flags = NDK_OP_FLAG_ALLOW_REMOTE_READ;
        posted(near.bind(5, self.regions[0].0, self.windows[0], self.regions[0].1.address(), 100, flags))?;
        posted(near.invalidate_mw(6, self.windows[0], 0))?;
        for (cq, count) in [(&self.cqs[0], 1), (&self.cqs[1], 5)] {
            let works = netcx_lab::ndk::conform::bench::take_up_to(cq, count, LIMIT);
            assert_eq!(works.len(), count, "{works:x?}");
            if let Some(work) = works.iter().find(|w| w.status != STATUS_SUCCESS) {
                return Err(work.status);
            }
        }
        assert_eq!(buffer.bytes(5000, 2000), self.regions[0].1.bytes(0, 2000));
        Ok(())
    }

    fn fast_memory(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        let buffer = Buffer::new(Memory::Process, 77, BYTES);
        let mr = self.pd().create_mr(true)?;
        self.closes(move || mr.close());
        end(&mr.initialize_fast(4, true))?;
        let room = size_of::<NDK_LOGICAL_ADDRESS_MAPPING>() as u32 + 64;
        let (status, _, lam) = self.adapter().build_lam_into(&buffer, BYTES, room);
        self.buffers.push(buffer);
        posted(status)?;
        let base = 0x10_0000 + u64::from(lam.offset);
        let registered = self.qps[0].fast_register(7, mr, &lam, BYTES as u64, base, NDK_OP_FLAG_ALLOW_REMOTE_READ);
        let adapter = self.adapter();
        self.closers.push(Box::new(move || adapter.release_lam(lam)));
        posted(registered)
    }

    /// Sends without receives, receives without sends, a CQ that is armed.
    fn leave_pending(&mut self, _: &Provider) -> Result<(), NTSTATUS> {
        self.cqs[0].arm(NDK_CQ_NOTIFY_SOLICITED);
        for request in 0..3 {
            posted(self.qps[0].send(10 + request, &[self.sge(0, 0, 10)], 0))?;
            posted(self.qps[0].receive(20 + request, &[self.sge(1, 0, 10)]))?;
        }
        cpu::sleep(QUIET);
        Ok(())
    }
}

fn side() -> Side {
    Side { inbound: 2, outbound: 2, data: b"session".to_vec(), ex: true }
}
