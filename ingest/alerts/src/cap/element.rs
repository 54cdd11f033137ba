//! Reading XML into a small tree, safely: no document type, no entities but the five of XML
//! itself, and nothing larger or deeper than stated.

use std::borrow::Cow;

use quick_xml::{
    NsReader,
    events::{BytesRef, Event},
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
}

impl Element {
    /// The elements of this name directly inside it.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The trimmed text of the first element of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.trim())
    }
}

/// The root element of a document, or why it is not read.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, Cow<'static, str>> {
    if bytes.len() > MAX_CAP_BYTES {
        return Err("the document is larger than 1 MiB".into());
    }
    let text = str::from_utf8(bytes).map_err(|_| "the document is not UTF-8")?;
    let mut builder = Builder::default();
    // A byte order mark is no part of the document.
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    loop {
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
                // Attributes carry nothing in CAP, but broken ones are broken XML.
                if tag.attributes().any(|attribute| attribute.is_err()) {
                    return Err("not well-formed XML: a broken attribute".into());
                }
                let name = tag.local_name().into_inner().to_owned();
                builder.start(Element { name, namespace, ..Element::default() })?;
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
        let error = parse(b"<a>&secret;</a>").unwrap_err();
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
            let error = parse(document).unwrap_err();
            assert!(error.contains(expected), "{error}, expected {expected}");
        }
    }
}
