//! A record of a spool by its whole name.

use core::fmt;

use crate::{NodeId, Seq, SpoolId};

/// By what a batch or an alarm is known everywhere: its node, the node's spool and the number in
/// it. Written `lao-cai-river-01/9f86d081884c7d65/42`; both programs write it into their logs, so
/// one search finds the whole way of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId {
    /// The node.
    pub node: NodeId,
    /// Its spool.
    pub spool: SpoolId,
    /// The number in the spool.
    pub seq: Seq,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.node, self.spool, self.seq)
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn it_is_written_the_same_everywhere() {
        let node = NodeId::new("lao-cai-river-01").unwrap();
        let id = BatchId { node, spool: SpoolId(0xab), seq: Seq(42) };
        assert_eq!(id.to_string(), "lao-cai-river-01/00000000000000ab/42");
    }
}
