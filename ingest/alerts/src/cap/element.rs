//! Reading XML into a small tree, safely: no document type, no entities but the five of XML
//! itself, and nothing larger or deeper than stated.

use std::borrow::Cow;

use quick_xml::{
    NsReader, XmlVersion,
    events::{BytesRef, BytesStart, Event},
    name::ResolveResult,
};

/// The largest document read, in bytes.
pub const MAX_CAP_BYTES: usize = 1_048_576;
/// The deepest nesting read.
pub(crate) const MAX_DEPTH: usize = 16;
/// The most elements read.
pub(crate) const MAX_ELEMENTS: usize = 20_000;

/// An element with its text and what is inside it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Element {
    /// The name without its prefix.
    pub(crate) name: String,
    /// The namespace, empty when there is none.
    pub(crate) namespace: String,
    /// All text directly inside it.
    pub(crate) text: String,
    /// The elements directly inside it, in order.
    pub(crate) children: Vec<Element>,
    /// What feeds carry in attributes; CAP itself carries nothing there.
    pub(crate) attributes: Vec<(String, String)>,
    /// The line it begins in, from 1.
    pub(crate) line: usize,
}

/// Why a document is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XmlError {
    pub(crate) message: Cow<'static, str>,
    /// The line where reading ended, from 1.
    pub(crate) line: usize,
}

/// The attributes that are kept.
const ATTRIBUTES: [&str; 4] = ["href", "rel", "src", "type"];

impl Element {
    /// The elements of this name directly inside it.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The trimmed text of the first element of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.trim())
    }

    /// The value of one of the attributes that feeds use.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Counts lines as reading goes on.
struct Lines<'a> {
    rest: &'a [u8],
    line: usize,
}

impl Lines<'_> {
    /// Goes on to a place that is `position` bytes behind the beginning of `whole`.
    fn to(&mut self, whole: &str, position: u64) -> usize {
        let done = whole.len() - self.rest.len();
        let ahead = usize::try_from(position).unwrap_or(whole.len()).saturating_sub(done);
        let (passed, rest) = self.rest.split_at(ahead.min(self.rest.len()));
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.rest = rest;
        self.line
    }
}

/// The root element of a document, or why it is not read.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    let at = |line, message: &'static str| XmlError { message: message.into(), line };
    if bytes.len() > MAX_CAP_BYTES {
        return Err(at(1, "the document is larger than 1 MiB"));
    }
    let text = str::from_utf8(bytes).map_err(|e| {
        let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
        at(1 + before.iter().filter(|b| **b == b'\n').count(), "the document is not UTF-8")
    })?;
    // A byte order mark is no part of the document.
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = Lines { rest: text.as_bytes(), line: 1 };
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    tree(&mut reader, text, &mut lines).map_err(|message| {
        let line = lines.to(text, reader.buffer_position());
        XmlError { message, line }
    })
}

/// Reads everything into a tree.
fn tree(
    reader: &mut NsReader<&[u8]>,
    whole: &str,
    lines: &mut Lines<'_>,
) -> Result<Element, Cow<'static, str>> {
    let mut builder = Builder::default();
    loop {
        let line = lines.to(whole, reader.buffer_position());
        let (namespace, event) =
            reader.read_resolved_event().map_err(|e| format!("not well-formed XML: {e}"))?;
        match event {
            Event::Start(tag) => {
                let namespace = match namespace {
                    ResolveResult::Bound(namespace) => namespace.as_ref().to_owned(),
                    ResolveResult::Unbound => String::new(),
                    ResolveResult::Unknown(prefix) => {
                        return Err(format!("the prefix `{prefix}` has no namespace").into());
                    }
                };
                let name = tag.local_name().into_inner().to_owned();
                let attributes = attributes(&tag)?;
                builder.start(Element {
                    name,
                    namespace,
                    attributes,
                    line,
                    ..Element::default()
                })?;
            }
            Event::End(_) => builder.end()?,
            Event::Text(text) => builder.text(&text.xml10_content())?,
            Event::CData(text) => builder.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => builder.text(&resolve(&reference)?)?,
            Event::DocType(_) => return Err("a document type is not read".into()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::Empty(_) => {}
            Event::Eof => return builder.finish(),
        }
    }
}

/// The attributes that are kept of a tag; broken ones are broken XML.
fn attributes(tag: &BytesStart<'_>) -> Result<Vec<(String, String)>, Cow<'static, str>> {
    let broken = "not well-formed XML: a broken attribute";
    let mut kept = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| broken)?;
        let name = attribute.key.local_name().into_inner().to_owned();
        if ATTRIBUTES.contains(&name.as_str()) {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| broken)?;
            kept.push((name, value.into_owned()));
        }
    }
    Ok(kept)
}

/// The text of one of XML's own entities or of a character's number; nothing else is expanded.
fn resolve(reference: &BytesRef<'_>) -> Result<String, Cow<'static, str>> {
    let text = match reference.as_ref() {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            return match reference.resolve_char_ref() {
                Ok(Some(c)) => Ok(c.to_string()),
                Ok(None) | Err(_) => Err("an entity is not expanded".into()),
            };
        }
    };
    Ok(text.to_owned())
}

/// The tree as far as it has been read.
#[derive(Default)]
struct Builder {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Builder {
    fn start(&mut self, element: Element) -> Result<(), Cow<'static, str>> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS || self.open.len() >= MAX_DEPTH {
            return Err("more elements or deeper nesting than is read".into());
        }
        if self.root.is_some() {
            return Err("not well-formed XML: a second root".into());
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Cow<'static, str>> {
        let element = self.open.pop().ok_or("not well-formed XML: an end without a start")?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Cow<'static, str>> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("not well-formed XML: text outside the root".into()),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, Cow<'static, str>> {
        if self.open.is_empty() {
            self.root.ok_or_else(|| "the document is empty".into())
        } else {
            Err("not well-formed XML: cut short".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_joined_and_only_xmls_own_entities_are_expanded() {
        let root = parse(b"<a xmlns='n'><b>x &lt;&#x263a;<![CDATA[&y;]]></b> <c/></a>").unwrap();
        assert_eq!(root.get("b"), Some("x <☺&y;"));
        assert_eq!(root.namespace, "n");
        assert_eq!(root.all("c").count(), 1);
        let error = parse(b"<a>&secret;</a>").unwrap_err().message;
        assert!(error.contains("entity"), "{error}");
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb = b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>";
        let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        let cases: &[(&[u8], &str)] = &[
            (bomb, "document type"),
            (deep.as_bytes(), "deeper"),
            (wide.as_bytes(), "more elements"),
            (&vec![b' '; MAX_CAP_BYTES + 1], "1 MiB"),
            (b"<a>\xff</a>", "UTF-8"),
            (b"<a><b></a>", "well-formed"),
            (b"<a>", "cut short"),
            (b"", "empty"),
            (b"<a/><b/>", "second root"),
            (b"<a/>x", "outside the root"),
            (b"<p:a/>", "no namespace"),
            (b"<a b=c/>", "attribute"),
        ];
        for (document, expected) in cases {
            let error = parse(document).unwrap_err().message;
            assert!(error.contains(expected), "{error}, expected {expected}");
        }
    }

    #[test]
    fn every_element_and_every_fault_knows_its_line() {
        let root =
            parse(b"\xef\xbb\xbf<?xml version='1.0'?>\n<a>\n\n<b\n x='1'>t\n</b><c/></a>").unwrap();
        let lines: Vec<usize> = root.children.iter().map(|child| child.line).collect();
        assert_eq!((root.line, lines), (2, vec![4, 6]));
        for (document, line) in [
            (&b"<a>\n<b>\n</a>"[..], 3),
            (b"<a>\n&x;\n</a>", 2),
            (b"\n<!DOCTYPE a []>\n<a/>", 2),
            (b"<a>\n\n\xff</a>", 3),
            (b"<a>\n\n", 3),
        ] {
            let text = String::from_utf8_lossy(document).into_owned();
            assert_eq!(parse(document).unwrap_err().line, line, "{text}");
        }
        let link = parse(b"<l xmlns='n' href='/a?b=1&amp;c' other='x'/>").unwrap();
        assert_eq!((link.attribute("href"), link.attribute("other")), (Some("/a?b=1&c"), None));
    }
}
