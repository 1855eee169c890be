//! Runs one instruction of the driver with its memory operand on a [`Bus`].

use super::alu::{self, Binary, STATUS_FLAGS, Unary};
use iced_x86::{
    ConditionCode, Decoder, DecoderError, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic, OpKind,
    Register,
};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What answers the memory operand of an emulated instruction.
pub trait Bus {
    /// Reads `width` bytes (1, 2, 4 or 8).
    fn read(&mut self, address: u64, width: u8) -> u64;
    /// Writes the low `width` bytes (1, 2, 4 or 8) of `value`.
    fn write(&mut self, address: u64, width: u8, value: u64);
}

/// The integer registers of the interrupted code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// In encoding order: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8..R15.
    pub general: [u64; 16],
    /// Instruction pointer.
    pub rip: u64,
    /// RFLAGS.
    pub flags: u64,
}

/// The instruction is none that [`step`] emulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported;

impl Registers {
    /// Value of a general register or a part of it.
    pub fn get(&self, r: Register) -> u64 {
        let value = self.general[r.full_register().number()];
        let value = if is_high_byte(r) { value >> 8 } else { value };
        value & mask(r.size() as u8)
    }

    /// Writes a general register or a part of it; 32-bit writes clear the upper half, as in hardware.
    pub fn set(&mut self, r: Register, value: u64) {
        let full = &mut self.general[r.full_register().number()];
        *full = match r.size() {
            1 if is_high_byte(r) => *full & !0xFF00 | (value & 0xFF) << 8,
            1 => *full & !0xFF | value & 0xFF,
            2 => *full & !0xFFFF | value & 0xFFFF,
            4 => value & 0xFFFF_FFFF,
            _ => value,
        };
    }

    fn set_status(&mut self, flags: u64) {
        self.flags = self.flags & !STATUS_FLAGS | flags & STATUS_FLAGS;
    }

    fn holds(&self, condition: ConditionCode) -> bool {
        let [cf, pf, zf, sf, of] = [0, 2, 6, 7, 11].map(|bit| self.flags >> bit & 1 == 1);
        match condition {
            ConditionCode::None => true,
            ConditionCode::o => of,
            ConditionCode::no => !of,
            ConditionCode::b => cf,
            ConditionCode::ae => !cf,
            ConditionCode::e => zf,
            ConditionCode::ne => !zf,
            ConditionCode::be => cf || zf,
            ConditionCode::a => !cf && !zf,
            ConditionCode::s => sf,
            ConditionCode::ns => !sf,
            ConditionCode::p => pf,
            ConditionCode::np => !pf,
            ConditionCode::l => sf != of,
            ConditionCode::ge => sf == of,
            ConditionCode::le => zf || sf != of,
            ConditionCode::g => !zf && sf == of,
        }
    }
}

impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 16] = [
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15",
        ];
        write!(f, "rip={:016x} rflags={:08x}", self.rip, self.flags)?;
        for (i, (name, value)) in NAMES.iter().zip(self.general).enumerate() {
            write!(f, "{}{name}={value:016x}", if i % 4 == 0 { '\n' } else { ' ' })?;
        }
        Ok(())
    }
}

fn is_high_byte(r: Register) -> bool {
    matches!(r, Register::AH | Register::BH | Register::CH | Register::DH)
}

fn mask(width: u8) -> u64 {
    if width >= 8 { u64::MAX } else { (1 << (8 * u32::from(width))) - 1 }
}

fn sign_extend(value: u64, width: u8) -> u64 {
    let unused = 64 - 8 * u32::from(width);
    ((value << unused) as i64 >> unused) as u64
}

/// Instructions decoded so far; driver code does not change while its image is loaded.
static DECODED: Mutex<Option<HashMap<u64, Instruction>>> = Mutex::new(None);

/// The instruction at `rip`; an invalid one if its bytes cannot be read.
pub(crate) fn decode(rip: u64) -> Instruction {
    let mut decoded = DECODED.lock().unwrap_or_else(PoisonError::into_inner);
    *decoded.get_or_insert_default().entry(rip).or_insert_with(|| {
        const LONGEST: usize = 15;
        let mut code = [0; LONGEST];
        let readable = crate::memory::read(rip, &mut code);
        decode_bytes(rip, &code[..readable])
    })
}

/// Forgets decoded instructions: an image was unloaded.
pub(crate) fn forget_decoded() {
    *DECODED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The first instruction of `code`, which stands at `rip`.
pub fn decode_bytes(rip: u64, code: &[u8]) -> Instruction {
    let mut decoder = Decoder::with_ip(64, code, rip, DecoderOptions::NONE);
    let instruction = decoder.decode();
    if decoder.last_error() == DecoderError::None { instruction } else { Instruction::default() }
}

/// The instruction in Intel syntax.
pub fn text(instruction: &Instruction) -> String {
    let mut text = String::new();
    IntelFormatter::new().format(instruction, &mut text);
    text
}

/// Runs `instruction`, with its memory operand on `bus`, and moves `registers` behind it.
///
/// # Errors
/// [`Unsupported`], with nothing changed, for anything but the integer forms of MOV, MOVZX, MOVSX, MOVSXD, CMOVcc, XCHG,
/// ADD, ADC, SUB, SBB, AND, OR, XOR, CMP, TEST, INC, DEC, NOT, NEG and BT with an immediate.
pub fn step(registers: &mut Registers, instruction: &Instruction, bus: &mut dyn Bus) -> Result<(), Unsupported> {
    let mut run = Run { registers, instruction, bus };
    run.check_operands()?;
    match instruction.mnemonic() {
        Mnemonic::Mov | Mnemonic::Movzx => {
            let value = run.read(1);
            run.write(0, value);
        }
        Mnemonic::Movsx | Mnemonic::Movsxd => {
            let value = sign_extend(run.read(1), run.width(1));
            run.write(0, value);
        }
        Mnemonic::Xchg => {
            let (a, b) = (run.read(0), run.read(1));
            run.write(0, b);
            run.write(1, a);
        }
        Mnemonic::Add => run.binary(Binary::Add, true),
        Mnemonic::Adc => run.binary(Binary::Adc, true),
        Mnemonic::Sub => run.binary(Binary::Sub, true),
        Mnemonic::Sbb => run.binary(Binary::Sbb, true),
        Mnemonic::And => run.binary(Binary::And, true),
        Mnemonic::Or => run.binary(Binary::Or, true),
        Mnemonic::Xor => run.binary(Binary::Xor, true),
        Mnemonic::Cmp => run.binary(Binary::Sub, false),
        Mnemonic::Test => run.binary(Binary::And, false),
        Mnemonic::Inc => run.unary(Unary::Inc),
        Mnemonic::Dec => run.unary(Unary::Dec),
        Mnemonic::Neg => run.unary(Unary::Neg),
        Mnemonic::Not => run.unary(Unary::Not),
        Mnemonic::Bt if is_immediate(instruction.op1_kind()) => {
            let bit = run.read(1) % (8 * u64::from(run.width(0)));
            let carry = run.read(0) >> bit & 1;
            run.registers.flags = run.registers.flags & !1 | carry;
        }
        // Of the instructions with a condition only CMOVcc has two register or memory operands.
        _ if instruction.condition_code() != ConditionCode::None && instruction.op_count() == 2 => {
            // The operand is read, and a 32-bit destination is zero-extended, whatever the condition says.
            let source = run.read(1);
            let value = if run.registers.holds(instruction.condition_code()) { source } else { run.read(0) };
            run.write(0, value);
        }
        _ => return Err(Unsupported),
    }
    registers.rip = instruction.next_ip();
    Ok(())
}

struct Run<'a> {
    registers: &'a mut Registers,
    instruction: &'a Instruction,
    bus: &'a mut dyn Bus,
}

fn is_immediate(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    )
}

impl Run<'_> {
    /// General registers, immediates and one flat memory operand of a register's width; nothing else.
    fn check_operands(&self) -> Result<(), Unsupported> {
        let i = self.instruction;
        let flat = !matches!(i.memory_segment(), Register::FS | Register::GS) || i.op_count() == 0;
        let supported = (0..i.op_count()).all(|n| match i.op_kind(n) {
            OpKind::Register => i.op_register(n).is_gpr(),
            OpKind::Memory => flat && matches!(i.memory_size().size(), 1 | 2 | 4 | 8),
            kind => is_immediate(kind),
        });
        if supported && i.op_count() > 0 { Ok(()) } else { Err(Unsupported) }
    }

    fn width(&self, operand: u32) -> u8 {
        match self.instruction.op_kind(operand) {
            OpKind::Register => self.instruction.op_register(operand).size() as u8,
            OpKind::Memory => self.instruction.memory_size().size() as u8,
            // An immediate is as wide as the operand it meets.
            _ => self.width(0),
        }
    }

    fn address(&self) -> u64 {
        let i = self.instruction;
        // For RIP-relative operands the decoder's displacement is the address itself.
        let base = match i.memory_base() {
            Register::None | Register::RIP | Register::EIP => 0,
            base => self.registers.get(base),
        };
        let index = match i.memory_index() {
            Register::None => 0,
            index => self.registers.get(index).wrapping_mul(i.memory_index_scale().into()),
        };
        base.wrapping_add(index).wrapping_add(i.memory_displacement64())
    }

    fn read(&mut self, operand: u32) -> u64 {
        match self.instruction.op_kind(operand) {
            OpKind::Register => self.registers.get(self.instruction.op_register(operand)),
            OpKind::Memory => self.bus.read(self.address(), self.width(operand)) & mask(self.width(operand)),
            _ => self.instruction.immediate(operand) & mask(self.width(0)),
        }
    }

    fn write(&mut self, operand: u32, value: u64) {
        match self.instruction.op_kind(operand) {
            OpKind::Register => self.registers.set(self.instruction.op_register(operand), value),
            _ => self.bus.write(self.address(), self.width(operand), value & mask(self.width(operand))),
        }
    }

    fn binary(&mut self, op: Binary, keep: bool) {
        let (a, b) = (self.read(0), self.read(1));
        let (value, flags) = alu::binary(op, a, b, self.width(0), self.registers.flags);
        if keep {
            self.write(0, value);
        }
        self.registers.set_status(flags);
    }

    fn unary(&mut self, op: Unary) {
        let a = self.read(0);
        let (value, flags) = alu::unary(op, a, self.width(0), self.registers.flags);
        self.write(0, value);
        self.registers.set_status(flags);
    }
}
