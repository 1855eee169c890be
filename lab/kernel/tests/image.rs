//! The loader, on a tiny image written by the test.

mod common;

use common::Board;
use common::pe::{DEFAULT_COOKIE, Flaws, tiny_driver};
use lab_kernel::cpu::{self, Event};
use lab_kernel::image::{self, Image, LoadError};
use lab_kernel::{backtrace, rules};
use sha2::{Digest, Sha256};
use std::path::Path;

extern "win64" fn add(a: u64, b: u64) -> u64 {
    a + b
}

fn resolver(module: &str, name: &str) -> Option<usize> {
    (module == "ntoskrnl.exe" && name == "Add").then_some(add as *const () as usize)
}

fn load_bytes(name: &str, bytes: &[u8]) -> Result<Image, LoadError> {
    image::load_bytes(Path::new(name), bytes, &resolver)
}

fn load(flaws: Flaws) -> Image {
    load_bytes("tiny.sys", &tiny_driver(flaws)).unwrap()
}

fn call(address: usize) -> u64 {
    // SAFETY: every function of the tiny driver takes up to two integers.
    unsafe {
        let function: unsafe extern "win64" fn(u64, u64) -> u64 = std::mem::transmute(address);
        function(40, 2)
    }
}

fn read(address: usize) -> u64 {
    // SAFETY: a variable of the tiny driver.
    unsafe { (address as *const u64).read() }
}

fn violated() -> Vec<&'static str> {
    rules::violations().into_iter().map(|v| v.rule).collect()
}

machine_tests! {
    fn an_image_is_mapped_relocated_and_bound() {
        Board::new().boot();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny.sys");
        std::fs::write(&path, tiny_driver(Flaws::default())).unwrap();
        let image = image::load(&path, &resolver).unwrap();
        assert_eq!((image.name(), image.size()), ("tiny.sys", 0x7000));
        assert_eq!(call(image.entry()), 42);
        assert_eq!(image.export("Entry"), Some(image.entry()));
        assert_eq!(image.export("Nothing"), None);
        assert_eq!(read(image.export("Pointer").unwrap()), image.entry() as u64);
        let cookie = read(image.export("Cookie").unwrap());
        assert!(cookie != 0 && cookie != DEFAULT_COOKIE && cookie >> 48 == 0, "{cookie:#x}");
        assert_eq!(call(image.export("Init").unwrap()), 5);
        assert!(image.contains(image.base()) && !image.contains(image.base() + image.size()));
        let expected: String = Sha256::digest(tiny_driver(Flaws::default())).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(image.sha256(), expected);
        image.discard_init();
        assert_eq!(call(image.entry()), 42);
        assert_eq!(violated(), Vec::<&str>::new());
        assert_eq!(backtrace::describe(image.entry() as u64), "tiny+0x1000");
    }

    fn a_violation_says_where_the_driver_was() {
        Board::new().boot();
        lab_kernel::rules! { SMALL_NUMBERS: "Numbers are small", "this test"; }
        extern "win64" fn add(a: u64, b: u64) -> u64 {
            SMALL_NUMBERS.check(a < 10, || format!("{a}"));
            a + b
        }
        let resolver = |_: &str, name: &str| (name == "Add").then_some(add as *const () as usize);
        let image = image::load_bytes(Path::new("tiny.sys"), &tiny_driver(Flaws::default()), &resolver).unwrap();
        assert_eq!(call(image.entry()), 42);
        let [violation] = &rules::violations()[..] else { panic!("{:?}", rules::violations()) };
        assert_eq!((violation.rule, violation.detail.as_str()), ("SMALL_NUMBERS", "40"));
        assert_eq!(violation.at.as_deref(), Some("tiny+0x1009"));
    }

    fn flaws_of_an_image_break_rules() {
        Board::new().boot();
        let image = load(Flaws { writable_code: true, no_hardening: true });
        assert_eq!(call(image.entry()), 42);
        assert_eq!(violated(), ["IMAGE_NX_ASLR", "IMAGE_W_XOR_X"]);
    }

    fn images_come_and_go() {
        Board::new().boot();
        for _ in 0..20 {
            let image = load(Flaws::default());
            assert_eq!(call(image.entry()), 42);
        }
    }

    fn damaged_files_are_refused_or_loaded_but_never_crash_the_lab() {
        Board::new().boot();
        let good = tiny_driver(Flaws::default());
        let mut random = 0x9E37_79B9_7F4A_7C15u64;
        let mut next = move |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % below as u64) as usize
        };
        let (mut refused, mut loaded) = (0, 0);
        for round in 0..3000 {
            let mut bytes = good.clone();
            if round % 3 == 0 {
                bytes.truncate(next(good.len()));
            }
            for _ in 0..1 + next(4) {
                // Mostly the headers and tables, where a wrong value matters most.
                let at = if round % 2 == 0 { next(0x400) } else { next(good.len()) };
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = [0, 0xFF, 0x7F, next(256) as u8][next(4)];
                }
            }
            match load_bytes("damaged.sys", &bytes) {
                Ok(_) => loaded += 1,
                Err(e) => {
                    assert!(e.to_string().contains("damaged.sys: "), "{e}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 500 && loaded > 100, "{refused} refused, {loaded} loaded");
    }
}

/// The driver's own image, where it has been built: it loads, and a crash in it is reported by file and line.
#[test]
fn a_crash_of_the_driver_is_reported_by_file_and_line() {
    const NAME: &str = "a_crash_of_the_driver_is_reported_by_file_and_line";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/igbcx/x64/igbcx.sys");
    if !path.exists() {
        eprintln!("skipped: {} has not been built", path.display());
    } else if common::is_child() {
        Board::new().boot();
        let image = image::load(&path, &|module, name| lab_kernel::exports::resolve(module, name)).unwrap();
        assert_eq!(violated(), Vec::<&str>::new());
        // SAFETY: null for the driver object and the registry path, which the entry passes on: the lab stops.
        unsafe {
            let entry: unsafe extern "win64" fn(u64, u64) -> i32 = std::mem::transmute(image.entry());
            entry(0, 0);
        }
    } else {
        common::expect_stop(NAME, &common::run_child(NAME, "1"), &["STOP: ", "igbcx!", ".rs:", NAME]);
    }
}

#[test]
fn what_is_no_driver_is_refused() {
    let error = |bytes: &[u8], name: &str| load_bytes(name, bytes).unwrap_err().to_string();
    assert!(error(b"MZ", "short.sys").contains("not a 64-bit PE image"));
    let mut user = tiny_driver(Flaws::default());
    user[0x80 + 24 + 68] = 3;
    assert!(error(&user, "user.sys").contains("not a native (kernel) image"));
    let mut arm = tiny_driver(Flaws::default());
    arm[0x84..0x86].copy_from_slice(&0xAA64u16.to_le_bytes());
    assert!(error(&arm, "arm.sys").contains("not an x86-64 image"));
    let missing = image::load(Path::new("/nonexistent/igbcx.sys"), &resolver).unwrap_err().to_string();
    assert!(missing.starts_with("/nonexistent/igbcx.sys: "), "{missing}");
}

stop_tests! {
    fn a_missing_import_names_itself_and_the_caller() stops with
        ["the driver called HAL.dll!Missing, which the lab does not implement", "tiny+0x10", "a_missing_import_names"]
    {
        Board::new().boot();
        call(load(Flaws::default()).export("CallMissing").unwrap());
    }

    fn a_missing_ordinal_names_itself() stops with ["the driver called HAL.dll!#7"] {
        Board::new().boot();
        call(load(Flaws::default()).export("CallOrdinal").unwrap());
    }

    fn a_crash_is_unwound_through_pdata() stops with
        ["KMODE_EXCEPTION_NOT_HANDLED", "read of 0x8 by movzx", "    tiny+0x10", "a_crash_is_unwound"]
    {
        Board::new().boot();
        call(load(Flaws::default()).export("Crash").unwrap());
    }

    fn discarded_code_is_gone() stops with ["discarded section of tiny.sys+0x4000"] {
        Board::new().boot();
        let image = load(Flaws::default());
        image.discard_init();
        call(image.export("Init").unwrap());
    }

    fn a_deadlock_shows_the_driver_code_that_waits() stops with
        ["deadlock", "thread 2 other", "thread 1 worker: waits for a wonder", "    tiny+0x1009", "thread 2 other: waits for nothing"]
    {
        Board::new().boot();
        extern "win64" fn wait(_: u64, _: u64) -> u64 {
            cpu::wait_for("a wonder", &Event::new(false, false), None).into()
        }
        let resolver = |_: &str, name: &str| (name == "Add").then_some(wait as *const () as usize);
        let image = image::load_bytes(Path::new("tiny.sys"), &tiny_driver(Flaws::default()), &resolver).unwrap();
        let entry = image.entry();
        let worker = cpu::spawn("worker", move || {
            call(entry);
        });
        cpu::spawn("other", || assert_eq!(cpu::wait_any("nothing", &[], None), None));
        cpu::join(worker);
    }

    fn a_panic_of_the_lab_below_the_driver_stops() stops with ["panicked at", "a bug of the lab", "the lab panicked", "    tiny+0x1009"] {
        Board::new().boot();
        extern "win64" fn broken(_: u64, _: u64) -> u64 {
            panic!("a bug of the lab");
        }
        let resolver = |_: &str, name: &str| (name == "Add").then_some(broken as *const () as usize);
        call(image::load_bytes(Path::new("tiny.sys"), &tiny_driver(Flaws::default()), &resolver).unwrap().entry());
    }

    fn an_unloaded_image_is_gone() stops with ["unloaded image tiny.sys+0x1000"] {
        Board::new().boot();
        let image = load(Flaws::default());
        let entry = image.entry();
        drop(image);
        call(entry);
    }
}
