//! Rules of the keywords of the Advanced page (`Ndi\params`).

use super::{Findings, Rule, Subject, structure};
use lab_inf::{Keyword, Kind};

/// What a standardized keyword has to be.
enum Shape {
    /// An enumeration with some of these values, and this default.
    Choice(&'static [u32], &'static str),
    /// A number in this range, and this default if there is one.
    Number(i64, i64, Option<&'static str>),
}

use Shape::{Choice, Number};

const OFF_ON: &[u32] = &[0, 1];
const TX_RX: &[u32] = &[0, 1, 2, 3];

/// Sources: windows-driver-docs network/enumeration-keywords.md, keywords-that-can-be-edited.md and
/// standardized-inf-keywords-for-{rss,power-management,ndis-packet-timestamping}.md; defaults as Test-NetHLK
/// (NICStrictPropertyValidation) wants them of a client. Speeds: what an 82576 has.
const STANDARD: &[(&str, Shape)] = &[
    ("*DeviceSleepOnDisconnect", Choice(OFF_ON, "1")),
    ("*FlowControl", Choice(&[0, 1, 2, 3, 4], "3")),
    ("*IdleRestriction", Choice(OFF_ON, "0")),
    ("*InterruptModeration", Choice(OFF_ON, "1")),
    ("*IPChecksumOffloadIPv4", Choice(TX_RX, "3")),
    ("*JumboPacket", Number(60, 9728 - 4, Some("1514"))),
    ("*LsoV2IPv4", Choice(OFF_ON, "1")),
    ("*LsoV2IPv6", Choice(OFF_ON, "1")),
    ("*MaxRssProcessors", Number(1, 2048, None)),
    ("*ModernStandbyWoLMagicPacket", Choice(OFF_ON, "0")),
    ("*NumaNodeId", Number(0, 65535, Some("65535"))),
    ("*NumRssQueues", Number(1, 16, None)),
    ("*PMARPOffload", Choice(OFF_ON, "1")),
    ("*PMNSOffload", Choice(OFF_ON, "1")),
    ("*PriorityVLANTag", Choice(TX_RX, "3")),
    ("*PtpHardwareTimestamp", Choice(OFF_ON, "0")),
    ("*ReceiveBuffers", Number(1, 32768, None)),
    ("*RSS", Choice(OFF_ON, "1")),
    ("*RssBaseProcGroup", Number(0, 31, Some("0"))),
    ("*RssBaseProcNumber", Number(0, 63, Some("0"))),
    ("*RssMaxProcGroup", Number(0, 31, Some("0"))),
    ("*RssMaxProcNumber", Number(0, 63, None)),
    ("*RSSProfile", Choice(&[1, 2, 3, 4, 5, 6], "4")),
    ("*SpeedDuplex", Choice(&[0, 1, 2, 3, 4, 6], "0")),
    ("*TCPChecksumOffloadIPv4", Choice(TX_RX, "3")),
    ("*TCPChecksumOffloadIPv6", Choice(TX_RX, "3")),
    ("*TransmitBuffers", Number(0, 32768, None)),
    ("*UDPChecksumOffloadIPv4", Choice(TX_RX, "3")),
    ("*UDPChecksumOffloadIPv6", Choice(TX_RX, "3")),
    ("*UsoIPv4", Choice(OFF_ON, "1")),
    ("*UsoIPv6", Choice(OFF_ON, "1")),
    ("*WakeOnMagicPacket", Choice(OFF_ON, "1")),
    ("*WakeOnPattern", Choice(OFF_ON, "1")),
];

/// Standardized keywords of functions that the 82576 or NetAdapterCx lacks.
const WITHOUT_FUNCTION: &[&str] = &[
    "*EEE",
    "*EncapsulatedPacketTaskOffload",
    "*HeaderDataSplit",
    "*IPsecOffloadV1IPv4",
    "*IPsecOffloadV2",
    "*IPsecOffloadV2IPv4",
    "*LsoV1IPv4",
    "*NetworkDirect",
    "*PacketCoalescing",
    "*PMWiFiRekeyOffload",
    "*QOS",
    "*RscIPv4",
    "*RscIPv6",
    "*SelectiveSuspend",
    "*SRIOV",
    "*TCPConnectionOffloadIPv4",
    "*TCPConnectionOffloadIPv6",
    "*UdpRsc",
    "*VMQ",
    "*VMQLookaheadSplit",
    "*VMQVlanFiltering",
];

pub const RULES: &[Rule] = &[
    Rule {
        id: "values",
        says: "registry values can be read; a keyword has a description, a type, and a default that it takes or is optional",
        source: "windows-driver-docs network/specifying-configuration-parameters-for-the-advanced-properties-page.md",
        check: |subject, findings| {
            if let (true, Err(error)) = (structure::missing_sections(subject).is_empty(), &subject.installs) {
                findings.add(error.as_str());
            }
        },
    },
    Rule {
        id: "keyword-star",
        says: "a keyword with * is a standardized one, and none of those is written without it",
        source: "windows-driver-docs network/standardized-inf-keywords-for-network-devices.md; HLK StandardizedKeywords",
        check: |subject, findings| {
            for keyword in keywords(subject).filter(|k| !has_function_missing(&k.name)) {
                if keyword.name.starts_with('*') && standard(&keyword.name).is_none() {
                    findings.add(format!("{} is no standardized keyword", keyword.name));
                }
                let starred = format!("*{}", keyword.name);
                if standard(&starred).is_some() || has_function_missing(&starred) {
                    findings.add(format!("{} is the standardized {starred} without its *", keyword.name));
                }
            }
        },
    },
    Rule {
        id: "keyword-function",
        says: "no keyword stands for a function that the 82576 or NetAdapterCx lacks, or that Windows 11 deprecates",
        source: "HLK jobs of RSC, VMQ, SR-IOV; windows-driver-docs netcx/inf-files-for-netadaptercx-client-drivers.md",
        check: |subject, findings| {
            for keyword in keywords(subject).filter(|keyword| has_function_missing(&keyword.name)) {
                findings.add(keyword.name.as_str());
            }
        },
    },
    Rule {
        id: "keyword-type",
        says: "a standardized keyword has its type: an enumeration, or a decimal number",
        source: "windows-driver-docs network/enumeration-keywords.md, network/keywords-that-can-be-edited.md",
        check: |subject, findings| {
            for keyword in keywords(subject) {
                let good = match (standard(&keyword.name), &keyword.kind) {
                    (Some(Choice(..)), kind) => matches!(kind, Kind::Choice(_)),
                    (Some(Number(..)), kind) => matches!(kind, Kind::Number { base: 10, .. }),
                    (None, _) => true,
                };
                if !good {
                    findings.add(format!("{} is {:?}", keyword.name, keyword.kind));
                }
            }
        },
    },
    Rule {
        id: "keyword-range",
        says: "a standardized keyword takes only values that its definition and an 82576 have, and no value twice",
        source: "windows-driver-docs network/enumeration-keywords.md; Test-NetHLK NICStrictPropertyValidation",
        check: range,
    },
    Rule {
        id: "keyword-default",
        says: "a standardized keyword has its standard default",
        source: "Test-NetHLK NICStrictPropertyValidation; windows-driver-docs network/enumeration-keywords.md",
        check: |subject, findings| {
            for keyword in keywords(subject) {
                let wanted = match standard(&keyword.name) {
                    Some(Choice(_, default)) => Some(*default),
                    Some(Number(_, _, default)) => *default,
                    None => None,
                };
                if wanted.is_some() && keyword.default.as_deref() != wanted {
                    findings.add(format!("{}: {:?}, not {:?}", keyword.name, keyword.default, wanted));
                }
            }
        },
    },
    Rule {
        id: "jumbo-packet",
        says: "*JumboPacket goes from at most 1514 to at least 9014 in steps of 1",
        source: "Test-NetHLK NICStrictPropertyValidation",
        check: |subject, findings| {
            for keyword in keywords(subject).filter(|keyword| keyword.name.eq_ignore_ascii_case("*JumboPacket")) {
                if let Kind::Number { min, max, step, .. } = keyword.kind
                    && (min > 1514 || max < 9014 || step != 1)
                {
                    findings.add(format!("{min} to {max} in steps of {step}"));
                }
            }
        },
    },
    Rule {
        id: "network-address",
        says: "NetworkAddress is there: optional text of 12 characters in upper case, without a default",
        source: "windows-driver-docs network/keywords-that-can-be-edited.md",
        check: |subject, findings| {
            let keyword = keywords(subject).find(|keyword| keyword.name.eq_ignore_ascii_case("NetworkAddress"));
            let good = keyword.is_some_and(|keyword| {
                keyword.kind == Kind::Text { limit: Some(12) } && keyword.optional && keyword.default.is_none()
            });
            if !good && subject.installs.is_ok() {
                findings.add(format!("{keyword:?}"));
            }
        },
    },
];

fn range(subject: &Subject, findings: &mut Findings) {
    for keyword in keywords(subject) {
        match (standard(&keyword.name), &keyword.kind) {
            (Some(Choice(allowed, _)), Kind::Choice(values)) => {
                for (index, (value, text)) in values.iter().enumerate() {
                    if !value.parse().is_ok_and(|number| allowed.contains(&number)) {
                        findings.add(format!("{} offers {value} ({text})", keyword.name));
                    }
                    if values[..index].iter().any(|(earlier, _)| earlier == value) {
                        findings.add(format!("{} offers {value} twice", keyword.name));
                    }
                }
            }
            (Some(Number(low, high, _)), Kind::Number { min, max, .. }) if min < low || max > high => {
                findings.add(format!("{}: {min} to {max} is not within {low} to {high}", keyword.name));
            }
            _ => {}
        }
    }
}

/// The keywords of every install section.
fn keywords(subject: &Subject) -> impl Iterator<Item = &Keyword> {
    subject.installs.iter().flatten().flat_map(|install| &install.keywords)
}

fn standard(name: &str) -> Option<&'static Shape> {
    STANDARD.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, shape)| shape)
}

fn has_function_missing(name: &str) -> bool {
    WITHOUT_FUNCTION.iter().any(|known| known.eq_ignore_ascii_case(name))
}
