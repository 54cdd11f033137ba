//! Why a message is not in the log: fixed names, since people search and count by them.

use core::fmt;

/// Why a message was quarantined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// Not CBOR of the message its topic announces.
    MalformedCbor,
    /// Not JSON.
    MalformedJson,
    /// JSON or CBOR, but not a SenML pack.
    MalformedSenml,
    /// A version of the message that is not known here.
    Version,
    /// A topic that is not ours, or a node that speaks for another.
    WrongTopic,
    /// The node is not in the registry.
    UnknownNode,
    /// A channel that the node's dictionary does not hold.
    UnknownChannel,
    /// A unit that is not known, or not the one of the channel.
    WrongUnit,
    /// Text, NaN or infinity where a number belongs.
    NotANumber,
    /// A number that no sensor can mean: beyond 53 bits in counts of its quantity.
    AbsurdValue,
    /// A time before the earliest or after the latest that is accepted.
    AbsurdTime,
    /// A payload longer than its documented limit.
    Oversize,
    /// Times since a boot whose clock was never set and will not be: a later boot has been seen.
    LostClock,
    /// A birth that gives a channel number another meaning than it had in the same spool.
    ContradictoryBirth,
    /// A third-party device brings more channels than one may have.
    TooManyChannels,
    /// A retained SenML pack with times relative to its arrival, which nobody knows any more.
    RetainedRelative,
    /// It was accepted, and what the log holds of it now is not what was written.
    Damaged,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 17] = [
        Self::MalformedCbor,
        Self::MalformedJson,
        Self::MalformedSenml,
        Self::Version,
        Self::WrongTopic,
        Self::UnknownNode,
        Self::UnknownChannel,
        Self::WrongUnit,
        Self::NotANumber,
        Self::AbsurdValue,
        Self::AbsurdTime,
        Self::Oversize,
        Self::LostClock,
        Self::ContradictoryBirth,
        Self::TooManyChannels,
        Self::RetainedRelative,
        Self::Damaged,
    ];

    /// Its name in metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MalformedCbor => "malformed-cbor",
            Self::MalformedJson => "malformed-json",
            Self::MalformedSenml => "malformed-senml",
            Self::Version => "version",
            Self::WrongTopic => "wrong-topic",
            Self::UnknownNode => "unknown-node",
            Self::UnknownChannel => "unknown-channel",
            Self::WrongUnit => "wrong-unit",
            Self::NotANumber => "not-a-number",
            Self::AbsurdValue => "absurd-value",
            Self::AbsurdTime => "absurd-time",
            Self::Oversize => "oversize",
            Self::LostClock => "lost-clock",
            Self::ContradictoryBirth => "contradictory-birth",
            Self::TooManyChannels => "too-many-channels",
            Self::RetainedRelative => "retained-relative",
            Self::Damaged => "damaged",
        }
    }

    /// The reason with this [`name`](Self::name), if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a message is neither kept nor acknowledged for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DeferReason {
    /// No birth of this spool has been seen, so its channel numbers mean nothing yet.
    UnknownSpool,
    /// A channel number that is not in the dictionary on disk; a newer birth may hold it.
    UnknownChannel,
    /// Times since a boot whose offset has not come yet.
    UnknownOffset,
    /// Too many gaps below it: what is missing must come first.
    TooManyGaps,
    /// Too much of this spool is on its way to the disk.
    Busy,
}

impl DeferReason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 5] = [
        Self::UnknownSpool,
        Self::UnknownChannel,
        Self::UnknownOffset,
        Self::TooManyGaps,
        Self::Busy,
    ];

    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownSpool => "unknown-spool",
            Self::UnknownChannel => "unknown-channel",
            Self::UnknownOffset => "unknown-offset",
            Self::TooManyGaps => "too-many-gaps",
            Self::Busy => "busy",
        }
    }
}

impl fmt::Display for DeferReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_list_and_names_are_read_back() {
        for (i, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
        for (i, reason) in DeferReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
        }
    }
}
