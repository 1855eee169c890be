//! Rules of the INF as a file: its sections, versions and files. InfVerif's codes: windows-driver-docs
//! devtest/inf-validation-errors-and-warnings.md.

use super::{Findings, Rule, Subject, has_key, is_date_between};
use std::collections::BTreeSet;

/// DirID of the driver store, from where the driver runs.
const DRIVER_STORE: &str = "13";
/// First date that Windows does not take for a driver of before 2009.
const FIRST_DATE: &str = "04/21/2009";

pub const RULES: &[Rule] = &[
    Rule {
        id: "plain-text",
        says: "the file holds ASCII only, so that it reads alike in every code page",
        source: "InfVerif 1003 (ANSI or UTF-16 LE)",
        check: |subject, findings| {
            for (index, line) in subject.text.lines().enumerate().filter(|(_, line)| !line.is_ascii()) {
                findings.add(format!("line {}: {line}", index + 1));
            }
        },
    },
    Rule {
        id: "version",
        says: "[Version] has the signature, the class Net with its GUID, and a provider",
        source: "windows-driver-docs install/inf-version-section.md",
        check: |subject, findings| {
            let wanted = [
                ("Signature", "$Windows NT$"),
                ("Class", "Net"),
                ("ClassGuid", "{4d36e972-e325-11ce-bfc1-08002be10318}"),
            ];
            for (key, value) in wanted {
                let found = subject.value("Version", key).unwrap_or_default();
                if !found.eq_ignore_ascii_case(value) {
                    findings.add(format!("{key} is {found:?}, not {value:?}"));
                }
            }
            let provider = subject.value("Version", "Provider").unwrap_or_default();
            if provider.is_empty() || provider.to_lowercase().starts_with("microsoft") {
                findings.add(format!("Provider is {provider:?}"));
            }
        },
    },
    Rule {
        id: "catalog-file",
        says: "CatalogFile names one .cat file",
        source: "windows-driver-docs install/inf-version-section.md; InfVerif 1214",
        check: |subject, findings| {
            let name = subject.value("Version", "CatalogFile").unwrap_or_default();
            if !name.to_lowercase().ends_with(".cat") || name.contains(['\\', '/']) {
                findings.add(format!("CatalogFile is {name:?}"));
            }
        },
    },
    Rule {
        id: "driver-ver",
        says: "DriverVer is left to stampinf in an INX; in an INF it has a date from 2009 to today and a version",
        source: "windows-driver-docs install/inf-driverver-directive.md; InfVerif 1217, 1218",
        check: driver_ver,
    },
    Rule {
        id: "pnp-lockdown",
        says: "PnpLockdown = 1 keeps other programs from changing the driver's files",
        source: "windows-driver-docs install/inf-version-section.md; InfVerif 1324",
        check: |subject, findings| {
            if subject.value("Version", "PnpLockdown") != Some("1") {
                findings.add("PnpLockdown is not 1");
            }
        },
    },
    Rule {
        id: "target-os",
        says: "models are decorated with architecture and Windows 11 (10.0...22000), the first with NetAdapterCx 2.2",
        source: "windows-driver-docs install/inf-manufacturer-section.md; InfVerif 1274, 1287",
        check: |subject, findings| {
            for line in subject.document.section("Manufacturer").unwrap_or_default() {
                let decorations = &line.values[1..];
                if decorations.is_empty() {
                    findings.at(line, "no decoration");
                }
                for decoration in decorations {
                    if decoration.to_lowercase() != format!("nt{}.10.0...22000", subject.architecture()) {
                        findings.at(line, decoration.as_str());
                    }
                }
            }
        },
    },
    Rule {
        id: "sections-exist",
        says: "every section that a line refers to is there",
        source: "InfVerif 1203",
        check: |subject, findings| {
            for (line, name) in missing_sections(subject) {
                findings.add(format!("line {line}: [{name}]"));
            }
        },
    },
    Rule {
        id: "sections-once",
        says: "no section is written twice",
        source: "InfVerif 1209",
        check: |subject, findings| {
            let mut seen = BTreeSet::new();
            let headers = subject.text.lines().map(|line| line.trim().to_lowercase()).enumerate();
            for (index, header) in headers.filter(|(_, line)| line.starts_with('[')) {
                let name = header.split(']').next().unwrap_or_default().to_string();
                if !seen.insert(name) {
                    findings.add(format!("line {}: {header}", index + 1));
                }
            }
        },
    },
    Rule {
        id: "sections-used",
        says: "every section is referred to; one that is not is a slip of the pen",
        source: "InfVerif 2083",
        check: |subject, findings| {
            let used: BTreeSet<String> = references(subject).into_iter().map(|(_, name)| name.to_lowercase()).collect();
            let fixed = ["version", "manufacturer", "sourcedisksnames", "sourcedisksfiles", "destinationdirs"];
            for (name, _) in subject.document.sections() {
                let derived = subject.install_sections().iter().any(|install| is_part_of(name, install));
                if !fixed.contains(&name) && !used.contains(name) && !derived {
                    findings.add(format!("[{name}]"));
                }
            }
        },
    },
    Rule {
        id: "driver-store",
        says: "files run from the driver store: destination and ServiceBinary have DIRID 13",
        source: "windows-driver-docs develop/driver-isolation.md; InfVerif 1322",
        check: |subject, findings| {
            for line in subject.document.section("DestinationDirs").unwrap_or_default() {
                if line.value(0) != DRIVER_STORE {
                    findings.at(line, format!("DIRID {}", line.value(0)));
                }
            }
            for line in subject.document.sections().flat_map(|(_, lines)| lines).filter(|l| has_key(l, "ServiceBinary"))
            {
                if !line.value(0).starts_with("%13%\\") {
                    findings.at(line, line.value(0));
                }
            }
        },
    },
    Rule {
        id: "files-listed",
        says: "each copied file is in SourceDisksFiles, each file there is copied, and the service's binary is one",
        source: "windows-driver-docs install/inf-sourcedisksfiles-section.md; InfVerif 1230, 2084",
        check: files_listed,
    },
    Rule {
        id: "declarative",
        says: "no directive that runs code or writes outside the device's own keys (HKR)",
        source: "windows-driver-docs develop/driver-isolation.md; InfVerif 1300 to 1309, 1320",
        check: |subject, findings| {
            let forbidden = [
                "CoInstallers32",
                "RegisterDlls",
                "UnregisterDlls",
                "DelReg",
                "DelFiles",
                "DelService",
                "BitReg",
                "Ini2Reg",
                "LogConfig",
                "ProfileItems",
                "RenFiles",
                "UpdateInis",
                "UpdateIniFields",
            ];
            for (section, lines) in subject.document.sections() {
                for line in lines {
                    if forbidden.iter().any(|key| has_key(line, key)) {
                        findings.at(line, format!("{} in [{section}]", line.key.as_deref().unwrap_or_default()));
                    }
                    let root = line.value(0).to_uppercase();
                    if line.key.is_none() && ["HKLM", "HKCR", "HKCU", "HKU"].contains(&root.as_str()) {
                        findings.at(line, format!("{root} in [{section}]"));
                    }
                }
            }
        },
    },
];

fn driver_ver(subject: &Subject, findings: &mut Findings) {
    let Some(line) = subject.document.line("Version", "DriverVer") else { return findings.add("there is none") };
    let (date, version) = (line.value(0), line.value(1));
    if subject.is_inx() {
        if !date.is_empty() {
            findings.at(line, format!("an INX with the date {date}, which nobody keeps up to date"));
        }
        return;
    }
    if !is_date_between(date, FIRST_DATE, subject.now) {
        findings.at(line, format!("{date} is no date from {FIRST_DATE} to today"));
    }
    let numbers: Option<Vec<u16>> = version.split('.').map(|number| number.parse().ok()).collect();
    let good = numbers.is_some_and(|n| n.len() == 4 && n.iter().any(|&part| part > 0) && n.iter().all(|&p| p < 65535));
    if !good {
        findings.at(line, format!("{version:?} is no version w.x.y.z"));
    }
}

fn files_listed(subject: &Subject, findings: &mut Findings) {
    let names = |section: &str| -> BTreeSet<String> {
        let lines = subject.document.section(section).unwrap_or_default();
        lines.iter().map(|line| line.key.as_deref().unwrap_or(line.value(0)).to_lowercase()).collect()
    };
    let listed = names("SourceDisksFiles");
    let installs = subject.install_sections();
    let copies = installs.iter().flat_map(|section| subject.listed(section, "CopyFiles")).map(|(_, name)| name);
    let copied: BTreeSet<String> = copies.flat_map(names).collect();
    for name in copied.difference(&listed) {
        findings.add(format!("{name} is copied and not in SourceDisksFiles"));
    }
    for name in listed.difference(&copied) {
        findings.add(format!("{name} is in SourceDisksFiles and not copied"));
    }
    for (_, lines) in subject.document.sections() {
        for line in lines.iter().filter(|line| has_key(line, "ServiceBinary")) {
            let name = line.value(0).rsplit('\\').next().unwrap_or_default().to_lowercase();
            if !listed.contains(&name) {
                findings.at(line, format!("{name} is not in SourceDisksFiles"));
            }
        }
    }
}

/// Whether `name` is the install section, or one that Windows derives from it.
fn is_part_of(name: &str, install: &str) -> bool {
    let suffix = name.strip_prefix(install).unwrap_or("none");
    ["", ".hw", ".services", ".wdf"].contains(&suffix)
}

/// Sections that lines refer to and that are not there, with the line's number.
pub fn missing_sections(subject: &Subject) -> Vec<(usize, String)> {
    let mut found = references(subject);
    found.retain(|(_, name)| subject.document.section(name).is_none());
    found
}

/// The sections that lines refer to, with the line's number.
fn references(subject: &Subject) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for line in subject.document.section("Manufacturer").unwrap_or_default() {
        for decoration in &line.values[1..] {
            found.push((line.number, format!("{}.{decoration}", line.value(0))));
        }
    }
    found.extend(subject.models().iter().map(|(_, line)| (line.number, line.value(0).to_string())));
    // Key, and the first of its values that names a section. `CopyFiles = @file` names a file.
    let keys = [("AddReg", 0), ("CopyFiles", 0), ("AddProperty", 0), ("AddService", 2), ("KmdfService", 1)];
    for (key, first) in keys {
        for (_, lines) in subject.document.sections() {
            for line in lines.iter().filter(|line| has_key(line, key)) {
                let names = line.values.iter().skip(first).filter(|name| !name.is_empty() && !name.starts_with('@'));
                found.extend(names.map(|name| (line.number, name.clone())));
            }
        }
    }
    found
}
