//! What a centre hears and says when it is one of several behind a broker.

use tram_config::{Document, Mistake};
use tram_pipeline::Role;
use tram_wire::ReplicaId;

use super::{Broker, External, File};

/// The longest name of a replica or of a share.
const MAX_NAME_BYTES: usize = 32;
/// The client identifier of a centre that is alone, and the start of those of several.
const CLIENT_ID: &str = "tram_centre";

/// Which messages of a broker come here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// All on our topics.
    Everything,
    /// The broker spreads batches, alarms and SenML packs over the members of a group.
    Share {
        /// The name of the group.
        group: String,
        /// Whether the broker gives all of one node to the same member.
        keeps_nodes: bool,
    },
    /// Those of the stations in the configuration.
    OwnStations,
}

impl Broker {
    /// What this centre is among those behind the same broker.
    pub(crate) fn role(&self) -> Role {
        match self {
            Self::External(External { acknowledge: false, .. }) => Role::Watcher,
            Self::External(External { hearing: Hearing::Share { .. }, .. }) => Role::Replica,
            Self::External(_) | Self::Embedded(_) => Role::Alone,
        }
    }
}

impl External {
    /// The client identifier. Of several centres each needs one of its own: two with the same
    /// would throw each other out for ever.
    pub(crate) fn client_id(&self, id: ReplicaId) -> String {
        if let Some(client_id) = &self.client_id {
            return client_id.clone();
        }
        match &self.replica {
            Some(name) => format!("{CLIENT_ID}_{name}"),
            None if self.hearing == Hearing::Everything && self.acknowledge => CLIENT_ID.to_owned(),
            None => format!("{CLIENT_ID}_{id}"),
        }
    }
}

pub(super) fn check(document: &Document<File>) -> Result<Hearing, Mistake> {
    let broker = &document.value.broker;
    for (key, text) in [("share", &broker.share), ("replica", &broker.replica)] {
        if let Some(text) = text {
            name(document, key, text)?;
        }
    }
    if broker.share_keeps_nodes && broker.share.is_none() {
        return Err(document.mistake(
            "broker.share_keeps_nodes",
            "`share_keeps_nodes` says something about a share, and there is none",
            "remove it, or add `share = \"NAME\"`",
        ));
    }
    let hearing = match &broker.share {
        Some(_) if broker.own_stations => {
            return Err(document.mistake(
                "broker.own_stations",
                "either the broker spreads the messages (`share`) or the configuration does (`own_stations`)",
                "remove one of the two",
            ));
        }
        Some(group) => {
            let keeps_nodes = broker.share_keeps_nodes;
            Hearing::Share { group: group.clone(), keeps_nodes }
        }
        None if broker.own_stations => Hearing::OwnStations,
        None => Hearing::Everything,
    };
    match &hearing {
        Hearing::Share { .. } if broker.acknowledge == Some(false) => Err(document.mistake(
            "broker.acknowledge",
            "what the share gives to this replica would be acknowledged by nobody, and the nodes would send it for ever",
            "remove `share`: a replica that only watches hears everything",
        )),
        Hearing::Share { keeps_nodes: false, .. } if document.value.alerts.is_some() => {
            Err(document.mistake(
                "broker.share",
                "a member of a share sees some readings of each station, and [alerts] needs all of them",
                "move [alerts] to a replica with `acknowledge = false` and without `share`, or, if the broker gives all of one node to the same member, add `share_keeps_nodes = true`",
            ))
        }
        Hearing::OwnStations if document.value.station.is_empty() => Err(document.mistake(
            "broker.own_stations",
            "only the stations of this file are listened to, and there is none",
            "add a [[station]], or remove `own_stations`",
        )),
        _ => Ok(hearing),
    }
}

fn name(document: &Document<File>, key: &str, text: &str) -> Result<(), Mistake> {
    let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.is_empty() && text.len() <= MAX_NAME_BYTES && text.chars().all(simple) {
        return Ok(());
    }
    Err(document.mistake(
        &format!("broker.{key}"),
        format!("`{text}` is not a name"),
        format!("write up to {MAX_NAME_BYTES} of a-z, 0-9 and -"),
    ))
}
