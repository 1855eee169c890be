use super::{lint, rules};
use crate::package::stamp::stamp;
use std::path::Path;

const INX: &str = include_str!("../../../inf/igbcx.inx");
/// 2026-11-20
const NOW: u64 = 1_795_132_800;

/// What is replaced in a text, and by what.
type Edit = (&'static str, &'static str);

/// Ids of the rules that `text` breaks.
fn broken(text: &str) -> Vec<&'static str> {
    lint(Path::new("t.inf"), text, NOW).unwrap().iter().map(|(rule, _)| rule.id).collect()
}

fn edited(text: &str, edits: &[Edit]) -> String {
    edits.iter().fold(text.to_string(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the INF");
        text.replacen(from, to, 1)
    })
}

fn inf(architecture: &str) -> String {
    stamp(INX, architecture, NOW, "0.1.0.0").unwrap()
}

/// An enumeration more: name, default, values.
macro_rules! choice {
    ($name:literal, $default:literal, $($value:literal),+) => {
        ("[params.reg]", concat!(
            "[params.reg]\r\n",
            "HKR, Ndi\\params\\", $name, ", ParamDesc, 0, \"x\"\r\n",
            "HKR, Ndi\\params\\", $name, ", type, 0, \"enum\"\r\n",
            "HKR, Ndi\\params\\", $name, ", default, 0, \"", $default, "\"\r\n",
            $("HKR, Ndi\\params\\", $name, "\\enum, \"", $value, "\", 0, \"v\"\r\n"),+
        ))
    };
}

#[test]
fn the_projects_inf_keeps_to_every_rule() {
    assert!(broken(INX).is_empty(), "{:?}", broken(INX));
    for architecture in ["amd64", "arm64"] {
        assert!(broken(&inf(architecture)).is_empty(), "{architecture}: {:?}", broken(&inf(architecture)));
    }
}

/// Stamped INFs that each break one rule.
const BAD: &[(&str, Edit)] = &[
    ("plain-text", ("Transmit Buffers", "Sendepuffer \u{fc}")),
    ("version", ("Class       = Net", "Class       = System")),
    ("version", ("{4d36e972", "{4d36e973")),
    ("version", ("Provider    = %ProviderName%\r\n", "")),
    ("version", ("ProviderName      = \"igbcx\"", "ProviderName      = \"Microsoft\"")),
    ("catalog-file", ("CatalogFile = igbcx.cat", "CatalogFile = igbcx.sys")),
    ("driver-ver", ("11/20/2026", "11/22/2026")),
    ("driver-ver", ("11/20/2026", "2026/11/20")),
    ("driver-ver", ("11/20/2026", "06/21/2006")),
    ("driver-ver", (",0.1.0.0", ",0.0.0.0")),
    ("driver-ver", (",0.1.0.0", ",0.1.0")),
    ("pnp-lockdown", ("PnpLockdown = 1", "PnpLockdown = 0")),
    ("target-os", ("NTamd64.10.0...22000\r\n", "NTamd64.10.0...22000, NTamd64.6.1\r\n[Models.NTamd64.6.1]\r\n")),
    ("sections-exist", ("AddReg         = service.reg", "AddReg         = service.reg, other.reg")),
    (
        "sections-exist",
        ("0x00000002, igbcx.service, igbcx.eventlog", "0x00000002, igbcx.service, igbcx.eventlog, gone"),
    ),
    ("sections-once", ("[igbcx.copy]", "[params.reg]\r\n[igbcx.copy]")),
    ("sections-used", ("[params.reg]", "[forgotten.reg]\r\nHKR, , x, 0, \"y\"\r\n[params.reg]")),
    ("driver-store", ("DefaultDestDir = 13", "DefaultDestDir = 12")),
    ("driver-store", ("%13%\\igbcx.sys", "%12%\\igbcx.sys")),
    ("files-listed", ("igbcx.sys = 1", "igbcx.sys = 1\r\nother.sys = 1")),
    ("files-listed", ("[igbcx.copy]\r\n", "[igbcx.copy]\r\nother.sys\r\n")),
    ("declarative", ("[ndi.reg]\r\n", "[ndi.reg]\r\nHKLM, Software\\igbcx, x, 0, \"y\"\r\n")),
    ("declarative", ("[igbcx.ndi]\r\n", "[igbcx.ndi]\r\nRegisterDlls = service.reg\r\n")),
    ("hardware-ids", ("DEV_10E6", "DEV_10E7")),
    ("hardware-ids", ("DEV_10E6", "DEV_10E")),
    ("hardware-ids", ("PCI\\VEN_8086&DEV_10E6", "PCI\\VEN_8086")),
    ("qemu-listed", ("SUBSYS_A03C8086", "SUBSYS_A03D8086")),
    ("service", ("igbcx, 0x00000002,", "igbcx, 0x00000000,")),
    ("service", ("StartType      = 3", "StartType      = 0")),
    ("service", ("LoadOrderGroup = NDIS", "LoadOrderGroup = Base")),
    ("service-parameters", ("[service.reg]\r\n", "[service.reg]\r\nHKR, , TextModeFlags, 0x00010001, 1\r\n")),
    ("kmdf", ("KmdfLibraryVersion = 1.33", "KmdfLibraryVersion = 1.31")),
    ("net-type", ("*IfType         = 6", "*IfType         = 53")),
    ("net-type", ("Characteristics = 0x84", "Characteristics = 0x1")),
    ("netadaptercx", ("*AccessType", "*OtherType")),
    ("netadaptercx", ("*ConnectionType     = 1", "*ConnectionType     = 2")),
    ("ndi-keys", ("LowerRange, 0, \"ethernet\"", "LowerRange, 0, \"nolower\"")),
    ("ndi-keys", ("Service,    0, \"igbcx\"", "Service,    0, \"igb\"")),
    ("event-log", ("netevent.dll", "igbcx.dll")),
    ("event-log", ("TypesSupported,   0x00010001, 7", "TypesSupported,   0x00010001, 1")),
    ("msi", ("MSISupported,       0x00010001, 1", "MSISupported,       0x00010001, 0")),
    ("msi", ("MSISupported,       0x00010001, 1", "MSISupported,       0, \"1\"")),
    ("dma-remapping", ("RemappingSupported, 0x00010001, 1", "RemappingSupported, 0x00010001, 0")),
    ("dma-remapping", ("DmaRemappingCompatible, 0x00010001, 0x0001", "DmaRemappingOther, 0x00010001, 0x0001")),
    ("security", ("(A;;GR;;;WD)", "(A;;GA;;;WD)")),
    ("security", ("\"D:P(A", "\"D:(A")),
    ("values", ("HKR, Ndi\\params\\*ReceiveBuffers, type,      0, \"int\"", "")),
    ("values", ("HKR, Ndi\\params\\*ReceiveBuffers, ParamDesc, 0, %ReceiveBuffers%", "")),
    ("values", ("HKR, Ndi\\params\\*ReceiveBuffers, default,   0, \"512\"", "")),
    ("values", choice!("*InterruptModeration", "1", "0", "2")),
    ("keyword-star", choice!("*Speed", "0", "0", "1")),
    ("keyword-star", choice!("SpeedDuplex", "0", "0", "1")),
    ("keyword-function", choice!("*RscIPv4", "1", "0", "1")),
    ("keyword-function", choice!("*SelectiveSuspend", "1", "0", "1")),
    ("keyword-type", choice!("*MaxRssProcessors", "1", "0", "1")),
    ("keyword-range", choice!("*PtpHardwareTimestamp", "0", "0", "1", "2")),
    ("keyword-range", choice!("*RSSProfile", "4", "4", "4")),
    (
        "keyword-range",
        ("HKR, Ndi\\params\\*ReceiveBuffers, min,       0, \"64\"", "HKR, Ndi\\params\\*ReceiveBuffers, min, 0, \"0\""),
    ),
    ("keyword-default", choice!("*PtpHardwareTimestamp", "1", "0", "1")),
    (
        "jumbo-packet",
        ("HKR, Ndi\\params\\*JumboPacket, max,       0, \"9014\"", "HKR, Ndi\\params\\*JumboPacket, max, 0, \"4088\""),
    ),
    ("network-address", ("LimitText, 0, \"12\"", "LimitText, 0, \"17\"")),
];

#[test]
fn each_bad_inf_breaks_its_rule_alone() {
    for (id, edit) in BAD {
        assert_eq!(broken(&edited(&inf("amd64"), &[*edit])), [*id], "{edit:?}");
    }
}

#[test]
fn an_inx_is_held_to_its_tokens() {
    assert_eq!(broken(&edited(INX, &[("KmdfLibraryVersion = $KMDFVERSION$", "KmdfLibraryVersion = 1.33")])), ["kmdf"]);
    let dated: String = INX
        .lines()
        .map(|l| if l.starts_with("DriverVer") { "DriverVer = 01/01/2020,1.0.0.0\n".into() } else { format!("{l}\n") })
        .collect();
    assert_eq!(broken(&dated), ["driver-ver"]);
}

#[test]
fn every_rule_is_seen_broken() {
    for rule in rules() {
        assert!(BAD.iter().any(|(id, _)| *id == rule.id), "{} has no bad INF", rule.id);
        assert_eq!(rules().filter(|other| other.id == rule.id).count(), 1, "{} comes twice", rule.id);
        assert!(!rule.says.is_empty() && !rule.source.is_empty());
    }
}

#[test]
fn what_is_no_inf_is_refused() {
    assert!(lint(Path::new("t.inf"), "stray", NOW).is_err());
}
