//! Warnings of others: CAP feeds that are read and shown, and raise nothing here.
//!
//! A feed is an Atom or RSS document that names CAP messages, or one CAP message itself. Nothing in
//! it is believed beyond what is shown: a message is fetched only from the feed's own host, nothing
//! is larger, deeper or more than stated, no entity is expanded, and no address in it is opened by
//! itself.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use tram_wire::UnixMicros;

use crate::{
    CapAlert,
    cap::{Element, parse},
    read_cap,
    time::HOUR,
};

/// The most messages of a feed that are read; the first ones, which are the newest in every feed
/// there is.
pub const MAX_FOREIGN_ENTRIES: usize = 100;
/// The most messages that are kept of a feed.
pub const MAX_FOREIGN_ALERTS: usize = 200;
/// A message that says no end is shown for so long after it was sent.
pub const FOREIGN_STANDS: i64 = 24 * HOUR;
/// The longest address of a message, in bytes.
const MAX_ADDRESS_BYTES: usize = 1_024;

/// What a feed's document says.
#[derive(Debug, Clone, PartialEq)]
pub enum ForeignFeed {
    /// It is a message itself.
    Alert(Box<CapAlert>),
    /// It names messages.
    Entries {
        /// Their addresses, each once, at most [`MAX_FOREIGN_ENTRIES`].
        addresses: Vec<String>,
        /// How many are on another host, and are not read.
        elsewhere: usize,
    },
}

/// Reads the document of a feed that was fetched from `url`.
///
/// # Errors
/// A sentence that says why it is none.
pub fn read_feed(url: &str, bytes: &[u8]) -> Result<ForeignFeed, String> {
    let root = parse(bytes).map_err(|e| format!("line {}: {}", e.line, e.message))?;
    let addresses: Vec<String> = match root.name.as_str() {
        "alert" => {
            let alert = read_cap(bytes).map_err(|fault| fault.to_string())?;
            return Ok(ForeignFeed::Alert(Box::new(alert)));
        }
        "feed" => root.all("entry").filter_map(atom).collect(),
        "rss" | "RDF" => {
            let channel = root.all("channel").next();
            let items = channel.into_iter().flat_map(|c| c.all("item")).chain(root.all("item"));
            items.filter_map(|item| item.get("link").map(ToOwned::to_owned)).collect()
        }
        other => return Err(format!("<{other}> is neither Atom, RSS nor a CAP message")),
    };
    let (mut kept, mut elsewhere, mut seen) = (Vec::new(), 0, HashSet::new());
    for address in addresses {
        match resolved(url, address.trim()) {
            Some(address) if kept.len() < MAX_FOREIGN_ENTRIES => {
                if seen.insert(address.clone()) {
                    kept.push(address);
                }
            }
            Some(_) => {}
            None => elsewhere += 1,
        }
    }
    Ok(ForeignFeed::Entries { addresses: kept, elsewhere })
}

/// The address of an entry's message: the link that says it is CAP, else the first one.
fn atom(entry: &Element) -> Option<String> {
    let is_cap = |e: &&Element| e.attribute("type") == Some("application/cap+xml");
    let alternate = |e: &&Element| matches!(e.attribute("rel"), None | Some("alternate"));
    let link = entry.all("link").find(is_cap).or_else(|| entry.all("link").find(alternate));
    let address = link.and_then(|e| e.attribute("href"));
    let content = entry.all("content").find_map(|e| e.attribute("src"));
    address.or(content).map(ToOwned::to_owned)
}

/// An address as the feed at `base` means it, when it is on the same host.
fn resolved(base: &str, address: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let host = rest.split('/').next()?;
    let origin = format!("{scheme}://{host}");
    let plain = address.len() <= MAX_ADDRESS_BYTES && address.bytes().all(|b| b.is_ascii_graphic());
    if !plain || address.is_empty() {
        return None;
    }
    if address.contains("://") {
        let same = address.strip_prefix(origin.as_str())?;
        return (same.is_empty() || same.starts_with('/')).then(|| address.to_owned());
    }
    if address.starts_with("//") || address.split('/').next()?.contains(':') {
        return None;
    }
    if address.starts_with('/') {
        return Some(format!("{origin}{address}"));
    }
    let path = rest.split(['?', '#']).next()?;
    let folder = path.rsplit_once('/').map_or(host, |(folder, _)| folder);
    Some(format!("{scheme}://{folder}/{address}"))
}

/// One message of others, with the feed it came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeignAlert {
    /// The feed's name.
    pub feed: String,
    /// Where the message was read.
    pub address: String,
    /// The message.
    #[serde(flatten)]
    pub alert: CapAlert,
}

/// The messages of one feed that stand.
#[derive(Debug, Clone)]
pub struct ForeignBoard {
    feed: String,
    /// By the address each was read at.
    read: BTreeMap<String, Option<CapAlert>>,
}

impl ForeignBoard {
    /// An empty board of a feed.
    #[must_use]
    pub fn new(feed: &str) -> Self {
        Self { feed: feed.to_owned(), read: BTreeMap::new() }
    }

    /// Which of the addresses a feed names are still to be read. A message never changes, so each
    /// is read once; those that the feed names no more are forgotten.
    pub fn wanted(&mut self, addresses: &[String]) -> Vec<String> {
        let named: HashSet<&String> = addresses.iter().collect();
        self.read.retain(|address, _| named.contains(address));
        addresses.iter().filter(|address| !self.read.contains_key(*address)).cloned().collect()
    }

    /// Takes what was read at an address; `None` is what is no message, and is not read again.
    pub fn take(&mut self, address: &str, alert: Option<CapAlert>) {
        if self.read.len() < MAX_FOREIGN_ALERTS || self.read.contains_key(address) {
            self.read.insert(address.to_owned(), alert);
        }
    }

    /// What stands now, the newest first: to the public, an alert or an update, not expired, and
    /// replaced or cancelled by no other.
    #[must_use]
    pub fn standing(&self, now: UnixMicros) -> Vec<ForeignAlert> {
        let all = || self.read.iter().filter_map(|(at, alert)| Some((at, alert.as_ref()?)));
        let replaced: HashSet<(String, String)> = all()
            .filter(|(_, alert)| {
                ["Update", "Cancel"].contains(&alert.msg_type.as_str()) && for_the_public(alert)
            })
            .flat_map(|(_, alert)| {
                let own = |reference: &'_ String| {
                    let mut parts = reference.split(',');
                    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
                };
                // Nobody takes back what another has said.
                alert
                    .references
                    .iter()
                    .filter_map(own)
                    .filter(|(sender, _)| *sender == alert.sender)
            })
            .collect();
        let stands = |alert: &CapAlert| {
            let end = alert.expires_at().unwrap_or(alert.sent_at.plus(FOREIGN_STANDS));
            ["Alert", "Update"].contains(&alert.msg_type.as_str())
                && for_the_public(alert)
                && !alert.infos.is_empty()
                && end > now
                && !replaced.contains(&(alert.sender.clone(), alert.identifier.clone()))
        };
        let mut standing: Vec<ForeignAlert> = all()
            .filter(|(_, alert)| stands(alert))
            .map(|(address, alert)| ForeignAlert {
                feed: self.feed.clone(),
                address: address.clone(),
                alert: alert.clone(),
            })
            .collect();
        standing.sort_by_key(|one| core::cmp::Reverse(one.alert.sent_at));
        standing
    }
}

/// Whether people are to act on it: no draft, test or word between machines.
fn for_the_public(alert: &CapAlert) -> bool {
    ["Actual", "Exercise"].contains(&alert.status.as_str()) && alert.scope == "Public"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Centre, MINUTE, flood};

    const URL: &str = "https://warn.example/cap/feed.atom?x=1";

    fn entries(xml: &str) -> (Vec<String>, usize) {
        match read_feed(URL, xml.as_bytes()).unwrap() {
            ForeignFeed::Entries { addresses, elsewhere } => (addresses, elsewhere),
            ForeignFeed::Alert(alert) => panic!("{alert:?}"),
        }
    }

    #[test]
    fn messages_are_found_in_atom_and_rss_and_on_the_feeds_own_host_only() {
        let atom = "<feed xmlns='http://www.w3.org/2005/Atom'>\
            <entry><link href='/a.html'/><link type='application/cap+xml' href='/a.xml'/></entry>\
            <entry><link rel='alternate' href='b.xml'/></entry>\
            <entry><content src='https://warn.example/c.xml'/></entry>\
            <entry><link href='b.xml'/></entry>\
            <entry><link href='https://warn.example.evil/d.xml'/></entry>\
            <entry><link href='http://127.0.0.1/d.xml'/></entry>\
            <entry><link href='//evil/d.xml'/></entry>\
            <entry><link href='file:///etc/passwd'/></entry>\
            <entry><link href='javascript:x'/></entry>\
            <entry><link rel='self' href='/no'/></entry></feed>";
        let (found, elsewhere) = entries(atom);
        assert_eq!(
            found,
            [
                "https://warn.example/a.xml",
                "https://warn.example/cap/b.xml",
                "https://warn.example/c.xml"
            ]
        );
        assert_eq!(elsewhere, 5);
        let rss = "<rss><channel><item><link>/r.xml</link></item><item/></channel></rss>";
        assert_eq!(entries(rss), (vec!["https://warn.example/r.xml".to_owned()], 0));
    }

    #[test]
    fn what_is_no_feed_is_refused_with_the_reason() {
        for (document, says) in [
            ("<html/>", "neither"),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><feed>&b;</feed>", "document type"),
            ("<feed>\n<entry>", "cut short"),
            ("<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'/>", "missing"),
        ] {
            let error = read_feed(URL, document.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{error}, expected {says}");
        }
    }

    #[test]
    fn a_feed_of_a_thousand_is_read_to_its_limit() {
        let many: String =
            (0..1_000).map(|n| format!("<item><link>/{n}.xml</link></item>")).collect();
        let (found, _) = entries(&format!("<rss><channel>{many}</channel></rss>"));
        assert_eq!(found.len(), MAX_FOREIGN_ENTRIES);
        let mut board = ForeignBoard::new("f");
        for n in 0..1_000 {
            board.take(&format!("/{n}"), None);
        }
        assert_eq!(board.read.len(), MAX_FOREIGN_ALERTS);
    }

    /// Our own messages, read as somebody else reads them.
    #[test]
    fn an_update_replaces_what_it_refers_to_and_what_ends_goes() {
        let mut config = crate::fixture::config();
        config.status = crate::MessageStatus::Actual;
        let mut centre = Centre::with(config, vec![flood()]);
        centre.rise();
        centre.river(&[84_000]);
        let mut board = ForeignBoard::new("lao-cai");
        let messages = centre.messages();
        let addresses: Vec<String> = (0..messages.len()).map(|n| format!("/{n}")).collect();
        assert_eq!(board.wanted(&addresses).len(), 3);
        for (address, (_, xml)) in addresses.iter().zip(&messages) {
            board.take(address, Some(read_cap(xml.as_bytes()).unwrap()));
        }
        assert!(board.wanted(&addresses).is_empty(), "each is read once");
        // The draft is not for us, the alert was updated.
        let standing = board.standing(centre.now);
        assert_eq!(standing.len(), 1, "{standing:#?}");
        let info = standing[0].alert.info("vi").unwrap();
        assert_eq!((info.severity.as_str(), info.areas.len()), ("Moderate", 1));
        assert_eq!(info.areas[0].polygons[0][0], [22.45, 103.93]);
        assert_eq!(info.areas[0].geocodes[0], "VN-COMMUNE=02647");
        assert_eq!(standing[0].alert.info("zh-TW").unwrap().language, "zh-CN");
        assert_eq!(standing[0].alert.info("fr").unwrap().language, "vi-VN");
        assert!(board.standing(centre.now.plus(7 * HOUR)).is_empty());
        let before = centre.now;
        centre.fall();
        let all_clear = read_cap(centre.messages()[3].1.as_bytes()).unwrap();
        board.take("/end", Some(all_clear));
        let standing = board.standing(before.plus(MINUTE));
        assert_eq!(standing[0].alert.info("en").unwrap().responses, ["AllClear"]);
        assert_eq!(standing.len(), 1);
        board.wanted(&[]);
        assert!(board.standing(before).is_empty());
    }
}
