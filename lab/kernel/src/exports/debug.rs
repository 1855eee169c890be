//! DbgPrint and its format strings.

use super::strings::{self, Counted};
use super::{Ptr, exports};
use crate::bugcheck::bugcheck_because;

/// Longest message, as on Windows.
const LONGEST: usize = 512;
/// STATUS_BREAKPOINT.
const STATUS_BREAKPOINT: u64 = 0x8000_0003;

/// The variadic arguments: values in registers first, then those on the stack or in a va_list.
struct Arguments<'a> {
    values: &'a [u64],
    list: Ptr<u64>,
}

impl Arguments<'_> {
    fn next(&mut self) -> u64 {
        if let Some((first, rest)) = self.values.split_first() {
            self.values = rest;
            return *first;
        }
        if self.list.is_null() {
            return 0;
        }
        let value = self.list.read();
        self.list = self.list.add(1);
        value
    }
}

/// One conversion: flags, width, precision, size prefix, letter.
#[derive(Default)]
struct Conversion {
    left: bool,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    /// 64-bit integer (ll, I64, and I and z on x64).
    long: bool,
    wide: bool,
    narrow: bool,
}

fn c_text(address: u64, limit: usize) -> String {
    let source: Ptr<u8> = Ptr(address as *mut u8);
    if source.is_null() {
        return "(null)".to_owned();
    }
    let bytes: Vec<u8> = (0..limit).map(|i| source.add(i).read()).take_while(|b| *b != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wide_text(address: u64, limit: usize) -> String {
    let source: Ptr<u16> = Ptr(address as *mut u16);
    if source.is_null() {
        return "(null)".to_owned();
    }
    let units: Vec<u16> = (0..limit).map(|i| source.add(i).read()).take_while(|u| *u != 0).collect();
    String::from_utf16_lossy(&units)
}

impl Conversion {
    fn convert(&self, letter: char, arguments: &mut Arguments<'_>) -> String {
        let value = arguments.next();
        let unsigned = if self.long { value } else { value & 0xFFFF_FFFF };
        let signed = if self.long { value as i64 } else { i64::from(value as i32) };
        let limit = self.precision.unwrap_or(LONGEST);
        let hex_prefix = if self.alternate { "0x" } else { "" };
        let text = match letter {
            'd' | 'i' => signed.to_string(),
            'u' => unsigned.to_string(),
            'x' => format!("{hex_prefix}{unsigned:x}"),
            'X' => format!("{hex_prefix}{unsigned:X}"),
            'o' => format!("{unsigned:o}"),
            'p' => format!("{value:016X}"),
            'c' | 'C' => char::from_u32(value as u32 & 0xFFFF).unwrap_or('?').to_string(),
            'Z' if self.wide => String::from_utf16_lossy(&strings::text(Ptr(value as *mut Counted))),
            's' if self.wide => wide_text(value, limit),
            'S' if !self.narrow => wide_text(value, limit),
            's' | 'S' => c_text(value, limit),
            other => return format!("%{other}"),
        };
        let missing = self.width.saturating_sub(text.chars().count());
        if self.left {
            text + &" ".repeat(missing)
        } else if self.zero {
            let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else {
            " ".repeat(missing) + &text
        }
    }
}

/// The text of a format string (the conversions that drivers use; floating point does not exist in a kernel).
fn format(format: &str, mut arguments: Arguments<'_>) -> String {
    let mut text = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut conversion = Conversion::default();
        let mut in_precision = false;
        loop {
            let Some(c) = chars.next() else { return text };
            match c {
                '%' => text.push('%'),
                '-' => conversion.left = true,
                '#' => conversion.alternate = true,
                '+' | ' ' => {}
                '.' => {
                    in_precision = true;
                    conversion.precision = Some(0);
                }
                '*' => {
                    let value = arguments.next() as u32 as usize;
                    if in_precision { conversion.precision = Some(value) } else { conversion.width = value }
                }
                '0' if !in_precision && conversion.width == 0 => conversion.zero = true,
                '0'..='9' => {
                    let slot =
                        if in_precision { conversion.precision.get_or_insert_default() } else { &mut conversion.width };
                    *slot = (*slot * 10 + c as usize - '0' as usize).min(LONGEST);
                }
                'l' => (conversion.long, conversion.wide) = (chars.peek() == Some(&'l') || conversion.long, true),
                'w' => conversion.wide = true,
                'h' => conversion.narrow = true,
                'z' | 'j' | 't' => conversion.long = true,
                'I' => {
                    conversion.long = true;
                    let size: String = chars.clone().take(2).collect();
                    if size == "64" || size == "32" {
                        conversion.long = size == "64";
                        chars.nth(1);
                    }
                }
                letter => text += &conversion.convert(letter, &mut arguments),
            }
            if c == '%' || c.is_alphabetic() && !matches!(c, 'l' | 'w' | 'h' | 'z' | 'j' | 't' | 'I') {
                break;
            }
        }
    }
    text
}

fn print(prefix: &str, template: Ptr<u8>, arguments: Arguments<'_>) {
    let text = format(&c_text(template.address() as u64, LONGEST), arguments);
    for line in text.lines() {
        eprintln!("driver: {prefix}{line}");
    }
}

exports! {
    // Variadic in C. On win64 a variadic argument is passed like a declared one; those that the driver did not pass hold
    // whatever is in their place, and no conversion of its format reads them.
    [Any] fn DbgPrint(template: Ptr<u8>, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64) -> i32 {
        print("", template, Arguments { values: &[a, b, c, d, e, f, g, h], list: Ptr(std::ptr::null_mut()) });
        0
    }

    [Any] fn DbgPrintEx(
        _component: u32, _level: u32, template: Ptr<u8>, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64,
    ) -> i32 {
        print("", template, Arguments { values: &[a, b, c, d, e, f, g, h], list: Ptr(std::ptr::null_mut()) });
        0
    }

    [Any] fn vDbgPrintEx(_component: u32, _level: u32, template: Ptr<u8>, list: Ptr<u64>) -> i32 {
        print("", template, Arguments { values: &[], list });
        0
    }

    [Any] fn vDbgPrintExWithPrefix(prefix: Ptr<u8>, _component: u32, _level: u32, template: Ptr<u8>, list: Ptr<u64>) -> i32 {
        print(&c_text(prefix.address() as u64, LONGEST), template, Arguments { values: &[], list });
        0
    }

    [Any] fn DbgBreakPoint() {
        bugcheck_because(0x1E, [STATUS_BREAKPOINT, 0, 0, 0], "DbgBreakPoint without a debugger");
    }

    [Any] fn DbgBreakPointWithStatus(status: u32) {
        bugcheck_because(0x1E, [STATUS_BREAKPOINT, status.into(), 0, 0], "DbgBreakPoint without a debugger");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(template: &str, values: &[u64]) -> String {
        format(template, Arguments { values, list: Ptr(std::ptr::null_mut()) })
    }

    #[test]
    fn conversions_match_the_c_runtime() {
        let name = c"igb";
        let wide: Vec<u16> = "eth\0".encode_utf16().collect();
        let cases: [(&str, &[u64], &str); 14] = [
            ("plain 100%%", &[], "plain 100%"),
            ("%d %i %u", &[u64::MAX, 5, 0xFFFF_FFFF], "-1 5 4294967295"),
            ("%x|%X|%#x", &[0xBEEF, 0xBEEF, 16], "beef|BEEF|0x10"),
            ("%08x|%8x|%-8x|", &[0xAB, 0xAB, 0xAB], "000000ab|      ab|ab      |"),
            ("%04d", &[(-7i64) as u64], "-007"),
            ("%lu %ld", &[1 << 32 | 7, 1 << 32 | 7], "7 7"),
            ("%llu %I64x %I32u", &[1 << 32, 1 << 32, 1 << 32 | 1], "4294967296 100000000 1"),
            ("%Iu %zu", &[1 << 32, 1 << 33], "4294967296 8589934592"),
            ("%p", &[0x1234], "0000000000001234"),
            ("%s|%10s|%-5s|%.2s", &[name.as_ptr() as u64; 4], "igb|       igb|igb  |ig"),
            ("%ws %ls %S", &[wide.as_ptr() as u64; 3], "eth eth eth"),
            ("%c%c", &[b'o'.into(), b'k'.into()], "ok"),
            ("%*d", &[4, 7], "   7"),
            ("%s", &[0], "(null)"),
        ];
        for (template, values, expected) in cases {
            assert_eq!(formatted(template, values), expected, "{template}");
        }
    }
}
