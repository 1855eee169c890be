//! `link`: MAC and PHY.

use crate::table::{self, yes_no};
use igbcx_ioctl::Link;
use serde_json::{Value, json};

/// Names of PHY registers 0..=15 (IEEE 802.3 22.2.4).
const PHY: [&str; 16] = [
    "control",
    "status",
    "identifier 1",
    "identifier 2",
    "autonegotiation advertisement",
    "link partner ability",
    "autonegotiation expansion",
    "next page transmit",
    "link partner next page",
    "1000BASE-T control",
    "1000BASE-T status",
    "reserved",
    "reserved",
    "MMD control",
    "MMD data",
    "extended status",
];

fn speed(link: &Link) -> String {
    if link.speed == 0 {
        return "down".to_owned();
    }
    format!("{} Mbit/s {} duplex", link.speed, if link.full_duplex == 0 { "half" } else { "full" })
}

/// The tables of `link`.
pub fn table(link: &Link) -> String {
    let mut table = table::new(["", ""]);
    table.add_row(["link", &speed(link)]);
    table.add_row(["obeys PAUSE frames", yes_no(link.rx_pause)]);
    table.add_row(["sends PAUSE frames", yes_no(link.tx_pause)]);
    table.add_row(["changes", &link.changes.to_string()]);
    table.add_row(["CTRL", &format!("{:#010x}", link.control)]);
    table.add_row(["STATUS", &format!("{:#010x}", link.status)]);
    let mut text = table::text(&table);
    if link.phy_valid == 0 {
        text.push_str("the PHY could not be read\n");
        return text;
    }
    let mut phy = table::new(["PHY", "value", ""]);
    for (number, (value, name)) in link.phy.iter().zip(PHY).enumerate() {
        phy.add_row([number.to_string(), format!("{value:#06x}"), name.to_owned()]);
    }
    table::right(&mut phy, [0]);
    text.push_str(&table::text(&phy));
    text
}

/// The JSON of `link`; `phy` is null if it could not be read.
pub fn json(link: &Link) -> Value {
    json!({
        "up": link.speed != 0,
        "speed": link.speed,
        "full_duplex": link.full_duplex != 0,
        "rx_pause": link.rx_pause != 0,
        "tx_pause": link.tx_pause != 0,
        "changes": link.changes,
        "control": link.control,
        "status": link.status,
        "phy": if link.phy_valid == 0 { Value::Null } else { json!(link.phy) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn a_link_is_described() {
        let mut link = Link::new_zeroed();
        assert!(table(&link).contains("down") && table(&link).contains("could not be read"));
        assert_eq!((&json(&link)["up"], &json(&link)["phy"]), (&false.into(), &Value::Null));
        (link.speed, link.full_duplex, link.rx_pause, link.phy_valid, link.phy[1]) = (1000, 1, 1, 1, 0x796D);
        let text = table(&link);
        assert!(text.contains("1000 Mbit/s full duplex") && text.contains("0x796d"), "{text}");
        assert_eq!((&json(&link)["rx_pause"], &json(&link)["phy"][1]), (&true.into(), &0x796D.into()));
    }
}
