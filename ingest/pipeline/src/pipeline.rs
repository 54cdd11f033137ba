//! One message in, one decision out.

mod admit;
mod refuse;
mod settle;

use std::collections::HashMap;

use tram_wire::{
    Ack, Answer, Birth, Command, Kind, MAX_BATCH_BYTES, NodeId, ReplicaId, Status, StatusState,
    Topic, UnixMicros,
};

use crate::{
    Counters, DeferReason, Deferral, Heard, Incoming, Memory, Outcome, Policy, Reason,
    Registration, Role, StatusChange, ThirdParty, decode::Refused, node::Node,
    policy::MAX_THIRD_PARTY_NODES, spool::Spool,
};

/// The state that decides: what is known of each node, and the counters.
#[derive(Debug)]
pub struct Pipeline {
    policy: Policy,
    replica: ReplicaId,
    nodes: HashMap<NodeId, Node>,
    /// How many of the nodes registered themselves.
    third_party: usize,
    counters: Counters,
}

impl Pipeline {
    /// A pipeline that remembers what the store gave back at its start.
    #[must_use]
    pub fn new(policy: Policy, memory: Memory) -> Self {
        let mut nodes: HashMap<NodeId, Node> =
            policy.nodes.iter().map(|node| (*node, Node::default())).collect();
        for spool in memory.spools {
            let restored = Spool::new(spool.spool, spool.progress, spool.dictionary);
            nodes.entry(spool.node).or_default().restore_spool(restored);
        }
        for boot in memory.boots {
            nodes.entry(boot.node).or_default().set_offset(boot.boot, boot.offset);
        }
        for (node, digest) in memory.packs {
            nodes.entry(node).or_default().commit_pack(digest);
        }
        for (node, channel) in memory.third_party {
            nodes.entry(node).or_default().channels.insert(channel);
        }
        let own = |node: &NodeId| policy.nodes.contains(node);
        let third_party = nodes.iter().filter(|(id, n)| !own(id) && n.third_party()).count();
        let replica = memory.replica;
        Self { policy, replica, nodes, third_party, counters: Counters::default() }
    }

    /// Decides what to do with a message. What it returns for the disk must be written in the
    /// order in which it was returned, then told to [`committed`](Self::committed).
    pub fn receive(&mut self, message: Incoming<'_>, now: UnixMicros) -> Outcome {
        let Ok(topic) = Topic::parse(message.topic) else {
            let refused = Refused::new(Reason::WrongTopic, "the topic is none of ours");
            return self.refuse(&message, None, now, refused, None);
        };
        let node = topic.node;
        if !self.admits(topic) {
            let detail = format!("{node} is not in the registry");
            let refused = Refused::new(Reason::UnknownNode, detail);
            return self.refuse(&message, Some(node), now, refused, None);
        }
        if message.payload.len() > MAX_BATCH_BYTES {
            return self.oversize(&message, topic, now);
        }
        match topic.kind {
            Kind::Data => self.batch(&message, node, now),
            Kind::Alarm => self.alarm(&message, node, now),
            Kind::Senml => self.senml(&message, node, now),
            Kind::Birth => self.birth(&message, node, now),
            Kind::Status => self.status(&message, node, now),
            Kind::Answer => match Answer::decode(message.payload) {
                Ok(answer) => Outcome::Answer(node, answer),
                Err(e) => self.refuse(&message, Some(node), now, e.into(), None),
            },
            Kind::Ack if self.policy.role == Role::Replica => self.hear(&message, node, now),
            // A watcher beside us may ask a node for its birth.
            Kind::Command if Command::decode(message.payload).is_ok() => Outcome::Ignore,
            Kind::Ack | Kind::Command => {
                let detail = "only the centre publishes here";
                let refused = Refused::new(Reason::WrongTopic, detail);
                self.refuse(&message, Some(node), now, refused, None)
            }
        }
    }

    /// What became of every reading.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether the node may speak on this topic.
    fn admits(&self, topic: Topic) -> bool {
        if self.policy.nodes.contains(&topic.node) {
            return true;
        }
        topic.kind == Kind::Senml
            && self.policy.third_party == ThirdParty::Register
            && (self.nodes.get(&topic.node).is_some_and(Node::third_party)
                || self.third_party < MAX_THIRD_PARTY_NODES)
    }

    fn birth(&mut self, message: &Incoming<'_>, node: NodeId, now: UnixMicros) -> Outcome {
        let birth = match Birth::decode(message.payload) {
            Ok(birth) => birth,
            Err(e) => return self.refuse(message, Some(node), now, e.into(), None),
        };
        if birth.node != node {
            let detail = format!("the birth is of {}", birth.node);
            let refused = Refused::new(Reason::WrongTopic, detail);
            return self.refuse(message, Some(node), now, refused, None);
        }
        let state = self.nodes.entry(node).or_default();
        let (spool, forgotten) = state.open_spool(birth.spool);
        self.counters.forgotten += forgotten;
        let mut dictionary = spool.dictionary.clone();
        for c in &birth.channels {
            if let Err(known) = dictionary.add(node, c.number, c.name, c.quantity) {
                let detail = known.to_string();
                let refused = Refused::new(Reason::ContradictoryBirth, detail);
                return self.refuse(message, Some(node), now, refused, None);
            }
        }
        spool.dictionary = dictionary;
        spool.confirmed = true;
        state.current_boot = Some(birth.boot);
        for (boot, offset) in &birth.earlier {
            state.set_offset(*boot, *offset);
        }
        if let Some(offset) = birth.uptime_offset {
            state.set_offset(birth.boot, offset);
        }
        Outcome::Birth(Registration { received: now, birth, payload: message.payload.to_vec() })
    }

    fn status(&mut self, message: &Incoming<'_>, node: NodeId, now: UnixMicros) -> Outcome {
        let status = match Status::decode(message.payload) {
            Ok(status) => status,
            Err(e) => return self.refuse(message, Some(node), now, e.into(), None),
        };
        if self.nodes.entry(node).or_default().heard(status) {
            let Status { state, health, .. } = status;
            return Outcome::Status(StatusChange { node, state, health });
        }
        debug_assert_eq!(status.state, StatusState::Offline);
        Outcome::Ignore
    }

    /// Takes up what another replica has acknowledged.
    fn hear(&mut self, message: &Incoming<'_>, node: NodeId, now: UnixMicros) -> Outcome {
        let ack = match Ack::decode(message.payload) {
            Ok(ack) => ack,
            Err(e) => return self.refuse(message, Some(node), now, e.into(), None),
        };
        let spool = self.nodes.get_mut(&node).and_then(|state| state.spool(ack.spool));
        match spool {
            Some(spool) if ack.replica != self.replica => {
                spool.hear(&ack);
                Outcome::Heard(Heard { node, spool: ack.spool, replica: ack.replica })
            }
            // What is said of a spool without a birth is said again with the next.
            _ => Outcome::Ignore,
        }
    }

    /// Neither kept nor acknowledged; `ask` says whether a birth would help.
    fn defer(&mut self, node: NodeId, reason: DeferReason, ask: bool, now: UnixMicros) -> Outcome {
        self.counters.defer(reason);
        let rebirth = ask && self.nodes.entry(node).or_default().ask(now);
        Outcome::Defer(Deferral { node, reason, rebirth })
    }
}

#[cfg(test)]
mod tests;
