//! What the centre has to say, at most one letter a spool or node.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tram_wire::{Ack, Command, Kind, NodeId, Seq, SpoolId, Topic};

/// The most letters that wait; a node that misses one says so by sending again.
pub(crate) const MAX_LETTERS: usize = 8_192;

/// The most ranges that wait to be told as committed for one spool.
const MAX_COMMITTED: usize = 1_024;

/// Something to publish.
pub(crate) struct Letter {
    /// Where.
    pub(crate) topic: String,
    /// What.
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Address {
    Ack(NodeId, SpoolId),
    /// The number of the command on the wire, and of the order in it.
    Command(NodeId, u8, u64),
}

impl Address {
    fn topic(self) -> Topic {
        match self {
            Self::Ack(node, _) => Topic { node, kind: Kind::Ack },
            Self::Command(node, ..) => Topic { node, kind: Kind::Command },
        }
    }
}

/// What waits for the link.
enum Words {
    Ack(Ack),
    Command(Command),
}

/// Letters that wait for the link. An acknowledgement takes the place of an older one of the same
/// spool, since it says everything the older one said; what was committed, they tell together.
#[derive(Default)]
pub(crate) struct Mailbox {
    letters: Mutex<BTreeMap<Address, Words>>,
    dropped: AtomicU64,
}

impl Mailbox {
    /// Puts an acknowledgement in.
    pub(crate) fn acknowledge(&self, node: NodeId, mut ack: Ack) {
        let address = Address::Ack(node, ack.spool);
        let mut letters = self.letters();
        if let Some(Words::Ack(older)) = letters.get(&address) {
            ack.committed = together(&older.committed, &ack.committed);
        }
        self.put(&mut letters, address, Words::Ack(ack));
    }

    /// Puts a command in; `order` is the number of the order in it, 0 when there is none.
    pub(crate) fn command(&self, node: NodeId, command: Command, order: u64) {
        let address = Address::Command(node, command.number(), order);
        self.put(&mut self.letters(), address, Words::Command(command));
    }

    /// Takes the payloads of what waits.
    #[cfg(test)]
    pub(crate) fn letters_for_tests(&self) -> Vec<Vec<u8>> {
        self.take().into_iter().map(|letter| letter.payload).collect()
    }

    /// How many letters wait.
    pub(crate) fn waiting(&self) -> usize {
        self.letters().len()
    }

    /// How many letters were dropped because too many waited.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Vec<Letter> {
        let mut out = Vec::new();
        for (address, words) in std::mem::take(&mut *self.letters()) {
            let topic = address.topic().to_string();
            match words {
                Words::Command(command) => out.push(Letter { topic, payload: command.encode() }),
                Words::Ack(ack) => {
                    for message in ack.messages() {
                        match message.encode() {
                            Ok(payload) => out.push(Letter { topic: topic.clone(), payload }),
                            Err(error) => {
                                tracing::error!(topic, %error, "an acknowledgement cannot be written");
                                self.drop_one();
                            }
                        }
                    }
                }
            }
        }
        out
    }

    fn put(&self, letters: &mut BTreeMap<Address, Words>, address: Address, words: Words) {
        if letters.len() >= MAX_LETTERS && !letters.contains_key(&address) {
            self.drop_one();
            return;
        }
        letters.insert(address, words);
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn letters(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Words>> {
        self.letters.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Two lists of ranges as one; of too many, the newest.
fn together(older: &[(Seq, Seq)], newer: &[(Seq, Seq)]) -> Vec<(Seq, Seq)> {
    let mut all: Vec<(Seq, Seq)> = older.iter().chain(newer).copied().collect();
    all.sort_unstable();
    let mut ranges: Vec<(Seq, Seq)> = Vec::with_capacity(all.len());
    for (first, last) in all {
        match ranges.last_mut() {
            Some(before) if first <= before.1.next() => before.1 = before.1.max(last),
            _ => ranges.push((first, last)),
        }
    }
    ranges.split_off(ranges.len().saturating_sub(MAX_COMMITTED))
}

#[cfg(test)]
mod tests {
    use tram_wire::ReplicaId;

    use super::*;

    fn ack(spool: u64, watermark: u64) -> Ack {
        let (replica, ranges, committed) = (ReplicaId(1), Vec::new(), Vec::new());
        Ack { spool: SpoolId(spool), replica, watermark: Seq(watermark), ranges, committed }
    }

    #[test]
    fn the_newest_acknowledgement_of_a_spool_is_the_only_one() {
        let mailbox = Mailbox::default();
        let node = NodeId::new("a").unwrap();
        mailbox.acknowledge(node, ack(1, 1));
        mailbox.acknowledge(node, ack(2, 5));
        mailbox.acknowledge(node, ack(1, 2));
        mailbox.command(node, Command::Rebirth, 0);
        mailbox.command(node, Command::Rebirth, 0);
        let letters = mailbox.take();
        assert_eq!(letters.len(), 3);
        assert_eq!(letters[0].topic, "tram/v1/a/ack");
        assert_eq!(Ack::decode(&letters[0].payload), Ok(ack(1, 2)));
        assert_eq!(Ack::decode(&letters[1].payload), Ok(ack(2, 5)));
        assert_eq!(letters[2].topic, "tram/v1/a/cmd");
        assert!(mailbox.take().is_empty());
    }

    #[test]
    fn what_was_committed_is_told_by_the_next_letter_whole() {
        let mailbox = Mailbox::default();
        let node = NodeId::new("a").unwrap();
        for n in 0..100 {
            let committed = vec![(Seq(3 * n), Seq(3 * n + n % 2))];
            mailbox.acknowledge(node, Ack { committed, ..ack(1, n / 50) });
        }
        let letters = mailbox.take();
        let acks: Vec<Ack> = letters.iter().map(|l| Ack::decode(&l.payload).unwrap()).collect();
        assert_eq!(acks.len(), 4);
        for n in 0..100 {
            assert!(acks.iter().any(|a| a.covers(Seq(3 * n))));
            assert!(acks.iter().all(|a| n < 1 || !a.covers(Seq(3 * n + 2))));
        }
        assert_eq!(
            together(&[(Seq(1), Seq(4)), (Seq(9), Seq(9))], &[(Seq(3), Seq(7))]),
            [(Seq(1), Seq(7)), (Seq(9), Seq(9))]
        );
    }

    #[test]
    fn the_number_of_letters_is_bounded() {
        let mailbox = Mailbox::default();
        let node = NodeId::new("a").unwrap();
        for spool in 0..MAX_LETTERS as u64 + 3 {
            mailbox.acknowledge(node, ack(spool, 1));
        }
        assert_eq!(mailbox.dropped(), 3);
        mailbox.acknowledge(node, ack(0, 2));
        assert_eq!(mailbox.dropped(), 3);
        assert_eq!(mailbox.take().len(), MAX_LETTERS);
    }
}
