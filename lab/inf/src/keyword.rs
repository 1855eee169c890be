//! A keyword of `Ndi\params`: what the Advanced page of Windows would let a user enter.

use std::collections::BTreeMap;

/// What values a keyword takes. Source: windows-driver-docs,
/// network/specifying-configuration-parameters-for-the-advanced-properties-page.md.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `int`, `long`, `word` or `dword`: `min`, `min + step`, ... up to `max`.
    Number {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// Distance between values, at least 1.
        step: i64,
        /// Digits are decimal (10) or hexadecimal (16).
        base: u32,
    },
    /// `enum`: value and its description.
    Choice(Vec<(String, String)>),
    /// `edit`: text of at most so many characters.
    Text {
        /// Most characters, if the INF says (`LimitText`).
        limit: Option<usize>,
    },
}

/// One keyword with its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// Name of the registry value, for example `*ReceiveBuffers`.
    pub name: String,
    /// Text on the Advanced page.
    pub description: String,
    /// Values it takes.
    pub kind: Kind,
    /// May be absent from the registry.
    pub optional: bool,
    /// The default; `None` when the INF gives none (only if optional).
    pub default: Option<String>,
}

impl Keyword {
    /// Checks a value as Windows' Advanced page would.
    ///
    /// # Errors
    /// A sentence that says what the keyword takes.
    pub fn check(&self, value: &str) -> Result<(), String> {
        match &self.kind {
            Kind::Number { min, max, step, base } => {
                let number = i64::from_str_radix(value.trim(), *base)
                    .map_err(|_| format!("{} takes a base-{base} number, not {value:?}", self.name))?;
                if number < *min || number > *max {
                    return Err(format!("{} takes {min} to {max}, not {number}", self.name));
                }
                if (number - min) % step != 0 {
                    return Err(format!("{} takes {min} to {max} in steps of {step}, not {number}", self.name));
                }
            }
            Kind::Choice(values) => {
                if !values.iter().any(|(v, _)| v == value) {
                    let list: Vec<_> = values.iter().map(|(v, text)| format!("{v} ({text})")).collect();
                    return Err(format!("{} takes one of {}, not {value:?}", self.name, list.join(", ")));
                }
            }
            Kind::Text { limit } => {
                if let Some(limit) = limit.filter(|l| value.chars().count() > *l) {
                    return Err(format!("{} takes at most {limit} characters, not {value:?}", self.name));
                }
            }
        }
        Ok(())
    }

    /// Builds the keyword from the values of its `Ndi\params\NAME` and `Ndi\params\NAME\enum` keys (value names in
    /// lower case).
    ///
    /// # Errors
    /// A sentence that says what the INF lacks or has wrong.
    pub(super) fn from_values(
        name: &str,
        values: &BTreeMap<String, String>,
        choices: Vec<(String, String)>,
    ) -> Result<Keyword, String> {
        let get = |key: &str| values.get(key).map(String::as_str);
        let need = |key: &str| get(key).ok_or_else(|| format!("{name} has no {key}"));
        let kind_name = need("type")?.to_lowercase();
        let kind = match kind_name.as_str() {
            "int" | "long" => number(name, values, i32::MIN.into(), i32::MAX.into())?,
            "word" => number(name, values, 0, u16::MAX.into())?,
            "dword" => number(name, values, 0, u32::MAX.into())?,
            "enum" if choices.is_empty() => return Err(format!("{name} is an enum without values")),
            "enum" => Kind::Choice(choices),
            "edit" => Kind::Text {
                limit: get("limittext")
                    .map(|l| l.parse().map_err(|_| format!("LimitText of {name} is not a number: {l:?}")))
                    .transpose()?,
            },
            other => return Err(format!("{name} has the unknown type {other:?}")),
        };
        let optional = get("optional") == Some("1");
        let keyword = Keyword {
            name: name.into(),
            description: need("paramdesc")?.into(),
            kind,
            optional,
            default: get("default").map(Into::into),
        };
        match &keyword.default {
            Some(default) => keyword.check(default).map_err(|e| format!("default of {e}"))?,
            None if !optional => return Err(format!("{name} has no default and is not optional")),
            None => {}
        }
        Ok(keyword)
    }
}

fn number(name: &str, values: &BTreeMap<String, String>, low: i64, high: i64) -> Result<Kind, String> {
    let base = match values.get("base").map(String::as_str) {
        None | Some("10") => 10,
        Some("16") => 16,
        Some(other) => return Err(format!("base of {name} is {other:?}, not 10 or 16")),
    };
    let parse = |key: &str, absent: i64| match values.get(key) {
        None => Ok(absent),
        Some(text) => i64::from_str_radix(text.trim(), base)
            .map_err(|_| format!("{key} of {name} is not a base-{base} number: {text:?}")),
    };
    let (min, max, step) = (parse("min", low)?, parse("max", high)?, parse("step", 1)?);
    if min > max || step < 1 {
        return Err(format!("{name} has min {min}, max {max}, step {step}"));
    }
    Ok(Kind::Number { min, max, step, base })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword(pairs: &[(&str, &str)], choices: &[(&str, &str)]) -> Result<Keyword, String> {
        let values = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let choices = choices.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Keyword::from_values("*Word", &values, choices)
    }

    #[test]
    fn numbers_keep_range_and_step() {
        let base = [("paramdesc", "d"), ("type", "dword"), ("default", "256"), ("min", "64"), ("max", "4096")];
        let k = keyword(&[&base[..], &[("step", "8")]].concat(), &[]).unwrap();
        assert_eq!(k.check("64"), Ok(()));
        assert_eq!(k.check("4096"), Ok(()));
        assert!(k.check("63").unwrap_err().contains("64 to 4096"));
        assert!(k.check("5000").unwrap_err().contains("not 5000"));
        assert!(k.check("65").unwrap_err().contains("steps of 8"));
        assert!(k.check("many").unwrap_err().contains("base-10 number"));
    }

    #[test]
    fn hexadecimal_base() {
        let k = keyword(&[("paramdesc", "d"), ("type", "int"), ("base", "16"), ("default", "ff"), ("max", "fff")], &[])
            .unwrap();
        assert_eq!(k.check("aB"), Ok(()));
        assert!(k.check("1000").is_err());
    }

    #[test]
    fn enums_and_text() {
        let k =
            keyword(&[("paramdesc", "d"), ("type", "enum"), ("default", "1")], &[("0", "Off"), ("1", "On")]).unwrap();
        assert_eq!(k.check("0"), Ok(()));
        assert!(k.check("2").unwrap_err().contains("0 (Off), 1 (On)"));
        let k = keyword(&[("paramdesc", "d"), ("type", "edit"), ("optional", "1"), ("limittext", "12")], &[]).unwrap();
        assert_eq!((k.optional, k.default.as_deref()), (true, None));
        assert_eq!(k.check("02AABBCCDDEE"), Ok(()));
        assert!(k.check("02-AA-BB-CC-DD-EE").is_err());
    }

    #[test]
    fn faulty_keywords_are_refused() {
        let d = ("paramdesc", "d");
        assert!(keyword(&[d, ("type", "enum"), ("default", "0")], &[]).unwrap_err().contains("without values"));
        assert!(keyword(&[d, ("type", "word"), ("default", "70000")], &[]).unwrap_err().contains("default of"));
        assert!(keyword(&[d, ("type", "dword")], &[]).unwrap_err().contains("no default"));
        assert!(keyword(&[d, ("type", "float"), ("default", "1")], &[]).unwrap_err().contains("unknown type"));
        assert!(keyword(&[d, ("default", "1")], &[]).unwrap_err().contains("no type"));
    }
}
