//! Backtraces over driver and lab frames: .pdata for the image, .eh_frame for the lab, the PDB for file and line.

use crate::memory;
use crate::mmio::emulate::Registers;
use crate::traps::{self, Trap};
use framehop::x86_64::{CacheX86_64, Reg, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Module, ModuleSectionInfo, Unwinder};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use pdb_addr2line::pdb;
use std::arch::asm;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Frames of one stretch of stack; more is a broken chain.
const MOST_FRAMES: usize = 200;

/// A place in running code, with what interrupted code lies below its trap handler.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    registers: Registers,
    /// The trap whose handler this code runs in; null outside handlers.
    trap: *const Trap,
}

// SAFETY: `trap` points into the stack of the thread that made the context; it is read only while that thread is parked
// inside the handler or is itself the reader.
unsafe impl Send for Context {}

impl Context {
    /// The caller's place. Valid while the calling function does not return.
    #[inline(always)]
    pub(crate) fn here() -> Context {
        const RSP: usize = 4;
        const RBP: usize = 5;
        let mut registers = Registers::default();
        // SAFETY: reads three registers.
        unsafe {
            asm!("lea {ip}, [rip]", "mov {sp}, rsp", "mov {bp}, rbp",
                 ip = out(reg) registers.rip, sp = out(reg) registers.general[RSP], bp = out(reg) registers.general[RBP],
                 options(nostack, nomem, preserves_flags));
        }
        Context { registers, trap: traps::innermost() }
    }

    /// The place of interrupted code, which itself ran inside the handler of `outer` (null: in none).
    pub(crate) fn of_trap(registers: &Registers, outer: *const Trap) -> Context {
        Context { registers: *registers, trap: outer }
    }

    fn trap(&self) -> Option<&Trap> {
        // SAFETY: see Send: the handler's frame that holds the Trap is alive.
        unsafe { self.trap.as_ref() }
    }

    fn unwind_registers(&self) -> UnwindRegsX86_64 {
        const ORDER: [Reg; 16] = [
            Reg::RAX,
            Reg::RCX,
            Reg::RDX,
            Reg::RBX,
            Reg::RSP,
            Reg::RBP,
            Reg::RSI,
            Reg::RDI,
            Reg::R8,
            Reg::R9,
            Reg::R10,
            Reg::R11,
            Reg::R12,
            Reg::R13,
            Reg::R14,
            Reg::R15,
        ];
        let mut registers = UnwindRegsX86_64::new(self.registers.rip, 0, 0);
        for (register, value) in ORDER.into_iter().zip(self.registers.general) {
            registers.set(register, value);
        }
        registers
    }
}

/// What the tracer needs to know of a loaded image.
pub(crate) struct TracedImage {
    pub(crate) name: String,
    pub(crate) base: u64,
    /// The image as mapped, headers first.
    pub(crate) memory: Vec<u8>,
    /// Where .pdata lies in it.
    pub(crate) pdata: Range<usize>,
    pub(crate) pdb: Option<PdbFile>,
}

/// The PDB that the image's debug directory names.
pub(crate) struct PdbFile {
    pub(crate) path: PathBuf,
    /// As stored in the CodeView record.
    pub(crate) guid: [u8; 16],
}

struct Symbols {
    name: String,
    range: Range<u64>,
    pdb: Option<PdbFile>,
}

struct Tracer {
    unwinder: UnwinderX86_64<Vec<u8>>,
    images: Vec<Symbols>,
    /// Functions of the lab by address.
    lab: BTreeMap<u64, String>,
    /// Files of this process with code.
    files: Vec<(Range<u64>, String)>,
}

static TRACER: Mutex<Option<Tracer>> = Mutex::new(None);

/// Use of the tracer; `None` if it is in use (a stop inside a report).
fn with<R>(f: impl FnOnce(&mut Tracer) -> R) -> Option<R> {
    let mut tracer = TRACER.try_lock().ok()?;
    Some(f(tracer.get_or_insert_with(Tracer::new)))
}

/// Adds an image: its frames have names from now on.
pub(crate) fn add_image(image: TracedImage) {
    with(|t| t.add(image));
}

/// Forgets the image at `base`.
pub(crate) fn remove_image(base: u64) {
    with(|t| {
        t.unwinder.remove_module(base);
        t.images.retain(|i| i.range.start != base);
    });
}

/// All frames at `context`, innermost first, one line each (inlined functions have lines of their own).
pub(crate) fn frames(context: &Context) -> Vec<String> {
    with(|t| t.addresses(context).into_iter().flat_map(|a| t.lines(a)).collect())
        .unwrap_or_else(|| vec!["(no backtrace: the tracer is in use)".to_owned()])
}

/// The driver's frames at `context`.
pub(crate) fn driver_frames(context: &Context) -> Vec<String> {
    with(|t| t.addresses(context).into_iter().filter(|a| t.image_of(*a).is_some()).flat_map(|a| t.lines(a)).collect())
        .unwrap_or_default()
}

/// The driver frames of the calling thread, innermost first: `name!function (file:line)`.
pub fn current() -> Vec<String> {
    driver_frames(&Context::here())
}

/// The frame of the calling thread's innermost driver code.
pub fn innermost() -> Option<String> {
    let context = Context::here();
    with(|t| {
        if t.images.is_empty() {
            return None;
        }
        let address = t.addresses(&context).into_iter().find(|a| t.image_of(*a).is_some())?;
        t.lines(address).into_iter().next()
    })?
}

/// The function, file and line of a code address (the innermost, where functions are inlined).
pub fn describe(address: u64) -> String {
    with(|t| t.lines(address).swap_remove(0)).unwrap_or_else(|| format!("{address:#x}"))
}

impl Tracer {
    fn new() -> Tracer {
        Tracer { unwinder: UnwinderX86_64::new(), images: Vec::new(), lab: BTreeMap::new(), files: Vec::new() }
    }

    /// Reads the lab's own files, at the first backtrace: most runs need none.
    fn add_files(&mut self) {
        if self.files.is_empty() {
            for (path, range) in files_with_code() {
                self.add_file(&path, range);
            }
        }
    }

    fn add_file(&mut self, path: &str, range: Range<u64>) {
        let name = Path::new(path).file_name().map_or(path.into(), |n| n.to_string_lossy()).into_owned();
        let base = range.start;
        let Ok(data) = fs::read(path) else { return };
        let Ok(file) = object::File::parse(data.as_slice()) else { return };
        if fs::canonicalize("/proc/self/exe").is_ok_and(|exe| exe == Path::new(path)) {
            let functions = file.symbols().filter(|s| s.kind() == SymbolKind::Text && s.address() != 0);
            self.lab.extend(functions.filter_map(|s| Some((base + s.address(), s.name().ok()?.to_owned()))));
        }
        let section = |name| {
            let section = file.section_by_name(name)?;
            let range = section.address()..section.address() + section.size();
            Some((range, section.uncompressed_data().ok()?.into_owned()))
        };
        let (text, eh_frame, eh_frame_hdr) = (section(".text"), section(".eh_frame"), section(".eh_frame_hdr"));
        let info = ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: text.as_ref().map(|s| s.0.clone()),
            text: text.map(|s| s.1),
            eh_frame_svma: eh_frame.as_ref().map(|s| s.0.clone()),
            eh_frame: eh_frame.map(|s| s.1),
            eh_frame_hdr_svma: eh_frame_hdr.as_ref().map(|s| s.0.clone()),
            eh_frame_hdr: eh_frame_hdr.map(|s| s.1),
            ..Default::default()
        };
        self.unwinder.add_module(Module::new(name.clone(), range.clone(), base, info));
        self.files.push((range, name));
    }

    fn add(&mut self, image: TracedImage) {
        let range = image.base..image.base + image.memory.len() as u64;
        let sections = PeSections { pdata: Some(image.memory[image.pdata].to_vec()), memory: image.memory };
        self.unwinder.add_module(Module::new(image.name.clone(), range.clone(), image.base, sections));
        self.images.push(Symbols { name: image.name, range, pdb: image.pdb });
    }

    /// Code addresses from the inside out; return addresses are moved into their call instruction.
    fn addresses(&mut self, context: &Context) -> Vec<u64> {
        self.add_files();
        let mut cache = CacheX86_64::<_>::new();
        let mut read_stack = |address| memory::read_u64(address).ok_or(());
        let mut addresses = Vec::new();
        let mut context = *context;
        loop {
            let registers = context.unwind_registers();
            let mut frames = self.unwinder.iter_frames(registers.ip(), registers, &mut cache, &mut read_stack);
            let end = addresses.len() + MOST_FRAMES;
            while let Ok(Some(frame)) = frames.next() {
                let in_handler = context.trap().is_some_and(|t| t.restorer == frame.address());
                if in_handler || addresses.len() == end {
                    break;
                }
                addresses.push(frame.address_for_lookup());
            }
            match context.trap() {
                Some(trap) => context = trap.context,
                None => return addresses,
            }
        }
    }

    fn image_of(&self, address: u64) -> Option<&Symbols> {
        self.images.iter().find(|i| i.range.contains(&address))
    }

    /// At least one line for a code address.
    fn lines(&self, address: u64) -> Vec<String> {
        if let Some(image) = self.image_of(address) {
            return image.lines(address);
        }
        let Some((range, file)) = self.files.iter().find(|(range, _)| range.contains(&address)) else {
            return vec![format!("{address:#x}")];
        };
        match self.lab.range(range.start..=address).next_back() {
            Some((_, symbol)) => vec![format!("lab {:#}", rustc_demangle::demangle(symbol))],
            None => vec![format!("lab {file}+{:#x}", address - range.start)],
        }
    }
}

impl Symbols {
    fn lines(&self, address: u64) -> Vec<String> {
        let rva = (address - self.range.start) as u32;
        let bare = || vec![format!("{}+{rva:#x}", self.name)];
        let Some(pdb) = &self.pdb else { return bare() };
        pdb.lines(&self.name, rva).filter(|lines| !lines.is_empty()).unwrap_or_else(bare)
    }
}

impl PdbFile {
    fn lines(&self, image: &str, rva: u32) -> Option<Vec<String>> {
        let mut file = pdb::PDB::open(fs::File::open(&self.path).ok()?).ok()?;
        if file.pdb_information().ok()?.guid.to_bytes_le() != self.guid {
            return Some(vec![format!("{image}+{rva:#x} ({} belongs to another build)", self.path.display())]);
        }
        let data = pdb_addr2line::ContextPdbData::try_from_pdb(file).ok()?;
        let context = data.make_context().ok()?;
        let found = context.find_frames(rva).ok()??;
        let outermost = found.frames.len() - 1;
        let line = |(i, f): (usize, &pdb_addr2line::Frame<'_>)| {
            let function = f.function.as_deref().unwrap_or("?");
            let inlined = if i < outermost { " [inlined]" } else { "" };
            match (f.file.as_deref(), f.line) {
                (Some(file), Some(line)) => format!("{image}!{function} ({file}:{line}){inlined}"),
                _ => format!("{image}!{function} (+{:#x}){inlined}", rva - found.start_rva),
            }
        };
        Some(found.frames.iter().enumerate().map(line).collect())
    }
}

/// The whole image serves as every section: unwind data may lie in any of them.
struct PeSections {
    pdata: Option<Vec<u8>>,
    memory: Vec<u8>,
}

impl ModuleSectionInfo<Vec<u8>> for PeSections {
    fn base_svma(&self) -> u64 {
        0
    }

    fn section_svma_range(&mut self, name: &[u8]) -> Option<Range<u64>> {
        matches!(name, b".text" | b".rdata").then(|| 0..self.memory.len() as u64)
    }

    fn section_data(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        match name {
            b".pdata" => self.pdata.take(),
            b".text" | b".rdata" => Some(self.memory.clone()),
            _ => None,
        }
    }
}

/// The files mapped with execute permission, each with its whole address range.
fn files_with_code() -> BTreeMap<String, Range<u64>> {
    let mut ranges: BTreeMap<String, (Range<u64>, bool)> = BTreeMap::new();
    for line in fs::read_to_string("/proc/self/maps").unwrap_or_default().lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(range), Some(rights), Some(path)) = (fields.next(), fields.next(), fields.nth(3)) else { continue };
        let bounds = range.split_once('-').and_then(|(a, b)| Some((parse_hex(a)?, parse_hex(b)?)));
        let Some((start, end)) = bounds.filter(|_| path.starts_with('/')) else { continue };
        let entry = ranges.entry(path.to_owned()).or_insert((start..end, false));
        entry.0.end = end;
        entry.1 |= rights.contains('x');
    }
    ranges.into_iter().filter(|(_, (_, code))| *code).map(|(path, (range, _))| (path, range)).collect()
}

fn parse_hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}
