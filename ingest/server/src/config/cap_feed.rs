//! Feeds of CAP messages of others.

use std::{collections::HashSet, time::Duration};

use serde::Deserialize;
use tram_config::{Document, Mistake};

use super::File;

/// The most feeds.
pub(crate) const MAX_CAP_FEEDS: usize = 16;
/// How often a feed may be asked, in seconds.
const POLL_S: std::ops::RangeInclusive<u64> = 30..=86_400;

/// One `[[cap_feed]]` as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapFeedEntry {
    pub(crate) name: String,
    pub(crate) url: String,
    #[serde(default = "default_poll_s")]
    pub(crate) poll_s: u64,
}

fn default_poll_s() -> u64 {
    300
}

/// A feed of others' warnings.
#[derive(Debug, Clone)]
pub(crate) struct CapFeed {
    /// What the page calls it.
    pub(crate) name: String,
    /// An Atom or RSS feed, or one CAP message.
    pub(crate) url: String,
    /// How long to wait between two questions.
    pub(crate) poll: Duration,
}

pub(super) fn check(document: &Document<File>) -> Result<Vec<CapFeed>, Mistake> {
    let entries = &document.value.cap_feed;
    if entries.len() > MAX_CAP_FEEDS {
        return Err(document.mistake(
            "cap_feed",
            format!("more than {MAX_CAP_FEEDS} feeds"),
            "remove some",
        ));
    }
    let mut names = HashSet::new();
    let mut feeds = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let key = |name: &str| format!("cap_feed[{i}].{name}");
        let named = (1..=100).contains(&entry.name.trim().len());
        if !named || !names.insert(entry.name.as_str()) {
            return Err(document.mistake(
                &key("name"),
                "empty, longer than 100 bytes, or the name of another feed",
                "write the name of the office that warns",
            ));
        }
        let rest = entry.url.strip_prefix("https://").or(entry.url.strip_prefix("http://"));
        let plain = entry.url.len() <= 1_024 && entry.url.bytes().all(|b| b.is_ascii_graphic());
        if !plain || rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err(document.mistake(
                &key("url"),
                format!("`{}` is not an http:// or https:// address", entry.url),
                "write the address of an Atom or RSS feed of CAP messages",
            ));
        }
        if !POLL_S.contains(&entry.poll_s) {
            return Err(document.mistake(
                &key("poll_s"),
                format!("a feed is not asked every {} s", entry.poll_s),
                format!("write a number from {} to {}", POLL_S.start(), POLL_S.end()),
            ));
        }
        feeds.push(CapFeed {
            name: entry.name.clone(),
            url: entry.url.clone(),
            poll: Duration::from_secs(entry.poll_s),
        });
    }
    Ok(feeds)
}
