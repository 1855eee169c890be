//! A small 82576 for tests: a register file that behaves where the driver looks, and rings that really move data.
#![expect(unsafe_code, reason = "the device model reaches descriptors and buffers by address, as hardware does")]

use core::cell::RefCell;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::boxed::Box;
use std::vec::Vec;

use crate::memory::DmaMemory;
use crate::model::I82576;
use crate::regs::{self, Ctrl, Eec, Icr, Mdic, QueueControl, Rah, Rctl, Srrctl, Status, Swsm, Tctl};
use crate::{Delay, MacAddress, Registers, rx, tx};

pub const ADDRESS: MacAddress = MacAddress([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
pub const PHY_IDENTIFIER: u16 = 0x02a8;

/// Memory the device sees at the address the CPU sees it at.
pub struct Memory {
    address: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    pub fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes, 128).unwrap();
        // SAFETY: the layout is not empty in any test.
        let address = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        Memory { address, layout }
    }

    pub fn device_address(&self) -> u64 {
        self.address.as_ptr().expose_provenance() as u64
    }

    /// The whole of it, for one queue.
    pub fn dma(&self) -> DmaMemory {
        self.dma_at(0)
    }

    /// What lies behind `offset`, for one queue.
    pub fn dma_at(&self, offset: usize) -> DmaMemory {
        let device_address = self.device_address() + offset as u64;
        // SAFETY: tests keep the memory as long as the queue, and give it to one queue at a time.
        unsafe { DmaMemory::new(self.address.add(offset), device_address, self.layout.size() - offset) }
    }

    /// The two words of descriptor `index`.
    pub fn descriptor(&self, index: u16) -> [u64; 2] {
        let at = self.device_address() + 16 * u64::from(index);
        [load(at), load(at + 8)]
    }

    /// What a device writes back to descriptor `index`.
    pub fn write_back(&self, index: u16, high: u64) {
        store(self.device_address() + 16 * u64::from(index) + 8, high);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.address.as_ptr(), self.layout) };
    }
}

fn load(address: u64) -> u64 {
    // SAFETY: only addresses of live test memory reach the model.
    unsafe { core::ptr::with_exposed_provenance::<u64>(address as usize).read_volatile() }
}

fn store(address: u64, value: u64) {
    // SAFETY: as in `load`.
    unsafe { core::ptr::with_exposed_provenance_mut::<u64>(address as usize).write_volatile(value) };
}

fn load_bytes(address: u64, length: usize) -> Vec<u8> {
    // SAFETY: as in `load`.
    unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(address as usize), length) }.to_vec()
}

fn store_bytes(address: u64, bytes: &[u8]) {
    // SAFETY: as in `load`.
    unsafe {
        core::ptr::with_exposed_provenance_mut::<u8>(address as usize).copy_from(bytes.as_ptr(), bytes.len());
    }
}

/// Changes an answer: number of the read from 0, offset, honest value.
type Fault = Box<dyn FnMut(u64, u32, u32) -> u32>;

struct State {
    /// By offset / 4.
    registers: Vec<u32>,
    phy: [u16; 32],
    reads: u64,
    writes: Vec<(u32, u32)>,
    waited_us: u64,
    /// When the device may be spoken to after a reset, and when the reset is over.
    quiet_until_us: u64,
    ready_at_us: u64,
    fault: Option<Fault>,
    sent: Vec<Vec<u8>>,
    partial: Vec<u8>,
}

/// The device.
pub struct Chip {
    state: RefCell<State>,
}

impl Chip {
    pub fn new() -> Self {
        let chip = Chip {
            state: RefCell::new(State {
                registers: vec![0; 0x8000],
                phy: [0; 32],
                reads: 0,
                writes: Vec::new(),
                waited_us: 0,
                quiet_until_us: 0,
                ready_at_us: 0,
                fault: None,
                sent: Vec::new(),
                partial: Vec::new(),
            }),
        };
        chip.state.borrow_mut().reset();
        chip
    }

    /// A device in use by somebody else: everything on, everything pending, semaphore taken.
    pub fn dirty() -> Self {
        let chip = Chip::new();
        for offset in (0..0x10000).step_by(4) {
            chip.set(offset, 0xffff_fff7);
        }
        chip.set(regs::CTRL.offset(), Ctrl::SLU.bits());
        chip.set(regs::SW_FW_SYNC.offset(), 0);
        chip.set(regs::SWSM.offset(), Swsm::SMBI.bits());
        chip
    }

    /// From now on `fault` decides what reads answer.
    pub fn fail(&self, fault: impl FnMut(u64, u32, u32) -> u32 + 'static) {
        let mut state = self.state.borrow_mut();
        state.reads = 0;
        state.fault = Some(Box::new(fault));
    }

    /// These bits of a register are stuck at `value`'s.
    pub fn stick(&self, offset: u32, mask: u32, value: u32) {
        self.fail(move |_, at, honest| if at == offset { honest & !mask | value & mask } else { honest });
    }

    pub fn get(&self, offset: u32) -> u32 {
        self.state.borrow().peek(offset)
    }

    pub fn set(&self, offset: u32, value: u32) {
        self.state.borrow_mut().put(offset, value);
    }

    pub fn reads(&self) -> u64 {
        self.state.borrow().reads
    }

    pub fn waited_us(&self) -> u64 {
        self.state.borrow().waited_us
    }

    pub fn phy(&self, register: usize) -> u16 {
        self.state.borrow().phy[register]
    }

    /// Writes since the last call.
    pub fn take_writes(&self) -> Vec<(u32, u32)> {
        core::mem::take(&mut self.state.borrow_mut().writes)
    }

    /// Frames sent since the last call.
    pub fn take_sent(&self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.state.borrow_mut().sent)
    }

    /// Sends what is in transmit ring `n`, at most `count` descriptors; returns how many there were.
    pub fn transmit(&self, n: u32, count: usize) -> usize {
        self.state.borrow_mut().transmit(n, count)
    }

    /// Puts a frame into receive ring `n`; false if there is no room.
    pub fn receive(&self, n: u32, frame: &[u8]) -> bool {
        self.state.borrow_mut().receive(n, frame)
    }
}

impl State {
    fn peek(&self, offset: u32) -> u32 {
        self.registers[offset as usize / 4]
    }

    fn put(&mut self, offset: u32, value: u32) {
        self.registers[offset as usize / 4] = value;
    }

    fn reset(&mut self) {
        // What CTRL.RST leaves alone.
        let survivors = [regs::SWSM.offset(), regs::SW_FW_SYNC.offset(), regs::WUS.offset(), regs::EICR.offset()]
            .into_iter()
            .chain((0..25).map(|n| regs::EITR.at(n).offset()))
            .map(|offset| (offset, self.peek(offset)))
            .collect::<Vec<_>>();
        self.registers.fill(0);
        for (offset, value) in survivors {
            self.put(offset, value);
        }
        let (low, high) = ADDRESS.words();
        self.put(regs::RAL.at(0).offset(), low);
        self.put(regs::RAH.at(0).offset(), high | Rah::AV.bits());
        self.put(regs::EEC.offset(), Eec::AUTO_RD.bits());
        self.put(regs::TXDCTL.at(0).offset(), QueueControl::ENABLE.bits());
        self.put(regs::RXDCTL.at(0).offset(), QueueControl::ENABLE.bits());
        self.phy[2] = PHY_IDENTIFIER;
    }

    fn read(&mut self, offset: u32) -> u32 {
        let honest = self.honest_read(offset);
        let n = self.reads;
        self.reads += 1;
        match &mut self.fault {
            Some(fault) => fault(n, offset, honest),
            None => honest,
        }
    }

    fn honest_read(&mut self, offset: u32) -> u32 {
        assert!(self.waited_us >= self.quiet_until_us, "read too soon after reset");
        let value = self.peek(offset);
        if offset == regs::CTRL.offset() && self.waited_us < self.ready_at_us {
            return value | Ctrl::RST.bits();
        }
        if offset == regs::STATUS.offset() {
            let master = Status::GIO_MASTER_ENABLE.bits();
            let disabled = self.peek(regs::CTRL.offset()) & Ctrl::GIO_MASTER_DISABLE.bits() != 0;
            return if disabled { value & !master } else { value | master };
        }
        if offset == regs::SWSM.offset() {
            self.put(offset, value | Swsm::SMBI.bits());
        }
        if offset == regs::ICR.offset() {
            self.put(offset, 0);
        }
        value
    }

    fn write(&mut self, offset: u32, value: u32) {
        self.writes.push((offset, value));
        let set_clear = [(regs::IMS.offset(), regs::IMC.offset()), (regs::EIMS.offset(), regs::EIMC.offset())];
        for (set, clear) in set_clear {
            let mask = self.peek(set);
            if offset == set {
                self.put(set, mask | value);
                return;
            }
            if offset == clear {
                self.put(set, mask & !value);
                return;
            }
        }
        if offset == regs::EICR.offset() || offset == regs::WUS.offset() {
            let causes = self.peek(offset);
            self.put(offset, causes & !value);
            return;
        }
        if offset == regs::CTRL.offset() && value & Ctrl::RST.bits() != 0 {
            self.quiet_until_us = self.waited_us + 1000;
            self.ready_at_us = self.waited_us + 3000;
            self.reset();
            return;
        }
        self.put(offset, value);
        if offset == regs::MDIC.offset() {
            self.mdic(Mdic::from_bits_retain(value));
        }
        if (regs::TDT.at(0).offset()..=regs::TDT.at(15).offset()).contains(&offset) && offset & 0x3f == 0x18 {
            self.transmit((offset >> 6) & 15, usize::MAX);
        }
    }

    fn mdic(&mut self, command: Mdic) {
        let register = (command.bits() >> 16 & 0x1f) as usize;
        let mut answer = command | Mdic::READY;
        if command.bits() >> 21 & 0x1f != 1 {
            answer |= Mdic::ERROR;
        } else if command.contains(Mdic::WRITE) {
            self.phy[register] = command.bits() as u16;
        } else {
            answer = (answer - Mdic::DATA) | Mdic::from_bits_retain(u32::from(self.phy[register]));
        }
        self.put(regs::MDIC.offset(), answer.bits());
    }

    fn ring(&self, base_low: u32, base_high: u32) -> u64 {
        u64::from(self.peek(base_high)) << 32 | u64::from(self.peek(base_low))
    }

    fn transmit(&mut self, n: u32, count: usize) -> usize {
        let enabled = self.peek(regs::TXDCTL.at(n).offset()) & QueueControl::ENABLE.bits() != 0
            && self.peek(regs::TCTL.offset()) & Tctl::EN.bits() != 0;
        let size = self.peek(regs::TDLEN.at(n).offset()) / 16;
        let tail = self.peek(regs::TDT.at(n).offset());
        let ring = self.ring(regs::TDBAL.at(n).offset(), regs::TDBAH.at(n).offset());
        let mut done = 0;
        while enabled && tail < size && done < count {
            let head = self.peek(regs::TDH.at(n).offset());
            if head == tail {
                break;
            }
            let at = ring + 16 * u64::from(head);
            let (address, word) = (load(at), load(at + 8));
            assert_eq!(word >> 20 & 0xf, 0b0011, "not a data descriptor");
            assert_eq!(word & (1 << 25 | 1 << 29), 1 << 25 | 1 << 29, "IFCS and DEXT");
            assert_ne!(word & 0xffff, 0, "empty descriptor");
            assert_eq!(word & 1 << 32, 0, "DD is set already");
            if self.partial.is_empty() {
                // The length the packet claims, to be compared when it ends.
                self.partial.extend((word >> 46).to_le_bytes());
            }
            self.partial.extend(load_bytes(address, (word & 0xffff) as usize));
            if word & 1 << 24 != 0 {
                let frame = self.partial.split_off(8);
                let claimed = u64::from_le_bytes(self.partial.as_slice().try_into().unwrap());
                assert_eq!(claimed, frame.len() as u64, "PAYLEN");
                assert!(frame.len() >= 17, "too short to pad");
                self.partial.clear();
                self.sent.push(frame);
            }
            if word & 1 << 27 != 0 {
                store(at, 0);
                store(at + 8, 1 << 32);
            }
            self.put(regs::TDH.at(n).offset(), (head + 1) % size);
            done += 1;
        }
        done
    }

    fn receive(&mut self, n: u32, frame: &[u8]) -> bool {
        let enabled = self.peek(regs::RXDCTL.at(n).offset()) & QueueControl::ENABLE.bits() != 0
            && self.peek(regs::RCTL.offset()) & Rctl::EN.bits() != 0;
        let size = self.peek(regs::RDLEN.at(n).offset()) / 16;
        let tail = self.peek(regs::RDT.at(n).offset());
        let head = self.peek(regs::RDH.at(n).offset());
        let split = self.peek(regs::SRRCTL.at(n).offset());
        let buffer = (split & 0x7f) as usize * 1024;
        if !enabled || size == 0 || split & Srrctl::ADVANCED_ONE_BUFFER.bits() == 0 {
            return false;
        }
        let free = (tail + size - head) % size;
        if (frame.len().div_ceil(buffer) as u32) > free {
            return false;
        }
        let ring = self.ring(regs::RDBAL.at(n).offset(), regs::RDBAH.at(n).offset());
        let mut head = head;
        let mut pieces = frame.chunks(buffer).peekable();
        while let Some(piece) = pieces.next() {
            let at = ring + 16 * u64::from(head);
            assert_eq!(load(at + 8), 0, "descriptor not fresh");
            store_bytes(load(at), piece);
            let end = if pieces.peek().is_none() { 0b10 } else { 0 };
            store(at + 8, 1 | end | (piece.len() as u64) << 32);
            head = (head + 1) % size;
        }
        self.put(regs::RDH.at(n).offset(), head);
        true
    }
}

impl Registers for Chip {
    fn read(&self, offset: u32) -> u32 {
        assert!(offset < 0x2_0000 && offset.is_multiple_of(4));
        self.state.borrow_mut().read(offset)
    }

    fn write(&self, offset: u32, value: u32) {
        assert!(offset < 0x2_0000 && offset.is_multiple_of(4));
        self.state.borrow_mut().write(offset, value);
    }
}

impl Delay for Chip {
    fn delay_us(&self, us: u32) {
        assert!((1..=1000).contains(&us));
        self.state.borrow_mut().waited_us += u64::from(us);
    }
}

impl Chip {
    /// Raises causes on the line.
    pub fn assert_line(&self, causes: Icr) {
        self.set(regs::ICR.offset(), (causes | Icr::INT_ASSERTED).bits());
    }

    /// Transmitter and receiver on, as `Device` leaves them when traffic may flow.
    pub fn let_traffic_flow(&self) {
        self.set(regs::TCTL.offset(), Tctl::EN.bits());
        self.set(regs::RCTL.offset(), Rctl::EN.bits());
    }
}

/// Groups for a transmit ring.
pub fn completions(descriptors: u16) -> Box<[tx::Completion]> {
    vec![tx::Completion::default(); usize::from(descriptors)].into()
}

/// A transmit queue of legal size, enabled.
pub fn tx_queue<'a>(chip: &'a Chip, memory: &Memory, descriptors: u16) -> tx::Queue<&'a Chip, Box<[tx::Completion]>> {
    let mut queue = tx::Queue::new(chip, &I82576, 0, descriptors, memory.dma(), completions(descriptors)).unwrap();
    queue.enable(chip).unwrap();
    queue
}

/// A receive queue of legal size, enabled, with buffers of 2 KiB.
pub fn rx_queue<'a>(chip: &'a Chip, memory: &Memory, descriptors: u16) -> rx::Queue<&'a Chip> {
    let mut queue = rx::Queue::new(chip, &I82576, 0, descriptors, 2048, memory.dma()).unwrap();
    queue.enable(chip).unwrap();
    queue
}
