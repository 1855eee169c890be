//! The device interface: answers to the control protocol's requests (igbcx-ioctl).

use crate::{
    device::Igb,
    error::status,
    hardware::{DEVICE_82576, Hardware, QUEUES, VENDOR_INTEL},
    waits::WaitFor,
};
use igb::{Direction, counters::COUNTERS, device::Link as MacLink, dump::DUMP};
use igbcx_ioctl::{
    Answer, Checked, Code, Descriptor, Event, EventMask, EventsRequest, Link, List, MAX_HARDWARE_COUNTERS, MAX_QUEUES,
    PHY_REGISTERS, Refusal, Register, RegistersRequest, Ring, RingRequest, Statistics, Version, WaitRequest,
};
use netadaptercx::{
    Result, Status,
    irql::Passive,
    wdf::{device::GUID, request::Request},
};
use zerocopy::{FromZeros, Immutable, IntoBytes};

mod vmq;

static_assertions::const_assert!(COUNTERS.len() <= MAX_HARDWARE_COUNTERS);
static_assertions::const_assert!(QUEUES <= MAX_QUEUES);

/// Longest input of any request.
const MAX_INPUT: usize = 32;
static_assertions::const_assert!(size_of::<WaitRequest>() <= MAX_INPUT);

/// The interface by which user mode opens the device.
pub const INTERFACE: GUID = {
    let (data1, data2, data3, data4) = igbcx_ioctl::INTERFACE;
    GUID { Data1: data1, Data2: data2, Data3: data3, Data4: data4 }
};

/// What a refused request is completed with.
pub const fn refused(refusal: Refusal) -> Status {
    Status::new(refusal.ntstatus())
}

/// Answers a request, or lets it wait.
pub fn dispatch(igb: &'static Igb, request: Request, code: u32, passive: Passive<'_>) {
    let mut buffer = [0; MAX_INPUT];
    let Some(code) = Code::from_number(code) else { return request.fail(refused(Refusal::UnknownCode)) };
    let Ok(input) = request.read_input(&mut buffer) else { return request.fail(refused(Refusal::InputLength)) };
    match code {
        Code::Version => request.complete_with(|output| {
            parse::<igbcx_ioctl::Request>(input)?;
            put(output, || version(ready(igb)?))
        }),
        Code::Statistics => request.complete_with(|output| {
            parse::<igbcx_ioctl::Request>(input)?;
            put_with(output, |statistics| fill_statistics(igb, statistics, passive))
        }),
        Code::Registers => request.complete_with(|output| {
            let wanted = parse::<RegistersRequest>(input)?;
            registers(igb, &wanted, output, passive)
        }),
        Code::Ring => request.complete_with(|output| ring(igb, &parse::<RingRequest>(input)?, output, passive)),
        Code::Link => request.complete_with(|output| {
            parse::<igbcx_ioctl::Request>(input)?;
            put(output, || link(igb))
        }),
        Code::Events => request.complete_with(|output| events(igb, &parse::<EventsRequest>(input)?, output)),
        Code::Wait => match parse::<WaitRequest>(input) {
            Ok(_) if request.output_len() < size_of::<Event>() => request.fail(refused(Refusal::OutputLength)),
            Ok(wait) => igb.wait(request, WaitFor { mask: EventMask(wait.mask), after: wait.after }, passive.into()),
            Err(error) => request.fail(error),
        },
        Code::VmqCapabilities => request.complete_with(|output| vmq::capabilities(igb, input, output, passive)),
        Code::VmqAllocate => request.complete_with(|output| vmq::allocate(igb, input, output, passive)),
        Code::VmqSetFilter => request.complete_with(|output| vmq::set_filter(igb, input, output, passive)),
        Code::VmqClearFilter => request.complete_with(|output| vmq::clear_filter(igb, input, output, passive)),
        Code::VmqFree => request.complete_with(|output| vmq::free(igb, input, output, passive)),
        Code::VmqQueues => request.complete_with(|output| vmq::queues(igb, input, output, passive)),
        Code::VmqFilters => request.complete_with(|output| vmq::filters(igb, input, output, passive)),
    }
}

fn parse<T: Checked>(input: &[u8]) -> Result<T> {
    igbcx_ioctl::parse(input).map_err(refused)
}

fn ready(igb: &Igb) -> Result<&Hardware> {
    igb.hardware().ok_or(Status::new(wdk_sys::STATUS_DEVICE_NOT_READY))
}

/// Writes an answer of fixed length.
fn put<T: IntoBytes + Immutable>(output: &mut [u8], make: impl FnOnce() -> Result<T>) -> Result<usize> {
    let place = output.get_mut(..size_of::<T>()).ok_or(refused(Refusal::OutputLength))?;
    place.copy_from_slice(make()?.as_bytes());
    Ok(size_of::<T>())
}

/// Writes a large answer of fixed length in place, so that it never lies on the kernel stack.
fn put_with<T>(output: &mut [u8], fill: impl FnOnce(&mut T) -> Result<()>) -> Result<usize>
where
    T: zerocopy::FromBytes + IntoBytes + zerocopy::KnownLayout,
{
    let place = output.get_mut(..size_of::<T>()).ok_or(refused(Refusal::OutputLength))?;
    place.fill(0);
    // A system buffer is aligned to 16 bytes; a refusal here would be a bug of the framework.
    let answer = T::mut_from_bytes(place).map_err(|_| refused(Refusal::OutputLength))?;
    fill(answer)?;
    Ok(size_of::<T>())
}

/// Writes a list: as many of `elements` as fit behind the head, which says how many there are.
fn put_list<T: IntoBytes + Immutable>(
    output: &mut [u8],
    total: usize,
    elements: impl Iterator<Item = Result<T>>,
) -> Result<usize> {
    if output.len() < size_of::<List>() {
        return Err(refused(Refusal::OutputLength));
    }
    let (head, body) = output.split_at_mut(size_of::<List>());
    let mut count = 0;
    for (place, element) in body.chunks_exact_mut(size_of::<T>()).zip(elements) {
        place.copy_from_slice(element?.as_bytes());
        count += 1;
    }
    let size = size_of::<List>() + total * size_of::<T>();
    let list = List { answer: Answer::new(size), count, reserved: 0 };
    head.copy_from_slice(list.as_bytes());
    Ok(size_of::<List>() + count as usize * size_of::<T>())
}

fn version(hardware: &Hardware) -> Result<Version> {
    let number = |text: &str| text.parse().unwrap_or(0);
    Ok(Version {
        answer: Answer::new(size_of::<Version>()),
        driver: [
            number(env!("CARGO_PKG_VERSION_MAJOR")),
            number(env!("CARGO_PKG_VERSION_MINOR")),
            number(env!("CARGO_PKG_VERSION_PATCH")),
            0,
        ],
        pci: [VENDOR_INTEL, DEVICE_82576],
        queues: [QUEUES as u8; 2],
        vectors: match hardware.interrupts.map().mode() {
            igb::interrupt::Mode::Line => 0,
            igb::interrupt::Mode::MsiX { .. } => hardware.interrupts.map().vectors(),
        },
        reserved: 0,
        address: hardware.station().0,
        permanent_address: hardware.permanent_address.0,
        max_frame: hardware.config.max_frame,
        reserved2: 0,
    })
}

fn fill_statistics(igb: &Igb, statistics: &mut Statistics, passive: Passive<'_>) -> Result<()> {
    let mut kept = igb.totals(passive.into());
    kept.collect(&ready(igb)?.nic, |_, _| {}).map_err(status)?;
    statistics.answer = Answer::new(size_of::<Statistics>());
    statistics.queues = [QUEUES as u8; 2];
    statistics.hardware_counters = COUNTERS.len() as u16;
    statistics.carried = kept.carried;
    statistics.waits_cancelled = igb.waits_cancelled.get();
    statistics.hardware[..COUNTERS.len()].copy_from_slice(kept.totals.values());
    drop(kept);
    for (place, counters) in statistics.tx.iter_mut().zip(igb.counters.tx()) {
        *place = counters;
    }
    for (place, counters) in statistics.rx.iter_mut().zip(igb.counters.rx()) {
        *place = counters;
    }
    Ok(())
}

fn registers(igb: &Igb, wanted: &RegistersRequest, output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    let nic = &ready(igb)?.nic;
    let clearing = wanted.flags & RegistersRequest::CLEARING != 0;
    let total = DUMP.len() + if clearing { COUNTERS.iter().map(|c| 1 + usize::from(c.wide)).sum() } else { 0 };
    let plain = DUMP.iter().map(|named| {
        let value = nic.register(named).map_err(status)?;
        Ok(Register { offset: named.offset, value })
    });
    if !clearing {
        return put_list(output, total, plain);
    }
    // What reading clears is added to the totals first, so nothing is lost to `stats`, whatever the caller's buffer holds.
    let mut kept = igb.totals(passive.into());
    let mut readings = [0; COUNTERS.len()];
    let mut places = readings.iter_mut();
    kept.collect(nic, |_, value| {
        if let Some(place) = places.next() {
            *place = value;
        }
    })
    .map_err(status)?;
    drop(kept);
    let cleared = COUNTERS.iter().zip(&readings).flat_map(|(counter, &value)| {
        let low = Some(Register { offset: counter.offset, value: value as u32 });
        let high = counter.wide.then_some(Register { offset: counter.offset + 4, value: (value >> 32) as u32 });
        low.into_iter().chain(high).map(Ok)
    });
    put_list(output, total, plain.chain(cleared))
}

fn ring(igb: &Igb, wanted: &RingRequest, output: &mut [u8], passive: Passive<'_>) -> Result<usize> {
    let direction = if wanted.direction == 0 { Direction::Transmit } else { Direction::Receive };
    if usize::from(wanted.queue) >= QUEUES {
        return Err(refused(Refusal::Value));
    }
    if output.len() < size_of::<Ring>() {
        return Err(refused(Refusal::OutputLength));
    }
    let registers = ready(igb)?.nic.ring_registers(direction, wanted.queue).map_err(status)?;
    let (head, body) = output.split_at_mut(size_of::<Ring>());
    let rings = igb.rings(passive.into());
    // A queue exists only while the framework has the datapath up.
    let view = rings.get(direction, wanted.queue).ok_or(Status::new(wdk_sys::STATUS_DEVICE_NOT_READY))?;
    let mut count = 0;
    for (place, index) in body.chunks_exact_mut(size_of::<Descriptor>()).zip(0..view.descriptors) {
        let word = |n| view.memory.word(2 * usize::from(index) + n).unwrap_or(0);
        place.copy_from_slice(Descriptor { low: word(0), high: word(1) }.as_bytes());
        count += 1;
    }
    let descriptors = view.descriptors.into();
    let size = size_of::<Ring>() + usize::from(view.descriptors) * size_of::<Descriptor>();
    let answer = Ring {
        answer: Answer::new(size),
        count,
        descriptors,
        head: registers.head,
        tail: registers.tail,
        control: registers.control,
        reserved: 0,
    };
    head.copy_from_slice(answer.as_bytes());
    Ok(size_of::<Ring>() + count as usize * size_of::<Descriptor>())
}

fn link(igb: &Igb) -> Result<Link> {
    let nic = &ready(igb)?.nic;
    let (control, status_register) = nic.control_and_status().map_err(status)?;
    let phy = igb.read_phy(nic);
    let mut link = Link {
        answer: Answer::new(size_of::<Link>()),
        phy_valid: phy.is_some().into(),
        phy: phy.unwrap_or([0; PHY_REGISTERS]),
        status: status_register,
        control,
        changes: igb.link_changes.get(),
        ..Link::new_zeroed()
    };
    if let MacLink::Up { speed, full_duplex, rx_pause, tx_pause } = nic.link().map_err(status)? {
        link.speed = (speed.bits_per_second() / 1_000_000) as u32;
        link.full_duplex = full_duplex.into();
        link.rx_pause = rx_pause.into();
        link.tx_pause = tx_pause.into();
    }
    Ok(link)
}

fn events(igb: &Igb, wanted: &EventsRequest, output: &mut [u8]) -> Result<usize> {
    let total = igb.events.after(wanted.after).count();
    put_list(output, total, igb.events.after(wanted.after).take(total).map(Ok))
}
