//! The C header declares what the Rust types are: size, offset and order of each member, versions, flags, GUIDs.
//! A C compiler decides.

use igbcx_interface::*;
use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use wdk_sys::GUID;

/// What the header needs of the DDK. A GUID becomes enumerators, which a static assertion can compare.
const BASE: &str = r"
#include <stddef.h>
#include <stdint.h>
#define VOID void
typedef void *PVOID;
typedef unsigned char UCHAR;
typedef uint16_t USHORT;
typedef uint32_t ULONG;
typedef int32_t NTSTATUS, NDIS_STATUS;
typedef PVOID NDIS_HANDLE;
typedef ULONG NDIS_RECEIVE_QUEUE_ID, NDIS_RECEIVE_FILTER_ID;
typedef struct _NDIS_OID_REQUEST NDIS_OID_REQUEST;
typedef struct _NDIS_STATUS_INDICATION NDIS_STATUS_INDICATION;
typedef struct _NDIS_OPEN_NDK_ADAPTER_PARAMETERS NDIS_OPEN_NDK_ADAPTER_PARAMETERS;
typedef struct _NDK_ADAPTER NDK_ADAPTER;
typedef VOID (*PINTERFACE_REFERENCE)(PVOID Context);
typedef VOID (*PINTERFACE_DEREFERENCE)(PVOID Context);
#define DEFINE_GUID(name, a, b, c, d, e, f, g, h, i, j, k) \
    enum { name##_1 = a, name##_2 = b, name##_3 = c, \
           name##_4 = d, name##_5 = e, name##_6 = f, name##_7 = g, \
           name##_8 = h, name##_9 = i, name##_10 = j, name##_11 = k }
";

/// Static assertions of size, offsets and sizes of the members, from the compiler's layout of the Rust types.
macro_rules! assertions {
    ($($name:ident { $($field:ident),* $(,)? })*) => {
        [$({
            let mut text = equal(&format!("sizeof({})", stringify!($name)), size_of::<$name>());
            text += &equal(&format!("_Alignof({})", stringify!($name)), align_of::<$name>());
            let $name { $($field: _),* } = $name::default();
            $(
                text += &equal(
                    &format!("offsetof({}, {})", stringify!($name), stringify!($field)),
                    core::mem::offset_of!($name, $field),
                );
                text += &equal(
                    &format!("sizeof((({} *)0)->{})", stringify!($name), stringify!($field)),
                    size_of_val(&$name::default().$field),
                );
            )*
            text
        }),*].concat()
    };
}

fn equal(c: &str, value: usize) -> String {
    format!("_Static_assert({c} == {}, {c:?});\n", value)
}

fn guid(name: &str, guid: GUID) -> String {
    let head = [guid.Data1, guid.Data2.into(), guid.Data3.into()];
    let parts = head.into_iter().chain(guid.Data4.map(u32::from)).enumerate();
    parts.map(|(at, part)| equal(&format!("{name}_{}", at + 1), part as usize)).collect()
}

/// What the Rust side says.
fn all() -> String {
    let mut text = assertions! {
        IGBCX_VMQ_INTERFACE {
            Size, Version, Context, InterfaceReference, InterfaceDereference, Open, Close, Oid, CancelOid, ReturnPackets,
        }
        IGBCX_VMQ_CONSUMER { Size, Version, Context, Receive, Status, OidComplete }
        IGBCX_VMQ_PACKET { Next, QueueId, FilterId, Data, Length, Flags, VlanTag, Reserved, Provider }
        IGBCX_NDK_INTERFACE {
            Size, Version, Context, InterfaceReference, InterfaceDereference, OpenNdkAdapter, CloseNdkAdapter,
        }
    };
    text += &equal("IGBCX_VMQ_INTERFACE_VERSION", IGBCX_VMQ_INTERFACE_VERSION.into());
    text += &equal("IGBCX_NDK_INTERFACE_VERSION", IGBCX_NDK_INTERFACE_VERSION.into());
    text += &equal("IGBCX_VMQ_PACKET_VLAN_STRIPPED", IGBCX_VMQ_PACKET_VLAN_STRIPPED as usize);
    text += &guid("GUID_IGBCX_VMQ_INTERFACE", GUID_IGBCX_VMQ_INTERFACE);
    text + &guid("GUID_IGBCX_NDK_INTERFACE", GUID_IGBCX_NDK_INTERFACE)
}

/// What the C compiler complains about.
fn compile(header: &str, assertions: &str) -> Result<(), String> {
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "gcc".into()))
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a C compiler: gcc, or what CC names");
    let text = format!("{BASE}\n{header}\n{assertions}");
    compiler.stdin.take().expect("it was piped").write_all(text.as_bytes()).expect("the compiler reads");
    let output = compiler.wait_with_output().expect("the compiler ends");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn header() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/igbcx_interface.h");
    fs::read_to_string(path).expect("the header is there")
}

#[test]
fn the_header_declares_what_the_types_are() {
    compile(&header(), &all()).unwrap_or_else(|complaint| panic!("{complaint}"));
}

#[test]
fn a_difference_is_found() {
    let header = header();
    for (from, to) in [
        ("    ULONG Length;", "    USHORT Length;"),
        ("    USHORT Reserved[3];\n", ""),
        ("IGBCX_VMQ_CLOSE Close;", "IGBCX_VMQ_CLOSE Shut;"),
        ("0xd1727778", "0xd1727779"),
        ("#define IGBCX_NDK_INTERFACE_VERSION 1", "#define IGBCX_NDK_INTERFACE_VERSION 2"),
    ] {
        assert!(header.contains(from), "{from}");
        compile(&header.replace(from, to), &all()).expect_err(from);
    }
}
