//! `ring`: the descriptors of a queue.

use crate::table;
use igb::Direction;
use igbcx_ioctl::{Descriptor, Ring};
use serde_json::{Value, json};

/// Who has a descriptor: the hardware those from head up to the tail, the driver the others.
fn owner(ring: &Ring, index: u32) -> &'static str {
    let Ring { head, tail, .. } = *ring;
    let hardware = if head <= tail { (head..tail).contains(&index) } else { index >= head || index < tail };
    if hardware { "hardware" } else { "driver" }
}

/// What stands beside a descriptor: where head and tail are.
fn marks(ring: &Ring, index: u32) -> String {
    let marks = [(ring.head, "head"), (ring.tail, "tail")];
    marks.iter().filter(|(at, _)| *at == index).map(|(_, mark)| *mark).collect::<Vec<_>>().join(", ")
}

/// The table of `ring`.
pub fn table(direction: Direction, queue: u8, ring: &Ring, descriptors: &[Descriptor]) -> String {
    let mut table = table::new(["", "low", "high", "owner", ""]);
    for (index, descriptor) in (0..).zip(descriptors) {
        table.add_row([
            index.to_string(),
            format!("{:#018x}", descriptor.low),
            format!("{:#018x}", descriptor.high),
            owner(ring, index).to_owned(),
            marks(ring, index),
        ]);
    }
    table::right(&mut table, [0]);
    format!(
        "{direction} queue {queue}: {} descriptors, head {}, tail {}, control {:#010x}\n{}",
        ring.descriptors,
        ring.head,
        ring.tail,
        ring.control,
        table::text(&table)
    )
}

/// The JSON of `ring`; descriptor words are text, because JSON numbers stop at 53 bits in many readers.
pub fn json(direction: Direction, queue: u8, ring: &Ring, descriptors: &[Descriptor]) -> Value {
    let one = |(index, d): (u32, &Descriptor)| {
        json!({ "index": index, "low": format!("{:#018x}", d.low), "high": format!("{:#018x}", d.high),
                "owner": owner(ring, index) })
    };
    json!({
        "direction": direction.to_string().to_lowercase(),
        "queue": queue,
        "descriptors": ring.descriptors,
        "head": ring.head,
        "tail": ring.tail,
        "control": ring.control,
        "ring": (0..).zip(descriptors).map(one).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use igbcx_ioctl::Answer;

    fn ring(head: u32, tail: u32) -> Ring {
        Ring { answer: Answer::new(0), count: 4, descriptors: 4, head, tail, control: 0x0200_0000, reserved: 0 }
    }

    #[test]
    fn the_hardware_has_what_lies_between_head_and_tail() {
        let owners = |head, tail| (0..4).map(|i| owner(&ring(head, tail), i) == "hardware").collect::<Vec<_>>();
        assert_eq!(owners(0, 0), [false; 4]);
        assert_eq!(owners(1, 3), [false, true, true, false]);
        assert_eq!(owners(3, 1), [true, false, false, true]);
        assert_eq!(owners(0, 3), [true, true, true, false]);
    }

    #[test]
    fn table_and_json_show_every_descriptor() {
        let list = [Descriptor { low: u64::MAX, high: 1 }; 4];
        let text = table(Direction::Receive, 2, &ring(1, 3), &list);
        assert!(text.starts_with("Rx queue 2: 4 descriptors, head 1, tail 3, control 0x02000000\n"), "{text}");
        assert_eq!(text.matches("0xffffffffffffffff").count(), 4);
        assert_eq!((text.matches("head").count(), text.matches("hardware").count()), (2, 2));
        let json = json(Direction::Transmit, 0, &ring(1, 3), &list);
        assert_eq!((&json["direction"], &json["ring"][3]["high"]), (&"tx".into(), &"0x0000000000000001".into()));
    }
}
