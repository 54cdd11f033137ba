//! Who a node is, what its channels mean, and how its clock stands.

use alloc::vec::Vec;

use minicbor::{Decoder, Encoder};

use crate::{
    ChannelName, ChannelNumber, ClockState, NodeId, Quantity, Seq, SpoolId, Text, WIRE_VERSION,
    cbor::{
        DecodeError, EncodeError, Put, finish, message, nullable, open_array, open_list, text,
        version,
    },
};

/// The most channels of one node.
pub const MAX_CHANNELS: usize = 256;
/// The most boots before this one whose offsets a birth tells.
pub const MAX_EARLIER_BOOTS: usize = 15;

/// One entry of the channel dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// What stands for the channel in batches of this spool.
    pub number: ChannelNumber,
    /// What people call it.
    pub name: ChannelName,
    /// What it measures; unit and scale follow from it.
    pub quantity: Quantity,
    /// Smallest step the sensor can tell apart, in counts of the quantity; 0 when not known.
    pub resolution: u32,
    /// Part and interface, such as `dps310 i2c-1 0x77`.
    pub sensor: Text<64>,
    /// Where it hangs, in words of the technician; empty when not told.
    pub position: Text<64>,
    /// Calibration in force, such as `2026-03-02 datum 92.450 m`; empty when none.
    pub calibration: Text<64>,
}

/// A retained message that a node sends on every connection before anything else, and again
/// whenever one of its fields changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// Who speaks; must be the node of the topic.
    pub node: NodeId,
    /// Program and version, such as `tram-edge 0.1.0`.
    pub software: Text<32>,
    /// First bytes of a digest of the configuration file, to tell two apart.
    pub config_digest: [u8; 8],
    /// The spool whose dictionary this is.
    pub spool: SpoolId,
    /// Oldest number the node still holds; everything below is acknowledged or reported lost, so
    /// the centre may move its watermark here.
    pub held_from: Seq,
    /// How the clock stands now.
    pub clock: ClockState,
    /// Random number of this boot.
    pub boot: u32,
    /// Unix time minus uptime of this boot in microseconds, once the clock has been set.
    pub uptime_offset: Option<i64>,
    /// The same of earlier boots in which the clock was set late, the oldest first, at most
    /// [`MAX_EARLIER_BOOTS`]: their readings may still be in the spool.
    pub earlier: Vec<(u32, i64)>,
    /// The dictionary: at most [`MAX_CHANNELS`], no number and no name twice. It holds every
    /// channel the spool has ever seen.
    pub channels: Vec<ChannelInfo>,
}

impl Birth {
    fn unique(&self) -> bool {
        self.channels.iter().enumerate().all(|(i, a)| {
            self.channels.iter().skip(i + 1).all(|b| a.number != b.number && a.name != b.name)
        })
    }

    /// The message's bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when there are too many channels or one appears twice.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.channels.len() > MAX_CHANNELS {
            return Err(EncodeError::Limit("channels"));
        }
        if self.earlier.len() > MAX_EARLIER_BOOTS {
            return Err(EncodeError::Limit("earlier boots"));
        }
        if !self.unique() {
            return Err(EncodeError::Value("channel number or name"));
        }
        Ok(message(|e| {
            // Without earlier boots the message is as it was before there were any.
            e.array(if self.earlier.is_empty() { 10 } else { 11 })?;
            e.u8(WIRE_VERSION)?.str(self.node.as_str())?;
            e.str(self.software.as_str())?.bytes(&self.config_digest)?;
            e.u64(self.spool.0)?.u64(self.held_from.0)?;
            put_clock(e, self.clock)?;
            e.u32(self.boot)?;
            match self.uptime_offset {
                Some(o) => e.i64(o)?,
                None => e.null()?,
            };
            e.array(self.channels.len() as u64)?;
            for c in &self.channels {
                e.array(7)?.u16(c.number.0)?.str(c.name.as_str())?.u8(c.quantity.number())?;
                e.u32(c.resolution)?.str(c.sensor.as_str())?;
                e.str(c.position.as_str())?.str(c.calibration.as_str())?;
            }
            if !self.earlier.is_empty() {
                e.array(self.earlier.len() as u64)?;
            }
            for (boot, offset) in &self.earlier {
                e.array(2)?.u32(*boot)?.i64(*offset)?;
            }
            Ok(())
        }))
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a birth.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let d = &mut Decoder::new(bytes);
        let fields = d.array()?.filter(|n| (10..=11).contains(n)).ok_or(DecodeError::Malformed)?;
        version(d)?;
        let mut birth = Self {
            node: NodeId::new(d.str()?).map_err(|_| DecodeError::Value("node name"))?,
            software: text(d, "bytes of software name")?,
            config_digest: d
                .bytes()?
                .try_into()
                .map_err(|_| DecodeError::Value("configuration digest"))?,
            spool: SpoolId(d.u64()?),
            held_from: Seq(d.u64()?),
            clock: take_clock(d)?,
            boot: d.u32()?,
            uptime_offset: nullable(d, |d| Ok(d.i64()?))?,
            earlier: Vec::new(),
            channels: take_channels(d)?,
        };
        if fields == 11 {
            birth.earlier = take_earlier(d)?;
        }
        finish(d)?;
        if birth.unique() { Ok(birth) } else { Err(DecodeError::Value("channel number or name")) }
    }
}

fn take_earlier(d: &mut Decoder<'_>) -> Result<Vec<(u32, i64)>, DecodeError> {
    let n = open_list(d, MAX_EARLIER_BOOTS, "earlier boots")?;
    let mut earlier = Vec::with_capacity(n);
    for _ in 0..n {
        open_array(d, 2)?;
        earlier.push((d.u32()?, d.i64()?));
    }
    Ok(earlier)
}

fn take_channels(d: &mut Decoder<'_>) -> Result<Vec<ChannelInfo>, DecodeError> {
    let n = open_list(d, MAX_CHANNELS, "channels")?;
    let mut channels = Vec::with_capacity(n);
    for _ in 0..n {
        open_array(d, 7)?;
        channels.push(ChannelInfo {
            number: ChannelNumber(d.u16()?),
            name: ChannelName::new(d.str()?).map_err(|_| DecodeError::Value("channel name"))?,
            quantity: Quantity::from_number(d.u8()?).ok_or(DecodeError::Value("quantity"))?,
            resolution: d.u32()?,
            sensor: text(d, "bytes of sensor name")?,
            position: text(d, "bytes of position")?,
            calibration: text(d, "bytes of calibration")?,
        });
    }
    Ok(channels)
}

/// Writes a clock state: 1 RTC, 2 NTP, or `[0, boot]` for a clock that was never set.
pub(crate) fn put_clock(
    e: &mut Encoder<Put>,
    clock: ClockState,
) -> Result<(), minicbor::encode::Error<core::convert::Infallible>> {
    match clock {
        ClockState::Unsynchronised { boot } => e.array(2)?.u8(0)?.u32(boot)?,
        ClockState::Rtc => e.u8(1)?,
        ClockState::Ntp => e.u8(2)?,
    };
    Ok(())
}

/// Reads what [`put_clock`] wrote.
pub(crate) fn take_clock(d: &mut Decoder<'_>) -> Result<ClockState, DecodeError> {
    if d.datatype()? == minicbor::data::Type::Array {
        open_array(d, 2)?;
        return match d.u8()? {
            0 => Ok(ClockState::Unsynchronised { boot: d.u32()? }),
            _ => Err(DecodeError::Value("clock state")),
        };
    }
    match d.u8()? {
        1 => Ok(ClockState::Rtc),
        2 => Ok(ClockState::Ntp),
        _ => Err(DecodeError::Value("clock state")),
    }
}
