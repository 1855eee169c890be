//! Writes a tiny kernel image: code, imports, exports, a relocation, a stack cookie, a discardable section.

use iced_x86::code_asm::{CodeAssembler, byte_ptr, eax, ptr, rax, rcx, rdx, rsp};
use iced_x86::{Code, Instruction, MemoryOperand, Register};

const BASE: u64 = 0x1_4000_0000;
const TEXT: u32 = 0x1000;
const RDATA: u32 = 0x2000;
const DATA: u32 = 0x3000;
const INIT: u32 = 0x4000;
const PDATA: u32 = 0x5000;
const RELOC: u32 = 0x6000;
const SIZE: u32 = 0x7000;
const FILE_ALIGNMENT: usize = 0x200;
const HEADERS: usize = 0x400;

const CODE: u32 = 0x6000_0020;
const READ: u32 = 0x4000_0040;
const WRITE: u32 = 0x8000_0000;
const DISCARD: u32 = 0x0200_0000;

/// The linker's cookie, which the loader must replace.
pub const DEFAULT_COOKIE: u64 = 0x2B99_2DDF_A232;

// Offsets in .rdata.
const DESCRIPTORS: u32 = 0x000;
const NAMES_1: u32 = 0x080; // lookup table of ntoskrnl.exe: Add
const NAMES_2: u32 = 0x0A0; // lookup table of HAL.dll: Missing, #7
const IAT_1: u32 = 0x0C0;
const IAT_2: u32 = 0x0E0;
const EXPORTS: u32 = 0x100;
const LOAD_CONFIG: u32 = 0x200;
const UNWIND: u32 = 0x300;
const STRINGS: u32 = 0x340;
// Offsets in .data.
const COOKIE: u32 = 0x00;
const POINTER: u32 = 0x08;

/// What is wrong with the image, if anything.
#[derive(Clone, Copy, Default)]
pub struct Flaws {
    pub writable_code: bool,
    pub no_hardening: bool,
}

#[derive(Default)]
struct Section {
    bytes: Vec<u8>,
}

impl Section {
    fn put(&mut self, at: u32, bytes: &[u8]) {
        let end = at as usize + bytes.len();
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[at as usize..end].copy_from_slice(bytes);
    }

    fn put_u32s(&mut self, at: u32, values: &[u32]) {
        values.iter().enumerate().for_each(|(i, v)| self.put(at + 4 * i as u32, &v.to_le_bytes()));
    }

    fn put_u64s(&mut self, at: u32, values: &[u64]) {
        values.iter().enumerate().for_each(|(i, v)| self.put(at + 8 * i as u32, &v.to_le_bytes()));
    }
}

/// Assembles functions one behind the other; returns the code and the offset of each.
fn assemble(rva: u32, functions: &[&dyn Fn(&mut CodeAssembler)]) -> (Vec<u8>, Vec<u32>) {
    let (mut code, mut offsets) = (Vec::new(), Vec::new());
    for function in functions {
        offsets.push(code.len() as u32);
        let mut a = CodeAssembler::new(64).unwrap();
        function(&mut a);
        code.extend(a.assemble(BASE + u64::from(rva) + code.len() as u64).unwrap());
        code.resize(code.len().next_multiple_of(16), 0xCC);
    }
    (code, offsets)
}

/// The image. Exports: `Entry` (also the entry point: returns Add(a, b)), `Pointer` (a variable that holds the address of
/// `Entry`), `Cookie`, `Init` (in INIT, returns 5), `CallMissing`, `CallOrdinal`, `Crash` (reads address 8).
pub fn tiny_driver(flaws: Flaws) -> Vec<u8> {
    let call = |slot: u32| {
        move |a: &mut CodeAssembler| {
            a.sub(rsp, 0x28).unwrap();
            let import = MemoryOperand::with_base_displ(Register::RIP, (BASE + u64::from(RDATA + slot)) as i64);
            a.add_instruction(Instruction::with1(Code::Call_rm64, import).unwrap()).unwrap();
            a.add(rsp, 0x28).unwrap();
            a.ret().unwrap();
        }
    };
    let crash = |a: &mut CodeAssembler| {
        a.sub(rsp, 0x28).unwrap();
        a.mov(rcx, 8u64).unwrap();
        a.movzx(eax, byte_ptr(rcx)).unwrap();
        a.add(rsp, 0x28).unwrap();
        a.ret().unwrap();
    };
    let (text, functions) = assemble(TEXT, &[&call(IAT_1), &call(IAT_2), &call(IAT_2 + 8), &crash]);
    let (init, _) = assemble(
        INIT,
        &[&|a| {
            a.mov(rax, 5u64).unwrap();
            a.lea(rdx, ptr(rax)).unwrap();
            a.ret().unwrap();
        }],
    );

    let mut rdata = Section::default();
    let mut next = STRINGS;
    let mut string = |rdata: &mut Section, hint: bool, text: &str| {
        let at = next;
        let bytes = [if hint { &[0u8, 0][..] } else { &[] }, text.as_bytes(), &[0]].concat();
        rdata.put(at, &bytes);
        next = (at + bytes.len() as u32).next_multiple_of(2);
        u64::from(RDATA + at)
    };
    let ntoskrnl = string(&mut rdata, false, "ntoskrnl.exe") as u32;
    let hal = string(&mut rdata, false, "HAL.dll") as u32;
    let add = string(&mut rdata, true, "Add");
    let missing = string(&mut rdata, true, "Missing");
    rdata.put_u32s(DESCRIPTORS, &[RDATA + NAMES_1, 0, 0, ntoskrnl, RDATA + IAT_1]);
    rdata.put_u32s(DESCRIPTORS + 20, &[RDATA + NAMES_2, 0, 0, hal, RDATA + IAT_2, 0, 0, 0, 0, 0]);
    rdata.put_u64s(NAMES_1, &[add, 0]);
    rdata.put_u64s(NAMES_2, &[missing, 1 << 63 | 7, 0]);
    rdata.put_u64s(IAT_1, &[add, 0]);
    rdata.put_u64s(IAT_2, &[missing, 1 << 63 | 7, 0]);

    let mut exports = [
        ("Entry", TEXT + functions[0]),
        ("CallMissing", TEXT + functions[1]),
        ("CallOrdinal", TEXT + functions[2]),
        ("Crash", TEXT + functions[3]),
        ("Init", INIT),
        ("Cookie", DATA + COOKIE),
        ("Pointer", DATA + POINTER),
    ];
    exports.sort_unstable();
    let count = exports.len() as u32;
    let tables = EXPORTS + 40;
    let (addresses, names, ordinals) = (tables, tables + 4 * count, tables + 8 * count);
    let own_name = string(&mut rdata, false, "tiny.sys") as u32;
    rdata.put_u32s(EXPORTS, &[0, 0, 0, own_name, 1, count, count, RDATA + addresses, RDATA + names, RDATA + ordinals]);
    for (i, (name, rva)) in exports.into_iter().enumerate() {
        let i = i as u32;
        let name = string(&mut rdata, false, name) as u32;
        rdata.put_u32s(addresses + 4 * i, &[rva]);
        rdata.put_u32s(names + 4 * i, &[name]);
        rdata.put(ordinals + 2 * i, &(i as u16).to_le_bytes());
    }
    rdata.put_u32s(LOAD_CONFIG, &[0x70]);
    rdata.put_u64s(LOAD_CONFIG + 0x58, &[BASE + u64::from(DATA + COOKIE)]);
    // UNWIND_INFO, version 1: prologue of 4 bytes, one code: UWOP_ALLOC_SMALL of 0x28 bytes.
    rdata.put(UNWIND, &[1, 4, 1, 0, 4, 0x42, 0, 0]);

    let mut data = Section::default();
    data.put_u64s(COOKIE, &[DEFAULT_COOKIE]);
    data.put_u64s(POINTER, &[BASE + u64::from(TEXT + functions[0])]);
    let mut pdata = Section::default();
    let ends = functions.iter().skip(1).copied().chain([text.len() as u32]);
    for (i, (start, end)) in functions.iter().zip(ends).enumerate() {
        pdata.put_u32s(12 * i as u32, &[TEXT + start, TEXT + end, RDATA + UNWIND]);
    }
    let mut reloc = Section::default();
    // Two blocks: the pointer in .data, and the cookie's address in the load configuration; padded with ABSOLUTE.
    reloc.put_u32s(0, &[DATA, 12]);
    reloc.put(8, &(10 << 12 | POINTER as u16).to_le_bytes());
    reloc.put(10, &[0, 0]);
    reloc.put_u32s(12, &[RDATA, 12]);
    reloc.put(20, &(10 << 12 | (LOAD_CONFIG + 0x58) as u16).to_le_bytes());
    reloc.put(22, &[0, 0]);

    let directories = [
        (0, RDATA + EXPORTS, rdata.bytes.len() as u32 - EXPORTS),
        (1, RDATA + DESCRIPTORS, 60),
        (3, PDATA, pdata.bytes.len() as u32),
        (5, RELOC, reloc.bytes.len() as u32),
        (10, RDATA + LOAD_CONFIG, 0x70),
        (12, RDATA + IAT_1, 0x40),
    ];
    let text_rights = if flaws.writable_code { CODE | WRITE } else { CODE };
    let sections: [(&[u8; 8], u32, Vec<u8>, u32); 6] = [
        (b".text\0\0\0", TEXT, text, text_rights),
        (b".rdata\0\0", RDATA, rdata.bytes, READ),
        (b".data\0\0\0", DATA, data.bytes, READ | WRITE),
        (b"INIT\0\0\0\0", INIT, init, CODE | DISCARD),
        (b".pdata\0\0", PDATA, pdata.bytes, READ),
        (b".reloc\0\0", RELOC, reloc.bytes, READ | DISCARD),
    ];
    let characteristics = if flaws.no_hardening { 0 } else { 0x0160 };
    write_file(&sections, &directories, TEXT + functions[0], characteristics)
}

fn write_file(
    sections: &[(&[u8; 8], u32, Vec<u8>, u32)],
    directories: &[(u32, u32, u32)],
    entry: u32,
    characteristics: u16,
) -> Vec<u8> {
    const PE: u32 = 0x80;
    const OPTIONAL: u32 = PE + 24;
    const TABLE: u32 = OPTIONAL + 240;
    let mut file = Section::default();
    file.put(0, b"MZ");
    file.put_u32s(0x3C, &[PE]);
    file.put(PE, b"PE\0\0");
    file.put(PE + 4, &0x8664u16.to_le_bytes());
    file.put(PE + 6, &(sections.len() as u16).to_le_bytes());
    file.put(PE + 20, &240u16.to_le_bytes());
    file.put(PE + 22, &0x22u16.to_le_bytes());
    file.put(OPTIONAL, &0x20Bu16.to_le_bytes());
    file.put_u32s(OPTIONAL + 16, &[entry, TEXT]);
    file.put_u64s(OPTIONAL + 24, &[BASE]);
    file.put_u32s(OPTIONAL + 32, &[0x1000, FILE_ALIGNMENT as u32]);
    file.put(OPTIONAL + 40, &10u16.to_le_bytes());
    file.put(OPTIONAL + 48, &10u16.to_le_bytes());
    file.put_u32s(OPTIONAL + 56, &[SIZE, HEADERS as u32]);
    file.put(OPTIONAL + 68, &1u16.to_le_bytes()); // IMAGE_SUBSYSTEM_NATIVE
    file.put(OPTIONAL + 70, &characteristics.to_le_bytes());
    file.put_u32s(OPTIONAL + 108, &[16]);
    file.put_u32s(OPTIONAL + 112 + 8 * 15 + 4, &[0]);
    for (index, rva, size) in directories {
        file.put_u32s(OPTIONAL + 112 + 8 * index, &[*rva, *size]);
    }
    let mut at = HEADERS;
    for (i, (name, rva, bytes, rights)) in sections.iter().enumerate() {
        let header = TABLE + 40 * i as u32;
        let raw = bytes.len().next_multiple_of(FILE_ALIGNMENT);
        file.put(header, *name);
        file.put_u32s(header + 8, &[bytes.len() as u32, *rva, raw as u32, at as u32, 0, 0, 0, *rights]);
        file.put(at as u32, bytes);
        at += raw;
    }
    file.bytes.resize(at, 0);
    file.bytes
}
