//! What fits into short messages, and what is left out.
//!
//! A message of the GSM alphabet has 160 characters, 153 each when it has several parts; with any
//! other character it is UCS-2, and has 70, or 67 each (3GPP TS 23.038, 23.040 §9.2.3.24.1).
//! Vietnamese has letters that the GSM alphabet lacks, so it costs twice as much with its accents.

use crate::Notice;

/// A text of at most so many parts: the subject, the first link, then as much of the rest as fits.
pub(super) fn short(notice: &Notice, unaccented: bool, parts: u8) -> String {
    let plain = |text: &str| if unaccented { without_accents(text) } else { text.to_owned() };
    let mut subject = plain(&notice.subject);
    while !fits(&subject, parts) && subject.pop().is_some() {}
    let link = notice.links.first().map(|link| link.url.clone());
    let link = link.filter(|link| fits(&format!("{subject}\n{link}"), parts));
    let listed = if notice.lines.len() > 1 { notice.lines.as_slice() } else { &[] };
    let rest = listed.iter().chain(&notice.more).chain(&notice.instruction).map(|t| plain(t));
    let mut text = subject;
    let end = link.map_or_else(String::new, |link| format!("\n{link}"));
    for line in rest {
        let longer = format!("{text}\n{line}");
        if !fits(&format!("{longer}{end}"), parts) {
            break;
        }
        text = longer;
    }
    text + &end
}

/// Whether a text has at most so many parts.
fn fits(text: &str, parts: u8) -> bool {
    let septets: Option<usize> = text.chars().map(septets).sum();
    let (units, one, each) = match septets {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    units <= one || (parts > 1 && units <= each * usize::from(parts))
}

/// How many septets a character takes in the GSM alphabet (3GPP TS 23.038 §6.2.1), as far as ASCII
/// goes; none when it is not in it.
fn septets(c: char) -> Option<usize> {
    match c {
        '[' | ']' | '{' | '}' | '\\' | '^' | '~' | '|' => Some(2),
        '`' | '\t' => None,
        '\n' | ' '..='~' => Some(1),
        _ => None,
    }
}

/// The same in letters of the GSM alphabet, as far as Vietnamese and the usual signs go.
fn without_accents(text: &str) -> String {
    const BASES: [(&str, char); 14] = [
        ("àáạảãâầấậẩẫăằắặẳẵ", 'a'),
        ("èéẹẻẽêềếệểễ", 'e'),
        ("ìíịỉĩ", 'i'),
        ("òóọỏõôồốộổỗơờớợởỡ", 'o'),
        ("ùúụủũưừứựửữ", 'u'),
        ("ỳýỵỷỹ", 'y'),
        ("đ", 'd'),
        ("ÀÁẠẢÃÂẦẤẬẨẪĂẰẮẶẲẴ", 'A'),
        ("ÈÉẸẺẼÊỀẾỆỂỄ", 'E'),
        ("ÌÍỊỈĨ", 'I'),
        ("ÒÓỌỎÕÔỒỐỘỔỖƠỜỚỢỞỠ", 'O'),
        ("ÙÚỤỦŨƯỪỨỰỬỮ", 'U'),
        ("ỲÝỴỶỸ", 'Y'),
        ("Đ", 'D'),
    ];
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Accents that stand alone (decomposed text) are left out.
        if c.is_ascii() {
            out.push(c);
        } else if let Some((_, base)) = BASES.iter().find(|(letters, _)| letters.contains(c)) {
            out.push(*base);
        } else if !('\u{300}'..='\u{36f}').contains(&c) {
            match c {
                '…' => out.push_str("..."),
                '–' | '—' | '•' => out.push('-'),
                '“' | '”' => out.push('"'),
                '‘' | '’' => out.push('\''),
                '²' => out.push('2'),
                '³' => out.push('3'),
                'µ' | 'μ' => out.push('u'),
                other => out.push(other),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::tests::notice;

    #[test]
    fn parts_are_counted_as_networks_count_them() {
        for (text, parts, expected) in [
            ("a".repeat(160), 1, true),
            ("a".repeat(161), 1, false),
            ("a".repeat(306), 2, true),
            ("a".repeat(307), 2, false),
            ("{".repeat(80), 1, true),
            ("{".repeat(81), 1, false),
            ("ạ".repeat(70), 1, true),
            ("ạ".repeat(71), 1, false),
            ("ạ".repeat(134), 2, true),
            ("ạ".repeat(135), 2, false),
            ("😀".repeat(35), 1, true),
            ("😀".repeat(36), 1, false),
        ] {
            assert_eq!(fits(&text, parts), expected, "{} in {parts}", text.chars().count());
        }
    }

    #[test]
    fn vietnamese_is_readable_without_its_accents() {
        let text = "Lũ quét – Đường Nguyễn Huệ, PM2.5 35 µg/m³… “Sơ tán”";
        assert_eq!(
            without_accents(text),
            "Lu quet - Duong Nguyen Hue, PM2.5 35 ug/m3... \"So tan\""
        );
        assert_eq!(without_accents("Nguye\u{302}\u{303}n"), "Nguyen");
        assert_eq!(without_accents("洪水"), "洪水", "there is no shorter way");
    }

    #[test]
    fn the_subject_and_the_link_come_first_and_the_rest_as_it_fits() {
        let notice = notice();
        for (unaccented, parts) in [(true, 1), (true, 2), (true, 6), (false, 1), (false, 6)] {
            let text = short(&notice, unaccented, parts);
            assert!(fits(&text, parts), "{text}");
            assert!(text.starts_with(if unaccented {
                "[DIEN TAP] Lu"
            } else {
                "[DIỄN TẬP] Lũ"
            }));
        }
        let long = short(&notice, true, 6);
        assert!(long.contains(&notice.links[0].url) && long.contains("Tram Bao Ha"), "{long}");
        let one = short(&notice, true, 1);
        assert!(one.contains(&notice.links[0].url) && !one.contains("So tan"), "{one}");
    }
}
