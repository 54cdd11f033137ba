//! Writing XML 1.0: every text escaped, every element closed.

/// A document being written, indented by two spaces.
pub(crate) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// A document with its declaration.
    pub(crate) fn new() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), open: Vec::new() }
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
    }

    /// Closes the element opened last.
    pub(crate) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.text.push_str("</");
            self.text.push_str(name);
            self.text.push_str(">\n");
        }
    }

    /// An element that holds a text.
    pub(crate) fn leaf(&mut self, name: &'static str, value: &str) {
        self.tag(name, &[]);
        self.text.push('>');
        escape(&mut self.text, value);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(">\n");
    }

    /// An element that holds nothing but attributes.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.text.push_str("/>\n");
    }

    /// The document, with every open element closed.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
    }

    fn indent(&mut self) {
        self.text.extend(self.open.iter().map(|_| "  "));
    }
}

/// Whether XML 1.0 knows the character (§2.2, production 2).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Adds `value` so that it is read back as it was, in an element as well as in an attribute. What
/// XML cannot say at all becomes U+FFFD.
fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            // `]]>` must not stand in a text.
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            // Readers turn a bare carriage return into a line feed.
            '\r' => text.push_str("&#13;"),
            c if is_xml(c) => text.push(c),
            _ => text.push('\u{fffd}'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_text_holds_becomes_markup() {
        let mut xml = Xml::new();
        xml.open("a", &[("b", "\"><x y='")]);
        xml.leaf("c", "]]> <script>&amp;\u{0}\u{1b}\r\u{ffff}");
        xml.empty("d", &[]);
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <a b=\"&quot;&gt;&lt;x y=&apos;\">\n\
            \u{20} <c>]]&gt; &lt;script&gt;&amp;amp;\u{fffd}\u{fffd}&#13;\u{fffd}</c>\n\
            \u{20} <d/>\n</a>\n";
        assert_eq!(xml.finish(), expected);
    }
}
