//! What a rule on the node did.

use alloc::vec::Vec;

use minicbor::Decoder;

use crate::{
    Actor, ChannelNumber, ClockState, EpisodeId, Seq, SpoolId, Text, WIRE_VERSION,
    birth::{put_clock, take_clock},
    cbor::{DecodeError, finish, message, open_array, text, version},
};

/// The name of a rule, such as `flood-lao-cai`; 64 bytes at most.
pub type RuleId = Text<64>;

/// What happened to the episode, or was done with the siren.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AlarmKind {
    /// A level was reached, the first or a higher one.
    Raised = 1,
    /// A lower level holds; never 0.
    Lowered = 2,
    /// The episode is over.
    Cleared = 3,
    /// Somebody had the siren tested: it sounded the short pattern of a test, never that of an
    /// alarm. No rule had any part in it.
    Tested = 4,
    /// Somebody reset the siren, which had sounded because of `rule`.
    Reset = 5,
    /// Somebody silenced the siren for a while. If nobody resets it, it sounds again afterwards.
    Silenced = 6,
    /// The siren had sounded for as long as it may and fell silent by itself.
    Exhausted = 7,
    /// A drill: what would have sounded the siren was gone through, and it did not sound.
    Drilled = 8,
}

impl AlarmKind {
    fn from_number(n: u8) -> Option<Self> {
        Some(match n {
            1 => Self::Raised,
            2 => Self::Lowered,
            3 => Self::Cleared,
            4 => Self::Tested,
            5 => Self::Reset,
            6 => Self::Silenced,
            7 => Self::Exhausted,
            8 => Self::Drilled,
            _ => return None,
        })
    }

    /// Whether it is a transition of an episode. The other kinds tell what was done with the
    /// siren, which changes no episode.
    #[must_use]
    pub fn transition(self) -> bool {
        matches!(self, Self::Raised | Self::Lowered | Self::Cleared)
    }

    /// The name in logs and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Lowered => "lowered",
            Self::Cleared => "cleared",
            Self::Tested => "siren-tested",
            Self::Reset => "siren-reset",
            Self::Silenced => "siren-silenced",
            Self::Exhausted => "siren-exhausted",
            Self::Drilled => "siren-drilled",
        }
    }
}

/// The rule that stands in an alarm of a kind that no rule had part in, such as
/// [`AlarmKind::Tested`].
pub const NO_RULE: &str = "siren";

/// One transition of an episode, decided on the node, or something that was done with its siren. It
/// shares the spool and its numbering with
/// batches, is fsynced at once and sent before anything else.
///
/// In an alarm about the siren, `rule`, `version`, `episode` and `channel` are those of the alarm
/// that it sounded for; without one, `rule` is [`NO_RULE`], version and episode are 0, and the
/// channel is any of the node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// Which spool.
    pub spool: SpoolId,
    /// Its number in the spool.
    pub seq: Seq,
    /// How the clock stood.
    pub clock: ClockState,
    /// Which rule.
    pub rule: RuleId,
    /// Which version of the rule.
    pub version: u32,
    /// Which episode.
    pub episode: EpisodeId,
    /// What happened.
    pub kind: AlarmKind,
    /// The level that holds now, 1 to 5; 0 when cleared, and 0 to 5 about the siren.
    pub level: u8,
    /// The channel whose reading decided.
    pub channel: ChannelNumber,
    /// Time of that reading, microseconds on `clock`.
    pub at: i64,
    /// Its value, or the statistic of the rule, in counts of the channel's quantity. About the
    /// siren: who did it, the number of an [`Actor`].
    pub value: i64,
    /// Whether the node's siren sounds an alarm after it; a test is none.
    pub siren: bool,
}

impl Alarm {
    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(|e| {
            e.array(13)?.u8(WIRE_VERSION)?.u64(self.spool.0)?.u64(self.seq.0)?;
            put_clock(e, self.clock)?;
            e.str(self.rule.as_str())?.u32(self.version)?.bytes(&self.episode.0)?;
            e.u8(self.kind as u8)?.u8(self.level)?.u16(self.channel.0)?;
            e.i64(self.at)?.i64(self.value)?.bool(self.siren)?;
            Ok(())
        })
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not an alarm.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let d = &mut Decoder::new(bytes);
        open_array(d, 13)?;
        version(d)?;
        let alarm = Self {
            spool: SpoolId(d.u64()?),
            seq: Seq(d.u64()?),
            clock: take_clock(d)?,
            rule: text(d, "bytes of rule name")?,
            version: d.u32()?,
            episode: EpisodeId(d.bytes()?.try_into().map_err(|_| DecodeError::Value("episode"))?),
            kind: AlarmKind::from_number(d.u8()?).ok_or(DecodeError::Value("kind"))?,
            level: d.u8()?,
            channel: ChannelNumber(d.u16()?),
            at: d.i64()?,
            value: d.i64()?,
            siren: d.bool()?,
        };
        finish(d)?;
        let fits = match alarm.kind {
            AlarmKind::Cleared => alarm.level == 0,
            AlarmKind::Raised | AlarmKind::Lowered => (1..=5).contains(&alarm.level),
            _ => alarm.level <= 5 && Actor::from_number(alarm.value).is_some(),
        };
        if fits { Ok(alarm) } else { Err(DecodeError::Value("level or actor")) }
    }
}
