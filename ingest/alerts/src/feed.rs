//! The Atom feed of CAP messages (RFC 4287; OASIS CAP feeds v1.0).

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};
use tram_wire::UnixMicros;

use crate::{
    AlertsError, messages::etag, settings::Settings, signature::hex, sweep::FEED_AFTER_END, time,
    xml::Xml,
};

/// The most messages in the feed. Those that still stand come first and are never left out for
/// older ones.
pub const MAX_FEED_ENTRIES: u32 = 2_000;

/// The feed as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The document, `application/atom+xml`.
    pub body: String,
    /// A strong entity tag with its quotes: the same body has the same tag.
    pub etag: String,
}

struct Item {
    identifier: String,
    sent: UnixMicros,
    title: String,
}

/// Writes the feed: a message is in it from the moment it is sent until a day after it expires,
/// and never changes meanwhile.
pub(crate) fn feed(
    connection: &Connection,
    settings: &Settings,
    now: UnixMicros,
) -> Result<Feed, AlertsError> {
    let mut query = connection.prepare_cached(
        "SELECT identifier, sent, title FROM message WHERE public = 1 AND expires > ?1 \
         ORDER BY expires > ?2 DESC, sent DESC, number DESC LIMIT ?3",
    )?;
    let item = |row: &Row<'_>| {
        Ok(Item { identifier: row.get(0)?, sent: UnixMicros(row.get(1)?), title: row.get(2)? })
    };
    let since = now.0.saturating_sub(FEED_AFTER_END);
    let items = query.query_map((since, now.0, MAX_FEED_ENTRIES), item)?;
    let mut items: Vec<Item> = items.collect::<Result<_, _>>()?;
    items.sort_by_key(|item| core::cmp::Reverse(item.sent));
    let body = write(settings, &items);
    Ok(Feed { etag: etag(body.as_bytes()), body })
}

fn write(settings: &Settings, items: &[Item]) -> String {
    let address = format!("{}/cap/alerts.atom", settings.public_url);
    let newest = items.iter().map(|item| item.sent).max().unwrap_or_default();
    let mut xml = Xml::new();
    xml.open("feed", &[("xmlns", "http://www.w3.org/2005/Atom")]);
    xml.leaf("id", &urn(&settings.sender, "feed"));
    xml.leaf("title", &settings.sender_name.vi);
    xml.leaf("updated", &time::cap(newest));
    xml.open("author", &[]);
    xml.leaf("name", &settings.sender_name.vi);
    xml.close();
    xml.empty("link", &[("rel", "self"), ("type", "application/atom+xml"), ("href", &address)]);
    for item in items {
        let address = format!("{}/cap/{}.xml", settings.public_url, item.identifier);
        xml.open("entry", &[]);
        xml.leaf("id", &urn(&settings.sender, &item.identifier));
        xml.leaf("title", &item.title);
        xml.leaf("updated", &time::cap(item.sent));
        xml.leaf("published", &time::cap(item.sent));
        let cap = ("type", "application/cap+xml");
        xml.empty("link", &[("rel", "alternate"), cap, ("href", &address)]);
        xml.close();
    }
    xml.finish()
}

/// A lasting name: a UUID of version 8 (RFC 9562 §5.8) made of a digest.
fn urn(sender: &str, name: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    let digest = Sha256::digest(format!("{sender}\0{name}"));
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    let number = u128::from_be_bytes(bytes);
    let version = (number & !(0xf << 76)) | (8 << 76);
    let variant = (version & !(0b11 << 62)) | (0b10 << 62);
    let digits = hex(&variant.to_be_bytes());
    let part = |from, to| digits.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lasting_uuids_of_version_8() {
        let name = urn("tram@example.gov.vn", "tram-1");
        assert_eq!(name, urn("tram@example.gov.vn", "tram-1"));
        assert_ne!(name, urn("tram@example.gov.vn", "tram-2"));
        let uuid = name.strip_prefix("urn:uuid:").unwrap();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'8', "{uuid}");
        assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }
}
