//! Checks of answers. Whatever the driver sends, an answer that passed has the right length, version and counts, and
//! zero wherever the protocol says zero: bytes that nobody wrote would be kernel memory that leaked.

use igbcx_ioctl::{
    Answer, Event, Link, List, MAX_HARDWARE_COUNTERS, MAX_QUEUES, PROTOCOL, Ring, RxCounters, Statistics, TxCounters,
    VLAN_ID, Version, VmqAllocated, VmqCapabilities, VmqFilter, VmqFilterSet, VmqQueue,
};
use std::ops::RangeInclusive;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Fewer bytes than the answer's fixed part, or more than an answer of fixed length has.
    #[error("{got} bytes instead of {expected}")]
    Length {
        /// Bytes that came.
        got: usize,
        /// Bytes that belong there.
        expected: usize,
    },
    /// Another protocol version.
    #[error("protocol version {0}, this is igbcxctl for version {PROTOCOL}")]
    Version(u16),
    /// The size field contradicts the answer.
    #[error("the size field says {says}, the answer has {got} bytes")]
    Size {
        /// The field.
        says: u32,
        /// Bytes that came.
        got: usize,
    },
    /// A field that must be zero is not.
    #[error("{0} is not zero")]
    NotZero(&'static str),
    /// A count beyond what there can be.
    #[error("{what} is {value}, at most {limit} is possible")]
    Count {
        /// The field.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The most.
        limit: u64,
    },
}

/// An answer, or the fixed part of one, that starts with [`Answer`].
pub trait Checked: FromBytes + KnownLayout + Immutable {
    /// Its start.
    fn answer(&self) -> &Answer;

    /// Checks the fields behind the start.
    ///
    /// # Errors
    /// The [`Fault`].
    fn check(&self) -> Result<(), Fault>;
}

/// A fixed part that says how many elements follow.
pub trait Head: Checked {
    /// Elements that follow.
    fn count(&self) -> u32;
}

/// An answer of fixed length.
///
/// # Errors
/// The [`Fault`].
pub fn fixed<T: Checked>(bytes: &[u8]) -> Result<T, Fault> {
    let (head, rest) = start::<T>(bytes)?;
    if !rest.is_empty() {
        return Err(Fault::Length { got: bytes.len(), expected: size_of::<T>() });
    }
    check_size(&head, bytes.len()..=bytes.len())?;
    head.check()?;
    Ok(head)
}

/// An answer with a list behind it, to a caller with room for `room` bytes. The whole list must have fitted; it may have
/// become shorter while the driver wrote it.
///
/// # Errors
/// The [`Fault`].
pub fn list<H: Head, E: FromBytes + Immutable>(bytes: &[u8], room: usize) -> Result<(H, Vec<E>), Fault> {
    let (head, rest) = start::<H>(bytes)?;
    let came = rest.len() / size_of::<E>();
    if head.count() as usize > came {
        return Err(Fault::Count { what: "the count", value: head.count().into(), limit: came as u64 });
    }
    let expected = size_of::<H>() + head.count() as usize * size_of::<E>();
    if bytes.len() != expected {
        return Err(Fault::Length { got: bytes.len(), expected });
    }
    check_size(&head, bytes.len()..=room)?;
    head.check()?;
    let elements = rest.chunks_exact(size_of::<E>()).filter_map(|chunk| E::read_from_bytes(chunk).ok());
    Ok((head, elements.collect()))
}

/// The answer of a wait, which is an event alone.
///
/// # Errors
/// The [`Fault`].
pub fn event(bytes: &[u8]) -> Result<Event, Fault> {
    let expected = size_of::<Event>();
    let event = Event::read_from_bytes(bytes).map_err(|_| Fault::Length { got: bytes.len(), expected })?;
    check_events(&[event])?;
    Ok(event)
}

/// Checks the elements of an event list.
///
/// # Errors
/// The [`Fault`].
pub fn check_events(events: &[Event]) -> Result<(), Fault> {
    zero("an event's reserved field", events.iter().all(|event| event.reserved == 0))
}

/// Checks the elements of a list of VM queues.
///
/// # Errors
/// The [`Fault`].
pub fn check_queues(queues: &[VmqQueue]) -> Result<(), Fault> {
    queues.iter().try_for_each(|queue| {
        zero("a queue's reserved field", queue.reserved == 0)?;
        at_most("a queue's state", queue.state, 4)?;
        at_most("a queue's memory", queue.memory, 2)
    })
}

/// Checks the elements of a list of filters.
///
/// # Errors
/// The [`Fault`].
pub fn check_filters(filters: &[VmqFilter]) -> Result<(), Fault> {
    filters.iter().try_for_each(|filter| {
        zero("a filter's reserved field", filter.reserved == 0)?;
        at_most("a filter's VLAN test", filter.vlan_test, VLAN_ID.into())?;
        zero("the VLAN of a filter that has none", filter.vlan_test == VLAN_ID || filter.vlan == 0)
    })
}

/// The version first, so that a driver of another one is named as such, whatever the length of its answers.
fn start<T: Checked>(bytes: &[u8]) -> Result<(T, &[u8]), Fault> {
    let short = |expected| Fault::Length { got: bytes.len(), expected };
    let (answer, _) = Answer::read_from_prefix(bytes).map_err(|_| short(size_of::<T>()))?;
    if answer.version != PROTOCOL {
        return Err(Fault::Version(answer.version));
    }
    zero("the reserved field of the header", answer.reserved == 0)?;
    T::read_from_prefix(bytes).map_err(|_| short(size_of::<T>()))
}

fn check_size(head: &impl Checked, possible: RangeInclusive<usize>) -> Result<(), Fault> {
    let says = head.answer().size;
    let got = *possible.start();
    if possible.contains(&(says as usize)) { Ok(()) } else { Err(Fault::Size { says, got }) }
}

fn zero(what: &'static str, is_zero: bool) -> Result<(), Fault> {
    if is_zero { Ok(()) } else { Err(Fault::NotZero(what)) }
}

fn at_most(what: &'static str, value: impl Into<u64>, limit: usize) -> Result<(), Fault> {
    let (value, limit) = (value.into(), limit as u64);
    if value <= limit { Ok(()) } else { Err(Fault::Count { what, value, limit }) }
}

fn unused<T: IntoBytes + FromZeros + Immutable + PartialEq>(all: &[T], used: usize) -> bool {
    all.iter().skip(used).all(|item| *item == T::new_zeroed())
}

impl Checked for Version {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        zero("a reserved field", self.reserved == 0 && self.reserved2 == 0 && self.driver[3] == 0)?;
        at_most("the number of transmit queues", self.queues[0], MAX_QUEUES)?;
        at_most("the number of receive queues", self.queues[1], MAX_QUEUES)
    }
}

impl Checked for Statistics {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        let [tx, rx] = self.queues;
        at_most("the number of transmit queues", tx, MAX_QUEUES)?;
        at_most("the number of receive queues", rx, MAX_QUEUES)?;
        at_most("the number of hardware counters", self.hardware_counters, MAX_HARDWARE_COUNTERS)?;
        zero("a reserved field", self.reserved == 0 && self.tx.iter().all(|q: &TxCounters| q.reserved == 0))?;
        zero("a hardware counter that is not there", unused(&self.hardware, self.hardware_counters.into()))?;
        zero("a counter of a transmit queue that is not there", unused::<TxCounters>(&self.tx, tx.into()))?;
        zero("a counter of a receive queue that is not there", unused::<RxCounters>(&self.rx, rx.into()))
    }
}

impl Checked for Link {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        for flag in [self.full_duplex, self.rx_pause, self.tx_pause, self.phy_valid] {
            at_most("a flag", flag, 1)?;
        }
        zero("a PHY register that was not read", self.phy_valid == 1 || unused(&self.phy, 0))
    }
}

/// The answer of a request that has nothing to say.
impl Checked for Answer {
    fn answer(&self) -> &Answer {
        self
    }

    fn check(&self) -> Result<(), Fault> {
        Ok(())
    }
}

impl Checked for VmqCapabilities {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        zero("a reserved field", self.reserved == 0)?;
        at_most("a flag", self.enabled, 1)?;
        at_most("the owner", self.owner, 2)
    }
}

impl Checked for VmqAllocated {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        zero("a reserved field", self.reserved == 0)
    }
}

impl Checked for VmqFilterSet {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        zero("a reserved field", self.reserved == 0)
    }
}

impl Checked for List {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        zero("a reserved field", self.reserved == 0)
    }
}

impl Head for List {
    fn count(&self) -> u32 {
        self.count
    }
}

impl Checked for Ring {
    fn answer(&self) -> &Answer {
        &self.answer
    }

    fn check(&self) -> Result<(), Fault> {
        zero("a reserved field", self.reserved == 0)?;
        at_most("the number of descriptors that follow", self.count, self.descriptors as usize)
    }
}

impl Head for Ring {
    fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use igbcx_ioctl::Register;
    use proptest::prelude::*;

    fn statistics() -> Statistics {
        let mut s = Statistics::new_zeroed();
        s.answer = Answer::new(size_of::<Statistics>());
        (s.queues, s.hardware_counters) = ([1, 2], 3);
        (s.hardware[2], s.tx[0].packets, s.rx[1].bytes) = (7, 8, 9);
        s
    }

    fn list_of(count: u32, elements: usize) -> Vec<u8> {
        let size = size_of::<List>() + elements * size_of::<Register>();
        let head = List { answer: Answer::new(size), count, reserved: 0 };
        [head.as_bytes(), &vec![1; elements * size_of::<Register>()]].concat()
    }

    #[test]
    fn a_good_answer_passes() {
        assert_eq!(fixed(statistics().as_bytes()), Ok(statistics()));
        let (head, registers) = list::<List, Register>(&list_of(3, 3), 1000).unwrap();
        assert_eq!((head.count, registers.len(), registers[2].offset), (3, 3, 0x0101_0101));
        assert_eq!(list::<List, Register>(&list_of(0, 0), 16).unwrap().1, []);
    }

    #[test]
    fn every_length_but_the_right_one_is_refused() {
        let bytes = [statistics().as_bytes(), &[0; 8]].concat();
        for len in 0..bytes.len() {
            assert_eq!(fixed::<Statistics>(&bytes[..len]).is_ok(), len == size_of::<Statistics>(), "{len}");
        }
        let bytes = [list_of(3, 3).as_slice(), &[0; 8]].concat();
        for len in 0..bytes.len() {
            assert_eq!(list::<List, Register>(&bytes[..len], 1000).is_ok(), len == 16 + 3 * 8, "{len}");
        }
        for len in 0..50 {
            assert_eq!(event(&vec![0; len]).is_ok(), len == 40, "{len}");
        }
    }

    #[test]
    fn each_fault_is_named() {
        let fault = |change: fn(&mut Statistics)| {
            let mut s = statistics();
            change(&mut s);
            fixed::<Statistics>(s.as_bytes()).unwrap_err()
        };
        assert_eq!(fault(|s| s.answer.version = 2), Fault::Version(2));
        assert_eq!(fault(|s| s.answer.size += 1), Fault::Size { says: 2849, got: 2848 });
        let count = |what, value, limit| Fault::Count { what, value, limit };
        assert_eq!(fault(|s| s.queues[0] = 17), count("the number of transmit queues", 17, 16));
        assert_eq!(fault(|s| s.hardware_counters = u16::MAX), count("the number of hardware counters", 65535, 96));
        for leak in [
            |s: &mut Statistics| s.answer.reserved = 1,
            |s: &mut Statistics| s.reserved = 1,
            |s: &mut Statistics| s.tx[0].reserved = 1,
            |s: &mut Statistics| s.hardware[3] = 1,
            |s: &mut Statistics| s.tx[1].packets = 1,
            |s: &mut Statistics| s.rx[2].too_long = 1,
        ] {
            assert!(matches!(fault(leak), Fault::NotZero(_)));
        }
        assert_eq!(
            list::<List, Register>(&list_of(u32::MAX, 2), 1000),
            Err(count("the count", u64::from(u32::MAX), 2))
        );
        assert!(matches!(list::<List, Register>(&list_of(1, 2), 1000), Err(Fault::Length { .. })));
    }

    /// A list may shrink between being counted and being written, but the caller must have had room for all of it.
    #[test]
    fn the_size_of_a_list_is_what_there_was() {
        let mut bytes = list_of(2, 2);
        bytes[4] = 40;
        assert!(list::<List, Register>(&bytes, 40).is_ok());
        assert_eq!(list::<List, Register>(&bytes, 39), Err(Fault::Size { says: 40, got: 32 }));
        bytes[4] = 24;
        assert_eq!(list::<List, Register>(&bytes, 40), Err(Fault::Size { says: 24, got: 32 }));
    }

    #[test]
    fn faults_of_vm_queues_are_named() {
        let queue = |change: fn(&mut VmqQueue)| {
            let mut queue = VmqQueue { queue: 1, state: 2, memory: 1, ..VmqQueue::new_zeroed() };
            change(&mut queue);
            check_queues(&[queue])
        };
        assert_eq!(queue(|_| {}), Ok(()));
        assert!(matches!(queue(|q| q.reserved = 1), Err(Fault::NotZero(_))));
        assert!(matches!(queue(|q| q.state = 5), Err(Fault::Count { value: 5, limit: 4, .. })));
        assert!(matches!(queue(|q| q.memory = 3), Err(Fault::Count { .. })));
        let filter = |vlan_test, vlan, reserved| {
            check_filters(&[VmqFilter { vlan_test, vlan, reserved, ..VmqFilter::new_zeroed() }])
        };
        assert_eq!((filter(2, 7, 0), filter(0, 0, 0)), (Ok(()), Ok(())));
        assert!(filter(1, 7, 0).is_err() && filter(3, 0, 0).is_err() && filter(0, 0, 1).is_err());
        let caps = |enabled, owner, reserved| {
            let answer = Answer::new(size_of::<VmqCapabilities>());
            fixed::<VmqCapabilities>(
                VmqCapabilities { answer, enabled, queues: 7, filters: 23, owner, reserved }.as_bytes(),
            )
        };
        assert!(caps(1, 2, 0).is_ok() && caps(2, 0, 0).is_err() && caps(0, 3, 0).is_err() && caps(0, 0, 1).is_err());
        assert!(fixed::<Answer>(Answer::new(8).as_bytes()).is_ok());
        assert!(fixed::<Answer>(&[Answer::new(8).as_bytes(), &[0]].concat()).is_err());
    }

    /// Bytes that often look like the start of an answer.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let tail = prop::collection::vec(prop_oneof![4 => Just(0_u8), 1 => any::<u8>()], 0..3000);
        (0..3_u16, 0..2_u16, prop_oneof![0..3000_u32, any::<u32>()], tail).prop_map(
            |(version, reserved, size, tail)| {
                [version.as_bytes(), reserved.as_bytes(), size.as_bytes(), &tail].concat()
            },
        )
    }

    proptest! {
        #[test]
        fn what_passes_keeps_every_promise(bytes in hostile(), room in 0..4000_usize) {
            if let Ok(s) = fixed::<Statistics>(&bytes) {
                prop_assert!(s.queues.iter().all(|&n| usize::from(n) <= MAX_QUEUES));
                prop_assert_eq!(s.as_bytes(), &bytes[..]);
            }
            if let Ok((head, list)) = list::<List, Register>(&bytes, room) {
                prop_assert_eq!(head.count as usize, list.len());
                prop_assert!(bytes.len() <= head.answer.size as usize && head.answer.size as usize <= room);
            }
            if let Ok((ring, list)) = list::<Ring, igbcx_ioctl::Descriptor>(&bytes, room) {
                prop_assert!(list.len() <= ring.descriptors as usize);
            }
            if let Ok(link) = fixed::<Link>(&bytes) {
                prop_assert!(link.full_duplex <= 1 && (link.phy_valid == 1 || link.phy == [0; 16]));
            }
            prop_assert!(fixed::<Version>(&bytes).is_err() || bytes.len() == size_of::<Version>());
            prop_assert_eq!(event(&bytes).is_ok(), bytes.len() == 40 && bytes[32..] == [0; 8]);
        }

        #[test]
        fn no_spoilt_byte_of_header_and_reserved_fields_passes(at in prop_oneof![0..8_usize, 12..16_usize], value in 1..=255_u8) {
            let mut s = statistics();
            s.as_mut_bytes()[at] ^= value;
            prop_assert!(fixed::<Statistics>(s.as_bytes()).is_err());
        }
    }
}
