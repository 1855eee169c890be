//! The adapter as a PCI function: configuration space through the memory-mapped window of q35, BARs, capabilities.

use std::sync::Arc;

use crate::{error::NicError, link::Link, qemu::SLOT};

/// PCIEXBAR of the q35 host bridge (function 0:0.0): base of the configuration window, bit 0 enables it.
const PCIEXBAR: u32 = 0x60;
const CONFIG_WINDOW: u64 = 0xb000_0000;
/// Where the lab puts memory BARs: inside the PCI hole of q35, above the configuration window.
const MEMORY_BASE: u64 = 0xe000_0000;
const MEMORY_END: u64 = 0xfe00_0000;
const PORT_BASE: u64 = 0xc000;

// PCI Local Bus Specification 3.0, chapter 6
const COMMAND: u16 = 0x04;
const COMMAND_IO: u32 = 1 << 0;
const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_BUS_MASTER: u32 = 1 << 2;
const STATUS: u16 = 0x06;
const STATUS_CAPABILITIES: u32 = 1 << 4;
const BAR0: u16 = 0x10;
const BAR_COUNT: u8 = 6;
const CAPABILITIES: u16 = 0x34;
const CAPABILITY_MSIX: u32 = 0x11;

/// A decoded base address register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// 0..=5; a 64-bit BAR has the index of its lower half.
    pub index: u8,
    /// Physical address, or the first port.
    pub phys: u64,
    /// Length in bytes.
    pub len: u64,
    /// Ports instead of memory. The lab lists these but does not forward port accesses.
    pub io: bool,
}

/// Where the MSI-X structures are.
pub(crate) struct MsixCapability {
    pub offset: u16,
    pub vectors: u32,
    /// Physical address of the vector table.
    pub table: u64,
}

pub(crate) struct Function {
    link: Arc<Link>,
    base: u64,
}

impl Function {
    /// Opens the configuration window.
    pub fn open(link: Arc<Link>) -> Result<Function, NicError> {
        link.post(format_args!("outl 0xcf8 {:#x}", 1 << 31 | PCIEXBAR));
        link.post(format_args!("outl 0xcfc {:#x}", CONFIG_WINDOW | 1));
        let function = Function { link, base: CONFIG_WINDOW + (u64::from(SLOT) << 15) };
        let id = function.read(0, 4);
        if let Some(failure) = function.link.failure() {
            return Err(failure);
        }
        if id == u32::MAX {
            return Err(NicError::Config("QEMU shows no adapter in its PCI slot".into()));
        }
        Ok(function)
    }

    /// Reads 1, 2 or 4 bytes at a naturally aligned `offset` below 4096; all ones when out of these bounds.
    pub fn read(&self, offset: u16, width: u8) -> u32 {
        let Some(letter) = letter(offset, width) else { return u32::MAX };
        let value = self.link.call(format_args!("read{letter} {:#x}", self.base + u64::from(offset)));
        value as u32 & (u32::MAX >> (32 - 8 * u32::from(width)))
    }

    /// Writes 1, 2 or 4 bytes at a naturally aligned `offset` below 4096; nothing when out of these bounds. Done when
    /// it returns: decoding and bus mastering change at once, as on a real bus.
    pub fn write(&self, offset: u16, width: u8, value: u32) {
        let Some(letter) = letter(offset, width) else { return };
        self.link.call(format_args!("write{letter} {:#x} {value:#x}", self.base + u64::from(offset)));
    }

    /// Sizes and places every BAR, and switches memory, ports and bus mastering on, as firmware and the PCI driver do.
    pub fn assign_bars(&self) -> Result<Vec<Bar>, NicError> {
        let mut bars = Vec::new();
        let (mut memory, mut port) = (MEMORY_BASE, PORT_BASE);
        let mut index = 0;
        while index < BAR_COUNT {
            let at = BAR0 + 4 * u16::from(index);
            self.write(at, 4, u32::MAX);
            let probe = self.read(at, 4);
            let io = probe & 1 != 0;
            let wide = !io && probe & 0b110 == 0b100;
            let len = u64::from((probe & if io { !0b11 } else { !0b1111 }).wrapping_neg());
            let next = if io { &mut port } else { &mut memory };
            let phys = next.next_multiple_of(len.max(1));
            if len != 0 {
                *next = phys + len;
                bars.push(Bar { index, phys, len, io });
            }
            self.write(at, 4, if len != 0 { phys as u32 } else { 0 });
            if wide {
                self.write(at + 4, 4, 0);
            }
            index += 1 + u8::from(wide);
        }
        if memory > MEMORY_END {
            return Err(NicError::Config(format!("the BARs do not fit below {MEMORY_END:#x}")));
        }
        self.write(COMMAND, 2, COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER);
        Ok(bars)
    }

    /// The MSI-X capability, if the function has one.
    pub fn msix(&self, bars: &[Bar]) -> Option<MsixCapability> {
        if self.read(STATUS, 2) & STATUS_CAPABILITIES == 0 {
            return None;
        }
        let mut offset = self.read(CAPABILITIES, 1) as u16 & !0b11;
        // 48 entries of four bytes fill the space: a longer list is a loop.
        for _ in 0..48 {
            match self.read(offset, 1) {
                _ if offset < 0x40 => return None,
                CAPABILITY_MSIX => break,
                _ => offset = self.read(offset + 1, 1) as u16 & !0b11,
            }
        }
        let vectors = (self.read(offset + 2, 2) & 0x7ff) + 1;
        let table = self.read(offset + 4, 4);
        let bar = bars.iter().find(|bar| u32::from(bar.index) == table & 0b111)?;
        Some(MsixCapability { offset, vectors, table: bar.phys + u64::from(table & !0b111) })
    }

    /// Takes the function off the bus: no decoding, no DMA, no messages.
    pub fn disconnect(&self) {
        self.write(COMMAND, 2, 0);
    }
}

/// qtest's letter for a width.
fn letter(offset: u16, width: u8) -> Option<char> {
    let letter = match width {
        1 => 'b',
        2 => 'w',
        4 => 'l',
        _ => return None,
    };
    (offset < 4096 && offset.is_multiple_of(u16::from(width))).then_some(letter)
}
