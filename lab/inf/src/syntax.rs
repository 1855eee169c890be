//! The text form of an INF: sections of lines, each line an optional key and a list of values.

use std::collections::{BTreeMap, HashMap};

/// Why an INF could not be read or does not say what is needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SyntaxError {
    /// Line in the file, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// One line of a section, `%tokens%` already replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Line in the file, counted from 1.
    pub number: usize,
    /// What stands before `=`, if anything.
    pub key: Option<String>,
    /// The comma-separated values; an empty one is an empty string.
    pub values: Vec<String>,
}

impl Line {
    /// Value `index`, empty if the line is shorter.
    pub fn value(&self, index: usize) -> &str {
        self.values.get(index).map_or("", String::as_str)
    }
}

/// An INF as sections of lines. Section names and keys compare without regard to case.
#[derive(Clone, Debug, Default)]
pub struct Document {
    sections: BTreeMap<String, Vec<Line>>,
}

impl Document {
    /// Parses INF or INX text (comments, continuation lines, quotes, `%strings%`).
    ///
    /// # Errors
    /// [`SyntaxError`] for text outside a section, an open quote or header, and a token that `[Strings]` does not define.
    pub fn parse(text: &str) -> Result<Document, SyntaxError> {
        let mut raw: HashMap<String, Vec<RawLine>> = HashMap::new();
        let mut current: Option<String> = None;
        for (number, line) in logical_lines(text)? {
            if let Some(header) = line.strip_prefix('[') {
                let name = header.strip_suffix(']').ok_or_else(|| error(number, "section header without ]"))?;
                let name = name.trim().trim_matches('"').to_lowercase();
                raw.entry(name.clone()).or_default();
                current = Some(name);
            } else {
                let section = current.as_ref().ok_or_else(|| error(number, "text before the first [section]"))?;
                raw.entry(section.clone()).or_default().push(RawLine::split(number, &line));
            }
        }
        let strings = Strings::of(raw.get("strings").map_or(&[], Vec::as_slice))?;
        let mut sections = BTreeMap::new();
        for (name, lines) in raw.into_iter().filter(|(name, _)| name != "strings" && !name.starts_with("strings.")) {
            let lines = lines.into_iter().map(|l| l.expand(&strings)).collect::<Result<_, _>>()?;
            sections.insert(name, lines);
        }
        Ok(Document { sections })
    }

    /// The lines of a section, in file order; `None` if there is no such section.
    pub fn section(&self, name: &str) -> Option<&[Line]> {
        self.sections.get(&name.to_lowercase()).map(Vec::as_slice)
    }

    /// Every section with its lines, by name (lower case). `[Strings]` is not among them: it is in the lines already.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &[Line])> {
        self.sections.iter().map(|(name, lines)| (name.as_str(), lines.as_slice()))
    }

    /// The first line of a section with this key.
    pub fn line(&self, section: &str, key: &str) -> Option<&Line> {
        self.section(section)?.iter().find(|l| l.key.as_deref().is_some_and(|k| k.eq_ignore_ascii_case(key)))
    }
}

fn error(line: usize, message: impl Into<String>) -> SyntaxError {
    SyntaxError { line, message: message.into() }
}

/// Comments off, continuation lines joined, blank lines dropped; each with the number of its first line.
fn logical_lines(text: &str) -> Result<Vec<(usize, String)>, SyntaxError> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, physical) in text.lines().enumerate() {
        let number = index + 1;
        let code = without_comment(physical).ok_or_else(|| error(number, "quote is not closed"))?.trim();
        let (code, continued) = match code.strip_suffix('\\') {
            Some(head) => (head.trim_end(), true),
            None => (code, false),
        };
        let (first, mut joined) = open.take().unwrap_or((number, String::new()));
        joined.push_str(code);
        if continued {
            open = Some((first, joined));
        } else if !joined.is_empty() {
            lines.push((first, joined));
        }
    }
    lines.extend(open.filter(|(_, joined)| !joined.is_empty()));
    Ok(lines)
}

/// The part of a line before an unquoted `;`; `None` if a quote stays open.
fn without_comment(line: &str) -> Option<&str> {
    let end = unquoted(line, ';').next().unwrap_or(line.len());
    let code = &line[..end];
    code.matches('"').count().is_multiple_of(2).then_some(code)
}

/// Positions of `wanted` outside quotes. A doubled quote inside quotes toggles twice and so needs no care.
fn unquoted(line: &str, wanted: char) -> impl Iterator<Item = usize> {
    let mut quoted = false;
    line.char_indices().filter_map(move |(at, c)| {
        quoted ^= c == '"';
        (c == wanted && !quoted).then_some(at)
    })
}

struct RawLine {
    number: usize,
    key: Option<String>,
    values: Vec<String>,
}

impl RawLine {
    fn split(number: usize, line: &str) -> RawLine {
        let (key, rest) = match unquoted(line, '=').next() {
            Some(at) => (Some(unquote(&line[..at])), &line[at + 1..]),
            None => (None, line),
        };
        let mut values = Vec::new();
        let mut start = 0;
        for comma in unquoted(rest, ',') {
            values.push(unquote(&rest[start..comma]));
            start = comma + 1;
        }
        values.push(unquote(&rest[start..]));
        RawLine { number, key, values }
    }

    fn expand(self, strings: &Strings) -> Result<Line, SyntaxError> {
        let expand = |text: String| strings.expand(&text, self.number);
        Ok(Line {
            number: self.number,
            key: self.key.map(expand).transpose()?,
            values: self.values.into_iter().map(expand).collect::<Result<_, _>>()?,
        })
    }
}

/// Outer blanks and quotes off; a doubled quote inside quotes is one quote.
fn unquote(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                out.push('"');
            }
            '"' => quoted = !quoted,
            c => out.push(c),
        }
    }
    out
}

/// The `[Strings]` section.
struct Strings(HashMap<String, String>);

impl Strings {
    fn of(lines: &[RawLine]) -> Result<Strings, SyntaxError> {
        let mut map = HashMap::new();
        for line in lines {
            let key = line.key.as_ref().ok_or_else(|| error(line.number, "a string needs NAME = \"text\""))?;
            map.insert(key.to_lowercase(), line.values.join(","));
        }
        Ok(Strings(map))
    }

    /// Replaces `%name%`; `%%` is a percent sign; a directory number such as `%13%` stays as it is.
    fn expand(&self, text: &str, number: usize) -> Result<String, SyntaxError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let inner = &rest[at + 1..];
            let end = inner.find('%').ok_or_else(|| error(number, format!("% is not closed in {text:?}")))?;
            let name = &inner[..end];
            if name.is_empty() {
                out.push('%');
            } else if let Some(value) = self.0.get(&name.to_lowercase()) {
                out.push_str(value);
            } else if name.bytes().all(|b| b.is_ascii_digit()) {
                out.push_str(&format!("%{name}%"));
            } else {
                return Err(error(number, format!("%{name}% is not in [Strings]")));
            }
            rest = &inner[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keys_values_and_comments() {
        let d =
            Document::parse("; head\n[A]\nkey = one, \"two; 2\" ; tail\nHKR,,x,0x10001,5\n[b]\n[A]\nlast\n").unwrap();
        let lines = d.section("a").unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].key.as_deref(), Some("key"));
        assert_eq!(lines[0].values, ["one", "two; 2"]);
        assert_eq!(lines[1].values, ["HKR", "", "x", "0x10001", "5"]);
        assert_eq!((lines[2].key.as_deref(), lines[2].value(0), lines[2].number), (None, "last", 7));
        assert_eq!(d.section("B").unwrap().len(), 0);
        assert!(d.section("c").is_none());
    }

    #[test]
    fn continuation_and_doubled_quotes() {
        let d = Document::parse("[S]\na = 1, \\\n    2, \\ ; why\n 3\nq = \"say \"\"hi\"\", now\"\n").unwrap();
        assert_eq!(d.line("S", "A").unwrap().values, ["1", "2", "3"]);
        assert_eq!(d.line("S", "q").unwrap().values, ["say \"hi\", now"]);
    }

    #[test]
    fn strings_are_replaced_inside_quotes_too() {
        let d = Document::parse("[S]\n%Name% = \"%13%\\%FILE%\", 100%%\n[Strings]\nname = \"A, B\"\nfile = x.sys\n")
            .unwrap();
        let line = &d.section("s").unwrap()[0];
        assert_eq!(line.key.as_deref(), Some("A, B"));
        assert_eq!(line.values, ["%13%\\x.sys", "100%"]);
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(Document::parse("\nstray").unwrap_err().line, 2);
        assert_eq!(Document::parse("[A\n").unwrap_err().line, 1);
        assert_eq!(Document::parse("[A]\nx = \"open\n").unwrap_err().line, 2);
        let e = Document::parse("[A]\n\nx = %Nope%\n").unwrap_err();
        assert_eq!((e.line, e.message.as_str()), (3, "%Nope% is not in [Strings]"));
    }
}
