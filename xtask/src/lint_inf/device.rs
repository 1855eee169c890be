//! Rules of the device, its service and its hardware keys.

use super::{Findings, Rule, Subject};
use std::collections::BTreeSet;

/// Hardware id of the adapter that QEMU's `-device igb` presents.
const QEMU: &str = "PCI\\VEN_8086&DEV_10C9&SUBSYS_A03C8086";
/// FLG_ADDREG_TYPE_DWORD
const DWORD: u32 = 0x0001_0001;

pub const RULES: &[Rule] = &[
    Rule {
        id: "hardware-ids",
        says: "each model has one PCI id of vendor and device, with or without subsystem, and no id comes twice",
        source: "windows-driver-docs install/identifiers-for-pci-devices.md; InfVerif 1294",
        check: |subject, findings| {
            let mut seen = BTreeSet::new();
            for (_, line) in subject.models() {
                let id = line.value(1).to_uppercase();
                if line.values.len() != 2 || !is_pci_id(&id) {
                    findings.at(line, format!("{:?}", &line.values[1..]));
                } else if !seen.insert(id.clone()) {
                    findings.at(line, format!("{id} a second time"));
                }
            }
        },
    },
    Rule {
        id: "qemu-listed",
        says: "QEMU's adapter is listed by its subsystem, so that a test machine installs it by an exact match",
        source: "QEMU hw/net/igb.c (subsystem id); windows-driver-docs install/how-windows-ranks-driver-packages.md",
        check: |subject, findings| {
            if !subject.models().iter().any(|(_, line)| line.value(1).eq_ignore_ascii_case(QEMU)) {
                findings.add(format!("{QEMU} is missing"));
            }
        },
    },
    Rule {
        id: "service",
        says: "one kernel service for the device (flag 2), started on demand, in load order group NDIS",
        source: "windows-driver-docs install/inf-addservice-directive.md, network/ddinstall-services-section-in-a-network-inf-file.md",
        check: |subject, findings| {
            each_install(subject, ".services", findings, |section, findings| {
                let Some(line) = subject.document.line(section, "AddService") else {
                    return findings.add(format!("[{section}] adds no service"));
                };
                if number(line.value(1)) != Some(2) {
                    findings.at(line, format!("flags {}", line.value(1)));
                }
                let service = line.value(2);
                for (key, value) in [("ServiceType", 1), ("StartType", 3), ("ErrorControl", 1)] {
                    let found = subject.value(service, key).unwrap_or_default();
                    if number(found) != Some(value) {
                        findings.add(format!("[{service}] {key} is {found:?}, not {value}"));
                    }
                }
                if subject.value(service, "LoadOrderGroup").is_none_or(|group| !group.eq_ignore_ascii_case("NDIS")) {
                    findings.add(format!("[{service}] is not in group NDIS"));
                }
            });
        },
    },
    Rule {
        id: "service-parameters",
        says: "registry values of the service lie in its Parameters key",
        source: "windows-driver-docs develop/driver-isolation.md; InfVerif 1323",
        check: |subject, findings| {
            each_install(subject, ".services", findings, |section, findings| {
                let service = subject.document.line(section, "AddService").map(|line| line.value(2));
                for line in subject.add_reg(service.unwrap_or_default()) {
                    let key = line.value(1).to_lowercase();
                    if key != "parameters" && !key.starts_with("parameters\\") {
                        findings.at(line, format!("{key}\\{}", line.value(2)));
                    }
                }
            });
        },
    },
    Rule {
        id: "kmdf",
        says: "the service asks for KMDF 1.33, with which the driver is built, by its token in an INX",
        source: "windows-driver-docs wdf/specifying-wdf-directives-in-inf-files.md",
        check: |subject, findings| {
            each_install(subject, ".wdf", findings, |section, findings| {
                let Some(line) = subject.document.line(section, "KmdfService") else {
                    return findings.add(format!("[{section}] has no KmdfService"));
                };
                let wanted = if subject.is_inx() { "$KMDFVERSION$" } else { "1.33" };
                let found = subject.value(line.value(1), "KmdfLibraryVersion").unwrap_or_default();
                if found != wanted {
                    findings.at(line, format!("KmdfLibraryVersion is {found:?}, not {wanted}"));
                }
            });
        },
    },
    Rule {
        id: "net-type",
        says: "the install section says what kind of network adapter this is: physical, PCI, Ethernet",
        source: "windows-driver-docs network/ddinstall-section-in-a-network-inf-file.md",
        check: |subject, findings| {
            let wanted = [("*IfType", 6), ("*MediaType", 0), ("*PhysicalMediaType", 14), ("BusType", 5)];
            directives(subject, findings, &wanted);
            each_install(subject, "", findings, |section, findings| {
                let flags = subject.value(section, "Characteristics").and_then(number);
                // NCF_PHYSICAL, and neither NCF_VIRTUAL nor NCF_SOFTWARE_ENUMERATED.
                if flags.is_none_or(|flags| flags & 0x7 != 0x4) {
                    findings.add(format!("[{section}] Characteristics is not that of a physical adapter"));
                }
            });
        },
    },
    Rule {
        id: "netadaptercx",
        says: "the install section has the interface keywords that NetAdapterCx reads in the place of NDIS attributes",
        source: "windows-driver-docs netcx/inf-files-for-netadaptercx-client-drivers.md",
        check: |subject, findings| {
            // NET_IF_CONNECTION_DEDICATED, NET_IF_DIRECTION_SENDRECEIVE, NET_IF_ACCESS_BROADCAST
            let wanted = [
                ("*IfConnectorPresent", 1),
                ("*ConnectionType", 1),
                ("*DirectionType", 0),
                ("*AccessType", 2),
                ("*HardwareLoopback", 0),
            ];
            directives(subject, findings, &wanted);
        },
    },
    Rule {
        id: "ndi-keys",
        says: "the Ndi keys name the service, and bind to TCP/IP (ndis5) over ethernet",
        source: "windows-driver-docs network/add-registry-sections-in-a-network-inf-file.md",
        check: |subject, findings| {
            each_install(subject, "", findings, |section, findings| {
                let lines = subject.add_reg(section);
                let services = format!("{section}.services");
                let service = subject.value(&services, "AddService").unwrap_or_default();
                let wanted = [
                    ("Ndi", "Service", service),
                    ("Ndi\\Interfaces", "UpperRange", "ndis5"),
                    ("Ndi\\Interfaces", "LowerRange", "ethernet"),
                ];
                for (key, name, value) in wanted {
                    let found = Subject::registry(&lines, key, name).map(|line| line.value(4)).unwrap_or_default();
                    if !found.eq_ignore_ascii_case(value) {
                        findings.add(format!("{key}\\{name} is {found:?}, not {value:?}"));
                    }
                }
            });
        },
    },
    Rule {
        id: "event-log",
        says: "the service has an event log entry with netevent.dll, where NDIS's messages are",
        source: "windows-driver-docs network/ddinstall-services-section-in-a-network-inf-file.md",
        check: |subject, findings| {
            each_install(subject, ".services", findings, |section, findings| {
                let log = subject.document.line(section, "AddService").map(|line| line.value(3)).unwrap_or_default();
                let lines = subject.add_reg(log);
                let file = Subject::registry(&lines, "", "EventMessageFile").map(|line| line.value(4));
                if file.is_none_or(|file| !file.to_lowercase().contains("netevent.dll")) {
                    findings.add("no EventMessageFile with netevent.dll");
                }
                if !is_number(&lines, "", "TypesSupported", |types| types == 7) {
                    findings.add("TypesSupported is not 7");
                }
            });
        },
    },
    Rule {
        id: "msi",
        says: "the hardware key allows message-signaled interrupts, from 1 to the 25 vectors of an 82576",
        source: "windows-driver-docs kernel/enabling-message-signaled-interrupts-in-the-registry.md; datasheet 7.3",
        check: |subject, findings| {
            const KEY: &str = "Interrupt Management\\MessageSignaledInterruptProperties";
            each_install(subject, ".hw", findings, |section, findings| {
                let lines = subject.add_reg(section);
                if !is_number(&lines, KEY, "MSISupported", |value| value == 1) {
                    findings.add("MSISupported is not a DWORD of 1");
                }
                if !is_number(&lines, KEY, "MessageNumberLimit", |limit| (1..=25).contains(&limit)) {
                    findings.add("MessageNumberLimit is not a DWORD from 1 to 25");
                }
            });
        },
    },
    Rule {
        id: "dma-remapping",
        says: "DMA remapping is allowed for the device (24H2 and newer) and for the driver (up to 23H2)",
        source: "windows-driver-docs pci/enabling-dma-remapping-for-device-drivers.md; HLK DMA remapping jobs",
        check: |subject, findings| {
            each_install(subject, ".hw", findings, |section, findings| {
                let lines = subject.add_reg(section);
                if !is_number(&lines, "DMA Management", "RemappingSupported", |value| value == 1) {
                    findings.add("the hardware key has no RemappingSupported of 1");
                }
            });
            each_install(subject, ".services", findings, |section, findings| {
                let service = subject.document.line(section, "AddService").map(|line| line.value(2));
                let lines = subject.add_reg(service.unwrap_or_default());
                if !is_number(&lines, "Parameters", "DmaRemappingCompatible", |value| value == 1) {
                    findings.add("the service has no Parameters\\DmaRemappingCompatible of 1");
                }
            });
        },
    },
    Rule {
        id: "security",
        says: "the device has a security descriptor of its own that lets nobody but the system and administrators write",
        source: "windows-driver-docs kernel/sddl-for-device-objects.md",
        check: |subject, findings| {
            each_install(subject, ".hw", findings, |section, findings| {
                let lines = subject.add_reg(section);
                let Some(line) = Subject::registry(&lines, "", "Security") else {
                    return findings.add("the hardware key has no Security");
                };
                let text = line.value(4);
                let entries: Vec<&str> = text.split(['(', ')']).skip(1).step_by(2).collect();
                for entry in &entries {
                    let fields: Vec<&str> = entry.split(';').collect();
                    let [_, _, rights, _, _, who] = fields[..] else {
                        findings.at(line, format!("({entry}) is no access control entry"));
                        continue;
                    };
                    if !["SY", "BA"].contains(&who) && rights != "GR" {
                        findings.at(line, format!("{who} is given {rights}"));
                    }
                }
                if !text.starts_with("D:P(") || entries.is_empty() {
                    findings.at(line, format!("{text:?} is no protected list"));
                }
            });
        },
    },
];

/// Does `check` on the section that belongs to each install section, e.g. `.hw`.
fn each_install(subject: &Subject, suffix: &str, findings: &mut Findings, check: impl Fn(&str, &mut Findings)) {
    for install in subject.install_sections() {
        let section = format!("{install}{suffix}");
        match subject.document.section(&section) {
            Some(_) => check(&section, findings),
            None => findings.add(format!("there is no [{section}]")),
        }
    }
}

/// Numeric entries of the install sections.
fn directives(subject: &Subject, findings: &mut Findings, wanted: &[(&str, u32)]) {
    each_install(subject, "", findings, |section, findings| {
        for (key, value) in wanted {
            let found = subject.value(section, key).unwrap_or_default();
            if number(found) != Some(*value) {
                findings.add(format!("[{section}] {key} is {found:?}, not {value}"));
            }
        }
    });
}

/// Whether the registry value is a DWORD that `good` takes.
fn is_number(lines: &[&lab_inf::Line], key: &str, name: &str, good: impl Fn(u32) -> bool) -> bool {
    let Some(line) = Subject::registry(lines, key, name) else { return false };
    number(line.value(3)) == Some(DWORD) && number(line.value(4)).is_some_and(good)
}

fn is_pci_id(id: &str) -> bool {
    let parts: Vec<&str> = id.strip_prefix("PCI\\").unwrap_or_default().split('&').collect();
    let fits = |part: &str, name: &str, digits: usize| {
        part.strip_prefix(name).is_some_and(|hex| hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    match parts[..] {
        [vendor, device] => fits(vendor, "VEN_", 4) && fits(device, "DEV_", 4),
        [vendor, device, subsystem] => {
            fits(vendor, "VEN_", 4) && fits(device, "DEV_", 4) && fits(subsystem, "SUBSYS_", 8)
        }
        _ => false,
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
