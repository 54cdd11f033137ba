//! Messages of a node, as `tram-edge` would write them.

use std::time::{SystemTime, UNIX_EPOCH};

use tram_wire::{
    Batch, BatchHeader, Birth, ChannelInfo, ChannelName, ChannelNumber, ClockState, Column, Health,
    NodeId, Point, Quality, Quantity, Seq, SpoolId, Status, StatusState, Text, UnixMicros,
};

/// The system's time.
#[expect(clippy::disallowed_methods, reason = "a test is a program of its own")]
pub(crate) fn now() -> UnixMicros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    UnixMicros(i64::try_from(since.as_micros()).expect("before 294247"))
}

/// A node with one channel, `water_level`, and one spool.
pub(crate) struct Station {
    /// Its name.
    pub(crate) node: NodeId,
    /// Its spool.
    pub(crate) spool: SpoolId,
}

impl Station {
    pub(crate) fn new(node: &str, spool: u64) -> Self {
        Self { node: NodeId::new(node).unwrap(), spool: SpoolId(spool) }
    }

    /// One of its topics.
    pub(crate) fn topic(&self, level: &str) -> String {
        format!("tram/v1/{}/{level}", self.node)
    }

    /// It is connected, and how it is.
    pub(crate) fn status(&self, health: Health) -> Vec<u8> {
        let (state, boot) = (StatusState::Online, 1);
        Status { state, boot, health: Some(health) }.encode()
    }

    /// Its birth.
    pub(crate) fn birth(&self) -> Vec<u8> {
        self.birth_from(0)
    }

    /// Its birth when it holds what it has from this number on.
    pub(crate) fn birth_from(&self, held_from: u64) -> Vec<u8> {
        let birth = Birth {
            node: self.node,
            software: Text::new("test 0").unwrap(),
            config_digest: [0; 8],
            spool: self.spool,
            held_from: Seq(held_from),
            clock: ClockState::Ntp,
            boot: 1,
            uptime_offset: None,
            earlier: Vec::new(),
            channels: vec![ChannelInfo {
                number: ChannelNumber(0),
                name: ChannelName::new("water_level").unwrap(),
                quantity: Quantity::WaterLevel,
                resolution: 1,
                sensor: Text::new("test").unwrap(),
                position: Text::new("").unwrap(),
                calibration: Text::new("").unwrap(),
            }],
        };
        birth.encode().unwrap()
    }

    /// A batch of good readings.
    pub(crate) fn batch(&self, seq: u64, readings: &[(UnixMicros, i64)]) -> Vec<u8> {
        self.batch_of(ChannelNumber(0), Quantity::WaterLevel, seq, readings)
    }

    /// A batch of a channel that may not be there.
    pub(crate) fn batch_of(
        &self,
        channel: ChannelNumber,
        quantity: Quantity,
        seq: u64,
        readings: &[(UnixMicros, i64)],
    ) -> Vec<u8> {
        let mut column = Column::new(channel, quantity);
        for (time, value) in readings {
            column.push(Point { micros: time.0, value: Some(*value), quality: Quality::GOOD });
        }
        let header = BatchHeader { spool: self.spool, seq: Seq(seq), clock: ClockState::Ntp };
        Batch { header, columns: vec![column], losses: Vec::new() }.encode().unwrap()
    }
}
