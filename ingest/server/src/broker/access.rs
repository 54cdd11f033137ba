//! Who may publish and subscribe what: pure decisions over names.

use tram_alerts::LOUDSPEAKER_TOPIC;
use tram_wire::{Kind, NodeId, Topic};

/// Who a connection belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// The centre's own client.
    Centre,
    /// A node or third-party device that has proved who it is.
    Node(NodeId),
    /// Somebody on this machine.
    Anonymous,
}

impl Client {
    /// Whether it may publish on `topic`.
    ///
    /// A node speaks below its own name only. Somebody on this machine may publish anything but
    /// what the centre says: a wrong topic then reaches the quarantine, where people see it.
    pub(super) fn may_publish(self, topic: &str) -> bool {
        let parsed = Topic::parse(topic);
        match self {
            Self::Centre => true,
            Self::Node(node) => parsed.is_ok_and(|t| t.node == node && spoken_by_node(t.kind)),
            Self::Anonymous => {
                let centre = topic.starts_with('$') || topic.starts_with(LOUDSPEAKER_TOPIC);
                !centre && parsed.map_or(true, |t| spoken_by_node(t.kind))
            }
        }
    }

    /// Whether it may subscribe to `filter`.
    pub(super) fn may_subscribe(self, filter: &str) -> bool {
        match self {
            Self::Centre => true,
            Self::Node(node) => {
                // A filter with a wildcard is not a topic, so it is refused as well.
                let told = Topic::parse(filter)
                    .is_ok_and(|t| t.node == node && matches!(t.kind, Kind::Ack | Kind::Command));
                told || filter.strip_prefix(LOUDSPEAKER_TOPIC) == Some(node.as_str())
            }
            Self::Anonymous => !filter.starts_with('$'),
        }
    }
}

/// Whether nodes and devices publish this kind; the others are the centre's.
fn spoken_by_node(kind: Kind) -> bool {
    match kind {
        Kind::Birth | Kind::Status | Kind::Data | Kind::Alarm | Kind::Answer | Kind::Senml => true,
        Kind::Ack | Kind::Command => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Client {
        Client::Node(NodeId::new("a").unwrap())
    }

    #[test]
    fn a_node_publishes_below_its_own_name_only() {
        for (topic, allowed) in [
            ("tram/v1/a/birth", true),
            ("tram/v1/a/status", true),
            ("tram/v1/a/data", true),
            ("tram/v1/a/alarm", true),
            ("tram/v1/a/answer", true),
            ("senml/a", true),
            ("tram/v1/a/ack", false),
            ("tram/v1/a/cmd", false),
            ("tram/v1/a/other", false),
            ("tram/v1/b/data", false),
            ("senml/b", false),
            ("a", false),
            ("$SYS/a", false),
            ("loudspeaker/v1/a", false),
        ] {
            assert_eq!(node().may_publish(topic), allowed, "{topic}");
        }
    }

    #[test]
    fn a_node_hears_what_is_meant_for_it_only() {
        for (filter, allowed) in [
            ("tram/v1/a/ack", true),
            ("tram/v1/a/cmd", true),
            ("tram/v1/a/data", false),
            ("tram/v1/+/ack", false),
            ("tram/v1/a/#", false),
            ("#", false),
            ("$share/g/tram/v1/a/ack", false),
            ("tram/v1/b/ack", false),
            ("loudspeaker/v1/a", true),
            ("loudspeaker/v1/b", false),
            ("loudspeaker/v1/+", false),
        ] {
            assert_eq!(node().may_subscribe(filter), allowed, "{filter}");
        }
    }

    #[test]
    fn nobody_but_the_centre_speaks_for_it() {
        for topic in ["tram/v1/a/ack", "tram/v1/a/cmd", "loudspeaker/v1/a"] {
            assert!(!Client::Anonymous.may_publish(topic));
            assert!(Client::Centre.may_publish(topic));
        }
        assert!(Client::Anonymous.may_publish("some/where/else"));
        assert!(!Client::Anonymous.may_publish("$SYS/x"));
        assert!(Client::Anonymous.may_subscribe("tram/#"));
    }
}
