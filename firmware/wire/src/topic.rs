//! The topics, built and taken apart in one place.

use alloc::{format, string::String};
use core::fmt;

use crate::NodeId;

/// The longest topic name the centre reads, in bytes.
pub const MAX_TOPIC_BYTES: usize = 128;

/// What a message on a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Node → centre, retained: [`Birth`](crate::Birth).
    Birth,
    /// Node → centre, retained, and the node's will: [`Status`](crate::Status).
    Status,
    /// Node → centre: [`Batch`](crate::Batch).
    Data,
    /// Node → centre: [`Alarm`](crate::Alarm).
    Alarm,
    /// Centre → node: [`Ack`](crate::Ack).
    Ack,
    /// Centre → node: [`Command`](crate::Command).
    Command,
    /// Node → centre: [`Answer`](crate::Answer).
    Answer,
    /// Third-party device → centre: a SenML pack (RFC 8428).
    Senml,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Birth,
        Self::Status,
        Self::Data,
        Self::Alarm,
        Self::Ack,
        Self::Command,
        Self::Answer,
        Self::Senml,
    ];

    /// The last topic level; `senml` for a SenML pack, whose topic is `senml/{node}`.
    #[must_use]
    pub fn level(self) -> &'static str {
        match self {
            Self::Birth => "birth",
            Self::Status => "status",
            Self::Data => "data",
            Self::Alarm => "alarm",
            Self::Ack => "ack",
            Self::Command => "cmd",
            Self::Answer => "answer",
            Self::Senml => "senml",
        }
    }

    /// The topic filter that takes this kind from every node.
    #[must_use]
    pub fn filter(self) -> String {
        match self {
            Self::Senml => String::from("senml/+"),
            other => format!("tram/v1/+/{}", other.level()),
        }
    }
}

/// A topic name of ours: `tram/v1/{node}/{kind}` or `senml/{node}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose it is.
    pub node: NodeId,
    /// What travels on it.
    pub kind: Kind,
}

/// The topic name is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicError;

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the topic is neither tram/v1/{node}/{birth,status,data,alarm,ack,cmd,answer} nor senml/{node}")
    }
}

impl core::error::Error for TopicError {}

impl Topic {
    /// Takes a topic name apart.
    ///
    /// # Errors
    /// [`TopicError`] when it is too long, has other levels, or its node is not a [`NodeId`].
    pub fn parse(name: &str) -> Result<Self, TopicError> {
        if name.len() > MAX_TOPIC_BYTES {
            return Err(TopicError);
        }
        let (node, kind) = if let Some(node) = name.strip_prefix("senml/") {
            (node, Kind::Senml)
        } else {
            let rest = name.strip_prefix("tram/v1/").ok_or(TopicError)?;
            let (node, level) = rest.split_once('/').ok_or(TopicError)?;
            let kind = Kind::ALL
                .into_iter()
                .find(|k| *k != Kind::Senml && k.level() == level)
                .ok_or(TopicError)?;
            (node, kind)
        };
        Ok(Self { node: NodeId::new(node).map_err(|_| TopicError)?, kind })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Senml => write!(f, "senml/{}", self.node),
            kind => write!(f, "tram/v1/{}/{}", self.node, kind.level()),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn every_topic_is_read_back() {
        let node = NodeId::new("sapa-slope-01").unwrap();
        for kind in Kind::ALL {
            let topic = Topic { node, kind };
            assert_eq!(Topic::parse(&topic.to_string()), Ok(topic));
        }
    }

    #[test]
    fn other_topics_are_refused() {
        let long = "senml/".to_string() + &"a".repeat(MAX_TOPIC_BYTES);
        for bad in [
            "",
            "/",
            "tram",
            "tram/v1",
            "tram/v1/a",
            "tram/v1/a/",
            "tram/v1/a/data/x",
            "tram/v2/a/data",
            "tram/v1//data",
            "tram/v1/+/data",
            "tram/v1/a/senml",
            "senml/",
            "senml/a/b",
            "/senml/a",
            "$SYS/broker",
            "tram/v1/A/data",
            &long,
        ] {
            assert_eq!(Topic::parse(bad), Err(TopicError), "{bad:?}");
        }
    }
}
