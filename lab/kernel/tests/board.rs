//! The machine on the real board: QEMU's igb.

mod common;

use lab_kernel::cpu::{self, Config};
use lab_kernel::{dma, mmio, rules};
use lab_nic::{Net, Nic, NicConfig};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

// 82576 datasheet, chapter 8: register offsets.
const STATUS: usize = 0x0008;
const ICR: usize = 0x00C0;
const ICS: usize = 0x00C8;
const IMS: usize = 0x00D0;
const IMC: usize = 0x00D8;
/// ICR.LSC, link status change.
const LSC: u32 = 1 << 2;

#[derive(Clone, Copy)]
struct Registers(*mut u32);

impl Registers {
    fn map(nic: &Nic) -> Registers {
        let bar = nic.bars()[0];
        let va = mmio::map(bar.phys, bar.len as usize);
        assert!(!va.is_null());
        Registers(va.cast())
    }

    fn read(self, offset: usize) -> u32 {
        // SAFETY: the window traps and is emulated.
        unsafe { self.0.byte_add(offset).read_volatile() }
    }

    fn write(self, offset: usize, value: u32) {
        // SAFETY: as above.
        unsafe { self.0.byte_add(offset).write_volatile(value) }
    }
}

fn boot() -> Arc<Nic> {
    let nic = Nic::start(&NicConfig { net: Net::Wire, ..NicConfig::default() }).unwrap();
    cpu::boot(Config { nic: nic.clone(), seed: 1, preempt_one_in: 0 });
    nic
}

machine_tests! {
    fn registers_memory_and_the_line_interrupt_work() {
        let nic = boot();
        let registers = Registers::map(&nic);
        assert_ne!(registers.read(STATUS), u32::MAX);
        let served: Rc<RefCell<Vec<u32>>> = Rc::default();
        let log = served.clone();
        cpu::connect_interrupt(cpu::LINE, 5, Box::new(move || {
            let cause = registers.read(ICR);
            log.borrow_mut().push(cause & LSC);
            cause != 0
        }));
        registers.write(IMC, u32::MAX);
        registers.read(ICR);
        registers.write(IMS, LSC);
        registers.write(ICS, LSC);
        cpu::sleep(Duration::from_millis(5));
        assert_eq!(*served.borrow(), [LSC]);
        let block = dma::alloc_contiguous(5000).unwrap();
        assert_eq!((block.len, block.phys % 4096), (5000, 0));
        assert_eq!(rules::violations(), []);

        let start = Instant::now();
        const COUNT: u32 = 2000;
        for _ in 0..COUNT {
            registers.read(STATUS);
        }
        println!("one register read through QEMU: {:?}", start.elapsed() / COUNT);
        nic.stop();
    }
}
