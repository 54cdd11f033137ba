//! Who this centre is among those behind the same broker, for people and metrics.

use tram_wire::ReplicaId;

use crate::config::{Broker, Configuration, External, Hearing};

/// Who this centre is.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    /// What its acknowledgements say.
    pub(crate) id: ReplicaId,
    /// What people call it; empty when the configuration does not say.
    pub(crate) name: String,
    /// The group whose messages it shares; empty when it shares none.
    pub(crate) share: String,
    /// Whether it acknowledges.
    pub(crate) acknowledges: bool,
}

impl Replica {
    /// As the configuration says.
    pub(crate) fn new(id: ReplicaId, broker: &Broker) -> Self {
        let external = match broker {
            Broker::External(external) => Some(external),
            Broker::Embedded(_) => None,
        };
        let share = match external {
            Some(External { hearing: Hearing::Share { group, .. }, .. }) => group.clone(),
            _ => String::new(),
        };
        let name = external.and_then(|e| e.replica.clone()).unwrap_or_default();
        Self { id, name, share, acknowledges: external.is_none_or(|e| e.acknowledge) }
    }

    /// What people are told when it is more than a centre alone.
    pub(crate) fn said(&self) -> Option<String> {
        let name = match self.name.as_str() {
            "" => self.id.to_string(),
            name => format!("{name} ({})", self.id),
        };
        match (self.share.as_str(), self.acknowledges) {
            ("", true) if self.name.is_empty() => None,
            ("", true) => Some(name),
            ("", false) => Some(format!("{name}, watches and acknowledges nothing")),
            (share, _) => Some(format!("{name}, a member of the share `{share}`")),
        }
    }
}

/// What is possible in the configuration of one of several, and may surprise.
pub(crate) fn notes(config: &Configuration) -> Vec<&'static str> {
    let Broker::External(external) = &config.broker else { return Vec::new() };
    let mut notes = Vec::new();
    let shares = matches!(external.hearing, Hearing::Share { .. });
    if !external.acknowledge && config.alerts.is_none() && config.sinks.is_empty() {
        notes.push(
            "`acknowledge = false`, and neither [alerts] nor a [[sink]] reads what comes in: only the page does",
        );
    }
    if shares && config.sinks.is_empty() {
        notes.push(
            "a member of a share holds some readings of each station, and without a [[sink]] no engine holds them all",
        );
    }
    if shares && config.register_third_party {
        notes.push(
            "each member of a share registers the unknown devices it happens to hear, up to its own limit",
        );
    }
    if matches!(external.hearing, Hearing::Share { keeps_nodes: true, .. })
        && config.alerts.is_some()
    {
        notes.push(
            "rules are evaluated here on the word of `share_keeps_nodes`: the broker has to choose members by the publisher's client identifier",
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATION: &str = "[[station]]\nid = \"a\"\nname = \"A\"\nlat = 22.0\nlon = 104.0\n";

    fn config(broker: &str, more: &str) -> Configuration {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ingest.toml");
        let text = format!("data = \"d\"\n[broker]\nurl = \"mqtt://x\"\n{broker}\n{more}{STATION}");
        std::fs::write(&path, text.replace("register\n", "\n")).unwrap();
        let mut config = crate::config::load(&path).unwrap();
        config.register_third_party = more.contains("register");
        config
    }

    #[test]
    fn each_of_several_has_an_identifier_of_its_own() {
        let id = ReplicaId(0xab);
        let named = |broker: &str| match config(broker, "").broker {
            Broker::External(external) => external.client_id(id),
            Broker::Embedded(_) => unreachable!(),
        };
        assert_eq!(named(""), "tram_centre");
        assert_eq!(named("share = \"s\""), "tram_centre_00000000000000ab");
        assert_eq!(named("acknowledge = false"), "tram_centre_00000000000000ab");
        assert_eq!(named("share = \"s\"\nreplica = \"b\""), "tram_centre_b");
        assert_eq!(named("own_stations = true\nclient_id = \"c\""), "c");
    }

    #[test]
    fn what_may_surprise_is_said() {
        let sink = "[[sink]]\nname = \"v\"\nkind = \"line-protocol\"\nurl = \"http://x\"\n";
        let notes = |broker: &str, more: &str| notes(&config(broker, more)).join("; ");
        assert_eq!(notes("", ""), "");
        assert_eq!(notes("share = \"s\"", sink), "");
        assert!(notes("share = \"s\"", "").contains("[[sink]]"));
        assert!(notes("acknowledge = false", "").contains("only the page"));
        assert!(notes("share = \"s\"", "register\n").contains("unknown devices"));
        assert_eq!(notes("own_stations = true", ""), "");
    }

    #[test]
    fn people_are_told_what_a_replica_is() {
        let said = |broker: &str| Replica::new(ReplicaId(1), &config(broker, "").broker).said();
        assert_eq!(said(""), None);
        assert!(said("acknowledge = false").unwrap().contains("acknowledges nothing"));
        let member = said("share = \"s\"\nreplica = \"b\"").unwrap();
        assert_eq!(member, "b (0000000000000001), a member of the share `s`");
    }
}
