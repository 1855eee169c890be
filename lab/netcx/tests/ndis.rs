//! Shared memory of NDIS: what a right driver gets, and each rule broken by one that is wrong.

mod support;

use lab_kernel::cpu;
use lab_netcx::Options;
use lab_netcx::shared_memory::{self, Witness};
use ndis_sys::*;
use std::mem::{offset_of, transmute};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::board::board;
use support::driver::Plan;
use support::{Lab, ddi, in_child, isolated, load, violated};

type Allocate =
    unsafe extern "win64" fn(NDIS_HANDLE, *mut NDIS_SHARED_MEMORY_PARAMETERS, *mut NDIS_HANDLE) -> NDIS_STATUS;
type Free = unsafe extern "win64" fn(NDIS_HANDLE, NDIS_HANDLE);

const QUEUE: NDIS_RECEIVE_QUEUE_ID = 3;
const PAGE: u32 = 4096;
/// Elements of the test's lists.
const ELEMENTS: usize = 8;

/// A scatter-gather list with room for [`ELEMENTS`].
#[repr(C)]
struct List {
    head: SCATTER_GATHER_LIST,
    more: [SCATTER_GATHER_ELEMENT; ELEMENTS - 1],
}

impl List {
    fn new() -> Box<List> {
        Box::new(List { head: SCATTER_GATHER_LIST::default(), more: [SCATTER_GATHER_ELEMENT::default(); ELEMENTS - 1] })
    }

    /// Logical address and bytes of each element.
    fn elements(&self) -> Vec<(u64, u32)> {
        let all = self.head.Elements.iter().chain(&self.more).take(self.head.NumberOfElements as usize);
        // SAFETY: a quad part is always valid.
        all.map(|e| (unsafe { e.Address.QuadPart } as u64, e.Length)).collect()
    }
}

fn parameters(length: u32, flags: u32, list: &mut List) -> NDIS_SHARED_MEMORY_PARAMETERS {
    NDIS_SHARED_MEMORY_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2,
            Size: NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2,
        },
        Flags: flags,
        QueueId: QUEUE,
        PreferredNode: MM_ANY_NODE_OK,
        Usage: _NDIS_SHARED_MEMORY_USAGE::NdisSharedMemoryUsageReceive,
        Length: length,
        SGListBufferLength: size_of::<List>() as u32,
        SGListBuffer: &raw mut list.head,
        ..Default::default()
    }
}

fn export(name: &str) -> usize {
    lab_netcx::resolve("NDIS.SYS", name).expect("the lab has it")
}

fn allocate(adapter: NDIS_HANDLE, parameters: &mut NDIS_SHARED_MEMORY_PARAMETERS) -> Result<NDIS_HANDLE, NDIS_STATUS> {
    let mut handle = null_mut();
    // SAFETY: the export has this signature, and the structures are the test's own.
    let status =
        unsafe { transmute::<usize, Allocate>(export("NdisAllocateSharedMemory"))(adapter, parameters, &mut handle) };
    assert_eq!(status == NDIS_STATUS_SUCCESS, !handle.is_null(), "the handle is null exactly if it fails: {status:#x}");
    if status == NDIS_STATUS_SUCCESS { Ok(handle) } else { Err(status) }
}

fn free(adapter: NDIS_HANDLE, handle: NDIS_HANDLE) {
    // SAFETY: the export has this signature.
    unsafe { transmute::<usize, Free>(export("NdisFreeSharedMemory"))(adapter, handle) };
}

/// A started device and its NDIS handle.
fn started(options: Options) -> (Lab, NDIS_HANDLE) {
    let lab = load(Plan::default(), options, 0);
    lab.device.start().expect("the device starts");
    // SAFETY: the driver's adapter.
    let handle = unsafe { ddi::NetAdapterWdmGetNdisHandle(support::driver::state().adapter as *mut _) };
    (lab, handle)
}

fn end(lab: Lab) {
    lab.device.remove();
    lab.driver.unload();
}

#[test]
fn contiguous_memory_is_one_element_that_the_device_writes() {
    isolated("contiguous_memory_is_one_element_that_the_device_writes", || {
        let (lab, adapter) = started(Options::default());
        let mut list = List::new();
        let mut asked = parameters(3 * PAGE - 100, NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS, &mut list);
        let handle = allocate(adapter, &mut asked).unwrap();
        assert_eq!(asked.SharedMemoryHandle, handle);
        let elements = list.elements();
        assert_eq!(elements.len(), 1);
        assert_eq!(elements[0].1, 3 * PAGE - 100);
        assert!(board().device_write(elements[0].0 + 5000, b"from the device"));
        // SAFETY: three pages less 100 bytes were allocated, and the board writes only when it is told to.
        let seen = unsafe { std::slice::from_raw_parts(asked.VirtualAddress.cast::<u8>(), 3 * PAGE as usize - 100) };
        assert_eq!(&seen[5000..5015], b"from the device");
        assert!(seen[..5000].iter().all(|b| *b == 0xA5), "new memory holds no zeros");
        let above = lab.adapter();
        assert_eq!((above.queue_memory(QUEUE), above.queue_memory(1)), (seen.len(), 0));
        assert!(above.is_queue_memory(QUEUE, seen.as_ptr() as usize + 10, seen.len() - 10));
        assert!(!above.is_queue_memory(QUEUE, seen.as_ptr() as usize + 10, seen.len()));
        free(adapter, handle);
        assert!(!board().device_write(elements[0].0, b"late"), "freed memory is out of reach");
        assert_eq!((above.queue_memory(QUEUE), shared_memory::in_use().len()), (0, 0));
        end(lab);
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn other_memory_has_an_element_for_each_page() {
    isolated("other_memory_has_an_element_for_each_page", || {
        let (lab, adapter) = started(Options::default());
        let mut list = List::new();
        let mut asked = parameters(2 * PAGE + 1, 0, &mut list);
        // Revision 1 ends before VPortId: what lies there is not looked at.
        asked.Header.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1;
        asked.Header.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1;
        asked.VPortId = 77;
        asked.SGListBufferLength =
            (offset_of!(SCATTER_GATHER_LIST, Elements) + 3 * size_of::<SCATTER_GATHER_ELEMENT>()) as u32;
        let handle = allocate(adapter, &mut asked).unwrap();
        let elements = list.elements();
        assert_eq!(elements.iter().map(|e| e.1).collect::<Vec<_>>(), [PAGE, PAGE, 1]);
        for (i, (logical, _)) in elements.iter().enumerate() {
            assert!(board().device_write(*logical, &[i as u8]));
            // SAFETY: byte i pages into an allocation of more.
            assert_eq!(unsafe { asked.VirtualAddress.cast::<u8>().add(i * PAGE as usize).read() }, i as u8);
        }
        free(adapter, handle);
        end(lab);
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn a_stopped_queue_s_memory_is_out_of_the_device_s_reach() {
    isolated("a_stopped_queue_s_memory_is_out_of_the_device_s_reach", || {
        let (lab, adapter) = started(Options::default());
        let (mut list, mut other) = (List::new(), List::new());
        let handle = allocate(adapter, &mut parameters(PAGE, 1, &mut list)).unwrap();
        let mut asked = parameters(PAGE, 1, &mut other);
        asked.QueueId = QUEUE + 1;
        let kept = allocate(adapter, &mut asked).unwrap();
        lab.adapter().stop_queue_dma(QUEUE);
        assert!(!board().device_write(list.elements()[0].0, b"late"));
        assert_eq!(board().faults(), 1);
        assert!(board().device_write(other.elements()[0].0, b"another queue"));
        free(adapter, handle);
        free(adapter, kept);
        end(lab);
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

#[test]
fn refusals() {
    isolated("refusals", || {
        let (lab, adapter) = started(Options { shared_memory: false, ..Options::default() });
        let mut list = List::new();
        assert_eq!(allocate(adapter, &mut parameters(PAGE, 1, &mut list)), Err(NDIS_STATUS_FAILURE));
        lab_kmdf::fail_call("NdisAllocateSharedMemory", 1, NDIS_STATUS_RESOURCES);
        let mut asked = parameters(PAGE, 1, &mut list);
        let mut handle = 1 as NDIS_HANDLE;
        // SAFETY: as in `allocate`.
        let status = unsafe {
            transmute::<usize, Allocate>(export("NdisAllocateSharedMemory"))(adapter, &mut asked, &mut handle)
        };
        assert_eq!((status, handle), (NDIS_STATUS_RESOURCES, null_mut()));
        end(lab);
        assert_eq!(violated(), Vec::<&str>::new());
    });
}

/// A consumer whose queue is what the test says.
#[derive(Default)]
struct Told {
    stopped: AtomicBool,
    out: AtomicUsize,
}

impl Witness for Told {
    fn dma_is_stopped(&self, queue: NDIS_RECEIVE_QUEUE_ID) -> bool {
        queue == QUEUE && self.stopped.load(Ordering::Relaxed)
    }

    fn packets_out(&self, _: NDIS_RECEIVE_QUEUE_ID) -> usize {
        self.out.load(Ordering::Relaxed)
    }
}

/// The defect and the rule it breaks.
const DEFECTS: &[(&str, &str)] = &[
    ("wrong_handle", "SHARED_MEMORY_ADAPTER"),
    ("freed_with_wrong_handle", "SHARED_MEMORY_ADAPTER"),
    ("header_type", "SHARED_MEMORY_HEADER"),
    ("header_revision", "SHARED_MEMORY_HEADER"),
    ("header_size", "SHARED_MEMORY_HEADER"),
    ("no_list", "SHARED_MEMORY_POINTERS"),
    ("flags", "SHARED_MEMORY_FLAGS"),
    ("length", "SHARED_MEMORY_LENGTH"),
    ("usage_undefined", "SHARED_MEMORY_USAGE"),
    ("usage_max", "SHARED_MEMORY_USAGE"),
    ("node", "SHARED_MEMORY_NODE"),
    ("vport", "SHARED_MEMORY_VPORT"),
    ("list_short", "SHARED_MEMORY_LIST"),
    ("list_short_for_pages", "SHARED_MEMORY_LIST"),
    ("freed_twice", "SHARED_MEMORY_FREE_ONCE"),
    ("freed_while_running", "SHARED_MEMORY_DMA_STOPPED"),
    ("freed_with_packets_out", "SHARED_MEMORY_PACKETS_BACK"),
    ("leak", "SHARED_MEMORY_NO_LEAK"),
    ("at_dispatch", "IRQL_PASSIVE"),
    ("freed_at_dispatch", "IRQL_PASSIVE"),
];

/// A child: one allocation and its free, with one defect.
fn live(case: &str) {
    let (lab, adapter) = started(Options::default());
    let is = |name: &str| case == name;
    let mut list = List::new();
    let mut asked = parameters(2 * PAGE, NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS, &mut list);
    match case {
        "header_type" => asked.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST,
        "header_revision" => asked.Header.Revision = 3,
        "header_size" => asked.Header.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1,
        "no_list" => asked.SGListBuffer = null_mut(),
        "flags" => asked.Flags |= 2,
        "length" => asked.Length = 0,
        "usage_undefined" => asked.Usage = _NDIS_SHARED_MEMORY_USAGE::NdisSharedMemoryUsageUndefined,
        "usage_max" => asked.Usage = _NDIS_SHARED_MEMORY_USAGE::NdisSharedMemoryUsageMax,
        "node" => asked.PreferredNode = 1,
        "vport" => asked.VPortId = 1,
        "list_short" => asked.SGListBufferLength = size_of::<SCATTER_GATHER_LIST>() as u32 - 1,
        "list_short_for_pages" => {
            asked.Flags = 0;
            asked.SGListBufferLength = size_of::<SCATTER_GATHER_LIST>() as u32;
        }
        _ => {}
    }
    let told = Arc::new(Told::default());
    told.stopped.store(!is("freed_while_running"), Ordering::Relaxed);
    told.out.store(usize::from(is("freed_with_packets_out")), Ordering::Relaxed);
    lab.adapter().set_queue_witness(Some(told));
    let at = |level: &str| if is(level) { cpu::raise_irql(cpu::DISPATCH_LEVEL) } else { cpu::irql() };
    let before = at("at_dispatch");
    let handle = allocate(if is("wrong_handle") { 0x1234 as NDIS_HANDLE } else { adapter }, &mut asked);
    cpu::lower_irql(before);
    println!("allocated: {handle:?}");
    if let Ok(handle) = handle.as_ref().copied() {
        let before = at("freed_at_dispatch");
        match case {
            "leak" => {}
            "freed_with_wrong_handle" => free(0x1234 as NDIS_HANDLE, handle),
            "freed_twice" => {
                free(adapter, handle);
                free(adapter, handle);
            }
            _ => free(adapter, handle),
        }
        cpu::lower_irql(before);
    }
    lab.adapter().set_queue_witness(None);
    end(lab);
    println!("left: {}", shared_memory::in_use().len());
    println!("violated: {:?}", violated());
}

/// Entry of the children.
#[test]
fn child() {
    if let Some(case) = support::child() {
        live(&case);
    }
}

#[test]
fn each_defect_breaks_its_rule() {
    let mut wrong = Vec::new();
    for (case, rule) in [("", "")].iter().chain(DEFECTS) {
        let output = in_child("child", case);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let expected = if rule.is_empty() { "violated: []".into() } else { format!("violated: [\"{rule}\"") };
        let left = if *case == "leak" { "left: 1" } else { "left: 0" };
        if !output.status.success() || !text.contains(&expected) || !text.contains(left) {
            wrong.push(format!("{case}: expected {rule}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_of_shared_memory_has_a_defect() {
    let rules = lab_kernel::rules::all();
    let all: Vec<&str> = rules.iter().map(|r| r.name).filter(|name| name.starts_with("SHARED_MEMORY_")).collect();
    assert!(all.len() >= 13, "{all:?}");
    for rule in all {
        assert!(DEFECTS.iter().any(|(_, broken)| *broken == rule), "{rule} is broken by no test");
    }
}
