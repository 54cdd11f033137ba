//! A file, its checked value, and the way back from a key to its line.

use std::{
    fs::File,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::Mistake;

/// The largest configuration file in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// How different a known key may be to be offered in place of an unknown one, 0 to 1.
const SIMILAR: f64 = 0.7;

/// A configuration file that has been read.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// What it says.
    pub value: T,
    path: PathBuf,
    text: String,
}

/// Reads a file into `T`. Give `T` `#[serde(deny_unknown_fields)]`, or an unknown key passes
/// unseen.
///
/// # Errors
/// [`Mistake`] when the file cannot be read, is not TOML or does not fit `T`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Document<T>, Mistake> {
    let text = load(path)?;
    match toml::from_str(&text) {
        Ok(value) => Ok(Document { value, path: path.to_owned(), text }),
        Err(error) => Err(explain(path, &text, &error)),
    }
}

impl<T> Document<T> {
    /// A mistake at the key `path`, such as `channel[2].pin`; without such a key it points at the
    /// nearest table around it.
    #[must_use]
    pub fn mistake(
        &self,
        path: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Mistake {
        Mistake {
            file: self.path.clone(),
            line: span_of(&self.text, path).map(|span| line_at(&self.text, span.start)),
            message: message.into(),
            fix: fix.into(),
        }
    }

    /// The first bytes of the SHA-256 of the file's text, to tell two configurations apart.
    #[must_use]
    pub fn digest(&self) -> [u8; 8] {
        let mut first = [0; 8];
        first.iter_mut().zip(Sha256::digest(self.text.as_bytes())).for_each(|(a, b)| *a = b);
        first
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn load(path: &Path) -> Result<String, Mistake> {
    let mistake = |message: String, fix: &str| Mistake {
        file: path.to_owned(),
        line: None,
        message,
        fix: fix.to_owned(),
    };
    let file = File::open(path)
        .map_err(|e| mistake(format!("cannot be read: {e}"), "name a file with --config FILE"))?;
    let mut text = String::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    read.map_err(|e| mistake(format!("cannot be read: {e}"), "it must be a UTF-8 text file"))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(mistake(
            format!("is larger than {MAX_FILE_BYTES} bytes"),
            "a configuration file is far smaller; is this the right file?",
        ));
    }
    Ok(text)
}

/// The span of the last part of `path` that exists in the document.
fn span_of(text: &str, path: &str) -> Option<Range<usize>> {
    let document = toml_edit::Document::parse(text).ok()?;
    let mut span = None;
    let mut item = document.as_item();
    for part in path.split(['.', '[']).filter(|p| !p.is_empty()) {
        let next = match part.strip_suffix(']') {
            Some(index) => index.parse::<usize>().ok().and_then(|i| item.get(i)),
            None => {
                let key = item.as_table_like().and_then(|t| t.key(part)).and_then(|k| k.span());
                span = key.or(span);
                item.get(part)
            }
        };
        let Some(next) = next else { break };
        item = next;
        if part.ends_with(']') {
            span = item.span().or(span);
        }
    }
    span
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

/// Turns the parser's error into our sentence.
fn explain(path: &Path, text: &str, error: &toml::de::Error) -> Mistake {
    let message = error.message().to_owned();
    let (message, fix) = match unknown(&message) {
        Some((found, known)) => {
            let fix = nearest(&found, &known).map_or_else(
                || format!("known here: {}", known.join(", ")),
                |near| format!("write `{near}`"),
            );
            (format!("unknown {} `{found}`", what(&message)), fix)
        }
        None => (message.replace('\n', " "), instead(&message)),
    };
    let line = error.span().map(|span| line_at(text, span.start));
    Mistake { file: path.to_owned(), line, message, fix }
}

/// What to write in the place of a value of the wrong kind; empty when the message says it itself.
fn instead(message: &str) -> String {
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("add the key {field}");
    }
    if message.contains("socket address") {
        return "write an address and a port, such as 127.0.0.1:8080".to_owned();
    }
    let expected = message.rsplit("expected ").next().unwrap_or_default();
    let value = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text in quotation marks",
        "a sequence" => "a list in square brackets",
        _ => return String::new(),
    };
    format!("write {value}")
}

fn what(message: &str) -> &'static str {
    if message.starts_with("unknown field") { "key" } else { "value" }
}

/// Takes serde's ``unknown field `a`, expected one of `b`, `c` `` apart.
fn unknown(message: &str) -> Option<(String, Vec<String>)> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_owned);
    let found = quoted.next()?;
    Some((found, quoted.collect()))
}

fn nearest<'a>(found: &str, known: &'a [String]) -> Option<&'a str> {
    known
        .iter()
        .map(|k| (strsim::jaro_winkler(found, k), k.as_str()))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "read by serde only")]
    struct Sample {
        node: String,
        #[serde(default)]
        channel: Vec<Channel>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "read by serde only")]
    struct Channel {
        name: String,
        #[serde(default)]
        interval_s: u32,
        #[serde(default)]
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        #[default]
        Rain,
        Level,
    }

    fn parse(text: &str) -> Result<Document<Sample>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        fs::write(&path, text).unwrap();
        read(&path).map_err(|m| m.to_string().replace(&path.display().to_string(), "a.toml"))
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
        let error =
            parse("node = \"a\"\n\n[[channel]]\nname = \"rain\"\ninterval = 5\n").unwrap_err();
        assert_eq!(error, "a.toml:5: unknown key `interval`; write `interval_s`");
        let error = parse("node = \"a\"\nxyzzy = 1\n").unwrap_err();
        assert_eq!(error, "a.toml:2: unknown key `xyzzy`; known here: node, channel");
    }

    #[test]
    fn an_unknown_value_names_the_nearest_known_one() {
        let text = "node = \"a\"\n[[channel]]\nname = \"r\"\nkind = \"levle\"\n";
        assert_eq!(parse(text).unwrap_err(), "a.toml:4: unknown value `levle`; write `level`");
    }

    #[test]
    fn a_value_of_the_wrong_kind_says_what_to_write() {
        let number = "node = \"a\"\n[[channel]]\nname = \"r\"\ninterval_s = ";
        for value in ["\"5\"", "-5", "inf", "4294967296", "true", "1.5"] {
            let error = parse(&format!("{number}{value}\n")).unwrap_err();
            assert!(error.starts_with("a.toml:4: "), "{error}");
            assert!(error.ends_with("; write a whole number, 0 or more"), "{error}");
        }
        let error = parse("node = 5\n").unwrap_err();
        assert!(error.ends_with("; write a text in quotation marks"), "{error}");
        let error = parse("channel = 5\nnode = \"a\"\n").unwrap_err();
        assert!(error.ends_with("; write a list in square brackets"), "{error}");
        let error = parse("# nothing\n").unwrap_err();
        assert!(error.ends_with("missing field `node`; add the key `node`"), "{error}");
        let address = "invalid socket address syntax";
        assert!(instead(address).contains("127.0.0.1:8080"));
    }

    #[test]
    fn broken_toml_and_missing_files_are_sentences() {
        let error = parse("node = \"a\n").unwrap_err();
        assert!(error.starts_with("a.toml:1: "), "{error}");
        let error = read::<Sample>(Path::new("/no/such.toml")).unwrap_err().to_string();
        assert!(error.starts_with("/no/such.toml: cannot be read: "), "{error}");
    }

    #[test]
    fn a_check_points_at_its_key_or_the_table_around_it() {
        let text = "node = \"a\"\n[[channel]]\nname = \"b\"\n\n[[channel]]\nname = \"c\"\n";
        let document = parse(text).unwrap();
        assert_eq!(document.mistake("channel[1].name", "m", "f").line, Some(6));
        assert_eq!(document.mistake("channel[1].interval_s", "m", "f").line, Some(5));
        assert_eq!(document.mistake("nothing", "m", "f").line, None);
    }
}
