//! Which registers a dump shows. None of them changes when it is read: ICR and EICR, whose reading would lose an interrupt,
//! are left out, and the statistics registers are in [`crate::counters`].

use crate::regs;

/// A register of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The datasheet's name, with the index of an array.
    pub name: &'static str,
    /// Byte offset in BAR 0.
    pub offset: u32,
    /// What it is.
    pub text: &'static str,
}

macro_rules! dump {
    ($($name:literal $register:expr => $text:literal;)*) => {
        /// The registers, in the order of the datasheet's chapters.
        pub const DUMP: &[Named] = &[$(Named { name: $name, offset: $register.offset(), text: $text }),*];
    };
}

dump! {
    "CTRL" regs::CTRL => "device control";
    "STATUS" regs::STATUS => "device status";
    "CTRL_EXT" regs::CTRL_EXT => "extended device control";
    "EEC" regs::EEC => "EEPROM/Flash control";
    "SW_FW_SYNC" regs::SW_FW_SYNC => "software-firmware synchronisation";
    "IMS" regs::IMS => "interrupt mask";
    "GPIE" regs::GPIE => "interrupt mode";
    "EIMS" regs::EIMS => "extended interrupt mask";
    "EIAC" regs::EIAC => "extended interrupt auto clear";
    "EITR0" regs::EITR.at(0) => "interrupt throttle, vector 0";
    "EITR1" regs::EITR.at(1) => "interrupt throttle, vector 1";
    "EITR2" regs::EITR.at(2) => "interrupt throttle, vector 2";
    "IVAR0" regs::IVAR.at(0) => "vectors of queue causes";
    "IVAR_MISC" regs::IVAR_MISC => "vectors of other causes";
    "RCTL" regs::RCTL => "receive control";
    "RXCSUM" regs::RXCSUM => "receive checksum control";
    "RLPML" regs::RLPML => "longest frame received";
    "RAL0" regs::RAL.at(0) => "station address, first four bytes";
    "RAH0" regs::RAH.at(0) => "station address, last two bytes";
    "MRQC" regs::MRQC => "multiple receive queues";
    "RDBAL0" regs::RDBAL.at(0) => "receive ring 0, address low";
    "RDBAH0" regs::RDBAH.at(0) => "receive ring 0, address high";
    "RDLEN0" regs::RDLEN.at(0) => "receive ring 0, bytes";
    "SRRCTL0" regs::SRRCTL.at(0) => "receive ring 0, buffers";
    "RDH0" regs::RDH.at(0) => "receive ring 0, head";
    "RDT0" regs::RDT.at(0) => "receive ring 0, tail";
    "RXDCTL0" regs::RXDCTL.at(0) => "receive ring 0, control";
    "TCTL" regs::TCTL => "transmit control";
    "TDBAL0" regs::TDBAL.at(0) => "transmit ring 0, address low";
    "TDBAH0" regs::TDBAH.at(0) => "transmit ring 0, address high";
    "TDLEN0" regs::TDLEN.at(0) => "transmit ring 0, bytes";
    "TDH0" regs::TDH.at(0) => "transmit ring 0, head";
    "TDT0" regs::TDT.at(0) => "transmit ring 0, tail";
    "TXDCTL0" regs::TXDCTL.at(0) => "transmit ring 0, control";
    "WUC" regs::WUC => "wake-up control";
    "WUFC" regs::WUFC => "wake-up filter control";
    "WUS" regs::WUS => "wake-up status";
}

/// The registers of one ring that say where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingRegisters {
    /// Next descriptor the hardware takes.
    pub head: u32,
    /// First descriptor the hardware does not own.
    pub tail: u32,
    /// RXDCTL or TXDCTL.
    pub control: u32,
}
