//! Arithmetic with flags, done by the processor's own instructions.

use std::arch::asm;

/// CF, PF, AF, ZF, SF and OF: the flags that an emulated instruction may use and change.
pub(super) const STATUS_FLAGS: u64 = 0x8D5;

/// Two-operand operations.
#[derive(Clone, Copy)]
pub(super) enum Binary {
    Add,
    Adc,
    Sub,
    Sbb,
    And,
    Or,
    Xor,
}

/// One-operand operations.
#[derive(Clone, Copy)]
pub(super) enum Unary {
    Inc,
    Dec,
    Not,
    Neg,
}

macro_rules! run_binary {
    ($mnemonic:literal, $a:expr, $b:expr, $width:expr, $flags:expr) => {
        match $width {
            1 => run_binary!(@ $mnemonic, "{a}, {b}", reg_byte, u8, $a, $b, $flags),
            2 => run_binary!(@ $mnemonic, "{a:x}, {b:x}", reg, u16, $a, $b, $flags),
            4 => run_binary!(@ $mnemonic, "{a:e}, {b:e}", reg, u32, $a, $b, $flags),
            _ => run_binary!(@ $mnemonic, "{a:r}, {b:r}", reg, u64, $a, $b, $flags),
        }
    };
    (@ $mnemonic:literal, $operands:literal, $class:ident, $type:ty, $a:expr, $b:expr, $flags:expr) => {{
        let (mut a, b, mut flags): ($type, $type, u64) = ($a as $type, $b as $type, $flags & STATUS_FLAGS);
        // SAFETY: only the named registers and the status flags change; push and pop balance.
        unsafe {
            asm!("push {f}", "popfq", concat!($mnemonic, " ", $operands), "pushfq", "pop {f}",
                 f = inout(reg) flags, a = inout($class) a, b = in($class) b);
        }
        (u64::from(a), flags & STATUS_FLAGS)
    }};
}

macro_rules! run_unary {
    ($mnemonic:literal, $a:expr, $width:expr, $flags:expr) => {
        match $width {
            1 => run_unary!(@ $mnemonic, "{a}", reg_byte, u8, $a, $flags),
            2 => run_unary!(@ $mnemonic, "{a:x}", reg, u16, $a, $flags),
            4 => run_unary!(@ $mnemonic, "{a:e}", reg, u32, $a, $flags),
            _ => run_unary!(@ $mnemonic, "{a:r}", reg, u64, $a, $flags),
        }
    };
    (@ $mnemonic:literal, $operand:literal, $class:ident, $type:ty, $a:expr, $flags:expr) => {{
        let (mut a, mut flags): ($type, u64) = ($a as $type, $flags & STATUS_FLAGS);
        // SAFETY: only the named registers and the status flags change; push and pop balance.
        unsafe {
            asm!("push {f}", "popfq", concat!($mnemonic, " ", $operand), "pushfq", "pop {f}",
                 f = inout(reg) flags, a = inout($class) a);
        }
        (u64::from(a), flags & STATUS_FLAGS)
    }};
}

/// Result and status flags of `a op b` at `width` bytes (1, 2, 4 or 8).
pub(super) fn binary(op: Binary, a: u64, b: u64, width: u8, flags: u64) -> (u64, u64) {
    match op {
        Binary::Add => run_binary!("add", a, b, width, flags),
        Binary::Adc => run_binary!("adc", a, b, width, flags),
        Binary::Sub => run_binary!("sub", a, b, width, flags),
        Binary::Sbb => run_binary!("sbb", a, b, width, flags),
        Binary::And => run_binary!("and", a, b, width, flags),
        Binary::Or => run_binary!("or", a, b, width, flags),
        Binary::Xor => run_binary!("xor", a, b, width, flags),
    }
}

/// Result and status flags of `op a` at `width` bytes (1, 2, 4 or 8).
pub(super) fn unary(op: Unary, a: u64, width: u8, flags: u64) -> (u64, u64) {
    match op {
        Unary::Inc => run_unary!("inc", a, width, flags),
        Unary::Dec => run_unary!("dec", a, width, flags),
        Unary::Not => run_unary!("not", a, width, flags),
        Unary::Neg => run_unary!("neg", a, width, flags),
    }
}
