//! The name of an episode.

use sha2::{Digest, Sha256};
use tram_wire::{EpisodeId, NodeId, RuleId, UnixMicros};

/// The episode of `rule` in `version` at `station` that the reading taken at `start` began: the
/// first 16 bytes of SHA-256 over the rule's name, a zero byte, the version (4 bytes, big
/// endian), the station's name, a zero byte and the time (8 bytes, big endian).
#[must_use]
pub fn episode_id(rule: &RuleId, version: u32, station: &NodeId, start: UnixMicros) -> EpisodeId {
    named(rule, version, station, start, b"")
}

/// The episode of a silence that had lasted long enough at `start`: the same hash with the bytes
/// `no_data` behind, so that it is never the name of a warning.
#[must_use]
pub fn silence_id(rule: &RuleId, version: u32, station: &NodeId, start: UnixMicros) -> EpisodeId {
    named(rule, version, station, start, b"no_data")
}

fn named(
    rule: &RuleId,
    version: u32,
    station: &NodeId,
    start: UnixMicros,
    what: &[u8],
) -> EpisodeId {
    let mut hash = Sha256::new();
    hash.update(rule.as_str().as_bytes());
    hash.update([0]);
    hash.update(version.to_be_bytes());
    hash.update(station.as_str().as_bytes());
    hash.update([0]);
    hash.update(start.0.to_be_bytes());
    hash.update(what);
    let digest: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    EpisodeId(id)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    /// The input of the hash, put together by hand and hashed with `sha256sum`.
    #[test]
    fn the_name_is_the_documented_hash() {
        let rule = RuleId::new("flood-lao-cai").unwrap();
        let station = NodeId::new("lao-cai-river-01").unwrap();
        let start = UnixMicros(1_725_886_800_000_000);
        assert_eq!(
            episode_id(&rule, 1, &station, start).to_string(),
            "e47619b43120608b66da233af4485482"
        );
        assert_eq!(
            silence_id(&rule, 1, &station, start).to_string(),
            "fe9650c5ffee11d56afb439413ee9c46"
        );
    }
}
