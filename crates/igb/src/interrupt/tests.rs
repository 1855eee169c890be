use super::*;
use crate::model::{I210, I82576};
use crate::testing::Chip;

fn msix(chip: &Chip, vectors: u8) -> Interrupts<&Chip> {
    let interrupts = Interrupts::new(chip, &I82576, VectorMap::new(Mode::MsiX { vectors }, &I82576, 2, 2));
    interrupts.configure().unwrap();
    interrupts
}

fn line(chip: &Chip) -> Interrupts<&Chip> {
    let interrupts = Interrupts::new(chip, &I82576, VectorMap::new(Mode::Line, &I82576, 2, 2));
    interrupts.configure().unwrap();
    interrupts
}

#[test]
fn vectors_are_routed_and_masked() {
    let chip = Chip::dirty();
    msix(&chip, 5);
    assert_eq!(chip.get(regs::GPIE.offset()), (Gpie::MULTIPLE_MSIX | Gpie::NSICR | Gpie::PBA_SUPPORT).bits());
    assert_eq!(chip.get(regs::EIAC.offset()), 0b11111);
    // Rx 0 and 1 on vectors 1 and 2, Tx 0 and 1 on 3 and 4, link on 0.
    assert_eq!(chip.get(regs::IVAR.at(0).offset()), 0x8381);
    assert_eq!(chip.get(regs::IVAR.at(1).offset()), 0x8482);
    assert_eq!(chip.get(regs::IVAR.at(2).offset()), 0);
    assert_eq!(chip.get(regs::IVAR_MISC.offset()), 0x8000);
    assert!((0..5).all(|n| chip.get(regs::EITR.at(n).offset()) == 0));
    assert_eq!(chip.get(regs::EIMS.offset()), 0);
    assert_eq!(chip.get(regs::IMS.offset()), Icr::LSC.bits());
    // GPIE decides what EIAC and EIMS mean, so it comes before them.
    let writes = chip.take_writes();
    let at = |offset| writes.iter().position(|write| write.0 == offset).unwrap();
    assert!(at(regs::GPIE.offset()) < at(regs::EIAC.offset()));
}

#[test]
fn other_models_have_another_layout() {
    let chip = Chip::new();
    let map = VectorMap::new(Mode::MsiX { vectors: 5 }, &I210, 2, 2);
    Interrupts::new(&chip, &I210, map).configure().unwrap();
    assert_eq!(chip.get(regs::IVAR.at(0).offset()), 0x8482_8381);
}

#[test]
fn arming_is_one_write_and_taking_disarms() {
    let chip = Chip::new();
    let interrupts = msix(&chip, 5);
    chip.take_writes();
    interrupts.unmask(Cause::Rx(1));
    interrupts.mask(Cause::Rx(1));
    interrupts.unmask(Cause::Tx(0));
    assert_eq!(chip.take_writes(), [(0x1524, 1 << 2), (0x1528, 1 << 2), (0x1524, 1 << 3)]);
    let reads = chip.reads();
    assert_eq!(interrupts.on_vector(3), Causes { tx: 1, ..Causes::default() });
    assert_eq!(chip.take_writes(), [(0x1528, 1 << 3)]);
    assert_eq!(chip.reads(), reads, "a queue interrupt reads nothing");
    assert_eq!(chip.get(regs::EIMS.offset()), 0);
}

#[test]
fn vector_nobody_asked_for_is_ignored() {
    let chip = Chip::new();
    let interrupts = msix(&chip, 5);
    chip.take_writes();
    for vector in [5, 24, 25, 31, 255] {
        assert!(interrupts.on_vector(vector).is_empty());
    }
    assert_eq!(chip.take_writes(), []);
}

#[test]
fn link_vector_clears_its_cause() {
    let chip = Chip::new();
    let interrupts = msix(&chip, 5);
    chip.set(regs::ICR.offset(), Icr::LSC.bits());
    assert_eq!(interrupts.on_vector(0), Causes { link: true, ..Causes::default() });
    assert_eq!(chip.get(regs::ICR.offset()), 0);
    assert!(interrupts.on_vector(0).link, "spurious, but masked now: somebody has to arm it again");
}

#[test]
fn single_vector_stands_for_all() {
    let chip = Chip::new();
    let interrupts = msix(&chip, 1);
    assert_eq!(chip.get(regs::IVAR.at(1).offset()), 0x8080);
    chip.set(regs::ICR.offset(), 0);
    assert_eq!(interrupts.on_vector(0), Causes { link: false, tx: 0b11, rx: 0b11 });
    chip.set(regs::ICR.offset(), Icr::LSC.bits());
    assert_eq!(interrupts.on_vector(0), Causes { link: true, tx: 0b11, rx: 0b11 });
    chip.fail(|_, _, _| u32::MAX);
    assert!(interrupts.on_vector(0).link, "somebody has to find the device gone");
}

#[test]
fn line_is_claimed_only_if_ours() {
    let chip = Chip::new();
    let interrupts = line(&chip);
    assert_eq!(interrupts.on_line(), None, "nothing pending");
    chip.set(regs::ICR.offset(), Icr::RXDW.bits());
    assert_eq!(interrupts.on_line(), None, "pending, not asserted");
    chip.assert_line(Icr::from_bits_retain(1 << 9));
    assert_eq!(interrupts.on_line(), None, "not a cause we ever enable");
    chip.fail(|_, _, _| u32::MAX);
    assert_eq!(interrupts.on_line(), None, "gone");
    chip.fail(|_, _, _| 0);
    assert_eq!(interrupts.on_line(), None);
}

/// The chip raises TXDW and RXDW only for queues that have a route.
#[test]
fn line_has_a_route_for_each_queue() {
    let chip = Chip::dirty();
    line(&chip);
    assert_eq!(chip.get(regs::GPIE.offset()), 0);
    assert_eq!(chip.get(regs::IVAR.at(0).offset()), 0x8080);
    assert_eq!(chip.get(regs::IVAR.at(1).offset()), 0x8080);
    assert_eq!(chip.get(regs::IVAR.at(2).offset()), 0);
}

#[test]
fn line_causes_are_told_apart_and_masked() {
    let chip = Chip::new();
    let interrupts = line(&chip);
    for cause in [Cause::Tx(1), Cause::Rx(0), Cause::Link] {
        interrupts.unmask(cause);
    }
    let all = Icr::TXDW | Icr::RXDW | Icr::LSC;
    assert_eq!(chip.get(regs::IMS.offset()), all.bits());
    assert_eq!(chip.get(regs::EIMS.offset()), 0);
    for (causes, expected) in [
        (Icr::TXDW, Causes { link: false, tx: 0b11, rx: 0 }),
        (Icr::RXDW, Causes { link: false, tx: 0, rx: 0b11 }),
        (Icr::LSC, Causes { link: true, tx: 0, rx: 0 }),
        (all, Causes { link: true, tx: 0b11, rx: 0b11 }),
    ] {
        chip.set(regs::IMS.offset(), all.bits());
        chip.assert_line(causes);
        assert_eq!(interrupts.on_line(), Some(expected));
        assert_eq!(chip.get(regs::IMS.offset()), (all - causes).bits());
    }
    interrupts.unmask(Cause::Rx(0));
    interrupts.mask(Cause::Rx(0));
    assert_eq!(chip.get(regs::IMS.offset()), 0);
}

#[test]
fn gone_device_is_noticed() {
    let chip = Chip::new();
    chip.fail(|_, _, _| u32::MAX);
    let interrupts = Interrupts::new(&chip, &I82576, VectorMap::new(Mode::Line, &I82576, 1, 1));
    assert_eq!(interrupts.configure(), Err(Error::DeviceGone));
}
