//! What a crate's source defines, read from its text.

use std::{collections::BTreeMap, fs, path::Path};

/// The source of a crate without its comments.
pub struct Source(String);

/// A function or callback: name, parameter types, result type (empty for none), table index.
pub struct Call {
    pub name: String,
    pub params: Vec<String>,
    pub result: String,
    pub index: Option<i64>,
}

impl Source {
    /// The source files of the folder and of those below it.
    pub fn of(folder: &Path) -> Self {
        let mut text = String::new();
        for entry in fs::read_dir(folder).expect("the crate has source") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                text += &Self::of(&path).0;
                continue;
            }
            let file = fs::read_to_string(path).expect("source is text");
            text.extend(file.lines().map(|line| line.split("//").next().unwrap_or_default().to_string() + "\n"));
        }
        Self(text)
    }

    pub fn from_text(text: &str) -> Self {
        Self(text.to_string())
    }

    /// What stands between `open` (a whole line start) and the first `close` after it, with the name in between:
    /// `open NAME {body close`.
    fn blocks<'a>(&'a self, open: &'a str, close: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.match_indices(open).filter_map(move |(at, _)| {
            let rest = &self.0[at + open.len()..];
            let (name, body) = rest.split_once('{')?;
            Some((name.trim(), body.split_once(close)?.0))
        })
    }

    /// Public structures and unions with their public fields.
    pub fn structs(&self) -> BTreeMap<String, Vec<String>> {
        let blocks = self.blocks("\npub struct ", "\n}").chain(self.blocks("\npub union ", "\n}"));
        let field = |line: &str| Some(line.trim().strip_prefix("pub ")?.split_once(':')?.0.to_string());
        blocks.map(|(name, body)| (name.to_string(), body.lines().filter_map(field).collect())).collect()
    }

    /// Enumerations: modules of constants, by the module's name.
    pub fn enums(&self) -> BTreeMap<String, BTreeMap<String, i64>> {
        let value = |line: &str| {
            let (name, value) = line.trim().strip_prefix("pub const ")?.strip_suffix(';')?.split_once(": Type = ")?;
            Some((name.to_string(), integer(value)))
        };
        let enums = self.blocks("\npub mod _", "\n}");
        enums.map(|(name, body)| (format!("_{name}"), body.lines().filter_map(value).collect())).collect()
    }

    /// Constants outside a module whose value is a literal, as the 32 bits of C.
    pub fn constants(&self) -> BTreeMap<String, u32> {
        let value = |line: &str| {
            let (name, value) = line.strip_prefix("pub const ")?.strip_suffix(';')?.split_once(" = ")?;
            let literal = value.strip_suffix("_u32 as i32").unwrap_or(value);
            literal.starts_with(|first: char| first.is_ascii_digit()).then_some(())?;
            Some((name.split_once(':')?.0.to_string(), u32::try_from(integer(literal)).expect("it has 32 bits")))
        };
        self.0.lines().filter_map(value).collect()
    }

    /// Uses of a call macro: `name!(Function(arg: Type, ...) -> Result = index);`.
    pub fn calls(&self, name: &str) -> Vec<Call> {
        let open = format!("\n{name}!(");
        let uses = self.0.match_indices(&open).filter_map(|(at, _)| self.0[at + open.len()..].split_once(");"));
        uses.map(|(text, _)| {
            let (signature, index) = text.rsplit_once('=').expect("a call has an index");
            Call { index: Some(integer(index)), ..call(signature, true) }
        })
        .collect()
    }

    /// Callback pointers: `pub type PFN_X = Option<evt_fn!(fn(Type, ...) -> Result)>;`.
    pub fn callbacks(&self) -> Vec<Call> {
        self.function_pointers().into_iter().filter(|pointer| pointer.name.starts_with("PFN_")).collect()
    }

    /// Function pointers of any name: `pub type X = Option<evt_fn!(fn(Type, ...) -> Result)>;`.
    pub fn function_pointers(&self) -> Vec<Call> {
        let types = self.0.match_indices("\npub type ").filter_map(|(at, _)| {
            let (name, text) = self.0[at + "\npub type ".len()..].split_once('=')?;
            let text = text.split_once(';')?.0.split_once("evt_fn!(")?.1.trim();
            Some((name, text.trim_end_matches(['>', ',', '\n', ' ']).strip_suffix(')')?.trim()))
        });
        types.map(|(name, text)| Call { name: name.trim().to_string(), ..call(text, false) }).collect()
    }
}

/// Reads `name(params) -> result`, whose parameters have names or not.
fn call(signature: &str, named: bool) -> Call {
    let (name, rest) = signature.split_once('(').expect("a signature has parameters");
    let (params, result) = rest.rsplit_once(')').expect("the parameters end");
    let kind = |param: &str| match param.split_once(':') {
        Some((_, kind)) if named => kind.trim().to_string(),
        _ => param.trim().to_string(),
    };
    Call {
        name: name.trim().to_string(),
        params: params.split(',').filter(|param| !param.trim().is_empty()).map(kind).collect(),
        result: result.trim().trim_start_matches("->").trim().to_string(),
        index: None,
    }
}

/// A decimal or hexadecimal literal, perhaps negative.
fn integer(text: &str) -> i64 {
    let text = text.trim().replace('_', "");
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|_| panic!("{text} is not a number"))
}
