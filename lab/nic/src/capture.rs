//! The capture: QEMU's own dump of every frame between adapter and net, written out as one pcapng file.
//!
//! QEMU has a dump filter for each direction, whatever the net is (slirp, the lab's wire, datagrams), and stamps the
//! frames with the machine's clock. So the file shows what was really on the wire: segments that the adapter cut,
//! checksums that it filled in. The lab only merges the two files and notes the direction of each frame.

use std::{
    borrow::Cow,
    fs::File,
    io::{BufReader, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use pcap_file::{
    DataLink, Endianness,
    pcap::{PcapPacket, PcapReader},
    pcapng::{
        PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
        },
    },
};

use crate::error::NicError;

/// `epb_flags` of the pcapng specification: direction in bits 1:0.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;
/// `if_tsresol`: nanoseconds.
const NANOSECONDS: u8 = 9;

pub(crate) struct Capture {
    path: PathBuf,
    sent: File,
    received: File,
}

impl Capture {
    /// Makes the two files that QEMU writes to; they have no name and vanish with the processes.
    pub fn new(path: &Path) -> Result<Capture, NicError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = || {
            tempfile::tempfile_in(folder)
                .map_err(|e| NicError::Capture { path: path.to_owned(), reason: e.to_string() })
        };
        Ok(Capture { path: path.to_owned(), sent: file()?, received: file()? })
    }

    /// What the adapter sends, what it receives.
    pub fn files(&self) -> [&File; 2] {
        [&self.sent, &self.received]
    }

    /// Writes what was captured so far.
    pub fn write(&self) -> Result<(), NicError> {
        let failed = |reason: String| NicError::Capture { path: self.path.clone(), reason };
        let sent = frames(&self.sent).map_err(failed)?;
        let received = frames(&self.received).map_err(failed)?;
        let file = File::create(&self.path).map_err(|e| failed(e.to_string()))?;
        merge(BufWriter::new(file), &sent, &received).map_err(failed)
    }
}

/// The whole frames of a file that QEMU may still be writing to.
fn frames(file: &File) -> Result<Vec<PcapPacket<'static>>, String> {
    let mut file = file.try_clone().map_err(|e| e.to_string())?;
    file.seek(SeekFrom::Start(0)).map_err(|e| e.to_string())?;
    let mut reader = PcapReader::new(BufReader::new(file)).map_err(|e| e.to_string())?;
    let mut frames = Vec::new();
    while let Some(Ok(frame)) = reader.next_packet() {
        frames.push(frame.into_owned());
    }
    Ok(frames)
}

fn merge(file: impl Write, sent: &[PcapPacket<'_>], received: &[PcapPacket<'_>]) -> Result<(), String> {
    let mut writer = PcapNgWriter::with_endianness(file, Endianness::Little).map_err(|e| e.to_string())?;
    let mut interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0);
    interface.options.push(InterfaceDescriptionOption::IfName(Cow::Borrowed("netcx-lab")));
    interface.options.push(InterfaceDescriptionOption::IfTsResol(NANOSECONDS));
    writer.write_pcapng_block(interface).map_err(|e| e.to_string())?;
    let (mut sent, mut received) = (sent.iter().peekable(), received.iter().peekable());
    loop {
        let (frame, direction) = match (sent.peek(), received.peek()) {
            (Some(out), Some(back)) if back.timestamp < out.timestamp => (received.next(), INBOUND),
            (Some(_), _) => (sent.next(), OUTBOUND),
            (None, _) => (received.next(), INBOUND),
        };
        let Some(frame) = frame else { break };
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: frame.timestamp,
            original_len: frame.orig_len,
            data: Cow::Borrowed(&frame.data),
            options: vec![EnhancedPacketOption::Flags(direction)],
        };
        writer.write_pcapng_block(block).map_err(|e| e.to_string())?;
    }
    writer.into_inner().flush().map_err(|e| e.to_string())
}
