//! Header types and lengths of a frame, as NET_PACKET_LAYOUT describes them.
//!
//! Source: NetAdapterCx 21H2 `netcx/translator/framelayout/`, `nxnbltranslation.cpp` (TranslateLayout). A header that does
//! not lie in one piece ends the parse; what was found until then stays.

use netadaptercx_sys::{
    _NET_PACKET_LAYER2_TYPE as l2, _NET_PACKET_LAYER3_TYPE as l3, _NET_PACKET_LAYER4_TYPE as l4, NET_PACKET_LAYOUT,
};

const ETHERNET_HEADER: usize = 14;
/// LLC and SNAP headers behind a length field.
const SNAP_HEADER: usize = 8;
const SMALLEST_ETHER_TYPE: u16 = 0x600;
const ETHER_TYPE_IPV4: u16 = 0x0800;
const ETHER_TYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_ICMPV6: u8 = 58;
const PROTOCOL_NONE: u8 = 59;

#[derive(Default)]
struct Found {
    layer2_length: u64,
    layer3_type: i32,
    layer3_length: u64,
    layer4_type: i32,
    layer4_length: u64,
}

impl Found {
    fn layout(&self) -> NET_PACKET_LAYOUT {
        type L = NET_PACKET_LAYOUT;
        NET_PACKET_LAYOUT::from_raw(
            self.layer2_length << L::Layer2HeaderLengthShift
                | self.layer3_length << L::Layer3HeaderLengthShift
                | self.layer4_length << L::Layer4HeaderLengthShift
                | (l2::NetPacketLayer2TypeEthernet as u64) << L::Layer2TypeShift
                | (self.layer3_type as u64) << L::Layer3TypeShift
                | (self.layer4_type as u64) << L::Layer4TypeShift,
        )
    }
}

/// Steps through the pieces of a frame, one header at a time.
struct Pieces<'a> {
    pieces: &'a [Vec<u8>],
    piece: usize,
    at: usize,
}

impl<'a> Pieces<'a> {
    /// The bytes of the current piece that were not passed yet; the next piece if there are none.
    fn rest(&mut self) -> &'a [u8] {
        while let Some(piece) = self.pieces.get(self.piece) {
            if self.at < piece.len() {
                return &piece[self.at..];
            }
            self.piece += 1;
            self.at = 0;
        }
        &[]
    }

    fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

/// The layout of an Ethernet frame given as the pieces it lies in.
pub fn parse(pieces: &[Vec<u8>]) -> NET_PACKET_LAYOUT {
    let mut found = Found::default();
    let mut pieces = Pieces { pieces, piece: 0, at: 0 };
    // Each layer is looked at only if the one below was understood; the lengths found so far are kept anyway.
    let _ = layer2(&mut found, &mut pieces)
        .and_then(|()| layer3(&mut found, &mut pieces))
        .and_then(|()| layer4(&mut found, &mut pieces));
    found.layout()
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn layer2(found: &mut Found, pieces: &mut Pieces) -> Option<()> {
    let bytes = pieces.rest();
    let mut ether_type = be16(bytes, 12)?;
    let mut length = ETHERNET_HEADER;
    if ether_type < SMALLEST_ETHER_TYPE {
        let snap = bytes.get(ETHERNET_HEADER..ETHERNET_HEADER + SNAP_HEADER)?;
        if snap[..4] != [0xaa, 0xaa, 0x03, 0x00] {
            return None;
        }
        ether_type = be16(snap, 6)?;
        length += SNAP_HEADER;
    }
    found.layer2_length = length as u64;
    found.layer3_type = match ether_type {
        ETHER_TYPE_IPV4 => l3::NetPacketLayer3TypeIPv4UnspecifiedOptions,
        ETHER_TYPE_IPV6 => l3::NetPacketLayer3TypeIPv6UnspecifiedExtensions,
        _ => l3::NetPacketLayer3TypeUnspecified,
    };
    pieces.pass(length);
    Some(())
}

fn layer3(found: &mut Found, pieces: &mut Pieces) -> Option<()> {
    match found.layer3_type {
        l3::NetPacketLayer3TypeIPv4UnspecifiedOptions => ipv4(found, pieces),
        l3::NetPacketLayer3TypeIPv6UnspecifiedExtensions => ipv6(found, pieces),
        _ => None,
    }
}

fn ipv4(found: &mut Found, pieces: &mut Pieces) -> Option<()> {
    let bytes = pieces.rest();
    let length = usize::from(bytes.first()? & 0xf) * 4;
    if bytes.len() < 20.max(length) || bytes[0] >> 4 != 4 {
        return None;
    }
    found.layer3_length = length as u64;
    found.layer3_type =
        if length == 20 { l3::NetPacketLayer3TypeIPv4NoOptions } else { l3::NetPacketLayer3TypeIPv4WithOptions };
    found.layer4_type = layer4_type(bytes[9]);
    pieces.pass(length);
    Some(())
}

fn layer4_type(protocol: u8) -> i32 {
    match protocol {
        PROTOCOL_TCP => l4::NetPacketLayer4TypeTcp,
        PROTOCOL_UDP => l4::NetPacketLayer4TypeUdp,
        _ => l4::NetPacketLayer4TypeUnspecified,
    }
}

fn ipv6(found: &mut Found, pieces: &mut Pieces) -> Option<()> {
    let bytes = pieces.rest();
    if bytes.len() < 40 || bytes[0] >> 4 != 6 {
        return None;
    }
    let (mut length, mut next) = (40, bytes[6]);
    if matches!(next, PROTOCOL_TCP | PROTOCOL_UDP | PROTOCOL_ICMP | PROTOCOL_ICMPV6 | PROTOCOL_NONE) {
        found.layer3_type = l3::NetPacketLayer3TypeIPv6NoExtensions;
    } else {
        while layer4_type(next) == l4::NetPacketLayer4TypeUnspecified && next != PROTOCOL_NONE {
            let header = bytes.get(length..length + 8)?;
            next = header[0];
            length += 8 + usize::from(header[1]) * 8;
            bytes.get(..length)?;
        }
        found.layer3_type = l3::NetPacketLayer3TypeIPv6WithExtensions;
    }
    found.layer4_type = layer4_type(next);
    // The field has nine bits.
    found.layer3_length = (length & 0x1ff) as u64;
    pieces.pass(length);
    Some(())
}

fn layer4(found: &mut Found, pieces: &mut Pieces) -> Option<()> {
    let bytes = pieces.rest();
    let length = match found.layer4_type {
        l4::NetPacketLayer4TypeTcp if bytes.len() >= 20 => usize::from(bytes[12] >> 4) * 4,
        l4::NetPacketLayer4TypeUdp => 8,
        _ => return None,
    };
    bytes.get(..length)?;
    found.layer4_length = length as u64;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp4(options: usize) -> Vec<u8> {
        let mut f = vec![0u8; 12];
        f.extend([0x08, 0x00]);
        f.push(0x45 + options as u8 / 4);
        f.extend([0; 8]);
        f.push(PROTOCOL_TCP);
        f.extend(vec![0; 10 + options]);
        f.extend([0; 12]);
        f.push(0x50);
        f.extend([0; 7 + 10]);
        f
    }

    fn lengths(l: NET_PACKET_LAYOUT) -> (u8, u16, u8) {
        (l.Layer2HeaderLength(), l.Layer3HeaderLength(), l.Layer4HeaderLength())
    }

    #[test]
    fn tcp_over_ipv4() {
        let l = parse(&[tcp4(0)]);
        assert_eq!(lengths(l), (14, 20, 20));
        assert_eq!(i32::from(l.Layer3Type()), l3::NetPacketLayer3TypeIPv4NoOptions);
        assert_eq!(i32::from(l.Layer4Type()), l4::NetPacketLayer4TypeTcp);
        let l = parse(&[tcp4(8)]);
        assert_eq!(lengths(l), (14, 28, 20));
        assert_eq!(i32::from(l.Layer3Type()), l3::NetPacketLayer3TypeIPv4WithOptions);
    }

    #[test]
    fn headers_in_their_own_pieces_are_found_and_torn_ones_are_not() {
        let f = tcp4(0);
        assert_eq!(lengths(parse(&[f[..14].to_vec(), f[14..34].to_vec(), f[34..].to_vec()])), (14, 20, 20));
        assert_eq!(lengths(parse(&[f[..14].to_vec(), vec![], f[14..30].to_vec(), f[30..].to_vec()])), (14, 0, 0));
        assert_eq!(lengths(parse(&[f[..10].to_vec(), f[10..].to_vec()])), (0, 0, 0));
    }

    #[test]
    fn every_truncation_is_survived() {
        let f = tcp4(40);
        for n in 0..=f.len() {
            let l = parse(&[f[..n].to_vec()]);
            assert_eq!(i32::from(l.Layer2Type()), l2::NetPacketLayer2TypeEthernet);
        }
    }

    #[test]
    fn ipv6_extensions_are_stepped_over() {
        let mut f = vec![0u8; 12];
        f.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 0 /* hop by hop */, 64]);
        f.extend([0; 32]);
        f.extend([PROTOCOL_UDP, 1]);
        f.extend([0; 14]);
        f.extend([0; 8]);
        let l = parse(&[f]);
        assert_eq!(lengths(l), (14, 56, 8));
        assert_eq!(i32::from(l.Layer3Type()), l3::NetPacketLayer3TypeIPv6WithExtensions);
        assert_eq!(i32::from(l.Layer4Type()), l4::NetPacketLayer4TypeUdp);
    }
}
