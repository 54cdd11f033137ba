//! Texts with names in braces, filled in once: what is put in is never looked at again.

/// Fills in `{name}`; a name that is not known stays as it is.
pub(super) fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}').and_then(|(name, end)| Some((value(name)?, end))) {
            Some((value, end)) => {
                out.push_str(&value);
                rest = end;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A text as the inside of a JSON string.
pub(super) fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// A text as a value of a form (percent-encoded, RFC 3986 §2.1).
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_not_filled_in_again() {
        let value = |name: &str| match name {
            "a" => Some("{b}".to_owned()),
            "b" => Some("secret".to_owned()),
            _ => None,
        };
        assert_eq!(fill("{\"x\":\"{a}\",{b}}{c}{", value), "{\"x\":\"{b}\",secret}{c}{");
    }

    #[test]
    fn texts_are_escaped_for_where_they_go() {
        assert_eq!(json("a\"b\n\\"), "a\\\"b\\n\\\\");
        assert_eq!(percent("+84 a&b=ạ"), "%2B84%20a%26b%3D%E1%BA%A1");
    }
}
