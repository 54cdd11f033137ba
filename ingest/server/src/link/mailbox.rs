//! What the centre has to say, at most one letter a spool or node.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tram_wire::{Ack, Command, Kind, NodeId, SpoolId, Topic};

/// The most letters that wait; a node that misses one says so by sending again.
pub(crate) const MAX_LETTERS: usize = 8_192;

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
    /// The number of the command on the wire.
    Command(NodeId, u8),
}

impl Address {
    fn topic(self) -> Topic {
        match self {
            Self::Ack(node, _) => Topic { node, kind: Kind::Ack },
            Self::Command(node, _) => Topic { node, kind: Kind::Command },
        }
    }
}

/// Letters that wait for the link. An acknowledgement takes the place of an older one of the same
/// spool, since it says everything the older one said.
#[derive(Default)]
pub(crate) struct Mailbox {
    letters: Mutex<BTreeMap<Address, Vec<u8>>>,
    dropped: AtomicU64,
}

impl Mailbox {
    /// Puts an acknowledgement in.
    pub(crate) fn acknowledge(&self, node: NodeId, ack: &Ack) {
        match ack.encode() {
            Ok(payload) => self.put(Address::Ack(node, ack.spool), payload),
            Err(error) => {
                tracing::error!(%node, %error, "an acknowledgement cannot be written");
                self.drop_one();
            }
        }
    }

    /// Puts a command in.
    pub(crate) fn command(&self, node: NodeId, command: Command) {
        self.put(Address::Command(node, command as u8), command.encode());
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
        let letters = std::mem::take(&mut *self.letters());
        letters
            .into_iter()
            .map(|(address, payload)| Letter { topic: address.topic().to_string(), payload })
            .collect()
    }

    fn put(&self, address: Address, payload: Vec<u8>) {
        let mut letters = self.letters();
        if letters.len() >= MAX_LETTERS && !letters.contains_key(&address) {
            drop(letters);
            self.drop_one();
            return;
        }
        letters.insert(address, payload);
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn letters(&self) -> std::sync::MutexGuard<'_, BTreeMap<Address, Vec<u8>>> {
        self.letters.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::Seq;

    use super::*;

    fn ack(spool: u64, watermark: u64) -> Ack {
        Ack { spool: SpoolId(spool), watermark: Seq(watermark), ranges: Vec::new() }
    }

    #[test]
    fn the_newest_acknowledgement_of_a_spool_is_the_only_one() {
        let mailbox = Mailbox::default();
        let node = NodeId::new("a").unwrap();
        mailbox.acknowledge(node, &ack(1, 1));
        mailbox.acknowledge(node, &ack(2, 5));
        mailbox.acknowledge(node, &ack(1, 2));
        mailbox.command(node, Command::Rebirth);
        mailbox.command(node, Command::Rebirth);
        let letters = mailbox.take();
        assert_eq!(letters.len(), 3);
        assert_eq!(letters[0].topic, "tram/v1/a/ack");
        assert_eq!(Ack::decode(&letters[0].payload), Ok(ack(1, 2)));
        assert_eq!(Ack::decode(&letters[1].payload), Ok(ack(2, 5)));
        assert_eq!(letters[2].topic, "tram/v1/a/cmd");
        assert!(mailbox.take().is_empty());
    }

    #[test]
    fn the_number_of_letters_is_bounded() {
        let mailbox = Mailbox::default();
        let node = NodeId::new("a").unwrap();
        for spool in 0..MAX_LETTERS as u64 + 3 {
            mailbox.acknowledge(node, &ack(spool, 1));
        }
        assert_eq!(mailbox.dropped(), 3);
        mailbox.acknowledge(node, &ack(0, 2));
        assert_eq!(mailbox.dropped(), 3);
        assert_eq!(mailbox.take().len(), MAX_LETTERS);
    }
}
