//! Every memory form of every emulated instruction, against the processor itself on plain memory.

use iced_x86::code_asm::{
    CodeAssembler, qword_ptr, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi,
};
use iced_x86::{
    Code, Encoder, EncodingKind, Instruction, MemoryOperand, Mnemonic, OpCodeOperandKind as Kind, Register,
};
use lab_kernel::mmio::emulate::{self, Bus, Registers, Unsupported};
use std::collections::BTreeSet;

/// Bytes of memory that the instructions reach.
const MEMORY: usize = 256;
/// CF, PF, AF, ZF, SF, OF.
const STATUS: u64 = 0x8D5;
/// Those that BT leaves undefined.
const UNDEFINED_AFTER_BT: u64 = 0x894;
const BASE: Register = Register::RSI;
const INDEX: Register = Register::RDI;
/// Registers that operands are taken from; none is BASE, INDEX, or needed by the native frame (RSP, RBP, R15).
const OPERANDS: [[Register; 4]; 6] = [
    [Register::AL, Register::AX, Register::EAX, Register::RAX],
    [Register::BL, Register::BX, Register::EBX, Register::RBX],
    [Register::CH, Register::CX, Register::ECX, Register::RCX],
    [Register::DL, Register::DX, Register::EDX, Register::RDX],
    [Register::R9L, Register::R9W, Register::R9D, Register::R9],
    [Register::R12L, Register::R12W, Register::R12D, Register::R12],
];
const EMULATED: [Mnemonic; 34] = [
    Mnemonic::Mov,
    Mnemonic::Movzx,
    Mnemonic::Movsx,
    Mnemonic::Movsxd,
    Mnemonic::Xchg,
    Mnemonic::Add,
    Mnemonic::Adc,
    Mnemonic::Sub,
    Mnemonic::Sbb,
    Mnemonic::And,
    Mnemonic::Or,
    Mnemonic::Xor,
    Mnemonic::Cmp,
    Mnemonic::Test,
    Mnemonic::Inc,
    Mnemonic::Dec,
    Mnemonic::Neg,
    Mnemonic::Not,
    Mnemonic::Cmova,
    Mnemonic::Cmovae,
    Mnemonic::Cmovb,
    Mnemonic::Cmovbe,
    Mnemonic::Cmove,
    Mnemonic::Cmovg,
    Mnemonic::Cmovge,
    Mnemonic::Cmovl,
    Mnemonic::Cmovle,
    Mnemonic::Cmovne,
    Mnemonic::Cmovno,
    Mnemonic::Cmovnp,
    Mnemonic::Cmovns,
    Mnemonic::Cmovo,
    Mnemonic::Cmovp,
    Mnemonic::Cmovs,
];

/// Random numbers with many edge values (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn value(&mut self) -> u64 {
        const EDGES: [u64; 8] = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000_0000_0000, u64::MAX];
        match self.next() % 4 {
            0 => EDGES[(self.next() % 8) as usize],
            1 => self.next() >> (self.next() % 64),
            _ => self.next(),
        }
    }
}

/// Memory that stands at `base` and records its accesses.
struct Shadow {
    base: u64,
    bytes: [u8; MEMORY],
    widths: BTreeSet<u8>,
}

impl Bus for Shadow {
    fn read(&mut self, address: u64, width: u8) -> u64 {
        self.widths.insert(width);
        let at = (address - self.base) as usize;
        let mut value = [0; 8];
        value[..width.into()].copy_from_slice(&self.bytes[at..at + usize::from(width)]);
        u64::from_le_bytes(value)
    }

    fn write(&mut self, address: u64, width: u8, value: u64) {
        self.widths.insert(width);
        let at = (address - self.base) as usize;
        self.bytes[at..at + usize::from(width)].copy_from_slice(&value.to_le_bytes()[..width.into()]);
    }
}

/// Runs machine code: a function that loads the registers, executes the instruction, and stores the registers.
struct Native {
    page: *mut u8,
}

impl Native {
    fn new() -> Native {
        // SAFETY: a fresh private mapping, kept for the life of the test.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
        Native { page: page.cast() }
    }

    fn run(&self, instruction: &[u8], registers: &mut Registers) {
        let code = around(instruction, self.page as u64);
        // SAFETY: the page is 4096 bytes, readable, writable and executable; the code is a complete System V function
        // that keeps callee-saved registers and touches only `registers` and the memory that its operands name.
        unsafe {
            std::ptr::copy_nonoverlapping(code.as_ptr(), self.page, code.len());
            let function: extern "C" fn(*mut Registers) = std::mem::transmute(self.page);
            function(registers);
        }
    }
}

/// A function around one instruction. R15 holds the register file; RSP, RBP and R15 keep their own values.
fn around(instruction: &[u8], address: u64) -> Vec<u8> {
    let files = [
        (rax, 0),
        (rcx, 1),
        (rdx, 2),
        (rbx, 3),
        (rsi, 6),
        (rdi, 7),
        (r8, 8),
        (r9, 9),
        (r10, 10),
        (r11, 11),
        (r12, 12),
        (r13, 13),
        (r14, 14),
    ];
    let build = || -> Result<Vec<u8>, iced_x86::IcedError> {
        let mut a = CodeAssembler::new(64)?;
        for saved in [rbx, rbp, r12, r13, r14, r15] {
            a.push(saved)?;
        }
        a.mov(r15, rdi)?;
        a.push(qword_ptr(r15 + 17 * 8))?;
        a.popfq()?;
        for (register, slot) in files {
            a.mov(register, qword_ptr(r15 + slot * 8))?;
        }
        a.db(instruction)?;
        for (register, slot) in files {
            a.mov(qword_ptr(r15 + slot * 8), register)?;
        }
        a.pushfq()?;
        a.pop(qword_ptr(r15 + 17 * 8))?;
        for saved in [r15, r14, r13, r12, rbp, rbx] {
            a.pop(saved)?;
        }
        a.ret()?;
        a.assemble(address)
    };
    build().unwrap()
}

/// The operand of a form, or `None` for kinds that are no integer operand.
fn operand(kind: Kind, random: &mut Random, base: u64) -> Option<Operand> {
    let register = |random: &mut Random, size: usize| OPERANDS[(random.next() % 6) as usize][size];
    let memory = || {
        let plain = MemoryOperand::with_base_displ(BASE, 24);
        let indexed = MemoryOperand::new(BASE, INDEX, 4, -8, 1, false, Register::None);
        [plain, indexed]
    };
    Some(match kind {
        Kind::r8_reg => Operand::Register(register(random, 0)),
        Kind::r16_reg | Kind::r16_reg_mem => Operand::Register(register(random, 1)),
        Kind::r32_reg | Kind::r32_reg_mem => Operand::Register(register(random, 2)),
        Kind::r64_reg | Kind::r64_reg_mem => Operand::Register(register(random, 3)),
        Kind::al => Operand::Register(Register::AL),
        Kind::ax => Operand::Register(Register::AX),
        Kind::eax => Operand::Register(Register::EAX),
        Kind::rax => Operand::Register(Register::RAX),
        Kind::r8_or_mem | Kind::r16_or_mem | Kind::r32_or_mem | Kind::r64_or_mem | Kind::mem => {
            Operand::Memory(memory()[(random.next() % 2) as usize])
        }
        Kind::mem_offs => Operand::Memory(MemoryOperand::with_displ(base + 40, 8)),
        Kind::imm8 => Operand::Immediate((random.value() & 0xFF) as i64),
        Kind::imm8sex16 | Kind::imm8sex32 | Kind::imm8sex64 => Operand::Immediate(random.value() as i8 as i64),
        Kind::imm16 => Operand::Immediate((random.value() & 0xFFFF) as i64),
        Kind::imm32 => Operand::Immediate((random.value() & 0xFFFF_FFFF) as i64),
        Kind::imm32sex64 => Operand::Immediate(random.value() as i32 as i64),
        _ => return None,
    })
}

#[derive(Clone, Copy)]
enum Operand {
    Register(Register),
    Memory(MemoryOperand),
    Immediate(i64),
}

/// An instruction of a form with random operands; `None` if the form has no memory operand that the lab emulates.
fn instruction(code: Code, random: &mut Random, base: u64) -> Option<Instruction> {
    use Operand::{Immediate, Memory, Register};
    let operands: Option<Vec<_>> = code.op_code().op_kinds().iter().map(|k| operand(*k, random, base)).collect();
    let operands = operands?;
    let instruction = match operands[..] {
        [Memory(m)] => Instruction::with1(code, m),
        [Memory(m), Register(r)] => Instruction::with2(code, m, r),
        [Register(r), Memory(m)] => Instruction::with2(code, r, m),
        [Memory(m), Immediate(i)] if matches!(code.op_code().op1_kind(), Kind::imm32) => {
            Instruction::with2(code, m, i as u32)
        }
        [Memory(m), Immediate(i)] => Instruction::with2(code, m, i as i32),
        _ => return None,
    };
    Some(instruction.unwrap())
}

fn forms() -> Vec<Code> {
    let emulated = |code: &Code| {
        let op = code.op_code();
        let bt = code.mnemonic() == Mnemonic::Bt && op.op1_kind() == Kind::imm8;
        op.is_instruction()
            && op.mode64()
            && op.encoding() == EncodingKind::Legacy
            && (EMULATED.contains(&code.mnemonic()) || bt)
    };
    Code::values().filter(emulated).collect()
}

#[test]
fn every_form_does_what_the_processor_does() {
    const TRIALS: usize = 300;
    let native = Native::new();
    let mut memory = [0u8; MEMORY];
    let base = memory.as_mut_ptr() as u64;
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let (mut tested, mut trials) = (0, 0);
    let mut mnemonics = BTreeSet::new();
    for code in forms() {
        if instruction(code, &mut random, base).is_none() {
            continue;
        }
        tested += 1;
        mnemonics.insert(format!("{:?}", code.mnemonic()));
        for _ in 0..TRIALS {
            let encoded = {
                let instruction = instruction(code, &mut random, base).unwrap();
                let mut encoder = Encoder::new(64);
                // CH cannot be named together with R9..R15, which need a prefix.
                let Ok(_) = encoder.encode(&instruction, 0x1000) else { continue };
                encoder.take_buffer()
            };
            let mut registers = Registers { rip: 0x1000, ..Registers::default() };
            registers.general.iter_mut().for_each(|r| *r = random.value());
            registers.set(BASE, base + 16);
            registers.set(INDEX, random.next() % 32);
            registers.flags = random.next() & STATUS | 0x202;
            memory.iter_mut().for_each(|b| *b = random.value() as u8);
            let mut shadow = Shadow { base, bytes: memory, widths: BTreeSet::new() };

            let mut expected = registers;
            native.run(&encoded, &mut expected);
            let decoded = emulate::decode_bytes(0x1000, &encoded);
            let text = emulate::text(&decoded);
            let before = registers;
            assert_eq!(emulate::step(&mut registers, &decoded, &mut shadow), Ok(()), "{text}");

            expected.rip = 0x1000 + encoded.len() as u64;
            if code.mnemonic() == Mnemonic::Bt {
                expected.flags = expected.flags & !UNDEFINED_AFTER_BT | registers.flags & UNDEFINED_AFTER_BT;
            }
            trials += 1;
            assert_eq!(registers, expected, "{text}\nbefore {before}\nemulated {registers}\nprocessor {expected}");
            assert_eq!(shadow.bytes, memory, "{text}: memory");
            let width = decoded.memory_size().size() as u8;
            assert_eq!(shadow.widths, BTreeSet::from([width]), "{text}: access widths");
        }
    }
    assert!(tested > 150 && trials > tested * TRIALS / 2, "only {trials} trials of {tested} forms");
    assert_eq!(mnemonics.len(), EMULATED.len() + 1, "{mnemonics:?}");
}

#[test]
fn anything_else_is_refused_and_changes_nothing() {
    // movups xmm0,[rsi]; rep movsb; lock cmpxchg [rsi],ecx; mov eax,fs:[rsi]; shl dword [rsi],1; push qword [rsi];
    // mov ds,[rsi]; bt [rsi],ecx; sete [rsi]; call [rsi]
    let cases: [&[u8]; 10] = [
        &[0x0F, 0x10, 0x06],
        &[0xF3, 0xA4],
        &[0xF0, 0x0F, 0xB1, 0x0E],
        &[0x64, 0x8B, 0x06],
        &[0xD1, 0x26],
        &[0xFF, 0x36],
        &[0x8E, 0x1E],
        &[0x0F, 0xA3, 0x0E],
        &[0x0F, 0x94, 0x06],
        &[0xFF, 0x16],
    ];
    for code in cases {
        let mut registers = Registers { rip: 0x1000, flags: 0x246, ..Registers::default() };
        registers.set(BASE, 0x5000);
        let before = registers;
        let decoded = emulate::decode_bytes(0x1000, code);
        let mut shadow = Shadow { base: 0x5000, bytes: [0; MEMORY], widths: BTreeSet::new() };
        assert_eq!(
            emulate::step(&mut registers, &decoded, &mut shadow),
            Err(Unsupported),
            "{}",
            emulate::text(&decoded)
        );
        assert_eq!((registers, shadow.widths.len()), (before, 0), "{}", emulate::text(&decoded));
    }
}

#[test]
fn rip_relative_operands_reach_their_address() {
    // mov eax, [rip + 0x10] at 0x1000, six bytes long.
    let decoded = emulate::decode_bytes(0x1000, &[0x8B, 0x05, 0x10, 0, 0, 0]);
    let mut registers = Registers { rip: 0x1000, ..Registers::default() };
    let mut shadow = Shadow { base: 0x1016, bytes: [7; MEMORY], widths: BTreeSet::new() };
    assert_eq!(emulate::step(&mut registers, &decoded, &mut shadow), Ok(()));
    assert_eq!((registers.get(Register::RAX), registers.rip), (0x0707_0707, 0x1006));
}
