use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::filter::PacketFilter;
use crate::interrupt::{Interrupts, Mode, VectorMap};
use crate::model::I82576;
use crate::regs::{Mdic, QueueControl, Swsm};
use crate::testing::{ADDRESS, Chip, Memory, completions};
use crate::{Direction, rx, tx};

fn device(chip: &Chip) -> Device<&Chip, &Chip> {
    Device::new(chip, chip, &I82576)
}

#[test]
fn dirty_device_comes_to_rest() {
    let chip = Chip::dirty();
    device(&chip).reset().unwrap();
    assert_eq!(chip.get(regs::IMS.offset()), 0);
    assert_eq!(chip.get(regs::EIMS.offset()), 0);
    assert_eq!(chip.get(regs::EICR.offset()), 0);
    assert_eq!(chip.get(regs::ICR.offset()), 0);
    assert_eq!(chip.get(regs::WUS.offset()), 0);
    assert_eq!(chip.get(regs::RCTL.offset()), 0);
    assert_eq!(chip.get(regs::RXDCTL.at(3).offset()), 0);
    assert!(chip.waited_us() < 200_000);
}

#[test]
fn interrupts_and_dma_end_before_the_reset() {
    let chip = Chip::dirty();
    device(&chip).reset().unwrap();
    let writes = chip.take_writes();
    let reset = writes.iter().position(|&(offset, value)| offset == 0 && value & Ctrl::RST.bits() != 0).unwrap();
    let quiet = [
        (regs::IMC.offset(), u32::MAX),
        (regs::EIMC.offset(), u32::MAX),
        (regs::RCTL.offset(), 0),
        (regs::CTRL.offset(), (Ctrl::SLU | Ctrl::GIO_MASTER_DISABLE).bits()),
    ];
    for write in quiet {
        assert!(writes[..reset].contains(&write), "{write:x?}");
    }
}

#[test]
fn reset_that_never_ends_is_an_error() {
    let chip = Chip::new();
    chip.stick(regs::CTRL.offset(), Ctrl::RST.bits(), Ctrl::RST.bits());
    assert_eq!(device(&chip).reset().unwrap_err(), Error::ResetTimeout);
    assert!(chip.waited_us() < 250_000);
}

#[test]
fn bus_master_that_never_rests_does_not_stop_the_reset() {
    let chip = Chip::new();
    let master = Status::GIO_MASTER_ENABLE.bits();
    chip.stick(regs::STATUS.offset(), master, master);
    device(&chip).reset().unwrap();
    assert!(chip.waited_us() < 250_000);
}

#[test]
fn missing_nvm_does_not_stop_the_reset() {
    let chip = Chip::new();
    chip.stick(regs::EEC.offset(), Eec::AUTO_RD.bits(), 0);
    device(&chip).reset().unwrap();
    assert_eq!(device(&chip).permanent_address(), Ok(ADDRESS));
}

#[test]
fn station_address_is_checked() {
    let chip = Chip::new();
    let read = |address: MacAddress, valid: Rah| {
        let (low, high) = address.words();
        chip.set(regs::RAL.at(0).offset(), low);
        chip.set(regs::RAH.at(0).offset(), high | valid.bits());
        device(&chip).permanent_address()
    };
    assert_eq!(read(ADDRESS, Rah::AV), Ok(ADDRESS));
    assert_eq!(read(ADDRESS, Rah::empty()), Err(Error::NvmNotLoaded));
    for bad in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
        assert_eq!(read(MacAddress(bad), Rah::AV), Err(Error::BadMacAddress(MacAddress(bad))));
    }
}

#[test]
fn frame_size_is_the_limit_register_less_tag_and_fcs() {
    let chip = Chip::new();
    device(&chip).configure(1514).unwrap();
    assert_eq!(chip.get(regs::RLPML.offset()), 1522);
    assert_eq!(chip.get(regs::RCTL.offset()), (Rctl::LPE | Rctl::SECRC).bits());
    device(&chip).configure(9014).unwrap();
    assert_eq!(chip.get(regs::RLPML.offset()), 9022);
    assert_eq!(device(&chip).configure(59), Err(Error::BadFrameSize));
    assert_eq!(device(&chip).configure(9217), Err(Error::BadFrameSize));
}

#[test]
fn configuration_leaves_nothing_to_chance() {
    let chip = Chip::dirty();
    device(&chip).configure(1514).unwrap();
    assert_eq!(chip.get(regs::RXCSUM.offset()), 0);
    assert_eq!(chip.get(regs::MRQC.offset()), 0);
    let chip = Chip::new();
    device(&chip).configure(1514).unwrap();
    assert_eq!(chip.get(regs::CTRL_EXT.offset()), CtrlExt::DRV_LOAD.bits());
    assert_eq!(chip.get(regs::TCTL.offset()), (Tctl::PSP | Tctl::RTLC).bits());
}

#[test]
fn negotiation_starts_and_the_phy_is_given_back() {
    let chip = Chip::new();
    device(&chip).start_link().unwrap();
    assert_eq!(chip.phy(0), 0x1200);
    assert_eq!(chip.get(regs::CTRL.offset()), Ctrl::SLU.bits());
    assert_eq!(chip.get(regs::SW_FW_SYNC.offset()), 0);
    assert_eq!(chip.get(regs::SWSM.offset()), 0);
}

#[test]
fn phy_faults_have_names() {
    let failed = |mask: Mdic, value: Mdic| {
        let chip = Chip::new();
        chip.stick(regs::MDIC.offset(), mask.bits(), value.bits());
        let result = device(&chip).start_link();
        assert!(chip.waited_us() < 100_000);
        assert_eq!(chip.get(regs::SW_FW_SYNC.offset()), 0, "PHY kept");
        result
    };
    assert_eq!(failed(Mdic::READY, Mdic::empty()), Err(Error::PhyTimeout));
    assert_eq!(failed(Mdic::ERROR, Mdic::ERROR), Err(Error::PhyFault { register: 2 }));
    assert_eq!(failed(Mdic::DATA, Mdic::empty()), Err(Error::PhyFault { register: 2 }));
    assert_eq!(failed(Mdic::DATA, Mdic::DATA), Err(Error::PhyFault { register: 2 }));
}

#[test]
fn semaphore_left_by_a_dead_driver_is_taken() {
    let chip = Chip::new();
    chip.set(regs::SWSM.offset(), Swsm::SMBI.bits());
    device(&chip).start_link().unwrap();
    assert_eq!(chip.phy(0), 0x1200);
}

#[test]
fn semaphore_never_granted_is_an_error() {
    // Each port asks for its own PHY; firmware has it.
    for (port, firmware) in [(0, 1 << 17), (1, 1 << 18), (2, 1 << 21), (3, 1 << 22)] {
        let chip = Chip::new();
        chip.set(regs::STATUS.offset(), port << 2);
        chip.set(regs::SW_FW_SYNC.offset(), firmware);
        assert_eq!(device(&chip).start_link(), Err(Error::SemaphoreTimeout));
        assert_eq!(chip.phy(0), 0);
        assert!(chip.waited_us() < 800_000);
    }
    for stuck in [(Swsm::SMBI, Swsm::SMBI), (Swsm::SWESMBI, Swsm::empty())] {
        let chip = Chip::new();
        chip.stick(regs::SWSM.offset(), stuck.0.bits(), stuck.1.bits());
        assert_eq!(device(&chip).start_link(), Err(Error::SemaphoreTimeout));
        assert!(chip.waited_us() < 800_000);
        let last = chip.take_writes().into_iter().rfind(|write| write.0 == regs::SWSM.offset());
        assert_eq!(last, Some((regs::SWSM.offset(), 0)), "semaphore kept");
    }
}

#[test]
fn link_is_decoded() {
    let chip = Chip::new();
    let link = |status: u32, ctrl: Ctrl| {
        chip.set(regs::STATUS.offset(), status);
        chip.set(regs::CTRL.offset(), ctrl.bits());
        device(&chip).link().unwrap()
    };
    let up = |speed, full_duplex| Link::Up { speed, full_duplex, rx_pause: false, tx_pause: false };
    assert_eq!(link(0b1100_0001, Ctrl::empty()), Link::Down);
    assert_eq!(link(0b0000_0010, Ctrl::empty()), up(Speed::Mbps10, false));
    assert_eq!(link(0b0100_0011, Ctrl::empty()), up(Speed::Mbps100, true));
    assert_eq!(link(0b1000_0011, Ctrl::empty()), up(Speed::Mbps1000, true));
    assert_eq!(link(0b1100_0011, Ctrl::empty()), up(Speed::Mbps1000, true));
    assert_eq!(
        link(0b1000_0011, Ctrl::RFCE),
        Link::Up { speed: Speed::Mbps1000, full_duplex: true, rx_pause: true, tx_pause: false }
    );
}

#[test]
fn filter_reaches_the_registers_and_leaves_the_receiver_alone() {
    let chip = Chip::new();
    let device = device(&chip);
    device.configure(1514).unwrap();
    device.enable_receive(true).unwrap();
    let groups = (0..30).map(|n| MacAddress([1, 0, 0x5e, 0, 0, n]));
    let wanted = PacketFilter::DIRECTED | PacketFilter::MULTICAST | PacketFilter::BROADCAST;
    device.set_receive_filter(ADDRESS, &ReceiveFilter::new(wanted, groups)).unwrap();
    let entry = |n: u32| {
        let (low, high) = receive_address(n);
        (chip.get(low.offset()), chip.get(high.offset()))
    };
    assert_eq!(entry(0), (0x1200_5452, 0x8000_5634));
    assert_eq!(entry(1), (0x005e_0001, 0x8000_0000));
    assert_eq!(entry(16), (0x005e_0001, 0x8000_0f00));
    assert_eq!(entry(23), (0x005e_0001, 0x8000_1600));
    let hashed: u32 = (0..128).map(|n| chip.get(regs::MTA.at(n).offset()).count_ones()).sum();
    assert!((1..=7).contains(&hashed));
    assert_eq!(chip.get(regs::RCTL.offset()), (Rctl::EN | Rctl::LPE | Rctl::SECRC | Rctl::BAM).bits());

    device.set_receive_filter(ADDRESS, &ReceiveFilter::nothing()).unwrap();
    assert!((0..24).all(|n| entry(n).1 == 0));
    assert!((0..128).all(|n| chip.get(regs::MTA.at(n).offset()) == 0));
    assert_eq!(chip.get(regs::RCTL.offset()), (Rctl::EN | Rctl::LPE | Rctl::SECRC).bits());
}

#[test]
fn queue_that_does_not_start_or_stop_says_so() {
    let memory = Memory::new(tx::memory_len(64));
    let control = regs::TXDCTL.at(0).offset();
    let enable = QueueControl::ENABLE.bits();

    let chip = Chip::new();
    let mut queue = tx::Queue::new(&chip, &I82576, 0, 64, memory.dma(), completions(64)).unwrap();
    chip.stick(control, enable, 0);
    let not_started = Error::QueueStartTimeout { direction: Direction::Transmit, queue: 0 };
    assert_eq!(queue.enable(&&chip), Err(not_started));
    assert_eq!(queue.room(), 0);
    assert!(queue.release().is_ok(), "it reads as off");

    let chip = Chip::new();
    let mut queue = crate::testing::tx_queue(&chip, &memory, 64);
    chip.stick(control, enable, enable);
    let stuck = Error::QueueStuck { direction: Direction::Transmit, queue: 0 };
    assert_eq!(queue.disable(&&chip), Err(stuck));
    assert_eq!(queue.room(), 0);
    assert_eq!(queue.enable(&&chip), Err(Error::QueueBusy { direction: Direction::Transmit, queue: 0 }));
    let Err(mut queue) = queue.release() else { panic!("released under DMA") };
    chip.fail(|_, _, honest| honest);
    queue.halted(&device(&chip).reset().unwrap());
    assert!(queue.release().is_ok());
}

/// Queue 0 is enabled by reset, and a dirty device may have any queue enabled.
#[test]
fn queue_is_off_while_it_is_programmed() {
    let memory = Memory::new(tx::memory_len(64));
    let chip = Chip::new();
    crate::testing::tx_queue(&chip, &memory, 64);
    let writes = chip.take_writes();
    let at = |offset, value| writes.iter().position(|&write| write == (offset, value)).unwrap();
    let off = at(regs::TXDCTL.at(0).offset(), 0);
    assert!(off < at(regs::TDBAL.at(0).offset(), memory.device_address() as u32));

    let enable = QueueControl::ENABLE.bits();
    let mut queue = tx::Queue::new(&chip, &I82576, 0, 64, memory.dma(), completions(64)).unwrap();
    chip.stick(regs::TXDCTL.at(0).offset(), enable, enable);
    let stuck = Error::QueueStuck { direction: Direction::Transmit, queue: 0 };
    assert_eq!(queue.enable(&&chip), Err(stuck));
    assert!(chip.take_writes().iter().all(|write| write.0 == regs::TXDCTL.at(0).offset()));
}

#[test]
fn queue_parameters_are_checked() {
    let chip = Chip::new();
    let memory = Memory::new(tx::memory_len(4096));
    let tx = |index, size, groups| {
        tx::Queue::new(&chip, &I82576, index, size, memory.dma(), completions(groups)).map(|_| ())
    };
    let rx = |size, buffer| rx::Queue::new(&chip, &I82576, 0, size, buffer, memory.dma()).map(|_| ());
    assert_eq!(tx(0, 64, 64), Ok(()));
    assert_eq!(tx(0, 4096, 4096), Ok(()));
    assert_eq!(tx(16, 64, 64), Err(Error::NoSuchQueue { direction: Direction::Transmit, queue: 16 }));
    for size in [0, 8, 56, 65, 4104, u16::MAX] {
        assert_eq!(tx(0, size, 64), Err(Error::BadRing));
        assert_eq!(rx(size, 2048), Err(Error::BadRing));
    }
    assert_eq!(tx(0, 72, 71), Err(Error::BadRing));
    for (buffer, result) in [(1024, Ok(())), (16384, Ok(())), (0, Err(())), (1500, Err(())), (17408, Err(()))] {
        assert_eq!(rx(64, buffer), result.map_err(|()| Error::BadBufferSize));
    }
    let short = Memory::new(tx::memory_len(64) - 1);
    assert!(tx::Queue::new(&chip, &I82576, 0, 64, short.dma(), completions(64)).is_err());
    let misaligned = rx::Queue::new(&chip, &I82576, 0, 64, 2048, memory.dma_at(16));
    assert!(misaligned.is_err());
}

#[test]
fn errors_say_what_happened() {
    let stuck = Error::QueueStuck { direction: Direction::Receive, queue: 3 };
    assert_eq!(stuck.to_string(), "Rx queue 3 did not stop");
    assert_eq!(Error::BadMacAddress(MacAddress([0; 6])).to_string(), "00:00:00:00:00:00 is no station address");
}

/// Start, traffic both ways, stop: everything that touches registers. Returns start and stop time in µs.
fn whole_life(chip: &Chip) -> (Result<(), Error>, u64, u64) {
    let tx_memory = Memory::new(tx::memory_len(64));
    let rx_memory = Memory::new(rx::memory_len(64));
    let buffers = Memory::new(64 * 2048);
    let device = device(chip);
    let interrupts = Interrupts::new(chip, &I82576, VectorMap::new(Mode::MsiX { vectors: 3 }, &I82576, 1, 1));
    let mut tx = tx::Queue::new(chip, &I82576, 0, 64, tx_memory.dma(), completions(64)).unwrap();
    let mut rx = rx::Queue::new(chip, &I82576, 0, 64, 2048, rx_memory.dma()).unwrap();
    let begin = chip.waited_us();
    let started = (|| {
        device.reset()?;
        device.permanent_address()?;
        device.configure(1514)?;
        device.set_receive_filter(ADDRESS, &ReceiveFilter::new(PacketFilter::all(), []))?;
        interrupts.configure()?;
        device.start_link()?;
        tx.enable(chip)?;
        rx.enable(chip)?;
        device.enable_transmit(true)?;
        device.enable_receive(true)?;
        device.link().map(|_| ())
    })();
    let start = chip.waited_us() - begin;

    rx.refill((0..64).map(|n| buffers.device_address() + n * 2048));
    for _ in 0..3 {
        let fragment = tx::Fragment { device_address: buffers.device_address(), length: 60 };
        let _ = tx.batch().post([fragment]);
        interrupts.on_vector(0);
        tx.reclaim();
        chip.receive(0, &[0x5a; 3000]);
        let mut frames = rx::FrameAssembler::new(2);
        let _: Vec<_> = rx.completions().map(|completion| frames.push(completion)).collect();
        let _ = device.link();
    }

    let begin = chip.waited_us();
    let stopped = rx.disable(chip).and(tx.disable(chip));
    if stopped.is_err()
        && let Ok(reset) = device.reset()
    {
        tx.halted(&reset);
        rx.halted(&reset);
    }
    let abandoned = rx.abandon() + tx.abandon() as u16;
    let stop = chip.waited_us() - begin;
    // What could not be proven off is not given back; everything else is.
    match (tx.release(), rx.release()) {
        (Ok(_), Ok(_)) => {}
        (tx, rx) => assert!(abandoned == 0 || tx.is_ok() || rx.is_ok()),
    }
    (started.and(stopped), start, stop)
}

#[test]
fn an_honest_life_succeeds() {
    let chip = Chip::dirty();
    let (result, start, stop) = whole_life(&chip);
    result.unwrap();
    assert!(start < 300_000 && stop < 1000, "{start} {stop}");
    assert_eq!(chip.take_sent().len(), 3);
}

/// Surprise removal at every register read of a life.
#[test]
fn gone_from_any_read_on_is_noticed() {
    let honest = Chip::dirty();
    whole_life(&honest).0.unwrap();
    let reads = honest.reads();
    assert!(reads > 40);
    for k in 0..reads {
        let chip = Chip::dirty();
        chip.fail(move |n, _, honest| if n >= k { u32::MAX } else { honest });
        let (result, start, stop) = whole_life(&chip);
        assert_eq!(result, Err(Error::DeviceGone), "from read {k} on");
        assert!(start <= 5_000_000 && stop <= 1_000_000, "{k}: {start} {stop}");
    }
}

/// One all-ones answer alone is a value, not a removal: no step may hang or panic on it.
#[test]
fn one_bad_answer_at_any_read_ends_in_time() {
    for bad in [0, u32::MAX, 0xaaaa_aaaa, 0x5555_5555] {
        for k in 0..200 {
            let chip = Chip::dirty();
            chip.fail(move |n, _, honest| if n == k { bad } else { honest });
            let (_, start, stop) = whole_life(&chip);
            assert!(start <= 5_000_000 && stop <= 1_000_000, "{bad:x} at {k}: {start} {stop}");
        }
    }
}

#[test]
fn constant_answers_end_in_time() {
    for bad in [0, 1, 0x8000_0000, 0xffff_fffe, 0xaaaa_aaaa, 0x5555_5555] {
        for k in 0..60 {
            let chip = Chip::dirty();
            chip.fail(move |n, _, honest| if n >= k { bad } else { honest });
            let (result, start, stop) = whole_life(&chip);
            assert!(result.is_err(), "{bad:x} from {k}");
            assert!(start <= 5_000_000 && stop <= 1_000_000, "{bad:x} from {k}: {start} {stop}");
        }
    }
}

proptest! {
    /// A device that answers noise.
    #[test]
    fn noise_ends_in_time(seed: u64, from in 0u64..80) {
        let chip = Chip::dirty();
        let mut noise = seed | 1;
        chip.fail(move |n, _, honest| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            if n >= from { (noise >> 16) as u32 } else { honest }
        });
        let (_, start, stop) = whole_life(&chip);
        prop_assert!(start <= 5_000_000 && stop <= 1_000_000, "{} {}", start, stop);
    }

    /// A device that answers each read with the value of the one before.
    #[test]
    fn stale_answers_end_in_time(from in 0u64..80) {
        let chip = Chip::dirty();
        let mut previous = 0;
        chip.fail(move |n, _, honest| {
            let answer = if n >= from { previous } else { honest };
            previous = honest;
            answer
        });
        let (_, start, stop) = whole_life(&chip);
        prop_assert!(start <= 5_000_000 && stop <= 1_000_000, "{} {}", start, stop);
    }
}
