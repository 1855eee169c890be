//! The statistics registers (8.18). Reading clears them and a reset loses them, so whoever reads adds to [`Totals`].

use crate::io::Bus;
use crate::{Error, Registers};

/// A statistics register, or the two halves of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The datasheet's name.
    pub name: &'static str,
    /// What it counts.
    pub text: &'static str,
    /// Byte offset in BAR 0 (of the low half).
    pub offset: u32,
    /// 64 bits: the high half follows 4 bytes on, and reading it clears both.
    pub wide: bool,
}

macro_rules! counters {
    ($($name:ident $offset:literal $($wide:ident)?: $text:literal;)*) => {
        /// Every statistics register of the 82576, by offset.
        pub const COUNTERS: [Counter; [$($offset),*].len()] = [
            $(Counter { name: stringify!($name), text: $text, offset: $offset, wide: counters!(@ $($wide)?) }),*
        ];
    };
    (@ wide) => { true };
    (@) => { false };
}

counters! {
    CRCERRS 0x4000: "frames with a bad FCS";
    ALGNERRC 0x4004: "frames with an alignment error";
    SYMERRS 0x4008: "symbol errors";
    RXERRC 0x400C: "frames with a receive error";
    MPC 0x4010: "frames missed for lack of room";
    SCC 0x4014: "frames sent after one collision";
    ECOL 0x4018: "frames given up after 16 collisions";
    MCC 0x401C: "frames sent after several collisions";
    LATECOL 0x4020: "late collisions";
    COLC 0x4028: "collisions";
    CBTMPC 0x402C: "frames to the circuit breaker missed";
    DC 0x4030: "transmissions deferred";
    TNCRS 0x4034: "transmissions without carrier sense";
    HTDPMC 0x403C: "host transmit frames dropped by the MAC";
    CBRDPC 0x4044: "circuit breaker receive frames dropped";
    RLEC 0x4040: "frames with a wrong length field";
    XONRXC 0x4048: "XON frames received";
    XONTXC 0x404C: "XON frames sent";
    XOFFRXC 0x4050: "XOFF frames received";
    XOFFTXC 0x4054: "XOFF frames sent";
    FCRUC 0x4058: "flow control frames of an unknown kind received";
    PRC64 0x405C: "frames received of 64 bytes";
    PRC127 0x4060: "frames received of 65 to 127 bytes";
    PRC255 0x4064: "frames received of 128 to 255 bytes";
    PRC511 0x4068: "frames received of 256 to 511 bytes";
    PRC1023 0x406C: "frames received of 512 to 1023 bytes";
    PRC1522 0x4070: "frames received of 1024 bytes and more";
    GPRC 0x4074: "good frames received";
    BPRC 0x4078: "broadcast frames received";
    MPRC 0x407C: "multicast frames received";
    GPTC 0x4080: "good frames sent";
    GORC 0x4088 wide: "bytes of good frames received, FCS included";
    GOTC 0x4090 wide: "bytes of good frames sent, FCS included";
    RNBC 0x40A0: "frames that found no receive buffer";
    RUC 0x40A4: "frames shorter than 64 bytes with a good FCS";
    RFC 0x40A8: "frames shorter than 64 bytes with a bad FCS";
    ROC 0x40AC: "frames that are too long, with a good FCS";
    RJC 0x40B0: "frames that are too long, with a bad FCS";
    MNGPRC 0x40B4: "management frames received";
    MPDC 0x40B8: "management frames dropped";
    MNGPTC 0x40BC: "management frames sent";
    TOR 0x40C0 wide: "bytes received, good or bad";
    TOT 0x40C8 wide: "bytes sent, good or bad";
    TPR 0x40D0: "frames received, good or bad";
    TPT 0x40D4: "frames sent, good or bad";
    PTC64 0x40D8: "frames sent of 64 bytes";
    PTC127 0x40DC: "frames sent of 65 to 127 bytes";
    PTC255 0x40E0: "frames sent of 128 to 255 bytes";
    PTC511 0x40E4: "frames sent of 256 to 511 bytes";
    PTC1023 0x40E8: "frames sent of 512 to 1023 bytes";
    PTC1522 0x40EC: "frames sent of 1024 bytes and more";
    MPTC 0x40F0: "multicast frames sent";
    BPTC 0x40F4: "broadcast frames sent";
    TSCTC 0x40F8: "TCP segmentations begun";
    CBRMPC 0x40FC: "circuit breaker receive frames missed";
    IAC 0x4100: "interrupts asserted";
    RPTHC 0x4104: "frames received for the host";
    HGPTC 0x4118: "good frames sent by the host";
    HTCBDPC 0x4124: "host transmit frames dropped by the circuit breaker";
    HGORC 0x4128 wide: "bytes of good frames received by the host";
    HGOTC 0x4130 wide: "bytes of good frames sent by the host";
    LENERRS 0x4138: "frames with a length error";
    SCVPC 0x4228: "SerDes code violations";
    HRMPC 0xA018: "frames for the host missed by the redirection";
}

/// Sums of [`COUNTERS`] over reads and resets.
#[derive(Clone, Debug)]
pub struct Totals([u64; COUNTERS.len()]);

impl Totals {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Totals([0; COUNTERS.len()])
    }

    /// In the order of [`COUNTERS`].
    #[must_use]
    pub const fn values(&self) -> &[u64; COUNTERS.len()] {
        &self.0
    }

    /// Reads and so clears every register, and adds it. When the device goes away meanwhile, what was read before that
    /// stays added. `each` sees every reading.
    pub(crate) fn collect<R: Registers>(
        &mut self,
        bus: &Bus<R>,
        mut each: impl FnMut(&Counter, u64),
    ) -> Result<(), Error> {
        for (counter, total) in COUNTERS.iter().zip(&mut self.0) {
            let low = bus.read_at(counter.offset)?;
            let high = if counter.wide { bus.read_at(counter.offset + 4)? } else { 0 };
            let value = u64::from(high) << 32 | u64::from(low);
            *total = total.wrapping_add(value);
            each(counter, value);
        }
        Ok(())
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_register_is_listed_twice() {
        let mut offsets: std::vec::Vec<u32> =
            COUNTERS.iter().flat_map(|c| [Some(c.offset), c.wide.then_some(c.offset + 4)]).flatten().collect();
        let len = offsets.len();
        offsets.sort_unstable();
        offsets.dedup();
        assert_eq!(offsets.len(), len);
        assert!(offsets.iter().all(|offset| offset % 4 == 0));
    }
}
