//! Counted strings.

use super::{Ptr, exports};
use crate::rules;
use std::cmp::Ordering;

rules! {
    UNICODE_STRING_VALID: "A UNICODE_STRING has an even length within its maximum length", "DDI ntdef UNICODE_STRING";
}

const STATUS_SUCCESS: i32 = 0;
const STATUS_BUFFER_TOO_SMALL: i32 = 0xC000_0023_u32 as i32;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
/// Longest string with a terminator, in bytes.
const LONGEST: usize = 0xFFFC;

/// UNICODE_STRING (ANSI_STRING is the same with bytes).
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Counted {
    /// Bytes, without a terminator.
    length: u16,
    maximum: u16,
    buffer: usize,
}

/// The text of a UNICODE_STRING.
pub(super) fn text(string: Ptr<Counted>) -> Vec<u16> {
    let Counted { length, maximum, buffer } = string.read();
    UNICODE_STRING_VALID.check(length <= maximum && length % 2 == 0, || format!("length {length} of {maximum}"));
    let buffer: Ptr<u16> = Ptr(buffer as *mut u16);
    (0..usize::from(length) / 2).map(|i| buffer.add(i).read()).collect()
}

/// Writes as much of `text` behind the first `from` units as fits, and a terminator if that fits too; true if all did.
fn put(string: Ptr<Counted>, from: usize, text: &[u16]) -> bool {
    let Counted { maximum, buffer, .. } = string.read();
    let target: Ptr<u16> = Ptr(buffer as *mut u16);
    let room = usize::from(maximum) / 2;
    let fits = text.len().min(room.saturating_sub(from));
    text[..fits].iter().enumerate().for_each(|(i, unit)| target.add(from + i).write(*unit));
    if from + fits < room {
        target.add(from + fits).write(0);
    }
    string.write(Counted { length: (2 * (from + fits)) as u16, maximum, buffer });
    fits == text.len()
}

fn append(string: Ptr<Counted>, tail: &[u16]) -> i32 {
    let Counted { length, maximum, .. } = string.read();
    if usize::from(length) + 2 * tail.len() > usize::from(maximum) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    put(string, usize::from(length) / 2, tail);
    STATUS_SUCCESS
}

/// Units up to the terminator; `None` if there is none within the limit of a UNICODE_STRING.
fn terminated<T: Copy + PartialEq + Default>(source: Ptr<T>, limit: usize) -> Option<usize> {
    if source.is_null() { Some(0) } else { (0..=limit).find(|i| source.add(*i).read() == T::default()) }
}

fn init<T: Copy + PartialEq + Default>(string: Ptr<Counted>, source: Ptr<T>) {
    let unit = size_of::<T>();
    let length = terminated(source, LONGEST / unit).unwrap_or(LONGEST / unit) * unit;
    let maximum = if source.is_null() { 0 } else { length + unit };
    string.write(Counted { length: length as u16, maximum: maximum as u16, buffer: source.address() });
}

fn compare(a: Ptr<Counted>, b: Ptr<Counted>, ignore_case: bool) -> Ordering {
    let fold = |text: Vec<u16>| {
        let upper = |unit| match char::from_u32(u32::from(unit)).map(char::to_uppercase) {
            Some(mut upper) if ignore_case && upper.len() == 1 => upper.next().map_or(unit, |c| c as u16),
            _ => unit,
        };
        text.into_iter().map(upper).collect::<Vec<u16>>()
    };
    fold(text(a)).cmp(&fold(text(b)))
}

/// The number at the start of a string, as RtlUnicodeStringToInteger reads it.
fn parse(text: &[u16], base: u32) -> Option<u32> {
    let text: String = text.iter().map(|unit| char::from_u32(u32::from(*unit)).unwrap_or('\u{fffd}')).collect();
    let text = text.trim_start();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(p, b)| Some((b, text.strip_prefix(p)?)));
    let (radix, digits) = match (base, prefixed) {
        (0, Some(found)) => found,
        (0, None) => (10, text),
        (2 | 8 | 10 | 16, _) => (base, text),
        _ => return None,
    };
    let value =
        digits.chars().map_while(|c| c.to_digit(radix)).fold(0u32, |v, d| v.wrapping_mul(radix).wrapping_add(d));
    Some(if negative { value.wrapping_neg() } else { value })
}

exports! {
    [AtMostDispatch] fn RtlInitUnicodeString(string: Ptr<Counted>, source: Ptr<u16>) { init(string, source); }

    [AtMostDispatch] fn RtlInitAnsiString(string: Ptr<Counted>, source: Ptr<u8>) { init(string, source); }

    [AtMostDispatch] fn RtlInitString(string: Ptr<Counted>, source: Ptr<u8>) { init(string, source); }

    [AtMostDispatch] fn RtlCopyUnicodeString(destination: Ptr<Counted>, source: Ptr<Counted>) {
        let copied = if source.is_null() { Vec::new() } else { text(source) };
        put(destination, 0, &copied);
    }

    [AtMostDispatch] fn RtlAppendUnicodeStringToString(destination: Ptr<Counted>, source: Ptr<Counted>) -> i32 {
        append(destination, &text(source))
    }

    [AtMostDispatch] fn RtlAppendUnicodeToString(destination: Ptr<Counted>, source: Ptr<u16>) -> i32 {
        match terminated(source, LONGEST / 2) {
            Some(length) => append(destination, &(0..length).map(|i| source.add(i).read()).collect::<Vec<_>>()),
            None => STATUS_BUFFER_TOO_SMALL,
        }
    }

    [Passive] fn RtlCompareUnicodeString(a: Ptr<Counted>, b: Ptr<Counted>, ignore_case: u8) -> i32 {
        compare(a, b, ignore_case != 0) as i32
    }

    [Passive] fn RtlEqualUnicodeString(a: Ptr<Counted>, b: Ptr<Counted>, ignore_case: u8) -> bool {
        compare(a, b, ignore_case != 0).is_eq()
    }

    [Passive] fn RtlUnicodeStringToInteger(string: Ptr<Counted>, base: u32, value: Ptr<u32>) -> i32 {
        match parse(&text(string), base) {
            Some(number) => {
                value.write(number);
                STATUS_SUCCESS
            }
            None => STATUS_INVALID_PARAMETER,
        }
    }

    [Any] fn strlen(text: Ptr<u8>) -> usize { terminated(text, usize::MAX - 1).unwrap_or(0) }

    [Any] fn wcslen(text: Ptr<u16>) -> usize { terminated(text, usize::MAX - 1).unwrap_or(0) }
}
