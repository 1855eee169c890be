//! `regs`: registers by name.

use crate::table;
use igb::counters::COUNTERS;
use igb::dump::DUMP;
use igbcx_ioctl::Register;
use serde_json::{Value, json};

/// Name and text of a register.
fn describe(offset: u32) -> (String, &'static str) {
    if let Some(named) = DUMP.iter().find(|named| named.offset == offset) {
        return (named.name.to_owned(), named.text);
    }
    let high = |c: &&igb::counters::Counter| c.wide && c.offset + 4 == offset;
    if let Some(counter) = COUNTERS.iter().find(|counter| counter.offset == offset) {
        let name = if counter.wide { format!("{}L", counter.name) } else { counter.name.to_owned() };
        return (name, counter.text);
    }
    match COUNTERS.iter().find(high) {
        Some(counter) => (format!("{}H", counter.name), counter.text),
        None => ("-".to_owned(), "not known to this igbcxctl"),
    }
}

/// The table of `regs`.
pub fn table(registers: &[Register]) -> String {
    let mut table = table::new(["offset", "register", "value", ""]);
    for register in registers {
        let (name, text) = describe(register.offset);
        let (offset, value) = (format!("{:#07x}", register.offset), format!("{:#010x}", register.value));
        table.add_row([offset, name, value, text.to_owned()]);
    }
    table::text(&table)
}

/// The JSON of `regs`.
pub fn json(registers: &[Register]) -> Value {
    let one = |register: &Register| {
        let (name, text) = describe(register.offset);
        json!({ "offset": register.offset, "name": name, "value": register.value, "text": text })
    };
    registers.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_the_names_of_the_datasheet() {
        let registers = [(0x0008, 0x8008_0783), (0x4088, 1), (0x408C, 2), (0x4000, 3), (0xFFFC, 4)];
        let registers = registers.map(|(offset, value)| Register { offset, value });
        let json = json(&registers);
        let names: Vec<&str> = json.as_array().unwrap().iter().filter_map(|r| r["name"].as_str()).collect();
        assert_eq!(names, ["STATUS", "GORCL", "GORCH", "CRCERRS", "-"]);
        assert_eq!((&json[0]["offset"], &json[0]["value"]), (&8.into(), &0x8008_0783_u32.into()));
        let text = table(&registers);
        assert!(text.contains("0x00008") && text.contains("0x80080783") && text.contains("device status"), "{text}");
    }
}
