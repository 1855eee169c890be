//! `list` and `info`: devices, driver and protocol.

use crate::Error;
use crate::table::{self, address};
use igbcx_ioctl::{PROTOCOL, Version};
use serde_json::{Value, json};

/// A device of `list`: its interface and what it says of itself.
pub struct Listed {
    /// Path of the interface.
    pub path: String,
    /// Its answer.
    pub version: Result<Version, Error>,
}

/// The table of `list`.
pub fn list_table(devices: &[Listed]) -> String {
    let mut table = table::new(["device", "driver", "PCI", "address", "interface"]);
    for (number, device) in devices.iter().enumerate() {
        let row = match &device.version {
            Ok(v) => [number.to_string(), driver(v), pci(v), address(v.address), device.path.clone()],
            Err(e) => [number.to_string(), "-".into(), "-".into(), "-".into(), format!("{} ({e})", device.path)],
        };
        table.add_row(row);
    }
    table::text(&table)
}

/// The JSON of `list`.
pub fn list_json(devices: &[Listed]) -> Value {
    let device = |(number, listed): (usize, &Listed)| match &listed.version {
        Ok(v) => json!({ "device": number, "interface": listed.path, "driver": driver(v), "pci": pci(v),
                         "address": address(v.address) }),
        Err(e) => json!({ "device": number, "interface": listed.path, "error": e.to_string() }),
    };
    devices.iter().enumerate().map(device).collect()
}

/// The table of `info`.
pub fn table(v: &Version) -> String {
    let mut table = table::new(["", ""]);
    table.add_row(["driver", &format!("igbcx {}", driver(v))]);
    table.add_row(["protocol", &PROTOCOL.to_string()]);
    table.add_row(["PCI vendor:device", &pci(v)]);
    table.add_row(["address", &address(v.address)]);
    table.add_row(["permanent address", &address(v.permanent_address)]);
    table.add_row(["transmit queues", &v.queues[0].to_string()]);
    table.add_row(["receive queues", &v.queues[1].to_string()]);
    table.add_row(["interrupt vectors", &interrupts(v)]);
    table.add_row(["longest frame", &format!("{} bytes without FCS", v.max_frame)]);
    table::text(&table)
}

/// The JSON of `info`.
pub fn json(v: &Version) -> Value {
    json!({
        "driver": driver(v),
        "protocol": PROTOCOL,
        "pci": pci(v),
        "address": address(v.address),
        "permanent_address": address(v.permanent_address),
        "queues": { "tx": v.queues[0], "rx": v.queues[1] },
        "vectors": v.vectors,
        "max_frame": v.max_frame,
    })
}

fn driver(v: &Version) -> String {
    let [major, minor, patch, _] = v.driver;
    format!("{major}.{minor}.{patch}")
}

fn pci(v: &Version) -> String {
    format!("{:04x}:{:04x}", v.pci[0], v.pci[1])
}

fn interrupts(v: &Version) -> String {
    if v.vectors == 0 { "the line".into() } else { v.vectors.to_string() }
}
