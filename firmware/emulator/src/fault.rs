//! The bad days of a part.

use std::fmt;

/// What a part can be made to do wrong. It lasts until [`Board::heal`](crate::Board::heal), except
/// [`BrownOut`](Fault::BrownOut), which happens once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The part does not acknowledge its address; a serial part is silent.
    Nack,
    /// The part holds SDA low, so nobody on the bus can be reached.
    StuckBus,
    /// One bit of each checksum is wrong. For parts that send one.
    CrcFlip,
    /// The part never finishes what it is doing.
    Busy,
    /// The part lets go of the bus after so many bytes of an answer: the rest reads as 0xff. A
    /// serial part cuts its frame there.
    ShortRead {
        /// Bytes that still come.
        bytes: usize,
    },
    /// The supply dips: the part starts again with its power-on settings.
    BrownOut,
    /// What the part senses runs away from the truth.
    Drift {
        /// Counts of the quantity's resolution per hour.
        counts_per_hour: i64,
    },
    /// The part keeps telling what it told when this began; a line does not move any more.
    StuckValue,
    /// A line chatters at each change far longer than a contact bounces.
    Chatter,
}

/// This part has nothing that could go wrong in this way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotApplicable(pub Fault);

impl fmt::Display for NotApplicable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this part cannot have the fault {:?}", self.0)
    }
}

impl std::error::Error for NotApplicable {}

/// The faults a part has now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) nack: bool,
    pub(crate) stuck_bus: bool,
    pub(crate) crc_flip: bool,
    pub(crate) busy: bool,
    pub(crate) short_read: Option<usize>,
    pub(crate) chatter: bool,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Nack => self.nack = true,
            Fault::StuckBus => self.stuck_bus = true,
            Fault::CrcFlip => self.crc_flip = true,
            Fault::Busy => self.busy = true,
            Fault::ShortRead { bytes } => self.short_read = Some(bytes),
            Fault::Chatter => self.chatter = true,
            // These change the part or what it senses, not how it answers.
            Fault::BrownOut | Fault::Drift { .. } | Fault::StuckValue => {}
        }
    }
}
