//! Typed requests on an open device.

use crate::answer::{self, Fault, Head};
use crate::{Control, Error, Status};
use igb::Direction;
use igbcx_ioctl::{
    Answer, Code, Descriptor, Event, EventMask, EventsRequest, Header, Link, List, Register, RegistersRequest, Request,
    Ring, RingRequest, Statistics, VLAN_ANY, VLAN_ID, VLAN_UNTAGGED_OR_ZERO, Version, VmqAllocateRequest, VmqAllocated,
    VmqCapabilities, VmqClearFilterRequest, VmqFilter, VmqFilterSet, VmqFreeRequest, VmqQueue, VmqSetFilterRequest,
    WaitRequest,
};
use std::time::Duration;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Room for the longest list: 4096 descriptors, the largest ring of the 82576, are 64 KiB.
const LIST_ROOM: usize = 256 << 10;
/// Every request but a wait is answered at once; the driver may be reading the PHY (1.8 s at most) before.
const LIMIT: Duration = Duration::from_secs(10);

/// What a filter of a VM queue says of a frame's VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vlan {
    /// Whatever it is.
    Any,
    /// No tag, or one with identifier 0.
    UntaggedOrZero,
    /// This identifier.
    Id(u16),
}

/// Asks an open device.
pub struct Client<'a> {
    device: Box<dyn Control + 'a>,
}

impl<'a> Client<'a> {
    /// A client of an open device.
    pub fn new(device: Box<dyn Control + 'a>) -> Self {
        Self { device }
    }

    /// Protocol, driver and device.
    ///
    /// # Errors
    /// Any [`Error`] of a request; so do the others.
    pub fn version(&mut self) -> Result<Version, Error> {
        self.fixed(Code::Version, &Request { header: Header::NEW })
    }

    /// All counters.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        self.fixed(Code::Statistics, &Request { header: Header::NEW })
    }

    /// The link.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn link(&mut self) -> Result<Link, Error> {
        self.fixed(Code::Link, &Request { header: Header::NEW })
    }

    /// Registers; with `clearing` also those that are cleared by reading.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn registers(&mut self, clearing: bool) -> Result<Vec<Register>, Error> {
        let flags = if clearing { RegistersRequest::CLEARING } else { 0 };
        let request = RegistersRequest { header: Header::NEW, flags, reserved: 0 };
        self.list::<List, Register>(Code::Registers, &request).map(|(_, registers)| registers)
    }

    /// A queue's ring.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn ring(&mut self, direction: Direction, queue: u8) -> Result<(Ring, Vec<Descriptor>), Error> {
        let direction = match direction {
            Direction::Transmit => 0,
            Direction::Receive => 1,
        };
        self.list(Code::Ring, &RingRequest { header: Header::NEW, direction, queue, reserved: [0; 6] })
    }

    /// The events in the log with numbers above `after`, oldest first.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn events(&mut self, after: u64) -> Result<Vec<Event>, Error> {
        let request = EventsRequest { header: Header::NEW, after };
        let (_, events) = self.list::<List, Event>(Code::Events, &request)?;
        checked(Code::Events, answer::check_events(&events))?;
        Ok(events)
    }

    /// The first event of `mask` with a number above `after`; waits for it. `None`: not within `limit`.
    ///
    /// # Errors
    /// As [`Client::version`]; [`Status::CANCELLED`] when the device goes away or to sleep.
    pub fn wait(&mut self, mask: EventMask, after: u64, limit: Option<Duration>) -> Result<Option<Event>, Error> {
        let request = WaitRequest { header: Header::NEW, mask: mask.0, reserved: 0, after };
        let output = self.ask(Code::Wait, request.as_bytes(), size_of::<Event>(), limit)?;
        output.map(|bytes| checked(Code::Wait, answer::event(&bytes))).transpose()
    }

    /// What there is of VM queues.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn vmq_capabilities(&mut self) -> Result<VmqCapabilities, Error> {
        self.fixed(Code::VmqCapabilities, &Request { header: Header::NEW })
    }

    /// Allocates a VM queue with so many buffers, 0 for as many as usual: its number.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn vmq_allocate(&mut self, buffers: u32) -> Result<u32, Error> {
        let request = VmqAllocateRequest { header: Header::NEW, buffers, reserved: 0 };
        self.fixed::<VmqAllocated>(Code::VmqAllocate, &request).map(|allocated| allocated.queue)
    }

    /// Sets a filter on a VM queue: its number.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn vmq_set_filter(&mut self, queue: u32, address: [u8; 6], vlan: Vlan) -> Result<u32, Error> {
        let (vlan_test, vlan) = match vlan {
            Vlan::Any => (VLAN_ANY, 0),
            Vlan::UntaggedOrZero => (VLAN_UNTAGGED_OR_ZERO, 0),
            Vlan::Id(id) => (VLAN_ID, id),
        };
        let (header, reserved, reserved2) = (Header::NEW, 0, [0; 2]);
        let request = VmqSetFilterRequest { header, queue, vlan, vlan_test, reserved, address, reserved2 };
        self.fixed::<VmqFilterSet>(Code::VmqSetFilter, &request).map(|set| set.filter)
    }

    /// Clears a filter of a VM queue.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn vmq_clear_filter(&mut self, queue: u32, filter: u32) -> Result<(), Error> {
        let request = VmqClearFilterRequest { header: Header::NEW, queue, filter };
        self.fixed::<Answer>(Code::VmqClearFilter, &request).map(|_| ())
    }

    /// Frees a VM queue.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn vmq_free(&mut self, queue: u32) -> Result<(), Error> {
        let request = VmqFreeRequest { header: Header::NEW, queue, reserved: 0 };
        self.fixed::<Answer>(Code::VmqFree, &request).map(|_| ())
    }

    /// The VM queues that are allocated, and their filters.
    ///
    /// # Errors
    /// As [`Client::version`].
    pub fn vmq_list(&mut self) -> Result<(Vec<VmqQueue>, Vec<VmqFilter>), Error> {
        let request = Request { header: Header::NEW };
        let (_, queues) = self.list::<List, _>(Code::VmqQueues, &request)?;
        checked(Code::VmqQueues, answer::check_queues(&queues))?;
        let (_, filters) = self.list::<List, _>(Code::VmqFilters, &request)?;
        checked(Code::VmqFilters, answer::check_filters(&filters))?;
        Ok((queues, filters))
    }

    fn fixed<T: answer::Checked>(&mut self, code: Code, request: &impl Bytes) -> Result<T, Error> {
        let output = self.short(code, request.as_bytes(), size_of::<T>())?;
        checked(code, answer::fixed(&output))
    }

    fn list<H: Head, E: FromBytes + Immutable>(
        &mut self,
        code: Code,
        request: &impl Bytes,
    ) -> Result<(H, Vec<E>), Error> {
        let output = self.short(code, request.as_bytes(), LIST_ROOM)?;
        checked(code, answer::list(&output, LIST_ROOM))
    }

    fn short(&mut self, code: Code, input: &[u8], room: usize) -> Result<Vec<u8>, Error> {
        let seconds = LIMIT.as_secs();
        self.ask(code, input, room, Some(LIMIT))?.ok_or(Error::NoAnswer { code, seconds })
    }

    fn ask(
        &mut self,
        code: Code,
        input: &[u8],
        room: usize,
        limit: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(completion) = self.device.control(code, input, room, limit)? else { return Ok(None) };
        if completion.status != Status::SUCCESS {
            return Err(Error::Refused { code, status: completion.status });
        }
        Ok(Some(completion.output))
    }
}

/// A request as it travels.
trait Bytes: IntoBytes + Immutable {}
impl<T: IntoBytes + Immutable> Bytes for T {}

fn checked<T>(code: Code, answer: Result<T, Fault>) -> Result<T, Error> {
    answer.map_err(|fault| Error::Answer { code, fault })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Completion;
    use igbcx_ioctl::{Answer, parse};
    use std::cell::RefCell;
    use std::rc::Rc;
    use zerocopy::FromZeros;

    type Asked = Rc<RefCell<Vec<(Code, Vec<u8>, usize)>>>;

    /// Answers every request with the same completion.
    struct Fake(Asked, Option<Completion>);

    impl Control for Fake {
        fn control(
            &mut self,
            code: Code,
            input: &[u8],
            room: usize,
            _limit: Option<Duration>,
        ) -> Result<Option<Completion>, Error> {
            self.0.borrow_mut().push((code, input.to_vec(), room));
            Ok(self.1.clone())
        }
    }

    fn client(status: u32, output: &[u8]) -> (Client<'static>, Asked) {
        let asked = Asked::default();
        let completion = Completion { status: Status(status.cast_signed()), output: output.to_vec() };
        (Client::new(Box::new(Fake(asked.clone(), Some(completion)))), asked)
    }

    #[test]
    fn requests_are_what_the_protocol_wants() {
        let (mut client, asked) = client(0, &[]);
        // The empty answers are refused; what was asked is looked at.
        let _ = (client.version(), client.statistics(), client.link(), client.events(9));
        let _ = (client.registers(true), client.ring(Direction::Receive, 3), client.wait(EventMask(5), 8, None));
        let _ = (client.vmq_capabilities(), client.vmq_allocate(5), client.vmq_set_filter(2, [1; 6], Vlan::Id(9)));
        let _ = (client.vmq_clear_filter(3, 4), client.vmq_free(6), client.vmq_list());
        let asked = asked.borrow();
        let inputs: Vec<&[u8]> = asked.iter().map(|(_, input, _)| &input[..]).collect();
        assert!(inputs[..3].iter().all(|input| parse::<Request>(input).is_ok()));
        assert_eq!(parse::<EventsRequest>(inputs[3]).unwrap().after, 9);
        assert_eq!(parse::<RegistersRequest>(inputs[4]).unwrap().flags, RegistersRequest::CLEARING);
        let ring: RingRequest = parse(inputs[5]).unwrap();
        assert_eq!((ring.direction, ring.queue), (1, 3));
        let wait: WaitRequest = parse(inputs[6]).unwrap();
        assert_eq!((wait.mask, wait.after), (5, 8));
        assert!(parse::<Request>(inputs[7]).is_ok());
        assert_eq!(parse::<VmqAllocateRequest>(inputs[8]).unwrap().buffers, 5);
        let set: VmqSetFilterRequest = parse(inputs[9]).unwrap();
        assert_eq!((set.queue, set.address, set.vlan, set.vlan_test), (2, [1; 6], 9, VLAN_ID));
        let clear: VmqClearFilterRequest = parse(inputs[10]).unwrap();
        assert_eq!((clear.queue, clear.filter), (3, 4));
        assert_eq!(parse::<VmqFreeRequest>(inputs[11]).unwrap().queue, 6);
        // The filters are asked for after the queues have come.
        assert!(parse::<Request>(inputs[12]).is_ok() && inputs.len() == 13);
        let rest = [Code::VmqFilters];
        assert!(Code::ALL.iter().all(|code| rest.contains(code) || asked.iter().any(|(asked, ..)| asked == code)));
        assert_eq!((asked[1].2, asked[6].2), (size_of::<Statistics>(), size_of::<Event>()));
    }

    #[test]
    fn answers_refusals_and_silence_are_told_apart() {
        let link = Link { answer: Answer::new(size_of::<Link>()), speed: 1000, ..Link::new_zeroed() };
        assert_eq!(client(0, link.as_bytes()).0.link().unwrap().speed, 1000);
        let refused = client(0xC000_00A3, &[]).0.link().unwrap_err();
        assert!(matches!(refused, Error::Refused { code: Code::Link, status: Status(s) } if s < 0), "{refused}");
        let short = client(0, &link.as_bytes()[..63]).0.link().unwrap_err().to_string();
        assert_eq!(short, "link: the driver's answer breaks the protocol: 63 bytes instead of 64");
        let mut silent = Client::new(Box::new(Fake(Asked::default(), None)));
        assert!(matches!(silent.link(), Err(Error::NoAnswer { code: Code::Link, .. })));
        assert!(silent.wait(EventMask::ALL, 0, None).unwrap().is_none());
    }
}
