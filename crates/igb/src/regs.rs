//! The table of registers: offset, value type, arrays with their stride. One line per register.
//!
//! A single register is a [`Register`], a family of equal ones a [`RegisterArray`]. The value type is `u32` or one of
//! the bit-field types below, which keep bits they do not name.

use core::marker::PhantomData;

use bitflags::bitflags;

/// What a register holds.
pub trait Value: Copy {
    /// The value of these 32 bits.
    fn from_bits(bits: u32) -> Self;
    /// The 32 bits of this value.
    fn into_bits(self) -> u32;
}

impl Value for u32 {
    #[inline]
    fn from_bits(bits: u32) -> Self {
        bits
    }

    #[inline]
    fn into_bits(self) -> u32 {
        self
    }
}

/// One 32-bit register.
#[derive(Debug)]
pub struct Register<V> {
    offset: u32,
    value: PhantomData<fn(V) -> V>,
}

impl<V> Register<V> {
    const fn new(offset: u32) -> Self {
        Register { offset, value: PhantomData }
    }

    /// The register at an offset that another table of this crate gives.
    pub(crate) const fn at_offset(offset: u32) -> Self {
        Self::new(offset)
    }

    /// The same register as plain bits.
    pub(crate) const fn raw(self) -> Register<u32> {
        Register::new(self.offset)
    }

    /// Byte offset in BAR 0.
    #[inline]
    pub const fn offset(self) -> u32 {
        self.offset
    }
}

impl<V> Clone for Register<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Register<V> {}

/// Equal registers at equal distances.
#[derive(Debug)]
pub struct RegisterArray<V> {
    offset: u32,
    stride: u32,
    len: u32,
    value: PhantomData<fn(V) -> V>,
}

impl<V> RegisterArray<V> {
    /// Number of registers.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Never true; here because there is a `len`.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The register with this index.
    ///
    /// # Panics
    /// If `index` is not below `len`: an offset outside the array must never reach the device.
    pub const fn at(&self, index: u32) -> Register<V> {
        assert!(index < self.len);
        Register::new(self.offset + index * self.stride)
    }
}

/// `NAME @ offset: Value;` or `NAME[len] @ offset + stride: Value;`
macro_rules! registers {
    () => {};
    ($(#[$doc:meta])* $name:ident @ $offset:literal : $value:ty; $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: Register<$value> = Register::new($offset);
        registers! { $($rest)* }
    };
    ($(#[$doc:meta])* $name:ident[$len:literal] @ $offset:literal + $stride:literal : $value:ty; $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: RegisterArray<$value> =
            RegisterArray { offset: $offset, stride: $stride, len: $len, value: PhantomData };
        registers! { $($rest)* }
    };
}

// General, 8.2
registers! {
    /// Device control.
    CTRL @ 0x0000: Ctrl;
    /// Device status.
    STATUS @ 0x0008: Status;
    /// Extended device control.
    CTRL_EXT @ 0x0018: CtrlExt;
    /// MDI control: one PHY register access.
    MDIC @ 0x0020: Mdic;
}

// NVM, 8.4
registers! {
    /// EEPROM/Flash control.
    EEC @ 0x0010: Eec;
}

// Semaphores, 8.7
registers! {
    /// Software semaphore.
    SWSM @ 0x5B50: Swsm;
    /// Software-firmware synchronisation: who owns which resource.
    SW_FW_SYNC @ 0x5B5C: u32;
}

// Interrupts, 8.8. ICR, IMS and IMC are used through their old offsets: 82576 silicon answers at both, QEMU only here.
registers! {
    /// Interrupt cause read; reading clears.
    ICR @ 0x00C0: Icr;
    /// Interrupt mask set.
    IMS @ 0x00D0: Icr;
    /// Interrupt mask clear.
    IMC @ 0x00D8: Icr;
    /// General purpose interrupt enable: the interrupt mode.
    GPIE @ 0x1514: Gpie;
    /// Extended interrupt mask set: bit n is MSI-X vector n.
    EIMS @ 0x1524: u32;
    /// Extended interrupt mask clear.
    EIMC @ 0x1528: u32;
    /// Extended interrupt auto clear: causes that their own MSI-X message clears.
    EIAC @ 0x152C: u32;
    /// Extended interrupt cause; in MSI-X mode written ones clear.
    EICR @ 0x1580: u32;
    /// Interrupt throttle per vector.
    EITR[25] @ 0x1680 + 4: u32;
    /// Vectors of queue causes; layout per model.
    IVAR[8] @ 0x1700 + 4: u32;
    /// Vectors of other causes: bits 15:8 are for ICR.
    IVAR_MISC @ 0x1740: u32;
}

// Receive, 8.10
registers! {
    /// Receive control.
    RCTL @ 0x0100: Rctl;
    /// Receive checksum control.
    RXCSUM @ 0x5000: u32;
    /// Longest frame received when RCTL.LPE is set, FCS and VLAN tag included, bytes.
    RLPML @ 0x5004: u32;
    /// Multicast hash table, 4096 bits.
    MTA[128] @ 0x5200 + 4: u32;
    /// Receive address 0..=15, first four bytes.
    RAL[16] @ 0x5400 + 8: u32;
    /// Receive address 0..=15, last two bytes and the valid bit.
    RAH[16] @ 0x5404 + 8: Rah;
    /// Receive address 16..=31, first four bytes.
    RAL2[16] @ 0x54E0 + 8: u32;
    /// Receive address 16..=31, last two bytes and the valid bit.
    RAH2[16] @ 0x54E4 + 8: Rah;
    /// Multiple receive queues: off, RSS or VMDq.
    MRQC @ 0x5818: Mrqc;
    /// Ring address, low half; 128-byte aligned.
    RDBAL[16] @ 0xC000 + 0x40: u32;
    /// Ring address, high half.
    RDBAH[16] @ 0xC004 + 0x40: u32;
    /// Ring length, bytes.
    RDLEN[16] @ 0xC008 + 0x40: u32;
    /// Split and replication receive control: buffer size and descriptor type.
    SRRCTL[16] @ 0xC00C + 0x40: Srrctl;
    /// Head: next descriptor the hardware fills.
    RDH[16] @ 0xC010 + 0x40: u32;
    /// Tail: first descriptor the hardware does not own.
    RDT[16] @ 0xC018 + 0x40: u32;
    /// Queue enable and thresholds.
    RXDCTL[16] @ 0xC028 + 0x40: QueueControl;
    /// Frames dropped because the queue had no descriptor: bits 11:0; reading clears.
    RQDPC[16] @ 0xC030 + 0x40: u32;
}

// Virtualization, 8.14; VFTA is of 8.10
registers! {
    /// Pools that receive, a bit each.
    VFRE @ 0x0C8C: u32;
    /// Pools that send, a bit each.
    VFTE @ 0x0C90: u32;
    /// Switching of sent packets to pools of this port.
    DTXSWC @ 0x3500: Dtxswc;
    /// VLAN filter, 4096 bits; in use with RCTL.VFE.
    VFTA[128] @ 0x5600 + 4: u32;
    /// Where frames go that no pool asked for, and whether group frames go to several pools.
    VT_CTL @ 0x581C: VtCtl;
    /// What a pool accepts and how it gets it.
    VMOLR[8] @ 0x5AD0 + 4: Vmolr;
    /// How replicated multicast frames are delivered, as VMOLR.
    RPLOLR @ 0x5AF0: Vmolr;
    /// A VLAN and the pools that are in it.
    VLVF[32] @ 0x5D00 + 4: Vlvf;
}

// Transmit, 8.12
registers! {
    /// Transmit control.
    TCTL @ 0x0400: Tctl;
    /// Ring address, low half; 128-byte aligned.
    TDBAL[16] @ 0xE000 + 0x40: u32;
    /// Ring address, high half.
    TDBAH[16] @ 0xE004 + 0x40: u32;
    /// Ring length, bytes.
    TDLEN[16] @ 0xE008 + 0x40: u32;
    /// Head: next descriptor the hardware reads.
    TDH[16] @ 0xE010 + 0x40: u32;
    /// Tail: first descriptor the hardware does not own.
    TDT[16] @ 0xE018 + 0x40: u32;
    /// Queue enable and thresholds.
    TXDCTL[16] @ 0xE028 + 0x40: QueueControl;
    /// Head write-back address, low half; bit 0 switches descriptor write-back off.
    TDWBAL[16] @ 0xE038 + 0x40: u32;
}

// Wake-up, 8.19
registers! {
    /// Wake-up control.
    WUC @ 0x5800: u32;
    /// Wake-up filter control.
    WUFC @ 0x5808: u32;
    /// Wake-up status; written ones clear.
    WUS @ 0x5810: u32;
}

/// Bit-field types: `bitflags` that keep unnamed bits, usable as register values.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident { $($body:tt)* })*) => {$(
        bitflags! {
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name: u32 { $($body)* }
        }

        impl Value for $name {
            #[inline]
            fn from_bits(bits: u32) -> Self {
                Self::from_bits_retain(bits)
            }

            #[inline]
            fn into_bits(self) -> u32 {
                self.bits()
            }
        }
    )*};
}

fields! {
    /// CTRL.
    Ctrl {
        /// No new bus-master requests.
        const GIO_MASTER_DISABLE = 1 << 2;
        /// Set link up: the MAC may use the PHY's link.
        const SLU = 1 << 6;
        /// Force speed.
        const FRCSPD = 1 << 11;
        /// Force duplex.
        const FRCDPLX = 1 << 12;
        /// Reset; clears itself.
        const RST = 1 << 26;
        /// PAUSE frames received are obeyed.
        const RFCE = 1 << 27;
        /// PAUSE frames are sent.
        const TFCE = 1 << 28;
    }

    /// STATUS.
    Status {
        /// Full duplex.
        const FD = 1 << 0;
        /// Link up.
        const LU = 1 << 1;
        /// Which of the chip's ports this is.
        const LAN_ID = 0b11 << 2;
        /// 100 Mb/s.
        const SPEED_100 = 1 << 6;
        /// 1000 Mb/s, whatever SPEED_100 says.
        const SPEED_1000 = 1 << 7;
        /// Bus-master requests are possible or pending.
        const GIO_MASTER_ENABLE = 1 << 19;
    }

    /// CTRL_EXT.
    CtrlExt {
        /// A driver is loaded: told to the manageability firmware.
        const DRV_LOAD = 1 << 28;
    }

    /// MDIC.
    Mdic {
        /// Data read or to write.
        const DATA = 0xffff;
        /// Operation: write.
        const WRITE = 1 << 26;
        /// Operation: read.
        const READ = 1 << 27;
        /// Access finished.
        const READY = 1 << 28;
        /// Access failed.
        const ERROR = 1 << 30;
    }

    /// EEC.
    Eec {
        /// The NVM has been read.
        const AUTO_RD = 1 << 9;
    }

    /// SWSM.
    Swsm {
        /// Taken by the read that found it clear.
        const SMBI = 1 << 0;
        /// Taken by software when a written one reads back.
        const SWESMBI = 1 << 1;
    }

    /// ICR, IMS, IMC.
    Icr {
        /// Transmit descriptor written back.
        const TXDW = 1 << 0;
        /// Link status change.
        const LSC = 1 << 2;
        /// Receive descriptor written back.
        const RXDW = 1 << 7;
        /// This function asserts its interrupt.
        const INT_ASSERTED = 1 << 31;
    }

    /// GPIE.
    Gpie {
        /// A read of ICR always clears it.
        const NSICR = 1 << 0;
        /// Many MSI-X vectors: EICR bit n is vector n.
        const MULTIPLE_MSIX = 1 << 4;
        /// Setting an EIMS bit clears the vector's pending bit.
        const PBA_SUPPORT = 1 << 31;
    }

    /// RCTL.
    Rctl {
        /// Receiver on.
        const EN = 1 << 1;
        /// Unicast promiscuous.
        const UPE = 1 << 3;
        /// Multicast promiscuous.
        const MPE = 1 << 4;
        /// Frames longer than 1522 bytes; RLPML is the limit.
        const LPE = 1 << 5;
        /// Broadcast accepted.
        const BAM = 1 << 15;
        /// Tagged frames pass the VLAN filters.
        const VFE = 1 << 18;
        /// FCS stripped.
        const SECRC = 1 << 26;
    }

    /// RAH.
    Rah {
        /// Last two bytes of the address.
        const ADDRESS = 0xffff;
        /// Pools the address belongs to, a bit each; in use with VMDq.
        const POOLS = 0xff << 18;
        /// The entry is valid.
        const AV = 1 << 31;
    }

    /// MRQC. Zero: one queue.
    Mrqc {
        /// A pool for each frame by its MAC address and VLAN, and a queue for each pool.
        const VMDQ = 0b011;
    }

    /// VT_CTL. The default pool is in bits 9:7; this crate uses pool 0.
    VtCtl {
        /// A unicast frame that no pool asked for is dropped, not given to the default pool.
        const DIS_DEF_POOL = 1 << 29;
        /// A group frame goes to every pool that asked for it.
        const RPL_EN = 1 << 30;
    }

    /// VMOLR, RPLOLR.
    Vmolr {
        /// Longest frame, FCS and VLAN tag included, bytes; in use with LPE.
        const RLPML = 0x3fff;
        /// Frames longer than 1522 bytes.
        const LPE = 1 << 16;
        /// Untagged frames accepted; in use with RCTL.VFE.
        const AUPE = 1 << 24;
        /// Multicast accepted that is in the hash table.
        const ROMPE = 1 << 25;
        /// Broadcast accepted.
        const BAM = 1 << 27;
        /// All multicast accepted.
        const MPME = 1 << 28;
        /// The VLAN tag is taken out of the frame and put into the descriptor.
        const STRVLAN = 1 << 30;
        /// FCS stripped.
        const STRCRC = 1 << 31;
    }

    /// VLVF.
    Vlvf {
        /// The VLAN.
        const ID = 0xfff;
        /// Pools that are in it, a bit each.
        const POOLS = 0xff << 12;
        /// The entry is valid.
        const VI_EN = 1 << 31;
    }

    /// DTXSWC. Nothing set in bits 23:16 (LLE): no pool gets what it sent itself.
    Dtxswc {
        /// What is sent to an address of a pool of this port goes there.
        const LOOPBACK_EN = 1 << 31;
    }

    /// SRRCTL. Bits 6:0 are the buffer size in KiB.
    Srrctl {
        /// Advanced descriptors, one buffer each.
        const ADVANCED_ONE_BUFFER = 1 << 25;
        /// A frame that finds no descriptor is dropped, so that it does not hold up those of other queues.
        const DROP_EN = 1 << 31;
    }

    /// TCTL.
    Tctl {
        /// Transmitter on.
        const EN = 1 << 1;
        /// Short packets are padded to 64 bytes.
        const PSP = 1 << 3;
        /// Retransmit on late collision.
        const RTLC = 1 << 24;
    }

    /// RXDCTL, TXDCTL.
    QueueControl {
        /// The queue runs; stays set until its last DMA is done.
        const ENABLE = 1 << 25;
    }
}

impl Status {
    /// The port's number in its chip, 0..=3.
    pub const fn port(self) -> u8 {
        ((self.bits() & Status::LAN_ID.bits()) >> 2) as u8
    }
}

impl Mdic {
    /// An access to `register` of the internal PHY, which has address 1.
    pub const fn register(register: u8) -> Mdic {
        Mdic::from_bits_retain(1 << 21 | ((register & 0x1f) as u32) << 16)
    }
}

impl Rah {
    /// The pools in bit mask `pools`.
    pub const fn pools(pools: u8) -> Rah {
        Rah::from_bits_retain((pools as u32) << 18)
    }
}

impl Vlvf {
    /// VLAN `id`, 0..=4095, with the pools in bit mask `pools`.
    pub const fn vlan(id: u16, pools: u8) -> Vlvf {
        Vlvf::from_bits_retain((id & 0xfff) as u32 | (pools as u32) << 12 | Vlvf::VI_EN.bits())
    }
}

impl Vmolr {
    /// Frames of at most `bytes` bytes, FCS and VLAN tag included; at most 16383.
    pub const fn longest(bytes: u16) -> Vmolr {
        Vmolr::from_bits_retain((bytes & 0x3fff) as u32 | Vmolr::LPE.bits())
    }
}

impl Srrctl {
    /// Size of each buffer.
    pub const fn buffer_kib(kib: u8) -> Srrctl {
        Srrctl::from_bits_retain((kib & 0x7f) as u32)
    }
}

impl QueueControl {
    /// Fetch when fewer than `prefetch` descriptors are on the chip and `host` are waiting; write back `write_back`
    /// together (0: each at once). Each 0..=31.
    pub const fn thresholds(prefetch: u8, host: u8, write_back: u8) -> QueueControl {
        QueueControl::from_bits_retain(
            (prefetch & 0x1f) as u32 | ((host & 0x1f) as u32) << 8 | ((write_back & 0x1f) as u32) << 16,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_step_by_their_stride() {
        assert_eq!(RDBAL.at(0).offset(), 0xC000);
        assert_eq!(TXDCTL.at(15).offset(), 0xE3E8);
        assert_eq!(MTA.at(127).offset(), 0x53FC);
        assert_eq!(RAH2.at(7).offset(), 0x551C);
        assert_eq!(VMOLR.at(7).offset(), 0x5AEC);
        assert_eq!(VLVF.at(31).offset(), 0x5D7C);
        assert_eq!(RQDPC.at(7).offset(), 0xC1F0);
    }

    #[test]
    #[should_panic(expected = "index < self.len")]
    fn arrays_end() {
        let _ = RDT.at(16);
    }

    #[test]
    fn fields_land_on_their_bits() {
        assert_eq!(Mdic::register(2).bits(), 0x0022_0000);
        assert_eq!(QueueControl::thresholds(8, 1, 0).bits(), 0x0108);
        assert_eq!(QueueControl::thresholds(31, 31, 31).bits(), 0x001f_1f1f);
        assert_eq!(Srrctl::buffer_kib(2).bits(), 2);
        assert_eq!(Status::from_bits_retain(0b1100).port(), 3);
        assert_eq!(Rah::pools(0b1000_0001).bits(), 0x0204_0000);
        assert_eq!(Vlvf::vlan(0x123, 0b1000_0001).bits(), 0x8008_1123);
        assert_eq!(Vmolr::longest(1522).bits(), 0x0001_05f2);
    }
}
