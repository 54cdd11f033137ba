//! What may stand for a message or a sender.

/// The longest identifier or sender, in bytes.
pub(crate) const MAX_IDENTIFIER_BYTES: usize = 200;

/// Whether a text may be a CAP `identifier` or `sender` (§3.2.1): not empty, without white space,
/// comma, `<` and `&`.
pub(crate) fn is_identifier(text: &str) -> bool {
    (1..=MAX_IDENTIFIER_BYTES).contains(&text.len())
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || [',', '<', '&'].contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_no_white_space_comma_or_markup() {
        for ok in ["tram@example.gov.vn", "tram-0a1b.1", "trạm"] {
            assert!(is_identifier(ok), "{ok}");
        }
        for bad in ["", "a b", "a,b", "a<b", "a&b", "a\nb", "a\u{a0}b", "a\0", &"x".repeat(201)] {
            assert!(!is_identifier(bad), "{bad:?}");
        }
    }
}
