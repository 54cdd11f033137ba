//! What the centre subscribes to, and how it keeps its session, by what it is among several.
//!
//! Births and status are retained, and retained messages are not given to shared subscriptions
//! (MQTT 5, 4.8.2), so every replica hears them. A member of a share also hears what the others
//! acknowledge, which closes the gaps that the spreading leaves.

use rumqttc::v5::mqttbytes::{QoS, v5::Filter};
use tram_wire::{Kind, NodeId, Topic};

use crate::config::Hearing;

/// The most filters of one subscription packet, to stay far below the largest packet of a broker.
const MAX_FILTERS: usize = 256;
/// What a node says of itself, retained.
const ABOUT: [Kind; 2] = [Kind::Birth, Kind::Status];
/// What it answers to commands: each replica has to see whether its own was meant.
const ANSWERS: [Kind; 1] = [Kind::Answer];
/// What it brings.
const BRINGS: [Kind; 3] = [Kind::Data, Kind::Alarm, Kind::Senml];

/// What to subscribe to, one packet after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subscriptions(Vec<Vec<Filter>>);

impl Subscriptions {
    /// All there is: what is on a wrong topic is seen, too.
    pub(crate) fn everything() -> Self {
        Self(vec![vec![plain("#".to_owned())]])
    }

    /// What a centre hears on a broker outside.
    pub(crate) fn outside(
        hearing: &Hearing,
        acknowledge: bool,
        stations: impl Iterator<Item = NodeId>,
    ) -> Self {
        let all = |kinds: &[Kind]| kinds.iter().map(|k| k.filter()).collect::<Vec<_>>();
        let filters: Vec<Filter> = match hearing {
            Hearing::Everything if acknowledge => {
                ["tram/#", "senml/#"].map(str::to_owned).into_iter().map(plain).collect()
            }
            // The acknowledgements of the others are none of its business.
            Hearing::Everything => {
                all(&[ABOUT.as_slice(), &BRINGS].concat()).into_iter().map(plain).collect()
            }
            Hearing::Share { group, .. } => {
                let shared =
                    all(&BRINGS).into_iter().map(|f| shared(&format!("$share/{group}/{f}")));
                let kinds = [ABOUT.as_slice(), &[Kind::Ack], &ANSWERS].concat();
                let heard = all(&kinds).into_iter().map(plain);
                heard.chain(shared).collect()
            }
            Hearing::OwnStations => {
                let kinds = [ABOUT.as_slice(), &ANSWERS, &BRINGS].concat();
                let topics = |node| kinds.iter().map(move |kind| Topic { node, kind: *kind });
                stations.flat_map(topics).map(|topic| plain(topic.to_string())).collect()
            }
        };
        Self(filters.chunks(MAX_FILTERS).map(<[Filter]>::to_vec).collect())
    }

    /// The packets.
    pub(super) fn packets(&self) -> &[Vec<Filter>] {
        &self.0
    }
}

/// A subscription of our own; what we say ourselves does not come back.
fn plain(filter: String) -> Filter {
    Filter { nolocal: true, ..Filter::new(filter, QoS::AtLeastOnce) }
}

/// A shared one, where not hearing oneself is against the protocol (MQTT 5, 3.8.3.1).
fn shared(filter: &str) -> Filter {
    Filter::new(filter, QoS::AtLeastOnce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(hearing: &Hearing, acknowledge: bool, stations: &[&str]) -> Vec<Vec<(String, bool)>> {
        let stations = stations.iter().map(|id| NodeId::new(id).unwrap());
        let all = Subscriptions::outside(hearing, acknowledge, stations);
        let one = |f: &Filter| (f.path.clone(), f.nolocal);
        all.packets().iter().map(|packet| packet.iter().map(one).collect()).collect()
    }

    #[test]
    fn a_share_spreads_what_is_brought_and_hears_what_is_kept() {
        let share = Hearing::Share { group: "tram".to_owned(), keeps_nodes: false };
        let packets = paths(&share, true, &[]);
        let expected = [
            ("tram/v1/+/birth", true),
            ("tram/v1/+/status", true),
            ("tram/v1/+/ack", true),
            ("tram/v1/+/answer", true),
            ("$share/tram/tram/v1/+/data", false),
            ("$share/tram/tram/v1/+/alarm", false),
            ("$share/tram/senml/+", false),
        ];
        assert_eq!(packets, [expected.map(|(path, nolocal)| (path.to_owned(), nolocal))]);
    }

    #[test]
    fn a_watcher_hears_all_that_nodes_say_and_nothing_of_other_centres() {
        let packets = paths(&Hearing::Everything, false, &[]);
        assert_eq!(packets.concat().len(), 5);
        assert!(packets.concat().iter().all(|(f, _)| !f.contains("ack") && !f.contains("cmd")));
    }

    #[test]
    fn own_stations_are_named_one_by_one_in_packets_of_some_size() {
        let names: Vec<String> = (0..100).map(|n| format!("n-{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let packets = paths(&Hearing::OwnStations, true, &names);
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 88]);
        assert!(packets[2].contains(&("senml/n-99".to_owned(), true)));
    }
}
