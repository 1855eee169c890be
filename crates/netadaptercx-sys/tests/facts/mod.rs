//! The ABI facts in `shared/abi`, and how a crate's layouts, enumerations and signatures are held against them.
//!
//! Layouts are the compiler's (`layouts!`); names, literals and signatures are read from the crate's own source, so
//! that nothing defined there can be left out.

#![allow(dead_code, reason = "three crates' tests share this module and each uses its part")]

pub mod source;

use serde_json::{Map, Value};
use source::{Call, Source};
use std::{collections::BTreeMap, env, fs, path::PathBuf};

/// A structure as the compiler laid it out.
pub struct Layout {
    pub name: &'static str,
    pub size: usize,
    pub align: usize,
    pub fields: Vec<Field>,
}

/// A field by its path, without the name that Rust gives an anonymous union.
pub struct Field {
    pub name: String,
    pub offset: usize,
    pub size: usize,
}

/// The size of what a pointer points to.
pub const fn size_of_target<T>(_: *const T) -> usize {
    size_of::<T>()
}

/// The compiler's layout of each structure and of the fields named.
#[macro_export]
macro_rules! layouts {
    ($($name:ident { $($($field:ident).+),* $(,)? })*) => {
        vec![$($crate::facts::Layout {
            name: stringify!($name),
            size: size_of::<$name>(),
            align: align_of::<$name>(),
            fields: vec![$($crate::facts::Field {
                name: [$(stringify!($field)),+].join(".").trim_start_matches("anon.").to_string(),
                offset: core::mem::offset_of!($name, $($field).+),
                size: {
                    let value = core::mem::MaybeUninit::<$name>::uninit();
                    // SAFETY: the address of a field inside a live allocation is taken; nothing is read.
                    $crate::facts::size_of_target(unsafe { &raw const (*value.as_ptr()).$($field).+ })
                },
            }),*],
        }),*]
    };
}

/// The facts of one file; None when the environment says to do without.
///
/// # Panics
/// The facts are not beside the repository and `IGBCX_NO_SHARED` is not 1.
pub fn load(file: &str) -> Option<Value> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.ancestors().find(|folder| folder.join("Cargo.lock").exists() && folder.join("xtask").exists());
    let folder = root.expect("the crate lies in the repository").join("../shared/abi");
    if env::var_os("IGBCX_NO_SHARED").is_some_and(|value| value == "1") {
        return None;
    }
    let text = fs::read_to_string(folder.join(file)).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. The ABI facts lie beside the repository; IGBCX_NO_SHARED=1 does without.",
            folder.display()
        )
    });
    Some(serde_json::from_str(&text).expect("the facts are JSON"))
}

/// The entries called `kind` (structs, enums, constants) of the sections named, merged.
pub fn merged(layout: &Value, sections: &[&str], kind: &str) -> Map<String, Value> {
    let parts = sections.iter().filter_map(|section| layout["sections"][section][kind].as_object());
    parts.flat_map(|part| part.clone()).collect()
}

fn number(value: &Value, key: &str) -> usize {
    value[key].as_u64().unwrap_or_else(|| panic!("{value} has no {key}")) as usize
}

/// What is wrong with `layouts`.
///
/// A field of the facts is found under its name, or it lies in bytes that listed fields cover: a bit field in its word,
/// another member of a union. A listed field has a name of the facts, or is such a word.
pub fn layout_faults(layouts: &[Layout], structs: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    for layout in layouts {
        let Some(fact) = structs.get(layout.name) else {
            faults.push(format!("{} is not among the facts", layout.name));
            continue;
        };
        if (layout.size, layout.align) != (number(fact, "size"), number(fact, "align")) {
            faults.push(format!("{}: size {}, alignment {}", layout.name, layout.size, layout.align));
        }
        let facts = fact["fields"].as_array().expect("a structure has fields");
        let covered: Vec<usize> =
            layout.fields.iter().flat_map(|field| field.offset..field.offset + field.size).collect();
        for fact in facts {
            let (offset, size) = (number(fact, "offset"), number(fact, "size"));
            let name = fact["name"].as_str().unwrap_or_default();
            let listed = layout.fields.iter().find(|field| field.name == name);
            let fits = match listed {
                Some(field) => (field.offset, field.size) == (offset, size),
                None => (offset..offset + size).all(|byte| covered.contains(&byte)),
            };
            if !fits {
                faults.push(format!("{}.{name}: should be {size} bytes at {offset}", layout.name));
            }
        }
        for field in layout.fields.iter().filter(|field| !field.name.starts_with('_')) {
            let known = facts.iter().any(|fact| {
                let name = fact["name"].as_str().unwrap_or_default();
                let same_place = (number(fact, "offset"), number(fact, "size")) == (field.offset, field.size);
                let same_name =
                    name == field.name || name.strip_suffix(&field.name).is_some_and(|rest| rest.ends_with('.'));
                same_name || (fact.get("bit_width").is_some() && same_place)
            });
            let is_whole = (field.offset, field.size) == (0, layout.size);
            if !known && !is_whole {
                faults.push(format!("{}.{} is not among the facts", layout.name, field.name));
            }
        }
    }
    faults
}

/// Structures and fields of the source that `layouts` leaves out.
pub fn unlisted(layouts: &[Layout], source: &Source, without_facts: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let structs = source.structs();
    for (name, fields) in structs.iter().filter(|(name, _)| !without_facts.contains(&name.as_str())) {
        // The parts of a structure are listed with it, by path.
        if name.contains("__bindgen_ty_") {
            continue;
        }
        let Some(layout) = layouts.iter().find(|layout| layout.name == name) else {
            faults.push(format!("{name} is not listed"));
            continue;
        };
        // Padding has no name among the facts, and an anonymous union is listed by its members.
        let missing = fields.iter().filter(|field| {
            !field.starts_with('_') && *field != "anon" && !layout.fields.iter().any(|listed| listed.name == **field)
        });
        faults.extend(missing.map(|field| format!("{name}.{field} is not listed")));
    }
    faults
}

/// What is wrong with the source's enumerations: a value, a name that is missing, a name too many.
pub fn enum_faults(
    enums: &BTreeMap<String, BTreeMap<String, i64>>,
    facts: &Map<String, Value>,
    without_facts: &[&str],
) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, values) in enums.iter().filter(|(name, _)| !without_facts.contains(&name.as_str())) {
        let Some(fact) = facts.get(name.trim_start_matches('_')) else {
            faults.push(format!("{name} is not among the facts"));
            continue;
        };
        let facts: BTreeMap<&str, i64> = fact["values"]
            .as_object()
            .expect("an enumeration has values")
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_i64().expect("a value is a number")))
            .collect();
        let values: BTreeMap<&str, i64> = values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        if values != facts {
            faults.push(format!("{name}: {values:?}, not {facts:?}"));
        }
    }
    faults
}

/// What is wrong with the source's constants, `known` aside: a value, or one that the facts do not hold.
pub fn constant_faults(
    constants: &BTreeMap<String, u32>,
    facts: &Map<String, Value>,
    known: impl Fn(&str) -> bool,
) -> Vec<String> {
    let differs = |(name, value): &(&String, &u32)| {
        !known(name) && facts.get(*name).and_then(Value::as_u64) != Some(u64::from(**value))
    };
    let fault = |(name, value): (&String, &u32)| format!("{name} is {value:#x}, not {:?}", facts.get(name));
    constants.iter().filter(differs).map(fault).collect()
}

/// What is wrong with the table of indices `enumeration`, whose last value counts the entries.
pub fn table_faults(enumeration: &BTreeMap<String, i64>, count: &str, facts: &Value) -> Vec<String> {
    let functions = facts["functions"].as_object().expect("the facts have functions");
    let mut expected: BTreeMap<String, i64> = functions
        .iter()
        .map(|(name, function)| (format!("{name}TableIndex"), number(function, "index") as i64))
        .collect();
    expected.insert(count.to_string(), number(facts, "entry_count") as i64);
    let differs = |name: &&String| enumeration.get(*name) != expected.get(*name);
    enumeration.keys().chain(expected.keys()).filter(differs).map(|name| format!("{name} differs")).collect()
}

/// What is wrong with the call shims: index, result, number or type of the parameters after the globals.
pub fn call_faults(calls: &[Call], facts: &Value) -> Vec<String> {
    calls.iter().filter_map(|call| call_fault(call, &facts["functions"][&call.name], 1)).collect()
}

/// What is wrong with the callback pointers `PFN_X` of the functions `EVT_X`.
pub fn callback_faults(callbacks: &[Call], facts: &Value) -> Vec<String> {
    let facts = &facts["callbacks"];
    callbacks.iter().filter_map(|call| call_fault(call, &facts[call.name.replacen("PFN_", "EVT_", 1)], 0)).collect()
}

fn call_fault(call: &Call, fact: &Value, skip: usize) -> Option<String> {
    let Some(params) = fact["params"].as_array() else {
        return Some(format!("{} is not among the facts", call.name));
    };
    let text = |value: &Value| rust_type(value.as_str().unwrap_or_default());
    let params: Vec<String> = params[skip..].iter().map(|param| text(&param["type"])).collect();
    let found: Vec<String> = call.params.iter().map(|param| plain_type(param)).collect();
    let (result, found_result) = (text(&fact["ret"]), plain_type(&call.result));
    let index = fact["index"].as_i64();
    let fits = params == found && result == found_result && index == call.index;
    (!fits).then(|| {
        format!(
            "{}: {found:?} -> {found_result} at {:?}, not {params:?} -> {result} at {index:?}",
            call.name, call.index
        )
    })
}

/// A C type in the spelling of [`plain_type`].
fn rust_type(c: &str) -> String {
    let c = c.trim();
    if let Some(element) = c.strip_suffix("[]") {
        return format!("*mut {}", rust_type(element));
    }
    if let Some(target) = c.strip_prefix('P').filter(|target| target.starts_with("NDIS_")) {
        return format!("*mut {target}");
    }
    // A constant pointer, not a pointer to constant data.
    if let Some(pointer) = c.strip_prefix("const ").filter(|name| name.starts_with('P') && !name.ends_with('*')) {
        return plain_type(pointer);
    }
    if let Some(target) = c.strip_suffix('*') {
        return match target.trim().strip_prefix("const ") {
            Some(target) => format!("*const {}", rust_type(target)),
            None => format!("*mut {}", rust_type(target)),
        };
    }
    plain_type(c)
}

/// A type with the names that mean the same thing made one.
fn plain_type(rust: &str) -> String {
    let rust = rust.trim();
    for pointer in ["*const ", "*mut "] {
        if let Some(target) = rust.strip_prefix(pointer) {
            return format!("{pointer}{}", plain_type(target));
        }
    }
    match rust {
        "" | "void" | "VOID" | "()" => "c_void".into(),
        "size_t" | "usize" | "SIZE_T" => "SIZE_T".into(),
        "PVOID" => "*mut c_void".into(),
        other => other.trim_start_matches('_').to_string(),
    }
}
